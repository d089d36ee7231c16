//! How a file is written: as devices want it, or in any other spelling of the same meaning.

use crate::case::Style;
use crate::repository::chance;
use serde_json::Value;
use tuffet_integration::nor::Random;
use tuffet_integration::simulator::writing;

/// The bytes of a file.
pub fn spell(signed: &Value, signatures: &Value, beside: Option<&Value>, style: Style, random: &mut Random) -> Vec<u8> {
    let mut fields = vec![("signatures", signatures), ("signed", signed)];
    match style {
        Style::Strict => {
            // In the order that the canonical form wants.
            fields.extend(beside.map(|value| ("x-beside", value)));
            let mut out = Vec::new();
            for (name, value) in fields {
                out.push(if out.is_empty() { b'{' } else { b',' });
                out.extend_from_slice(format!("\"{name}\":").as_bytes());
                out.extend(writing::wire(value));
            }
            out.push(b'}');
            out
        }
        Style::Free => {
            fields.extend(beside.map(|value| ("x-beside", value)));
            fields.reverse();
            let mut pen = Pen {
                out: String::new(),
                is_pretty: chance(random, 60),
                random,
            };
            pen.object(fields.into_iter(), 0);
            pen.out.into_bytes()
        }
    }
}

/// Writes what it likes, as long as it means the same.
struct Pen<'a> {
    out: String,
    is_pretty: bool,
    random: &'a mut Random,
}

impl Pen<'_> {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<(&str, &Value)> = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
                if chance(self.random, 50) {
                    fields.reverse();
                }
                self.object(fields.into_iter(), depth);
            }
            Value::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.space(depth + 1);
                    self.value(item, depth + 1);
                }
                self.space(depth);
                self.out.push(']');
            }
            Value::String(text) => self.text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.out.push_str(&value.to_string()),
        }
    }

    fn object<'v>(&mut self, fields: impl Iterator<Item = (&'v str, &'v Value)>, depth: usize) {
        self.out.push('{');
        for (index, (key, value)) in fields.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.space(depth + 1);
            self.text(key);
            self.out.push(':');
            if self.is_pretty {
                self.out.push(' ');
            }
            self.value(value, depth + 1);
        }
        self.space(depth);
        self.out.push('}');
    }

    fn space(&mut self, depth: usize) {
        if self.is_pretty {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                '/' if chance(self.random, 30) => self.out.push_str("\\/"),
                _ if u32::from(character) < 0x20 || chance(self.random, 2) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }
}
