//! The one strict parser of the release document.
//!
//! - It sees every byte, whatever it keeps: a document that one device refuses, all refuse, and so does the publisher.
//! - Lists that must not repeat ascend strictly, so that no memory is needed to notice a duplicate: components by name,
//!   images by hardware and address, patches by source and profile, stepping stones by version.
//! - `encryption` and `layout` are room for later formats. What they may say then is not known now, so they must be empty.

use crate::{
    Address, Class, Digest, FileRef, Id, Image, Malformed, Name, PatchRef, Profile, ReadError, Release, Rule,
    STEPPING_STONES_MAX, SupportFacts, UnixSeconds, Version, Wanted, What, names,
    read::{FieldCounts, Meaning as _, read},
};
use arrayvec::ArrayVec;
use tuffet_wire::{Container, Document, Path, Scalar, Segment, Segment::Index, Segment::Key, Sink, Text};

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

/// Reads all of `document` and keeps what `reader` wants.
pub(crate) fn read_release<D: Document>(
    document: &mut D,
    mut reader: DocumentReader,
) -> Result<Release, ReadError<D::Error>> {
    read(document, DOCUMENT_BYTES_MAX, &mut reader)?;
    let at = document.length();
    reader
        .finish()
        .map_err(|what| ReadError::Malformed(Malformed { at, what }))
}

/// The state of the parser: what was seen so far.
#[derive(Default)]
pub(crate) struct DocumentReader {
    wanted: Option<Wanted>,
    fields: FieldCounts,
    /// The product id that the file names begin with.
    file_product: Option<Id>,
    /// The parts of the image, of its patch, and of the file, whose object is open.
    image: ImageParts,
    patch: PatchParts,
    file: FileParts,
    /// What the patch before this one starts from, and for whom it is.
    patch_before: Option<(Option<Digest>, Profile)>,
    /// Where the image before this one stands, and the wanted one of this component.
    image_before: Option<(Id, Address)>,
    candidate: Option<Image>,
    /// Whether an image of this component is the one that runs; and whether one of the wanted component is.
    candidate_runs: bool,
    runs: bool,
    component_before: Option<Id>,

    advised: bool,
    attempt: Option<u32>,
    class: Option<Class>,
    found: Option<Image>,
    install_by: Option<UnixSeconds>,
    interruption_s: Option<u32>,
    product: Option<Id>,
    released: Option<UnixSeconds>,
    rollback: Option<bool>,
    rule: Option<Rule>,
    wait_max_days: Option<u16>,
    sbom: Option<FileRef>,
    security_version: Option<u32>,
    stepping_stones: ArrayVec<Version, STEPPING_STONES_MAX>,
    support_end: Option<UnixSeconds>,
    support_file: Option<FileRef>,
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

/// What a patch starts from.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Source {
    Image(Digest),
    Nothing,
}

#[derive(Copy, Clone, Default)]
struct FileParts {
    digest: Option<Digest>,
    length: Option<u32>,
    name: Option<Name>,
}

