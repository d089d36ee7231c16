//! Releases with patches: from the right bases, worth it, and what the document says.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tuffet_keys_tool::KeySource;
use tuffet_release::{
    Address, FileRef, Id, ImageEntry, PatchEntry, PatchRef, Release, ReleaseDocument, Version, Wanted, names,
};
use tuffet_tuf::model::{Target, Targets};
use tuffet_wire::Digest;

use crate::{
    candidate::{Candidate, Change},
    delta::{self, Architecture, Pinned, in_documents},
    error::{Error, PatchFault, Refused},
    product::{Bases, Profile, Slots},
    proposal::{Draft, Proposal},
    publish::{accept, check_fits},
    release::{self, Fate, ImageFile, PatchReport, Promotion, ReleasePlan, bases, propose_promotion},
    repository::{Published, Source, hashed_name},
    roles::TargetsRole,
    signing::sign_and_emit,
    storage::{Content, Facts},
    testing::{Vendor, id, image_file},
};

const PROFILES: [Profile; 3] = [Profile::Linux, Profile::Small, Profile::Standard];
const IMAGE_BYTES: usize = 6000;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// Bytes that do not pack: those of one seed have nothing in common with those of another.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(next).collect()
}

/// The firmware of a board: that of the next version differs in a few bytes.
fn firmware(board: u32, version: &Version) -> Vec<u8> {
    let mut bytes = noise(board, IMAGE_BYTES);
    for number in 0..=version.minor as usize {
        let at = 1000 + 50 * number;
        bytes[at..at + 20].copy_from_slice(&noise(9000 + number as u32, 20));
    }
    bytes
}

fn vendor(profile: Profile, count: u32) -> Vendor {
    let mut vendor = Vendor::new();
    vendor.product.profile = profile;
    vendor.product.bases = Bases {
        count,
        versions: Vec::new(),
    };
    vendor
}

