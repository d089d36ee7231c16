//! What the records say, taken together.
//!
//! [`Book::apply`] is the one place where a record changes anything: it is used for a record read back and for a record
//! just written, so what the device does now and what it does after a reset cannot differ.

use crate::{BadRecord, Digest, Image, Placed, Slot, record::Entry};

/// How many failed digests are remembered.
pub const FAILED_MAX: usize = 4;

/// What the device has.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// One image is confirmed, no trial is open.
    Confirmed {
        /// The image to run.
        confirmed: Placed,
        /// What the other slot holds.
        other: Other,
    },
    /// The flash holds something, but no complete page of records: not a new device, and nothing to believe.
    Damaged,
    /// An image in the other slot is to be tried.
    Trial {
        /// The image to revert to.
        confirmed: Placed,
        /// The image to try.
        trial: Trial,
    },
    /// The flash is erased: a device that was never provisioned.
    Unprovisioned,
}

/// What the slot beside the confirmed one holds.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Other {
    /// Nothing that may run.
    Nothing,
    /// The image that was confirmed before.
    Previous(Image),
}

/// An open trial.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// The image on trial.
    pub placed: Placed,
    /// Which attempt of the release this is.
    pub attempt: u32,
    /// Boots granted.
    pub attempts: u8,
    /// Boots not yet used.
    pub attempts_left: u8,
}

/// A trial that ended badly.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// Digest of the image.
    pub digest: Digest,
    /// Attempt of the release that failed.
    pub attempt: u32,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Book {
    pub(crate) counter: u32,
    pub(crate) failures: Failures,
    pub(crate) slots: Option<Slots>,
}

/// The two slots of a provisioned device.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Slots {
    pub(crate) confirmed: Placed,
    pub(crate) beside: Beside,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    Nothing,
    Previous(Image),
    Trial(Trial),
}

impl Book {
    /// How many entries say everything: previous, confirmed, the failed digests, a trial.
    pub(crate) const CARRIED_MAX: usize = 7;

    /// The book of a device that leaves the factory.
    pub(crate) fn provisioned(factory: Placed, counter: u32) -> Self {
        Self {
            counter: counter.max(factory.image.security_version),
            slots: Some(Slots {
                confirmed: factory,
                beside: Beside::Nothing,
            }),
            ..Self::default()
        }
    }

    /// The counter as it is with `entry`.
    pub(crate) fn counter_with(&self, entry: &Entry) -> u32 {
        match entry {
            Entry::Confirmed(placed) => self.counter.max(placed.image.security_version),
            Entry::Attempt(_)
            | Entry::Empty(_)
            | Entry::Failed(_)
            | Entry::Header
            | Entry::Lost(_)
            | Entry::Trial(_) => self.counter,
        }
    }

