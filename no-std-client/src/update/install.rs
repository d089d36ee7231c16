//! The second half of an update: from the decision to a slot whose content is proven.
//!
//! - A *way* leads to the image: a delta from the running one, a patch from nothing, or a packed file. The shortest that the
//!   device can use is taken.
//! - Before a delta touches anything, the running slot is hashed: it must be the image that the delta starts from, whatever
//!   a version says.
//! - A delta that cannot be used gives way to the full image, once, if the data budget allows both. What it downloaded
//!   counts as all of it.

use super::{Context, Decoding, FellBack, Request, Way};
use crate::device::Intake;
use crate::failure::{Failure, ImageFault};
use crate::state::Installed;
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Placed, Slot, VerifiedImage};
use tuffet_patch::Pinned;
use tuffet_release::{FileRef, Image, PatchRef, Plan, Version};
use tuffet_wire::{Digest, hash};

/// The installation of one planned image into one slot.
pub struct Install {
    planned: Planned,
    terms: Terms,
    slot: Slot,
    road: Road,
    fell_back: Option<FellBack>,
    step: Step,
}

/// What the device says about installations.
#[derive(Copy, Clone)]
struct Terms {
    intake: Intake,
    /// Most bytes to download. In the factory a person stands beside the device, and no owner pays for the download.
    budget_bytes: Option<u32>,
    /// In the factory there is no boot record yet, and so no claim about the slot to take back.
    has_boot_record: bool,
}

/// What is left of a release.
struct Planned {
    version: Version,
    security_version: u32,
    attempt: u32,
    image: Image,
}

/// A way, as far as the planned image does not say it.
#[derive(Copy, Clone)]
enum Road {
    /// The image's delta, from this image that runs.
    Delta {
        source: Placed,
    },
    File,
    Whole,
}

enum Step {
    HashSource {
        source: Placed,
        measured: Measured,
    },
    Download(Measured),
    MarkEmpty,
    Fill,
    ReadBack(Measured),
    StoreState,
    Trial,
    /// Nothing more: something was refused.
    Refused,
}

/// Bytes that are counted and hashed as they come.
struct Measured {
    hasher: Sha256,
    bytes: u32,
}

/// What bytes so far amount to.
enum Measure {
    More,
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

    fn take(&mut self, bytes: &[u8], length: u32) -> Measure {
        let Some(total) = u32::try_from(bytes.len())
            .ok()
            .and_then(|count| self.bytes.checked_add(count))
        else {
            return Measure::TooLong;
        };
        hash::take(&mut self.hasher, bytes);
        self.bytes = total;
        match total.cmp(&length) {
            core::cmp::Ordering::Less => Measure::More,
            core::cmp::Ordering::Equal => Measure::Whole(hash::finish(&mut self.hasher)),
            core::cmp::Ordering::Greater => Measure::TooLong,
        }
    }
}

impl Road {
    const fn way(&self) -> Way {
        match self {
            Self::Delta { .. } => Way::Delta,
            Self::File => Way::File,
            Self::Whole => Way::Whole,
        }
    }

    /// The patch that it goes by.
    const fn patch<'i>(&self, image: &'i Image) -> Option<&'i PatchRef> {
        match self {
            Self::Delta { .. } => image.delta.as_ref(),
            Self::File => None,
            Self::Whole => image.whole.as_ref(),
        }
    }

    /// The file that it needs.
    fn file<'i>(&self, image: &'i Image) -> &'i FileRef {
        // Invariant: by a patch goes only an image that has it, see below.
        self.patch(image).map_or(&image.file, |patch| &patch.file)
    }

    /// The shortest way to the image without the running one, if there is one that the device can use.
    fn full(image: &Image, intake: Intake) -> Option<Self> {
        match (&image.whole, intake) {
            (Some(_), Intake::Streamed(_)) => Some(Self::Whole),
            (None, Intake::Streamed(_)) => None,
            (Some(whole), Intake::Kept) if whole.file.length < image.file.length => Some(Self::Whole),
            (_, Intake::Kept) => Some(Self::File),
        }
    }

    /// The shortest way to the image at all.
    fn shortest(image: &Image, intake: Intake, running: Option<&Placed>) -> Option<Self> {
        let full = Self::full(image, intake);
        let is_shorter = |delta: &PatchRef| full.is_none_or(|full| delta.file.length < full.file(image).length);
        match (&image.delta, running) {
            (Some(delta), Some(source)) if is_shorter(delta) => Some(Self::Delta { source: *source }),
            (_, _) => full,
        }
    }
}

