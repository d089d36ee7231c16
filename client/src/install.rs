//! The second half of an update: download with resume, unpack or decode, read back, begin the trial.

use crate::agent::{Agent, Update};
use crate::boot::{boot_error, open_records};
use crate::decode::{self, Places};
use crate::error::{ClientError, StorageError};
use crate::files::remove_if_there;
use crate::slots::{self, Filled, Pieces};
use crate::transport::{Transport, TransportError};
use indicatif::ProgressBar;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tuffet_no_std_client::boot::{Slot, VerifiedImage};
use tuffet_no_std_client::release::{FileRef, Plan};
use tuffet_no_std_client::wire::hex::Hex;
use tuffet_no_std_client::{Considered, Decoding, Failure, FellBack, ImageFault, Request, Way};

/// How often a download that breaks off is taken up again at once, as long as each try brings bytes.
const TRIES_MAX: u32 = 5;
const PIECE_BYTES: usize = 64 * 1_024;

/// An image that stands in the spare slot, and how it came there.
pub struct Arrived {
    /// The proof that the slot holds it.
    pub image: VerifiedImage,
    /// By which way it came.
    pub way: Way,
    /// Whether a delta was given up for it.
    pub fell_back: Option<FellBack>,
}

/// Installs what the decision names into the spare slot, up to the proof that the slot holds it.
pub fn into_spare_slot(agent: &Agent, decided: Update<'_>, transport: &Transport) -> Result<Arrived, ClientError> {
    if let Some(plan) = decided.considered().and_then(Considered::plan) {
        // What came of the full image is of use still when the delta fails once more.
        agent.store.forget_other_parts(&digests_of(&plan))?;
    }
    let mut update = decided.install()?;
    let mut part = PathBuf::new();
    loop {
        let before = update.fell_back();
        update = match update.request() {
            Request::Download { file, .. } => {
                let file = *file;
                part = agent.store.part(&file.digest)?;
                download(agent, update, &file, &part, transport)?
            }
            Request::HashSource { slot, .. } => feed_slot(agent, update, slot)?,
            Request::MarkEmpty(slot) => {
                let mut records = open_records(&agent.folder)?;
                records
                    .mark_empty(slot)
                    .map_err(|error| boot_error(&agent.folder, error))?;
                update.done()?
            }
            Request::Decode(decoding) => {
                let filled = decode(agent, &decoding, &part)?;
                say(update, filled)?
            }
            Request::Unpack { slot, length } => {
                let filled = slots::unpack(&part, &agent.folder.slot(slot), length)?;
                say(update, filled)?
            }
            Request::ReadBack { slot, .. } => feed_slot(agent, update, slot)?,
            Request::StoreState => {
                agent.store.save_state(update.state())?;
                update.done()?
            }
            Request::Trial => break,
            Request::Metadata(_)
            | Request::Store { .. }
            | Request::Target(_)
            | Request::Stored(_)
            | Request::Decided => {
                return Err(Failure::Misuse.into());
            }
        };
        if let (None, Some(FellBack { fault })) = (before, update.fell_back()) {
            remove_if_there(&part)?;
            agent
                .report
                .note(&format!("the delta cannot be used ({fault}); taking the full image"));
        }
    }
    remove_if_there(&part)?;
    let way = update.way().ok_or(Failure::Misuse)?;
    let fell_back = update.fell_back();
    let image = update.into_image()?;
    Ok(Arrived { image, way, fell_back })
}

/// All files that lead to a planned image.
fn digests_of(plan: &Plan<'_>) -> Vec<[u8; 32]> {
    let patches = [plan.image.delta, plan.image.whole].into_iter().flatten();
    patches
        .map(|patch| patch.file.digest)
        .chain([plan.image.file.digest])
        .collect()
}

fn say(update: Update<'_>, filled: Filled) -> Result<Update<'_>, Failure> {
    match filled {
        Filled::Whole => update.done(),
        Filled::Fault(fault) => update.failed(fault),
    }
}

fn decode(agent: &Agent, decoding: &Decoding<'_>, patch: &Path) -> Result<Filled, ClientError> {
    let places = Places {
        patch,
        running: &agent.folder.slot(decoding.slot.other()),
        spare: &agent.folder.slot(decoding.slot),
        slot_bytes: agent.device.slot_bytes,
    };
    let bar = agent.report.progress("decoding", u64::from(decoding.result.length));
    let outcome = decode::decode(decoding, &places, &bar);
    bar.finish_and_clear();
    outcome
}

/// Brings the file into the part file and through the machine, from wherever the part file ends.
fn download<'d>(
    agent: &Agent,
    update: Update<'d>,
    file: &FileRef,
    part: &Path,
    transport: &Transport,
) -> Result<Update<'d>, ClientError> {
    let bar = agent.report.progress(file.name.as_str(), u64::from(file.length));
    let outcome = download_into(update, file, part, transport, &bar, agent);
    bar.finish_and_clear();
    if let Err(ClientError::Refused { failure }) = &outcome
        && !matches!(failure, Failure::Image(ImageFault::Missing))
    {
        // These bytes are not the signed file: they must not be taken up again.
        remove_if_there(part)?;
    }
    outcome
}

