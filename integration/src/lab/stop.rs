//! Ending early: a signal asks, and whoever waits looks.

use super::trouble::Trouble;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a wait looks.
pub const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whether somebody wants the run to end. All copies are one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Is asked by the signals with which people and supervisors end a program. The run then ends in its own time, and puts the
    /// power of the board on.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop.asked))?;
        }
        Ok(stop)
    }

    /// Asks the run to end.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Refuses to go on when somebody asked.
    ///
    /// # Errors
    ///
    /// When somebody asked.
    pub fn check(&self) -> Result<(), Trouble> {
        if self.asked.load(Ordering::SeqCst) {
            return Err(Trouble::Interrupted);
        }
        Ok(())
    }

    /// Waits this long.
    ///
    /// # Errors
    ///
    /// When somebody asks meanwhile.
    pub fn sleep(&self, time: Duration) -> Result<(), Trouble> {
        let until = Instant::now() + time;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}
