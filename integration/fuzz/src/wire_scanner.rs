//! The strict scanner against serde_json, and against itself with the document cut into pieces.

use tuffet_wire::{Container, Path, Scalar, ScanError, Scanner, Sink, Text, emit};

/// Remembers all events and the canonical bytes.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    pub events: Vec<String>,
    pub canonical: Vec<u8>,
    pub too_long: bool,
}

impl Sink for Seen {
    type Refusal = ();

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        self.events.push(format!("open {:?} {kind:?}", path.segments()));
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
        self.too_long |= value == Scalar::String(Text::TooLong);
        self.events.push(format!("{:?} = {value:?}", path.segments()));
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
        self.events.push(format!("close {:?} {kind:?}", path.segments()));
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.canonical.extend_from_slice(bytes);
    }
}

/// The first byte says into how large pieces the rest is cut.
pub fn run(data: &[u8]) {
    let Some((piece_bytes, document)) = data.split_first() else {
        return;
    };
    let (whole, verdict) = scan(document, document.len().max(1));
    let (pieces, verdict_in_pieces) = scan(document, usize::from(*piece_bytes).max(1));
    assert_eq!(verdict, verdict_in_pieces, "the verdict depends on the pieces");
    if verdict.is_ok() {
        assert_eq!(whole, pieces, "the events depend on the pieces");
        check_against_serde(document, &whole);
    }
}

pub(super) fn scan(document: &[u8], piece_bytes: usize) -> (Seen, Result<(), ScanError<()>>) {
    let mut seen = Seen::default();
    let mut scanner = Scanner::new();
    let pushed = document
        .chunks(piece_bytes)
        .try_for_each(|piece| scanner.push(piece, &mut seen));
    let verdict = pushed.and_then(|()| scanner.finish());
    (seen, verdict)
}

/// What the strict scanner takes, any reader takes, and our writer writes it back byte for byte.
fn check_against_serde(document: &[u8], seen: &Seen) {
    let value: serde_json::Value = serde_json::from_slice(document).expect("strict JSON is JSON");
    assert_eq!(
        emit::wire(&value).expect("it has a wire form"),
        document,
        "two spellings of one document"
    );
    assert_eq!(
        emit::canonical(&value).expect("it has a canonical form"),
        seen.canonical
    );
}
