//! The one strict parser of the release document.
//!
//! - It sees every byte, whatever it keeps: a document that one device refuses, all refuse, and so does the publisher.
//! - Lists that must not repeat ascend strictly, so that no memory is needed to notice a duplicate: components by name,
//!   images by hardware and address, patches by source and profile, stepping stones by version.
//! - `encryption` and `layout` are room for later formats. What they may say then is not known now, so they must be empty.

use crate::{
    Address, Class, Digest, FileRef, Id, Image, Malformed, PatchRef, Profile, ReadError, Release, Rule, Version,
    Wanted, What,
    known::{Place, Spot, Step},
    names,
    read::{FieldCounts, Meaning as _, parsed, read, set, set_id, set_number, set_positive, set_time, set_version},
    version::split_at,
};
use core::cmp::Ordering;
use tuffet_wire::{Container, Document, Path, Scalar, Segment, Sink};

/// Longest release document in bytes: what the staging area of a small device holds.
pub const DOCUMENT_BYTES_MAX: u32 = 8 * 1024;
/// Most components in a release document.
pub const COMPONENTS_MAX: u32 = 4;
/// Most images in a component.
pub const IMAGES_MAX: u32 = 16;
/// Most patches to an image.
pub const PATCHES_MAX: u32 = 16;
/// Most CVE numbers in an advisory.
pub const CVES_MAX: u32 = 32;

const TYPE: &str = "tuffet-release";
const FIELDS: u8 = 19;
const ADVISORY_FIELDS: u8 = 3;
const COMPONENT_FIELDS: u8 = 2;
const IMAGE_FIELDS: u8 = 6;
const FILE_FIELDS: u8 = 3;
const PATCH_FIELDS: u8 = 7;
const INTERRUPTION_FIELDS: u8 = 1;
const SUPPORT_FIELDS: u8 = 4;

/// Reads all of `document` into `release`. After an error that is of no use.
#[inline(never)]
pub(crate) fn read_release<D: Document>(
    document: &mut D,
    wanted: Option<&Wanted>,
    release: &mut Release,
) -> Result<(), ReadError<D::Error>> {
    *release = Release::nothing();
    let mut reader = DocumentReader::new(wanted, release);
    read(document, DOCUMENT_BYTES_MAX, &mut reader)?;
    let at = document.length();
    let malformed = |what| ReadError::Malformed(Malformed { at, what });
    reader.check().map_err(malformed)
}

/// The state of the parser: what was seen so far.
///
/// Nothing here is an option only because it may be missing. Keys are unique, unknown ones are refused, and an object that closes has as
/// many as it must: so when it does, each of its fields was read.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct DocumentReader<'r> {
    wanted: Option<&'r Wanted>,
    /// What is large stands where it stays; a small device has no room for it twice.
    release: &'r mut Release,
    fields: FieldCounts,
    /// The product id that the file names begin with.
    file_product: Option<Id>,
    /// The image, the patch and the file whose object is open.
    image: ImageParts,
    patch: PatchParts,
    file: FileRef,
    /// What the patch before this one starts from, and for whom it is.
    patch_before: Option<(Source, Profile)>,
    /// Where the image before this one stands.
    image_before: Option<(Id, Address)>,
    component_before: Option<Id>,
    /// Whether the wanted component was read. Until then the image of a release is that of the component at hand.
    has_component: bool,
    rule: Option<Rule>,
    wait_max_days: Option<u16>,
}

/// An image, with the patches to it that are wanted.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct ImageParts {
    address: Address,
    hardware: Id,
    image: Image,
}

struct PatchParts {
    block_bytes: u32,
    head: Digest,
    profile: Profile,
    source: Source,
}

/// What a patch starts from. Nothing is before every image, as the empty text is before every digest.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    is_image: bool,
    /// The image's; zeros, if it is none.
    digest: Digest,
}

