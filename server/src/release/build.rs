use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use tuffet_release::{
    Address, Advisory, Class, Component, FileRef, Id, ImageEntry, Interruption, ModelError, Name, ReadError,
    ReleaseDocument, Rule, SupportFacts, Version, names,
};
use tuffet_tuf::model::{Hashes, Target, Targets};
use tuffet_wire::UnixSeconds;

use super::{
    bases::{DOCUMENT_ENDING, History, NewImages},
    image::{self, Packed},
    patches::{PatchReport, Patches},
};
use crate::{
    check::{self, Depth, pointer_facts},
    create::next,
    error::{Error, Refused},
    product::Product,
    proposal::{Draft, NewFolder, Proposal},
    repository::{Published, Repository},
    roles::{Kind, Lifetimes, TargetsRole},
    storage::{self, Content, Facts, StorageError},
};

/// A security version may rise by this much at once; devices refuse more, so that a stolen key cannot exhaust it. The boot
/// core has the same number; an integration test compares them, because this crate does not know that core.
pub const SECURITY_VERSION_JUMP_MAX: u32 = 1000;
/// How far the clock of the machine that builds may be ahead, in seconds.
const CLOCK_TOLERANCE_S: u64 = 24 * 3600;

/// What the vendor wants to release.
#[derive(Clone, Debug)]
pub struct ReleasePlan {
    /// Its version.
    pub version: Version,
    /// What it is for.
    pub class: Class,
    /// What it closes. A security release has one.
    pub advisory: Option<Advisory>,
    /// Where it is offered.
    pub channels: Vec<Id>,
    /// The images for each kind of hardware: one for each address that the product's slots ask for.
    pub images: Vec<ImageFile>,
    /// What the devices' counter becomes. `None`: as it was, or one more for a security release.
    pub security_version: Option<u32>,
    /// Which attempt to ship these images this is, from 1.
    pub attempt: u32,
    /// Whether it may replace a higher version.
    pub rollback: bool,
    /// Who is asked before it is installed.
    pub rule: Rule,
    /// Versions that a device must have reached before.
    pub stepping_stones: Vec<Version>,
    /// By when it should be installed.
    pub install_by: Option<UnixSeconds>,
    /// How long a device is away, in seconds.
    pub interruption_s: u32,
    /// The software bill of materials, JSON.
    pub sbom: Option<PathBuf>,
    /// When it is released. All times in the proposal follow from it, so the same plan gives the same bytes.
    pub released: UnixSeconds,
}

/// An image to release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// The hardware it is for.
    pub hardware: Id,
    /// Where it has to lie.
    pub address: Address,
    /// The file.
    pub path: PathBuf,
}

/// Builds a release into a new folder: images, patches, document, and the metadata that waits for signatures. `report` hears
/// of each patch when it is done.
pub fn build(
    repository: &Repository,
    product: &Product,
    plan: &ReleasePlan,
    folder: &Path,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
    report: &mut dyn FnMut(&PatchReport),
) -> Result<Proposal, Error> {
    let published = Published::load(repository)?;
    let mut build = Build::begin(repository, &published, product, plan)?;
    check_plan(product, plan, now)?;
    let security_version = build.check_versions()?;
    let folder = NewFolder::begin(folder)?;
    let mut images = build.images(&folder.targets())?;
    build.patches(&mut images, &folder.targets(), report)?;
    let images = images.into_iter().map(|image| image.entry).collect();
    let document = build.document(images, security_version)?;
    let bytes = document.emit().map_err(|error| not_emitted(&document, error))?;
    build.list_document(&document, &bytes);
    storage::replace(
        &storage::RealDisk,
        &folder.path().join("release.json"),
        &Content::Bytes(bytes),
    )?;
    build.propose(&folder, lifetimes)
}

impl ReleasePlan {
    /// The kinds of hardware that it is for.
    fn hardware(&self) -> BTreeSet<Id> {
        self.images.iter().map(|image| image.hardware).collect()
    }
}

/// An image of the release, and where its packed file is.
struct NewImage {
    entry: ImageEntry,
    path: PathBuf,
}

struct Build<'a> {
    repository: &'a Repository,
    published: &'a Published,
    product: &'a Product,
    plan: &'a ReleasePlan,
    pointers_role: TargetsRole,
    files_role: TargetsRole,
    /// What is listed so far.
    pointers: BTreeMap<String, Target>,
    files: BTreeMap<String, Target>,
    /// New files; `None` means written already.
    contents: BTreeMap<String, Option<Content>>,
}

