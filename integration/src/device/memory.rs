//! The update machine with everything at rest in memory.

use super::slots::Slots;
use super::{BOOT_RECORD, BootFlash, DOCUMENT, Device, ROLLOUT, STATE, read_boot_record, slot_name};
use crate::attacks::{Clock, Outcome, Taken};
use crate::simulator::Simulator;
use crate::simulator::release::{CHANNEL, HARDWARE, POINTER, PRODUCT, SLOT_BYTES};
use crate::site::{Fault, Site, label};
use embedded_storage::nor_flash::NorFlash;
use std::collections::BTreeMap;
use std::rc::Rc;
use tuffet_boot::{BootRecords, State};
use tuffet_no_std_client::release::{FileRef, Id, Seed};
use tuffet_no_std_client::tuf::{self, Answer, Limits, RoleName, TrustedState};
use tuffet_no_std_client::wire::hex::Hex;
use tuffet_no_std_client::wire::{Digest, UnixSeconds};
use tuffet_no_std_client::{Decided, DeviceState, Error, Failure, ImageFault, Intake, Request, Running, Update, Way};

/// The size of the pieces in which an image comes: not a divisor of anything.
const PIECE_BYTES: usize = 1_000;
/// The smallest flash that holds a boot record: two erase units.
const BOOT_RECORD_BYTES: usize = 2 * BootFlash::ERASE_SIZE;
const TRIAL_ATTEMPTS: u8 = 3;

/// A device in memory.
pub struct Memory {
    /// Shared, because the machine borrows it while the loop changes the rest.
    identity: Rc<tuffet_no_std_client::Device>,
    now: UnixSeconds,
    clock: Clock,
    site: Site,
    requests: Vec<String>,
    taken: Option<Taken>,
    files: BTreeMap<String, Vec<u8>>,
}

