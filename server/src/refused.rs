use std::path::PathBuf;

use tuffet_release::{Address, Id, ModelError, PATCHES_MAX, Version};
use tuffet_tuf::model::KeyId;
use tuffet_wire::{Digest, UnixSeconds, hex::Hex};

use crate::{
    check::PatchFault,
    delta::EncodeError,
    exit::Exit,
    roles::{BadKeys, PRODUCTS_MAX},
};

/// A check said no, and what to do about it. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Wrong keys for a product.
    #[error(transparent)]
    BadKeys(#[from] BadKeys),
    /// A document has no strict form, or does not say what it must.
    #[error("{name}: {error}; correct the input and build again")]
    BadDocument {
        /// Its name.
        name: String,
        /// What is wrong.
        error: ModelError,
    },
    /// The waves make no sense.
    #[error("{error}; waves start one after another, shares do not fall and are at most 1000000 (all devices)")]
    BadRollout {
        /// What is wrong.
        error: ModelError,
    },
    /// The release document would be longer than devices read.
    #[error(
        "the release document would be longer than the {bytes_max} bytes that devices read, with {patches} patches in it; ask for fewer bases (bases.count and bases.versions in tuffet.toml), or write a shorter advisory"
    )]
    DocumentTooLong {
        /// The limit in bytes.
        bytes_max: u32,
        /// Patches to all its images.
        patches: usize,
    },
    /// A listed file is not there, or not what is listed.
    #[error(
        "the file {name} ({digest}) is missing from the targets folder or is damaged; restore it from a copy of the repository"
    )]
    FileDiffers {
        /// Target name.
        name: String,
        /// Digest that is listed.
        digest: String,
    },
    /// The pointers and the files role say different things.
    #[error("{pointer} needs {file}, and PRODUCT_files does not list that very file; build the release again")]
    FilesDisagree {
        /// The pointer.
        pointer: String,
        /// The file.
        file: String,
    },
    /// A role lists what it may not sign.
    #[error("{role} may not sign {name}; no client would find it there")]
    ForeignName {
        /// The role.
        role: String,
        /// Target name.
        name: String,
    },
    /// A delegation is not as this design has it.
    #[error("the delegation to {role} is not one that this tool makes; another role could sign its names")]
    ForeignPatterns {
        /// The role.
        role: String,
    },
    /// The images of a kind of hardware are not those that the slots need.
    #[error(
        "{hardware} needs images for {}, and those given are for {}; give each as HARDWARE=FILE, or HARDWARE@ADDRESS=FILE where it is linked for an address (slots in tuffet.toml)",
        listed(needed),
        listed(given)
    )]
    ImageAddresses {
        /// The hardware.
        hardware: Id,
        /// Where images have to lie.
        needed: Vec<Address>,
        /// For what images are given.
        given: Vec<Address>,
    },
    /// An image is empty or longer than a slot.
    #[error("{} has {length} bytes, and a slot of this product holds 1 to {slot_bytes}; see product.slot_bytes in tuffet.toml", path.display())]
    ImageDoesNotFit {
        /// The image.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// Size of a slot in bytes.
        slot_bytes: u32,
    },
    /// Another image was published under the same version.
    #[error("{name} was published with another image; an image that differs needs a version of its own")]
    ImageNameTaken {
        /// Target name.
        name: String,
    },
    /// The key may sign nothing of this proposal.
    #[error("the key {key} signs none of {}; use the key of a holder of these roles", roles.join(", "))]
    KeySignsNothing {
        /// The key.
        key: KeyId,
        /// What waits for signatures.
        roles: Vec<String>,
    },
    /// Too few keys at hand to sign a role.
    #[error("{role} needs {needed} signatures, and the keys at hand give {have}; add the missing keys")]
    KeysMissing {
        /// The role.
        role: &'static str,
        /// Threshold.
        needed: u32,
        /// Signatures by keys that count.
        have: u32,
    },
    /// No key file there.
    #[error("{} holds no key for snapshot or timestamp; make them with `tuffet-keys generate --role timestamp` and `--role snapshot`", path.display())]
    NoOnlineKeys {
        /// The folder.
        path: PathBuf,
    },
    /// The product was not added to the repository.
    #[error("this repository has no product {product}; add it with `cargo xtask repo add-product`")]
    NoSuchProduct {
        /// The product.
        product: Id,
    },
    /// No key file there.
    #[error("{} holds no key files; give the folder where `tuffet-keys generate` wrote them", path.display())]
    NoKeys {
        /// The folder.
        path: PathBuf,
    },
    /// A role that this repository does not have.
    #[error("this repository has no role {role}")]
    NoSuchRole {
        /// The role.
        role: String,
    },
    /// Not a proposal folder.
    #[error("{} is not a proposal: {what}", path.display())]
    NotAProposal {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// There is nothing under a name.
    #[error("nothing is published as {pointer}; publish a release there first")]
    NothingReleased {
        /// The name that devices look up.
        pointer: String,
    },
    /// An empty request.
    #[error("there is nothing to do: name at least one image and one channel, or one role, with something new for it")]
    NothingToDo,
    /// A publication that was cut has left a file under a name that this one needs.
    #[error(
        "metadata/{file} is there with other content, from a publication that was cut, and caches may keep it; publish that one, or build this one again: it gets the next version (a new repository needs another folder)"
    )]
    NameTaken {
        /// Name of the file.
        file: String,
    },
    /// A repository begins with version 1.
    #[error(
        "this is root version {version}, and a repository begins with version 1; make one with `tuffet-keys root create`"
    )]
    NotTheFirstRoot {
        /// Its version.
        version: u64,
    },
    /// A key that must not be on a server.
    #[error("{} is not a key for snapshot, timestamp or a rollout, and has no business among online keys; move it away from this machine", path.display())]
    OfflineKeyOnline {
        /// The key file.
        path: PathBuf,
    },
    /// The proposal adds another product.
    #[error("{} is not about the product {product}; move it away and run the command again", path.display())]
    OtherProduct {
        /// The proposal.
        path: PathBuf,
        /// The product in hand.
        product: Id,
    },
    /// The other folder holds something else.
    #[error("{} is not a copy of this proposal, so its signatures mean something else", path.display())]
    OtherProposal {
        /// The other folder.
        path: PathBuf,
    },
    /// The proposal was made for another repository.
    #[error("{} was made for another repository: it does not follow the {role} that is published here; move it away and build it again", path.display())]
    OtherRepository {
        /// The proposal.
        path: PathBuf,
        /// The role that differs.
        role: String,
    },
    /// The name of a key file and its content disagree.
    #[error("{} is a key for {role}; give key files the names that `tuffet-keys generate` gave them", path.display())]
    OtherRole {
        /// The key file.
        path: PathBuf,
        /// What the key is for.
        role: String,
    },
    /// The repository was made from another root.
    #[error("the repository's {name} is not the root you gave; devices with that root would refuse this repository")]
    OtherRoot {
        /// The file.
        name: String,
    },
    /// The command and the product file disagree.
    #[error("tuffet.toml asks for {file} signatures, and the command for {given}; make them agree")]
    OtherThreshold {
        /// In the product file.
        file: u32,
        /// In the command.
        given: u32,
    },
    /// A patch is not what the release document says.
    #[error("the patch {patch} is not what the release document of {document} says: {fault}; build the release again")]
    PatchDiffers {
        /// Name under which the document stands.
        document: String,
        /// Name of the patch.
        patch: String,
        /// What is wrong with it.
        fault: PatchFault,
    },
    /// Another patch was published under the same name.
    #[error(
        "{name} was published between other images or for another profile; what differs needs a version of its own"
    )]
    PatchNameTaken {
        /// Target name.
        name: String,
    },
    /// The encoder failed.
    #[error("the patch {name} was not made: {error:?}; report this, with both images")]
    PatchNotMade {
        /// Target name.
        name: String,
        /// What the encoder says.
        error: EncodeError,
    },
    /// A pointer and its release document say different things.
    #[error("{pointer} and its release document do not agree: {fact}")]
    PointerDiffers {
        /// The pointer.
        pointer: String,
        /// About what.
        fact: &'static str,
    },
    /// A product file is there.
    #[error("{} exists already; edit it, or choose another folder", path.display())]
    ProductFileThere {
        /// The file.
        path: PathBuf,
    },
    /// The product is there.
    #[error("this repository has the product {product} already")]
    ProductThere {
        /// The product.
        product: Id,
    },
    /// The folder holds other things.
    #[error("{} holds other files ({found}), and a proposal needs a folder of its own; give a new or empty one", path.display())]
    ProposalPlaceTaken {
        /// The folder.
        path: PathBuf,
        /// One of them.
        found: String,
    },
    /// The folder holds a proposal.
    #[error("{} holds a proposal already; publish it, or remove the folder and build again", path.display())]
    ProposalThere {
        /// The folder.
        path: PathBuf,
    },
    /// The time of release is wrong.
    #[error(
        "the release time {released} is in the future (it is {now}); check --released, SOURCE_DATE_EPOCH and the clock"
    )]
    ReleasedInTheFuture {
        /// What was given.
        released: UnixSeconds,
        /// The time of this machine.
        now: UnixSeconds,
    },
    /// A delegation repeats a role name.
    #[error("{role} is delegated twice, so two sets of keys could sign for it")]
    RoleTwice {
        /// The role.
        role: String,
    },
    /// The security version falls, or jumps.
    #[error(
        "security version {wanted} cannot follow {newest}: it never falls, and rises by at most {jump_max} at once"
    )]
    SecurityVersion {
        /// What was asked for.
        wanted: u32,
        /// The highest that is published.
        newest: u32,
        /// The limit.
        jump_max: u32,
    },
    /// A security release has to say what it closes.
    #[error("a security release needs an advisory; say with --advisory what it closes and what the owner should know")]
    SecurityWithoutAdvisory,
    /// The threshold is not reached.
    #[error("signatures are missing: {missing}; have the other holders run `cargo xtask release sign --proposal {}`", path.display())]
    SignaturesMissing {
        /// Which.
        missing: String,
        /// The proposal.
        path: PathBuf,
    },
    /// Another proposal was published in between.
    #[error(
        "{role} is at version {published} now, and this proposal is its version {proposed}; another one was published in between, so build it again"
    )]
    Stale {
        /// The role.
        role: String,
        /// Version that is served.
        published: u64,
        /// Version in the proposal.
        proposed: u64,
    },
    /// A new target file was changed.
    #[error("{} is not the {name} that the proposal describes; build the release again", path.display())]
    TargetDiffers {
        /// Target name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A new target file is not there.
    #[error("{} is missing; copy the whole proposal folder, so that you see what you sign ({name})", path.display())]
    TargetMissing {
        /// Target name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A file is longer than every device takes.
    #[error(
        "{file} would have {length} bytes, and devices take {bytes_max}; fewer products, hardware kinds or channels in one repository make it shorter"
    )]
    TooLong {
        /// The file.
        file: String,
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// An image would have more patches than a device reads.
    #[error(
        "an image for {hardware} would have {count} patches, and devices read at most {PATCHES_MAX}; ask for fewer bases (bases.count and bases.versions in tuffet.toml)"
    )]
    TooManyPatches {
        /// The hardware.
        hardware: Id,
        /// How many there would be.
        count: usize,
    },
    /// The snapshot would not fit small devices.
    #[error(
        "a repository holds at most {PRODUCTS_MAX} products, and this one has {there}; make another repository with the same root keys"
    )]
    TooManyProducts {
        /// Products in it.
        there: usize,
    },
    /// A base that was never released.
    #[error("bases.versions in tuffet.toml names {version}, which was never released here; remove it")]
    UnknownBase {
        /// The version.
        version: Version,
    },
    /// The product has no such channel.
    #[error("the product has no channel {channel}; tuffet.toml lists {}", known.join(", "))]
    UnknownChannel {
        /// What was asked for.
        channel: Id,
        /// What there is.
        known: Vec<String>,
    },
    /// The product has no such hardware, or it is given twice.
    #[error("the hardware {hardware} is not in tuffet.toml or given twice; the product runs on {}", known.join(", "))]
    UnknownHardware {
        /// What was asked for.
        hardware: Id,
        /// What there is.
        known: Vec<String>,
    },
    /// The version is not above the one published.
    #[error(
        "version {version} is not above {newest}, which {pointer} names now; choose a higher one, --attempt for the same one again, or --rollback to go back"
    )]
    VersionNotNewer {
        /// What was asked for.
        version: Version,
        /// What is published.
        newest: Version,
        /// The name that devices look up.
        pointer: String,
    },
}