impl Sink for DocumentReader {
    type Refusal = What;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), What> {
        self.fields.open(path);
        match (path.segments(), kind) {
            ([], Container::Object)
            | ([Key("advisory" | "interruption")], Container::Object)
            | ([Key("advisory"), Key("cves")], Container::Array)
            | ([Key("components" | "stepping_stones")], Container::Array) => Ok(()),
            // What a rule of later software needs is not known now.
            ([Key("rollout")], Container::Object) | ([Key("rollout"), _, ..], _) => Ok(()),
            ([Key("sbom" | "support")], Container::Object) => {
                self.file = FileParts::default();
                Ok(())
            }
            ([Key("components"), Index(index)], Container::Object) => {
                self.candidate = None;
                self.candidate_runs = false;
                bounded(*index, COMPONENTS_MAX)
            }
            ([Key("components"), Index(_), Key("images")], Container::Array) => {
                self.image_before = None;
                Ok(())
            }
            ([Key("components"), Index(_), Key("images"), Index(index)], Container::Object) => {
                self.image = ImageParts::default();
                bounded(*index, IMAGES_MAX)
            }
            (
                [
                    Key("components"),
                    Index(_),
                    Key("images"),
                    Index(_),
                    Key("patches"),
                    rest @ ..,
                ],
                kind,
            ) => self.open_patches(rest, kind),
            ([Key("components"), Index(_), Key("images"), Index(_), Key("file")], Container::Object) => {
                self.file = FileParts::default();
                Ok(())
            }
            ([Key("encryption")], _) => Err(What::EncryptionNotEmpty),
            ([Key("layout")], _) => Err(What::LayoutNotEmpty),
            _ => Err(What::UnknownField),
        }
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), What> {
        self.fields.value(path);
        match path.segments() {
            [Key(key)] => self.top(key, value),
            [Key("advisory"), Key("text")] => self.advisory_text(value),
            [Key("advisory"), Key("risk")] => value.text().map(|_| ()),
            [Key("advisory"), Key("cves"), Index(index)] => {
                bounded(*index, CVES_MAX)?;
                if is_cve(value.text()?) {
                    Ok(())
                } else {
                    Err(What::BadValue)
                }
            }
            [Key("components"), Index(_), Key("name")] => self.component_name(value),
            [Key("components"), Index(_), Key("images"), Index(_), Key(key)] => self.image_field(key, value),
            [
                Key("components"),
                Index(_),
                Key("images"),
                Index(_),
                Key("file"),
                Key(key),
            ] => self.file_field(key, value),
            [
                Key("components"),
                Index(_),
                Key("images"),
                Index(_),
                Key("patches"),
                Index(_),
                Key(key),
            ] => self.patch_field(key, value),
            [Key("interruption"), Key("seconds")] => set(&mut self.interruption_s, value.number()?),
            [Key("rollout"), Key("rule")] => self.rule_name(value),
            [Key("rollout"), Key("wait_max_days")] => self.rule_wait(value),
            [Key("rollout"), ..] => Ok(()),
            [Key("sbom"), Key(key)] => self.file_field(key, value),
            [Key("stepping_stones"), Index(_)] => self.stepping_stone(value),
            [Key("support"), Key("end")] => set(&mut self.support_end, value.time()?),
            [Key("support"), Key(key)] => self.file_field(key, value),
            _ => Err(What::UnknownField),
        }
    }

    fn close(&mut self, path: &Path<'_>, _: Container) -> Result<(), What> {
        let count = self.fields.of(path);
        match path.segments() {
            [] => complete(count, FIELDS),
            [Key("advisory")] => complete(count, ADVISORY_FIELDS),
            [Key("components"), Index(_)] => complete(count, COMPONENT_FIELDS),
            [Key("components"), Index(_), Key("images"), Index(_)] => {
                complete(count, IMAGE_FIELDS)?;
                self.end_image()
            }
            [Key("components"), Index(_), Key("images"), Index(_), Key("file")] => {
                complete(count, FILE_FIELDS)?;
                self.image.file = Some(self.end_file()?);
                Ok(())
            }
            [
                Key("components"),
                Index(_),
                Key("images"),
                Index(_),
                Key("patches"),
                Index(_),
            ] => {
                complete(count, PATCH_FIELDS)?;
                self.end_patch()
            }
            [Key("interruption")] => complete(count, INTERRUPTION_FIELDS),
            [Key("rollout")] => self.end_rule(count),
            [Key("sbom")] => {
                complete(count, FILE_FIELDS)?;
                self.sbom = Some(self.end_file()?);
                Ok(())
            }
            [Key("support")] => {
                complete(count, SUPPORT_FIELDS)?;
                self.support_file = Some(self.end_file()?);
                Ok(())
            }
            // Lists, and what a rule of later software holds.
            _ => Ok(()),
        }
    }
}