/// Why a cycle ended early.
enum Stop {
    Failure(Failure),
    Transport,
    Named(&'static str),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Device for Memory {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Large;

    fn factory(repository: &Simulator) -> Self {
        let id = |text| Id::parse(text).expect("the simulator's ids are ids");
        let identity = tuffet_no_std_client::Device {
            product: id(PRODUCT),
            hardware: id(HARDWARE),
            channel: id(CHANNEL),
            component: id("firmware"),
            slot_bytes: SLOT_BYTES,
            seed: Seed::new([7; 32]),
            limits: Limits::DEFAULT,
            slot_addresses: None,
            intake: Intake::Kept,
            data_budget_bytes: None,
        };
        let site = repository.site.clone();
        let root = site
            .file("metadata/1.root.json")
            .expect("the first root is served")
            .to_vec();
        let trusted = tuf::first_root(&mut root.as_slice(), &identity.limits).expect("the first root is sound");
        let now = UnixSeconds::new(repository.now);
        let mut device = Self {
            identity: Rc::new(identity),
            now,
            clock: Clock::Right,
            site,
            requests: Vec::new(),
            taken: None,
            files: BTreeMap::new(),
        };
        device.files.insert(
            BOOT_RECORD.to_owned(),
            BootFlash::new(BOOT_RECORD_BYTES).into_contents(),
        );
        device.files.insert(RoleName::Root.to_string(), root);
        device.keep_state(&DeviceState::new(trusted));
        let image = device
            .cycle(Running::FACTORY)
            .ok()
            .and_then(|(_, image)| image)
            .expect("the factory installs");
        device.with_boot_record(|records| {
            records
                .provision(image.placed())
                .expect("a new boot record takes the factory")
        });
        device
    }

    fn serve(&mut self, repository: &Simulator) {
        self.site = repository.site.clone();
        self.now = UnixSeconds::new(repository.now);
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn update(&mut self) -> Outcome {
        self.taken = None;
        let running = self.with_boot_record(|records| Running::of(records));
        match running.map_err(Stop::from).and_then(|running| self.cycle(running)) {
            Ok((outcome, None)) => outcome,
            Ok((outcome, Some(image))) => {
                self.with_boot_record(|records| {
                    records.begin_trial(image, TRIAL_ATTEMPTS).expect("the slot was marked")
                });
                outcome
            }
            Err(Stop::Failure(failure)) => Outcome::Refused(failure.name().to_owned()),
            Err(Stop::Named(name)) => Outcome::Refused(name.to_owned()),
            Err(Stop::Transport) => Outcome::Transport,
        }
    }

    fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }

    fn limit_data(&mut self, bytes: Option<u32>) {
        Rc::get_mut(&mut self.identity)
            .expect("no machine runs")
            .data_budget_bytes = bytes;
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

    fn try_out(&mut self, is_healthy: bool) {
        self.with_boot_record(|records| {
            records.boot().expect("the trial boots");
            if is_healthy {
                records.confirm().expect("a booted trial can be confirmed");
            } else {
                records.fail().expect("a booted trial can fail");
            }
        });
    }

    fn boot_state(&self) -> (State, u32) {
        read_boot_record(self.files[BOOT_RECORD].clone())
    }
}

impl Memory {
    /// A cycle to its end; with the image that the spare slot holds then, if one was installed.
    fn cycle(&mut self, running: Running) -> Result<(Outcome, Option<tuffet_boot::VerifiedImage>), Stop> {
        let state = DeviceState::decode(&self.files[STATE]).map_err(|_| Stop::Named("DamagedStore"))?;
        let identity = Rc::clone(&self.identity);
        let mut update = Update::begin(&identity, running, state, self.clock.policy(self.now));
        let mut received = (String::new(), Vec::new());
        loop {
            update = match update.request() {
                Request::Metadata(fetch) => {
                    let file = self.metadata(&fetch);
                    let next = hand_over(update, file.as_deref())?;
                    received = (fetch.file.role.to_string(), file.unwrap_or_default());
                    if is_trusted_file(&next.state().trusted, &fetch) {
                        // It may have come because the kept copy was damaged; it is verified now.
                        self.keep_received(&received);
                    }
                    next
                }
                Request::Store => {
                    self.keep_received(&received);
                    self.keep_state(update.state());
                    update.stored()?
                }
                Request::Target(target) => {
                    let (name, digest) = (target.name().to_string(), *target.digest());
                    let file = self.target(&name, &digest, target.length());
                    let next = hand_over(update, file.as_deref())?;
                    if let Some(file) = file.filter(|file| is_digest_of(file, &digest)) {
                        self.files.insert(kept_name(&name).to_owned(), file);
                    }
                    next
                }
                Request::Stored(_) => {
                    let file = self.files.get(DOCUMENT).cloned();
                    hand_over(update, file.as_deref())?
                }
                Request::Decided
                | Request::HashSource { .. }
                | Request::Decode(_)
                | Request::Download { .. }
                | Request::MarkEmpty(_)
                | Request::Unpack { .. }
                | Request::ReadBack { .. }
                | Request::StoreState
                | Request::Trial => break,
            };
        }
        self.keep_state(update.state());
        let outcome = match &update.considered().ok_or(Failure::Misuse)?.decided {
            Decided::Install => return Ok((Outcome::Installed, Some(self.install(update)?))),
            Decided::MoreRoots => Outcome::Waiting("MoreRoots".to_owned()),
            Decided::NoRelease => Outcome::NoRelease,
            Decided::Refuse(refusal) => Outcome::Refused(refusal.name().to_owned()),
            Decided::UpToDate => Outcome::UpToDate,
            Decided::Wait(reason) => Outcome::Waiting(reason.name().to_owned()),
        };
        Ok((outcome, None))
    }

    fn install(&mut self, decided: Update<'_>) -> Result<tuffet_boot::VerifiedImage, Stop> {
        let mut update = decided.install()?;
        let mut packed = Vec::new();
        loop {
            update = match update.request() {
                Request::Download { file, .. } => {
                    let file = *file;
                    match self.image_file(&file)? {
                        Some(bytes) => {
                            packed = bytes;
                            feed(update, &packed)?
                        }
                        None => update.failed(ImageFault::Missing)?,
                    }
                }
                Request::MarkEmpty(slot) => {
                    self.with_boot_record(|records| records.mark_empty(slot).expect("the spare slot may be emptied"));
                    update.done()?
                }
                Request::Unpack { slot, length } => {
                    // As a slot would: it takes what fits, and the reading back decides.
                    let (image, is_whole) = unpacked(&packed, length as usize);
                    self.files.insert(slot_name(slot).to_owned(), image);
                    if is_whole {
                        update.done()?
                    } else {
                        update.failed(ImageFault::Unpack)?
                    }
                }
                Request::Decode(decoding) => {
                    let running = self.files.get(slot_name(decoding.slot.other())).cloned();
                    let mut slots = Slots::new(running.unwrap_or_default(), self.identity.slot_bytes);
                    let decoded = slots.decode(&decoding, &packed);
                    self.files
                        .insert(slot_name(decoding.slot).to_owned(), slots.into_spare());
                    match decoded {
                        Ok(()) => update.done()?,
                        Err(fault) => update.failed(fault)?,
                    }
                }
                Request::HashSource { slot, .. } => {
                    let image = self.files[slot_name(slot)].clone();
                    feed_slot(update, &image, ImageFault::SourceDigest)?
                }
                Request::ReadBack { slot, .. } => {
                    let image = self.files[slot_name(slot)].clone();
                    feed_slot(update, &image, ImageFault::SlotDigest)?
                }
                Request::StoreState => {
                    self.keep_state(update.state());
                    update.done()?
                }
                Request::Trial => {
                    self.taken = Some(taken(&update)?);
                    return Ok(update.into_image()?);
                }
                Request::Metadata(_) | Request::Store | Request::Target(_) | Request::Stored(_) | Request::Decided => {
                    return Err(Failure::Misuse.into());
                }
            };
        }
    }

    /// A metadata file: the kept one if it is the pinned one, else the repository's.
    fn metadata(&mut self, fetch: &tuf::Fetch) -> Option<Vec<u8>> {
        let kept = self.files.get(fetch.file.role.as_str());
        if let (Some(kept), Some(pinned)) = (kept, &fetch.pinned)
            && is_digest_of(kept, &pinned.digest)
        {
            return Some(kept.clone());
        }
        self.fetch(&format!("metadata/{}", fetch.file), fetch.bytes_max as usize)
    }

    fn target(&mut self, name: &str, digest: &Digest, length: u64) -> Option<Vec<u8>> {
        match self.files.get(kept_name(name)) {
            Some(kept) if is_digest_of(kept, digest) => Some(kept.clone()),
            _ => self.fetch(
                &format!("targets/{}.{name}", Hex(digest)),
                usize::try_from(length).unwrap_or(usize::MAX),
            ),
        }
    }

    /// As many bytes of the image file or patch as were signed: what follows is not read.
    fn image_file(&mut self, file: &FileRef) -> Result<Option<Vec<u8>>, Stop> {
        let length = file.length as usize;
        let path = format!("targets/{}.{}", Hex(&file.digest), file.name);
        let Some(mut bytes) = self.fetch(&path, length) else {
            return Ok(None);
        };
        if bytes.len() < length {
            // It would go on from there; only a fault of HTTP has more to give then.
            self.requests.push(label(&path).to_owned());
            return Err(Stop::Transport);
        }
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    /// What the repository answers, one byte more than allowed at most.
    fn fetch(&mut self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        self.requests.push(label(path).to_owned());
        let mut bytes = self.site.file(path)?.to_vec();
        match self.site.next_fault(path) {
            Some(Fault::EndlessBody) => bytes.resize(bytes.len().max(bytes_max + 1), 0),
            Some(Fault::Extended { bytes: zeros }) => bytes.resize(bytes.len() + zeros, 0),
            Some(Fault::Truncated { bytes: left }) => bytes.truncate(left),
            Some(fault) => unreachable!("{fault:?} is a fault of HTTP: its row runs only there"),
            None => {}
        }
        bytes.truncate(bytes_max + 1);
        Some(bytes)
    }

    fn keep_received(&mut self, (role, file): &(String, Vec<u8>)) {
        self.files.insert(role.clone(), file.clone());
    }

    fn keep_state(&mut self, state: &DeviceState) {
        self.files.insert(STATE.to_owned(), state.encode().to_vec());
    }

    fn with_boot_record<T>(&mut self, work: impl FnOnce(&mut BootRecords<BootFlash>) -> T) -> T {
        let flash = BootFlash::with_contents(self.files[BOOT_RECORD].clone());
        let mut records = BootRecords::open(flash).expect("the boot record can be read");
        let result = work(&mut records);
        self.files
            .insert(BOOT_RECORD.to_owned(), records.close().into_contents());
        result
    }
}

/// Whether a fetch asks for the very file that should be kept.
fn is_trusted_file(trusted: &TrustedState, fetch: &tuf::Fetch) -> bool {
    let kept = match &fetch.file.role {
        RoleName::Root => Some(trusted.root),
        RoleName::Snapshot => trusted.snapshot,
        RoleName::Targets => trusted.targets,
        RoleName::Delegated(role) => trusted.delegated(role.as_str()).map(|known| known.file),
        RoleName::Timestamp => None,
    };
    matches!((kept, fetch.pinned), (Some(kept), Some(pinned)) if kept.digest == pinned.digest)
}

fn taken(update: &Update<'_>) -> Result<Taken, Stop> {
    let way = match update.way().ok_or(Failure::Misuse)? {
        Way::Delta => "delta",
        Way::File => "file",
        Way::Whole => "whole",
    };
    Ok(Taken {
        way: way.to_owned(),
        fell_back: update.fell_back().map(|fell_back| fell_back.fault.name().to_owned()),
    })
}

fn hand_over<'d>(update: Update<'d>, file: Option<&[u8]>) -> Result<Update<'d>, Stop> {
    let outcome = match file {
        Some(mut bytes) => update.receive(Answer::Present(&mut bytes)),
        None => update.receive::<&[u8]>(Answer::Absent),
    };
    outcome.map_err(|error| match error {
        Error::Failure(failure) => Stop::Failure(failure),
        Error::Document(never) => match never {},
    })
}

fn feed<'d>(mut update: Update<'d>, bytes: &[u8]) -> Result<Update<'d>, Stop> {
    for piece in bytes.chunks(PIECE_BYTES) {
        update = update.receive_bytes(piece)?;
    }
    Ok(update)
}