impl Refused {
    pub(crate) fn file_differs(name: &str, digest: &Digest) -> Self {
        Self::FileDiffers {
            name: name.to_owned(),
            digest: Hex(digest).to_string(),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::KeySignsNothing { .. }
            | Self::KeysMissing { .. }
            | Self::NoKeys { .. }
            | Self::NoOnlineKeys { .. }
            | Self::OfflineKeyOnline { .. }
            | Self::OtherRole { .. }
            | Self::BadKeys(_) => Exit::Key,
            Self::NotAProposal { .. }
            | Self::ProposalPlaceTaken { .. }
            | Self::ProposalThere { .. }
            | Self::ProductFileThere { .. }
            | Self::ProductThere { .. }
            | Self::NoSuchProduct { .. } => Exit::WrongState,
            Self::NothingToDo => Exit::Usage,
            Self::BadDocument { .. }
            | Self::BadRollout { .. }
            | Self::DocumentTooLong { .. }
            | Self::FileDiffers { .. }
            | Self::FilesDisagree { .. }
            | Self::ForeignName { .. }
            | Self::ForeignPatterns { .. }
            | Self::ImageAddresses { .. }
            | Self::ImageDoesNotFit { .. }
            | Self::ImageNameTaken { .. }
            | Self::NameTaken { .. }
            | Self::NoSuchRole { .. }
            | Self::NothingReleased { .. }
            | Self::NotTheFirstRoot { .. }
            | Self::OtherProduct { .. }
            | Self::OtherProposal { .. }
            | Self::OtherRepository { .. }
            | Self::OtherRoot { .. }
            | Self::OtherThreshold { .. }
            | Self::PatchDiffers { .. }
            | Self::PatchNameTaken { .. }
            | Self::PatchNotMade { .. }
            | Self::PointerDiffers { .. }
            | Self::ReleasedInTheFuture { .. }
            | Self::RoleTwice { .. }
            | Self::SecurityVersion { .. }
            | Self::SecurityWithoutAdvisory
            | Self::SignaturesMissing { .. }
            | Self::Stale { .. }
            | Self::TargetDiffers { .. }
            | Self::TargetMissing { .. }
            | Self::TooLong { .. }
            | Self::TooManyPatches { .. }
            | Self::TooManyProducts { .. }
            | Self::UnknownBase { .. }
            | Self::UnknownChannel { .. }
            | Self::UnknownHardware { .. }
            | Self::VersionNotNewer { .. } => Exit::Refused,
        }
    }
}

fn listed(addresses: &[Address]) -> String {
    let texts: Vec<String> = addresses.iter().map(Address::to_string).collect();
    texts.join(", ")
}