impl DocumentReader {
    pub(crate) fn new(wanted: Option<Wanted>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    fn top(&mut self, key: &str, value: Scalar<'_>) -> Result<(), What> {
        match key {
            "_type" => value.must_be(TYPE, What::WrongType),
            "advisory" if value == Scalar::Null => Ok(()),
            "attempt" => set(&mut self.attempt, positive(value)?),
            "class" => set(&mut self.class, Class::parse(value.text()?).ok_or(What::BadValue)?),
            "encryption" => value.must_be("", What::EncryptionNotEmpty),
            "format" if value == Scalar::Integer(0) => Ok(()),
            "format" => Err(What::UnknownFormat),
            "install_by" | "sbom" if value == Scalar::String(Text::Whole("")) => Ok(()),
            "install_by" => set(&mut self.install_by, value.time()?),
            "layout" => value.must_be("", What::LayoutNotEmpty),
            "product" => set(&mut self.product, value.id()?),
            "released" => set(&mut self.released, value.time()?),
            "rollback" => set(&mut self.rollback, value.truth()?),
            "security_version" => set(&mut self.security_version, value.number()?),
            "version" => set(&mut self.version, value.version()?),
            "advisory" | "components" | "interruption" | "rollout" | "sbom" | "stepping_stones" | "support" => {
                Err(What::BadValue)
            }
            _ => Err(What::UnknownField),
        }
    }

    /// Longer than the scanner keeps is fine: a device does not show it, and the bytes are signed.
    fn advisory_text(&mut self, value: Scalar<'_>) -> Result<(), What> {
        match value {
            Scalar::String(Text::Whole("")) => Err(What::BadValue),
            Scalar::String(Text::Whole(_) | Text::TooLong) => {
                self.advised = true;
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
            self.found = self.candidate;
            self.runs = self.candidate_runs;
        }
        Ok(())
    }

    fn image_field(&mut self, key: &str, value: Scalar<'_>) -> Result<(), What> {
        match key {
            "address" => set(
                &mut self.image.address,
                Address::parse(value.text()?).ok_or(What::BadValue)?,
            ),
            "digest" => set(&mut self.image.digest, value.digest()?),
            "hardware" => set(&mut self.image.hardware, value.id()?),
            "length" => set(&mut self.image.length, positive(value)?),
            "file" | "patches" => Err(What::BadValue),
            _ => Err(What::UnknownField),
        }
    }

    fn open_patches(&mut self, below: &[Segment<'_>], kind: Container) -> Result<(), What> {
        match (below, kind) {
            ([], Container::Array) => {
                self.patch_before = None;
                Ok(())
            }
            ([Index(index)], Container::Object) => {
                self.patch = PatchParts::default();
                self.file = FileParts::default();
                bounded(*index, PATCHES_MAX)
            }
            _ => Err(What::UnknownField),
        }
    }

    fn patch_field(&mut self, key: &str, value: Scalar<'_>) -> Result<(), What> {
        match key {
            "block_bytes" => set(&mut self.patch.block_bytes, positive(value)?),
            "head" => set(&mut self.patch.head, value.digest()?),
            "profile" => set(
                &mut self.patch.profile,
                Profile::parse(value.text()?).ok_or(What::BadValue)?,
            ),
            "source" if value == Scalar::String(Text::Whole("")) => set(&mut self.patch.source, Source::Nothing),
            "source" => set(&mut self.patch.source, Source::Image(value.digest()?)),
            _ => self.file_field(key, value),
        }
    }

    fn file_field(&mut self, key: &str, value: Scalar<'_>) -> Result<(), What> {
        match key {
            "digest" => set(&mut self.file.digest, value.digest()?),
            "length" => set(&mut self.file.length, positive(value)?),
            "name" => set(&mut self.file.name, value.name()?),
            _ => Err(What::UnknownField),
        }
    }

    fn end_file(&mut self) -> Result<FileRef, What> {
        let FileParts {
            digest: Some(digest),
            length: Some(length),
            name: Some(name),
        } = self.file
        else {
            return Err(What::MissingField);
        };
        let product = name
            .as_str()
            .split_once('_')
            .and_then(|(product, _)| Id::parse(product).ok());
        let product = product.ok_or(What::WrongFileName)?;
        if *self.file_product.get_or_insert(product) != product {
            return Err(What::WrongFileName);
        }
        Ok(FileRef { digest, length, name })
    }

    fn end_patch(&mut self) -> Result<(), What> {
        let PatchParts {
            block_bytes: Some(block_bytes),
            head: Some(head),
            profile: Some(profile),
            source: Some(source),
        } = self.patch
        else {
            return Err(What::MissingField);
        };
        let file = self.end_file()?;
        if !file.name.as_str().ends_with(".patch") {
            return Err(What::WrongFileName);
        }
        let source = match source {
            Source::Image(digest) => Some(digest),
            Source::Nothing => None,
        };
        // `None` is before every digest, as the empty text is.
        let place = (source, profile);
        match self.patch_before.replace(place) {
            Some(before) if before == place => return Err(What::DuplicatePatch),
            Some(before) if before > place => return Err(What::OutOfOrder),
            Some(_) | None => {}
        }
        let Some(wanted) = self.wanted.filter(|wanted| wanted.profile == profile) else {
            return Ok(());
        };
        let patch = Some(PatchRef {
            file,
            head,
            block_bytes,
        });
        match source {
            None => self.image.whole = patch,
            Some(_) if source == wanted.running => self.image.delta = patch,
            Some(_) => {}
        }
        Ok(())
    }

    fn end_image(&mut self) -> Result<(), What> {
        let ImageParts {
            address: Some(address),
            digest: Some(digest),
            file: Some(file),
            hardware: Some(hardware),
            length: Some(length),
            delta,
            whole,
        } = self.image
        else {
            return Err(What::MissingField);
        };
        if !file.name.as_str().ends_with(".zst") {
            return Err(What::WrongFileName);
        }
        let place = (hardware, address);
        match self.image_before.replace(place) {
            Some(before) if before == place => return Err(What::DuplicateImage),
            Some(before) if before > place => return Err(What::OutOfOrder),
            Some(_) | None => {}
        }
        let Some(wanted) = self.wanted.filter(|wanted| wanted.hardware == hardware) else {
            return Ok(());
        };
        // Linked for the other slot, it may be the one that runs.
        self.candidate_runs |= wanted.running == Some(digest);
        let fits = match address {
            Address::At(address) => wanted.address == Some(address),
            // Those linked for an address stand before: one that fits is there already.
            Address::Any => self.candidate.is_none(),
        };
        if fits {
            self.candidate = Some(Image {
                digest,
                length,
                file,
                delta,
                whole,
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
        set(&mut self.rule, rule)
    }

    fn rule_wait(&mut self, value: Scalar<'_>) -> Result<(), What> {
        // A rule of later software may use the name for something else.
        let is_required = matches!(self.rule, Some(Rule::Required { .. }));
        match value
            .number()
            .and_then(|days| u16::try_from(days).map_err(|_| What::BadValue))
        {
            Ok(days) => set(&mut self.wait_max_days, days),
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
                set(&mut self.rule, Rule::Required { wait_max_days })
            }
            (Some(Rule::Required { .. }), None) => Err(What::MissingField),
            (Some(Rule::Unknown), _) => Ok(()),
        }
    }

    fn stepping_stone(&mut self, value: Scalar<'_>) -> Result<(), What> {
        let stone = value.version()?;
        if self.stepping_stones.last().is_some_and(|last| *last >= stone) {
            return Err(What::OutOfOrder);
        }
        self.stepping_stones.try_push(stone).map_err(|_| What::TooMany)
    }

    fn finish(self) -> Result<Release, What> {
        let missing = What::MissingField;
        let product = self.product.ok_or(missing)?;
        let class = self.class.ok_or(missing)?;
        let support = SupportFacts {
            end: self.support_end.ok_or(missing)?,
            file: self.support_file.ok_or(missing)?,
        };
        if class == Class::Security && !self.advised {
            return Err(What::SecurityWithoutAdvisory);
        }
        let sbom_fits = self.sbom.is_none_or(|sbom| sbom.name.as_str().ends_with(".json"));
        if self.file_product != Some(product) || support.file.name != names::support(&product) || !sbom_fits {
            return Err(What::WrongFileName);
        }
        Ok(Release {
            product,
            version: self.version.ok_or(missing)?,
            security_version: self.security_version.ok_or(missing)?,
            class,
            attempt: self.attempt.ok_or(missing)?,
            rollback: self.rollback.ok_or(missing)?,
            released: self.released.ok_or(missing)?,
            install_by: self.install_by,
            interruption_s: self.interruption_s.ok_or(missing)?,
            rule: self.rule.ok_or(missing)?,
            stepping_stones: self.stepping_stones,
            support,
            sbom: self.sbom,
            advised: self.advised,
            image: self.found,
            runs_already: self.runs,
        })
    }
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), What> {
    *place = Some(value);
    Ok(())
}

fn positive(value: Scalar<'_>) -> Result<u32, What> {
    value
        .number()
        .and_then(|number| if number == 0 { Err(What::BadValue) } else { Ok(number) })
}

fn bounded(index: u32, count_max: u32) -> Result<(), What> {
    if index < count_max { Ok(()) } else { Err(What::TooMany) }
}

fn complete(count: u8, fields: u8) -> Result<(), What> {
    match count.cmp(&fields) {
        core::cmp::Ordering::Less => Err(What::MissingField),
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => Err(What::UnknownField),
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
