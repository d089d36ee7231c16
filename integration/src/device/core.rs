//! The verifier itself, with what it has to remember in memory.

use super::STATE;
use super::follower::{Follower, ReadAs};
use crate::attacks::{Clock, Verdict};
use crate::simulator::Simulator;
use crate::simulator::keys::sha256;
use crate::site::{Fault, Site, label};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::marker::PhantomData;
use tuffet_no_std_client::tuf::{
    Algorithms, Answer, Error, Fetch, Lenient, Limits, Pinned, Reading, Rejected, Request, Resolution, RoleName,
    Session, Strict, TargetName, Trusted,
};
use tuffet_no_std_client::wire::hex::Hex;
use tuffet_no_std_client::wire::{Document, UnixSeconds};

/// A reading as this device drives it.
pub trait Driven: Reading {
    /// Which one it is.
    const READS: ReadAs;
    /// How much is read: as much as whoever uses the reading reads.
    const LIMITS: Limits;
    /// Whether the top-level roles are brought up to date before anything is looked up.
    const REFRESHES: bool;
    /// In pieces of how many bytes a file is shown to the verifier.
    const PIECE_BYTES: usize;

    /// The name of a target.
    fn name(name: &str) -> Self::TargetName;

    /// The state as it is kept.
    fn written(state: &Trusted<Self>) -> Vec<u8>;

    /// The state that was kept; nothing if these bytes are none.
    fn read_again(bytes: &[u8]) -> Option<Trusted<Self>>;
}

impl<A: Algorithms> Driven for Strict<A> {
    const READS: ReadAs = ReadAs::Strict;
    const LIMITS: Limits = Limits::DEFAULT;
    const REFRESHES: bool = false;
    /// Not a divisor of anything.
    const PIECE_BYTES: usize = 61;

    fn name(name: &str) -> TargetName {
        TargetName::new(name).expect("the simulator's names fit")
    }

    fn written(state: &Trusted<Self>) -> Vec<u8> {
        state.encode().to_vec()
    }

    fn read_again(bytes: &[u8]) -> Option<Trusted<Self>> {
        Trusted::<Self>::decode(bytes).ok()
    }
}

impl Driven for Lenient {
    const READS: ReadAs = ReadAs::Lenient;
    const LIMITS: Limits = Limits::LARGE;
    const REFRESHES: bool = true;
    const PIECE_BYTES: usize = usize::MAX;

    fn name(name: &str) -> String {
        name.to_owned()
    }

    fn written(state: &Trusted<Self>) -> Vec<u8> {
        state.to_bytes()
    }

    fn read_again(bytes: &[u8]) -> Option<Trusted<Self>> {
        Trusted::<Self>::from_bytes(bytes).ok()
    }
}

/// A session in this reading, and the least shell around it: it fetches, hands over and stores.
pub struct Core<R> {
    site: Site,
    now: UnixSeconds,
    clock: Clock,
    requests: Vec<String>,
    rejected: Option<Rejected>,
    files: BTreeMap<String, Vec<u8>>,
    reading: PhantomData<R>,
}

/// A file that comes in pieces.
struct Pieces<'f, R> {
    file: &'f [u8],
    reading: PhantomData<R>,
}

impl<R: Driven> Document for Pieces<'_, R> {
    type Error = Infallible;

    fn length(&self) -> u32 {
        self.file.length()
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Infallible> {
        let rest = self.file.chunk(offset)?;
        Ok(&rest[..rest.len().min(R::PIECE_BYTES)])
    }
}

fn in_pieces<R>(file: &[u8]) -> Pieces<'_, R> {
    Pieces {
        file,
        reading: PhantomData,
    }
}

impl<R: Driven> Follower for Core<R> {
    const READS: ReadAs = R::READS;

    fn trusting(repository: &Simulator) -> Self {
        let root = repository.site.file("metadata/1.root.json");
        let root = root.expect("the first root is served").to_vec();
        let trusted = Session::<R>::first_root(&mut in_pieces::<R>(&root), &R::LIMITS);
        let trusted = trusted.expect("the first root is sound");
        Self {
            site: repository.site.clone(),
            now: UnixSeconds::new(repository.now),
            clock: Clock::Right,
            requests: Vec::new(),
            rejected: None,
            files: [
                (RoleName::Root.to_string(), root),
                (STATE.to_owned(), R::written(&trusted)),
            ]
            .into(),
            reading: PhantomData,
        }
    }

