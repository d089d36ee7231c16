//! Which signatures a session can check.
//!
//! - ed25519 in every build. Other algorithms are further types (feature `algorithms`); a session that does not name them in
//!   its type does not have them, whatever features are on.
//! - A key of a kind that is not known here is unused: nobody signs with it. That is no error.
//! - A key for which anybody can make signatures is refused where it is read.
//! - Signed bytes are taken in pieces, and the verdict is that of the whole message.

#[cfg(feature = "algorithms")]
pub(crate) mod every;
#[cfg(test)]
mod vectors;

use crate::{
    read::{Flawed, scan},
    whose::{Error, Refusals, Whose},
};
use core::fmt::Debug;
use ed25519_dalek::{Signature, StreamVerifier, VerifyingKey};
use tuffet_wire::{Digest, Document, Hasher, Sink, TEXT_BYTES_MAX, hex};

/// A set of signature algorithms.
pub trait Algorithms: Kinds {}

impl<T: Kinds> Algorithms for T {}

/// What [`Algorithms`] are made of. Not for other crates.
pub trait Kinds: Copy + Debug + Default + Eq + 'static {
    /// A public key of one of the algorithms.
    type Key: PublicKey;

    /// One strict pass over a file, with room for the longest text of a key.
    fn scan<D: Document>(
        document: &mut D,
        role: Whose,
        refusals: &Refusals,
        sink: &mut dyn Sink<Refusal = Flawed>,
        digest: &mut Digest,
    ) -> Result<(), Error<D::Error>> {
        scan::<TEXT_BYTES_MAX, D>(document, role, refusals, sink, digest)
    }
}

/// ed25519 (RFC 8032), and nothing else, by `ed25519-dalek`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Ed25519;

impl Kinds for Ed25519 {
    type Key = Ed25519Key;
}

/// The same with the same verdicts, by `tuffet-ed25519`: two fifths of the code and of the stack, and many times slower
/// where there is a fast multiplication. For parts that have no room for the other one.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct SmallEd25519;

impl Kinds for SmallEd25519 {
    type Key = SmallEd25519Key;
}

/// The three texts that make a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum KeyField {
    KeyType,
    Public,
    Scheme,
}

/// A public key that signatures can be held against.
pub trait PublicKey: Clone + Debug + PartialEq + Eq {
    /// A key object while it is read.
    type Draft: Clone + Debug + Default;
    /// The check of one signature.
    type Verifier;

    /// Takes one of its texts; nothing if that is too long to be one.
    fn take(draft: &mut Self::Draft, field: KeyField, text: Option<&str>);

    /// The key, once all three texts were taken; nothing if it is of another kind.
    fn finish(draft: &Self::Draft) -> Result<Option<Self>, Flawed>;

    /// Whether anybody can make signatures for it, or nobody.
    fn is_weak(&self) -> bool;

    /// Adds what tells it from all other keys.
    fn identify(&self, hash: &mut Hasher);

    /// Begins to check one signature; nothing if its text is none.
    fn begin(&self, signature: &str) -> Option<Self::Verifier>;

    /// Takes the next signed bytes.
    fn update(verifier: &mut Self::Verifier, bytes: &[u8]);

    /// Whether the signature is one of all bytes taken.
    fn is_valid(verifier: Self::Verifier) -> bool;
}

/// An ed25519 key, as it stands in a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Ed25519Key([u8; 32]);

/// An ed25519 key while it is read.
#[derive(Copy, Clone, Debug, Default)]
pub struct Ed25519Draft {
    is_keytype: bool,
    is_scheme: bool,
    public: Option<[u8; 32]>,
}

impl PublicKey for Ed25519Key {
    type Draft = Ed25519Draft;
    type Verifier = StreamVerifier;

    fn take(draft: &mut Ed25519Draft, field: KeyField, text: Option<&str>) {
        match field {
            KeyField::KeyType => draft.is_keytype = text == Some("ed25519"),
            KeyField::Public => draft.public = text.and_then(hex::decode),
            KeyField::Scheme => draft.is_scheme = text == Some("ed25519"),
        }
    }

    fn finish(draft: &Ed25519Draft) -> Result<Option<Self>, Flawed> {
        match draft {
            Ed25519Draft {
                is_keytype: true,
                is_scheme: true,
                public,
            } => public.map(|public| Some(Self(public))).ok_or(Flawed::NOT_HEX),
            _ => Ok(None),
        }
    }

    /// `verify_stream` does not look for weak keys, so nothing may verify with a key that did not pass here.
    #[inline(never)]
    fn is_weak(&self) -> bool {
        VerifyingKey::from_bytes(&self.0).map_or(true, |point| point.is_weak())
    }

    fn identify(&self, hash: &mut Hasher) {
        hash.update(&self.0);
    }

    #[inline(never)]
    fn begin(&self, signature: &str) -> Option<StreamVerifier> {
        let signature = Signature::from_bytes(&hex::decode(signature)?);
        VerifyingKey::from_bytes(&self.0).ok()?.verify_stream(&signature).ok()
    }

    fn update(verifier: &mut StreamVerifier, bytes: &[u8]) {
        verifier.update(bytes);
    }

    /// The group operation, which needs more stack than all the rest.
    #[inline(never)]
    fn is_valid(verifier: StreamVerifier) -> bool {
        verifier.finalize_and_verify().is_ok()
    }
}

/// The same key for the small verifier.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SmallEd25519Key(Ed25519Key);

impl PublicKey for SmallEd25519Key {
    type Draft = Ed25519Draft;
    type Verifier = tuffet_ed25519::Verifier;

    fn take(draft: &mut Ed25519Draft, field: KeyField, text: Option<&str>) {
        Ed25519Key::take(draft, field, text);
    }

    fn finish(draft: &Ed25519Draft) -> Result<Option<Self>, Flawed> {
        Ok(Ed25519Key::finish(draft)?.map(Self))
    }

    /// The verifier does not look for weak keys either.
    fn is_weak(&self) -> bool {
        tuffet_ed25519::check_key(&self.0.0).is_err()
    }

    fn identify(&self, hash: &mut Hasher) {
        self.0.identify(hash);
    }

    #[inline(never)]
    fn begin(&self, signature: &str) -> Option<tuffet_ed25519::Verifier> {
        tuffet_ed25519::Verifier::new(&self.0.0, &hex::decode(signature)?)
    }

    fn update(verifier: &mut tuffet_ed25519::Verifier, bytes: &[u8]) {
        verifier.update(bytes);
    }

    fn is_valid(verifier: tuffet_ed25519::Verifier) -> bool {
        verifier.is_valid()
    }
}