impl<'a> Build<'a> {
    fn begin(
        repository: &'a Repository,
        published: &'a Published,
        product: &'a Product,
        plan: &'a ReleasePlan,
    ) -> Result<Self, Error> {
        let pointers_role = TargetsRole::of(&product.id, Kind::Pointers);
        let files_role = TargetsRole::of(&product.id, Kind::Files);
        let listed = |role: &TargetsRole| {
            let file = published
                .role(role)
                .ok_or(Refused::NoSuchProduct { product: product.id })?;
            Ok::<_, Refused>(file.role.targets.clone())
        };
        let (pointers, files) = (listed(&pointers_role)?, listed(&files_role)?);
        let contents = BTreeMap::new();
        Ok(Self {
            repository,
            published,
            product,
            plan,
            pointers_role,
            files_role,
            pointers,
            files,
            contents,
        })
    }

    fn pointer_names(&self) -> impl Iterator<Item = Name> {
        let (product, plan) = (self.product, self.plan);
        let of_hardware = move |hardware: Id| {
            plan.channels
                .iter()
                .map(move |channel| names::pointer(&product.id, &hardware, channel))
        };
        plan.hardware().into_iter().flat_map(of_hardware)
    }

    /// Compares with what is published under the same names. Returns the security version.
    fn check_versions(&self) -> Result<u32, Error> {
        let mut highest = 0;
        for name in self.pointer_names() {
            let Some(target) = self.pointers.get(name.as_str()) else {
                continue;
            };
            let old = check::document(self.repository, name.as_str(), target)?;
            let plan = self.plan;
            let again = plan.version == old.version && plan.attempt > old.attempt;
            if plan.version <= old.version && !again && !plan.rollback {
                let (version, newest) = (plan.version, old.version);
                return Err(Refused::VersionNotNewer {
                    version,
                    newest,
                    pointer: name.to_string(),
                }
                .into());
            }
            highest = highest.max(old.security_version);
        }
        let usual = match self.plan.class {
            Class::Security => highest + 1,
            Class::Feature => highest.max(1),
        };
        let wanted = self.plan.security_version.unwrap_or(usual);
        if wanted < highest || wanted - highest > SECURITY_VERSION_JUMP_MAX {
            return Err(Refused::SecurityVersion {
                wanted,
                newest: highest,
                jump_max: SECURITY_VERSION_JUMP_MAX,
            }
            .into());
        }
        Ok(wanted)
    }

    fn images(&mut self, targets: &Path) -> Result<Vec<NewImage>, Error> {
        let mut images = Vec::new();
        for image in &self.plan.images {
            let (hardware, address) = (image.hardware, image.address);
            let name = names::image(&self.product.id, &self.plan.version, &hardware, address);
            let place = targets.join(name.as_str());
            let packed = image::pack(&image.path, &place)?;
            let (file, path) = match self.published.target(&self.files_role, name.as_str()) {
                // A version that was released before: its file stays as it is, whatever the packer makes of it today.
                Some(old) => self.same_image(&name, old, packed, &place)?,
                None => {
                    self.list_file(&name, packed.file, None);
                    (packed.file, place)
                }
            };
            let entry = ImageEntry {
                address,
                digest: packed.image.digest,
                file: file_ref(&name, file)?,
                hardware,
                length: short(packed.image.length, name.as_str())?,
                patches: Vec::new(),
            };
            images.push(NewImage { entry, path });
        }
        images.sort_by_key(|image| (image.entry.hardware, image.entry.address));
        Ok(images)
    }

    /// Makes the patches to all images.
    fn patches(
        &mut self,
        images: &mut [NewImage],
        targets: &Path,
        report: &mut dyn FnMut(&PatchReport),
    ) -> Result<(), Error> {
        let (repository, product, version) = (self.repository, self.product, self.plan.version);
        let no_such_product = || Refused::NoSuchProduct { product: product.id };
        let files = &self.published.role(&self.files_role).ok_or_else(no_such_product)?.role;
        let history = History::load(repository, files)?;
        if let Some(version) = history.unknown(&product.bases, version) {
            return Err(Refused::UnknownBase { version }.into());
        }
        let mut patches = Patches::begin(repository, &files.targets, product, version, targets, report);
        for hardware in self.plan.hardware() {
            let own = images.iter_mut().filter(|image| image.entry.hardware == hardware);
            let own: Vec<&mut NewImage> = own.collect();
            let digests: Vec<_> = own.iter().map(|image| image.entry.digest).collect();
            let new = NewImages {
                version,
                hardware,
                digests: &digests,
            };
            let bases = history.choose(&product.bases, &new, &self.offered(&hardware)?);
            for image in own {
                let expected = Facts {
                    length: u64::from(image.entry.length),
                    digest: image.entry.digest,
                };
                // From the file that devices get, not from the one that was packed: nobody else can change it in between.
                let differs = || Refused::file_differs(image.entry.file.name.as_str(), &image.entry.file.digest);
                let bytes = image::unpack(&image.path, expected)?.ok_or_else(differs)?;
                patches.make(&mut image.entry, &bytes, &bases)?;
            }
        }
        for (name, facts) in patches.written() {
            self.list_file(&name, facts, None);
        }
        Ok(())
    }