impl Source {
    const NOTHING: Self = Self {
        is_image: false,
        digest: [0; 32],
    };
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a place that needs nothing done, or is not one of a release document"
)]
impl Sink for DocumentReader<'_> {
    type Refusal = What;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), What> {
        self.fields.open(path);
        let spot = Spot::of(path);
        if spot.is_in_rule {
            // What a rule of later software needs is not known now.
            return Ok(());
        }
        match (spot.place, kind) {
            (Place::Encryption, _) => return Err(What::EncryptionNotEmpty),
            (Place::Layout, _) => return Err(What::LayoutNotEmpty),
            (Place::Cves | Place::Components | Place::SteppingStones, Container::Array) => {}
            (Place::Images, Container::Array) => self.image_before = None,
            (Place::Patches, Container::Array) => self.patch_before = None,
            (Place::Rollout, Container::Object) => {}
            (place, Container::Object) if fields(place) > 0 => return self.open_item(place, path),
            _ => return Err(What::UnknownField),
        }
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), What> {
        self.fields.value(path);
        let spot = Spot::of(path);
        match (spot.around, spot.step) {
            (Place::Document, field) => self.top(field, value),
            (Place::Advisory, Step::Text) => self.advisory_text(value),
            (Place::Advisory, Step::Risk) => value.text().map(|_| ()),
            (Place::Cves, Step::Item) => {
                bounded(path, CVES_MAX)?;
                if is_cve(value.text()?) {
                    Ok(())
                } else {
                    Err(What::BadValue)
                }
            }
            (Place::Component, Step::Name) => self.component_name(value),
            (Place::Image, field) => self.image_field(field, value),
            (Place::Patch, field) => self.patch_field(field, value),
            (Place::Interruption, Step::Seconds) => set_number(&mut self.release.interruption_s, value),
            (Place::Rollout, Step::Rule) => self.rule_name(value),
            (Place::Rollout, Step::WaitMaxDays) => self.rule_wait(value),
            (Place::SteppingStones, Step::Item) => self.stepping_stone(value),
            (Place::Support, Step::End) => set_time(&mut self.release.support.end, value),
            (Place::File | Place::Sbom | Place::Support, field) => self.file_field(field, value),
            _ if spot.is_in_rule => Ok(()),
            _ => Err(What::UnknownField),
        }
    }

    fn close(&mut self, path: &Path<'_>, _: Container) -> Result<(), What> {
        let place = Spot::of(path).place;
        let count = self.fields.of(path);
        let fields = fields(place);
        if fields > 0 {
            complete(count, fields)?;
        }
        match place {
            Place::File => {
                self.end_file()?;
                keep(&mut self.image.image.file, &self.file);
            }
            Place::Image => return self.end_image(),
            Place::Patch => return self.end_patch(),
            Place::Rollout => return self.end_rule(count),
            Place::Sbom => {
                self.end_file()?;
                self.release.sbom = Some(self.file);
            }
            Place::Support => {
                self.end_file()?;
                keep(&mut self.release.support.file, &self.file);
            }
            _ => {}
        }
        Ok(())
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a step that a place does not name is unknown there"
)]
impl<'r> DocumentReader<'r> {
    fn new(wanted: Option<&'r Wanted>, release: &'r mut Release) -> Self {
        Self {
            wanted,
            release,
            fields: FieldCounts::default(),
            file_product: None,
            image: ImageParts {
                address: Address::Any,
                hardware: Id::firmware(),
                image: Image {
                    digest: [0; 32],
                    length: 0,
                    file: FileRef::nothing(),
                    delta: None,
                    whole: None,
                },
            },
            patch: PatchParts {
                block_bytes: 0,
                head: [0; 32],
                profile: Profile::Small,
                source: Source::NOTHING,
            },
            file: FileRef::nothing(),
            patch_before: None,
            image_before: None,
            component_before: None,
            has_component: false,
            rule: None,
            wait_max_days: None,
        }
    }

    /// An object begins; of those that are items of lists there may be so many.
    fn open_item(&mut self, place: Place, path: &Path<'_>) -> Result<(), What> {
        let count_max = match place {
            Place::Component => {
                self.drop_candidate();
                COMPONENTS_MAX
            }
            Place::Image => {
                self.image.image.delta = None;
                self.image.image.whole = None;
                IMAGES_MAX
            }
            Place::Patch => PATCHES_MAX,
            _ => return Ok(()),
        };
        bounded(path, count_max)
    }

    /// The image at hand is not of the wanted component.
    fn drop_candidate(&mut self) {
        if !self.has_component {
            self.release.image = None;
            self.release.runs_already = false;
        }
    }

    fn top(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        let release = &mut *self.release;
        match field {
            Step::Type => value.must_be(TYPE, What::WrongType),
            Step::Format => value.must_be_format_0(),
            Step::Attempt => set_positive(&mut release.attempt, value),
            Step::Class => set(&mut release.class, parsed(Class::parse(value.text()?))),
            Step::Encryption => value.must_be("", What::EncryptionNotEmpty),
            Step::InstallBy | Step::Sbom if value.is_empty() => Ok(()),
            Step::InstallBy => set(&mut release.install_by, value.time().map(Some)),
            Step::Layout => value.must_be("", What::LayoutNotEmpty),
            Step::Product => set_id(&mut release.product, value),
            Step::Released => set_time(&mut release.released, value),
            Step::Rollback => set(&mut release.rollback, value.truth()),
            Step::SecurityVersion => set_number(&mut release.security_version, value),
            Step::Version => set_version(&mut release.version, value),
            Step::Advisory if matches!(value, Scalar::Null) => Ok(()),
            Step::Advisory
            | Step::Components
            | Step::Interruption
            | Step::Rollout
            | Step::Sbom
            | Step::SteppingStones
            | Step::Support => Err(What::BadValue),
            _ => Err(What::UnknownField),
        }
    }

