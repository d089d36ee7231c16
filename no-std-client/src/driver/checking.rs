//! The first half: from the stored root to the decision.
//!
//! Where a file goes while it is received, and whether it stays:
//!
//! | file | goes to | stays |
//! | --- | --- | --- |
//! | root | the root area that does not count | yes: it counts once the state says so |
//! | timestamp, rollout file | the snapshot area that does not count | no; the state has what it said |
//! | snapshot | the same | yes: it counts once the state says so |
//! | targets, delegated roles | the root area that does not count | no; the state has its facts |
//! | release document | its own area | yes: it is used while the state has its digest |

use super::{Need, Stop, Work};
use crate::failure::Failure;
use crate::flash::{Fill, FlashFile, Map, RegionError, Span, StateError, StatePages, Storage};
use crate::transport::{Ask, Etag, Opened, Path};
use crate::update::{Considered, Installation, ListedTarget, Request, Update};
use embedded_storage::nor_flash::NorFlash;
use tuffet_tuf::{Algorithms, Answer, Ed25519, Fetch, RoleName};
use tuffet_wire::{Digest, spell};

/// How often a file that breaks off is asked for again at once.
const TRIES_MAX: u8 = 3;

/// An update up to its decision.
pub struct Checking<'f, 'd, 'w, F, S, A: Algorithms = Ed25519> {
    storage: Storage<'f, F, S>,
    pages: StatePages<'f, F>,
    update: &'w mut Update<'d, A>,
    waits: Waits,
    path: Path,
    bytes_max: u32,
    fill: Fill,
    tries_left: u8,
    /// The tag of the timestamp, as it came.
    etag: Option<Etag>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Waits {
    /// For nothing: the machine is asked.
    Machine,
    /// For nothing: so much of this area is handed over to the machine.
    Handover(Span, u32),
    /// For a file, or the word that there is none.
    Open(Kind),
    /// For its bytes.
    Read(Kind),
    /// The decision is made.
    Decided,
}

/// What the file that is waited for is.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    Timestamp,
    Other,
}

impl Kind {
    const fn of(role: &RoleName) -> Self {
        match role {
            RoleName::Timestamp => Self::Timestamp,
            RoleName::Delegated(_) | RoleName::Root | RoleName::Snapshot | RoleName::Targets => Self::Other,
        }
    }
}

impl<'f, 'd, 'w, F: NorFlash, S, A: Algorithms> Checking<'f, 'd, 'w, F, S, A> {
    /// Drives a machine that was begun. It stands in the frame of the caller, and only what is named here beside it.
    pub fn begin(storage: Storage<'f, F, S>, pages: StatePages<'f, F>, update: &'w mut Update<'d, A>) -> Self {
        Self {
            storage,
            pages,
            update,
            waits: Waits::Machine,
            path: Path::new_const(),
            bytes_max: 0,
            fill: Fill::new(storage.map().document),
            tries_left: TRIES_MAX,
            etag: None,
        }
    }

    /// The tag of the timestamp, for the next peek.
    pub const fn etag(&self) -> Option<&Etag> {
        self.etag.as_ref()
    }

    /// The decision.
    pub fn considered(&self) -> Result<&Considered, Failure> {
        self.update.considered().ok_or(Failure::Misuse)
    }

    /// Puts what the decision says is to be installed into its place.
    pub fn installation(&self, place: &mut Option<Installation>) -> Result<(), Failure> {
        self.update.installation(place)
    }

