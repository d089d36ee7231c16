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

use super::{Stop, Turn, Work};
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
    /// So much of this area is to be handed over to the machine.
    at_hand: Option<(Span, u32)>,
    path: Path,
    bytes_max: u32,
    fill: Fill,
    tries_left: u8,
    /// Whether the file that is waited for is the timestamp.
    is_timestamp: bool,
    /// The tag of the timestamp, as it came.
    etag: Option<Etag>,
}

impl<'f, 'd, 'w, F: NorFlash, S, A: Algorithms> Checking<'f, 'd, 'w, F, S, A> {
    /// Drives a machine that was begun. It stands in the frame of the caller, and only what is named here beside it.
    pub fn begin(storage: Storage<'f, F, S>, pages: StatePages<'f, F>, update: &'w mut Update<'d, A>) -> Self {
        Self {
            storage,
            pages,
            update,
            at_hand: None,
            path: Path::new_const(),
            bytes_max: 0,
            fill: Fill::new(storage.map().document),
            tries_left: TRIES_MAX,
            is_timestamp: false,
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
    fn turn(&mut self) -> Result<Turn, Stop<F::Error>> {
        // By reference: it is long, and one of it is enough.
        let request = self.update.request();
        match &request {
            Request::Metadata(fetch) => {
                self.at_hand = self.kept(fetch)?;
                if self.at_hand.is_none() {
                    let role = &fetch.file.role;
                    let span = self.passing_area(role)?;
                    write_metadata(&mut self.path, fetch).ok_or(Failure::Misuse)?;
                    self.is_timestamp = matches!(role, RoleName::Timestamp);
                    let bytes_max = fetch.bytes_max;
                    return Ok(self.wait_for(bytes_max, span));
                }
            }
            // A file that stays already stands where it stays.
            Request::Store => {
                self.save()?;
                self.update.note_stored::<Stop<F::Error>>()?;
            }
            Request::Target(target) => {
                let (span, length) = (self.target_area(target)?, short(target.length()));
                // Its digest is compared again when it is read.
                if !self.storage.holds(span, length, target.digest())? {
                    write_target(&mut self.path, target.digest(), target.name().as_str()).ok_or(Failure::Misuse)?;
                    self.is_timestamp = false;
                    return Ok(self.wait_for(length, span));
                }
                self.at_hand = Some((span, length));
            }
            Request::Stored(remembered) => self.at_hand = Some((self.map().document, remembered.length)),
            Request::Decided => {
                // A machine that refused has no decision, and nothing to store.
                self.update.considered().ok_or(Failure::Misuse)?;
                self.save()?;
                return Ok(Turn::Done);
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
        Ok(Turn::Work)
    }

    #[inline(never)]
    fn save(&mut self) -> Result<(), StateError<F::Error>> {
        self.pages.save(self.update.state())
    }

    /// Lets the machine read a file in flash. It is called with nothing else on the stack: what the machine does with a file goes
    /// deeper than anything here.
    #[inline(never)]
    fn hand_over(&mut self, span: Span, length: u32) -> Result<Turn, Stop<F::Error>> {
        let mut file = FlashFile::new(self.storage.region(span), length);
        self.update.take::<_, Stop<F::Error>>(Answer::Present(&mut file))?;
        Ok(Turn::Work)
    }

    /// Where a kept copy of the very file stands that the machine asks for.
    fn kept(&self, fetch: &Fetch) -> Result<Option<(Span, u32)>, RegionError<F::Error>> {
        let areas = match fetch.file.role {
            RoleName::Root => self.map().roots,
            RoleName::Snapshot => self.map().snapshots,
            RoleName::Delegated(_) | RoleName::Targets | RoleName::Timestamp => return Ok(None),
        };
        if let Some(pinned) = &fetch.pinned {
            for area in areas {
                if self.storage.holds(area, pinned.length, &pinned.digest)? {
                    return Ok(Some((area, pinned.length)));
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
    fn wait_for(&mut self, bytes_max: u32, span: Span) -> Turn {
        self.bytes_max = bytes_max;
        self.fill.begin(span);
        self.tries_left = TRIES_MAX;
        Turn::Open
    }

    /// The file came to its end, or to more than it may have.
    fn received(&mut self) -> Result<Turn, Stop<F::Error>> {
        let span = self.fill.span();
        let came = self.fill.came();
        if came <= self.bytes_max {
            self.fill.finish(&mut self.storage.region(span))?;
        }
        self.at_hand = Some((span, came));
        Ok(Turn::Work)
    }
}

impl<F: NorFlash, S, A: Algorithms> Work<F> for Checking<'_, '_, '_, F, S, A> {
    fn work(&mut self) -> Result<Turn, Stop<F::Error>> {
        match self.at_hand.take() {
            Some((span, length)) => self.hand_over(span, length),
            None => self.turn(),
        }
    }

    fn ask(&self) -> Ask<'_> {
        Ask {
            path: &self.path,
            offset: self.fill.came(),
            // One more: a file that is too long is noticed.
            bytes_max: self.bytes_max.saturating_add(1).saturating_sub(self.fill.came()),
            unless: None,
        }
    }

    fn opened(&mut self, opened: Opened) -> Result<Turn, Stop<F::Error>> {
        match opened {
            Opened::Absent => {
                self.update.take::<FlashFile<'_, F>, Stop<F::Error>>(Answer::Absent)?;
                Ok(Turn::Work)
            }
            // Nothing was asked conditionally.
            Opened::NotModified => Err(Stop::Transport),
            Opened::Present { etag } => {
                if self.is_timestamp {
                    self.etag = etag;
                }
                Ok(Turn::Read)
            }
        }
    }

    fn space(&mut self) -> &mut [u8] {
        self.fill.space()
    }

    fn filled(&mut self, count: usize) -> Result<Turn, Stop<F::Error>> {
        let span = self.fill.span();
        self.fill.filled(&mut self.storage.region(span), count)?;
        if count == 0 || self.fill.came() > self.bytes_max {
            return self.received();
        }
        Ok(Turn::Read)
    }

    fn broken(&mut self) -> bool {
        let Some(tries_left) = self.tries_left.checked_sub(1) else {
            return false;
        };
        self.tries_left = tries_left;
        // What came so far counts on; the whole file is verified in any case.
        if self.is_timestamp {
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
