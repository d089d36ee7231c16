//! What a small device has at rest, under the names that rows use.

use crate::device::{BOOT_RECORD, DOCUMENT, RUNNING_SLOT, SPARE_SLOT, STATE};
use crate::simulator::keys::{hex, sha256};
use embedded_storage::nor_flash::NorFlash;
use std::collections::BTreeMap;
use tuffet_boot::Slot;
use tuffet_no_std_client::DeviceState;
use tuffet_no_std_client::flash::{Span, Storage, Strategy};

/// Bytes from one record of the trusted state to the next.
const RECORD_BYTES: usize = 1024;
/// What stands in front of the state in a record.
const HEAD_BYTES: usize = 8;

/// Every file at rest, in a flash that holds these bytes.
pub fn files<F: NorFlash, S: Strategy>(storage: &Storage<'_, F, S>, contents: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let map = storage.map();
    let bytes = |span: Span| contents[span.start as usize..][..span.bytes as usize].to_vec();
    let slot = |slot| bytes(S::place(storage, slot).expect("no exchange is open"));
    let mut files = BTreeMap::from([
        (BOOT_RECORD.to_owned(), bytes(map.boot_record)),
        (RUNNING_SLOT.to_owned(), slot(Slot::A)),
        (SPARE_SLOT.to_owned(), slot(Slot::B)),
    ]);
    let Ok(state) = storage.state() else {
        return files;
    };
    files.insert(STATE.to_owned(), state.encode().to_vec());
    let mut kept = |name: &str, areas: &[Span], length: u32, digest: &[u8; 32]| {
        let whole = areas.iter().map(|area| bytes(*area)).find_map(|mut file| {
            file.truncate(length as usize);
            (sha256(&file) == hex(digest)).then_some(file)
        });
        files.extend(whole.map(|file| (name.to_owned(), file)));
    };
    let root = state.trusted.root;
    kept("root", &map.roots, root.length, &root.digest);
    if let Some(snapshot) = state.trusted.snapshot {
        kept("snapshot", &map.snapshots, snapshot.length, &snapshot.digest);
    }
    if let Some(release) = state.release.document() {
        kept(DOCUMENT, &[map.document], release.length, &release.pointer.release);
    }
    files
}

/// Changes a file at rest, wherever it stands. Of the trusted state no older record is left either.
pub fn tamper(contents: &mut [u8], state: Span, file: &str, before: Vec<u8>, edit: &dyn Fn(&mut Vec<u8>)) {
    let mut after = before.clone();
    edit(&mut after);
    // What is cut off reads as erased; what is longer than the file changes nothing that is read.
    let mut cells = after.clone();
    cells.resize(before.len(), 0xFF);
    let places: Vec<usize> = contents
        .windows(before.len())
        .enumerate()
        .filter(|(_, window)| *window == before.as_slice())
        .map(|(place, _)| place)
        .collect();
    for place in places {
        contents[place..][..cells.len()].copy_from_slice(&cells);
    }
    if file == STATE && after != before {
        let pages = &mut contents[state.start as usize..][..state.bytes as usize];
        let written = |record: &&mut [u8]| record.iter().any(|byte| *byte != 0xFF);
        for record in pages.chunks_exact_mut(RECORD_BYTES).filter(written) {
            record[HEAD_BYTES + DeviceState::ENCODED_BYTES - 1] ^= 1;
        }
    }
}