    fn map(&self) -> &'f Map<S> {
        self.storage.map()
    }

    /// Does what the machine asks for, as far as flash goes.
    #[inline(never)]
    fn turn(&mut self) -> Result<(), Stop<F::Error>> {
        // By reference: it is long, and one of it is enough.
        let request = self.update.request();
        match &request {
            Request::Metadata(fetch) => {
                if let Some(span) = self.kept(fetch)? {
                    let length = fetch.pinned.map_or(0, |pinned| pinned.length);
                    self.waits = Waits::Handover(span, length);
                    return Ok(());
                }
                let span = self.passing_area(&fetch.file.role)?;
                write_metadata(&mut self.path, fetch).ok_or(Failure::Misuse)?;
                let (bytes_max, kind) = (fetch.bytes_max, Kind::of(&fetch.file.role));
                self.ask(bytes_max, span, kind);
            }
            // A file that stays already stands where it stays.
            Request::Store { .. } => {
                self.save()?;
                self.update.note_stored::<Stop<F::Error>>()?;
            }
            Request::Target(target) => {
                let (span, length) = (self.target_area(target)?, short(target.length()));
                // Its digest is compared again when it is read.
                if self.storage.holds(span, length, target.digest())? {
                    self.waits = Waits::Handover(span, length);
                    return Ok(());
                }
                write_target(&mut self.path, target.digest(), target.name().as_str()).ok_or(Failure::Misuse)?;
                self.ask(length, span, Kind::Other);
            }
            Request::Stored(remembered) => {
                let length = remembered.length;
                self.waits = Waits::Handover(self.map().document, length);
            }
            Request::Decided => {
                // A machine that refused has no decision, and nothing to store.
                self.update.considered().ok_or(Failure::Misuse)?;
                self.save()?;
                self.waits = Waits::Decided;
            }
            Request::HashSource { .. }
            | Request::Download { .. }
            | Request::MarkEmpty(_)
            | Request::Decode(_)
            | Request::Unpack { .. }
            | Request::ReadBack { .. }
            | Request::StoreState
            | Request::Trial => return Err(Failure::Misuse.into()),
        }
        Ok(())
    }

    #[inline(never)]
    fn save(&mut self) -> Result<(), StateError<F::Error>> {
        self.pages.save(self.update.state())
    }

    /// Lets the machine read a file in flash. It is called with nothing else on the stack: what the machine does with a file goes
    /// deeper than anything here.
    #[inline(never)]
    fn hand_over(&mut self, span: Span, length: u32) -> Result<(), Stop<F::Error>> {
        let mut file = FlashFile::new(self.storage.region(span), length);
        self.update.take::<_, Stop<F::Error>>(Answer::Present(&mut file))?;
        self.waits = Waits::Machine;
        Ok(())
    }

    /// Where a kept copy of the very file stands that the machine asks for.
    fn kept(&self, fetch: &Fetch) -> Result<Option<Span>, RegionError<F::Error>> {
        let areas = match fetch.file.role {
            RoleName::Root => self.map().roots,
            RoleName::Snapshot => self.map().snapshots,
            RoleName::Delegated(_) | RoleName::Targets | RoleName::Timestamp => return Ok(None),
        };
        if let Some(pinned) = &fetch.pinned {
            for area in areas {
                if self.storage.holds(area, pinned.length, &pinned.digest)? {
                    return Ok(Some(area));
                }
            }
        }
        Ok(None)
    }

    /// The area of the two that does not hold the file which counts.
    #[inline(never)]
    fn passing_area(&self, role: &RoleName) -> Result<Span, RegionError<F::Error>> {
        let trusted = &self.update.state().trusted;
        let ([first, second], counts) = match role {
            RoleName::Root | RoleName::Targets | RoleName::Delegated(_) => (self.map().roots, Some(&trusted.root)),
            RoleName::Snapshot | RoleName::Timestamp => (self.map().snapshots, trusted.snapshot.as_ref()),
        };
        Ok(match counts {
            Some(file) if self.storage.holds(first, file.length, &file.digest)? => second,
            Some(_) | None => first,
        })
    }

    /// A document stays in its area; a rollout file passes through, and is the smaller one.
    fn target_area(&self, target: &ListedTarget<'_>) -> Result<Span, RegionError<F::Error>> {
        if target.name().as_str().ends_with(".release") {
            return Ok(self.map().document);
        }
        self.passing_area(&RoleName::Timestamp)
    }

    #[inline(never)]
    fn ask(&mut self, bytes_max: u32, span: Span, kind: Kind) {
        self.bytes_max = bytes_max;
        self.fill.begin(span);
        self.tries_left = TRIES_MAX;
        self.waits = Waits::Open(kind);
    }

    /// The file came to its end, or to more than it may have.
    fn received(&mut self) -> Result<(), Stop<F::Error>> {
        let span = self.fill.span();
        let came = self.fill.came();
        if came <= self.bytes_max {
            self.fill.finish(&mut self.storage.region(span))?;
        }
        self.waits = Waits::Handover(span, came);
        Ok(())
    }
}