fn file(vendor: &Vendor, name: &str, bytes: &[u8]) -> PathBuf {
    let path = vendor.path(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// For one board, `c3`.
fn plan(vendor: &Vendor, text: &str) -> ReleasePlan {
    let image = firmware(1, &version(text));
    ReleasePlan {
        images: vec![image_file("c3", file(vendor, &format!("c3-{text}"), &image))],
        ..vendor.plan(text)
    }
}

fn build(vendor: &Vendor, plan: &ReleasePlan, folder: &str) -> Result<(Proposal, Vec<PatchReport>), Error> {
    let mut reports = Vec::new();
    let proposal = release::build(
        &vendor.repository,
        &vendor.product,
        plan,
        &vendor.path(folder),
        &vendor.lifetimes,
        vendor.now,
        &mut |report| reports.push(*report),
    )?;
    Ok((proposal, reports))
}

fn sign_and_publish(vendor: &Vendor, proposal: &mut Proposal) {
    check_fits(&vendor.repository, proposal).unwrap();
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    vendor.publish(proposal).unwrap();
    vendor.verify().unwrap();
}

fn release_plan(vendor: &Vendor, plan: &ReleasePlan, folder: &str) -> (ReleaseDocument, Vec<PatchReport>) {
    let (mut proposal, reports) = build(vendor, plan, folder).unwrap();
    sign_and_publish(vendor, &mut proposal);
    (document(&proposal), reports)
}

fn release(vendor: &Vendor, text: &str) -> (ReleaseDocument, Vec<PatchReport>) {
    release_plan(vendor, &plan(vendor, text), text)
}

fn document(proposal: &Proposal) -> ReleaseDocument {
    ReleaseDocument::parse(&fs::read(proposal.folder().join("release.json")).unwrap()).unwrap()
}

fn digest(bytes: &[u8]) -> Digest {
    Facts::of(bytes).digest
}

fn sources(image: &ImageEntry) -> Vec<Option<Digest>> {
    image.patches.iter().map(|patch| patch.source).collect()
}

/// What a device that runs `running` does with a published patch.
fn decoded(vendor: &Vendor, patch: &PatchRef, running: Option<&[u8]>) -> Vec<u8> {
    let FileRef { digest, length, name } = patch.file;
    let path = vendor
        .repository
        .target(&hashed_name(&digest, name.as_str()))
        .expect("it is published");
    let pinned = Pinned {
        head: patch.head,
        block_bytes: patch.block_bytes,
        length,
    };
    delta::apply(running, &fs::read(path).unwrap(), pinned).unwrap()
}

#[test]
fn a_release_has_patches_from_two_bases_that_devices_decode() {
    for profile in PROFILES {
        let vendor = vendor(profile, 2);
        for text in ["1.0.0", "1.1.0", "1.2.0"] {
            release(&vendor, text);
        }
        let (new, reports) = release(&vendor, "1.3.0");
        let image = firmware(1, &version("1.3.0"));
        let bytes = new.emit().unwrap();
        let from_nothing = profile != Profile::Linux;
        let bases = ["1.1.0", "1.2.0"].map(|text| firmware(1, &version(text)));
        let mut expected: Vec<_> = bases.iter().map(|base| Some(digest(base))).collect();
        expected.extend(from_nothing.then_some(None));
        expected.sort_unstable();
        let entry = &new.components[0].images[0];
        assert_eq!(sources(entry), expected, "{profile:?}");
        assert!(reports.iter().all(|report| matches!(report.fate, Fate::Made { .. })));
        for patch in &entry.patches {
            let name = names::patch(&vendor.product.id, &new.version, &entry.digest, patch.source.as_ref());
            assert_eq!(patch.file.name, name);
            assert_eq!(patch.block_bytes, profile.patches().block_bytes());
        }
        // As devices read it.
        for running in bases.iter().map(Some).chain([None]) {
            let mut wanted = Wanted::firmware(id("c3"), in_documents(profile.patches()));
            wanted.running = running.map(|running| digest(running));
            let found = Release::parse(&mut &bytes[..], &wanted).unwrap().image.unwrap();
            assert_eq!(found.whole.is_some(), from_nothing);
            assert_eq!(found.delta.is_some(), running.is_some());
            if let Some(delta) = found.delta {
                let full_bytes = found.whole.map_or(found.file.length, |whole| whole.file.length);
                assert!(delta.file.length < full_bytes / 10);
                assert_eq!(decoded(&vendor, &delta, running.map(Vec::as_slice)), image);
            }
            if let Some(whole) = found.whole {
                assert_eq!(decoded(&vendor, &whole, None), image);
            }
        }
    }
}

/// Functions for RISC-V that call each other; all but the first ones lie `inserted` bytes further back.
fn functions(inserted: usize) -> Vec<u8> {
    const COUNT: usize = 200;
    const BYTES: usize = 24;
    let place = |number: usize| number * BYTES + if number < COUNT / 2 { 0 } else { inserted };
    let mut image = noise(7, place(COUNT));
    for number in 0..COUNT {
        let at = place(number);
        // c.addi sp, -32
        image[at..at + 2].copy_from_slice(&0x1101_u16.to_le_bytes());
        for (slot, step) in [(4, 37), (12, 91)] {
            let called = place((number * step + 11) % COUNT);
            let far = (called as u32).wrapping_sub((at + slot) as u32);
            let bits = |from: u32, count: u32| (far >> from) & ((1 << count) - 1);
            // jal ra
            let jump = bits(20, 1) << 31 | bits(1, 10) << 21 | bits(11, 1) << 20 | bits(12, 8) << 12 | 0xEF;
            image[at + slot..at + slot + 4].copy_from_slice(&jump.to_le_bytes());
        }
    }
    image
}

#[test]
fn patches_follow_the_instructions_that_the_product_names() {
    for (named, followed) in [
        (None, [Architecture::RiscV].as_slice()),
        (Some(Architecture::Thumb), &[Architecture::Thumb, Architecture::Unknown]),
    ] {
        let mut vendor = vendor(Profile::Small, 1);
        vendor.product.instructions = named;
        let release = |text: &str, inserted| {
            let images = vec![image_file("c3", file(&vendor, text, &functions(inserted)))];
            let plan = ReleasePlan {
                images,
                ..vendor.plan(text)
            };
            release_plan(&vendor, &plan, &format!("release-{text}")).0
        };
        release("1.0.0", 0);
        let document = release("1.1.0", 48);
        let patches = &document.components[0].images[0].patches;
        let delta = patches.iter().find(|patch| patch.source.is_some()).unwrap();
        let path = vendor
            .repository
            .target(&hashed_name(&delta.file.digest, delta.file.name.as_str()))
            .unwrap();
        let header = delta::info(&fs::read(path).unwrap()).unwrap().header;
        let architecture = header.layout.architecture;
        assert!(followed.contains(&architecture), "{named:?}: {architecture}");
    }
}

#[test]
fn the_same_plan_gives_the_same_patches() {
    let vendor = vendor(Profile::Standard, 2);
    release(&vendor, "1.0.0");
    let plan = plan(&vendor, "1.1.0");
    let (one, two) = (
        build(&vendor, &plan, "one").unwrap(),
        build(&vendor, &plan, "two").unwrap(),
    );
    assert_eq!(
        crate::testing::tree(one.0.folder()),
        crate::testing::tree(two.0.folder())
    );
}

#[test]
fn a_patch_that_is_not_shorter_is_left_out_and_the_one_from_nothing_never() {
    for profile in PROFILES {
        let vendor = vendor(profile, 2);
        release(&vendor, "1.0.0");
        let mut other = plan(&vendor, "1.1.0");
        other.images[0].path = file(&vendor, "other", &noise(77, IMAGE_BYTES));
        let (new, reports) = release_plan(&vendor, &other, "1.1.0");
        let whole: &[Option<Digest>] = if profile == Profile::Linux { &[] } else { &[None] };
        assert_eq!(sources(&new.components[0].images[0]), whole, "{profile:?}");
        let left_out = reports.last().unwrap();
        assert_eq!(left_out.base, Some(version("1.0.0")));
        assert!(
            matches!(left_out.fate, Fate::NotShorter { bytes, full_bytes } if bytes >= full_bytes),
            "{left_out:?}"
        );
        assert!(!vendor.path("1.1.0/targets").join(left_out.name.as_str()).exists());
    }
}

#[test]
fn hardware_with_the_same_image_shares_its_patches() {
    let vendor = vendor(Profile::Small, 2);
    for text in ["1.0.0", "1.1.0"] {
        let mut plan = plan(&vendor, text);
        plan.images.push(image_file("s3", plan.images[0].path.clone()));
        let (new, _) = release_plan(&vendor, &plan, text);
        let images = &new.components[0].images;
        assert_eq!(images[0].patches, images[1].patches);
    }
    assert_eq!(patch_files(&vendor).len(), 3);
}

/// Names of the patches that the files role lists.
fn patch_files(vendor: &Vendor) -> Vec<String> {
    let published = Published::load(&vendor.repository).unwrap();
    let names = published.delegated["lamp_files"].role.targets.keys();
    names.filter(|name| name.ends_with(".patch")).cloned().collect()
}

#[test]
fn bases_are_named_offered_or_the_newest() {
    let mut vendor = vendor(Profile::Linux, 0);
    for text in ["1.0.0", "1.1.0", "1.2.0", "1.3.0"] {
        release(&vendor, text);
    }
    let promotion = Promotion {
        from: id("beta"),
        to: id("stable"),
        hardware: Vec::new(),
    };
    let promote = |vendor: &Vendor, folder: &str| {
        let path = vendor.path(folder);
        let (repository, product, lifetimes) = (&vendor.repository, &vendor.product, &vendor.lifetimes);
        propose_promotion(repository, product, &promotion, &path, lifetimes, vendor.now).unwrap()
    };
    sign_and_publish(&vendor, &mut promote(&vendor, "promotion"));
    release(&vendor, "1.4.0");
    release(&vendor, "1.5.0");
    // Offered are 1.5.0 on beta and 1.3.0 on stable.
    let mut number = 0;
    let mut bases = |vendor: &Vendor, channel: &str| {
        let mut plan = plan(vendor, "1.6.0");
        plan.channels = vec![id(channel)];
        number += 1;
        let (_, reports) = build(vendor, &plan, &format!("try-{number}")).unwrap();
        let mut versions: Vec<String> = reports.iter().map(|report| report.base.unwrap().to_string()).collect();
        versions.sort_unstable();
        versions
    };
    assert_eq!(bases(&vendor, "beta"), [""; 0]);
    vendor.product.bases.count = 1;
    assert_eq!(bases(&vendor, "beta"), ["1.5.0"]);
    assert_eq!(bases(&vendor, "stable"), ["1.3.0"]);
    vendor.product.bases.count = 3;
    assert_eq!(bases(&vendor, "beta"), ["1.3.0", "1.4.0", "1.5.0"]);
    // Named ones come besides, and do not count twice.
    vendor.product.bases.versions = vec![version("1.0.0"), version("1.5.0"), version("1.6.0")];
    assert_eq!(bases(&vendor, "beta"), ["1.0.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"]);
    vendor.product.bases.versions.push(version("0.9.0"));
    let unknown = build(&vendor, &plan(&vendor, "1.6.0"), "unknown");
    assert!(
        matches!(&unknown, Err(Error::Refused(Refused::UnknownBase { version: named })) if *named == version("0.9.0")),
        "{unknown:?}"
    );
}

#[test]
fn going_back_starts_from_what_is_offered() {
    let vendor = vendor(Profile::Linux, 1);
    release(&vendor, "1.0.0");
    release(&vendor, "1.1.0");
    let mut back = plan(&vendor, "1.0.0");
    back.rollback = true;
    let (_, reports) = release_plan(&vendor, &back, "back");
    let bases: Vec<_> = reports.iter().map(|report| report.base).collect();
    assert_eq!(bases, [Some(version("1.1.0"))]);
}

#[test]
fn a_base_that_is_lost_or_damaged_is_named() {
    let vendor = vendor(Profile::Standard, 2);
    release(&vendor, "1.0.0");
    let published = Published::load(&vendor.repository).unwrap();
    let name = "lamp_1.0.0_c3.zst";
    let listed = &published.delegated["lamp_files"].role.targets[name];
    let path = vendor
        .repository
        .target(&hashed_name(&listed.hashes.sha256, name))
        .unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    for damage in ["damaged", "lost"] {
        let refused = build(&vendor, &plan(&vendor, "1.1.0"), damage);
        assert!(
            matches!(&refused, Err(Error::Refused(Refused::FileDiffers { name: of, .. })) if of == name),
            "{refused:?}"
        );
        assert!(!vendor.path(damage).exists());
        let _ = fs::remove_file(&path);
    }
}

#[test]
fn another_attempt_keeps_the_files_of_its_patches() {
    let mut vendor = vendor(Profile::Standard, 1);
    release(&vendor, "1.0.0");
    let (first, _) = release(&vendor, "1.1.0");
    let mut again = plan(&vendor, "1.1.0");
    again.attempt = 2;
    let (second, reports) = release_plan(&vendor, &again, "again");
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(first.components, second.components);
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|report| matches!(report.fate, Fate::Kept { .. })));
    // For another decoder it would be another file under the same name.
    again.attempt = 3;
    vendor.product.profile = Profile::Small;
    let taken = build(&vendor, &again, "small");
    assert!(
        matches!(&taken, Err(Error::Refused(Refused::PatchNameTaken { name })) if name.ends_with("_full.patch")),
        "{taken:?}"
    );
}

