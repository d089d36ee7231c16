//! Keys and signatures at the edges of what is valid, with the verdict of OpenSSL beside ours.
//!
//! `tests/vectors/signatures.json` was made once, with Python's `cryptography` 48 on OpenSSL 4.0, which also gave the verdicts
//! named `openssl` (for RSA with any length of the salt). The ed25519 cases were made with the arithmetic of the curve in
//! Python: key and point of the signature with and without a part of small order, the equation of RFC 8032 holding exactly
//! or only times eight, scalars above the order, and points in a second spelling. They are the kinds of case that
//! "Taming the many EdDSAs" (eprint 2020/1244) sorts verifiers by.

use super::{
    Ed25519Key, KeyField, PublicKey,
    every::{AnyDraft, AnyKey},
};
use crate::read::Flawed;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::Value;
use std::{string::ToString, vec, vec::Vec};
use tuffet_wire::hex;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/signatures.json")).unwrap()
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().unwrap()
}

fn key<K: PublicKey>(keytype: &str, scheme: &str, public: &str) -> Result<Option<K>, Flawed> {
    let mut draft = K::Draft::default();
    K::take(&mut draft, KeyField::KeyType, Some(keytype));
    K::take(&mut draft, KeyField::Public, Some(public));
    K::take(&mut draft, KeyField::Scheme, Some(scheme));
    K::finish(&draft)
}

fn key_of(vector: &Value) -> Result<Option<AnyKey>, Flawed> {
    key(text(vector, "keytype"), text(vector, "scheme"), text(vector, "public"))
}

/// The verdict on a message that comes in pieces of this length.
fn verdict<K: PublicKey>(key: &K, signature: &str, message: &[u8], piece: usize) -> bool {
    let Some(mut verifier) = key.begin(signature) else {
        return false;
    };
    for piece in message.chunks(piece) {
        K::update(&mut verifier, piece);
    }
    K::is_valid(verifier)
}

/// The verdict whatever the pieces; they must not matter.
fn verdict_in_all_pieces<K: PublicKey>(key: &K, signature: &str, message: &[u8]) -> bool {
    let whole = verdict(key, signature, message, message.len().max(1));
    for piece in 1..=message.len() {
        assert_eq!(verdict(key, signature, message, piece), whole, "pieces of {piece}");
    }
    whole
}

#[test]
fn ed25519_edge_cases_in_pieces_are_those_of_the_whole_message() {
    for vector in vectors()["ed25519"].as_array().unwrap() {
        let name = text(vector, "name");
        let (public, signature) = (text(vector, "key"), text(vector, "signature"));
        let message = text(vector, "message").as_bytes();
        let point = VerifyingKey::from_bytes(&hex::decode(public).unwrap()).unwrap();
        let whole = point
            .verify(message, &Signature::from_bytes(&hex::decode(signature).unwrap()))
            .is_ok();
        assert_eq!(Some(whole), vector["openssl"].as_bool(), "{name}");

        let small: Ed25519Key = key("ed25519", "ed25519", public).unwrap().unwrap();
        let any: AnyKey = key("ed25519", "ed25519", public).unwrap().unwrap();
        assert_eq!(verdict_in_all_pieces(&small, signature, message), whole, "{name}");
        assert_eq!(verdict_in_all_pieces(&any, signature, message), whole, "{name}");
        // What passes only because the key is weak never comes so far: such a key is refused where it is read.
        let has_small_key = ["small order key", "neutral key", "order two key", "order four key"]
            .iter()
            .any(|weak| name.starts_with(weak));
        assert_eq!(small.is_weak(), has_small_key, "{name}");
        assert_eq!(any.is_weak(), has_small_key, "{name}");
    }
}

#[test]
fn every_spelling_of_a_small_order_point_is_a_weak_key() {
    let vectors = vectors();
    let points = vectors["small_order"].as_array().unwrap();
    assert_eq!(points.len(), 14);
    for point in points.iter().map(|point| point.as_str().unwrap()) {
        assert!(
            key::<Ed25519Key>("ed25519", "ed25519", point)
                .unwrap()
                .unwrap()
                .is_weak()
        );
        assert!(key::<AnyKey>("ed25519", "ed25519", point).unwrap().unwrap().is_weak());
    }
    // Not a point at all: nobody can sign.
    let off_curve = hex::Hex(&[2; 32]).to_string();
    assert!(VerifyingKey::from_bytes(&[2; 32]).is_err());
    assert!(
        key::<Ed25519Key>("ed25519", "ed25519", &off_curve)
            .unwrap()
            .unwrap()
            .is_weak()
    );
}

