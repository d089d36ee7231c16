//! The operations. Each one is at most one record, so each one happens or does not.

use crate::{
    Digest, Error, Failed, Ignored, Other, Placed, Refusal, Slot, State, Trial, VerifiedImage,
    book::{Beside, Book, Slots},
    log::Log,
    record::Kind,
};
use embedded_storage::nor_flash::NorFlash;

/// Largest step of the counter. A stolen release key can spend no more of it than this with each confirmed image.
pub const SECURITY_VERSION_JUMP_MAX: u32 = 1_000;

/// What a bootloader does next.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Boot {
    /// Nothing may run.
    Recovery(Recovery),
    /// Hash the slot; if it is the pinned digest, run it, else ask [`BootRecords::mismatched`].
    Run(Run),
}

/// An image to run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The slot, and what must stand in it.
    pub placed: Placed,
    /// Why this one.
    pub why: Why,
}

/// Why an image is the one to run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is confirmed.
    Confirmed,
    /// The confirmed image was damaged; this is the one before it, now confirmed again.
    FellBack,
    /// A trial just ended badly; this is the confirmed image.
    Reverted {
        /// What failed.
        failed: Failed,
    },
    /// It is on trial, and this boot is already counted.
    Trial {
        /// Boots left after this one.
        attempts_left: u8,
    },
}

/// Why nothing may run.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Recovery {
    /// The newest believable record confirms an image that is too old: a newer record broke.
    BelowCounter {
        /// Lowest security version that may run.
        counter: u32,
        /// Security version of the image.
        security_version: u32,
    },
    /// The records are broken.
    Damaged,
    /// The confirmed image is damaged, and the other slot has none that may run.
    Mismatch {
        /// Slot of the confirmed image.
        slot: Slot,
    },
    /// The device was never provisioned.
    Unprovisioned,
}

/// The boot record of a device: two pages of flash and what they say.
#[derive(Debug)]
pub struct BootRecords<F> {
    log: Log<F>,
    book: Book,
    /// Both pages were erased when they were read.
    erased: bool,
    /// An operation stopped in the middle, so flash may say more than `book`.
    stale: bool,
}

impl<F: NorFlash> BootRecords<F> {
    /// Reads the records. All of `flash` is the log: two pages of half its capacity, each at least
    /// [`PAGE_BYTES_MIN`](crate::PAGE_BYTES_MIN) and a multiple of the erase unit. Nothing is written.
    pub fn open(flash: F) -> Result<Self, Error<F::Error>> {
        let log = Log::new(flash)?;
        let mut records = Self {
            log,
            book: Book::default(),
            erased: false,
            stale: true,
        };
        records.reread()?;
        Ok(records)
    }

    /// Gives the flash back.
    pub fn close(self) -> F {
        self.log.close()
    }

    /// What the device has, as last read or written. After an error of the flash the next operation reads it again.
    pub const fn state(&self) -> State {
        match self.book.slots {
            None if self.erased => State::Unprovisioned,
            None => State::Damaged,
            Some(Slots {
                confirmed,
                beside: Beside::Nothing,
            }) => State::Confirmed {
                confirmed,
                other: Other::Nothing,
            },
            Some(Slots {
                confirmed,
                beside: Beside::Previous(image),
            }) => State::Confirmed {
                confirmed,
                other: Other::Previous(image),
            },
            Some(Slots {
                confirmed,
                beside: Beside::Trial(trial),
            }) => State::Trial { confirmed, trial },
        }
    }

    /// The confirmed image, also while another one is on trial; nothing where [`state`](Self::state) has none.
    pub const fn confirmed(&self) -> Option<&Placed> {
        match &self.book.slots {
            Some(slots) => Some(&slots.confirmed),
            None => None,
        }
    }

    /// Whether an image is on trial.
    pub const fn is_on_trial(&self) -> bool {
        matches!(
            &self.book.slots,
            Some(Slots {
                beside: Beside::Trial(_),
                ..
            })
        )
    }

    /// Whether both pages were erased when they were read: with no confirmed image the device was never provisioned.
    pub const fn is_erased(&self) -> bool {
        self.erased
    }

    /// The lowest security version that may run.
    pub const fn counter(&self) -> u32 {
        self.book.counter
    }