#[test]
fn promotion_keeps_patches() {
    let vendor = vendor(Profile::Small, 1);
    release(&vendor, "1.0.0");
    let (new, _) = release(&vendor, "1.1.0");
    let promotion = Promotion {
        from: id("beta"),
        to: id("stable"),
        hardware: Vec::new(),
    };
    let (repository, product, lifetimes) = (&vendor.repository, &vendor.product, &vendor.lifetimes);
    let folder = vendor.path("promotion");
    let mut promoted = propose_promotion(repository, product, &promotion, &folder, lifetimes, vendor.now).unwrap();
    sign_and_publish(&vendor, &mut promoted);
    let bytes = fs::read(folder.join("targets/lamp_c3_stable.release")).unwrap();
    assert_eq!(ReleaseDocument::parse(&bytes).unwrap(), new);
    assert_eq!(new.components[0].images[0].patches.len(), 2);
}

#[test]
fn a_document_that_no_device_reads_is_not_built() {
    let mut vendor = vendor(Profile::Small, 3);
    vendor.product.hardware = (0..7).map(|number| id(&format!("board-{number}"))).collect();
    let boards = vendor.product.hardware.clone();
    let everywhere = |vendor: &Vendor, text: &str| {
        let mut plan = plan(vendor, text);
        let path = plan.images[0].path.clone();
        let image = |board: &Id| image_file(board.as_str(), path.clone());
        plan.images = boards.iter().map(image).collect();
        plan
    };
    for text in ["1.0.0", "1.1.0"] {
        release_plan(&vendor, &everywhere(&vendor, text), text);
    }
    let long = build(&vendor, &everywhere(&vendor, "1.2.0"), "long");
    assert!(
        matches!(
            &long,
            Err(Error::Refused(Refused::DocumentTooLong {
                bytes_max: 8192,
                patches: 21
            }))
        ),
        "{long:?}"
    );
    assert!(long.unwrap_err().to_string().contains("bases.count"));
    vendor.product.bases.count = 1;
    build(&vendor, &everywhere(&vendor, "1.2.0"), "short").unwrap();
}

