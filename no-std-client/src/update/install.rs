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
use tuffet_boot::{Placed, Slot, VerifiedImage};
use tuffet_patch::Pinned;
use tuffet_release::{FileRef, Image, PatchRef, Plan, Version};
use tuffet_wire::{Digest, Hasher};

/// The installation of one planned image into one slot.
pub struct Install {
    planned: Planned,
    terms: Terms,
    /// The image that runs, from which a delta starts.
    running: Option<Placed>,
    slot: Slot,
    road: Road,
    fell_back: Option<FellBack>,
    step: Step,
    /// What came since the step began.
    measured: Measured,
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
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct Planned {
    version: Version,
    security_version: u32,
    attempt: u32,
    image: Image,
}

/// A way, as far as the planned image does not say it.
#[derive(Copy, Clone)]
pub enum Road {
    /// The image's delta, from the one that runs.
    Delta,
    File,
    Whole,
}

#[derive(Copy, Clone)]
enum Step {
    HashSource,
    Download,
    MarkEmpty,
    Fill,
    ReadBack,
    StoreState,
    Trial,
    /// Nothing more: something was refused.
    Refused,
}

/// Bytes that are counted and hashed as they come.
struct Measured {
    hasher: Hasher,
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
            hasher: Hasher::new(),
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
        self.hasher.update(bytes);
        self.bytes = total;
        match total.cmp(&length) {
            core::cmp::Ordering::Less => Measure::More,
            core::cmp::Ordering::Equal => Measure::Whole(self.hasher.finish()),
            core::cmp::Ordering::Greater => Measure::TooLong,
        }
    }
}

impl Road {
    const fn way(&self) -> Way {
        match self {
            Self::Delta => Way::Delta,
            Self::File => Way::File,
            Self::Whole => Way::Whole,
        }
    }

    /// The patch that it goes by.
    const fn patch<'i>(&self, image: &'i Image) -> Option<&'i PatchRef> {
        match self {
            Self::Delta => image.delta.as_ref(),
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
    fn shortest(image: &Image, intake: Intake, is_running: bool) -> Option<Self> {
        let full = Self::full(image, intake);
        let is_shorter = |delta: &PatchRef| full.is_none_or(|full| delta.file.length < full.file(image).length);
        match &image.delta {
            Some(delta) if is_running && is_shorter(delta) => Some(Self::Delta),
            Some(_) | None => full,
        }
    }
}

/// What an installation begins with.
pub(super) fn shortest_way(context: &Context<'_>, image: &Image) -> Option<(Way, FileRef)> {
    let road = shortest_road(context, image)?;
    Some((road.way(), *road.file(image)))
}

fn shortest_road(context: &Context<'_>, image: &Image) -> Option<Road> {
    Road::shortest(image, context.device.intake, context.running.confirmed().is_some())
}

impl Install {
    /// The way that an installation begins with, if the data budget allows it.
    pub(super) fn road(context: &Context<'_>, plan: &Plan<'_>) -> Result<Road, Failure> {
        let road = shortest_road(context, plan.image).ok_or(Failure::Image(ImageFault::NoWay))?;
        let needed_bytes = road.file(plan.image).length;
        if let Some(budget_bytes) = Terms::of(context).budget_bytes
            && needed_bytes > budget_bytes
        {
            return Err(Failure::OverBudget {
                needed_bytes,
                budget_bytes,
            });
        }
        Ok(road)
    }

    pub(super) fn begin(context: &Context<'_>, plan: &Plan<'_>, road: Road) -> Self {
        let terms = Terms::of(context);
        Self {
            planned: Planned {
                version: plan.version,
                security_version: plan.security_version,
                attempt: plan.attempt,
                image: *plan.image,
            },
            step: terms.first_step(&road),
            measured: Measured::new(),
            terms,
            running: context.running.confirmed().copied(),
            slot: context.running.spare(),
            road,
            fell_back: None,
        }
    }

    pub(super) const fn slot(&self) -> Slot {
        self.slot
    }

    pub(super) const fn version(&self) -> Version {
        self.planned.version
    }

