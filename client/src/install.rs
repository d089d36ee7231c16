//! The second half of an update: download with resume, unpack, read back, begin the trial.

use crate::agent::Agent;
use crate::boot::{boot_error, open_records};
use crate::error::{ClientError, StorageError};
use crate::files::remove_if_there;
use crate::slots;
use crate::transport::{Transport, TransportError};
use indicatif::ProgressBar;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use tuffet_no_std_client::boot::VerifiedImage;
use tuffet_no_std_client::release::FileRef;
use tuffet_no_std_client::wire::hex::Hex;
use tuffet_no_std_client::{Failure, Request, Update};

/// How often a download that breaks off is taken up again at once, as long as each try brings bytes.
const TRIES_MAX: u32 = 5;
const PIECE_BYTES: usize = 64 * 1_024;

/// Installs what the decision names into the spare slot, up to the proof that the slot holds it.
pub fn into_spare_slot(
    agent: &Agent,
    decided: Update<'_>,
    transport: &Transport,
) -> Result<VerifiedImage, ClientError> {
    let mut update = decided.install()?;
    let mut part = None;
    loop {
        update = match update.request() {
            Request::Download { file, .. } => {
                let file = *file;
                let path = agent.store.part(&file.digest)?;
                let next = download(agent, update, &file, &path, transport)?;
                part = Some(path);
                next
            }
            Request::HashSource { slot, .. } => read_back(update, &agent.folder.slot(slot))?,
            Request::MarkEmpty(slot) => {
                let mut records = open_records(&agent.folder)?;
                records
                    .mark_empty(slot)
                    .map_err(|error| boot_error(&agent.folder, error))?;
                update.done()?
            }
            Request::Unpack { slot, length } => {
                slots::unpack(
                    part.as_deref().unwrap_or(Path::new("")),
                    &agent.folder.slot(slot),
                    length,
                )?;
                update.done()?
            }
            Request::ReadBack { slot, .. } => read_back(update, &agent.folder.slot(slot))?,
            Request::StoreState => {
                agent.store.save_state(update.state())?;
                update.done()?
            }
            Request::Trial => break,
            Request::Metadata(_)
            | Request::Store { .. }
            | Request::Target(_)
            | Request::Stored(_)
            | Request::Decode(_)
            | Request::Decided => {
                return Err(Failure::Misuse.into());
            }
        };
    }
    if let Some(path) = part {
        remove_if_there(&path)?;
    }
    update.into_image().map_err(ClientError::from)
}

/// Brings the image file into the part file and through the machine, from wherever the part file ends.
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
    if let Err(ClientError::Refused { .. }) = &outcome {
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
    let mut update = feed_part(update, part, bar)?;
    let mut target = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(|error| StorageError::new("open", part, error))?;
    let path = format!("targets/{}.{}", Hex(&file.digest), file.name);
    let mut tries_left = TRIES_MAX;
    while let Request::Download { offset, .. } = update.request() {
        if offset > 0 {
            agent
                .report
                .note(&format!("download goes on at byte {offset} of {}", file.length));
        }
        match fetch_rest(update, &path, offset, &mut target, part, transport, bar)? {
            Progress::Whole(whole) => return sync(&target, part).map(|()| whole),
            Progress::Broken(rest, error) => {
                sync(&target, part)?;
                tries_left -= 1;
                let has_moved = matches!(rest.request(), Request::Download { offset: now, .. } if now > offset);
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
    Whole(Update<'d>),
    Broken(Update<'d>, TransportError),
}

fn fetch_rest<'d>(
    mut update: Update<'d>,
    path: &str,
    offset: u32,
    target: &mut File,
    part: &Path,
    transport: &Transport,
    bar: &ProgressBar,
) -> Result<Progress<'d>, ClientError> {
    let mut body = match transport.download(path, u64::from(offset)) {
        Ok(Some(body)) => body,
        Ok(None) => return Err(ClientError::Missing { path: path.to_owned() }),
        Err(error) => return Ok(Progress::Broken(update, error)),
    };
    let mut piece = vec![0; PIECE_BYTES];
    while let Request::Download { file, offset } = update.request() {
        // Never past the signed length: what an endless body holds behind it is not read.
        let wanted = usize::try_from(file.length.saturating_sub(offset))
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
    Ok(Progress::Whole(update))
}

/// Hands over what an earlier try already brought.
fn feed_part<'d>(update: Update<'d>, part: &Path, bar: &ProgressBar) -> Result<Update<'d>, ClientError> {
    if !part.exists() {
        return Ok(update);
    }
    feed(update, part, |count| bar.inc(count))
}

fn read_back<'d>(update: Update<'d>, slot: &Path) -> Result<Update<'d>, ClientError> {
    feed(update, slot, |_| {})
}

fn feed<'d>(update: Update<'d>, path: &Path, fed: impl Fn(u64)) -> Result<Update<'d>, ClientError> {
    let mut fed_so_far = Some(update);
    slots::read_pieces(path, |piece| {
        let update = fed_so_far.take().ok_or(Failure::Misuse)?;
        fed_so_far = Some(update.receive_bytes(piece)?);
        fed(piece.len() as u64);
        Ok(())
    })?;
    Ok(fed_so_far.ok_or(Failure::Misuse)?)
}

fn sync(file: &File, path: &Path) -> Result<(), ClientError> {
    Ok(file
        .sync_all()
        .map_err(|error| StorageError::new("write", path, error))?)
}
