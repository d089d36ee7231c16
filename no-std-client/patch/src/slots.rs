//! The two slots, as a decoder sees them that knows nothing of their drivers.
//!
//! - A part with little flash has one copy of the decoder, whatever its drivers are: they are behind one reference.
//! - An error has many words, and passes many functions on its way out. So it waits in [`Drivers`], and functions hand on that
//!   there is one.

use crate::{Error, Geometry, Misuse, model::Origin};
use core::convert::Infallible;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// That decoding stopped: the slots know why.
#[must_use = "an error that is not handed on is no error"]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stopped(());

/// What decoding needs of the slots.
pub(crate) struct Needs {
    pub(crate) source_bytes: u32,
    pub(crate) result_bytes: u32,
    /// Everything in front of this was erased.
    pub(crate) erased_to: u32,
    /// Bytes that are read or written at once.
    pub(crate) buffer_bytes: usize,
    /// The same for guesses.
    pub(crate) guess_bytes: usize,
}

/// What is done with the slots.
pub(crate) trait Slots {
    /// Stops with this error.
    fn stop(&mut self, error: Error<Infallible, Infallible>) -> Stopped;

    /// Looks at their units and lengths.
    fn check(&mut self, needs: &Needs) -> Result<(), Stopped>;

    /// Fills the first `count` bytes of the buffer from `offset` on, and behind them what the read unit adds.
    fn read(&mut self, origin: Origin, offset: u32, buffer: &mut [u8], count: u32) -> Result<(), Stopped>;

    /// Writes the first `count` bytes of the buffer, and behind them what the write unit adds.
    fn write(&mut self, offset: u32, buffer: &[u8], count: u32) -> Result<(), Stopped>;

    /// The end of the erase unit in which this offset lies, or which ends there.
    fn erase_end(&self, offset: u32) -> Option<u32>;
}

/// The slots by their drivers, for one call of the decoder.
pub(crate) struct Drivers<'d, O: ReadNorFlash, N: NorFlash> {
    old: &'d mut O,
    new: &'d mut N,
    /// Why decoding stopped.
    error: Option<Error<O::Error, N::Error>>,
}

impl<'d, O: ReadNorFlash, N: NorFlash> Drivers<'d, O, N> {
    pub(crate) const fn new(old: &'d mut O, new: &'d mut N) -> Self {
        Self { old, new, error: None }
    }

    /// The outcome, with the error that waited.
    pub(crate) fn outcome<T>(self, outcome: Result<T, Stopped>) -> Result<T, Error<O::Error, N::Error>> {
        match (outcome, self.error) {
            (Ok(value), _) => Ok(value),
            (Err(Stopped(())), Some(error)) => Err(error),
            // Invariant: each `Stopped` was made with an error.
            (Err(Stopped(())), None) => Err(Error::Misuse(Misuse::NotRunning)),
        }
    }

    fn keep(&mut self, error: Error<O::Error, N::Error>) -> Stopped {
        self.error = Some(error);
        Stopped(())
    }

    /// What is wrong with them.
    fn fault(&self, needs: &Needs) -> Result<(), Geometry> {
        let reads = |unit| divides(unit, needs.buffer_bytes) && divides(unit, needs.guess_bytes);
        if !reads(N::READ_SIZE) || !divides(N::WRITE_SIZE, needs.buffer_bytes) || N::ERASE_SIZE == 0 {
            return Err(Geometry::NewUnits {
                read_bytes: N::READ_SIZE,
                write_bytes: N::WRITE_SIZE,
                erase_bytes: N::ERASE_SIZE,
            });
        }
        // A multiple of the erase unit at any time, unless it came with a checkpoint.
        if !usize::try_from(needs.erased_to).is_ok_and(|bytes| divides(N::ERASE_SIZE, bytes)) {
            return Err(Geometry::CheckpointNotErasable {
                position: needs.erased_to,
                erase_bytes: N::ERASE_SIZE,
            });
        }
        if !fits(needs.result_bytes, N::ERASE_SIZE, self.new.capacity()) {
            return Err(Geometry::ResultTooLong {
                result_bytes: needs.result_bytes,
                slot_bytes: self.new.capacity(),
            });
        }
        if needs.source_bytes == 0 {
            return Ok(());
        }
        if !reads(O::READ_SIZE) {
            return Err(Geometry::OldUnits {
                read_bytes: O::READ_SIZE,
            });
        }
        if !fits(needs.source_bytes, O::READ_SIZE, self.old.capacity()) {
            return Err(Geometry::SourceTooLong {
                source_bytes: needs.source_bytes,
                slot_bytes: self.old.capacity(),
            });
        }
        Ok(())
    }
}

impl<O: ReadNorFlash, N: NorFlash> Slots for Drivers<'_, O, N> {
    fn stop(&mut self, error: Error<Infallible, Infallible>) -> Stopped {
        self.keep(error.with_flash())
    }

    fn check(&mut self, needs: &Needs) -> Result<(), Stopped> {
        self.fault(needs).map_err(|geometry| self.keep(geometry.into()))
    }

    fn read(&mut self, origin: Origin, offset: u32, buffer: &mut [u8], count: u32) -> Result<(), Stopped> {
        // Invariant: the units divide the buffer (checked), so there are such pieces.
        let outcome = match origin {
            Origin::New => {
                let target = buffer.get_mut(..whole(count, N::READ_SIZE)).unwrap_or_default();
                self.new.read(offset, target).map_err(Error::New)
            }
            Origin::Old => {
                let target = buffer.get_mut(..whole(count, O::READ_SIZE)).unwrap_or_default();
                self.old.read(offset, target).map_err(Error::Old)
            }
        };
        outcome.map_err(|error| self.keep(error))
    }

    fn write(&mut self, offset: u32, buffer: &[u8], count: u32) -> Result<(), Stopped> {
        let bytes = buffer.get(..whole(count, N::WRITE_SIZE)).unwrap_or_default();
        let written = self.new.write(offset, bytes);
        written.map_err(|error| self.keep(Error::New(error)))
    }

    fn erase_end(&self, offset: u32) -> Option<u32> {
        let unit = u32::try_from(N::ERASE_SIZE).ok()?;
        offset.checked_next_multiple_of(unit)
    }
}

fn divides(unit: usize, bytes: usize) -> bool {
    unit != 0 && bytes.is_multiple_of(unit)
}

/// Whether so many bytes, rounded up to whole units, are no more than a slot has.
fn fits(bytes: u32, unit: usize, slot_bytes: usize) -> bool {
    let needed = usize::try_from(bytes).ok();
    let needed = needed.and_then(|bytes| bytes.checked_next_multiple_of(unit));
    needed.is_some_and(|bytes| bytes <= slot_bytes)
}

/// So many bytes, no more than a buffer has, rounded up to whole units.
fn whole(count: u32, unit: usize) -> usize {
    usize::try_from(count).unwrap_or(0).next_multiple_of(unit)
}
