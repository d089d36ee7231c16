//! Any text as key and signature, of every algorithm, in a root that nobody signed.
//!
//! The model: no root of one key is ever trusted, because the fuzzer cannot sign; and the two readings say the same.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tuffet_tuf::{Limits, Session, Strict};
use tuffet_wire::{emit, hex::Hex};

use super::Script;
use super::repository::agreement::first_root_verdicts;

const KINDS: [(&str, &str); 6] = [
    ("ed25519", "ed25519"),
    ("ecdsa", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("rsa", "rsassa-pss-sha256"),
    ("rsa", "ed25519"),
    ("unknown", "unknown"),
];

/// Which kind; whether the signature is text or bytes; the length of the key; the key; the signature.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let (keytype, scheme) = KINDS[usize::from(script.byte()) % KINDS.len()];
    let is_text = script.byte().is_multiple_of(2);
    let key_bytes = usize::from(script.number());
    let public = String::from_utf8_lossy(script.bytes(key_bytes)).into_owned();
    let signature = script.bytes(usize::MAX);
    let signature = if is_text {
        String::from_utf8_lossy(signature).into_owned()
    } else {
        Hex(signature).to_string()
    };
    let key = json!({"keytype": keytype, "keyval": {"public": public}, "scheme": scheme});
    let root = root(&key, &signature);
    let (strict, lenient) = first_root_verdicts(&root);
    assert!(
        strict.is_err() && lenient.is_err(),
        "a root is trusted that nobody signed"
    );
    let smallest = Session::<Strict>::first_root(&mut &root[..], &Limits::DEFAULT);
    assert!(smallest.is_err(), "a root is trusted that nobody signed");
}

fn root(key: &Value, signature: &str) -> Vec<u8> {
    let id = Sha256::digest(emit::canonical(key).expect("it has a canonical form"));
    let id = Hex(&id).to_string();
    let role = json!({"keyids": [id], "threshold": 1});
    let root = json!({
        "signatures": [{"keyid": id, "sig": signature}],
        "signed": {
            "_type": "root",
            "consistent_snapshot": true,
            "expires": "2030-01-01T00:00:00Z",
            "keys": {&id: key},
            "roles": {"root": role, "snapshot": role, "targets": role, "timestamp": role},
            "spec_version": "1.0.0",
            "version": 1,
        },
    });
    emit::wire(&root).expect("it has a wire form")
}
