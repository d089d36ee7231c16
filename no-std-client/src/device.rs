//! Who a device is and what it runs: the inputs of an update cycle that do not come from the repository.

use crate::failure::Failure;
use arrayvec::ArrayVec;
use tuffet_boot::{BootRecords, Placed, Slot};
use tuffet_release::{Failed, Id, Profile, Seed};
use tuffet_tuf::Limits;

/// Who the device is, fixed in the factory, and the limits that its memory sets.
pub struct Device {
    /// The product id.
    pub product: Id,
    /// The hardware id.
    pub hardware: Id,
    /// The release channel.
    pub channel: Id,
    /// The component that this updater installs.
    pub component: Id,
    /// The largest image a slot can hold, in bytes.
    pub slot_bytes: u32,
    /// The rollout seed: drawn on the device, never sent.
    pub seed: Seed,
    /// The limits on what is read from the repository.
    pub limits: Limits,
    /// Where the slots lie, A and B, if images are linked for one of them; `None`: any image runs from both.
    pub slot_addresses: Option<[u32; 2]>,
    /// What it can do with a download.
    pub intake: Intake,
    /// Most bytes of image files and patches that one installation may download; `None`: there is no limit.
    pub data_budget_bytes: Option<u32>,
}

/// What a device can do with a download.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It keeps a whole file beside its slots: the file is hashed before it is opened. It takes full images as packed
    /// files, and patches of [`Profile::Large`].
    Kept,
    /// It has no room for a file: it decodes patches of this profile while they come, and authenticates each block before it
    /// decodes it. A full image is a patch from nothing.
    Streamed(Profile),
}

impl Intake {
    /// The patches that its decoder takes.
    #[must_use]
    pub const fn profile(self) -> Profile {
        match self {
            Self::Kept => Profile::Large,
            Self::Streamed(profile) => profile,
        }
    }
}

impl Device {
    /// Where a slot lies, if that matters.
    #[must_use]
    pub fn address(&self, slot: Slot) -> Option<u32> {
        let [a, b] = self.slot_addresses?;
        Some(match slot {
            Slot::A => a,
            Slot::B => b,
        })
    }
}

/// What the patch core calls a profile. The two cores do not know each other; this is the one place where the words meet.
#[must_use]
pub const fn decoder_profile(profile: Profile) -> tuffet_patch::Profile {
    match profile {
        Profile::Large => tuffet_patch::Profile::Large,
        Profile::Small => tuffet_patch::Profile::Small,
        Profile::Standard => tuffet_patch::Profile::Standard,
    }
}

/// What the boot record said when the cycle began.
#[derive(Clone, Debug)]
pub struct Running {
    confirmed: Option<Placed>,
    spare: Slot,
    counter: u32,
    failed: ArrayVec<Failed, { tuffet_boot::FAILED_MAX }>,
}

impl Running {
    /// A device in the factory: nothing runs yet, the first image goes to slot A.
    pub const FACTORY: Self = Self::factory();

    /// The same, field by field: the constant would stand in flash.
    pub(crate) const fn factory() -> Self {
        Self {
            confirmed: None,
            spare: Slot::A,
            counter: 0,
            failed: ArrayVec::new_const(),
        }
    }

    /// What a boot record says. While a trial is open there is no update: its verdict comes first.
    pub fn of<F: embedded_storage::nor_flash::NorFlash>(records: &BootRecords<F>) -> Result<Self, Failure> {
        let mut running = Self::factory();
        running.read(records)?;
        Ok(running)
    }

    /// The same in place.
    pub(crate) fn read<F: embedded_storage::nor_flash::NorFlash>(
        &mut self,
        records: &BootRecords<F>,
    ) -> Result<(), Failure> {
        let confirmed = match records.confirmed() {
            Some(_) if records.is_on_trial() => return Err(Failure::TrialOpen),
            Some(confirmed) => confirmed,
            None if records.is_erased() => return Err(Failure::NotProvisioned),
            None => return Err(Failure::BootRecordDamaged),
        };
        self.spare = confirmed.slot.other();
        self.confirmed = Some(*confirmed);
        self.counter = records.counter();
        self.failed.clear();
        for known in records.failed() {
            // As many as fit: the record remembers no more than that.
            let failed = Failed {
                digest: known.digest,
                attempt: known.attempt,
            };
            if self.failed.try_push(failed).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The confirmed image; `None` in the factory.
    #[must_use]
    pub const fn confirmed(&self) -> Option<&Placed> {
        self.confirmed.as_ref()
    }

    /// The slot that an update may use.
    #[must_use]
    pub const fn spare(&self) -> Slot {
        self.spare
    }

    /// The lowest security version that may still run.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }

    /// The digests whose trial failed, oldest first.
    #[must_use]
    pub fn failed(&self) -> &[Failed] {
        &self.failed
    }
}
