//! Who a device is and what it runs: the inputs of an update cycle that do not come from the repository.

use crate::failure::Failure;
use arrayvec::ArrayVec;
use tuffet_boot::{BootRecords, Placed, Slot};
use tuffet_release::{Failed, Id, Seed};
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
    pub const FACTORY: Self = Self {
        confirmed: None,
        spare: Slot::A,
        counter: 0,
        failed: ArrayVec::new_const(),
    };

    /// What a boot record says. While a trial is open there is no update: its verdict comes first.
    pub fn of<F: embedded_storage::nor_flash::NorFlash>(records: &BootRecords<F>) -> Result<Self, Failure> {
        let confirmed = match records.state() {
            tuffet_boot::State::Confirmed { confirmed, .. } => confirmed,
            tuffet_boot::State::Trial { .. } => return Err(Failure::TrialOpen),
            tuffet_boot::State::Unprovisioned => return Err(Failure::NotProvisioned),
            tuffet_boot::State::Damaged => return Err(Failure::BootRecordDamaged),
        };
        // As many as fit: the record remembers no more than that.
        let failed = records
            .failed()
            .iter()
            .take(tuffet_boot::FAILED_MAX)
            .map(|known| Failed {
                digest: known.digest,
                attempt: known.attempt,
            })
            .collect();
        Ok(Self {
            confirmed: Some(confirmed),
            spare: confirmed.slot.other(),
            counter: records.counter(),
            failed,
        })
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