fn xip_plan(vendor: &Vendor, text: &str) -> ReleasePlan {
    let image = |board: u32, address: u32| ImageFile {
        hardware: id("c3"),
        address: Address::At(address),
        path: file(vendor, &format!("{address:x}-{text}"), &firmware(board, &version(text))),
    };
    ReleasePlan {
        images: vec![image(3, 0x0803_0000), image(2, 0x0801_0000)],
        ..vendor.plan(text)
    }
}

#[test]
fn images_for_two_slots_get_patches_from_both() {
    let mut vendor = vendor(Profile::Small, 1);
    // Before it ran in place, it ran anywhere.
    let mut anywhere = vendor.plan("1.0.0");
    anywhere.images = vec![image_file("c3", xip_plan(&vendor, "1.0.0").images[0].path.clone())];
    let (moved, _) = release_plan(&vendor, &anywhere, "1.0.0");
    vendor.product.slots = Slots::Xip {
        addresses: [0x0801_0000, 0x0803_0000],
    };
    let (first, _) = release_plan(&vendor, &xip_plan(&vendor, "1.1.0"), "1.1.0");
    let images = &first.components[0].images;
    let addresses: Vec<_> = images.iter().map(|image| image.address).collect();
    assert_eq!(addresses, vendor.product.slots.addresses());
    assert_eq!(images[0].file.name.as_str(), "lamp_1.1.0_c3_08010000.zst");
    // What ran anywhere is the firmware of one of the two slots, so only there it saves something.
    let base = Some(moved.components[0].images[0].digest);
    assert_eq!(sources(&images[1]), [None, base]);
    let (second, reports) = release_plan(&vendor, &xip_plan(&vendor, "1.2.0"), "1.2.0");
    let pairs: Vec<_> = reports
        .iter()
        .filter_map(|report| Some((report.address, report.base_address?)))
        .collect();
    let [low, high] = [0x0801_0000, 0x0803_0000].map(Address::At);
    assert_eq!(pairs, [(low, low), (low, high), (high, low), (high, high)]);
    assert_eq!(second.components[0].images.len(), 2);
    // A device that runs the same version in the other slot has nothing to update.
    let mut again = xip_plan(&vendor, "1.2.0");
    again.attempt = 2;
    let (third, _) = release_plan(&vendor, &again, "again");
    assert_eq!(third.components, second.components);
}

