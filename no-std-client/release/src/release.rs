//! What a device keeps of a release document: a struct of fixed size.

use crate::{Class, Digest, Id, Name, ReadError, UnixSeconds, Version, document};
use arrayvec::ArrayVec;
use tuffet_wire::Document;

/// Most stepping stones in a release document.
pub const STEPPING_STONES_MAX: usize = 8;

/// Which image of a release a device looks for, and what it can make of a patch.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Wanted {
    /// The patches that its decoder takes.
    pub profile: Profile,
    /// Digest of the image that runs now: what a delta may start from.
    pub running: Option<Digest>,
    /// Where the slot lies that the image is for. An image linked for this address comes before one that lies anywhere;
    /// `None` takes only the latter.
    pub address: Option<u32>,
    /// The component that it updates.
    pub component: Id,
    /// Its hardware.
    pub hardware: Id,
}

/// A release, as far as one device needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// The product it is for.
    pub product: Id,
    /// Its version.
    pub version: Version,
    /// What the counter becomes when it is confirmed.
    pub security_version: u32,
    /// What it is for.
    pub class: Class,
    /// Which attempt to ship its images this is, from 1. A higher one has an image tried again that failed before.
    pub attempt: u32,
    /// Whether it may replace a higher version.
    pub rollback: bool,
    /// When it was signed.
    pub released: UnixSeconds,
    /// By when it should be installed.
    pub install_by: Option<UnixSeconds>,
    /// How long the device is away while it restarts, in seconds.
    pub interruption_s: u32,
    /// Who is asked before it is installed.
    pub rule: Rule,
    /// Versions that a device must have reached before, ascending.
    pub stepping_stones: ArrayVec<Version, STEPPING_STONES_MAX>,
    /// How long the product is supported.
    pub support: SupportFacts,
    /// The software bill of materials.
    pub sbom: Option<FileRef>,
    /// Whether it comes with an advisory.
    pub advised: bool,
    /// The image for the wanted hardware, component and slot, if there is one.
    pub image: Option<Image>,
    /// Whether one of its images for the hardware and component, linked for whatever slot, is the one that runs.
    pub runs_already: bool,
}

/// An image of a release.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct Image {
    /// The patch that makes it from nothing, if there is one.
    pub whole: Option<PatchRef>,
    /// The patch that makes it from the running image, if there is one.
    pub delta: Option<PatchRef>,
    /// The file that holds it, compressed.
    pub file: FileRef,
    /// Its length in bytes.
    pub length: u32,
    /// Digest of the image as it lies in the slot.
    pub digest: Digest,
}

/// A patch in the repository, and how its blocks are authenticated one by one.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
pub struct PatchRef {
    /// Bytes of every block but the last.
    pub block_bytes: u32,
    /// SHA-256 of its first block; each block carries that of the next.
    pub head: Digest,
    /// The file.
    pub file: FileRef,
}

/// What a device can spend on a patch. Ascending as the words in a document do.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Profile {
    /// A machine with an operating system.
    Large,
    /// A microcontroller with some 16 KiB of RAM.
    Small,
    /// A microcontroller with more.
    Standard,
}

/// A file in the repository.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "emit", derive(serde::Serialize, serde::Deserialize))]
pub struct FileRef {
    /// Digest of its bytes.
    #[cfg_attr(feature = "emit", serde(with = "crate::model::hex_digest"))]
    pub digest: Digest,
    /// Its length in bytes.
    pub length: u32,
    /// Its name.
    pub name: Name,
}

/// What a release says about the support of its product.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "emit", derive(serde::Serialize, serde::Deserialize))]
pub struct SupportFacts {
    /// The last moment of security support.
    pub end: UnixSeconds,
    /// The support statement.
    #[cfg_attr(feature = "emit", serde(flatten))]
    pub file: FileRef,
}

/// Who is asked before a release is installed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Nobody: every device installs it.
    None,
    /// The rollout file; a security release waits for it this long at most.
    Required {
        /// Days from the signing of the release.
        wait_max_days: u16,
    },
    /// A rule of later software. It waits.
    Unknown,
}

/// Where an image has to lie.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Address {
    /// Linked for one address, written `0x` and eight digits.
    At(u32),
    /// Anywhere, written `any`.
    Any,
}

impl Wanted {
    /// The component `firmware`, which every product has, for a slot that lies anywhere, and without a running image.
    pub fn firmware(hardware: Id, profile: Profile) -> Self {
        Self {
            hardware,
            component: Id::firmware(),
            address: None,
            running: None,
            profile,
        }
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Large, Self::Small, Self::Standard];

    /// Reads `large`, `small` or `standard`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == text)
    }

    /// The word in signed files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Large => "large",
            Self::Small => "small",
            Self::Standard => "standard",
        }
    }
}

impl core::fmt::Display for Profile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FileRef {
    /// Room for one.
    pub(crate) const fn nothing() -> Self {
        Self {
            digest: [0; 32],
            length: 0,
            name: Name::nothing(),
        }
    }
}

impl Release {
    /// Reads a release document whose digest was already compared with the signed one, all of it, and keeps what a device
    /// needs. A document without an image for `wanted` is no error here: [`decide`](crate::decide) says so.
    pub fn parse<D: Document>(document: &mut D, wanted: &Wanted) -> Result<Self, ReadError<D::Error>> {
        let mut release = Self::nothing();
        release.read(document, wanted)?;
        Ok(release)
    }

    /// [`parse`](Self::parse) for a small part, which has no room to move a release. After an error this one is of no use.
    pub fn read<D: Document>(&mut self, document: &mut D, wanted: &Wanted) -> Result<(), ReadError<D::Error>> {
        document::read_release(document, Some(wanted), self)
    }

    /// A release of nothing: room for one that is [read](Self::read).
    pub fn nothing() -> Self {
        Self {
            product: Id::firmware(),
            version: Version::ZERO,
            security_version: 0,
            class: Class::Feature,
            attempt: 0,
            rollback: false,
            released: UnixSeconds::ZERO,
            install_by: None,
            interruption_s: 0,
            // It installs nowhere.
            rule: Rule::Unknown,
            stepping_stones: ArrayVec::new(),
            support: SupportFacts {
                end: UnixSeconds::ZERO,
                file: FileRef::nothing(),
            },
            sbom: None,
            advised: false,
            image: None,
            runs_already: false,
        }
    }
}

impl Address {
    /// Reads `any`, or `0x` and exactly eight lowercase digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "any" {
            return Some(Self::Any);
        }
        let bytes = tuffet_wire::hex::decode(text.strip_prefix("0x")?)?;
        Some(Self::At(u32::from_be_bytes(bytes)))
    }
}

impl core::fmt::Display for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::At(address) => write!(f, "0x{address:08x}"),
        }
    }
}
