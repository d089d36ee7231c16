//! The scanner against the writer, over generated and damaged documents.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value};
use tuffet_wire::{Container, Path, Scalar, ScanError, Scanner, Sink, emit, scan};

/// Writes down every event and the canonical bytes before it.
#[derive(Default, Debug, PartialEq)]
struct Log {
    events: Vec<String>,
    canonical: Vec<u8>,
}

impl Sink for Log {
    type Refusal = ();

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        self.events
            .push(format!("{} open {kind:?} {:?}", self.canonical.len(), path.segments()));
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
        self.events
            .push(format!("{} {value:?} {:?}", self.canonical.len(), path.segments()));
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        self.events
            .push(format!("{} close {kind:?} {:?}", self.canonical.len(), path.segments()));
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.canonical.extend_from_slice(bytes);
    }
}

fn text() -> impl Strategy<Value = String> {
    // Plain letters, what must be escaped, and characters of one to four bytes.
    vec(
        prop_oneof![4 => prop::char::range(' ', '~'), 1 => prop::char::range('\0', '\u{1f}'), 1 => any::<char>()],
        0..6,
    )
    .prop_map(String::from_iter)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..=tuffet_wire::INTEGER_MAX).prop_map(Value::from),
        (0..3u64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((text(), inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    });
    vec((text(), inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields)))
}

/// The verdict and the events when `bytes` come in chunks of these lengths, in turn.
fn scan_in_chunks(bytes: &[u8], lengths: &[usize]) -> (Result<(), ScanError<()>>, Log) {
    let mut log = Log::default();
    let mut scanner = Scanner::new();
    let mut rest = bytes;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at((*length).min(rest.len()));
        rest = after;
        if let Err(error) = scanner.push(chunk, &mut log) {
            return (Err(error), log);
        }
    }
    (scanner.finish(), log)
}

/// What the strict form is, said a second time: the bytes which writing gives back.
fn is_strict(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return false;
    };
    (value.is_object() || value.is_array()) && emit::wire(&value).is_ok_and(|written| written == bytes)
}

proptest! {
    #[test]
    fn what_is_written_is_accepted(document in document()) {
        let bytes = emit::wire(&document).unwrap();
        let mut log = Log::default();
        prop_assert_eq!(scan(&bytes, &mut log), Ok(()));
        prop_assert_eq!(log.canonical, emit::canonical(&document).unwrap());
    }

    #[test]
    fn chunks_do_not_matter(document in document(), lengths in vec(1usize..9, 1..20), edit in any::<(u16, u8)>()) {
        let mut bytes = emit::wire(&document).unwrap();
        let whole = scan_in_chunks(&bytes, &[usize::MAX]);
        prop_assert_eq!(&whole, &scan_in_chunks(&bytes, &lengths));
        prop_assert_eq!(&whole, &scan_in_chunks(&bytes, &[1]));

        let place = usize::from(edit.0) % bytes.len();
        bytes[place] = edit.1;
        let (verdict, log) = scan_in_chunks(&bytes, &[usize::MAX]);
        for lengths in [&lengths[..], &[1]] {
            let (piecewise_verdict, piecewise_log) = scan_in_chunks(&bytes, lengths);
            prop_assert_eq!(&verdict, &piecewise_verdict);
            // After a refusal the canonical bytes end where the chunk began, which nobody may rely on.
            prop_assert_eq!(&log.events, &piecewise_log.events);
        }
    }

    #[test]
    fn exactly_the_written_form_is_accepted(document in document(), edits in vec(any::<(u16, u8, u8)>(), 1..4)) {
        let mut bytes = emit::wire(&document).unwrap();
        for (place, kind, byte) in edits {
            let place = usize::from(place) % bytes.len();
            let byte = if byte < 0x80 { byte } else { b"{}[],:\"\\0 un19e.-"[usize::from(byte) % 17] };
            match kind % 3 {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(place)),
                _ => {}
            }
        }
        let accepted = scan(&bytes, &mut Log::default()).is_ok();
        prop_assert_eq!(accepted, is_strict(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_bytes_are_safe(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(scan(&bytes, &mut Log::default()).is_ok(), is_strict(&bytes));
    }
}