    /// Longer than the scanner keeps is fine: a device does not show it, and the bytes are signed.
    fn advisory_text(&mut self, value: Scalar<'_>) -> Result<(), What> {
        match value {
            Scalar::String(_) if !value.is_empty() => {
                self.release.advised = true;
                Ok(())
            }
            _ => Err(What::BadValue),
        }
    }

    /// The name of a component stands behind its images, so the wanted image is adopted only now.
    fn component_name(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let mut name = Id::firmware();
        set_id(&mut name, value)?;
        if self.component_before.is_some_and(|before| before >= name) {
            return Err(What::OutOfOrder);
        }
        self.component_before = Some(name);
        if self.wanted.is_some_and(|wanted| wanted.component == name) {
            self.has_component = true;
        }
        self.drop_candidate();
        Ok(())
    }

    fn image_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        let ImageParts {
            address,
            hardware,
            image,
        } = &mut self.image;
        match field {
            Step::Address => set(address, parsed(Address::parse(value.text()?))),
            Step::Digest => value.digest_into(&mut image.digest),
            Step::Hardware => set_id(hardware, value),
            Step::Length => set_positive(&mut image.length, value),
            Step::File | Step::Patches => Err(What::BadValue),
            _ => Err(What::UnknownField),
        }
    }

    fn patch_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        match field {
            Step::BlockBytes => set_positive(&mut self.patch.block_bytes, value),
            Step::Head => value.digest_into(&mut self.patch.head),
            Step::Profile => set(&mut self.patch.profile, parsed(Profile::parse(value.text()?))),
            Step::Source if value.is_empty() => {
                self.patch.source = Source::NOTHING;
                Ok(())
            }
            Step::Source => {
                self.patch.source.is_image = true;
                value.digest_into(&mut self.patch.source.digest)
            }
            _ => self.file_field(field, value),
        }
    }

    #[inline(never)]
    fn file_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        match field {
            Step::Digest => value.digest_into(&mut self.file.digest),
            Step::Length => set_positive(&mut self.file.length, value),
            Step::Name => set(&mut self.file.name, value.name()),
            _ => Err(What::UnknownField),
        }
    }

    /// The file that was read is one of the product that the others are of.
    #[inline(never)]
    fn end_file(&mut self) -> Result<(), What> {
        let product = split_at(self.file.name.as_str(), b'_').and_then(|(product, _)| Id::parse(product).ok());
        let product = product.ok_or(What::WrongFileName)?;
        if *self.file_product.get_or_insert(product) != product {
            return Err(What::WrongFileName);
        }
        Ok(())
    }

    #[inline(never)]
    fn end_patch(&mut self) -> Result<(), What> {
        self.end_file()?;
        if !self.file.name.as_str().ends_with(".patch") {
            return Err(What::WrongFileName);
        }
        let patch = &self.patch;
        let place = (patch.source, patch.profile);
        follows(self.patch_before.as_ref(), &place, What::DuplicatePatch)?;
        self.patch_before = Some(place);
        let Some(wanted) = self.wanted.filter(|wanted| wanted.profile == patch.profile) else {
            return Ok(());
        };
        let kept = if !patch.source.is_image {
            &mut self.image.image.whole
        } else if wanted.running.as_ref() == Some(&patch.source.digest) {
            &mut self.image.image.delta
        } else {
            return Ok(());
        };
        *kept = Some(PatchRef {
            file: self.file,
            head: patch.head,
            block_bytes: patch.block_bytes,
        });
        Ok(())
    }

    #[inline(never)]
    fn end_image(&mut self) -> Result<(), What> {
        let ImageParts {
            address,
            hardware,
            image,
        } = &self.image;
        if !image.file.name.as_str().ends_with(".zst") {
            return Err(What::WrongFileName);
        }
        let place = (*hardware, *address);
        follows(self.image_before.as_ref(), &place, What::DuplicateImage)?;
        self.image_before = Some(place);
        let Some(wanted) = self.wanted.filter(|wanted| wanted.hardware == *hardware) else {
            return Ok(());
        };
        if self.has_component {
            return Ok(());
        }
        // Linked for the other slot, it may be the one that runs.
        self.release.runs_already |= wanted.running.as_ref() == Some(&image.digest);
        let fits = match address {
            Address::At(address) => wanted.address == Some(*address),
            // Those linked for an address stand before: one that fits is there already.
            Address::Any => self.release.image.is_none(),
        };
        if fits {
            self.release.image = Some(*image);
        }
        Ok(())
    }

    fn rule_name(&mut self, value: Scalar<'_>) -> Result<(), What> {
        self.rule = Some(match value.text()? {
            "none" => Rule::None,
            // The days stand behind the name and are filled in at the end of the object.
            "required" => Rule::Required { wait_max_days: 0 },
            _ => Rule::Unknown,
        });
        Ok(())
    }

    fn rule_wait(&mut self, value: Scalar<'_>) -> Result<(), What> {
        // A rule of later software may use the name for something else.
        let is_required = matches!(self.rule, Some(Rule::Required { .. }));
        let days = value.number().ok().and_then(|days| u16::try_from(days).ok());
        self.wait_max_days = days;
        if is_required && days.is_none() {
            return Err(What::BadValue);
        }
        Ok(())
    }

    fn end_rule(&mut self, count: u8) -> Result<(), What> {
        let rule = self.rule.ok_or(What::MissingField)?;
        self.release.rule = rule;
        match rule {
            Rule::None => complete(count, 1),
            Rule::Required { .. } => {
                let wait_max_days = self.wait_max_days.ok_or(What::MissingField)?;
                self.release.rule = Rule::Required { wait_max_days };
                complete(count, 2)
            }
            Rule::Unknown => Ok(()),
        }
    }

    fn stepping_stone(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let mut stone = Version::ZERO;
        set_version(&mut stone, value)?;
        let stones = &mut self.release.stepping_stones;
        if stones.last().is_some_and(|last| *last >= stone) {
            return Err(What::OutOfOrder);
        }
        stones.try_push(stone).map_err(|_| What::TooMany)
    }

    /// What is right or wrong about the document as a whole.
    fn check(&self) -> Result<(), What> {
        let release = &*self.release;
        if release.class == Class::Security && !release.advised {
            return Err(What::SecurityWithoutAdvisory);
        }
        let is_of_product = self.file_product == Some(release.product)
            && names::is_support(&release.support.file.name, &release.product);
        let is_bill = |sbom: &FileRef| sbom.name.as_str().ends_with(".json");
        if is_of_product && release.sbom.as_ref().is_none_or(is_bill) {
            Ok(())
        } else {
            Err(What::WrongFileName)
        }
    }
}