#[test]
fn images_must_be_those_that_the_slots_need() {
    let mut vendor = vendor(Profile::Small, 1);
    let refused = |vendor: &Vendor, plan: &ReleasePlan| match build(vendor, plan, "refused") {
        Err(Error::Refused(Refused::ImageAddresses { needed, given, .. })) => (needed, given),
        other => panic!("{other:?}"),
    };
    let (anywhere, linked) = (plan(&vendor, "1.0.0"), xip_plan(&vendor, "1.0.0"));
    let [low, high] = [0x0801_0000, 0x0803_0000].map(Address::At);
    assert_eq!(refused(&vendor, &linked), (vec![Address::Any], vec![low, high]));
    vendor.product.slots = Slots::Xip {
        addresses: [0x0801_0000, 0x0803_0000],
    };
    assert_eq!(refused(&vendor, &anywhere), (vec![low, high], vec![Address::Any]));
    let mut half = linked.clone();
    half.images.pop();
    assert_eq!(refused(&vendor, &half), (vec![low, high], vec![high]));
    let mut more = linked;
    more.images.push(anywhere.images[0].clone());
    assert_eq!(
        refused(&vendor, &more),
        (vec![low, high], vec![low, high, Address::Any])
    );
    vendor.product.slots = Slots::Swap { address: 0x0801_0000 };
    assert_eq!(refused(&vendor, &anywhere), (vec![low], vec![Address::Any]));
}

/// What somebody who may write a proposal can change of it, with digests that fit.
struct Forgery {
    document: ReleaseDocument,
    files: BTreeMap<String, Vec<u8>>,
    files_role: Targets,
    /// Documents beside the one of the release.
    unnamed: BTreeMap<String, Vec<u8>>,
}

impl Forgery {
    fn patch(&mut self, index: usize) -> &mut PatchEntry {
        &mut self.document.components[0].images[0].patches[index]
    }

    /// Puts another file in the place of a patch, with its length and digest in both lists.
    fn replace(&mut self, index: usize, bytes: Vec<u8>) {
        let patch = self.patch(index);
        patch.file.digest = digest(&bytes);
        patch.file.length = bytes.len() as u32;
        let name = patch.file.name.to_string();
        self.files_role.targets.insert(name.clone(), Target::of(&bytes, None));
        self.files.insert(name, bytes);
    }

    fn bytes(&mut self, index: usize) -> Vec<u8> {
        let name = self.patch(index).file.name.to_string();
        self.files[&name].clone()
    }
}

