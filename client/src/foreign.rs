//! Other people's TUF repositories: the whole client workflow, over the lenient reading of the verifier.
//!
//! - The verifier decides; this shell downloads, hands over and stores, in that order.
//! - The folder holds what is trusted, byte for byte as received: `root.json`, `timestamp.json`, `snapshot.json`,
//!   `targets.json` and each delegated role under its percent-encoded name; and `state.bin`, which says by digest which bytes
//!   those are. Every file is replaced atomically, the state after the file; both are durable before the next request.
//! - A copy that is not the one of the state is not used, so an edited or torn one costs a download and never lowers a
//!   version. Without the state nothing is trusted.
//! - One process at a time works on a folder.
//! - What the local copy satisfies is not asked for; nothing is asked for twice, in advance or in another order than the
//!   specification has it.

use crate::error::StorageError;
use crate::files::{read_if_there, remove_if_there, replace, sync_folder_of};
use crate::transport::{Fetch, Transport, TransportError};
use sha2::{Digest as _, Sha256, Sha512};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tuffet_no_std_client::tuf::{
    self, Answer, BadState, ClockPolicy, FileName, Hashes, Lenient, Limits, Pinned, Request, Resolution, RoleName,
    Store, Trusted, VerifiedTarget,
};
use tuffet_no_std_client::wire::hex::Hex;

type Session = tuf::Session<Lenient>;

/// Why something of another repository is not here.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// A target's name that would name another folder.
    #[error("the target name {name:?} has an empty part, or one that names a folder (`.`, `..`)")]
    BadName {
        /// The target.
        name: String,
    },
    /// Another process works on the folder.
    #[error("another process works on {}; wait until it has ended", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The state does not say what is trusted.
    #[error("{}: {reason}; initialise the folder again with a root that you trust", path.display())]
    DamagedState {
        /// The state's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// More roots than one run follows.
    #[error("the repository has more new roots than one run follows; run again to go on from the newest")]
    MoreRoots,
    /// No role that is trusted for the name lists it.
    #[error("no trusted role lists the target {name:?}")]
    NotFound {
        /// The target.
        name: String,
    },
    /// The target is not the file that its role lists.
    #[error("the target {name:?} is not the file that its role lists")]
    WrongTarget {
        /// The target.
        name: String,
    },
    /// The server does not have the target.
    #[error("the server does not have the target {name:?}")]
    TargetAbsent {
        /// The target.
        name: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The network or the server failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The repository was refused.
    #[error("{0}")]
    Tuf(tuf::Error<Infallible>),
}

impl From<tuf::Error<Infallible>> for ForeignError {
    fn from(error: tuf::Error<Infallible>) -> Self {
        Self::Tuf(error)
    }
}

/// What this machine trusts of another repository.
#[derive(Debug, Clone)]
pub struct Foreign {
    folder: PathBuf,
    limits: Limits,
}

/// The metadata is up to date, or as it was stored; targets can be looked up in it.
pub struct Refreshed<'f> {
    foreign: &'f Foreign,
    /// Nothing: only what is stored counts.
    metadata: Option<&'f Transport>,
    session: Session,
    /// Held as long as the session goes on.
    _lock: File,
}

impl Foreign {
    /// Begins to trust a root: it has to be signed by its own keys. An existing folder is taken over.
    pub fn init(folder: &Path, root: &[u8]) -> Result<(), ForeignError> {
        let foreign = Self::at(folder);
        let mut document = root;
        let trusted = Session::first_root(&mut document, &foreign.limits)?;
        std::fs::create_dir_all(folder).map_err(|error| StorageError::new("make the folder", folder, error))?;
        let _lock = foreign.lock()?;
        foreign.keep(&RoleName::Root, root)?;
        foreign.save(&trusted)?;
        foreign.forget(&trusted)
    }