impl<F: NorFlash, S, A: Algorithms> Work<F> for Checking<'_, '_, '_, F, S, A> {
    fn need(&mut self) -> Result<Need<'_>, Stop<F::Error>> {
        loop {
            match self.waits {
                Waits::Machine => self.turn()?,
                Waits::Handover(span, length) => self.hand_over(span, length)?,
                Waits::Open(_) | Waits::Read(_) | Waits::Decided => break,
            }
        }
        Ok(match self.waits {
            Waits::Machine | Waits::Handover(..) | Waits::Decided => Need::Nothing,
            Waits::Open(_) => Need::Open(Ask {
                path: &self.path,
                offset: self.fill.came(),
                // One more: a file that is too long is noticed.
                bytes_max: self.bytes_max.saturating_add(1).saturating_sub(self.fill.came()),
                unless: None,
            }),
            Waits::Read(_) => Need::Read(self.fill.space()),
        })
    }

    fn opened(&mut self, opened: Opened) -> Result<(), Stop<F::Error>> {
        let Waits::Open(kind) = self.waits else {
            return Err(Failure::Misuse.into());
        };
        match opened {
            Opened::Absent => {
                self.update.take::<FlashFile<'_, F>, Stop<F::Error>>(Answer::Absent)?;
                self.waits = Waits::Machine;
            }
            // Nothing was asked conditionally.
            Opened::NotModified => return Err(Stop::Transport),
            Opened::Present { etag } => {
                if kind == Kind::Timestamp {
                    self.etag = etag;
                }
                self.waits = Waits::Read(kind);
            }
        }
        Ok(())
    }

    fn filled(&mut self, count: usize) -> Result<(), Stop<F::Error>> {
        let Waits::Read(_) = self.waits else {
            return Err(Failure::Misuse.into());
        };
        if count == 0 {
            return self.received();
        }
        let span = self.fill.span();
        self.fill.filled(&mut self.storage.region(span), count)?;
        if self.fill.came() > self.bytes_max {
            return self.received();
        }
        Ok(())
    }

    fn broken(&mut self) -> bool {
        // What came so far counts on; the whole file is verified in any case.
        let Waits::Read(kind) = self.waits else {
            return false;
        };
        let Some(tries_left) = self.tries_left.checked_sub(1) else {
            return false;
        };
        self.tries_left = tries_left;
        self.waits = Waits::Open(kind);
        if kind == Kind::Timestamp {
            // The one name under which another file may stand by now.
            self.fill.begin(self.fill.span());
        }
        true
    }
}

fn write_metadata(path: &mut Path, fetch: &Fetch) -> Option<()> {
    path.clear();
    path.try_push_str("metadata/").ok()?;
    fetch.file.spell(&mut |text| path.try_push_str(text).ok())
}

/// Where a target of consistent snapshots lies.
#[inline(never)]
pub fn write_target(path: &mut Path, digest: &Digest, name: &str) -> Option<()> {
    path.clear();
    path.try_push_str("targets/").ok()?;
    spell::bytes(&mut |text| path.try_push_str(text).ok(), digest)?;
    path.try_push_str(".").ok()?;
    path.try_push_str(name).ok()
}

fn short(length: u64) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
