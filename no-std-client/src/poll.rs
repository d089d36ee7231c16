//! When to ask the repository, and how much.
//!
//! - A *peek* is one conditional request for `timestamp.json`. "Not modified" ends it; it is not an update cycle and
//!   extends nothing.
//! - A *full cycle* starts after a restart, when a peek brought something new, when the stored timestamp is close to its
//!   expiry, and when the last one is a day old.
//! - Fleets must not come in step: every wait carries jitter, failures back off exponentially, and a server's
//!   `Retry-After` is obeyed, up to a day, so that no server can silence a device for ever.
//! - There is no clock and no randomness here: both are arguments. The timer is the caller's.
//!
//! ```
//! use tuffet_no_std_client::poll::{AfterPeek, Peeked, Poll, Schedule, Task};
//! use tuffet_wire::UnixSeconds;
//!
//! let now = UnixSeconds::new(1_800_000_000);
//! let expires = Some(UnixSeconds::new(1_800_000_000 + 3 * 86_400));
//! let mut poll = Poll::after_restart(Schedule::DEFAULT, now);
//! assert_eq!(poll.task(now, expires), Task::Cycle);
//! poll.cycled(now, 0);
//! assert!(poll.due_at() > now);
//! let later = poll.due_at();
//! assert_eq!(poll.task(later, expires), Task::Peek);
//! assert_eq!(Poll::after(Peeked::Unchanged), AfterPeek::DecideAgain);
//! poll.decided(later, 0); // It went well; else `failed`.
//! assert!(poll.due_at() > later);
//! ```

use tuffet_wire::UnixSeconds;

/// How often to ask. All values are seconds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Seconds between two peeks, before jitter.
    pub interval_s: u32,
    /// Seconds after which a full cycle runs even if every peek said "not modified".
    pub cycle_interval_s: u32,
    /// A full cycle runs when the stored timestamp has fewer seconds than this to live.
    pub expiry_margin_s: u32,
    /// The first wait after a failure, in seconds; it doubles with each further one.
    pub backoff_first_s: u32,
    /// The longest wait after failures, and the longest `Retry-After` that is obeyed, in seconds.
    pub backoff_max_s: u32,
}

impl Schedule {
    /// A peek an hour, a full cycle a day.
    pub const DEFAULT: Self = Self {
        interval_s: 3_600,
        cycle_interval_s: 86_400,
        expiry_margin_s: 43_200,
        backoff_first_s: 60,
        backoff_max_s: 86_400,
    };
}

/// What is to be done once [`Poll::due_at`] has come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// One conditional request for `timestamp.json`.
    Peek,
    /// A whole update cycle, root first.
    Cycle,
}

/// What the repository said to a peek.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// A timestamp other than the stored one (its content is not used: the cycle fetches it in its turn).
    Changed,
    /// Not modified.
    Unchanged,
}

/// What follows a peek.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AfterPeek {
    /// Run a whole update cycle now.
    Cycle,
    /// Run the decision again on what is stored: a wave or a window may have opened.
    DecideAgain,
}

/// The poll schedule of one device.
#[derive(Copy, Clone, Debug)]
pub struct Poll {
    schedule: Schedule,
    due_at: UnixSeconds,
    last_cycle: Option<UnixSeconds>,
    failures: u8,
}

impl Poll {
    /// The schedule after a restart: a full cycle is due at once.
    #[must_use]
    pub const fn after_restart(schedule: Schedule, now: UnixSeconds) -> Self {
        Self {
            schedule,
            due_at: now,
            last_cycle: None,
            failures: 0,
        }
    }

    /// When the next task is due.
    #[must_use]
    pub const fn due_at(&self) -> UnixSeconds {
        self.due_at
    }

    /// Which task is due, given when the stored timestamp expires (`None`: there is none).
    #[must_use]
    pub fn task(&self, now: UnixSeconds, timestamp_expires: Option<UnixSeconds>) -> Task {
        let Some(last_cycle) = self.last_cycle else {
            return Task::Cycle;
        };
        let Some(expires) = timestamp_expires else {
            return Task::Cycle;
        };
        // A clock that was set back makes the last cycle lie in the future; its age is then unknown, hence "old".
        let age_s = now.as_secs().checked_sub(last_cycle.as_secs());
        let is_old = age_s.is_none_or(|age| age >= u64::from(self.schedule.cycle_interval_s));
        let left_s = expires.as_secs().saturating_sub(now.as_secs());
        if is_old || left_s < u64::from(self.schedule.expiry_margin_s) {
            Task::Cycle
        } else {
            Task::Peek
        }
    }

    /// What follows the answer to a peek. The schedule moves on when that has ended, well or badly: an answer alone does not
    /// make up for a failure.
    #[must_use]
    pub const fn after(answer: Peeked) -> AfterPeek {
        match answer {
            Peeked::Changed => AfterPeek::Cycle,
            Peeked::Unchanged => AfterPeek::DecideAgain,
        }
    }

    /// Notes that a decision was made again, and carried out if it had to be. `random` is any uniformly drawn number.
    pub fn decided(&mut self, now: UnixSeconds, random: u32) {
        self.rest(now, random);
    }

    /// Notes a full cycle that came to its end (also one that found nothing to install).
    pub fn cycled(&mut self, now: UnixSeconds, random: u32) {
        self.last_cycle = Some(now);
        self.rest(now, random);
    }