/// What an installation begins with.
pub(super) fn shortest_way(context: &Context<'_>, image: &Image) -> Option<(Way, FileRef)> {
    let road = shortest_road(context, image)?;
    Some((road.way(), *road.file(image)))
}

fn shortest_road(context: &Context<'_>, image: &Image) -> Option<Road> {
    Road::shortest(image, context.device.intake, context.running.confirmed())
}

impl Install {
    pub(super) fn begin(context: &Context<'_>, plan: &Plan<'_>) -> Result<Self, Failure> {
        let has_boot_record = context.running.confirmed().is_some();
        let terms = Terms {
            intake: context.device.intake,
            budget_bytes: context.device.data_budget_bytes.filter(|_| has_boot_record),
            has_boot_record,
        };
        let road = shortest_road(context, plan.image).ok_or(Failure::Image(ImageFault::NoWay))?;
        let needed_bytes = road.file(plan.image).length;
        if let Some(budget_bytes) = terms.budget_bytes
            && needed_bytes > budget_bytes
        {
            return Err(Failure::OverBudget {
                needed_bytes,
                budget_bytes,
            });
        }
        Ok(Self {
            planned: Planned {
                version: plan.version,
                security_version: plan.security_version,
                attempt: plan.attempt,
                image: *plan.image,
            },
            step: terms.first_step(&road),
            terms,
            slot: context.running.spare(),
            road,
            fell_back: None,
        })
    }

    pub(super) const fn version(&self) -> Version {
        self.planned.version
    }

    /// What the slot is found to hold, once it was read back.
    pub(super) const fn installed(&self) -> Option<(Slot, Installed)> {
        let (version, digest) = (self.planned.version, self.planned.image.digest);
        match self.step {
            Step::StoreState | Step::Trial => Some((self.slot, Installed { digest, version })),
            Step::HashSource { .. }
            | Step::Download(_)
            | Step::MarkEmpty
            | Step::Fill
            | Step::ReadBack(_)
            | Step::Refused => None,
        }
    }

    pub(super) const fn way(&self) -> Way {
        self.road.way()
    }

    pub(super) const fn fell_back(&self) -> Option<FellBack> {
        self.fell_back
    }

