//! What time it is: a timer since the start of the program, and the battery clock of the control block.

use crate::Control;
use core::cell::Cell;
use tuffet_program::Register;

/// A timer of the CMSDK, which counts down.
const TIMER: usize = 0x4000_0000;
// SAFETY: the registers of the first timer.
const CONTROL: Register = unsafe { Register::at(TIMER) };
// SAFETY: as above.
const VALUE: Register = unsafe { Register::at(TIMER + 0x04) };
// SAFETY: as above.
const RELOAD: Register = unsafe { Register::at(TIMER + 0x08) };

const ENABLE: u32 = 1;
const TICKS_PER_MICROSECOND: u32 = 25;
const MICROSECONDS_PER_SECOND: u32 = 1_000_000;

/// The clock. It has to be asked at least every two minutes: its timer has 32 bits.
///
/// It counts whole seconds and what is left of them: the processor divides 32 bits, and for 64 the compiler's library has a thousand
/// bytes.
pub struct Clock {
    control: Control,
    /// What the timer showed last, as ticks that went by.
    last: Cell<u32>,
    /// What went by since the start: seconds, microseconds of one more, and ticks of one more of those.
    seconds: Cell<u32>,
    microseconds: Cell<u32>,
    ticks: Cell<u32>,
    /// What the battery clock showed at the start; 0: there is none.
    began_at_s: u64,
}

impl Clock {
    /// Starts the timer.
    pub fn start(control: Control) -> Self {
        RELOAD.write(u32::MAX);
        VALUE.write(u32::MAX);
        CONTROL.write(ENABLE);
        Self {
            control,
            last: Cell::new(0),
            seconds: Cell::new(0),
            microseconds: Cell::new(0),
            ticks: Cell::new(0),
            began_at_s: control.seconds(),
        }
    }

    /// Microseconds since the start.
    pub fn uptime_us(&self) -> u64 {
        let shown = u32::MAX - VALUE.read();
        let more = shown.wrapping_sub(self.last.replace(shown));
        let ticks = self.ticks.get() + more % TICKS_PER_MICROSECOND;
        self.ticks.set(ticks % TICKS_PER_MICROSECOND);
        let microseconds = self.microseconds.get() + more / TICKS_PER_MICROSECOND + ticks / TICKS_PER_MICROSECOND;
        self.microseconds.set(microseconds % MICROSECONDS_PER_SECOND);
        if microseconds >= MICROSECONDS_PER_SECOND {
            self.seconds
                .set(self.seconds.get() + microseconds / MICROSECONDS_PER_SECOND);
            if let Some(now) = self.battery_s() {
                // The battery clock goes on through a reset; the timer does not.
                self.control.keep_seconds(now);
            }
        }
        u64::from(self.seconds.get()) * u64::from(MICROSECONDS_PER_SECOND) + u64::from(self.microseconds.get())
    }

    /// Whole seconds since the start.
    pub fn uptime_s(&self) -> u32 {
        self.uptime_us();
        self.seconds.get()
    }

    /// Seconds since 1970, if there is a clock that knows.
    pub fn seconds(&self) -> Option<u64> {
        self.uptime_us();
        self.battery_s()
    }

    fn battery_s(&self) -> Option<u64> {
        (self.began_at_s > 0).then(|| self.began_at_s + u64::from(self.seconds.get()))
    }
}
