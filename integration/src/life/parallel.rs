//! Many lives at once, and all that is wrong with any of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More findings than these nobody reads.
const FINDINGS_MAX: usize = 12;

/// What was found.
#[derive(Default)]
pub struct Findings {
    found: Mutex<Vec<String>>,
}

impl Findings {
    /// Runs one life; a panic of it is a finding about `place`, and the others still run.
    pub fn look<T>(&self, place: impl FnOnce() -> String, life: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(life)) {
            Ok(lived) => Some(lived),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let finding = format!("{}: {}", place(), text.unwrap_or_default());
                self.lock().push(finding);
                None
            }
        }
    }

    /// Runs a check of every item, on all processors, until there are too many findings.
    pub fn of_each<I: Sync>(items: &[I], check: impl Fn(&I, &Self) + Sync) -> Self {
        let (findings, next) = (Self::default(), AtomicUsize::new(0));
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if findings.lock().len() < FINDINGS_MAX {
                            check(item, &findings);
                        }
                    }
                });
            }
        });
        findings
    }

    /// Takes over what was found elsewhere.
    pub fn extend(&self, others: &Self) {
        let others = others.take();
        self.lock().extend(others);
    }

    /// What was found.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut found = std::mem::take(&mut *self.lock());
        found.truncate(FINDINGS_MAX);
        found
    }

    /// Fails with everything that was found.
    ///
    /// # Panics
    ///
    /// When anything was.
    pub fn assert_none(&self) {
        let mut found = self.lock();
        found.truncate(FINDINGS_MAX);
        assert!(found.is_empty(), "what must hold does not:\n{}", found.join("\n"));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
