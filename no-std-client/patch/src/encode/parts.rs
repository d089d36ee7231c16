//! Work that falls into parts, on all processors. What comes of it does not depend on how many there are.

use std::{
    num::NonZero,
    panic::resume_unwind,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
    vec::Vec,
};

/// Asked once: it reads files.
static PROCESSORS: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// What `work` makes of each part, in their order.
pub(crate) fn each<P, R: Send>(parts: impl ExactSizeIterator<Item = P> + Send, work: impl Fn(P) -> R + Sync) -> Vec<R> {
    let others = PROCESSORS.min(parts.len()).saturating_sub(1);
    let parts = Mutex::new(parts.enumerate());
    // Of a part that panics nothing comes, so the lock is as good as before.
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let some = || -> Vec<(usize, R)> {
        let mut done = Vec::new();
        while let Some((place, part)) = next() {
            done.push((place, work(part)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(some)).collect();
        let mut done = some();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Two things at once.
pub(crate) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

#[cfg(test)]
mod tests {
    use super::each;
    use std::{thread, time::Duration, vec::Vec};

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        let doubled: Vec<u32> = (0..100).map(|part| part * 2).collect();
        let work = |part| {
            // The others are done before it.
            if part == 0 {
                thread::sleep(Duration::from_millis(20));
            }
            part * 2
        };
        assert_eq!(each(0..100_u32, work), doubled);
        assert!(each(0..0_u32, |part| part).is_empty());
    }
}
