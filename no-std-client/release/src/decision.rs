//! What to do about a release: one pure function from values to an answer with a name.
//!
//! Refusals come before waiting: who waits for a wave knows that the release is for this device.

use crate::{
    Class, Digest, Gate, Id, Image, Question, Release, Seed, UnixSeconds, Verdict, Version, WaitReason, evaluate,
};
use core::fmt;

/// What the device is and has.
pub struct Device<'a> {
    /// Its product.
    pub product: &'a Id,
    /// Version of the confirmed image; [`Version::ZERO`] in the factory.
    pub version: Version,
    /// Digest of the confirmed image.
    pub digest: &'a Digest,
    /// Lowest security version that may run.
    pub counter: u32,
    /// How far above the counter a security version may be; what is above would be refused after the download.
    pub security_version_jump_max: u32,
    /// Images whose trial ended badly here.
    pub failed: &'a [Failed],
    /// Largest image that fits the slot, in bytes.
    pub slot_bytes: u32,
    /// Its place in rollouts.
    pub seed: &'a Seed,
}

/// An image whose trial ended badly here.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Failed {
    /// Digest of the image.
    pub digest: Digest,
    /// Attempt of the release that failed.
    pub attempt: u32,
}

/// What the metadata says about the release document that it names.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Pointer {
    /// Digest of the release document.
    pub release: Digest,
    /// Version of the release.
    pub version: Version,
    /// Security version of the release.
    pub security_version: u32,
    /// Class of the release.
    pub class: Class,
}

impl Pointer {
    /// From the target's digest and the values of its `custom`; `None` if one of them means nothing.
    pub fn parse(release: Digest, version: &str, security_version: u64, class: &str) -> Option<Self> {
        Some(Self {
            release,
            version: Version::parse(version)?,
            security_version: u32::try_from(security_version).ok()?,
            class: Class::parse(class)?,
        })
    }
}

/// What to do now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Install it: [`Release::plan`] is there, and says what.
    Install,
    /// Not this release, for this reason; waiting does not help.
    Refuse(Refusal),
    /// It is the image that is confirmed.
    UpToDate,
    /// Later, for this reason.
    Wait(WaitReason),
}

/// What to install.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Plan<'r> {
    /// Version of the release.
    pub version: Version,
    /// What the counter becomes when it is confirmed.
    pub security_version: u32,
    /// Which attempt of the release this is.
    pub attempt: u32,
    /// The image and its file.
    pub image: &'r Image,
}

/// Why a release is not for this device.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// Older than the counter allows.
    BelowCounter {
        /// Lowest security version that may run.
        counter: u32,
        /// Security version of the release.
        offered: u32,
    },
    /// It would raise the counter too far at once.
    CounterJump {
        /// Lowest security version that may run.
        counter: u32,
        /// Security version of the release.
        offered: u32,
        /// Largest permitted difference.
        jump_max: u32,
    },
    /// Its image failed here, and it was not signed again with a higher attempt.
    FailedBefore {
        /// Attempt that failed.
        failed_attempt: u32,
        /// Attempt now offered.
        offered_attempt: u32,
    },
    /// Lower than the confirmed version, and not signed as a rollback.
    LowerVersion {
        /// Version of the confirmed image.
        confirmed: Version,
        /// Version of the release.
        offered: Version,
    },
    /// The document is not what the metadata says it is: one of the two is another release's.
    PointerMismatch {
        /// The first fact that differs.
        fact: Fact,
    },
    /// Another release must be installed before.
    SteppingStone {
        /// Version of the confirmed image.
        confirmed: Version,
        /// Lowest version that has to come first.
        needed: Version,
    },
    /// The image does not fit the slot.
    TooLargeForSlot {
        /// Size of the slot in bytes.
        slot_bytes: u32,
        /// Length of the image in bytes.
        offered: u32,
    },
    /// It has no image for this hardware.
    WrongHardware,
}

/// What metadata and document both say.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The class of the release.
    Class,
    /// The product.
    Product,
    /// The security version.
    SecurityVersion,
    /// The version.
    Version,
}

/// Decides about the release that `pointer` names. `gate` is what was found of its rollout, and is looked at only if the
/// release asks for one. `signed_now` is the signed time of the newest timestamp.
pub fn decide(
    device: &Device<'_>,
    pointer: &Pointer,
    release: &Release,
    gate: Gate<'_>,
    signed_now: UnixSeconds,
) -> Decision {
    if let Some(fact) = mismatch(device, pointer, release) {
        return Decision::Refuse(Refusal::PointerMismatch { fact });
    }
    // The image that runs may be linked for the other slot.
    let is_running = |image: &Image| image.digest == *device.digest;
    if release.runs_already || release.image.as_ref().is_some_and(is_running) {
        return Decision::UpToDate;
    }
    let Some(image) = &release.image else {
        return Decision::Refuse(Refusal::WrongHardware);
    };
    if let Some(refusal) = refusal(device, release, image) {
        return Decision::Refuse(refusal);
    }
    let question = Question {
        rule: release.rule,
        class: release.class,
        released: release.released,
        release: &pointer.release,
        seed: device.seed,
        signed_now,
    };
    match evaluate(&question, gate) {
        Verdict::Wait(reason) => Decision::Wait(reason),
        Verdict::Install => Decision::Install,
    }
}