    /// What a folder holds; that is looked at later.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            limits: Limits::LARGE,
        }
    }

    /// Brings the top-level roles up to date.
    pub fn refresh<'f>(&'f self, metadata: &'f Transport, clock: ClockPolicy) -> Result<Refreshed<'f>, ForeignError> {
        self.begin(Some(metadata), clock)
    }

    /// Goes by what is stored alone, without a request: every signature and expiry is checked again, and what is not there
    /// any more, or was never asked for, is absent.
    pub fn offline(&self, clock: ClockPolicy) -> Result<Refreshed<'_>, ForeignError> {
        self.begin(None, clock)
    }

    fn begin<'f>(&'f self, metadata: Option<&'f Transport>, clock: ClockPolicy) -> Result<Refreshed<'f>, ForeignError> {
        // Without the state there is nothing to lock, and nothing to be made.
        self.trusted()?;
        let lock = self.lock()?;
        let trusted = self.trusted()?;
        let root = self.root(metadata, &trusted)?;
        let session = Session::refresh(&mut root.as_slice(), trusted, clock, &self.limits)?;
        let session = self.drive(metadata, session)?;
        Ok(Refreshed {
            foreign: self,
            metadata,
            session,
            _lock: lock,
        })
    }

    /// The kept root; if it is not the one that is trusted, the server's copy of that one.
    fn root(&self, metadata: Option<&Transport>, trusted: &Trusted<Lenient>) -> Result<Vec<u8>, ForeignError> {
        let pinned = trusted.root.pinned();
        if let Some(kept) = self.kept(&RoleName::Root, &pinned)? {
            return Ok(kept);
        }
        let file = FileName {
            role: RoleName::Root,
            version: Some(pinned.version),
        };
        let bytes_max = u64::from(pinned.length);
        let path = &file.to_string();
        let served = match metadata {
            Some(metadata) => metadata.fetch(Fetch { path, bytes_max })?,
            None => None,
        };
        match served {
            Some(served) if is(&pinned, &served.bytes) => {
                self.keep(&RoleName::Root, &served.bytes)?;
                Ok(served.bytes)
            }
            _ => Err(tuf::Error::DamagedStore { role: RoleName::Root }.into()),
        }
    }

    /// Fetches, hands over and stores, until the session asks for nothing more.
    fn drive(&self, metadata: Option<&Transport>, mut session: Session) -> Result<Session, ForeignError> {
        loop {
            let fetch = match session.request() {
                Request::Fetch(fetch) => fetch,
                Request::Paused => return Err(ForeignError::MoreRoots),
                Request::Resolved => return Ok(session),
            };
            let kept = match &fetch.pinned {
                Some(pinned) => self.kept(&fetch.file.role, pinned)?,
                None => None,
            };
            if let Some(kept) = kept {
                // A listing may name a version and no bytes; if the copy of that version does not hold, the server may have another.
                let before = session.clone();
                match session.take(Answer::Present(&mut kept.as_slice())) {
                    Ok(store) => {
                        self.store(store, &fetch.file.role, &kept, &session)?;
                        continue;
                    }
                    Err(tuf::Error::Rejected(tuf::Rejected::TooFewSignatures { .. })) => session = before,
                    Err(error) => return Err(error.into()),
                }
            }
            let served = match metadata {
                Some(metadata) => {
                    let path = &fetch.file.to_string();
                    let bytes_max = u64::from(fetch.bytes_max);
                    metadata.fetch(Fetch { path, bytes_max })?.map(|served| served.bytes)
                }
                // Its version is in the state, and it is held against that.
                None if fetch.file.role == RoleName::Timestamp => read_if_there(&self.path(&fetch.file.role))?,
                None => None,
            };
            match served {
                Some(served) => {
                    let store = session.take(Answer::Present(&mut served.as_slice()))?;
                    if store.is_none()
                        && facts(session.trusted(), &fetch.file.role).is_some_and(|known| is(&known, &served))
                    {
                        // Nothing is trusted anew: the copy was damaged or gone.
                        self.keep(&fetch.file.role, &served)?;
                    }
                    self.store(store, &fetch.file.role, &served, &session)?;
                }
                None => {
                    let store = session.take(Answer::<&[u8]>::Absent)?;
                    self.store(store, &fetch.file.role, &[], &session)?;
                }
            }
        }
    }

    /// Writes down what the session says: the file, then the state; then what the state has forgotten goes.
    fn store(&self, store: Option<Store>, role: &RoleName, file: &[u8], session: &Session) -> Result<(), ForeignError> {
        let Some(Store) = store else {
            return Ok(());
        };
        let trusted = session.trusted();
        if facts(trusted, role).is_some_and(|pinned| is(&pinned, file)) {
            self.keep(role, file)?;
        }
        if *role == RoleName::Snapshot && !session.has_consistent_snapshot() {
            // Its version cannot be asked for again, so the state never names one that a cut could still undo.
            self.sync()?;
        }
        self.save(trusted)?;
        self.forget(trusted)
    }

    /// Removes the files that the state says nothing of.
    fn forget(&self, trusted: &Trusted<Lenient>) -> Result<(), ForeignError> {
        let failed = |error| StorageError::new("read", &self.folder, error);
        let delegated = trusted.delegated.as_ref().iter().flatten();
        let delegated = delegated.map(|known| RoleName::Delegated(known.role));
        let top = [
            RoleName::Root,
            RoleName::Snapshot,
            RoleName::Targets,
            RoleName::Timestamp,
        ];
        let known = top
            .into_iter()
            .filter(|role| facts(trusted, role).is_some())
            .chain(delegated);
        let known: Vec<PathBuf> = known.map(|role| self.path(&role)).collect();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") && !known.contains(&path) {
                remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    /// Keeps other processes out, as long as the file is open.
    fn lock(&self) -> Result<File, ForeignError> {
        let path = self.folder.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| StorageError::new("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(ForeignError::Busy {
                folder: self.folder.clone(),
            }),
            Err(std::fs::TryLockError::Error(error)) => Err(StorageError::new("lock", &path, error).into()),
        }
    }

    fn sync(&self) -> Result<(), ForeignError> {
        let path = self.state_path();
        Ok(sync_folder_of(&path).map_err(|error| StorageError::new("write", &path, error))?)
    }

    fn kept(&self, role: &RoleName, pinned: &Pinned) -> Result<Option<Vec<u8>>, ForeignError> {
        let kept = read_if_there(&self.path(role))?;
        Ok(kept.filter(|bytes| is(pinned, bytes)))
    }

    fn keep(&self, role: &RoleName, file: &[u8]) -> Result<(), ForeignError> {
        Ok(replace(&self.path(role), file)?)
    }

    /// The name as served, without a version: percent-encoded, so that no role can name another folder.
    fn path(&self, role: &RoleName) -> PathBuf {
        let name = FileName {
            role: *role,
            version: None,
        };
        self.folder.join(name.to_string())
    }

    fn state_path(&self) -> PathBuf {
        self.folder.join("state.bin")
    }

    /// The state behind its digest.
    fn trusted(&self) -> Result<Trusted<Lenient>, ForeignError> {
        let path = self.state_path();
        let damaged = |reason: String| ForeignError::DamagedState {
            path: path.clone(),
            reason,
        };
        let record = read_if_there(&path)?.ok_or_else(|| damaged("there is none".to_owned()))?;
        let (digest, state) = record
            .split_first_chunk::<32>()
            .ok_or_else(|| damaged("it is cut short".to_owned()))?;
        if Sha256::digest(state).as_slice() != digest {
            return Err(damaged("it is not as it was written".to_owned()));
        }
        Trusted::<Lenient>::from_bytes(state).map_err(|bad| {
            let reason = if let BadState::UnknownLayout { found } = bad {
                format!("layout {found} is unknown to this version")
            } else {
                "it is not as this version writes it".to_owned()
            };
            damaged(reason)
        })
    }

    fn save(&self, trusted: &Trusted<Lenient>) -> Result<(), ForeignError> {
        let state = trusted.to_bytes();
        let mut record = Sha256::digest(&state).to_vec();
        record.extend_from_slice(&state);
        replace(&self.state_path(), &record)?;
        self.sync()
    }
}

