//! Whatever holds a key and can sign with it.

use crate::{Error, PublicKey};
use tuffet_tuf::model::Signature;

/// Signs with one key. The key may be in memory, on a token or on another machine.
pub trait KeySource {
    /// The public half, whose id the signatures carry.
    fn public_key(&self) -> &PublicKey;

    /// Signs bytes that are already canonical, as `tuffet_tuf::emit::signed_bytes` gives them.
    fn sign(&self, canonical: &[u8]) -> Result<Signature, Error>;
}
