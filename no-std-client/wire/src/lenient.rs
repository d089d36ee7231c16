//! The lenient reader: any JSON of whole numbers, brought into the canonical form that its signatures are made over.
//!
//! - White space, the order of keys and the spelling of strings do not matter. What they mean does: a [`Sink`] sees the
//!   events that the strict reader would report of the same document in its one spelling, keys in ascending order.
//! - A key that occurs twice is refused: two readers would read two documents.
//! - A fraction or an exponent is refused: the canonical form has no spelling for it.
//! - It needs the whole document in memory and 40 bytes for each value, and it does not recurse.
//!
//! ```
//! use tuffet_wire::{Path, Scalar, Sink, lenient::Tree};
//!
//! /// Collects the canonical form.
//! #[derive(Default)]
//! struct Canonical(Vec<u8>);
//!
//! impl Sink for Canonical {
//!     type Refusal = ();
//!
//!     fn value(&mut self, _path: &Path<'_>, _value: Scalar<'_>) -> Result<(), ()> {
//!         Ok(())
//!     }
//!
//!     fn canonical(&mut self, bytes: &[u8]) {
//!         self.0.extend_from_slice(bytes);
//!     }
//! }
//!
//! let tree = Tree::parse(br#" {"b": [1, "\u00e9"], "a": null} "#)?;
//! let mut canonical = Canonical::default();
//! tree.walk(&mut canonical)?;
//! assert_eq!(canonical.0, r#"{"a":null,"b":[1,"é"]}"#.as_bytes());
//! # Ok::<(), tuffet_wire::ScanError<()>>(())
//! ```

use crate::scan::{Container, Fault, INTEGER_MAX, Path, Scalar, ScanError, Segment, Sink, Text};
use alloc::{format, string::String, vec::Vec};
use core::num::NonZeroU32;

/// Deepest nesting of objects and arrays. A sink is told of the outermost [`DEPTH_MAX`](crate::DEPTH_MAX) only: what any
/// role means stands there.
pub const LENIENT_DEPTH_MAX: usize = 64;

/// A document in memory, its object keys in ascending order.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// All strings, one after another, with their escapes resolved.
    texts: String,
}

#[derive(Copy, Clone, Debug)]
struct Node {
    /// Where in the document it begins.
    at: u32,
    /// The key under which it stands, if it stands in an object.
    key: Span,
    kind: Kind,
    /// Position of the next node in the same container.
    next: Option<Position>,
}

/// Where in `Tree::nodes` a node stands. The first one is nobody's, so zero means that there is none.
type Position = NonZeroU32;

#[derive(Copy, Clone, Debug)]
enum Kind {
    /// With the position of its first node.
    Container(Container, Option<Position>),
    Integer {
        is_negative: bool,
        magnitude: u64,
    },
    Literal(Option<bool>),
    Text(Span),
}

