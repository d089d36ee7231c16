//! Keys that are the same in every run, and signers that sign what they are told to.

use super::writing;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An ed25519 key that follows from a label.
#[derive(Clone)]
pub struct Key {
    signing: SigningKey,
}

impl Key {
    /// The key of this label: always the same one.
    #[must_use]
    pub fn of(label: &str) -> Self {
        Self {
            signing: SigningKey::from_bytes(&Sha256::digest(label).into()),
        }
    }

    /// The key object as metadata lists it.
    #[must_use]
    pub fn object(&self) -> Value {
        key_object(&hex(self.signing.verifying_key().as_bytes()))
    }

    /// The id of the key: the SHA-256 of its canonical object.
    #[must_use]
    pub fn id(&self) -> String {
        key_id(&self.object())
    }

    /// A signer that signs honestly under the key's own id.
    #[must_use]
    pub fn signer(&self) -> Signer {
        self.signer_as(&self.id())
    }

    /// A signer that signs honestly, but calls its key by this id.
    #[must_use]
    pub fn signer_as(&self, key_id: &str) -> Signer {
        Signer {
            key_id: key_id.to_owned(),
            hand: Hand::Honest(Box::new(self.signing.clone())),
        }
    }
}

/// The object of an ed25519 key with this public half (hexadecimal, or whatever a test wants to stand there).
#[must_use]
pub fn key_object(public: &str) -> Value {
    json!({"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"})
}

/// The id that every TUF client computes for a key object.
#[must_use]
pub fn key_id(object: &Value) -> String {
    hex(&Sha256::digest(writing::canonical(object)))
}

/// The public half of a key of order one (the neutral element), as hexadecimal text: `R` = neutral, `s` = 0 is a valid
/// signature under it over every message.
pub const WEAK_PUBLIC: &str = "0100000000000000000000000000000000000000000000000000000000000000";

/// One entry of a `signatures` list.
#[derive(Clone)]
pub struct Signer {
    /// The id under which the signature stands in the file.
    pub key_id: String,
    hand: Hand,
}

#[derive(Clone)]
enum Hand {
    Honest(Box<SigningKey>),
    Fixed(String),
}

impl Signer {
    /// A signer that always writes this text as its signature.
    #[must_use]
    pub fn fixed(key_id: &str, signature: &str) -> Self {
        Self {
            key_id: key_id.to_owned(),
            hand: Hand::Fixed(signature.to_owned()),
        }
    }

    /// A signer with the one signature that a key of order one accepts for everything.
    #[must_use]
    pub fn weak() -> Self {
        Self::fixed(
            &key_id(&key_object(WEAK_PUBLIC)),
            &format!("{WEAK_PUBLIC}{}", "00".repeat(32)),
        )
    }

    /// The entry of the `signatures` list over these bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Value {
        let signature = match &self.hand {
            Hand::Honest(key) => hex(&key.sign(bytes).to_bytes()),
            Hand::Fixed(text) => text.clone(),
        };
        json!({"keyid": self.key_id, "sig": signature})
    }
}

/// Lowercase hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of bytes as lowercase hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

    #[test]
    fn keys_follow_from_their_label() {
        assert_eq!(Key::of("a").id(), Key::of("a").id());
        assert_ne!(Key::of("a").id(), Key::of("b").id());
    }

    #[test]
    fn weak_signature_is_valid_over_every_message() {
        // Otherwise a row that offers it would prove nothing.
        let mut public = [0; 32];
        public[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let key = VerifyingKey::from_bytes(&public).unwrap();
        assert!(key.is_weak());
        for message in [b"one".as_slice(), b"two"] {
            key.verify(message, &Signature::from_bytes(&signature)).unwrap();
        }
        assert_eq!(Signer::weak().sign(b"")["sig"], hex(&signature));
    }
}