/// Builds a release, has it forged, and returns what is proposed then, and the candidate when all holders were fooled.
fn forged(
    vendor: &Vendor,
    plan: &ReleasePlan,
    folder: &str,
    forge: impl FnOnce(&mut Forgery),
) -> (Proposal, Candidate) {
    let (proposal, _) = build(vendor, plan, &format!("{folder}-honest")).unwrap();
    let published = Published::load(&vendor.repository).unwrap();
    let files: BTreeMap<String, Vec<u8>> = proposal
        .new_targets()
        .map(|(name, path)| (name.to_owned(), fs::read(path).unwrap()))
        .collect();
    let mut forgery = Forgery {
        document: document(&proposal),
        files,
        files_role: proposal.roles()["lamp_files"].role.clone(),
        unnamed: BTreeMap::new(),
    };
    forge(&mut forgery);
    let bytes = forgery.document.emit().unwrap();
    let mut pointers = proposal.roles()["lamp"].role.clone();
    for (name, content) in &mut forgery.files {
        let role = match name.rsplit_once('.').unwrap().1 {
            "document" => &mut forgery.files_role,
            "release" => &mut pointers,
            _ => continue,
        };
        let custom = role.targets[name].custom.clone();
        role.targets.insert(name.clone(), Target::of(&bytes, custom));
        content.clone_from(&bytes);
    }
    forgery.files.extend(forgery.unnamed);
    let mut roles = BTreeMap::new();
    let mut change = Change::default();
    for (name, role) in [("lamp", pointers), ("lamp_files", forgery.files_role)] {
        let signers = published.signers(&TargetsRole::parse(name).unwrap()).unwrap();
        let keys: Vec<&dyn KeySource> = vendor.holders.iter().map(|key| key as &dyn KeySource).collect();
        let bytes = sign_and_emit(&role, "forged", &keys, &signers).unwrap();
        change.roles.insert(name.to_owned(), (role.version, bytes));
        roles.insert(name.to_owned(), (role, signers));
    }
    let contents = |(name, bytes): (&String, &Vec<u8>)| (name.clone(), Some(Content::Bytes(bytes.clone())));
    let draft = Draft {
        title: String::new(),
        published: &published,
        roles,
        targets: forgery.files.iter().map(contents).collect(),
    };
    let proposal = draft.write(&vendor.path(folder)).unwrap();
    for (name, path) in proposal.new_targets() {
        let facts = Facts::of_file(&path).unwrap();
        change.targets.insert(name.to_owned(), (path, facts));
    }
    let root = &published.root.role;
    let candidate = Candidate::new(&vendor.repository, Some(&published), root, change, vendor.online()).unwrap();
    (proposal, candidate)
}

fn fault<T: std::fmt::Debug>(result: Result<T, Error>) -> PatchFault {
    match result {
        Err(Error::Refused(Refused::PatchDiffers { fault, .. })) => fault,
        other => panic!("{other:?}"),
    }
}

/// The vendor of these tests, whose next release has patches from nothing, from one base and from another one.
fn vendor_with_bases() -> Vendor {
    let vendor = vendor(Profile::Small, 2);
    release(&vendor, "1.0.0");
    release(&vendor, "1.1.0");
    vendor
}