impl Refreshed<'_> {
    /// Looks a target up, through the delegations that are trusted for its name.
    pub fn find(&mut self, name: &str) -> Result<VerifiedTarget<Lenient>, ForeignError> {
        let session = self.session.clone().search(name.to_owned());
        let session = session.map_err(tuf::Error::Misuse)?;
        let session = self.foreign.drive(self.metadata, session)?;
        let found = session.resolution().cloned();
        self.session = session;
        match found {
            Some(Resolution::Found(target)) => Ok(target),
            Some(Resolution::NotFound) | None => Err(ForeignError::NotFound { name: name.to_owned() }),
        }
    }

    /// Downloads a target into a folder, under its percent-encoded name, unless it is there. Gives its path.
    pub fn download(
        &self,
        target: &VerifiedTarget<Lenient>,
        targets: &Transport,
        folder: &Path,
    ) -> Result<PathBuf, ForeignError> {
        let name = target.name();
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(ForeignError::BadName { name: name.clone() });
        }
        let place = folder.join(escaped(name, ""));
        let storage = |operation, path: &Path| {
            let path = path.to_owned();
            move |error| StorageError::new(operation, &path, error)
        };
        if place.is_file() {
            let mut file = File::open(&place).map_err(storage("read", &place))?;
            let mut seen = Seen::nothing_of(target);
            io::copy(&mut file, &mut seen).map_err(storage("read", &place))?;
            if seen.amounts_to_target() {
                return Ok(place);
            }
        }
        let path = target_path(target, self.session.has_consistent_snapshot());
        let Some(mut body) = targets.download(&path, 0)? else {
            return Err(ForeignError::TargetAbsent { name: name.clone() });
        };
        std::fs::create_dir_all(folder).map_err(storage("make the folder", folder))?;
        // Gone again unless it takes its place.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(storage("write into", folder))?;
        let mut seen = Seen::nothing_of(target);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let count = body.read(&mut piece)?;
            let Some(received) = piece.get(..count).filter(|received| !received.is_empty()) else {
                break;
            };
            seen.take(received);
            // §5.7.1: never more than is listed.
            if seen.bytes > target.length() {
                break;
            }
            file.write_all(received).map_err(storage("write", file.path()))?;
        }
        if !seen.amounts_to_target() {
            return Err(ForeignError::WrongTarget { name: name.clone() });
        }
        file.as_file().sync_all().map_err(storage("write", file.path()))?;
        let persisted = file.persist(&place).map_err(|error| error.error);
        persisted.map_err(storage("write", &place))?;
        sync_folder_of(&place).map_err(storage("write", &place))?;
        Ok(place)
    }
}