    /// Versions that are offered to a kind of hardware now: on the channels of this release first, then on others; newest first.
    fn offered(&self, hardware: &Id) -> Result<Vec<Version>, Error> {
        let mut versions = Vec::new();
        for channel in &self.product.channels {
            let pointer = names::pointer(&self.product.id, hardware, channel);
            if let Some(target) = self.pointers.get(pointer.as_str()) {
                let document = check::document(self.repository, pointer.as_str(), target)?;
                versions.push((self.plan.channels.contains(channel), document.version));
            }
        }
        versions.sort_unstable();
        Ok(versions.into_iter().rev().map(|(_, version)| version).collect())
    }

    /// The file that was released under this name and where it is, if it holds the same image. The new one is removed.
    fn same_image(
        &self,
        name: &Name,
        old: &Target,
        packed: Packed,
        superfluous: &Path,
    ) -> Result<(Facts, PathBuf), Error> {
        // A listed file that is lost or damaged says nothing about the image that it was.
        let there = check::present(self.repository, name.as_str(), old, Depth::All)?;
        if image::unpacked(&there, packed.image.length)? != packed.image {
            return Err(Refused::ImageNameTaken { name: name.to_string() }.into());
        }
        fs::remove_file(superfluous).map_err(StorageError::not_written(superfluous))?;
        let facts = Facts {
            length: old.length,
            digest: old.hashes.sha256,
        };
        Ok((facts, there))
    }

    fn document(&mut self, images: Vec<ImageEntry>, security_version: u32) -> Result<ReleaseDocument, Error> {
        let (product, plan) = (self.product, self.plan);
        let support_name = names::support(&product.id);
        let support = product.support.emit();
        let support = support.map_err(|error| Refused::BadDocument {
            name: support_name.to_string(),
            error,
        })?;
        let support_file = file_ref(&support_name, Facts::of(&support))?;
        self.list_file(&support_name, Facts::of(&support), Some(Content::Bytes(support)));
        let sbom = self.sbom()?;
        let mut stepping_stones = plan.stepping_stones.clone();
        stepping_stones.sort_unstable();
        stepping_stones.dedup();
        Ok(ReleaseDocument {
            advisory: plan.advisory.clone(),
            attempt: plan.attempt,
            class: plan.class,
            components: vec![Component {
                images,
                name: Id::firmware(),
            }],
            install_by: plan.install_by,
            interruption: Interruption {
                seconds: plan.interruption_s,
            },
            product: product.id,
            released: plan.released,
            rollback: plan.rollback,
            rollout: plan.rule,
            sbom,
            security_version,
            stepping_stones,
            support: SupportFacts {
                end: product.support.end,
                file: support_file,
            },
            version: plan.version,
        })
    }

    fn sbom(&mut self) -> Result<Option<FileRef>, Error> {
        let Some(path) = &self.plan.sbom else { return Ok(None) };
        let name = self.free_name("_sbom", ".json");
        let facts = Facts::of_file(path)?;
        self.list_file(
            &name,
            facts,
            Some(Content::CopyOf {
                path: path.clone(),
                facts,
            }),
        );
        Ok(Some(file_ref(&name, facts)?))
    }

    /// Lists the document under its own name and under every pointer.
    fn list_document(&mut self, document: &ReleaseDocument, bytes: &[u8]) {
        let own = self.free_name("", DOCUMENT_ENDING);
        self.list_file(&own, Facts::of(bytes), Some(Content::Bytes(bytes.to_vec())));
        let pointer = Target::of(bytes, Some(pointer_facts(document)));
        for name in self.pointer_names().collect::<Vec<_>>() {
            self.pointers.insert(name.to_string(), pointer.clone());
            self.contents
                .insert(name.to_string(), Some(Content::Bytes(bytes.to_vec())));
        }
    }

    /// `PRODUCT_VERSION` with an ending, and a number if that is taken by an earlier attempt: old documents stay listed.
    fn free_name(&self, middle: &str, ending: &str) -> Name {
        let numbered = |number: u32| {
            let number = if number == 1 {
                String::new()
            } else {
                format!("_{number}")
            };
            format!("{}_{}{middle}{number}{ending}", self.product.id, self.plan.version)
        };
        let free = (1..=u32::MAX).map(numbered).find(|name| !self.files.contains_key(name));
        // Invariant: ids, numbers and endings are characters of a name, and far fewer than 96.
        free.and_then(|name| Name::parse(&name))
            .unwrap_or_else(|| names::support(&self.product.id))
    }