    fn serve(&mut self, repository: &Simulator) {
        self.site = repository.site.clone();
        self.now = UnixSeconds::new(repository.now);
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn follow(&mut self, names: &[&str]) -> Verdict {
        self.rejected = None;
        match self.cycle(names) {
            Ok(Some(Resolution::Found(_))) => Verdict::Found,
            Ok(Some(Resolution::NotFound)) => Verdict::NotFound,
            Ok(None) => Verdict::Refused("MoreRoots".to_owned()),
            Err(Error::Rejected(rejected)) => {
                self.rejected = Some(rejected);
                Verdict::Refused(rejected.name().to_owned())
            }
            Err(Error::DamagedStore { .. }) => Verdict::Refused("DamagedStore".to_owned()),
            Err(error) => panic!("the session ends with {error}"),
        }
    }

    fn rejected(&self) -> Option<Rejected> {
        self.rejected
    }

    fn floor(&self) -> Option<u64> {
        R::read_again(&self.files[STATE]).map(|state| state.floor.as_secs())
    }

    fn take_requests(&mut self) -> Vec<String> {
        std::mem::take(&mut self.requests)
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.clone()
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        edit(self.files.get_mut(file).expect("the file is at rest"));
    }
}

impl<R: Driven> Core<R> {
    /// A cycle that looks the first name up, and then the others; what came of the first. Nothing: there are more roots
    /// than one run follows.
    fn cycle(&mut self, names: &[&str]) -> Result<Option<Resolution<R>>, Error<Infallible>> {
        let role = RoleName::Root;
        let trusted = R::read_again(&self.files[STATE]).ok_or(Error::DamagedStore { role })?;
        let root = self.files[role.as_str()].clone();
        let (first, others) = names.split_first().expect("something is looked up");
        let clock = self.clock.policy(self.now);
        let mut root = in_pieces::<R>(&root);
        let session = if R::REFRESHES {
            let session = Session::refresh(&mut root, trusted, clock, &R::LIMITS)?;
            self.drive(session)?.search(R::name(first))?
        } else {
            Session::begin(&mut root, trusted, R::name(first), clock, &R::LIMITS)?
        };
        let mut session = self.drive(session)?;
        let resolution = session.resolution().cloned();
        for name in others {
            let Ok(next) = session.search(R::name(name)) else {
                break;
            };
            // A search of its own: what it is refused for is not the verdict.
            match self.drive(next) {
                Ok(next) => session = next,
                Err(_) => break,
            }
        }
        Ok(resolution)
    }

    fn drive(&mut self, mut session: Session<R>) -> Result<Session<R>, Error<Infallible>> {
        while let Request::Fetch(fetch) = session.request() {
            let file = self.file(&fetch);
            let step = match &file {
                Some(file) => session.receive(Answer::Present(&mut in_pieces::<R>(file)))?,
                None => session.receive(Answer::<&[u8]>::Absent)?,
            };
            session = step.session;
            let file = file.unwrap_or_default();
            // It may have come because the kept copy was damaged; it is verified now.
            if step.store.is_some() || is_trusted::<R>(session.trusted(), &fetch.file.role, &file) {
                self.keep(&fetch.file.role, file, session.trusted());
            }
        }
        Ok(session)
    }

    /// Writes down what a shell must: the file, then the state.
    fn keep(&mut self, role: &RoleName, file: Vec<u8>, trusted: &Trusted<R>) {
        if is_trusted::<R>(trusted, role, &file) {
            self.files.insert(role.to_string(), file);
        }
        self.files.insert(STATE.to_owned(), R::written(trusted));
    }

    /// A metadata file: the kept one if it is the pinned one, else the repository's.
    fn file(&mut self, fetch: &Fetch) -> Option<Vec<u8>> {
        let kept = self.files.get(fetch.file.role.as_str());
        if let (Some(kept), Some(pinned)) = (kept, &fetch.pinned)
            && is(pinned, kept)
        {
            return Some(kept.clone());
        }
        let path = format!("metadata/{}", fetch.file);
        self.requests.push(label(&path).to_owned());
        let more_than_allowed = fetch.bytes_max as usize + 1;
        let mut bytes = self.site.file(&path)?.to_vec();
        match self.site.next_fault(&path) {
            Some(Fault::EndlessBody) => bytes.resize(bytes.len().max(more_than_allowed), 0),
            Some(Fault::Extended { bytes: zeros }) => bytes.resize(bytes.len() + zeros, 0),
            Some(Fault::Truncated { bytes: left }) => bytes.truncate(left),
            Some(fault) => unreachable!("{fault:?} is a fault of HTTP: its row runs only there"),
            None => {}
        }
        bytes.truncate(more_than_allowed);
        Some(bytes)
    }
}

/// Whether a file is the one that the state remembers of its role.
fn is_trusted<R: Reading>(trusted: &Trusted<R>, role: &RoleName, file: &[u8]) -> bool {
    let facts = match role {
        RoleName::Delegated(role) => trusted.delegated(role.as_str()).map(|known| known.file),
        RoleName::Root => Some(trusted.root),
        RoleName::Snapshot => trusted.snapshot,
        RoleName::Targets => trusted.targets,
        RoleName::Timestamp => trusted.timestamp.as_ref().map(|known| known.file),
    };
    facts.is_some_and(|facts| is(&facts.pinned(), file))
}

fn is(pinned: &Pinned, file: &[u8]) -> bool {
    file.len() == pinned.length as usize && sha256(file) == Hex(&pinned.digest).to_string()
}
