//! What stands in a slot.

/// SHA-256 of a whole image, as it lies in its slot.
pub type Digest = [u8; 32];

/// One of the two places an image can run from.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The first slot.
    A,
    /// The second slot.
    B,
}

impl Slot {
    /// The slot beside this one.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// An image, as the boot record pins it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Digest of its `length` bytes.
    pub digest: Digest,
    /// Length in bytes, counted from the start of the slot.
    pub length: u32,
    /// Compared with the counter: an image below it never runs.
    pub security_version: u32,
}

/// An image and the slot it stands in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Where.
    pub slot: Slot,
    /// What.
    pub image: Image,
}

/// Proof that a slot was read back after it was written, and that its bytes hash to the digest of a verified release.
///
/// It cannot be made from parts, only asserted; one proof begins one trial.
///
/// ```compile_fail
/// # use tuffet_boot::{Image, Placed, Slot, VerifiedImage};
/// let image = Image { digest: [0; 32], length: 1, security_version: 1 };
/// let forged = VerifiedImage { placed: Placed { slot: Slot::A, image }, attempt: 1 };
/// ```
#[derive(PartialEq, Eq, Debug)]
pub struct VerifiedImage {
    placed: Placed,
    attempt: u32,
}

impl VerifiedImage {
    /// Asserts that the bytes of `placed.slot`, read back from flash, are `placed.image`, that a verified release names this
    /// image, and that the release is the given `attempt` to ship it.
    ///
    /// The proof of the metadata crosses into this crate here and nowhere else: there is one call site.
    pub const fn assertion(placed: Placed, attempt: u32) -> Self {
        Self { placed, attempt }
    }

    /// What stands where.
    pub const fn placed(&self) -> Placed {
        self.placed
    }

    /// Which attempt of the release to ship this image; raised by its signer to have a failed image tried again.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}
