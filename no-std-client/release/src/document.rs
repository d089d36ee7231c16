//! The one strict parser of the release document.
//!
//! - It sees every byte, whatever it keeps: a document that one device refuses, all refuse, and so does the publisher.
//! - Lists that must not repeat ascend strictly, so that no memory is needed to notice a duplicate: components by name,
//!   images by hardware and address, patches by source and profile, stepping stones by version.
//! - `encryption` and `layout` are room for later formats. What they may say then is not known now, so they must be empty.

use crate::{
    Address, Class, Digest, FileRef, Id, Image, Malformed, Name, PatchRef, Profile, ReadError, Release, Rule,
    UnixSeconds, Version, Wanted, What,
    known::{Place, Spot, Step},
    names,
    read::{FieldCounts, Meaning as _, read},
    version::split_at,
};
use core::cmp::Ordering;
use tuffet_wire::{Container, Document, Path, Scalar, Segment, Sink, Text};

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
    reader.check().map_err(malformed)?;
    reader.fill_in().ok_or(malformed(What::MissingField))
}

/// The state of the parser: what was seen so far.
struct DocumentReader<'r> {
    wanted: Option<&'r Wanted>,
    /// What is large stands where it stays; a small device has no room for it twice.
    release: &'r mut Release,
    fields: FieldCounts,
    /// The product id that the file names begin with.
    file_product: Option<Id>,
    /// The parts of the image, of its patch, and of the file, whose object is open.
    image: ImageParts,
    patch: PatchParts,
    file: FileParts,
    /// What the patch before this one starts from, and for whom it is.
    patch_before: Option<(Source, Profile)>,
    /// Where the image before this one stands.
    image_before: Option<(Id, Address)>,
    component_before: Option<Id>,
    /// Whether the wanted component was read. Until then the image of a release is that of the component at hand.
    has_component: bool,

    attempt: Option<u32>,
    class: Option<Class>,
    interruption_s: Option<u32>,
    product: Option<Id>,
    released: Option<UnixSeconds>,
    rollback: Option<bool>,
    rule: Option<Rule>,
    wait_max_days: Option<u16>,
    security_version: Option<u32>,
    support_end: Option<UnixSeconds>,
    has_support_file: bool,
    version: Option<Version>,
}

#[derive(Copy, Clone, Default)]
struct ImageParts {
    address: Option<Address>,
    digest: Option<Digest>,
    file: Option<FileRef>,
    hardware: Option<Id>,
    length: Option<u32>,
    /// The patches that are wanted.
    delta: Option<PatchRef>,
    whole: Option<PatchRef>,
}

#[derive(Copy, Clone, Default)]
struct PatchParts {
    block_bytes: Option<u32>,
    head: Option<Digest>,
    profile: Option<Profile>,
    source: Option<Source>,
}

/// What a patch starts from. Nothing is before every digest, as the empty text is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Nothing,
    Image(Digest),
}

