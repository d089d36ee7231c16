//! A change that waits for signatures: a folder that travels from holder to holder.
//!
//! ```text
//! FOLDER/proposal.json        who may sign which role (for the holders; publishing asks the repository instead)
//! FOLDER/metadata/ROLE.json   the new file of each role, with the signatures so far
//! FOLDER/targets/NAME         the new target files
//! ```
//!
//! - What is signed is fixed when the proposal is made: versions, times and targets. Holders only add signatures.
//! - A holder signs only when every new target file is there and is what the metadata says, and every new patch is what its
//!   document says.
//! - The folder appears whole or not at all, and says what it follows: published as long as the repository is still there.
//! - Several holders may sign copies; `sign` takes signatures over from another copy of the same proposal.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tuffet_keys_tool::KeySource;
use tuffet_tuf::{
    emit::{File, file, signed_bytes},
    model::{KeyId, MetaFile, Signature, Targets},
};
use tuffet_wire::emit::wire;

use crate::{
    check,
    error::{Error, Refused},
    repository::{Published, parse},
    roles::{Signers, TargetsRole},
    signing::{Counted, NotEmitted},
    storage::{self, Content, Facts, RealDisk, StorageError},
};

const HEADER: &str = "proposal.json";
const HEADER_BYTES_MAX: u64 = 1024 * 1024;
/// Format of the folder; not frozen yet.
const FORMAT: u32 = 0;

/// A change that waits for signatures.
#[derive(Clone, Debug)]
pub struct Proposal {
    folder: PathBuf,
    header: Header,
    roles: BTreeMap<String, File<Targets>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The published file of each role that is not new, when the proposal was made.
    follows: BTreeMap<String, MetaFile>,
    format: u32,
    /// Names of the target files that are new.
    new_targets: BTreeSet<String>,
    /// By role.
    signers: BTreeMap<String, Signers>,
    /// One line for people.
    title: String,
}

/// Signatures of one role of a proposal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RoleProgress {
    /// The role.
    pub role: String,
    /// Keys that have signed.
    pub signed_by: Vec<KeyId>,
    /// Keys that may.
    pub keys: usize,
    /// How many have to.
    pub threshold: u32,
}

impl RoleProgress {
    /// How many signatures are still needed.
    pub fn missing(&self) -> u32 {
        self.threshold
            .saturating_sub(u32::try_from(self.signed_by.len()).unwrap_or(u32::MAX))
    }
}

/// A proposal while it is put together.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub title: String,
    /// What it changes.
    pub published: &'a Published,
    pub roles: BTreeMap<String, (Targets, Signers)>,
    /// New target files by name. `None` means that the file is in the new folder already.
    pub targets: BTreeMap<String, Option<Content>>,
}

/// A proposal folder before it has its name. What a cut leaves of it is removed by the next attempt.
#[derive(Debug)]
pub(crate) struct NewFolder {
    /// Where it will be.
    place: PathBuf,
    /// Beside that, so that it can be renamed.
    fresh: PathBuf,
}

impl NewFolder {
    /// Begins one for a place where nothing is yet.
    pub fn begin(place: &Path) -> Result<Self, Error> {
        if Proposal::is_at(place) {
            return Err(Refused::ProposalThere { path: place.to_owned() }.into());
        }
        if let Some(found) = storage::names(place)?.into_iter().next() {
            let path = place.to_owned();
            return Err(Refused::ProposalPlaceTaken { path, found }.into());
        }
        let fresh = storage::fresh(place)?;
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(StorageError::not_written(&fresh))?;
        }
        let folder = Self {
            place: place.to_owned(),
            fresh,
        };
        for part in [folder.metadata(), folder.targets()] {
            std::fs::create_dir_all(&part).map_err(StorageError::not_written(&part))?;
        }
        Ok(folder)
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.fresh
    }

    /// For the new target files.
    pub fn targets(&self) -> PathBuf {
        self.fresh.join("targets")
    }

    fn metadata(&self) -> PathBuf {
        self.fresh.join("metadata")
    }

    fn finish(&self) -> Result<(), StorageError> {
        storage::rename_folder(&RealDisk, &self.fresh, &self.place)
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // After `finish` there is nothing left of it. Should this fail, the next attempt removes it.
        let _ = std::fs::remove_dir_all(&self.fresh);
    }
}

