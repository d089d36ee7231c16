//! Why an operation did not happen.

use crate::Slot;

/// Why an operation did not happen, grouped by who must act. `E` is the error of the flash driver.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The flash region does not fit the log: the firmware's flash map is wrong.
    Geometry(Geometry),
    /// The flash took a write or an erase without an error and reads back something else: the part is worn or failing.
    NotKept {
        /// Page of the log, 0 or 1.
        page: u8,
        /// Index of the record in the page.
        position: u32,
    },
    /// The request is against the rules; nothing was written.
    Refused(Refusal),
    /// Four thousand million records were written. No flash lives as long.
    SequenceExhausted,
    /// The flash driver failed. The records are read again before the next operation.
    Storage(E),
}

/// What a flash region for the log must be.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Geometry {
    /// Half of the region is not a whole number of erase units.
    PageNotErasable {
        /// Half of the region, in bytes.
        page_bytes: u32,
        /// Erase unit in bytes.
        erase_bytes: u32,
    },
    /// Half of the region cannot hold what compaction carries and an update beside it.
    PageTooSmall {
        /// Half of the region, in bytes.
        page_bytes: u32,
        /// Smallest page in bytes.
        page_bytes_min: u32,
    },
    /// The read unit does not divide a record.
    ReadUnit {
        /// Read unit in bytes.
        read_bytes: u32,
    },
    /// The region is longer than 32-bit offsets reach.
    TooLong,
    /// The write unit does not divide a record: records would share a unit, and a cut could break an old one.
    WriteUnit {
        /// Write unit in bytes.
        write_bytes: u32,
    },
}

/// A request that is against the rules.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The device has a confirmed image; provisioning is for devices without one.
    AlreadyProvisioned,
    /// The image is older than the counter allows.
    BelowCounter {
        /// Lowest security version that may run.
        counter: u32,
        /// Security version of the image.
        offered: u32,
    },
    /// The image would raise the counter too far at once: a stolen key could use it up.
    CounterJump {
        /// Lowest security version that may run.
        counter: u32,
        /// Security version of the image.
        offered: u32,
        /// Largest permitted difference.
        jump_max: u32,
    },
    /// This digest failed its trial here, and the release was not signed again with a higher attempt.
    FailedBefore {
        /// Attempt that failed.
        failed_attempt: u32,
        /// Attempt now offered.
        offered_attempt: u32,
    },
    /// No trial is open.
    NoTrial,
    /// The slot is not the one that the last answer of `boot` names.
    NotNamed {
        /// Slot of the request.
        slot: Slot,
    },
    /// There is no confirmed image.
    NotProvisioned,
    /// The slot holds the confirmed image.
    SlotInUse {
        /// Slot of the request.
        slot: Slot,
    },
    /// The slot was not marked empty, so nothing new can stand in it.
    SlotNotEmpty {
        /// Slot of the request.
        slot: Slot,
    },
    /// The image on trial never ran, so there is nothing to confirm, and it cannot have failed.
    TrialNotBooted,
    /// A trial is open; it must end first.
    TrialOpen {
        /// Slot of the image on trial.
        slot: Slot,
    },
    /// A trial of no boots.
    ZeroAttempts,
}

impl<E> From<Refusal> for Error<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