    pub(super) fn request(&self) -> Request<'_> {
        let (slot, length) = (self.slot, self.planned.image.length);
        match (&self.step, &self.road) {
            (Step::HashSource { source, measured }, _) => Request::HashSource {
                slot: source.slot,
                offset: measured.bytes,
                length: source.image.length,
            },
            (Step::Download(measured), road) => Request::Download {
                file: road.file(&self.planned.image),
                offset: measured.bytes,
            },
            (Step::MarkEmpty, _) => Request::MarkEmpty(slot),
            (Step::Fill, road) => match road.patch(&self.planned.image) {
                Some(patch) => self.decode(patch),
                None => Request::Unpack { slot, length },
            },
            (Step::ReadBack(measured), _) => Request::ReadBack {
                slot,
                offset: measured.bytes,
                length,
            },
            (Step::StoreState, _) => Request::StoreState,
            (Step::Trial, _) => Request::Trial,
            // There is nothing to ask for, and a decision to install is no longer in here.
            (Step::Refused, _) => Request::Decided,
        }
    }

    fn decode<'u>(&self, patch: &'u PatchRef) -> Request<'u> {
        let source = match &self.road {
            Road::Delta { source } => patch_image(source.image.length, source.image.digest),
            Road::File | Road::Whole => tuffet_patch::Image::NOTHING,
        };
        Request::Decode(Decoding {
            file: &patch.file,
            pinned: Pinned {
                head: patch.head,
                block_bytes: patch.block_bytes,
                length: patch.file.length,
            },
            source,
            result: patch_image(self.planned.image.length, self.planned.image.digest),
            slot: self.slot,
        })
    }

    /// Takes the next bytes. After an error nothing goes on.
    pub(super) fn receive_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.road.file(&self.planned.image);
        let fault = match &mut self.step {
            Step::HashSource { source, measured } => match measured.take(bytes, source.image.length) {
                Measure::More => return Ok(()),
                Measure::Whole(digest) if digest == source.image.digest => {
                    self.step = self.terms.after_source();
                    return Ok(());
                }
                Measure::Whole(_) | Measure::TooLong => ImageFault::SourceDigest,
            },
            Step::Download(measured) => match measured.take(bytes, file.length) {
                Measure::More => return Ok(()),
                Measure::Whole(digest) if digest == file.digest => {
                    self.step = self.terms.before_slot();
                    return Ok(());
                }
                Measure::Whole(_) => ImageFault::FileDigest,
                Measure::TooLong => ImageFault::FileTooLong,
            },
            Step::ReadBack(measured) => match measured.take(bytes, self.planned.image.length) {
                Measure::More => return Ok(()),
                Measure::Whole(digest) if digest == self.planned.image.digest => {
                    self.step = Step::StoreState;
                    return Ok(());
                }
                Measure::Whole(_) => ImageFault::SlotDigest,
                Measure::TooLong => ImageFault::SlotTooLong,
            },
            Step::MarkEmpty | Step::Fill | Step::StoreState | Step::Trial | Step::Refused => {
                self.step = Step::Refused;
                return Err(Failure::Misuse);
            }
        };
        self.fall_back(fault)
    }

    pub(super) fn done(&mut self) -> Result<(), Failure> {
        self.step = match self.step {
            Step::MarkEmpty => Step::Fill,
            Step::Fill => Step::ReadBack(Measured::new()),
            Step::StoreState => Step::Trial,
            Step::HashSource { .. } | Step::Download(_) | Step::ReadBack(_) | Step::Trial | Step::Refused => {
                self.step = Step::Refused;
                return Err(Failure::Misuse);
            }
        };
        Ok(())
    }

    /// The way in use leads nowhere.
    pub(super) fn failed(&mut self, fault: ImageFault) -> Result<(), Failure> {
        match self.step {
            Step::HashSource { .. } | Step::Download(_) | Step::Fill | Step::ReadBack(_) => self.fall_back(fault),
            Step::MarkEmpty | Step::StoreState | Step::Trial | Step::Refused => {
                self.step = Step::Refused;
                Err(Failure::Misuse)
            }
        }
    }

    /// Goes on with the full image if it was a delta that failed, and the budget allows both.
    fn fall_back(&mut self, fault: ImageFault) -> Result<(), Failure> {
        self.step = Step::Refused;
        let road = self.other_road(fault)?;
        self.road = road;
        self.fell_back = Some(FellBack { fault });
        self.step = self.terms.first_step(&road);
        Ok(())
    }

    fn other_road(&self, fault: ImageFault) -> Result<Road, Failure> {
        let full = Road::full(&self.planned.image, self.terms.intake);
        let (Road::Delta { .. }, Some(road), None) = (&self.road, full, self.fell_back) else {
            return Err(Failure::Image(fault));
        };
        let spent_bytes = match fault {
            // It is found out before the first request.
            ImageFault::SourceDigest => 0,
            ImageFault::FileDigest
            | ImageFault::FileTooLong
            | ImageFault::Geometry(_)
            | ImageFault::Missing
            | ImageFault::NoWay
            | ImageFault::Patch(_)
            | ImageFault::SlotDigest
            | ImageFault::SlotTooLong
            | ImageFault::Unpack => self.road.file(&self.planned.image).length,
        };
        let needed_bytes = road.file(&self.planned.image).length;
        if let Some(budget_bytes) = self.terms.budget_bytes {
            let left_bytes = budget_bytes.saturating_sub(spent_bytes);
            if needed_bytes > left_bytes {
                return Err(Failure::FallbackOverBudget {
                    fault,
                    needed_bytes,
                    left_bytes,
                });
            }
        }
        Ok(road)
    }

    pub(super) fn image(&self) -> Result<VerifiedImage, Failure> {
        match self.step {
            Step::Trial => Ok(VerifiedImage::assertion(
                Placed {
                    slot: self.slot,
                    image: tuffet_boot::Image {
                        digest: self.planned.image.digest,
                        length: self.planned.image.length,
                        security_version: self.planned.security_version,
                    },
                },
                self.planned.attempt,
            )),
            Step::HashSource { .. }
            | Step::Download(_)
            | Step::MarkEmpty
            | Step::Fill
            | Step::ReadBack(_)
            | Step::StoreState
            | Step::Refused => Err(Failure::Misuse),
        }
    }
}

impl Terms {
    fn first_step(self, road: &Road) -> Step {
        match road {
            Road::Delta { source, .. } => Step::HashSource {
                source: *source,
                measured: Measured::new(),
            },
            Road::File | Road::Whole => self.after_source(),
        }
    }

    fn after_source(self) -> Step {
        match self.intake {
            Intake::Kept => Step::Download(Measured::new()),
            Intake::Streamed(_) => self.before_slot(),
        }
    }

    const fn before_slot(self) -> Step {
        match self.has_boot_record {
            true => Step::MarkEmpty,
            false => Step::Fill,
        }
    }
}

const fn patch_image(length: u32, digest: Digest) -> tuffet_patch::Image {
    tuffet_patch::Image { length, digest }
}
