//! The second half of an update: from the decision to a slot whose content is proven.

use super::{Context, Request};
use crate::failure::{Failure, ImageFault};
use crate::state::Installed;
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Placed, Slot, VerifiedImage};
use tuffet_release::Plan;
use tuffet_wire::Digest;

/// The installation of one planned image into one slot.
pub struct Install {
    plan: Plan,
    slot: Slot,
    step: Step,
}

enum Step {
    Download(Measured),
    MarkEmpty,
    Unpack,
    ReadBack(Measured),
    StoreState,
    Trial,
}

/// Bytes that are counted and hashed as they come.
struct Measured {
    hasher: Sha256,
    bytes: u32,
}

/// What bytes so far amount to.
enum Measure {
    More(Measured),
    Whole(Digest),
    TooLong,
}

impl Measured {
    fn new() -> Self {
        Self {
            hasher: Sha256::new(),
            bytes: 0,
        }
    }

    fn take(mut self, bytes: &[u8], length: u32) -> Measure {
        let Some(total) = u32::try_from(bytes.len())
            .ok()
            .and_then(|count| self.bytes.checked_add(count))
        else {
            return Measure::TooLong;
        };
        self.hasher.update(bytes);
        self.bytes = total;
        match total.cmp(&length) {
            core::cmp::Ordering::Less => Measure::More(self),
            core::cmp::Ordering::Equal => Measure::Whole(self.hasher.finalize().into()),
            core::cmp::Ordering::Greater => Measure::TooLong,
        }
    }
}

impl Install {
    pub(super) fn begin(plan: Plan, slot: Slot) -> Self {
        Self {
            plan,
            slot,
            step: Step::Download(Measured::new()),
        }
    }

    pub(super) fn request(&self) -> Request<'_> {
        let (slot, length) = (self.slot, self.plan.image.length);
        match &self.step {
            Step::Download(measured) => Request::Download {
                file: &self.plan.image.file,
                offset: measured.bytes,
            },
            Step::MarkEmpty => Request::MarkEmpty(slot),
            Step::Unpack => Request::Unpack { slot, length },
            Step::ReadBack(measured) => Request::ReadBack {
                slot,
                offset: measured.bytes,
                length,
            },
            Step::StoreState => Request::StoreState,
            Step::Trial => Request::Trial,
        }
    }

    pub(super) fn receive_bytes(mut self, context: &mut Context<'_>, bytes: &[u8]) -> Result<Self, Failure> {
        self.step = match self.step {
            Step::Download(measured) => {
                match measured.take(bytes, self.plan.image.file.length) {
                    Measure::More(measured) => Step::Download(measured),
                    // In the factory there is no boot record yet, and so no claim about the slot to take back.
                    Measure::Whole(digest) if digest == self.plan.image.file.digest => {
                        if context.running.confirmed().is_some() {
                            Step::MarkEmpty
                        } else {
                            Step::Unpack
                        }
                    }
                    Measure::Whole(_) => return Err(Failure::Image(ImageFault::FileDigest)),
                    Measure::TooLong => return Err(Failure::Image(ImageFault::FileTooLong)),
                }
            }
            Step::ReadBack(measured) => match measured.take(bytes, self.plan.image.length) {
                Measure::More(measured) => Step::ReadBack(measured),
                Measure::Whole(digest) if digest == self.plan.image.digest => {
                    context.state.put(
                        self.slot,
                        Installed {
                            digest,
                            version: self.plan.version,
                        },
                    );
                    Step::StoreState
                }
                Measure::Whole(_) => return Err(Failure::Image(ImageFault::SlotDigest)),
                Measure::TooLong => return Err(Failure::Image(ImageFault::SlotTooLong)),
            },
            Step::MarkEmpty | Step::Unpack | Step::StoreState | Step::Trial => return Err(Failure::Misuse),
        };
        Ok(self)
    }

    pub(super) fn done(mut self) -> Result<Self, Failure> {
        self.step = match self.step {
            Step::MarkEmpty => Step::Unpack,
            Step::Unpack => Step::ReadBack(Measured::new()),
            Step::StoreState => Step::Trial,
            Step::Download(_) | Step::ReadBack(_) | Step::Trial => return Err(Failure::Misuse),
        };
        Ok(self)
    }

    pub(super) fn into_image(self) -> Result<VerifiedImage, Failure> {
        match self.step {
            Step::Trial => Ok(VerifiedImage::assertion(
                Placed {
                    slot: self.slot,
                    image: tuffet_boot::Image {
                        digest: self.plan.image.digest,
                        length: self.plan.image.length,
                        security_version: self.plan.security_version,
                    },
                },
                self.plan.attempt,
            )),
            Step::Download(_) | Step::MarkEmpty | Step::Unpack | Step::ReadBack(_) | Step::StoreState => {
                Err(Failure::Misuse)
            }
        }
    }
}
