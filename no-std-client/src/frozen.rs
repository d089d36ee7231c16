//! Records as they were written once: the trusted state and the journal of exchanges. Whoever changes what bytes mean sees it here, on
//! every target.
//!
//! - `tests/frozen/NAME_vVERSION.txt` is what a region of flash held, in hexadecimal digits. The same is written today, and it is read
//!   as the same, to the end of time.
//! - `TUFFET_FREEZE=1 cargo test -p tuffet-no-std-client --lib frozen` writes files that are missing. None is written again: if one
//!   fails, the code is wrong.
//! - Places in the bytes are those of `docs/spec/trusted-state.md` and `docs/spec/swap-journal.md`, by number, so that the papers are
//!   held against the code.

#[path = "../tests/support/frozen.rs"]
mod files;

#[allow(dead_code, reason = "cuts of records are not looked at here")]
mod flash {
    use std::{vec, vec::Vec};
    include!("../boot/tests/support/flash.rs");
}

mod journal;
mod state;

use std::{path::Path, vec::Vec};

fn held(name: &str, version: u8, written: &[u8]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen");
    files::held(&files::path(&folder, name, version), written)
}