/// Keeps what was read of a file. The compiler knows of two arguments that they do not overlap: in place it would move one over the other,
/// by a function that nothing else needs.
#[inline(never)]
fn keep(place: &mut FileRef, file: &FileRef) {
    *place = *file;
}

/// Refuses an item behind the last one that a list may have.
fn bounded(path: &Path<'_>, count_max: u32) -> Result<(), What> {
    match path.segments().last() {
        Some(Segment::Index(index)) if *index >= count_max => Err(What::TooMany),
        Some(Segment::Index(_) | Segment::Key(_)) | None => Ok(()),
    }
}

/// Refuses an item that is not behind the one before it.
fn follows<T: Ord>(before: Option<&T>, item: &T, duplicate: What) -> Result<(), What> {
    match before.map_or(Ordering::Less, |before| before.cmp(item)) {
        Ordering::Less => Ok(()),
        Ordering::Equal => Err(duplicate),
        Ordering::Greater => Err(What::OutOfOrder),
    }
}

/// How many fields an object has; none, if that is not known: a rule of later software may have any. Lists have none either.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the others are lists, or in no release document"
)]
#[inline(never)]
const fn fields(place: Place) -> u8 {
    match place {
        Place::Advisory => ADVISORY_FIELDS,
        Place::Component => COMPONENT_FIELDS,
        Place::Document => FIELDS,
        Place::File | Place::Sbom => FILE_FIELDS,
        Place::Image => IMAGE_FIELDS,
        Place::Interruption => INTERRUPTION_FIELDS,
        Place::Patch => PATCH_FIELDS,
        Place::Support => SUPPORT_FIELDS,
        _ => 0,
    }
}

fn complete(count: u8, fields: u8) -> Result<(), What> {
    match count.cmp(&fields) {
        Ordering::Less => Err(What::MissingField),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(What::UnknownField),
    }
}

/// `CVE-`, a year of four digits, `-`, a number of at least four digits.
fn is_cve(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.strip_prefix("CVE-").and_then(|rest| split_at(rest, b'-'));
    parts.is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=12).contains(&number.len()) && digits(number)
    })
}