impl Release {
    /// What there is to install, if it has an image for the device. Whether to is what [`decide`] says.
    pub fn plan(&self) -> Option<Plan<'_>> {
        let image = self.image.as_ref()?;
        Some(Plan {
            version: self.version,
            security_version: self.security_version,
            attempt: self.attempt,
            image,
        })
    }
}

fn mismatch(device: &Device<'_>, pointer: &Pointer, release: &Release) -> Option<Fact> {
    if release.product != *device.product {
        return Some(Fact::Product);
    }
    if release.version != pointer.version {
        return Some(Fact::Version);
    }
    if release.security_version != pointer.security_version {
        return Some(Fact::SecurityVersion);
    }
    (release.class != pointer.class).then_some(Fact::Class)
}

fn refusal(device: &Device<'_>, release: &Release, image: &Image) -> Option<Refusal> {
    let (counter, offered) = (device.counter, release.security_version);
    let jump_max = device.security_version_jump_max;
    if offered < counter {
        return Some(Refusal::BelowCounter { counter, offered });
    }
    if offered.saturating_sub(counter) > jump_max {
        return Some(Refusal::CounterJump {
            counter,
            offered,
            jump_max,
        });
    }
    let confirmed = device.version;
    if release.version < confirmed && !release.rollback {
        return Some(Refusal::LowerVersion {
            confirmed,
            offered: release.version,
        });
    }
    let slot_bytes = device.slot_bytes;
    if image.length > slot_bytes {
        return Some(Refusal::TooLargeForSlot {
            slot_bytes,
            offered: image.length,
        });
    }
    // A stone at or above the release itself asks for nothing before it.
    let mut stones = release.stepping_stones.iter().filter(|stone| **stone < release.version);
    if let Some(needed) = stones.find(|stone| confirmed < **stone).copied() {
        return Some(Refusal::SteppingStone { confirmed, needed });
    }
    let failed = device.failed.iter().find(|failed| failed.digest == image.digest);
    match failed {
        Some(failed) if release.attempt <= failed.attempt => Some(Refusal::FailedBefore {
            failed_attempt: failed.attempt,
            offered_attempt: release.attempt,
        }),
        Some(_) | None => None,
    }
}

impl Refusal {
    /// A name that does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BelowCounter { .. } => "BelowCounter",
            Self::CounterJump { .. } => "CounterJump",
            Self::FailedBefore { .. } => "FailedBefore",
            Self::LowerVersion { .. } => "LowerVersion",
            Self::PointerMismatch { .. } => "PointerMismatch",
            Self::SteppingStone { .. } => "SteppingStone",
            Self::TooLargeForSlot { .. } => "TooLargeForSlot",
            Self::WrongHardware => "WrongHardware",
        }
    }
}

impl Fact {
    const fn words(self) -> &'static str {
        match self {
            Self::Class => "the class",
            Self::Product => "the product",
            Self::SecurityVersion => "the security version",
            Self::Version => "the version",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowCounter { counter, offered } => {
                write!(
                    f,
                    "its security version {offered} is below {counter}, the lowest that may run here"
                )
            }
            Self::CounterJump {
                counter,
                offered,
                jump_max,
            } => {
                write!(
                    f,
                    "its security version {offered} is more than {jump_max} above {counter}, which runs here"
                )
            }
            Self::FailedBefore {
                failed_attempt,
                offered_attempt,
            } => {
                write!(
                    f,
                    "its image failed here in attempt {failed_attempt}, and this is attempt {offered_attempt}"
                )
            }
            Self::LowerVersion { confirmed, offered } => {
                write!(
                    f,
                    "{offered} is lower than {confirmed}, which runs here, and is not signed as a rollback"
                )
            }
            Self::PointerMismatch { fact } => {
                write!(f, "its document and the signed metadata differ in {}", fact.words())
            }
            Self::SteppingStone { confirmed, needed } => {
                write!(f, "{needed} must be installed first; {confirmed} runs here")
            }
            Self::TooLargeForSlot { slot_bytes, offered } => {
                write!(f, "its image has {offered} bytes, and the slot {slot_bytes}")
            }
            Self::WrongHardware => f.write_str("it has no image for this hardware"),
        }
    }
}
