//! One signature over a message that comes in pieces.

use crate::{
    point::{self, Extended},
    scalar::Scalar,
};
use core::{error, fmt};
use sha2::{Digest as _, Sha512};

/// Why nothing may be verified with a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Its bytes are no point of the curve.
    NotAPoint,
    /// A point of small order: anybody can make signatures that are valid under it.
    Weak,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPoint => "not a point of the curve",
            Self::Weak => "a point of small order",
        })
    }
}

impl error::Error for BadKey {}

/// Refuses a public key that is no point, and one under which anybody can sign.
#[inline(never)]
pub fn check_key(public: &[u8; 32]) -> Result<(), BadKey> {
    match Extended::decode(public) {
        None => Err(BadKey::NotAPoint),
        Some(point) if point.is_small_order() => Err(BadKey::Weak),
        Some(_) => Ok(()),
    }
}

/// A signature, and as much of the message as came so far.
#[derive(Clone, Debug)]
pub struct Verifier {
    public: [u8; 32],
    r: [u8; 32],
    s: Scalar,
    /// Of `R`, the key and the message.
    hash: Sha512,
}

impl Verifier {
    /// Begins with a signature of this key. `None`: its `s` is not below the order of the base point, so that it is valid
    /// for no message.
    pub fn new(public: &[u8; 32], signature: &[u8; 64]) -> Option<Self> {
        let (r, s) = signature.split_first_chunk::<32>()?;
        let s = Scalar::decode(s.try_into().ok()?)?;
        let mut hash = Sha512::new();
        hash.update(r);
        hash.update(public);
        Some(Self {
            public: *public,
            r: *r,
            s,
            hash,
        })
    }

    /// Takes the next piece of the message.
    pub fn update(&mut self, message: &[u8]) {
        self.hash.update(message);
    }

    /// Whether the signature is valid for the message that came; never with a key that is no point.
    #[inline(never)]
    pub fn is_valid(self) -> bool {
        let k = challenge(&self.hash);
        let Some(key) = minus_key(&self.public) else {
            return false;
        };
        point::multiply_and_add(&k, &key, &self.s).encode() == self.r
    }
}

/// Not inlined, as what follows: the hash is gone from the stack before the points need it.
#[inline(never)]
fn challenge(hash: &Sha512) -> Scalar {
    Scalar::reduce(&hash.clone().finalize().into())
}

#[inline(never)]
fn minus_key(public: &[u8; 32]) -> Option<Extended> {
    // What was read with the other sign is the negative.
    let mut other = *public;
    let [.., highest] = &mut other;
    *highest ^= 0x80;
    Extended::decode(&other)
}