fn download_into<'d>(
    update: Update<'d>,
    file: &FileRef,
    part: &Path,
    transport: &Transport,
    bar: &ProgressBar,
    agent: &Agent,
) -> Result<Update<'d>, ClientError> {
    let wanted = |update: &Update<'_>| wanted_of(update, file);
    // What an earlier try already brought.
    let mut update = feed(update, part, wanted, |count| bar.inc(count))?;
    let mut target = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(|error| StorageError::new("open", part, error))?;
    let path = format!("targets/{}.{}", Hex(&file.digest), file.name);
    let mut tries_left = TRIES_MAX;
    while let Some(Span { offset, .. }) = wanted(&update) {
        if offset > 0 {
            agent
                .report
                .note(&format!("download goes on at byte {offset} of {}", file.length));
        }
        match fetch_rest(update, file, &path, &mut target, part, transport, bar)? {
            Progress::Over(update) => return sync(&target, part).map(|()| update),
            Progress::Broken(rest, error) => {
                sync(&target, part)?;
                tries_left -= 1;
                let has_moved = wanted(&rest).is_some_and(|span| span.offset > offset);
                if tries_left == 0 || !has_moved {
                    return Err(error.into());
                }
                update = rest;
            }
        }
    }
    Ok(update)
}

/// How far one request brought a download.
enum Progress<'d> {
    /// The machine does not ask for the rest: the file is whole, or of no use.
    Over(Update<'d>),
    /// The connection broke.
    Broken(Update<'d>, TransportError),
}

fn fetch_rest<'d>(
    mut update: Update<'d>,
    file: &FileRef,
    path: &str,
    target: &mut File,
    part: &Path,
    transport: &Transport,
    bar: &ProgressBar,
) -> Result<Progress<'d>, ClientError> {
    let offset = wanted_of(&update, file).map_or(0, |span| span.offset);
    let mut body = match transport.download(path, u64::from(offset)) {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(Progress::Over(update.failed(ImageFault::Missing)?)),
        Err(error) => return Ok(Progress::Broken(update, error)),
    };
    let mut piece = vec![0; PIECE_BYTES];
    while let Some(Span { offset, length }) = wanted_of(&update, file) {
        // Never past the signed length: what an endless body holds behind it is not read.
        let wanted = usize::try_from(length.saturating_sub(offset))
            .unwrap_or(PIECE_BYTES)
            .min(PIECE_BYTES);
        let count = match body.read(piece.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => {
                let reason = "the server ended the file early".to_owned();
                return Ok(Progress::Broken(update, TransportError::Broken { reason }));
            }
            Ok(count) => count,
            Err(error) => return Ok(Progress::Broken(update, error)),
        };
        let bytes = piece.get(..count).unwrap_or_default();
        update = update.receive_bytes(bytes)?;
        target
            .write_all(bytes)
            .map_err(|error| StorageError::new("write", part, error))?;
        bar.inc(count as u64);
    }
    Ok(Progress::Over(update))
}

/// Hands a slot over. One that ends early is not the image either.
fn feed_slot<'d>(agent: &Agent, update: Update<'d>, slot: Slot) -> Result<Update<'d>, ClientError> {
    let fault = if matches!(update.request(), Request::HashSource { .. }) {
        ImageFault::SourceDigest
    } else {
        ImageFault::SlotDigest
    };
    let update = feed(update, &agent.folder.slot(slot), wanted_of_slot, |_| {})?;
    match wanted_of_slot(&update) {
        Some(_) => Ok(update.failed(fault)?),
        None => Ok(update),
    }
}

/// The bytes that the machine asks for.
struct Span {
    offset: u32,
    length: u32,
}

/// What the machine still asks for of this very file.
fn wanted_of(update: &Update<'_>, wanted: &FileRef) -> Option<Span> {
    let Request::Download { file, offset } = update.request() else {
        return None;
    };
    let length = file.length;
    (file == wanted).then_some(Span { offset, length })
}

fn wanted_of_slot(update: &Update<'_>) -> Option<Span> {
    let (Request::HashSource { offset, length, .. } | Request::ReadBack { offset, length, .. }) = update.request()
    else {
        return None;
    };
    Some(Span { offset, length })
}

/// Hands a file over from its start, until the machine wants no more of it or the file ends. No file is an empty one.
fn feed<'d>(
    mut update: Update<'d>,
    path: &Path,
    wanted: impl Fn(&Update<'_>) -> Option<Span>,
    fed: impl Fn(u64),
) -> Result<Update<'d>, ClientError> {
    let Some(mut pieces) = Pieces::open(path)? else {
        return Ok(update);
    };
    while let Some(Span { offset, length }) = wanted(&update) {
        let piece = pieces
            .next(length.saturating_sub(offset))
            .map_err(|error| StorageError::new("read", path, error))?;
        if piece.is_empty() {
            break;
        }
        update = update.receive_bytes(piece)?;
        fed(piece.len() as u64);
    }
    Ok(update)
}

fn sync(file: &File, path: &Path) -> Result<(), ClientError> {
    Ok(file
        .sync_all()
        .map_err(|error| StorageError::new("write", path, error))?)
}
