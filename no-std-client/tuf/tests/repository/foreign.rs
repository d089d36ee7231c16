//! The same repository as somebody else would write it: any spelling, any key ids, listings of a version alone.
//!
//! Nothing here uses our own writer: the canonical form and the spellings are made a second time.

use super::{Repository, key, secret};
use ed25519_dalek::Signer;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::LazyLock};
use tuffet_wire::hex::Hex;

static NUMBERS: LazyLock<BTreeMap<String, u8>> =
    LazyLock::new(|| (1..=250).map(|number| (key(number).0.to_string(), number)).collect());

/// Files as values, and who signs them.
#[derive(Clone)]
pub struct Foreign {
    base: Repository,
    pub files: BTreeMap<String, Value>,
    /// Numbers of keys by key id.
    pub numbers: BTreeMap<String, u8>,
}

impl Foreign {
    /// What a repository serves, with listings of versions alone, so that no file depends on the spelling of another.
    pub fn of(repository: &Repository) -> Self {
        let files = repository.served.iter().filter_map(|(name, bytes)| {
            let mut file: Value = serde_json::from_slice(bytes).ok()?;
            if let Some(Value::Object(listings)) = file.pointer_mut("/signed/meta") {
                for listing in listings.values_mut().filter_map(Value::as_object_mut) {
                    listing.retain(|field, _| field == "version");
                }
            }
            Some((name.clone(), file))
        });
        Self {
            base: repository.clone(),
            files: files.collect(),
            numbers: NUMBERS.clone(),
        }
    }

    /// What is signed of a file.
    pub fn signed(&mut self, name: &str) -> &mut Value {
        &mut self.files.get_mut(name).expect("the file is served")["signed"]
    }

    /// Gives every key another id, in all files.
    pub fn rename_keys(&mut self, new: impl Fn(&str) -> String) {
        let known = std::mem::take(&mut self.numbers);
        let new: BTreeMap<String, String> = known.keys().map(|id| (id.clone(), new(id))).collect();
        self.files.values_mut().for_each(|file| rename(file, &new));
        self.numbers = known
            .into_iter()
            .map(|(id, number)| (new[&id].clone(), number))
            .collect();
    }

    /// Signs everything again and serves it in this spelling.
    pub fn served(&self, spell: impl Fn(&Value) -> Vec<u8>) -> Repository {
        let files = self.files.iter().map(|(name, file)| {
            let mut file = file.clone();
            self.sign(&mut file);
            (name.clone(), spell(&file))
        });
        Repository {
            served: files.collect(),
            ..self.base.clone()
        }
    }

    /// Every signature of a known key, made again.
    fn sign(&self, file: &mut Value) {
        let signed = canonical(&file["signed"]);
        let Some(signatures) = file.get_mut("signatures").and_then(Value::as_array_mut) else {
            return;
        };
        for signature in signatures.iter_mut().filter_map(Value::as_object_mut) {
            let id = signature.get("keyid").and_then(Value::as_str).unwrap_or_default();
            if let Some(number) = self.numbers.get(id) {
                let bytes = secret(*number).sign(&signed).to_bytes();
                signature.insert("sig".to_string(), Hex(&bytes).to_string().into());
            }
        }
    }
}

fn rename(value: &mut Value, new: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(name) = new.get(text) {
                text.clone_from(name);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, new)),
        Value::Object(fields) => {
            let renamed = std::mem::take(fields).into_iter().map(|(field, mut value)| {
                rename(&mut value, new);
                (new.get(&field).cloned().unwrap_or(field), value)
            });
            *fields = renamed.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The OLPC canonical form of a value without fractions.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_canonical(&mut out, value);
    out.into_bytes()
}

fn write_canonical(out: &mut String, value: &Value) {
    match value {
        // One zero, also where it was written with a sign and read as a fraction.
        Value::Number(number) if number.as_f64() == Some(0.0) => out.push('0'),
        Value::Null | Value::Bool(_) | Value::Number(_) => *out += &value.to_string(),
        Value::String(text) => canonical_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                *out += if index > 0 { "," } else { "" };
                write_canonical(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (index, (field, value)) in sorted.into_iter().enumerate() {
                *out += if index > 0 { "," } else { "" };
                canonical_text(out, field);
                out.push(':');
                write_canonical(out, value);
            }
            out.push('}');
        }
    }
}

fn canonical_text(out: &mut String, text: &str) {
    *out += &format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
}

/// Compact and sorted, as our writer does it.
pub fn plain(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Indented, `signed` first.
pub fn pretty(value: &Value) -> Vec<u8> {
    let Value::Object(fields) = value else {
        return serde_json::to_vec_pretty(value).unwrap();
    };
    let parts = fields.iter().rev().map(|(field, value)| {
        let value = serde_json::to_string_pretty(value).unwrap();
        format!("  {}: {value}", Value::from(field.as_str()))
    });
    format!("{{\n{}\n}}\n", parts.collect::<Vec<_>>().join(",\n")).into_bytes()
}

/// One of many spellings: shuffled keys, white space and escapes wherever they may be.
pub fn spelled(value: &Value, seed: u64) -> Vec<u8> {
    let mut out = String::new();
    Speller(seed | 1).write(&mut out, value);
    out.into_bytes()
}

struct Speller(u64);

impl Speller {
    /// xorshift64*: the same numbers on every machine.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    fn space(&mut self, out: &mut String) {
        *out += ["", "", "", " ", "\n\t", "\r\n  "][self.below(6)];
    }

    fn write(&mut self, out: &mut String, value: &Value) {
        self.space(out);
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => *out += &value.to_string(),
            Value::String(text) => self.text(out, text),
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    *out += if index > 0 { "," } else { "" };
                    self.write(out, item);
                }
                self.space(out);
                out.push(']');
            }
            Value::Object(fields) => self.object(out, fields),
        }
        self.space(out);
    }

    fn object(&mut self, out: &mut String, fields: &Map<String, Value>) {
        let mut fields: Vec<_> = fields.iter().collect();
        for last in (1..fields.len()).rev() {
            fields.swap(last, self.below(last + 1));
        }
        out.push('{');
        for (index, (field, value)) in fields.into_iter().enumerate() {
            *out += if index > 0 { "," } else { "" };
            self.space(out);
            self.text(out, field);
            self.space(out);
            out.push(':');
            self.write(out, value);
        }
        self.space(out);
        out.push('}');
    }

    fn text(&mut self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            let is_escaped = self.below(8) == 0 || character.is_control();
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '/' if is_escaped => *out += "\\/",
                '\n' if self.below(2) == 0 => *out += "\\n",
                _ if is_escaped => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        *out += &match self.below(2) {
                            0 => format!("\\u{unit:04x}"),
                            _ => format!("\\u{unit:04X}"),
                        };
                    }
                }
                _ => out.push(character),
            }
        }
        out.push('"');
    }
}