/// A stretch of `Tree::texts`.
#[derive(Copy, Clone, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Tree {
    /// Reads a whole document.
    pub fn parse<R>(document: &[u8]) -> Result<Self, ScanError<R>> {
        if u32::try_from(document.len()).is_err() {
            // Longer than any limit; an offset in it would not fit.
            return Err(ScanError::Malformed {
                at: u32::MAX,
                fault: Fault::TrailingBytes,
            });
        }
        let mut parser = Parser {
            document,
            at: 0,
            tree: Self {
                nodes: Vec::new(),
                // With their escapes resolved, strings are no longer than they are in the document.
                texts: String::with_capacity(document.len()),
            },
            open: Vec::new(),
            items: Vec::new(),
        };
        match parser.run() {
            Ok(()) => Ok(parser.tree),
            Err(fault) => Err(ScanError::Malformed {
                at: offset(parser.at),
                fault,
            }),
        }
    }

    /// Reports the document in canonical order.
    pub fn walk<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ScanError<S::Refusal>> {
        let mut open = Vec::new();
        if let Some(root) = self.nodes.first() {
            self.report(root, Some(Path::ROOT), &mut open, sink)?;
        }
        while let Some(top) = open.last_mut() {
            let Some(node) = top.next.and_then(|next| self.nodes.get(place(next.get()))) else {
                let Walked { at, kind, path, .. } = *top;
                open.pop();
                sink.canonical(end_of(kind));
                if let Some(path) = path {
                    let closed = sink.close(&path, kind);
                    closed.map_err(|refusal| refused(at, refusal))?;
                }
                continue;
            };
            if top.index > 0 {
                sink.canonical(b",");
            }
            let segment = match top.kind {
                Container::Array => Segment::Index(top.index),
                Container::Object => {
                    let key = self.text(node.key);
                    canonical_text(key, sink);
                    sink.canonical(b":");
                    Segment::Key(key)
                }
            };
            let path = top.path.and_then(|path| path.then(segment));
            top.index = top.index.saturating_add(1);
            top.next = node.next;
            self.report(node, path, &mut open, sink)?;
        }
        Ok(())
    }

    /// Reports one node; the inside of a container comes later.
    fn report<'t, S: Sink + ?Sized>(
        &'t self,
        node: &Node,
        path: Option<Path<'t>>,
        open: &mut Vec<Walked<'t>>,
        sink: &mut S,
    ) -> Result<(), ScanError<S::Refusal>> {
        let value = match node.kind {
            Kind::Container(kind, first) => {
                if let Some(path) = &path {
                    let opened = sink.open(path, kind);
                    opened.map_err(|refusal| refused(node.at, refusal))?;
                }
                sink.canonical(start_of(kind));
                open.push(Walked {
                    at: node.at,
                    kind,
                    path,
                    next: first,
                    index: 0,
                });
                return Ok(());
            }
            Kind::Integer { is_negative, magnitude } => {
                let sign = if is_negative { "-" } else { "" };
                sink.canonical(format!("{sign}{magnitude}").as_bytes());
                if is_negative {
                    Scalar::Negative
                } else {
                    Scalar::Integer(magnitude)
                }
            }
            Kind::Literal(literal) => {
                sink.canonical(match literal {
                    None => b"null",
                    Some(false) => b"false",
                    Some(true) => b"true",
                });
                literal.map_or(Scalar::Null, Scalar::Bool)
            }
            Kind::Text(span) => {
                let text = self.text(span);
                canonical_text(text, sink);
                Scalar::String(Text::Whole(text))
            }
        };
        match path {
            Some(path) => sink.value(&path, value).map_err(|refusal| refused(node.at, refusal)),
            None => Ok(()),
        }
    }

    fn text(&self, span: Span) -> &str {
        self.texts.get(place(span.start)..place(span.end)).unwrap_or_default()
    }
}

/// A container that is being reported.
#[derive(Copy, Clone)]
struct Walked<'t> {
    at: u32,
    kind: Container,
    /// Nothing below the depth that sinks are told of.
    path: Option<Path<'t>>,
    next: Option<Position>,
    index: u32,
}

fn start_of(kind: Container) -> &'static [u8] {
    match kind {
        Container::Array => b"[",
        Container::Object => b"{",
    }
}

fn end_of(kind: Container) -> &'static [u8] {
    match kind {
        Container::Array => b"]",
        Container::Object => b"}",
    }
}

/// Hands on a string in canonical form: only the quote and the backslash are escaped.
fn canonical_text<S: Sink + ?Sized>(text: &str, sink: &mut S) {
    sink.canonical(b"\"");
    for piece in text.split_inclusive(['"', '\\']) {
        match piece.as_bytes().split_last() {
            Some((last @ (b'"' | b'\\'), before)) => {
                sink.canonical(before);
                sink.canonical(&[b'\\', *last]);
            }
            _ => sink.canonical(piece.as_bytes()),
        }
    }
    sink.canonical(b"\"");
}

fn refused<R>(at: u32, refusal: R) -> ScanError<R> {
    ScanError::Refused { at, refusal }
}

fn place(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Reads a document into a tree.
struct Parser<'d> {
    document: &'d [u8],
    at: usize,
    tree: Tree,
    /// The containers around the place being read, the outermost first.
    open: Vec<Open>,
    /// What was read of all open containers, those of the innermost last.
    items: Vec<usize>,
}

