//! Metadata that is rightly signed and pinned, and written in a form that two readers could read in two ways.
//!
//! - Of most rows the signatures are over exactly the bytes that are served, so nothing but the form is wrong. The lenient
//!   reading takes some of these forms; then it holds the signatures against the canonical form, over which they are not.
//! - `form_respelled_…` are signed over the canonical form, as other people's repositories are: the lenient reading accepts
//!   them, the strict one does not.

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
    for row in &mut rows {
        if READ_LENIENTLY.contains(&row.name) {
            *row = row
                .clone()
                .lenient_refuses("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT);
        }
    }
    rows.extend(respelled().into_iter().map(|(name, attack)| {
        let row = Row::new(name, "design 3: wire form", attack);
        refused(row).lenient_accepts(&["lamp"])
    }));
    rows
}

fn refused(row: Row) -> Row {
    row.refused("Malformed", AT_PRODUCT, BEFORE_PRODUCT)
}

const BEFORE_PRODUCT: &[&str] = &["timestamp", "snapshot"];

/// Forms that the lenient reading takes, signed as they are spelled.
const READ_LENIENTLY: [&str; 5] = [
    "form_white_space",
    "form_line_break",
    "form_unsorted_keys",
    "form_escaped_letter",
    "form_escaped_solidus",
];

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
        ("form_list_instead_of_object", |r| rewritten(r, |_| b"[]".to_vec())),
        ("form_nothing_but_brackets", |r| rewritten(r, |_| vec![b'['; 4_000])),
    ]
}

/// Files whose signatures are over the canonical form of what they say.
fn respelled() -> Vec<(&'static str, Attack)> {
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
        ("form_trailing_line_break", |r| {
            rewritten(r, |file| [file.as_slice(), b"\n"].concat())
        }),
        ("form_respelled_white_space", |r| {
            rewritten(r, |file| in_file(&file, "{\"_type\":", "{\"_type\": "))
        }),
        ("form_respelled_line_break", |r| {
            rewritten(r, |file| in_file(&file, ",\"expires\"", ",\r\n\t\"expires\""))
        }),
        ("form_respelled_unsorted_keys", |r| {
            rewritten(r, |file| {
                let without = in_file(&file, ",\"version\":2,", ",");
                in_file(&without, "\"signed\":{\"_type\"", "\"signed\":{\"version\":2,\"_type\"")
            });
        }),
        ("form_respelled_letter", |r| {
            rewritten(r, |file| in_file(&file, "{\"_type\":", "{\"\\u005ftype\":"))
        }),
        ("form_respelled_pretty", |r| {
            rewritten(r, |file| {
                serde_json::from_slice::<Value>(&file)
                    .and_then(|file| serde_json::to_vec_pretty(&file))
                    .unwrap_or_default()
            });
        }),
    ]
}

/// A file with one text replaced, once.
fn in_file(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    text.replacen(from, to, 1).into_bytes()
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
