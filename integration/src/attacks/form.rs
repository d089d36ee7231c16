//! Metadata that is rightly signed and pinned, and written in a form that two readers could read in two ways.
//!
//! The signatures are over exactly the bytes that are served, so nothing but the form is wrong.

use super::AT_PRODUCT;
use super::row::Row;
use crate::simulator::{PRODUCT_ROLE, Simulator, writing};
use serde_json::Value;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = spans()
        .into_iter()
        .map(|(name, attack)| refused(Row::new(name, "design 3: wire form", attack)))
        .collect();
    rows.extend(
        envelopes()
            .into_iter()
            .map(|(name, attack)| refused(Row::new(name, "design 3: wire form", attack))),
    );
    rows
}

fn refused(row: Row) -> Row {
    row.refused("Malformed", AT_PRODUCT, &["timestamp", "snapshot"])
}

/// Publishes a release whose product role is written in this form.
fn formed(repository: &mut Simulator, form: fn(&Value) -> Vec<u8>) {
    repository.role(PRODUCT_ROLE).form = Some(form);
    repository.publish();
}

/// Publishes a release whose product role's file is written anew.
fn rewritten(repository: &mut Simulator, rewrite: fn(Vec<u8>) -> Vec<u8>) {
    repository.role(PRODUCT_ROLE).rewrite = Some(rewrite);
    repository.publish();
}

type Attack = fn(&mut Simulator);

fn spans() -> Vec<(&'static str, Attack)> {
    vec![
        ("form_white_space", |r| {
            formed(r, |v| replaced(v, "{\"_type\":", "{\"_type\": "))
        }),
        ("form_line_break", |r| {
            formed(r, |v| replaced(v, ",\"expires\"", ",\n\"expires\""))
        }),
        ("form_unsorted_keys", |r| {
            formed(r, |v| {
                let span = replaced(v, ",\"version\":2,", ",");
                [b"{\"version\":2,".as_slice(), &span[1..]].concat()
            });
        }),
        ("form_repeated_key", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":2,\"version\":2,"))
        }),
        ("form_contradicting_keys", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":9,\"version\":2,"))
        }),
        ("form_fraction", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":2.0,"))
        }),
        ("form_exponent", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":2e0,"))
        }),
        ("form_leading_zero", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":02,"))
        }),
        ("form_negative", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":-2,"))
        }),
        ("form_number_too_large", |r| {
            formed(r, |v| {
                replaced(v, ",\"version\":2,", ",\"version\":18446744073709551618,")
            })
        }),
        ("form_number_as_text", |r| {
            formed(r, |v| replaced(v, ",\"version\":2,", ",\"version\":\"2\","))
        }),
        ("form_escaped_letter", |r| {
            formed(r, |v| replaced(v, "{\"_type\":", "{\"\\u005ftype\":"))
        }),
        ("form_escaped_solidus", |r| {
            formed(r, |v| replaced(v, "}", ",\"x\":\"\\/\"}"))
        }),
        ("form_lone_surrogate", |r| {
            formed(r, |v| appended(v, b",\"y\":\"\\ud800\"}"))
        }),
        ("form_not_utf8", |r| formed(r, |v| appended(v, b",\"y\":\"\xc3\x28\"}"))),
        ("form_raw_control_character", |r| {
            formed(r, |v| appended(v, b",\"y\":\"\x01\"}"))
        }),
        ("form_deep_nesting", |r| {
            formed(r, |v| {
                appended(
                    v,
                    format!(",\"y\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000)).as_bytes(),
                )
            });
        }),
        ("form_trailing_comma", |r| formed(r, |v| appended(v, b",}"))),
    ]
}

fn envelopes() -> Vec<(&'static str, Attack)> {
    vec![
        ("form_signed_before_signatures", |r| {
            rewritten(r, |file| {
                let Some(at) = file.windows(10).position(|window| window == b",\"signed\":") else {
                    return file;
                };
                let (signatures, span) = (&file[1..at], &file[at + 1..file.len() - 1]);
                [b"{".as_slice(), span, b",", signatures, b"}"].concat()
            });
        }),
        ("form_two_spans", |r| {
            rewritten(r, |file| {
                let Some(at) = file.windows(10).position(|window| window == b",\"signed\":") else {
                    return file;
                };
                [&file[..file.len() - 1], &file[at..file.len() - 1], b"}"].concat()
            });
        }),
        ("form_byte_order_mark", |r| {
            rewritten(r, |file| [b"\xef\xbb\xbf".as_slice(), &file].concat())
        }),
        ("form_two_documents", |r| {
            rewritten(r, |file| [file.as_slice(), &file].concat())
        }),
        ("form_trailing_line_break", |r| {
            rewritten(r, |file| [file.as_slice(), b"\n"].concat())
        }),
        ("form_list_instead_of_object", |r| rewritten(r, |_| b"[]".to_vec())),
        ("form_nothing_but_brackets", |r| rewritten(r, |_| vec![b'['; 4_000])),
    ]
}

/// The canonical form with one text replaced, once.
fn replaced(value: &Value, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(writing::wire(value)).unwrap_or_default();
    text.replacen(from, to, 1).into_bytes()
}

/// The canonical form with this instead of its last brace.
fn appended(value: &Value, end: &[u8]) -> Vec<u8> {
    let span = writing::wire(value);
    [&span[..span.len() - 1], end].concat()
}
