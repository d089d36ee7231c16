//! The lenient reader against serde_json, against itself on its own canonical form, and against the strict scanner.

use serde_json::Value;
use tuffet_wire::{Container, Fault, Path, Scalar, ScanError, Sink, emit, lenient::Tree};

use super::repository::foreign;
use super::wire_scanner::{Seen, scan};

/// Any bytes, as a document.
pub fn run(document: &[u8]) {
    let model = serde_json::from_slice::<Value>(document);
    let (strict, strict_verdict) = scan(document, document.len().max(1));
    match (read(document), model) {
        (Ok(seen), Ok(model)) => {
            assert_eq!(seen.canonical, foreign::canonical(&model), "another meaning");
            check_canonical_form(&seen);
            check_against_strict(&model, &seen);
            if strict_verdict.is_ok() && !strict.too_long {
                assert_eq!(seen, strict, "two readings of one document");
            }
        }
        (Ok(_), Err(error)) => panic!("only the lenient reader takes it: {error}"),
        (Err(fault), model) => {
            assert!(strict_verdict.is_err(), "only the strict reader takes it: {fault:?}");
            if let Ok(model) = model {
                assert!(may_refuse(fault, &model), "{fault:?}");
            }
        }
    }
}

/// What any JSON may hold and no metadata file does.
fn may_refuse(fault: Fault, model: &Value) -> bool {
    let is_scalar = !model.is_array() && !model.is_object();
    matches!(
        fault,
        Fault::IntegerTooLarge | Fault::NumberForm | Fault::RepeatedKey | Fault::TooDeep
    ) || fault == Fault::UnexpectedByte && is_scalar
}

/// The canonical form is a document of the same meaning, unless control characters stand in it.
fn check_canonical_form(seen: &Seen) {
    if seen.canonical.iter().all(|byte| *byte >= b' ') {
        assert_eq!(
            read(&seen.canonical).as_ref(),
            Ok(seen),
            "the canonical form means something else"
        );
    }
}

/// The strict scanner takes the same document in its own spelling, if that is within its bounds.
fn check_against_strict(model: &Value, seen: &Seen) {
    let Ok(wire) = emit::wire(model) else { return };
    match scan(&wire, wire.len()) {
        (strict, Ok(())) if strict.too_long => assert_eq!(strict.canonical, seen.canonical),
        (strict, Ok(())) => assert_eq!(&strict, seen, "two readings of one document"),
        (_, Err(ScanError::Malformed { fault, .. })) => {
            assert!(matches!(fault, Fault::KeyTooLong | Fault::PathTooLong), "{fault:?}");
        }
        (_, Err(ScanError::Refused { .. })) => unreachable!("it refuses nothing"),
    }
}

fn read(document: &[u8]) -> Result<Seen, Fault> {
    let mut seen = Nested::default();
    match Tree::parse(document).and_then(|tree| tree.walk(&mut seen)) {
        Ok(()) => Ok(seen.seen),
        Err(ScanError::Malformed { at, fault }) => {
            assert!(at as usize <= document.len(), "the fault is outside of the document");
            Err(fault)
        }
        Err(ScanError::Refused { .. }) => unreachable!("it refuses nothing"),
    }
}

/// Makes sure that what opens closes.
#[derive(Default)]
struct Nested {
    seen: Seen,
    open: Vec<(String, Container)>,
}

impl Sink for Nested {
    type Refusal = ();

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        self.open.push((format!("{:?}", path.segments()), kind));
        self.seen.open(path, kind)
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
        self.seen.value(path, value)
    }

    fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        assert_eq!(self.open.pop(), Some((format!("{:?}", path.segments()), kind)));
        self.seen.close(path, kind)
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.seen.canonical(bytes);
    }
}
