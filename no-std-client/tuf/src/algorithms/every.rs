//! The signature algorithms of the specification: ed25519, ecdsa on P-256 and RSASSA-PSS, the last two with SHA-256.
//!
//! - Public keys come as PEM, P-256 keys also as a point in hexadecimal digits, as older repositories have them.
//! - A key that is of a known kind by its name and none by its value is unused; an ed25519 key whose value is none is
//!   refused, as with the strict session of a device.
//! - An RSA key of 1,024 bits to 2,047 is refused as weak; a shorter one, and one above 8,192, is unused.

use super::{Ed25519, Ed25519Key, KeyField, Kinds, PublicKey};
use crate::{
    read::{Flawed, scan},
    whose::{Error, Refusals, Whose},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt::Debug;
use ed25519_dalek::StreamVerifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256};
use tuffet_wire::{Digest, Document, Hasher, Sink};

/// Longest text of a key that the strict reading keeps, in bytes: the PEM of an RSA key of 8,192 bits has some 1,400.
const KEY_TEXT_BYTES_MAX: usize = 2048;
/// Shortest RSA key that counts, in bits.
const RSA_BITS_MIN: u32 = 2048;
/// Longest RSA key that is checked, in bits.
const RSA_BITS_MAX: u32 = 8192;

/// ed25519, ecdsa-sha2-nistp256 and rsassa-pss-sha256.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Every;

impl Kinds for Every {
    type Key = AnyKey;

    fn scan<D: Document>(
        document: &mut D,
        role: Whose,
        refusals: &Refusals,
        sink: &mut dyn Sink<Refusal = Flawed>,
        digest: &mut Digest,
    ) -> Result<(), Error<D::Error>> {
        scan::<KEY_TEXT_BYTES_MAX, D>(document, role, refusals, sink, digest)
    }
}

/// A key of any of the algorithms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyKey {
    Ed25519(Ed25519Key),
    P256(Box<p256::ecdsa::VerifyingKey>),
    Rsa(Box<rsa::PublicKey>),
}

/// A key of any kind while it is read.
#[derive(Clone, Debug, Default)]
pub struct AnyDraft {
    ed25519: <<Ed25519 as Kinds>::Key as PublicKey>::Draft,
    keytype: String,
    public: String,
    scheme: String,
}

/// The check of one signature.
pub enum AnyVerifier {
    Ed25519(Box<StreamVerifier>),
    P256 {
        key: Box<p256::ecdsa::VerifyingKey>,
        signature: p256::ecdsa::DerSignature,
        message: Sha256,
    },
    Rsa {
        key: Box<rsa::PublicKey>,
        signature: Vec<u8>,
        message: Sha256,
    },
}

impl PublicKey for AnyKey {
    type Draft = AnyDraft;
    type Verifier = AnyVerifier;

    fn take(draft: &mut AnyDraft, field: KeyField, text: Option<&str>) {
        Ed25519Key::take(&mut draft.ed25519, field, text);
        let place = match field {
            KeyField::KeyType => &mut draft.keytype,
            KeyField::Public => &mut draft.public,
            KeyField::Scheme => &mut draft.scheme,
        };
        place.clear();
        place.push_str(text.unwrap_or_default());
    }

    fn finish(draft: &AnyDraft) -> Result<Option<Self>, Flawed> {
        Ok(match (draft.keytype.as_str(), draft.scheme.as_str()) {
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => p256_key(&draft.public).map(Self::P256),
            ("rsa", "rsassa-pss-sha256") => rsa_key(&draft.public).map(Self::Rsa),
            _ => Ed25519Key::finish(&draft.ed25519)?.map(Self::Ed25519),
        })
    }

    fn is_weak(&self) -> bool {
        match self {
            Self::Ed25519(key) => key.is_weak(),
            // Every point of the curve but the neutral one, which is no key, has the whole group's order.
            Self::P256(_) => false,
            Self::Rsa(key) => key.n().bit_width() < RSA_BITS_MIN,
        }
    }

    fn identify(&self, hash: &mut Hasher) {
        match self {
            Self::Ed25519(key) => key.identify(hash),
            Self::P256(key) => {
                hash.update(b"ecdsa-sha2-nistp256");
                hash.update(key.to_sec1_point(false).as_bytes());
            }
            Self::Rsa(key) => {
                hash.update(b"rsassa-pss-sha256");
                hash.update(&key.n_bytes());
                hash.update(&key.e_bytes());
            }
        }
    }

    fn begin(&self, signature: &str) -> Option<AnyVerifier> {
        Some(match self {
            Self::Ed25519(key) => AnyVerifier::Ed25519(Box::new(key.begin(signature)?)),
            Self::P256(key) => AnyVerifier::P256 {
                key: key.clone(),
                signature: p256::ecdsa::DerSignature::from_bytes(&bytes_of(signature)?).ok()?,
                message: Sha256::new(),
            },
            Self::Rsa(key) => AnyVerifier::Rsa {
                key: key.clone(),
                signature: bytes_of(signature)?,
                message: Sha256::new(),
            },
        })
    }

    fn update(verifier: &mut AnyVerifier, bytes: &[u8]) {
        match verifier {
            AnyVerifier::Ed25519(verifier) => Ed25519Key::update(verifier, bytes),
            AnyVerifier::P256 { message, .. } | AnyVerifier::Rsa { message, .. } => message.update(bytes),
        }
    }

    fn is_valid(verifier: AnyVerifier) -> bool {
        match verifier {
            AnyVerifier::Ed25519(verifier) => Ed25519Key::is_valid(*verifier),
            AnyVerifier::P256 {
                key,
                signature,
                message,
            } => key.verify_prehash(&message.finalize(), &signature).is_ok(),
            AnyVerifier::Rsa {
                key,
                signature,
                message,
            } => {
                // Signers differ in the length of the salt, and it does not matter.
                let scheme = rsa::Pss::<Sha256> {
                    salt_len: None,
                    ..rsa::Pss::new()
                };
                key.verify(scheme, &message.finalize(), &signature).is_ok()
            }
        }
    }
}

fn p256_key(public: &str) -> Option<Box<p256::ecdsa::VerifyingKey>> {
    let public = public.trim_ascii();
    let key = if public.starts_with("-----BEGIN") {
        p256::ecdsa::VerifyingKey::from_public_key_pem(public).ok()
    } else {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes_of(public)?).ok()
    };
    key.map(Box::new)
}

fn rsa_key(public: &str) -> Option<Box<rsa::PublicKey>> {
    let key = rsa::PublicKey::from_public_key_pem(public.trim_ascii()).ok()?;
    (key.n().bit_width() <= RSA_BITS_MAX).then(|| Box::new(key))
}

/// Bytes of any count, in lowercase hexadecimal digits.
pub(crate) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let [byte] = tuffet_wire::hex::decode(core::str::from_utf8(pair).ok()?)?;
        Some(byte)
    };
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}
