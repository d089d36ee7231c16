//! What a device has at rest: all that must survive a cut.

use crate::device::Small;
use crate::device::small::{Layout, range};
use embedded_storage::nor_flash::NorFlash;
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Failed, Other, Placed, Slot, State};
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::flash::{Map, Span, Storage, Strategy};
use tuffet_no_std_client::tuf::Pinned;

/// What boot record and trusted state say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What runs, and what is tried.
    pub boot: State,
    /// The lowest security version that may run.
    pub counter: u32,
    /// The images whose trial failed.
    pub failed: Vec<Failed>,
    /// What is trusted.
    pub state: DeviceState,
}

/// What is said of the slot beside the confirmed one.
fn beside(boot: &State) -> Option<Placed> {
    match boot {
        State::Confirmed {
            confirmed,
            other: Other::Previous(image),
        } => Some(Placed {
            slot: confirmed.slot.other(),
            image: *image,
        }),
        State::Trial { trial, .. } => Some(trial.placed),
        State::Confirmed {
            other: Other::Nothing, ..
        }
        | State::Damaged
        | State::Unprovisioned => None,
    }
}

impl Moment {
    /// What a device has at rest.
    ///
    /// # Panics
    ///
    /// When it is nothing that a device could go on from.
    #[must_use]
    pub fn of<S: Layout>(device: &Small<S>) -> Self {
        let contents = device.flash().borrow().contents().to_vec();
        Self::read(&device.storage(), &contents, |slot| device.slot_contents(slot))
    }

    /// What a flash holds; `slot` says what stands in a slot.
    ///
    /// # Panics
    ///
    /// When it is nothing that a device could go on from.
    #[must_use]
    pub fn read<F: NorFlash, S: Strategy>(
        storage: &Storage<'_, F, S>,
        contents: &[u8],
        slot: impl Fn(Slot) -> Vec<u8>,
    ) -> Self
    where
        F::Error: std::fmt::Debug,
    {
        let records = storage.boot_records().expect("the boot record can be read");
        let state = storage
            .state()
            .unwrap_or_else(|error| panic!("the trusted state is lost: {error:?}"));
        let moment = Self {
            boot: records.state(),
            counter: records.counter(),
            failed: records.failed().to_vec(),
            state,
        };
        moment.assert_slots(slot);
        moment.assert_kept(storage.map(), contents);
        moment
    }

    /// What holds of the boot record at any moment, whatever was before it.
    fn assert_slots(&self, slot: impl Fn(Slot) -> Vec<u8>) {
        let (State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. }) = self.boot else {
            panic!("the boot record is lost: {:?}", self.boot);
        };
        let (counter, security_version) = (self.counter, confirmed.image.security_version);
        assert!(
            counter <= security_version,
            "the counter {counter} is above the confirmed image's {security_version}"
        );
        let claimed = [Some(confirmed), beside(&self.boot)];
        for placed in claimed.into_iter().flatten() {
            assert_eq!(
                Sha256::digest(&slot(placed.slot)[..placed.image.length as usize]).as_slice(),
                placed.image.digest,
                "slot {:?} does not hold what the boot record says: {:?}",
                placed.slot,
                self.boot
            );
        }
    }

    /// What holds of the trusted state and the files that it names.
    fn assert_kept<S>(&self, map: &Map<S>, contents: &[u8]) {
        let trusted = &self.state.trusted;
        let has = |areas: &[Span; 2], pinned: &Pinned| {
            areas.iter().any(|area| {
                let file = &contents[range(*area)][..pinned.length as usize];
                Sha256::digest(file).as_slice() == pinned.digest
            })
        };
        assert!(
            has(&map.roots, &trusted.root.pinned()),
            "the state names a root that is in no area: version {}",
            trusted.root.version
        );
        if let Some(snapshot) = trusted.snapshot {
            assert!(
                has(&map.snapshots, &snapshot.pinned()),
                "the state names a snapshot that is in no area: version {}",
                snapshot.version
            );
        }
    }

    /// What never goes back.
    ///
    /// # Panics
    ///
    /// When something did since the earlier moment.
    pub fn assert_not_before(&self, earlier: &Self) {
        assert!(
            self.counter >= earlier.counter,
            "the counter fell from {} to {}",
            earlier.counter,
            self.counter
        );
        let (new, old) = (&self.state.trusted, &earlier.state.trusted);
        let (root, old_root) = (new.root.version, old.root.version);
        assert!(root >= old_root, "the root fell from {old_root} to {root}");
        assert!(
            new.floor >= old.floor,
            "the floor fell from {:?} to {:?}",
            old.floor,
            new.floor
        );
        let versions = |trusted: &tuffet_no_std_client::tuf::TrustedState| {
            let timestamp = trusted.timestamp.map(|timestamp| timestamp.file.version);
            let [snapshot, targets] = [trusted.snapshot, trusted.targets].map(|facts| facts.map(|facts| facts.version));
            [timestamp, snapshot, targets]
        };
        for (role, (new, old)) in ["timestamp", "snapshot", "targets"]
            .iter()
            .zip(versions(new).into_iter().zip(versions(old)))
        {
            // A new root may replace keys, and what they signed is then forgotten (TUF §5.3.11).
            let is_forgotten = new.is_none() && root > old_root;
            assert!(new >= old || is_forgotten, "the {role} fell from {old:?} to {new:?}");
        }
        for failed in &earlier.failed {
            assert!(self.failed.contains(failed), "a failed trial is forgotten");
        }
    }

    /// Whether the trial of this image has failed.
    #[must_use]
    pub fn has_failed(&self, digest: &[u8; 32]) -> bool {
        self.failed.iter().any(|failed| failed.digest == *digest)
    }
}
