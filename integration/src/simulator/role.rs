//! One metadata file: what it says, who signs it, and in which bytes it is written.

use super::keys::{Key, Signer, sha256};
use super::time::{DAY_S, utc};
use super::writing;
use serde_json::{Value, json};

/// A metadata file as a value. Every part of it can be made wrong.
#[derive(Clone)]
pub struct Role {
    /// What is signed.
    pub signed: Value,
    /// Whose signatures stand in the file, in this order.
    pub signers: Vec<Signer>,
    /// How `signed` is written. `None`: canonically. With a form of its own, exactly the bytes that it gives are signed
    /// and served, so that nothing but the form is wrong.
    pub form: Option<fn(&Value) -> Vec<u8>>,
    /// A change to the bytes of the whole file, after signing.
    pub rewrite: Option<fn(Vec<u8>) -> Vec<u8>>,
    /// Days from signing to expiry.
    lifetime_days: u64,
}

impl Role {
    /// A role of version 1 with these fields, signed now by these keys.
    #[must_use]
    pub fn new(kind: &str, fields: Value, keys: &[Key], now: u64, lifetime_days: u64) -> Self {
        let mut signed = fields;
        signed["_type"] = json!(kind);
        signed["spec_version"] = json!("1.0.0");
        signed["version"] = json!(1);
        let mut role = Self {
            signed,
            signers: keys.iter().map(Key::signer).collect(),
            form: None,
            rewrite: None,
            lifetime_days,
        };
        role.sign_at(now);
        role
    }

    /// Sets the time of signing, and the expiry that follows from it.
    pub fn sign_at(&mut self, now: u64) {
        self.signed["x-tuffet-signed-at"] = json!(utc(now));
        self.signed["expires"] = json!(utc(now + self.lifetime_days * DAY_S));
    }

    /// The version that stands in the file.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.signed["version"].as_u64().unwrap_or_default()
    }

    /// Sets the version, and the time of signing.
    pub fn revise(&mut self, version: u64, now: u64) {
        self.signed["version"] = json!(version);
        self.sign_at(now);
    }

    /// Lets these keys, and no others, sign.
    pub fn sign_with<'a>(&mut self, keys: impl IntoIterator<Item = &'a Key>) {
        self.signers = keys.into_iter().map(Key::signer).collect();
    }

    /// Lets the file expire an hour before `now`.
    pub fn expire(&mut self, now: u64) {
        self.signed["expires"] = json!(utc(now - 3_600));
    }

    /// Lists a target file with these bytes.
    pub fn list(&mut self, name: &str, bytes: &[u8], custom: Option<Value>) {
        let mut entry = json!({"hashes": {"sha256": sha256(bytes)}, "length": bytes.len()});
        if let Some(custom) = custom {
            entry["custom"] = custom;
        }
        self.signed["targets"][name] = entry;
    }

    /// The bytes of the file.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let (span, covered) = match self.form {
            Some(form) => (form(&self.signed), form(&self.signed)),
            None => (writing::wire(&self.signed), writing::canonical(&self.signed)),
        };
        let file = envelope(&self.signers, &covered, &span);
        match self.rewrite {
            Some(rewrite) => rewrite(file),
            None => file,
        }
    }
}

/// A file with signatures over `covered`, and `span` as what it seems to sign.
#[must_use]
pub fn envelope(signers: &[Signer], covered: &[u8], span: &[u8]) -> Vec<u8> {
    let signatures: Vec<Value> = signers.iter().map(|signer| signer.sign(covered)).collect();
    let mut file = b"{\"signatures\":".to_vec();
    file.extend(writing::wire(&Value::Array(signatures)));
    file.extend_from_slice(b",\"signed\":");
    file.extend_from_slice(span);
    file.push(b'}');
    file
}

/// The same file with signatures over all of what it signs but the last byte.
#[must_use]
pub fn signed_over_a_prefix(file: &[u8], keys: &[Key]) -> Vec<u8> {
    let span = signed_span(file);
    let signers: Vec<Signer> = keys.iter().map(Key::signer).collect();
    envelope(&signers, &span[..span.len() - 1], span)
}

/// The same file with one more field at the end of what it signs; the signatures are over what was there before.
#[must_use]
pub fn with_more_in_signed(file: &[u8]) -> Vec<u8> {
    [&file[..file.len() - 2], b",\"y\":\"z\"}}"].concat()
}

/// What a file signs, as it is written.
fn signed_span(file: &[u8]) -> &[u8] {
    const START: &[u8] = b",\"signed\":";
    let start = file.windows(START.len()).position(|window| window == START);
    &file[start.map_or(0, |start| start + START.len())..file.len() - 1]
}

/// How a snapshot or timestamp refers to a file with these bytes.
#[must_use]
pub fn pin(version: u64, bytes: &[u8]) -> Value {
    json!({"hashes": {"sha256": sha256(bytes)}, "length": bytes.len(), "version": version})
}

/// The keys and the threshold of a role, as a root lists them.
#[must_use]
pub fn role_keys(keys: &[Key], threshold: u64) -> Value {
    json!({"keyids": keys.iter().map(Key::id).collect::<Vec<_>>(), "threshold": threshold})
}

/// The `keys` object of a root or of delegations.
#[must_use]
pub fn key_table<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Value {
    Value::Object(keys.into_iter().map(|key| (key.id(), key.object())).collect())
}
