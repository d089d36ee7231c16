//! States by name, and what can be seen of a device from outside.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod flash;

use flash::{PowerIsOff, RamFlash};
use tuffet_boot::{BootRecords, Digest, Error, Failed, Image, Placed, Slot, State, VerifiedImage};

pub type Flash = RamFlash<4>;
pub type Records = BootRecords<Flash>;
pub type Outcome<T> = Result<T, Error<PowerIsOff>>;

pub const PAGE_BYTES: usize = 1024;

/// The image number `number`: its digest, length and security version all follow from the number.
pub fn image(number: u8) -> Image {
    Image {
        digest: [number; 32],
        length: 1000 + u32::from(number),
        security_version: u32::from(number),
    }
}

pub fn placed(slot: Slot, number: u8) -> Placed {
    Placed {
        slot,
        image: image(number),
    }
}

pub fn verified(slot: Slot, number: u8, attempt: u32) -> VerifiedImage {
    VerifiedImage::assertion(placed(slot, number), attempt)
}

pub fn digest(number: u8) -> Digest {
    image(number).digest
}

pub fn failed(number: u8, attempt: u32) -> Failed {
    Failed {
        digest: digest(number),
        attempt,
    }
}

pub fn unprovisioned() -> Records {
    BootRecords::open(Flash::new(PAGE_BYTES)).unwrap()
}

/// Flash that holds something else: what some parts and emulators hold before their first erase.
pub fn damaged() -> Records {
    BootRecords::open(Flash::with(vec![0; 2 * PAGE_BYTES])).unwrap()
}

/// Image 1 confirmed in slot A, nothing in B.
pub fn provisioned() -> Records {
    let mut records = unprovisioned();
    records.provision(placed(Slot::A, 1)).unwrap();
    records
}

/// Image 1 confirmed in slot A, image 2 in B on trial, which did not run yet.
pub fn trial_with_attempts(attempts: u8) -> Records {
    let mut records = provisioned();
    records.begin_trial(verified(Slot::B, 2, 1), attempts).unwrap();
    records
}

/// Image 2 ran once of `attempts` times and is not confirmed.
pub fn trial_booted_once(attempts: u8) -> Records {
    let mut records = trial_with_attempts(attempts);
    records.boot().unwrap();
    records
}

/// Image 2 confirmed in slot B, image 1 still in A.
pub fn updated() -> Records {
    let mut records = trial_booted_once(3);
    records.confirm().unwrap();
    records
}

/// Image 1 confirmed in slot A, image 3 confirmed in B with the same security version.
pub fn updated_same_security() -> Records {
    let mut records = provisioned();
    let mut image = image(3);
    image.security_version = 1;
    records
        .begin_trial(VerifiedImage::assertion(Placed { slot: Slot::B, image }, 1), 3)
        .unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    records
}

/// Image 1 confirmed in slot A; image 2 failed.
pub fn reverted() -> Records {
    let mut records = trial_booted_once(1);
    records.boot().unwrap();
    records
}

/// Image 1 confirmed in A, four failed digests (10 to 13), image 2 on trial in B, booted once of three: the fullest state.
pub fn fullest() -> Records {
    let mut records = provisioned();
    for number in 10..14 {
        records.begin_trial(verified(Slot::B, number, 1), 1).unwrap();
        records.boot().unwrap();
        records.fail().unwrap();
    }
    records.begin_trial(verified(Slot::B, 2, 1), 3).unwrap();
    records.boot().unwrap();
    records
}

/// What can be seen of the records from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub state: State,
    pub counter: u32,
    pub failed: Vec<Failed>,
}

pub fn seen(records: &Records) -> Seen {
    Seen {
        state: records.state(),
        counter: records.counter(),
        failed: records.failed().to_vec(),
    }
}

/// A reset: what flash holds, read again.
pub fn reset(records: Records) -> Records {
    BootRecords::open(records.close().power_on()).unwrap()
}