    /// What the slot is found to hold, once it was read back.
    pub(super) const fn installed(&self) -> Option<(Slot, Installed)> {
        let (version, digest) = (self.planned.version, self.planned.image.digest);
        match self.step {
            Step::StoreState | Step::Trial => Some((self.slot, Installed { digest, version })),
            Step::HashSource | Step::Download | Step::MarkEmpty | Step::Fill | Step::ReadBack | Step::Refused => None,
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
        let offset = self.measured.bytes;
        match (self.step, &self.running) {
            (Step::HashSource, Some(source)) => Request::HashSource {
                slot: source.slot,
                offset,
                length: source.image.length,
            },
            (Step::Download, _) => Request::Download {
                file: self.road.file(&self.planned.image),
                offset,
            },
            (Step::MarkEmpty, _) => Request::MarkEmpty(slot),
            (Step::Fill, _) => match self.road.patch(&self.planned.image) {
                Some(patch) => self.decode(patch),
                None => Request::Unpack { slot, length },
            },
            (Step::ReadBack, _) => Request::ReadBack { slot, offset, length },
            (Step::StoreState, _) => Request::StoreState,
            (Step::Trial, _) => Request::Trial,
            // There is nothing to ask for, and a decision to install is no longer in here. And without an image that runs there
            // is no delta.
            (Step::Refused, _) | (Step::HashSource, None) => Request::Decided,
        }
    }

    fn decode<'u>(&self, patch: &'u PatchRef) -> Request<'u> {
        let source = match (self.road, &self.running) {
            (Road::Delta, Some(source)) => patch_image(source.image.length, source.image.digest),
            (Road::Delta, None) | (Road::File | Road::Whole, _) => tuffet_patch::Image::NOTHING,
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

    // The errors below are the caller's: to make one of another would be to copy it.

    /// Takes the next bytes. After an error nothing goes on.
    pub(super) fn receive_bytes<E: From<Failure>>(&mut self, bytes: &[u8]) -> Result<(), E> {
        let image = &self.planned.image;
        let (length, digest, faults, next) = match (self.step, &self.running) {
            (Step::HashSource, Some(source)) => (
                source.image.length,
                &source.image.digest,
                [ImageFault::SourceDigest, ImageFault::SourceDigest],
                self.terms.after_source(),
            ),
            (Step::Download, _) => {
                let file = self.road.file(image);
                let faults = [ImageFault::FileDigest, ImageFault::FileTooLong];
                (file.length, &file.digest, faults, self.terms.before_slot())
            }
            (Step::ReadBack, _) => {
                let faults = [ImageFault::SlotDigest, ImageFault::SlotTooLong];
                (image.length, &image.digest, faults, Step::StoreState)
            }
            (Step::HashSource | Step::MarkEmpty | Step::Fill | Step::StoreState | Step::Trial | Step::Refused, _) => {
                self.step = Step::Refused;
                return Err(Failure::Misuse.into());
            }
        };
        let [differs, too_long] = faults;
        match self.measured.take(bytes, length) {
            Measure::More => Ok(()),
            Measure::Whole(came) if came == *digest => {
                self.go_to(next);
                Ok(())
            }
            Measure::Whole(_) => self.fall_back(differs),
            Measure::TooLong => self.fall_back(too_long),
        }
    }

    fn go_to(&mut self, step: Step) {
        self.step = step;
        self.measured = Measured::new();
    }

    pub(super) fn done<E: From<Failure>>(&mut self) -> Result<(), E> {
        let next = match self.step {
            Step::MarkEmpty => Step::Fill,
            Step::Fill => Step::ReadBack,
            Step::StoreState => Step::Trial,
            Step::HashSource | Step::Download | Step::ReadBack | Step::Trial | Step::Refused => {
                self.step = Step::Refused;
                return Err(Failure::Misuse.into());
            }
        };
        self.go_to(next);
        Ok(())
    }

    /// The way in use leads nowhere.
    pub(super) fn failed<E: From<Failure>>(&mut self, fault: ImageFault) -> Result<(), E> {
        match self.step {
            Step::HashSource | Step::Download | Step::Fill | Step::ReadBack => self.fall_back(fault),
            Step::MarkEmpty | Step::StoreState | Step::Trial | Step::Refused => {
                self.step = Step::Refused;
                Err(Failure::Misuse.into())
            }
        }
    }

    /// Goes on with the full image if it was a delta that failed, and the budget allows both.
    #[inline(never)]
    fn fall_back<E: From<Failure>>(&mut self, fault: ImageFault) -> Result<(), E> {
        self.step = Step::Refused;
        let road = self.other_road(fault)?;
        self.road = road;
        self.fell_back = Some(FellBack { fault });
        self.go_to(self.terms.first_step(&road));
        Ok(())
    }

    fn other_road(&self, fault: ImageFault) -> Result<Road, Failure> {
        let full = Road::full(&self.planned.image, self.terms.intake);
        let (Road::Delta, Some(road), None) = (&self.road, full, self.fell_back) else {
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
            Step::HashSource
            | Step::Download
            | Step::MarkEmpty
            | Step::Fill
            | Step::ReadBack
            | Step::StoreState
            | Step::Refused => Err(Failure::Misuse),
        }
    }
}

impl Terms {
    const fn of(context: &Context<'_>) -> Self {
        let has_boot_record = context.running.confirmed().is_some();
        Self {
            intake: context.device.intake,
            budget_bytes: if has_boot_record {
                context.device.data_budget_bytes
            } else {
                None
            },
            has_boot_record,
        }
    }

    const fn first_step(self, road: &Road) -> Step {
        match road {
            Road::Delta => Step::HashSource,
            Road::File | Road::Whole => self.after_source(),
        }
    }

    const fn after_source(self) -> Step {
        match self.intake {
            Intake::Kept => Step::Download,
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