    /// The last [`FAILED_MAX`](crate::FAILED_MAX) digests whose trial ended badly, oldest first.
    pub fn failed(&self) -> &[Failed] {
        self.book.failures.as_slice()
    }

    /// Shows every record that is not believed.
    pub fn ignored(&mut self, mut visit: impl FnMut(Ignored)) -> Result<(), Error<F::Error>> {
        self.log.ignored(&mut visit)
    }

    /// Makes the factory image the confirmed one, and its security version the counter. For devices without a confirmed image
    /// only; a counter that broken records still show is not lowered.
    pub fn provision(&mut self, factory: Placed) -> Result<(), Error<F::Error>> {
        self.reread()?;
        if self.book.slots.is_some() {
            return Err(Refusal::AlreadyProvisioned.into());
        }
        self.check_counter_floor(factory.image.security_version)?;
        let book = Book::provisioned(factory, self.book.counter);
        self.stale = true;
        self.log.rewrite(&book)?;
        self.reread()
    }

    /// Says that `slot` holds nothing. To be called before its first erase; if it holds nothing already, nothing is written.
    pub fn mark_empty(&mut self, slot: Slot) -> Result<(), Error<F::Error>> {
        self.reread()?;
        let Slots { confirmed, beside } = self.slots()?;
        if confirmed.slot == slot {
            return Err(Refusal::SlotInUse { slot }.into());
        }
        match beside {
            Beside::Nothing => Ok(()),
            Beside::Previous(_) => self.append(Kind::Empty, &Trial::of_slot(slot)),
            Beside::Trial(trial) => Err(Refusal::TrialOpen {
                slot: trial.placed.slot,
            }
            .into()),
        }
    }

    /// Whether the image may be tried at all: not failed before with this `attempt` or a later one, not below the counter,
    /// not too far above it. Good to know before anything is downloaded; [`Self::begin_trial`] asks the same.
    pub fn check(&self, digest: &Digest, security_version: u32, attempt: u32) -> Result<(), Refusal> {
        let counter = self.book.counter;
        if let Some(failed_attempt) = self.book.failures.attempt_of(digest)
            && attempt <= failed_attempt
        {
            return Err(Refusal::FailedBefore {
                failed_attempt,
                offered_attempt: attempt,
            });
        }
        self.check_counter_floor(security_version)?;
        if security_version.saturating_sub(counter) > SECURITY_VERSION_JUMP_MAX {
            return Err(Refusal::CounterJump {
                counter,
                offered: security_version,
                jump_max: SECURITY_VERSION_JUMP_MAX,
            });
        }
        Ok(())
    }

    /// Lets the image run up to `attempts` times without being confirmed. Its slot must have been marked empty.
    pub fn begin_trial(&mut self, image: VerifiedImage, attempts: u8) -> Result<(), Error<F::Error>> {
        self.reread()?;
        let Slots { confirmed, beside } = self.slots()?;
        let (placed, attempt) = (image.placed(), image.attempt());
        if attempts == 0 {
            return Err(Refusal::ZeroAttempts.into());
        }
        let slot = placed.slot;
        match beside {
            _ if confirmed.slot == slot => return Err(Refusal::SlotInUse { slot }.into()),
            Beside::Nothing => {}
            Beside::Previous(_) => return Err(Refusal::SlotNotEmpty { slot }.into()),
            Beside::Trial(_) => return Err(Refusal::TrialOpen { slot }.into()),
        }
        self.check(&placed.image.digest, placed.image.security_version, attempt)?;
        let trial = Trial {
            placed,
            attempt,
            attempts,
            attempts_left: attempts,
        };
        self.append(Kind::Trial, &trial)
    }

    /// What to run now. A boot of an image on trial is written down before this answers; a trial without attempts left ends here.
    pub fn boot(&mut self) -> Result<Boot, Error<F::Error>> {
        self.reread()?;
        match self.state() {
            State::Unprovisioned => Ok(Boot::Recovery(Recovery::Unprovisioned)),
            State::Damaged => Ok(Boot::Recovery(Recovery::Damaged)),
            State::Confirmed { confirmed, .. } => Ok(self.run(confirmed, Why::Confirmed)),
            State::Trial { trial, .. } => match trial.attempts_left.checked_sub(1) {
                None => self.end_trial(trial),
                Some(attempts_left) => {
                    self.append(Kind::Attempt, &Trial { attempts_left, ..trial })?;
                    Ok(self.run(trial.placed, Why::Trial { attempts_left }))
                }
            },
        }
    }