#[derive(Copy, Clone, Default)]
struct FileParts {
    digest: Option<Digest>,
    length: Option<u32>,
    name: Option<Name>,
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
            (Place::Document | Place::Advisory | Place::Interruption | Place::Rollout, Container::Object)
            | (Place::Cves | Place::Components | Place::SteppingStones, Container::Array) => {}
            (Place::Sbom | Place::Support | Place::File, Container::Object) => self.file = FileParts::default(),
            (Place::Component, Container::Object) => {
                self.drop_candidate();
                return bounded(path, COMPONENTS_MAX);
            }
            (Place::Images, Container::Array) => self.image_before = None,
            (Place::Image, Container::Object) => {
                self.image = ImageParts::default();
                return bounded(path, IMAGES_MAX);
            }
            (Place::Patches, Container::Array) => self.patch_before = None,
            (Place::Patch, Container::Object) => {
                self.patch = PatchParts::default();
                self.file = FileParts::default();
                return bounded(path, PATCHES_MAX);
            }
            (Place::Encryption, _) => return Err(What::EncryptionNotEmpty),
            (Place::Layout, _) => return Err(What::LayoutNotEmpty),
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
            (Place::Interruption, Step::Seconds) => set_number(&mut self.interruption_s, value),
            (Place::Rollout, Step::Rule) => self.rule_name(value),
            (Place::Rollout, Step::WaitMaxDays) => self.rule_wait(value),
            (Place::SteppingStones, Step::Item) => self.stepping_stone(value),
            (Place::Support, Step::End) => set_time(&mut self.support_end, value),
            (Place::File | Place::Sbom | Place::Support, field) => self.file_field(field, value),
            _ if spot.is_in_rule => Ok(()),
            _ => Err(What::UnknownField),
        }
    }

    fn close(&mut self, path: &Path<'_>, _: Container) -> Result<(), What> {
        let place = Spot::of(path).place;
        let count = self.fields.of(path);
        let fields = match place {
            Place::Advisory => ADVISORY_FIELDS,
            Place::Component => COMPONENT_FIELDS,
            Place::Document => FIELDS,
            Place::File | Place::Sbom => FILE_FIELDS,
            Place::Image => IMAGE_FIELDS,
            Place::Interruption => INTERRUPTION_FIELDS,
            Place::Patch => PATCH_FIELDS,
            Place::Support => SUPPORT_FIELDS,
            Place::Rollout => return self.end_rule(count),
            // Lists, and what a rule of later software holds.
            _ => return Ok(()),
        };
        complete(count, fields)?;
        match place {
            Place::File => self.image.file = Some(self.end_file()?),
            Place::Image => self.end_image()?,
            Place::Patch => self.end_patch()?,
            Place::Sbom => self.release.sbom = Some(self.end_file()?),
            Place::Support => {
                self.release.support.file = self.end_file()?;
                self.has_support_file = true;
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
            image: ImageParts::default(),
            patch: PatchParts::default(),
            file: FileParts::default(),
            patch_before: None,
            image_before: None,
            component_before: None,
            has_component: false,
            attempt: None,
            class: None,
            interruption_s: None,
            product: None,
            released: None,
            rollback: None,
            rule: None,
            wait_max_days: None,
            security_version: None,
            support_end: None,
            has_support_file: false,
            version: None,
        }
    }

    /// The image at hand is not of the wanted component.
    fn drop_candidate(&mut self) {
        if !self.has_component {
            self.release.image = None;
            self.release.runs_already = false;
        }
    }

    fn top(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        let is_empty = value == Scalar::String(Text::Whole(""));
        match field {
            Step::Type => value.must_be(TYPE, What::WrongType),
            Step::Format => value.must_be_format_0(),
            Step::Attempt => set_positive(&mut self.attempt, value),
            Step::Class => set(&mut self.class, Class::parse(value.text()?)),
            Step::Encryption => value.must_be("", What::EncryptionNotEmpty),
            Step::InstallBy | Step::Sbom if is_empty => Ok(()),
            Step::InstallBy => set_time(&mut self.release.install_by, value),
            Step::Layout => value.must_be("", What::LayoutNotEmpty),
            Step::Product => set_id(&mut self.product, value),
            Step::Released => set_time(&mut self.released, value),
            Step::Rollback => set(&mut self.rollback, Some(value.truth()?)),
            Step::SecurityVersion => set_number(&mut self.security_version, value),
            Step::Version => set(&mut self.version, Some(value.version()?)),
            Step::Advisory if value == Scalar::Null => Ok(()),
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
            Scalar::String(Text::Whole("")) => Err(What::BadValue),
            Scalar::String(Text::Whole(_) | Text::TooLong) => {
                self.release.advised = true;
                Ok(())
            }
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Negative | Scalar::Null => Err(What::BadValue),
        }
    }

    /// The name of a component stands behind its images, so the wanted image is adopted only now.
    fn component_name(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let name = value.id()?;
        if self.component_before.replace(name).is_some_and(|before| before >= name) {
            return Err(What::OutOfOrder);
        }
        if self.wanted.is_some_and(|wanted| wanted.component == name) {
            self.has_component = true;
        }
        self.drop_candidate();
        Ok(())
    }

    fn image_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        match field {
            Step::Address => set(&mut self.image.address, Address::parse(value.text()?)),
            Step::Digest => set_digest(&mut self.image.digest, value),
            Step::Hardware => set_id(&mut self.image.hardware, value),
            Step::Length => set_positive(&mut self.image.length, value),
            Step::File | Step::Patches => Err(What::BadValue),
            _ => Err(What::UnknownField),
        }
    }

    fn patch_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        match field {
            Step::BlockBytes => set_positive(&mut self.patch.block_bytes, value),
            Step::Head => set_digest(&mut self.patch.head, value),
            Step::Profile => set(&mut self.patch.profile, Profile::parse(value.text()?)),
            Step::Source if value == Scalar::String(Text::Whole("")) => {
                set(&mut self.patch.source, Some(Source::Nothing))
            }
            Step::Source => set(&mut self.patch.source, Some(Source::Image(value.digest()?))),
            _ => self.file_field(field, value),
        }
    }

    #[inline(never)]
    fn file_field(&mut self, field: Step, value: Scalar<'_>) -> Result<(), What> {
        match field {
            Step::Digest => set_digest(&mut self.file.digest, value),
            Step::Length => set_positive(&mut self.file.length, value),
            Step::Name => set(&mut self.file.name, Some(value.name()?)),
            _ => Err(What::UnknownField),
        }
    }

    #[inline(never)]
    fn end_file(&mut self) -> Result<FileRef, What> {
        let FileParts {
            digest: Some(digest),
            length: Some(length),
            name: Some(name),
        } = &self.file
        else {
            return Err(What::MissingField);
        };
        let product = split_at(name.as_str(), b'_').and_then(|(product, _)| Id::parse(product).ok());
        let product = product.ok_or(What::WrongFileName)?;
        if *self.file_product.get_or_insert(product) != product {
            return Err(What::WrongFileName);
        }
        Ok(FileRef {
            digest: *digest,
            length: *length,
            name: *name,
        })
    }

    #[inline(never)]
    fn end_patch(&mut self) -> Result<(), What> {
        let file = self.end_file()?;
        let PatchParts {
            block_bytes: Some(block_bytes),
            head: Some(head),
            profile: Some(profile),
            source: Some(source),
        } = &self.patch
        else {
            return Err(What::MissingField);
        };
        if !file.name.as_str().ends_with(".patch") {
            return Err(What::WrongFileName);
        }
        let place = (*source, *profile);
        follows(self.patch_before.as_ref(), &place, What::DuplicatePatch)?;
        self.patch_before = Some(place);
        let Some(wanted) = self.wanted.filter(|wanted| wanted.profile == *profile) else {
            return Ok(());
        };
        let kept = match source {
            Source::Nothing => &mut self.image.whole,
            Source::Image(digest) if Some(*digest) == wanted.running => &mut self.image.delta,
            Source::Image(_) => return Ok(()),
        };
        *kept = Some(PatchRef {
            file,
            head: *head,
            block_bytes: *block_bytes,
        });
        Ok(())
    }

    #[inline(never)]
    fn end_image(&mut self) -> Result<(), What> {
        let ImageParts {
            address: Some(address),
            digest: Some(digest),
            file: Some(file),
            hardware: Some(hardware),
            length: Some(length),
            delta,
            whole,
        } = &self.image
        else {
            return Err(What::MissingField);
        };
        if !file.name.as_str().ends_with(".zst") {
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
        self.release.runs_already |= wanted.running.as_ref() == Some(digest);
        let fits = match address {
            Address::At(address) => wanted.address == Some(*address),
            // Those linked for an address stand before: one that fits is there already.
            Address::Any => self.release.image.is_none(),
        };
        if fits {
            self.release.image = Some(Image {
                digest: *digest,
                length: *length,
                file: *file,
                delta: *delta,
                whole: *whole,
            });
        }
        Ok(())
    }

    fn rule_name(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let rule = match value.text()? {
            "none" => Rule::None,
            // The days stand behind the name and are filled in at the end of the object.
            "required" => Rule::Required { wait_max_days: 0 },
            _ => Rule::Unknown,
        };
        set(&mut self.rule, Some(rule))
    }

    fn rule_wait(&mut self, value: Scalar<'_>) -> Result<(), What> {
        // A rule of later software may use the name for something else.
        let is_required = matches!(self.rule, Some(Rule::Required { .. }));
        match value
            .number()
            .and_then(|days| u16::try_from(days).map_err(|_| What::BadValue))
        {
            Ok(days) => set(&mut self.wait_max_days, Some(days)),
            Err(what) if is_required => Err(what),
            Err(_) => Ok(()),
        }
    }

    fn end_rule(&mut self, count: u8) -> Result<(), What> {
        match (self.rule, self.wait_max_days) {
            (None, _) => Err(What::MissingField),
            (Some(Rule::None), _) => complete(count, 1),
            (Some(Rule::Required { .. }), Some(wait_max_days)) => {
                complete(count, 2)?;
                set(&mut self.rule, Some(Rule::Required { wait_max_days }))
            }
            (Some(Rule::Required { .. }), None) => Err(What::MissingField),
            (Some(Rule::Unknown), _) => Ok(()),
        }
    }

    fn stepping_stone(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let stone = value.version()?;
        let stones = &mut self.release.stepping_stones;
        if stones.last().is_some_and(|last| *last >= stone) {
            return Err(What::OutOfOrder);
        }
        stones.try_push(stone).map_err(|_| What::TooMany)
    }

    /// What is right or wrong about the document as a whole.
    fn check(&self) -> Result<(), What> {
        if self.class == Some(Class::Security) && !self.release.advised {
            return Err(What::SecurityWithoutAdvisory);
        }
        let (Some(product), true) = (&self.product, self.has_support_file) else {
            return Err(What::MissingField);
        };
        let support = &self.release.support.file;
        let is_of_product = self.file_product == Some(*product) && support.name == names::support(product);
        if is_of_product
            && self
                .release
                .sbom
                .as_ref()
                .is_none_or(|sbom| sbom.name.as_str().ends_with(".json"))
        {
            Ok(())
        } else {
            Err(What::WrongFileName)
        }
    }

    /// What was kept beside the release; nothing if a field is missing.
    fn fill_in(self) -> Option<()> {
        let release = self.release;
        release.product = self.product?;
        release.version = self.version?;
        release.security_version = self.security_version?;
        release.class = self.class?;
        release.attempt = self.attempt?;
        release.rollback = self.rollback?;
        release.released = self.released?;
        release.interruption_s = self.interruption_s?;
        release.rule = self.rule?;
        release.support.end = self.support_end?;
        Some(())
    }
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), What> {
    *place = Some(value.ok_or(What::BadValue)?);
    Ok(())
}

// What is read more than once, each in one piece of code.

#[inline(never)]
fn set_digest(place: &mut Option<Digest>, value: Scalar<'_>) -> Result<(), What> {
    set(place, Some(value.digest()?))
}

#[inline(never)]
fn set_id(place: &mut Option<Id>, value: Scalar<'_>) -> Result<(), What> {
    set(place, Some(value.id()?))
}

#[inline(never)]
fn set_number(place: &mut Option<u32>, value: Scalar<'_>) -> Result<(), What> {
    set(place, Some(value.number()?))
}

#[inline(never)]
fn set_positive(place: &mut Option<u32>, value: Scalar<'_>) -> Result<(), What> {
    set(place, Some(value.number()?).filter(|number| *number > 0))
}

#[inline(never)]
fn set_time(place: &mut Option<UnixSeconds>, value: Scalar<'_>) -> Result<(), What> {
    set(place, Some(value.time()?))
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
    let parts = text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=12).contains(&number.len()) && digits(number)
    })
}