impl Draft<'_> {
    /// Writes the folder, where nothing may be yet.
    pub fn write(self, folder: &Path) -> Result<Proposal, Error> {
        self.write_into(&NewFolder::begin(folder)?)
    }

    /// Writes what is not yet in a new folder, and gives the folder its name.
    pub fn write_into(self, folder: &NewFolder) -> Result<Proposal, Error> {
        for (name, content) in &self.targets {
            if let Some(content) = content {
                storage::replace(&RealDisk, &folder.targets().join(name), content)?;
            }
        }
        let mut follows = BTreeMap::new();
        let mut signers = BTreeMap::new();
        let mut roles = BTreeMap::new();
        for (name, (role, who)) in self.roles {
            if let Some(old) = self.published.pinned(&name) {
                follows.insert(name.clone(), old.clone());
            }
            roles.insert(
                name.clone(),
                File {
                    signatures: Vec::new(),
                    role,
                },
            );
            signers.insert(name, who);
        }
        let header = Header {
            follows,
            format: FORMAT,
            new_targets: self.targets.into_keys().collect(),
            signers,
            title: self.title,
        };
        let mut proposal = Proposal {
            folder: folder.path().to_owned(),
            header,
            roles,
        };
        for name in proposal.roles.keys() {
            proposal.save_role(name)?;
        }
        let bytes = wire(&proposal.header).map_err(NotEmitted)?;
        storage::replace(&RealDisk, &folder.path().join(HEADER), &Content::Bytes(bytes))?;
        folder.finish()?;
        proposal.folder = folder.place.clone();
        Ok(proposal)
    }
}