    fn list_file(&mut self, name: &Name, facts: Facts, content: Option<Content>) {
        let target = Target {
            custom: None,
            hashes: Hashes { sha256: facts.digest },
            length: facts.length,
        };
        if self.files.get(name.as_str()) == Some(&target) {
            return;
        }
        self.files.insert(name.to_string(), target);
        self.contents.insert(name.to_string(), content);
    }

    fn propose(self, folder: &NewFolder, lifetimes: &Lifetimes) -> Result<Proposal, Error> {
        let mut roles = BTreeMap::new();
        for (role, targets) in [(&self.pointers_role, self.pointers), (&self.files_role, self.files)] {
            let no_such_product = || Refused::NoSuchProduct {
                product: self.product.id,
            };
            let signers = self.published.signers(role).ok_or_else(no_such_product)?;
            let new = Targets {
                targets,
                ..next(self.repository, self.published, role, lifetimes, self.plan.released)?
            };
            roles.insert(role.name().to_owned(), (new, signers));
        }
        let channels: Vec<&str> = self.plan.channels.iter().map(Id::as_str).collect();
        let title = format!(
            "release {} {} on {}",
            self.product.id,
            self.plan.version,
            channels.join(", ")
        );
        Draft {
            title,
            published: self.published,
            roles,
            targets: self.contents,
        }
        .write_into(folder)
    }
}

/// What can be said without looking at what is published.
fn check_plan(product: &Product, plan: &ReleasePlan, now: UnixSeconds) -> Result<(), Error> {
    let has_text = plan
        .advisory
        .as_ref()
        .is_some_and(|advisory| !advisory.text.trim().is_empty());
    if plan.class == Class::Security && !has_text {
        return Err(Refused::SecurityWithoutAdvisory.into());
    }
    if plan.released.seconds_since(now) > CLOCK_TOLERANCE_S {
        return Err(Refused::ReleasedInTheFuture {
            released: plan.released,
            now,
        }
        .into());
    }
    if plan.images.is_empty() || plan.channels.is_empty() {
        return Err(Refused::NothingToDo.into());
    }
    check_images(product, plan)?;
    match plan.channels.iter().find(|channel| !product.channels.contains(channel)) {
        None => Ok(()),
        Some(channel) => {
            let known = product.channels.iter().map(Id::to_string).collect();
            Err(Refused::UnknownChannel {
                channel: *channel,
                known,
            }
            .into())
        }
    }
}

fn check_images(product: &Product, plan: &ReleasePlan) -> Result<(), Error> {
    let mut given: BTreeMap<Id, BTreeSet<Address>> = BTreeMap::new();
    for ImageFile {
        hardware,
        address,
        path,
    } in &plan.images
    {
        if !product.hardware.contains(hardware) || !given.entry(*hardware).or_default().insert(*address) {
            let known = product.hardware.iter().map(Id::to_string).collect();
            return Err(Refused::UnknownHardware {
                hardware: *hardware,
                known,
            }
            .into());
        }
        let length = fs::metadata(path).map_err(StorageError::not_read(path))?.len();
        if length == 0 || length > u64::from(product.slot_bytes) {
            let (path, slot_bytes) = (path.clone(), product.slot_bytes);
            return Err(Refused::ImageDoesNotFit {
                path,
                length,
                slot_bytes,
            }
            .into());
        }
    }
    let needed = product.slots.addresses();
    for (hardware, given) in given {
        let given: Vec<Address> = given.into_iter().collect();
        if given != needed {
            return Err(Refused::ImageAddresses {
                hardware,
                needed,
                given,
            }
            .into());
        }
    }
    Ok(())
}

fn not_emitted(document: &ReleaseDocument, error: ModelError) -> Refused {
    if let ModelError::Read(ReadError::TooLong { bytes_max }) = error {
        let images = document.components.iter().flat_map(|component| &component.images);
        let patches = images.map(|image| image.patches.len()).sum();
        return Refused::DocumentTooLong { bytes_max, patches };
    }
    Refused::BadDocument {
        name: "release.json".to_owned(),
        error,
    }
}

fn file_ref(name: &Name, facts: Facts) -> Result<FileRef, Error> {
    Ok(FileRef {
        digest: facts.digest,
        length: short(facts.length, name.as_str())?,
        name: *name,
    })
}

fn short(length: u64, name: &str) -> Result<u32, Refused> {
    let bytes_max = u64::from(u32::MAX);
    u32::try_from(length).map_err(|_| Refused::TooLong {
        file: name.to_owned(),
        length,
        bytes_max,
    })
}