#[derive(Copy, Clone)]
struct Open {
    node: usize,
    kind: Container,
    /// Where in `Parser::items` its own begin.
    items_start: usize,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if !matches!(self.peek()?, b'{' | b'[') {
            return Err(Fault::UnexpectedByte);
        }
        self.value(Span::default())?;
        while let Some(top) = self.open.last().copied() {
            self.skip_space();
            if end_of(top.kind) == [self.peek()?] {
                self.advance();
                self.close(top)?;
                continue;
            }
            if self.items.len() > top.items_start {
                self.expect(b',')?;
                self.skip_space();
            }
            let key = match top.kind {
                Container::Array => Span::default(),
                Container::Object => {
                    let key = self.string()?;
                    self.skip_space();
                    self.expect(b':')?;
                    self.skip_space();
                    key
                }
            };
            self.value(key)?;
        }
        self.skip_space();
        if self.at < self.document.len() {
            return Err(Fault::TrailingBytes);
        }
        Ok(())
    }

    /// Reads a value; of a container only its beginning.
    fn value(&mut self, key: Span) -> Result<(), Fault> {
        let at = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Container(Container::Object, None),
            b'[' => Kind::Container(Container::Array, None),
            b'"' => Kind::Text(self.string()?),
            b'-' | b'0'..=b'9' => self.number()?,
            b'+' | b'.' => return Err(Fault::NumberForm),
            b't' => self.literal(b"true", Some(true))?,
            b'f' => self.literal(b"false", Some(false))?,
            b'n' => self.literal(b"null", None)?,
            _ => return Err(Fault::UnexpectedByte),
        };
        let node = self.tree.nodes.len();
        self.tree.nodes.push(Node {
            at: offset(at),
            key,
            kind,
            next: None,
        });
        self.items.push(node);
        if let Kind::Container(kind, _) = kind {
            if self.open.len() >= LENIENT_DEPTH_MAX {
                return Err(Fault::TooDeep);
            }
            self.advance();
            self.open.push(Open {
                node,
                kind,
                items_start: self.items.len(),
            });
        }
        Ok(())
    }

    /// Puts what a container holds in order and links it.
    fn close(&mut self, container: Open) -> Result<(), Fault> {
        self.open.pop();
        let tree = &mut self.tree;
        let items = self.items.get_mut(container.items_start..).unwrap_or_default();
        if container.kind == Container::Object {
            let key_of = |node: &usize| {
                let key = tree.nodes.get(*node).map(|node| node.key);
                tree.text(key.unwrap_or_default())
            };
            items.sort_by(|one, other| key_of(one).cmp(key_of(other)));
            let mut pairs = items.iter().zip(items.iter().skip(1));
            if pairs.any(|(one, other)| key_of(one) == key_of(other)) {
                return Err(Fault::RepeatedKey);
            }
        }
        let mut next = None;
        for item in items.iter().rev() {
            if let Some(node) = tree.nodes.get_mut(*item) {
                node.next = next;
            }
            next = Position::new(offset(*item));
        }
        self.items.truncate(container.items_start);
        if let Some(node) = self.tree.nodes.get_mut(container.node) {
            node.kind = Kind::Container(container.kind, next);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let is_negative = self.peek()? == b'-';
        if is_negative {
            self.advance();
        }
        let first = self.peek()?;
        let mut magnitude = 0u64;
        let mut digits = 0u32;
        while let Some(digit) = self.document.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            magnitude = magnitude
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u64::from(digit.wrapping_sub(b'0'))))
                .filter(|value| *value <= INTEGER_MAX)
                .ok_or(Fault::IntegerTooLarge)?;
            digits = digits.saturating_add(1);
            self.advance();
        }
        let goes_on = matches!(self.document.get(self.at), Some(b'.' | b'e' | b'E'));
        if digits == 0 || goes_on || (first == b'0' && digits > 1) {
            return Err(Fault::NumberForm);
        }
        Ok(Kind::Integer {
            // There is one zero.
            is_negative: is_negative && magnitude > 0,
            magnitude,
        })
    }

    fn literal(&mut self, word: &[u8], value: Option<bool>) -> Result<Kind, Fault> {
        for expected in word {
            if self.peek()? != *expected {
                return Err(Fault::BadLiteral);
            }
            self.advance();
        }
        Ok(Kind::Literal(value))
    }

    /// Reads a string and resolves its escapes.
    fn string(&mut self) -> Result<Span, Fault> {
        self.expect(b'"')?;
        let start = offset(self.tree.texts.len());
        loop {
            let rest = self.document.get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0x00..=0x1f))
                .unwrap_or(rest.len());
            let run = rest.get(..plain).unwrap_or_default();
            match core::str::from_utf8(run) {
                Ok(run) => self.tree.texts.push_str(run),
                Err(error) => {
                    self.at = self.at.saturating_add(error.valid_up_to());
                    return Err(Fault::NotUtf8);
                }
            }
            self.at = self.at.saturating_add(plain);
            match self.peek()? {
                b'"' => {
                    self.advance();
                    let end = offset(self.tree.texts.len());
                    return Ok(Span { start, end });
                }
                b'\\' => {
                    self.advance();
                    let character = self.escape()?;
                    self.tree.texts.push(character);
                }
                _ => return Err(Fault::ControlCharacter),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let character = match self.peek()? {
            character @ (b'"' | b'\\' | b'/') => char::from(character),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.advance();
                return self.escaped_unit();
            }
            _ => return Err(Fault::BadEscape),
        };
        self.advance();
        Ok(character)
    }

    /// The digits of `\uXXXX`, and those of the second half if they are the first half of a pair.
    fn escaped_unit(&mut self) -> Result<char, Fault> {
        let first = self.four_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.expect(b'\\').map_err(|_| Fault::BadEscape)?;
                self.expect(b'u').map_err(|_| Fault::BadEscape)?;
                let second = self.four_digits()?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                let low = low.ok_or(Fault::BadEscape)?;
                (((first & 0x3ff) << 10) | low).saturating_add(0x1_0000)
            }
            _ => first,
        };
        char::from_u32(code).ok_or(Fault::BadEscape)
    }

    fn four_digits(&mut self) -> Result<u32, Fault> {
        let mut value = 0u32;
        for _ in 0..4 {
            let digit = char::from(self.peek()?).to_digit(16).ok_or(Fault::BadEscape)?;
            value = (value << 4) | digit;
            self.advance();
        }
        Ok(value)
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.document.get(self.at).copied().ok_or(Fault::Truncated)
    }

    fn expect(&mut self, expected: u8) -> Result<(), Fault> {
        if self.peek()? != expected {
            return Err(Fault::UnexpectedByte);
        }
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.document.get(self.at) {
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log {
        events: Vec<String>,
        canonical: Vec<u8>,
    }

    impl Sink for Log {
        type Refusal = ();

        fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
            let at = self.canonical.len();
            self.events.push(format!("{at} open {kind:?} {:?}", path.segments()));
            Ok(())
        }

        fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
            let at = self.canonical.len();
            self.events.push(format!("{at} {value:?} {:?}", path.segments()));
            Ok(())
        }

        fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), ()> {
            let at = self.canonical.len();
            self.events.push(format!("{at} close {kind:?} {:?}", path.segments()));
            Ok(())
        }

        fn canonical(&mut self, bytes: &[u8]) {
            self.canonical.extend_from_slice(bytes);
        }
    }

    fn read(document: &[u8]) -> Result<Log, (u32, Fault)> {
        let mut log = Log::default();
        match Tree::parse(document).and_then(|tree| tree.walk(&mut log)) {
            Ok(()) => Ok(log),
            Err(ScanError::Malformed { at, fault }) => Err((at, fault)),
            Err(ScanError::Refused { .. }) => unreachable!("the log refuses nothing"),
        }
    }

    fn canonical(document: &str) -> String {
        let log = read(document.as_bytes()).map_err(|fault| format!("{document}: {fault:?}"));
        String::from_utf8(log.unwrap().canonical).unwrap()
    }

    #[test]
    fn spellings_of_one_meaning_have_one_form() {
        for (document, expected) in [
            (" { } ", "{}"),
            ("[\r\n\t]", "[]"),
            (r#"{"b":1,"a":{"d":2,"c":3}}"#, r#"{"a":{"c":3,"d":2},"b":1}"#),
            (r#"["\/\u0041\u00e9\ud83d\ude00"]"#, r#"["/Aé😀"]"#),
            (
                r#"["\ud800\udc00\ud83f\udfff\ud840\udc00\udbff\udfff"]"#,
                "[\"\u{10000}\u{1ffff}\u{20000}\u{10ffff}\"]",
            ),
            (r#"["\"\\\b\t\n\f\r\u0000"]"#, "[\"\\\"\\\\\u{8}\t\n\u{c}\r\0\"]"),
            ("[-0, 0, -7, 9007199254740991]", "[0,0,-7,9007199254740991]"),
            (r#"{"é":1,"z":2,"":3}"#, r#"{"":3,"z":2,"é":1}"#),
            ("[true , false,null]", "[true,false,null]"),
        ] {
            assert_eq!(canonical(document), expected);
        }
    }

    #[test]
    fn faults_are_named_with_their_offset() {
        for (document, expected) in [
            (&br#"{"a":1} x"#[..], (8, Fault::TrailingBytes)),
            (br#""text""#, (0, Fault::UnexpectedByte)),
            (b"7", (0, Fault::UnexpectedByte)),
            (br#"{"a":1,"b":2,"a":3}"#, (19, Fault::RepeatedKey)),
            (br#"{"a":1,"\u0061":3}"#, (18, Fault::RepeatedKey)),
            (b"[01]", (3, Fault::NumberForm)),
            (b"[1.0]", (2, Fault::NumberForm)),
            (b"[1e3]", (2, Fault::NumberForm)),
            (b"[-]", (2, Fault::NumberForm)),
            (b"[+1]", (1, Fault::NumberForm)),
            (b"[9007199254740992]", (16, Fault::IntegerTooLarge)),
            (b"[99999999999999999999999999]", (16, Fault::IntegerTooLarge)),
            (br#"["\ud83d"]"#, (8, Fault::BadEscape)),
            (br#"["\ud83dx"]"#, (8, Fault::BadEscape)),
            (br#"["\ude00"]"#, (8, Fault::BadEscape)),
            (br#"["\ud83d\u0041"]"#, (14, Fault::BadEscape)),
            (br#"["\x"]"#, (3, Fault::BadEscape)),
            (br#"["\u12g4"]"#, (6, Fault::BadEscape)),
            (b"[\"\n\"]", (2, Fault::ControlCharacter)),
            (b"[\"a\xc3\"]", (3, Fault::NotUtf8)),
            (b"[nul]", (4, Fault::BadLiteral)),
            (b"[1,]", (3, Fault::UnexpectedByte)),
            (b"[,1]", (1, Fault::UnexpectedByte)),
            (b"[1 2]", (3, Fault::UnexpectedByte)),
            (br#"{"a" 1}"#, (5, Fault::UnexpectedByte)),
            (br#"{"a":1,}"#, (7, Fault::UnexpectedByte)),
            (b"{1:2}", (1, Fault::UnexpectedByte)),
            (b"[1}", (2, Fault::UnexpectedByte)),
            (b"[\"", (2, Fault::Truncated)),
            (b"[", (1, Fault::Truncated)),
            (b"", (0, Fault::Truncated)),
            (b"\xef\xbb\xbf{}", (0, Fault::UnexpectedByte)),
        ] {
            let found = read(document).map(|log| log.events);
            assert_eq!(found, Err(expected), "{}", String::from_utf8_lossy(document));
        }
    }

    #[test]
    fn nesting_is_bounded_and_reported_as_deep_as_the_strict_reader_does() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let log = read(nested(LENIENT_DEPTH_MAX).as_bytes()).unwrap();
        assert_eq!(log.canonical.len(), 2 * LENIENT_DEPTH_MAX);
        assert_eq!(
            log.events.iter().filter(|event| event.contains("open")).count(),
            crate::DEPTH_MAX + 1
        );
        let too_deep = read(nested(LENIENT_DEPTH_MAX + 1).as_bytes()).map(|_| ());
        assert_eq!(too_deep, Err((64, Fault::TooDeep)));
    }

    #[test]
    fn every_cut_is_refused() {
        let document = r#" {"a":[1,-2,true,null,"x\n\u00e9"],"b":{}} "#;
        let end = document.trim_end().len();
        for length in 0..end {
            assert!(read(&document.as_bytes()[..length]).is_err(), "{length}");
        }
        assert!(read(&document.as_bytes()[..end]).is_ok());
    }

    #[test]
    fn strict_documents_give_the_events_of_the_strict_reader() {
        for document in [
            r#"{"a":[7,"x\n"],"b":{},"c":null}"#,
            r#"{"signatures":[],"signed":{"_type":"root","x":[{"y":[true,false]}]}}"#,
            r#"["\"\\é😀"]"#,
        ] {
            let mut strict = Log::default();
            crate::scan(document.as_bytes(), &mut strict).unwrap();
            let lenient = read(document.as_bytes()).unwrap();
            assert_eq!(lenient.events, strict.events);
            assert_eq!(lenient.canonical, strict.canonical);
        }
    }
}