impl Proposal {
    /// Reads a proposal folder.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let not_one = |what| Refused::NotAProposal {
            path: folder.to_owned(),
            what,
        };
        let header = storage::read_optional(&folder.join(HEADER), HEADER_BYTES_MAX)?
            .ok_or_else(|| not_one("there is no proposal.json; make one with `release build`"))?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| not_one("proposal.json is damaged"))?;
        if header.format != FORMAT {
            return Err(not_one("it was made by another version of this tool").into());
        }
        let mut roles = BTreeMap::new();
        for name in header.signers.keys() {
            let role = TargetsRole::parse(name).ok_or_else(|| not_one("it names an impossible role"))?;
            let file = format!("{name}.json");
            let bytes = storage::read(&folder.join("metadata").join(&file), role.bytes_max())?;
            roles.insert(name.clone(), parse(&file, &bytes)?);
        }
        let flat = |name: &String| !name.starts_with('.') && !name.contains(['/', '\\']);
        if !header.new_targets.iter().all(flat) {
            return Err(not_one("it names a target file outside its folder").into());
        }
        Ok(Self {
            folder: folder.to_owned(),
            header,
            roles,
        })
    }

    /// Whether a folder holds a proposal, finished or not.
    pub(crate) fn is_at(folder: &Path) -> bool {
        folder.join(HEADER).exists()
    }

    /// The published file which a role's new one follows. `None` means that the role is new.
    pub(crate) fn follows(&self, role: &str) -> Option<&MetaFile> {
        self.header.follows.get(role)
    }

    /// One line for people.
    pub fn title(&self) -> &str {
        &self.header.title
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The new file of each role.
    pub fn roles(&self) -> &BTreeMap<String, File<Targets>> {
        &self.roles
    }

    /// Names of the new target files, and where they are.
    pub fn new_targets(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.header
            .new_targets
            .iter()
            .map(|name| (name.as_str(), self.folder.join("targets").join(name)))
    }

    /// Who has signed what, by the keys which the proposal names.
    pub fn progress(&self) -> Result<Vec<RoleProgress>, Error> {
        let of_role = |(name, file): (&String, &File<Targets>)| {
            let signers = &self.header.signers[name];
            let counted = Counted::of(&file.role, &file.signatures, signers)?;
            let signed_by = counted.signatures().iter().map(|signature| signature.keyid).collect();
            Ok(RoleProgress {
                role: name.clone(),
                signed_by,
                keys: signers.keys.len(),
                threshold: signers.threshold,
            })
        };
        self.roles.iter().map(of_role).collect()
    }

    /// Adds a holder's signature to every role which the key signs. Returns these roles. Signing twice changes nothing.
    pub fn sign(&mut self, key: &dyn KeySource) -> Result<Vec<String>, Error> {
        self.check_targets()?;
        let id = key.public_key().id();
        let roles: Vec<String> = self
            .roles
            .keys()
            .filter(|name| self.header.signers[*name].keys.contains_key(&id))
            .cloned()
            .collect();
        if roles.is_empty() {
            return Err(Refused::KeySignsNothing {
                key: id,
                roles: self.roles.keys().cloned().collect(),
            }
            .into());
        }
        for name in &roles {
            let bytes = signed_bytes(&self.roles[name].role).map_err(NotEmitted)?;
            let signature = key.sign(&bytes)?;
            self.add(name, signature)?;
        }
        Ok(roles)
    }

    /// Takes over the signatures of another copy of this proposal. Returns how many were new.
    pub fn merge(&mut self, other: &Self) -> Result<usize, Error> {
        let same = self.roles.len() == other.roles.len()
            && self
                .roles
                .iter()
                .all(|(name, file)| other.roles.get(name).is_some_and(|other| other.role == file.role));
        if !same {
            return Err(Refused::OtherProposal {
                path: other.folder.clone(),
            }
            .into());
        }
        let mut added = 0;
        for (name, file) in &other.roles {
            let counted = Counted::of(&file.role, &file.signatures, &self.header.signers[name])?;
            let known: BTreeSet<KeyId> = self.roles[name]
                .signatures
                .iter()
                .map(|signature| signature.keyid)
                .collect();
            for signature in counted.signatures() {
                added += usize::from(!known.contains(&signature.keyid));
                self.add(name, signature)?;
            }
        }
        Ok(added)
    }

    /// Every new target file is there and is what the metadata says, and every new patch is what its document says.
    pub fn check_targets(&self) -> Result<(), Error> {
        for (name, path) in self.new_targets() {
            let wrong = || Refused::TargetDiffers {
                name: name.to_owned(),
                path: path.clone(),
            };
            if !path.is_file() {
                return Err(Refused::TargetMissing {
                    name: name.to_owned(),
                    path,
                }
                .into());
            }
            let facts = Facts::of_file(&path)?;
            let listed = self
                .roles
                .values()
                .find_map(|file| file.role.targets.get(name))
                .ok_or_else(wrong)?;
            if facts.length != listed.length || facts.digest != listed.hashes.sha256 {
                return Err(wrong().into());
            }
        }
        check::proposed_patches(self)
    }

    fn add(&mut self, name: &str, signature: Signature) -> Result<(), Error> {
        if let Some(file) = self.roles.get_mut(name) {
            file.signatures.retain(|old| old.keyid != signature.keyid);
            file.signatures.push(signature);
            file.signatures.sort_by_key(|signature| signature.keyid);
        }
        self.save_role(name)
    }

    fn save_role(&self, name: &str) -> Result<(), Error> {
        let File { signatures, role } = &self.roles[name];
        let bytes = file(role, signatures).map_err(NotEmitted)?;
        let path = self.folder.join("metadata").join(format!("{name}.json"));
        Ok(storage::replace(&RealDisk, &path, &Content::Bytes(bytes))?)
    }
}
