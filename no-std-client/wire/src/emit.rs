//! Writing: the wire form (what files hold) and the OLPC canonical form (what is hashed and signed).
//!
//! - Both are compact and sort object keys by bytes. They differ in one thing: JSON forces control characters to be
//!   escaped, the OLPC form has them raw.
//! - What the strict reader would refuse is refused here: fractions, negative and large numbers, deep nesting.

use crate::{DEPTH_MAX, INTEGER_MAX};
use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::Serialize;
use serde_json::Value;

/// The wire form of a value.
pub fn wire<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EmitError> {
    emit(value, Form::Wire)
}

/// The OLPC canonical form of a value: what a signature covers.
pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EmitError> {
    emit(value, Form::Canonical)
}

/// Why a value has no strict form.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmitError {
    /// A number is negative, has a fraction, or is above [`INTEGER_MAX`].
    NumberNotStrict,
    /// serde could not turn the value into JSON.
    Serialize(serde_json::Error),
    /// Objects and arrays nest deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NumberNotStrict => f.write_str("numbers must be whole and between 0 and 2^53 - 1"),
            Self::Serialize(error) => write!(f, "the value cannot be written as JSON: {error}"),
            Self::TooDeep => write!(f, "objects and arrays nest deeper than {DEPTH_MAX}"),
        }
    }
}

impl core::error::Error for EmitError {}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Form {
    Wire,
    Canonical,
}

fn emit<T: Serialize + ?Sized>(value: &T, form: Form) -> Result<Vec<u8>, EmitError> {
    let value = serde_json::to_value(value).map_err(EmitError::Serialize)?;
    let mut out = Vec::new();
    write_value(&mut out, &value, form, DEPTH_MAX)?;
    Ok(out)
}

/// Recursion is bounded by `depth_left`, and the input is our own value, not a received file.
fn write_value(out: &mut Vec<u8>, value: &Value, form: Form, depth_left: usize) -> Result<(), EmitError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            let number = number
                .as_u64()
                .filter(|n| *n <= INTEGER_MAX)
                .ok_or(EmitError::NumberNotStrict)?;
            out.extend_from_slice(alloc::format!("{number}").as_bytes());
        }
        Value::String(text) => write_text(out, text, form),
        Value::Array(items) => {
            let depth_left = depth_left.checked_sub(1).ok_or(EmitError::TooDeep)?;
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item, form, depth_left)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let depth_left = depth_left.checked_sub(1).ok_or(EmitError::TooDeep)?;
            // Sorted here and not by the map type, which another crate's feature could switch to insertion order.
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, field)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(out, key, form);
                out.push(b':');
                write_value(out, field, form, depth_left)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_text(out: &mut Vec<u8>, text: &str, form: Form) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x00..=0x1f if form == Form::Wire => write_control(out, byte),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The one spelling of a control character that the strict reader takes.
fn write_control(out: &mut Vec<u8>, byte: u8) {
    match byte {
        0x08 => out.extend_from_slice(b"\\b"),
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        0x0d => out.extend_from_slice(b"\\r"),
        _ => out.extend_from_slice(alloc::format!("\\u{byte:04x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_output_is_compact() {
        let value = json!({"b": [1, true, null], "a": {"z": "x", "A": ""}});
        assert_eq!(wire(&value).unwrap(), br#"{"a":{"A":"","z":"x"},"b":[1,true,null]}"#);
        assert_eq!(wire(&value).unwrap(), canonical(&value).unwrap());
    }

    #[test]
    fn control_characters_differ_between_the_forms() {
        let value = json!("a\"\\\n\t\u{1}\u{7f}é");
        assert_eq!(wire(&value).unwrap(), "\"a\\\"\\\\\\n\\t\\u0001\u{7f}é\"".as_bytes());
        assert_eq!(canonical(&value).unwrap(), "\"a\\\"\\\\\n\t\u{1}\u{7f}é\"".as_bytes());
    }

    #[test]
    fn numbers_outside_the_strict_form_are_refused() {
        for value in [json!(-1), json!(1.5), json!(INTEGER_MAX + 1)] {
            assert!(matches!(wire(&value), Err(EmitError::NumberNotStrict)), "{value}");
        }
        assert_eq!(wire(&json!(INTEGER_MAX)).unwrap(), b"9007199254740991");
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(wire(&json!([[[[[[[[]]]]]]]])).is_ok());
        assert!(matches!(wire(&json!([[[[[[[[[]]]]]]]]])), Err(EmitError::TooDeep)));
    }
}