/// Hands a slot over, as far as the machine wants it. One that ends early has this fault.
fn feed_slot<'d>(mut update: Update<'d>, image: &[u8], fault: ImageFault) -> Result<Update<'d>, Stop> {
    for piece in image.chunks(PIECE_BYTES) {
        if !asks_for_a_slot(&update) {
            return Ok(update);
        }
        update = update.receive_bytes(piece)?;
    }
    if asks_for_a_slot(&update) {
        update = update.failed(fault)?;
    }
    Ok(update)
}

fn asks_for_a_slot(update: &Update<'_>) -> bool {
    matches!(update.request(), Request::HashSource { .. } | Request::ReadBack { .. })
}

fn kept_name(target: &str) -> &'static str {
    if target == POINTER { DOCUMENT } else { ROLLOUT }
}

fn is_digest_of(bytes: &[u8], digest: &Digest) -> bool {
    crate::simulator::keys::sha256(bytes) == Hex(digest).to_string()
}

/// What a file unpacks to, as far as it goes into `length` bytes, and whether that is all of it.
fn unpacked(packed: &[u8], length: usize) -> (Vec<u8>, bool) {
    use std::io::Read as _;
    let mut image = Vec::new();
    let is_sound =
        zstd::Decoder::new(packed).is_ok_and(|decoder| decoder.take(length as u64 + 1).read_to_end(&mut image).is_ok());
    let is_whole = is_sound && image.len() == length;
    image.truncate(length);
    (image, is_whole)
}