    /// Takes in what the next record says.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<(), BadRecord> {
        self.counter = self.counter_with(entry);
        match *entry {
            Entry::Attempt(trial) => self.count(trial),
            Entry::Confirmed(placed) => {
                self.confirm(placed);
                Ok(())
            }
            Entry::Empty(slot) => self.set_beside(slot, Beside::Nothing),
            Entry::Failed(failed) => {
                self.fail(failed);
                Ok(())
            }
            Entry::Header => Ok(()),
            Entry::Lost(slot) => self.fall_back(slot),
            Entry::Trial(trial) => self.set_beside(trial.placed.slot, Beside::Trial(trial)),
        }
    }

    /// The image to run instead of a confirmed one that is damaged, if there is one and the counter allows it.
    pub(crate) fn fallback(&self) -> Option<Placed> {
        let slots = self.slots?;
        match slots.beside {
            Beside::Previous(image) if image.security_version >= self.counter => Some(Placed {
                slot: slots.confirmed.slot.other(),
                image,
            }),
            Beside::Nothing | Beside::Previous(_) | Beside::Trial(_) => None,
        }
    }

    /// What a fresh page must say so that reading it gives this book again, one after another: previous, confirmed, the failed
    /// digests, a trial.
    pub(crate) fn carried(&self, place: usize) -> Option<Entry> {
        if let Some(place) = place.checked_sub(2)
            && place < FAILED_MAX
        {
            return self.failures.as_slice().get(place).copied().map(Entry::Failed);
        }
        let Slots { confirmed, beside } = self.slots.as_ref()?;
        match (place, beside) {
            (0, Beside::Previous(image)) => Some(Entry::Confirmed(Placed {
                slot: confirmed.slot.other(),
                image: *image,
            })),
            (1, _) => Some(Entry::Confirmed(*confirmed)),
            (_, Beside::Trial(trial)) if place > 1 => Some(Entry::Trial(*trial)),
            (_, _) => None,
        }
    }

    fn confirm(&mut self, placed: Placed) {
        let beside = match self.slots {
            Some(slots) if slots.confirmed.slot != placed.slot => Beside::Previous(slots.confirmed.image),
            Some(_) | None => Beside::Nothing,
        };
        self.slots = Some(Slots {
            confirmed: placed,
            beside,
        });
    }

    fn set_beside(&mut self, slot: Slot, beside: Beside) -> Result<(), BadRecord> {
        match &mut self.slots {
            Some(slots) if slots.confirmed.slot != slot => {
                slots.beside = beside;
                Ok(())
            }
            Some(_) | None => Err(BadRecord::OutOfPlace),
        }
    }

    fn count(&mut self, counted: Trial) -> Result<(), BadRecord> {
        match &mut self.slots {
            Some(Slots {
                beside: Beside::Trial(open),
                ..
            }) if open.placed == counted.placed && counted.attempts_left < open.attempts_left => {
                *open = counted;
                Ok(())
            }
            Some(_) | None => Err(BadRecord::OutOfPlace),
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.failures.remember(failed);
        if let Some(slots) = &mut self.slots
            && let Beside::Trial(trial) = slots.beside
            && trial.placed.image.digest == failed.digest
        {
            slots.beside = Beside::Nothing;
        }
    }

    fn fall_back(&mut self, lost: Slot) -> Result<(), BadRecord> {
        match (self.fallback(), &mut self.slots) {
            (Some(fallback), Some(slots)) if slots.confirmed.slot == lost => {
                *slots = Slots {
                    confirmed: fallback,
                    beside: Beside::Nothing,
                };
                Ok(())
            }
            (Some(_) | None, Some(_) | None) => Err(BadRecord::OutOfPlace),
        }
    }
}

/// The failed digests, oldest first; a fifth one pushes the oldest out.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failures {
    entries: [Failed; FAILED_MAX],
    count: usize,
}

impl Default for Failures {
    fn default() -> Self {
        let nothing = Failed {
            digest: [0; 32],
            attempt: 0,
        };
        Self {
            entries: [nothing; FAILED_MAX],
            count: 0,
        }
    }
}

impl Failures {
    pub(crate) fn as_slice(&self) -> &[Failed] {
        self.entries.get(..self.count).unwrap_or(&self.entries)
    }

    /// The attempt with which this digest failed.
    pub(crate) fn attempt_of(&self, digest: &Digest) -> Option<u32> {
        let known = self.as_slice().iter().find(|failed| failed.digest == *digest);
        known.map(|failed| failed.attempt)
    }

    /// A digest stands in the list once, with the highest attempt, at the place of its last failure.
    fn remember(&mut self, failed: Failed) {
        let attempt = self
            .attempt_of(&failed.digest)
            .map_or(failed.attempt, |known| known.max(failed.attempt));
        let known = self.as_slice().iter().position(|known| known.digest == failed.digest);
        // Where there is no room, the oldest one goes.
        let gone = known.or((self.count == FAILED_MAX).then_some(0));
        if let Some(gone) = gone {
            // One after another: a copy of overlapping memory is a kilobyte of code that nothing else needs.
            let mut behind = self.entries.get_mut(gone..).unwrap_or_default();
            while let [place, others @ ..] = behind {
                if let [next, ..] = others {
                    *place = *next;
                }
                behind = others;
            }
            self.count = self.count.saturating_sub(1);
        }
        if let Some(place) = self.entries.get_mut(self.count) {
            *place = Failed { attempt, ..failed };
            self.count = self.count.saturating_add(1);
        }
    }
}
