//! What the fuzz targets do with their bytes, one module each.
//!
//! - A target does not only wait for a panic: it holds the core to a model, or to the inverse of what it did.
//! - The bodies stand here and not in `fuzz_targets`, so that a plain test runs every seed through them as well.

pub mod boot_records;
pub mod http_answer;
pub mod key_and_signature;
pub mod lenient_json;
pub mod patch_bulk;
pub mod patch_decoder;
pub mod patch_mixing;
#[path = "../../../no-std-client/patch/tests/support/model/mod.rs"]
#[allow(clippy::unwrap_used)]
mod patch_model;
pub mod release_document;
#[path = "../../../no-std-client/tuf/tests/repository/mod.rs"]
#[allow(clippy::unwrap_used)]
mod repository;
pub mod rollout_file;
pub mod tuf_session;
pub mod tuf_session_lenient;
pub mod tuf_state;
pub mod wire_scanner;

/// Takes a script apart, byte by byte; what is missing at its end reads as zero.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// A script from its beginning.
    pub fn new(data: &'a [u8]) -> Script<'a> {
        Script(data)
    }

    /// Is anything left?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    /// The next two bytes, as a number.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// The next bytes; fewer where the script ends.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