/// What was seen of a target's bytes: their number, and the digests that are listed of it.
struct Seen<'t> {
    target: &'t VerifiedTarget<Lenient>,
    bytes: u64,
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl<'t> Seen<'t> {
    fn nothing_of(target: &'t VerifiedTarget<Lenient>) -> Self {
        let Hashes { sha256, sha512 } = target.digests();
        Self {
            target,
            bytes: 0,
            sha256: sha256.map(|_| Sha256::new()),
            sha512: sha512.as_ref().map(|_| Sha512::new()),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(hash) = &mut self.sha256 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.sha512 {
            hash.update(bytes);
        }
    }

    /// §5.7.3: whether they are the target.
    fn amounts_to_target(self) -> bool {
        let hashes = Hashes {
            sha256: self.sha256.map(|hash| hash.finalize().into()),
            sha512: self.sha512.map(|hash| Box::new(hash.finalize().into())),
        };
        self.bytes == self.target.length() && hashes == *self.target.digests()
    }
}

impl Write for Seen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is(pinned: &Pinned, file: &[u8]) -> bool {
    let mut document = file;
    match pinned.matches(&mut document) {
        Ok(matches) => matches,
        Err(never) => match never {},
    }
}

/// What the state says of a role's file.
fn facts(trusted: &Trusted<Lenient>, role: &RoleName) -> Option<Pinned> {
    let file = match role {
        RoleName::Delegated(role) => trusted.delegated(role.as_str()).map(|known| known.file),
        RoleName::Root => Some(trusted.root),
        RoleName::Snapshot => trusted.snapshot,
        RoleName::Targets => trusted.targets,
        RoleName::Timestamp => trusted.timestamp.as_ref().map(|known| known.file),
    };
    file.map(|file| file.pinned())
}

/// §5.7.2: `DIR/DIGEST.FILE` with consistent snapshots, the name itself without.
fn target_path(target: &VerifiedTarget<Lenient>, has_consistent_snapshot: bool) -> String {
    let name = escaped(target.name(), "/");
    if !has_consistent_snapshot {
        return name;
    }
    let Hashes { sha256, sha512 } = target.digests();
    let digest = match (sha256, sha512) {
        (Some(digest), _) => Hex(digest).to_string(),
        (None, Some(digest)) => Hex(digest.as_slice()).to_string(),
        (None, None) => return name,
    };
    match name.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{digest}.{file}"),
        None => format!("{digest}.{name}"),
    }
}

/// A name in which everything is percent-encoded that means something in an address or a path, but for these.
fn escaped(name: &str, kept: &str) -> String {
    let mut escaped = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-' | '~') || kept.contains(character) {
            escaped.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
