//! A JSON writer of our own, so that a mistake in the product's writer cannot hide itself.
//!
//! `serde_json`'s maps are sorted by bytes here (no `preserve_order`), which is the order that the canonical form wants.

use serde_json::Value;

/// The form that files hold: compact, keys sorted, control characters escaped as JSON demands.
#[must_use]
pub fn wire(value: &Value) -> Vec<u8> {
    write(value, true)
}

/// The form that is signed (OLPC canonical JSON): as [`wire`], but control characters stand as they are.
#[must_use]
pub fn canonical(value: &Value) -> Vec<u8> {
    write(value, false)
}

fn write(value: &Value, escape_controls: bool) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(value, escape_controls, &mut out);
    out
}

fn write_value(value: &Value, escape_controls: bool, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        // Fractions and negative numbers too: a broken repository may hold them.
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => write_text(text, escape_controls, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, escape_controls, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (key, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(key, escape_controls, out);
                out.push(b':');
                write_value(field, escape_controls, out);
            }
            out.push(b'}');
        }
    }
}

fn write_text(text: &str, escape_controls: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' if escape_controls => out.extend_from_slice(b"\\b"),
            '\t' if escape_controls => out.extend_from_slice(b"\\t"),
            '\n' if escape_controls => out.extend_from_slice(b"\\n"),
            '\u{c}' if escape_controls => out.extend_from_slice(b"\\f"),
            '\r' if escape_controls => out.extend_from_slice(b"\\r"),
            control if escape_controls && control < ' ' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        let value = json!({"b": [1, true, null], "a": {"é": "\"\\/"}, "B": 0});
        let text = String::from_utf8(wire(&value)).unwrap();
        assert_eq!(text, r#"{"B":0,"a":{"é":"\"\\/"},"b":[1,true,null]}"#);
        assert_eq!(canonical(&value), text.as_bytes());
    }

    #[test]
    fn only_the_wire_form_escapes_control_characters() {
        let value = json!("line\n\u{1}\u{7f}");
        assert_eq!(wire(&value), b"\"line\\n\\u0001\x7f\"");
        assert_eq!(canonical(&value), b"\"line\n\x01\x7f\"");
    }
}