    /// Notes a peek or cycle that failed. `retry_after_s` is what the server asked for, if it did.
    pub fn failed(&mut self, now: UnixSeconds, retry_after_s: Option<u32>, random: u32) {
        let doubled = self
            .schedule
            .backoff_first_s
            .saturating_mul(1_u32.checked_shl(u32::from(self.failures)).unwrap_or(u32::MAX));
        let longest = self.schedule.backoff_max_s;
        let backoff_s = doubled.min(longest);
        self.failures = self.failures.saturating_add(1).min(31);
        let asked_s = retry_after_s.unwrap_or(0).min(longest);
        let wait_s = half_to_whole(backoff_s, random).max(asked_s.saturating_add(share(asked_s / 8, random)));
        self.due_at = now.saturating_add(u64::from(wait_s));
    }

    fn rest(&mut self, now: UnixSeconds, random: u32) {
        self.failures = 0;
        let interval_s = self.schedule.interval_s;
        // Seven to nine eighths of the interval: the mean stays, the fleet spreads.
        let wait_s = (interval_s / 8)
            .saturating_mul(7)
            .saturating_add(share(interval_s / 4, random))
            .max(1);
        self.due_at = now.saturating_add(u64::from(wait_s));
    }
}

/// A uniform share of `whole`, from a uniform `random`.
fn share(whole: u32, random: u32) -> u32 {
    let product = u64::from(whole).saturating_mul(u64::from(random));
    u32::try_from(product >> 32).unwrap_or(whole)
}

fn half_to_whole(whole: u32, random: u32) -> u32 {
    let half = whole / 2;
    half.saturating_add(share(whole.saturating_sub(half), random)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);
    const FAR: Option<UnixSeconds> = Some(UnixSeconds::new(1_800_000_000 + 10 * 86_400));

    fn at(seconds: u64) -> UnixSeconds {
        NOW.saturating_add(seconds)
    }

    fn rested() -> Poll {
        let mut poll = Poll::after_restart(Schedule::DEFAULT, NOW);
        poll.cycled(NOW, 0);
        poll
    }

    #[test]
    fn restart_starts_a_cycle() {
        let poll = Poll::after_restart(Schedule::DEFAULT, NOW);
        assert_eq!(poll.due_at(), NOW);
        assert_eq!(poll.task(NOW, FAR), Task::Cycle);
    }

    #[test]
    fn a_fresh_store_needs_only_a_peek() {
        assert_eq!(rested().task(at(3_600), FAR), Task::Peek);
    }

    #[test]
    fn near_expiry_old_age_missing_timestamp_and_a_clock_set_back_start_a_cycle() {
        let poll = rested();
        assert_eq!(poll.task(at(10), Some(at(10 + 43_199))), Task::Cycle);
        assert_eq!(poll.task(at(10), Some(at(10 + 43_200))), Task::Peek);
        assert_eq!(poll.task(at(86_399), FAR), Task::Peek);
        assert_eq!(poll.task(at(86_400), FAR), Task::Cycle);
        assert_eq!(poll.task(at(10), None), Task::Cycle);
        assert_eq!(poll.task(UnixSeconds::new(1_799_999_999), FAR), Task::Cycle);
    }

    #[test]
    fn jitter_stays_within_an_eighth_of_the_interval() {
        for random in [0, 1, u32::MAX / 2, u32::MAX] {
            let mut poll = rested();
            assert_eq!(Poll::after(Peeked::Unchanged), AfterPeek::DecideAgain);
            poll.decided(NOW, random);
            let wait = poll.due_at().as_secs() - NOW.as_secs();
            assert!((3_150..=4_050).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn failures_back_off_to_a_day_and_success_forgets_them() {
        let mut poll = rested();
        let mut last = 0;
        for _ in 0..40 {
            poll.failed(NOW, None, u32::MAX);
            let wait = poll.due_at().as_secs() - NOW.as_secs();
            assert!(wait >= last && wait <= 86_400, "{wait} after {last}");
            last = wait;
        }
        assert!(last > 86_000);
        poll.cycled(NOW, 0);
        poll.failed(NOW, None, 0);
        assert_eq!(poll.due_at(), at(30));
    }

    #[test]
    fn retry_after_is_obeyed_up_to_a_day() {
        let mut poll = rested();
        poll.failed(NOW, Some(7_200), 0);
        assert!(poll.due_at() >= at(7_200));
        poll.failed(NOW, Some(u32::MAX), 0);
        assert!(poll.due_at() <= at(86_400 + 86_400 / 8));
    }

    #[test]
    fn an_answer_alone_leaves_the_schedule_and_the_failures() {
        assert_eq!(Poll::after(Peeked::Changed), AfterPeek::Cycle);
        let mut poll = rested();
        let mut waits = [0, 1, 2].map(|_| {
            // Every peek says "not modified", and what is then tried fails.
            assert_eq!(Poll::after(Peeked::Unchanged), AfterPeek::DecideAgain);
            poll.failed(NOW, None, u32::MAX);
            poll.due_at().as_secs() - NOW.as_secs()
        });
        assert!(waits.is_sorted() && waits[0] < waits[2], "{waits:?}");
        poll.decided(NOW, 0);
        poll.failed(NOW, None, u32::MAX);
        waits[1] = poll.due_at().as_secs() - NOW.as_secs();
        assert_eq!(waits[1], waits[0], "what went well makes up for it");
    }
}