#[test]
fn a_patch_that_the_document_does_not_describe_is_neither_signed_nor_published() {
    /// Its name, what is forged, and what is found.
    type Case = (&'static str, fn(&mut Forgery), fn(PatchFault) -> bool);
    let cases: [Case; 8] = [
        (
            "byte edited, digests made to fit",
            |forgery| {
                let mut bytes = forgery.bytes(0);
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                forgery.replace(0, bytes);
            },
            |fault| matches!(fault, PatchFault::Chain { .. }),
        ),
        (
            "head of another patch",
            |forgery| forgery.patch(1).head = forgery.patch(2).head,
            |fault| matches!(fault, PatchFault::Chain { .. }),
        ),
        (
            "patch for another source",
            |forgery| {
                let other = forgery.bytes(2);
                forgery.patch(1).head = forgery.patch(2).head;
                forgery.replace(1, other);
            },
            |fault| fault == PatchFault::Source,
        ),
        (
            "patch from nothing in the place of one from an image",
            |forgery| {
                let other = forgery.bytes(0);
                forgery.patch(1).head = forgery.patch(0).head;
                forgery.replace(1, other);
            },
            |fault| fault == PatchFault::Source,
        ),
        (
            "patch to another image",
            |forgery| {
                let other = delta::encode(None, &noise(5, 500), delta::Profile::Small).unwrap();
                forgery.patch(0).head = other.pinned.head;
                forgery.replace(0, other.bytes);
            },
            |fault| fault == PatchFault::Result,
        ),
        (
            "patch for another decoder",
            |forgery| {
                let image = firmware(1, &version("1.2.0"));
                let other = delta::encode(None, &image, delta::Profile::Standard).unwrap();
                forgery.patch(0).head = other.pinned.head;
                forgery.patch(0).block_bytes = other.pinned.block_bytes;
                forgery.replace(0, other.bytes);
            },
            |fault| fault == PatchFault::Profile,
        ),
        (
            "blocks of another size",
            |forgery| forgery.patch(1).block_bytes *= 2,
            // One block, whatever its size is said to be.
            |fault| {
                matches!(
                    fault,
                    PatchFault::BlockBytes {
                        patch: 1024,
                        document: 2048
                    }
                )
            },
        ),
        (
            "file that is no patch",
            |forgery| {
                let other = noise(6, 300);
                forgery.patch(1).head = digest(&other);
                forgery.replace(1, other);
            },
            |fault| matches!(fault, PatchFault::Header { .. }),
        ),
    ];
    let vendor = vendor_with_bases();
    let plan = plan(&vendor, "1.2.0");
    for (number, (name, forge, expected)) in cases.into_iter().enumerate() {
        let (mut proposal, candidate) = forged(&vendor, &plan, &format!("forged-{number}"), forge);
        let signed = fault(proposal.sign(&vendor.holders[0]));
        assert!(expected(signed), "{name}: {signed:?}");
        assert_eq!(fault(vendor.publish(&proposal)), signed, "{name}");
        // Should holders sign nevertheless.
        assert_eq!(fault(accept(&candidate, vendor.now)), signed, "{name}");
    }
    let (mut honest, candidate) = forged(&vendor, &plan, "honest", |_| ());
    accept(&candidate, vendor.now).unwrap();
    sign_and_publish(&vendor, &mut honest);
}

#[test]
fn a_patch_whose_digests_disagree_is_neither_signed_nor_published() {
    let vendor = vendor_with_bases();
    let plan = plan(&vendor, "1.2.0");
    // The chain is right, and other TUF clients are told of other bytes.
    let (mut proposal, candidate) = forged(&vendor, &plan, "listed", |forgery| {
        let name = forgery.patch(1).file.name.to_string();
        forgery.files_role.targets.get_mut(&name).unwrap().hashes.sha256[0] ^= 1;
    });
    for refused in [
        proposal.sign(&vendor.holders[0]).map(drop),
        vendor.publish(&proposal).map(drop),
    ] {
        assert!(
            matches!(refused, Err(Error::Refused(Refused::TargetDiffers { .. }))),
            "{refused:?}"
        );
    }
    assert!(matches!(
        accept(&candidate, vendor.now),
        Err(Error::Refused(
            Refused::FileDiffers { .. } | Refused::FilesDisagree { .. }
        ))
    ));
    // The same with a document that says another digest than the files role.
    let (mut proposal, candidate) = forged(&vendor, &plan, "document", |forgery| {
        forgery.patch(1).file.digest[0] ^= 1;
    });
    for refused in [
        proposal.sign(&vendor.holders[0]).map(drop),
        vendor.publish(&proposal).map(drop),
        accept(&candidate, vendor.now),
    ] {
        assert!(
            matches!(refused, Err(Error::Refused(Refused::FilesDisagree { .. }))),
            "{refused:?}"
        );
    }
    // A byte of the file alone.
    let (mut proposal, _) = build(&vendor, &plan, "edited").unwrap();
    let patch = document(&proposal).components[0].images[0].patches[1].file.name;
    let path = proposal.folder().join("targets").join(patch.as_str());
    let mut bytes = fs::read(&path).unwrap();
    bytes[90] ^= 1;
    fs::write(&path, bytes).unwrap();
    for refused in [
        proposal.sign(&vendor.holders[0]).map(drop),
        vendor.publish(&proposal).map(drop),
    ] {
        assert!(
            matches!(refused, Err(Error::Refused(Refused::TargetDiffers { .. }))),
            "{refused:?}"
        );
    }
}

/// A whole chain from the right image to the right image, that decodes to something else: only the decoder tells.
#[test]
fn a_patch_that_does_not_decode_is_seen_where_the_repository_is() {
    let vendor = vendor_with_bases();
    let plan = plan(&vendor, "1.2.0");
    let spoil = |forgery: &mut Forgery| {
        let mut bytes = forgery.bytes(1);
        let length = bytes.len();
        bytes[length - 6] ^= 0x55;
        forgery.patch(1).head = digest(&bytes);
        forgery.replace(1, bytes);
    };
    let (mut proposal, candidate) = forged(&vendor, &plan, "spoilt", spoil);
    let spoilt = fault(check_fits(&vendor.repository, &proposal));
    assert!(matches!(spoilt, PatchFault::Decoder { .. }), "{spoilt:?}");
    assert_eq!(fault(accept(&candidate, vendor.now)), spoilt);
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    assert_eq!(fault(vendor.publish(&proposal)), spoilt);
    vendor.verify().unwrap();
}

/// It would be a base of later releases.
#[test]
fn a_new_document_that_no_pointer_names_does_not_lie_either() {
    let vendor = vendor_with_bases();
    let plan = plan(&vendor, "1.2.0");
    let lie = |forgery: &mut Forgery| {
        let mut other = forgery.document.clone();
        other.components[0].images[0].digest[0] ^= 1;
        other.components[0].images[0].patches.clear();
        let bytes = other.emit().unwrap();
        let name = "lamp_1.1.5.document".to_owned();
        forgery
            .files_role
            .targets
            .insert(name.clone(), Target::of(&bytes, None));
        forgery.unnamed.insert(name, bytes);
    };
    let (proposal, candidate) = forged(&vendor, &plan, "unnamed", lie);
    for refused in [
        check_fits(&vendor.repository, &proposal),
        accept(&candidate, vendor.now),
    ] {
        assert!(
            matches!(&refused, Err(Error::Refused(Refused::PointerDiffers { pointer, fact: "image" })) if pointer == "lamp_1.1.5.document"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_base_is_what_its_document_says() {
    let vendor = vendor(Profile::Small, 1);
    let (old, _) = release(&vendor, "1.0.0");
    let entry = &old.components[0].images[0];
    assert_eq!(
        bases::read(&vendor.repository, entry).unwrap(),
        firmware(1, &version("1.0.0"))
    );
    for lie in [
        |entry: &mut ImageEntry| entry.digest[0] ^= 1,
        |entry: &mut ImageEntry| entry.length -= 1,
        |entry: &mut ImageEntry| entry.file.length -= 1,
    ] {
        let mut other = entry.clone();
        lie(&mut other);
        let refused = bases::read(&vendor.repository, &other);
        assert!(
            matches!(refused, Err(Error::Refused(Refused::FileDiffers { .. }))),
            "{refused:?}"
        );
    }
}

/// The files of another attempt are old, and what its document says of them is new.
#[test]
fn a_new_document_does_not_lie_about_old_patches() {
    let vendor = vendor_with_bases();
    let mut again = plan(&vendor, "1.1.0");
    again.attempt = 2;
    let lie = |forgery: &mut Forgery| forgery.patch(1).head = forgery.patch(0).head;
    let (proposal, candidate) = forged(&vendor, &again, "lie", lie);
    assert!(proposal.new_targets().all(|(name, _)| !name.ends_with(".patch")));
    for refused in [
        check_fits(&vendor.repository, &proposal),
        accept(&candidate, vendor.now),
    ] {
        assert!(matches!(fault(refused), PatchFault::Chain { .. }));
    }
    let lie = |forgery: &mut Forgery| forgery.document.components[0].images[0].length += 1;
    let (_, candidate) = forged(&vendor, &again, "longer", lie);
    assert!(matches!(
        accept(&candidate, vendor.now),
        Err(Error::Refused(Refused::PointerDiffers { fact: "image", .. }))
    ));
}

#[test]
fn the_source_of_a_new_patch_must_be_there_and_that_of_an_old_one_need_not() {
    let vendor = vendor_with_bases();
    let drop_base = |files: &mut Targets| {
        let old = |name: &str| name.starts_with("lamp_1.0.0") && !name.ends_with(".patch");
        files.targets.retain(|name, _| !old(name));
    };
    let plan = plan(&vendor, "1.2.0");
    let (_, candidate) = forged(&vendor, &plan, "new", |forgery| drop_base(&mut forgery.files_role));
    assert_eq!(fault(accept(&candidate, vendor.now)), PatchFault::NoSource);
    // 1.1.0 has a patch from 1.0.0.
    let published = Published::load(&vendor.repository).unwrap();
    let mut files = published.delegated["lamp_files"].role.clone();
    files.version += 1;
    drop_base(&mut files);
    let role = TargetsRole::parse("lamp_files").unwrap();
    let signers = published.signers(&role).unwrap();
    let mut proposal = Draft {
        title: String::new(),
        published: &published,
        roles: BTreeMap::from([("lamp_files".to_owned(), (files, signers))]),
        targets: BTreeMap::new(),
    }
    .write(&vendor.path("dropped"))
    .unwrap();
    sign_and_publish(&vendor, &mut proposal);
}