    /// The slot that the last answer named does not hold what the record pins. Answers what to run instead: after an image on
    /// trial the confirmed one; after the confirmed one the image before it, if the counter allows it; else nothing.
    pub fn mismatched(&mut self, slot: Slot) -> Result<Boot, Error<F::Error>> {
        self.reread()?;
        let Slots { confirmed, beside } = self.slots()?;
        if let Beside::Trial(trial) = *beside {
            return if trial.placed.slot == slot {
                self.end_trial(trial)
            } else {
                Err(Refusal::NotNamed { slot }.into())
            };
        }
        if confirmed.slot != slot {
            return Err(Refusal::NotNamed { slot }.into());
        }
        let Some(fallback) = self.book.fallback() else {
            // Not written down: the next reset hashes again, and a reading that was wrong once does not cost the device.
            return Ok(Boot::Recovery(Recovery::Mismatch { slot }));
        };
        self.append(Kind::Lost, &Trial::of_slot(slot))?;
        Ok(self.run(fallback, Why::FellBack))
    }

    /// The image on trial works: it becomes the confirmed one, and the counter rises to its security version, in one record.
    pub fn confirm(&mut self) -> Result<Placed, Error<F::Error>> {
        self.reread()?;
        let trial = *self.booted_trial()?;
        self.append(Kind::Confirmed, &trial)?;
        Ok(trial.placed)
    }

    /// The image on trial does not work: its digest is remembered, and the device is back at the confirmed image, which is the
    /// answer. In one record. An image that never ran cannot have failed. Whoever calls this from the image on trial resets next,
    /// and installs nothing before: its own slot is free from now on, and an installation would erase the program that runs.
    pub fn fail(&mut self) -> Result<Placed, Error<F::Error>> {
        self.reread()?;
        let confirmed = self.slots()?.confirmed;
        let trial = *self.booted_trial()?;
        self.append(Kind::Failed, &trial)?;
        Ok(confirmed)
    }

    fn end_trial(&mut self, trial: Trial) -> Result<Boot, Error<F::Error>> {
        let confirmed = self.fail()?;
        Ok(self.run(
            confirmed,
            Why::Reverted {
                failed: failure(&trial),
            },
        ))
    }

    fn run(&self, placed: Placed, why: Why) -> Boot {
        let (counter, security_version) = (self.book.counter, placed.image.security_version);
        if security_version < counter {
            return Boot::Recovery(Recovery::BelowCounter {
                counter,
                security_version,
            });
        }
        Boot::Run(Run { placed, why })
    }

    fn slots(&self) -> Result<&Slots, Refusal> {
        self.book.slots.as_ref().ok_or(Refusal::NotProvisioned)
    }

    fn trial(&self) -> Result<&Trial, Refusal> {
        match &self.slots()?.beside {
            Beside::Trial(trial) => Ok(trial),
            Beside::Nothing | Beside::Previous(_) => Err(Refusal::NoTrial),
        }
    }

    fn booted_trial(&self) -> Result<&Trial, Refusal> {
        let trial = self.trial()?;
        if trial.attempts_left == trial.attempts {
            return Err(Refusal::TrialNotBooted);
        }
        Ok(trial)
    }

    fn check_counter_floor(&self, offered: u32) -> Result<(), Refusal> {
        let counter = self.book.counter;
        if offered < counter {
            return Err(Refusal::BelowCounter { counter, offered });
        }
        Ok(())
    }

    fn append(&mut self, kind: Kind, said: &Trial) -> Result<(), Error<F::Error>> {
        self.stale = true;
        self.log.append(&self.book, kind, said)?;
        // Invariant: every caller has checked what `apply` asks, so what was just written is in its place.
        let applied = self.book.apply(kind, said);
        self.stale = applied.is_err();
        Ok(())
    }

    /// Reads flash again if an operation stopped in the middle.
    fn reread(&mut self) -> Result<(), Error<F::Error>> {
        if self.stale {
            self.erased = self.log.read(&mut self.book)?;
            self.stale = false;
        }
        Ok(())
    }
}

fn failure(trial: &Trial) -> Failed {
    Failed {
        digest: trial.placed.image.digest,
        attempt: trial.attempt,
    }
}