#[test]
fn p256_and_rsa_verdicts_are_those_of_openssl() {
    let vectors = vectors();
    let message = text(&vectors, "message").as_bytes();
    let signatures = vectors["signatures"].as_array().unwrap();
    let mut valid = 0;
    for vector in signatures {
        let name = text(vector, "name");
        let key = key_of(vector).unwrap().expect(name);
        assert!(!key.is_weak(), "{name}");
        let verdict = verdict_in_all_pieces(&key, text(vector, "signature"), message);
        assert_eq!(Some(verdict), vector["openssl"].as_bool(), "{name}");
        valid += usize::from(verdict);
    }
    // Both signs of s count: clients of other makers take them, and a signature counts once whatever its spelling.
    for name in [
        "p256 pem, high s",
        "p256 hex, high s",
        "rsa 2048 salt of 32",
        "rsa 4096 longest salt",
    ] {
        let vector = signatures.iter().find(|vector| vector["name"] == name).unwrap();
        assert_eq!(vector["openssl"], true, "{name}");
    }
    assert_eq!((signatures.len(), valid), (38, 14));
}

#[test]
fn signature_text_that_is_no_hex_is_none() {
    let vectors = vectors();
    let message = text(&vectors, "message").as_bytes();
    for vector in vectors["signatures"].as_array().unwrap() {
        let key = key_of(vector).unwrap().unwrap();
        let signature = text(vector, "signature");
        let broken = vec![
            signature.to_uppercase(),
            [signature, "0"].concat(),
            [signature, " "].concat(),
            ["0x", signature].concat(),
            ["é", signature].concat(),
        ];
        for broken in broken {
            let is_same = broken == signature;
            assert!(
                is_same || !verdict(&key, &broken, message, 8),
                "{}",
                text(vector, "name")
            );
        }
    }
}

#[test]
fn unusable_keys_are_unused_and_not_errors() {
    for vector in vectors()["unused"].as_array().unwrap() {
        assert_eq!(key_of(vector), Ok(None), "{}", text(vector, "name"));
    }
    for (keytype, scheme) in [
        ("ed25519", "ed25519ph"),
        ("ed448", "ed448"),
        ("", ""),
        ("sigstore-oidc", "Fulcio"),
    ] {
        assert_eq!(key::<AnyKey>(keytype, scheme, "text"), Ok(None));
        assert_eq!(key::<Ed25519Key>(keytype, scheme, "text"), Ok(None));
    }
}

#[test]
fn small_rsa_keys_are_weak() {
    let vectors = vectors();
    let weak: Vec<_> = vectors["weak"].as_array().unwrap().iter().collect();
    assert_eq!(weak.len(), 3);
    for vector in weak {
        let key = key_of(vector).unwrap();
        // Below 1,024 bits the arithmetic does not take it: then it is unused, and nobody signs with it either.
        let is_tiny = text(vector, "name") == "rsa 512";
        assert_eq!(key.as_ref().map(PublicKey::is_weak), (!is_tiny).then_some(true));
    }
}

#[test]
fn one_key_in_two_spellings_is_one_key() {
    let vectors = vectors();
    let keys = vectors["signatures"].as_array().unwrap();
    let named = |name: &str| {
        let vector = keys.iter().find(|vector| vector["name"] == name).unwrap();
        key_of(vector).unwrap().unwrap()
    };
    let pem = named("p256 pem, low s");
    assert_eq!(pem, named("p256 hex, low s"));
    assert_eq!(pem, named("p256 hex, compressed point"));
    assert_eq!(pem, named("p256 old keytype"));
    assert_ne!(named("rsa 2048 salt of 32"), named("rsa 4096 salt of 32"));
}

/// Some writers end a PEM without a line break, some break lines as Windows does, some put a line break before.
#[test]
fn line_breaks_around_a_pem_do_not_matter() {
    let vectors = vectors();
    let keys = vectors["signatures"].as_array().unwrap();
    for vector in keys.iter().filter(|vector| text(vector, "public").starts_with("-----")) {
        let (keytype, scheme, public) = (text(vector, "keytype"), text(vector, "scheme"), text(vector, "public"));
        for other in [
            public.trim_end().to_string(),
            public.replace('\n', "\r\n"),
            ["\n", public, "\n"].concat(),
        ] {
            assert_eq!(key::<AnyKey>(keytype, scheme, &other), key_of(vector), "{other:?}");
        }
    }
}

/// A draft that was never given a text is no key.
#[test]
fn empty_draft_is_no_key() {
    assert_eq!(AnyKey::finish(&AnyDraft::default()), Ok(None));
}
