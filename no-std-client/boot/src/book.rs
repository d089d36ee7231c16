//! What the records say, taken together.
//!
//! [`Book::apply`] is the one place where a record changes anything: it is used for a record read back and for a record
//! just written, so what the device does now and what it does after a reset cannot differ.

use crate::{BadRecord, Digest, Image, Placed, Slot, record::Kind};

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
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
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

impl Trial {
    /// Nothing but a slot, for what says no more.
    pub(crate) const fn of_slot(slot: Slot) -> Self {
        Self::of(Placed {
            slot,
            image: Image {
                digest: [0; 32],
                length: 0,
                security_version: 0,
            },
        })
    }

    /// Nothing but an image in its slot.
    pub(crate) const fn of(placed: Placed) -> Self {
        Self {
            placed,
            attempt: 0,
            attempts: 0,
            attempts_left: 0,
        }
    }
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
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
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

    /// The counter as it is with a record of this kind.
    pub(crate) fn counter_with(&self, kind: Kind, said: &Trial) -> u32 {
        match kind {
            Kind::Confirmed => self.counter.max(said.placed.image.security_version),
            Kind::Attempt | Kind::Empty | Kind::Failed | Kind::Header | Kind::Lost | Kind::Trial => self.counter,
        }
    }

    /// Takes in what the next record says.
    pub(crate) fn apply(&mut self, kind: Kind, said: &Trial) -> Result<(), BadRecord> {
        self.counter = self.counter_with(kind, said);
        let slot = said.placed.slot;
        match kind {
            Kind::Attempt => self.count(said),
            Kind::Confirmed => {
                self.confirm(&said.placed);
                Ok(())
            }
            Kind::Empty => self.set_beside(slot, Beside::Nothing),
            Kind::Failed => {
                self.fail(said);
                Ok(())
            }
            Kind::Header => Ok(()),
            Kind::Lost => self.fall_back(slot),
            Kind::Trial => self.set_beside(slot, Beside::Trial(*said)),
        }
    }

    /// The image to run instead of a confirmed one that is damaged, if there is one and the counter allows it.
    pub(crate) fn fallback(&self) -> Option<Placed> {
        let slots = self.slots.as_ref()?;
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
    #[inline(never)]
    pub(crate) fn carried(&self, place: usize, said: &mut Trial) -> Option<Kind> {
        if let Some(place) = place.checked_sub(2)
            && place < FAILED_MAX
        {
            let failed = self.failures.as_slice().get(place)?;
            (said.placed.image.digest, said.attempt) = (failed.digest, failed.attempt);
            return Some(Kind::Failed);
        }
        let Slots { confirmed, beside } = self.slots.as_ref()?;
        match (place, beside) {
            (0, Beside::Previous(image)) => {
                said.placed.slot = confirmed.slot.other();
                said.placed.image = *image;
                Some(Kind::Confirmed)
            }
            (1, _) => {
                said.placed = *confirmed;
                Some(Kind::Confirmed)
            }
            (_, Beside::Trial(trial)) if place > 1 => {
                *said = *trial;
                Some(Kind::Trial)
            }
            (_, _) => None,
        }
    }

    fn confirm(&mut self, placed: &Placed) {
        match &mut self.slots {
            Some(Slots { confirmed, beside }) if confirmed.slot != placed.slot => {
                *beside = Beside::Previous(confirmed.image);
                *confirmed = *placed;
            }
            slots => {
                *slots = Some(Slots {
                    confirmed: *placed,
                    beside: Beside::Nothing,
                });
            }
        }
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

    fn count(&mut self, counted: &Trial) -> Result<(), BadRecord> {
        match &mut self.slots {
            Some(Slots {
                beside: Beside::Trial(open),
                ..
            }) if open.placed == counted.placed && counted.attempts_left < open.attempts_left => {
                *open = *counted;
                Ok(())
            }
            Some(_) | None => Err(BadRecord::OutOfPlace),
        }
    }

    fn fail(&mut self, failed: &Trial) {
        let digest = &failed.placed.image.digest;
        self.failures.remember(digest, failed.attempt);
        if let Some(slots) = &mut self.slots
            && let Beside::Trial(trial) = &slots.beside
            && trial.placed.image.digest == *digest
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
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub(crate) struct Failures {
    count: usize,
    entries: [Failed; FAILED_MAX],
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
    fn remember(&mut self, digest: &Digest, attempt: u32) {
        let known = self.as_slice().iter().position(|known| known.digest == *digest);
        let before = known.and_then(|known| self.entries.get(known));
        let attempt = before.map_or(attempt, |before| before.attempt.max(attempt));
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
            (place.digest, place.attempt) = (*digest, attempt);
            self.count = self.count.saturating_add(1);
        }
    }
}
