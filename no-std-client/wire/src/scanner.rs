//! The strict reader: a push scanner over canonical JSON.
//!
//! - Chunks of any size give the same events and the same verdict.
//! - One spelling for every value: no white space, object keys strictly ascending by bytes, integers from 0 to
//!   2^53 - 1 without sign, fraction, exponent or leading zero, `\"` and `\\` escaped, and control characters in
//!   the one escape that serde_json and python's json both write.
//! - Valid UTF-8, at most [`DEPTH_MAX`] containers deep, keys and the path to a value bounded, no recursion.
//! - The document is an object or an array, so its end is seen without looking past it.
//!
//! ```
//! use tuffet_wire::{Container, Path, Scalar, Scanner, Segment, Sink, Text};
//!
//! /// Remembers one field.
//! #[derive(Default)]
//! struct Version(Option<u64>);
//!
//! impl Sink for Version {
//!     type Refusal = ();
//!
//!     fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
//!         match (path.segments(), value) {
//!             ([Segment::Key("version")], Scalar::Integer(version)) => self.0 = Some(version),
//!             ([Segment::Key("version")], _) => return Err(()),
//!             _ => {}
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut version = Version::default();
//! let mut scanner = Scanner::new();
//! scanner.push(br#"{"name":"p","ver"#, &mut version)?;
//! scanner.push(br#"sion":12}"#, &mut version)?;
//! scanner.finish::<()>()?;
//! assert_eq!(version.0, Some(12));
//! # Ok::<(), tuffet_wire::ScanError<()>>(())
//! ```

use crate::{
    scan::{
        Container, DEPTH_MAX, Fault, INTEGER_MAX, PATH_BYTES_MAX, Path, Scalar, ScanError, Segment, Sink,
        TEXT_BYTES_MAX, Text,
    },
    utf8::Utf8,
};
use core::cmp::Ordering;

/// Reads a document that is in memory as a whole.
pub fn scan<S: Sink + ?Sized>(document: &[u8], sink: &mut S) -> Result<(), ScanError<S::Refusal>> {
    let mut scanner = Scanner::new();
    scanner.push(document, sink)?;
    scanner.finish()
}

/// The reader itself; about 700 bytes, no allocation.
///
/// What is small stands first: a small processor reaches the first bytes of a structure only with one instruction.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Scanner<const TEXT: usize = TEXT_BYTES_MAX> {
    expect: Expect,
    utf8: Utf8,
    depth: usize,
    /// Offset of the byte being looked at.
    at: u32,
    text_length: usize,
    integer: u64,
    levels: [Level; DEPTH_MAX],
    /// The current keys of all open objects, one after another.
    keys: [u8; PATH_BYTES_MAX],
    /// The string being read; bytes past the end of the buffer are only counted.
    text: [u8; TEXT],
}

/// One open container.
#[derive(Copy, Clone, Debug)]
struct Level {
    kind: Container,
    /// Where in `keys` its current key begins and ends; for an array both are where the next level's begins.
    key_start: u16,
    key_end: u16,
    /// Position of the current item.
    index: u32,
    /// Whether a key was read in it, which the next one must come after.
    has_key: bool,
}

/// What may come next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Expect {
    Colon,
    CommaOrEnd,
    Document,
    FirstItemOrEnd,
    FirstKeyOrEnd,
    Key,
    Literal(Literal, u8),
    NothingMore,
    Number,
    NumberEnd,
    Text(TextUse, Escape),
    Value,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Literal {
    False,
    Null,
    True,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum TextUse {
    Key,
    Value,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Escape {
    None,
    /// After the backslash.
    Begun,
    /// After `\u` and this many of its four digits, with the value so far.
    Digits(u8, u8),
}

/// What a byte completes or begins, and what it means for the canonical form: itself, where nothing else is said.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Event {
    None,
    /// An escape has begun: nothing yet.
    Held,
    /// This instead of the held escape.
    Raw(u8),
    /// A backslash and the byte, instead of the held escape.
    Escaped,
    Opened(Container),
    Closed,
    TextValue,
    LiteralValue(Literal),
}

/// What a sink is told.
enum Told<'a> {
    Open(Container),
    Value(Scalar<'a>),
    Close(Container),
}

/// Any sink, behind what keeps its reason.
type AnySink<'s> = dyn Sink<Refusal = Refused> + 's;

/// That a sink refused; why is beside it.
struct Refused;

/// Why reading stopped, at the byte that is looked at.
enum Stop {
    Fault(Fault),
    Refused,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A sink, and why it refused.
struct Asked<'s, S: Sink + ?Sized> {
    sink: &'s mut S,
    refusal: Option<S::Refusal>,
}

impl<S: Sink + ?Sized> Asked<'_, S> {
    fn keep(&mut self, answer: Result<(), S::Refusal>) -> Result<(), Refused> {
        answer.map_err(|refusal| {
            self.refusal = Some(refusal);
            Refused
        })
    }
}

impl<S: Sink + ?Sized> Sink for Asked<'_, S> {
    type Refusal = Refused;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), Refused> {
        let answer = self.sink.open(path, kind);
        self.keep(answer)
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Refused> {
        let answer = self.sink.value(path, value);
        self.keep(answer)
    }

    fn close(&mut self, path: &Path<'_>, kind: Container) -> Result<(), Refused> {
        let answer = self.sink.close(path, kind);
        self.keep(answer)
    }

    fn canonical(&mut self, bytes: &[u8]) {
        self.sink.canonical(bytes);
    }
}

impl<const TEXT: usize> Default for Scanner<TEXT> {
    fn default() -> Self {
        Self::with_room()
    }
}

impl Scanner {
    /// A scanner before the first byte.
    pub const fn new() -> Self {
        Self::with_room()
    }
}

impl<const TEXT: usize> Scanner<TEXT> {
    /// A scanner whose strings may be `TEXT` bytes long to be kept, instead of [`TEXT_BYTES_MAX`].
    pub const fn with_room() -> Self {
        let level = Level {
            kind: Container::Array,
            key_start: 0,
            key_end: 0,
            index: 0,
            has_key: false,
        };
        Self {
            text: [0; TEXT],
            text_length: 0,
            utf8: Utf8::START,
            integer: 0,
            keys: [0; PATH_BYTES_MAX],
            levels: [level; DEPTH_MAX],
            depth: 0,
            expect: Expect::Document,
            at: 0,
        }
    }

    /// Reads the next bytes of the document. After an error the scanner is of no further use.
    pub fn push<S: Sink + ?Sized>(&mut self, chunk: &[u8], sink: &mut S) -> Result<(), ScanError<S::Refusal>> {
        let mut asked = Asked { sink, refusal: None };
        match self.read(chunk, &mut asked) {
            Ok(()) => Ok(()),
            Err(Stop::Fault(fault)) => Err(self.malformed(fault)),
            Err(Stop::Refused) => Err(match asked.refusal {
                Some(refusal) => ScanError::Refused { at: self.at, refusal },
                // Invariant: who says that it refused said why.
                None => self.malformed(Fault::UnexpectedByte),
            }),
        }
    }

    /// The same for any sink: it exists once, as it costs a device much of its flash.
    #[inline(never)]
    fn read(&mut self, chunk: &[u8], sink: &mut AnySink<'_>) -> Result<(), Stop> {
        // Bytes that are canonical as they stand are handed on in runs, not one by one.
        let mut run_start = 0usize;
        let mut next = 0usize;
        while let Some(byte) = chunk.get(next).copied() {
            if let Expect::Text(_, Escape::None) = self.expect
                && self.utf8.is_between_characters()
            {
                let rest = chunk.get(next..).unwrap_or_default();
                let plain = plain(rest);
                if plain > 0 {
                    self.keep_run(rest.get(..plain).unwrap_or_default());
                    next = next.saturating_add(plain);
                    self.at = self.at.saturating_add(u32::try_from(plain).unwrap_or(u32::MAX));
                    continue;
                }
            }
            let position = next;
            next = next.saturating_add(1);
            let after = position.saturating_add(1);
            let run = |from, to| piece(chunk, from, to);
            if self.ends_number(byte) {
                // The byte after a number ends it, so the value comes before that byte.
                sink.canonical(run(run_start, position));
                run_start = position;
                let value = Scalar::Integer(self.integer);
                self.report(sink, Told::Value(value))?;
                self.expect = Expect::CommaOrEnd;
            }
            let event = self.step(byte)?;
            let escaped = [b'\\', byte];
            let (canonical, start): (&[u8], usize) = match &event {
                Event::None => (&[], run_start),
                Event::Held => (run(run_start, position), after),
                Event::Raw(raw) => (core::slice::from_ref(raw), after),
                Event::Escaped => (&escaped, after),
                Event::Opened(_) => (run(run_start, position), position),
                Event::Closed | Event::TextValue | Event::LiteralValue(_) => (run(run_start, after), after),
            };
            if !canonical.is_empty() {
                sink.canonical(canonical);
            }
            run_start = start;
            match event {
                Event::None | Event::Held | Event::Raw(_) | Event::Escaped => {}
                Event::Opened(kind) => self.open(kind, sink)?,
                Event::Closed => self.close(sink)?,
                Event::TextValue => {
                    let value = Scalar::String(self.text()?);
                    self.report(sink, Told::Value(value))?;
                }
                Event::LiteralValue(literal) => self.report(sink, Told::Value(literal.scalar()))?,
            }
            self.at = self.at.saturating_add(1);
        }
        sink.canonical(chunk.get(run_start..).unwrap_or_default());
        Ok(())
    }

    /// Says whether the document was complete.
    pub fn finish<R>(self) -> Result<(), ScanError<R>> {
        if self.expect == Expect::NothingMore {
            Ok(())
        } else {
            Err(self.malformed(Fault::Truncated))
        }
    }

    fn ends_number(&self, byte: u8) -> bool {
        match self.expect {
            Expect::Number => !byte.is_ascii_digit(),
            Expect::NumberEnd => true,
            Expect::Colon
            | Expect::CommaOrEnd
            | Expect::Document
            | Expect::FirstItemOrEnd
            | Expect::FirstKeyOrEnd
            | Expect::Key
            | Expect::Literal(..)
            | Expect::NothingMore
            | Expect::Text(..)
            | Expect::Value => false,
        }
    }

    /// Moves on by one byte.
    fn step(&mut self, byte: u8) -> Result<Event, Fault> {
        match (self.expect, byte) {
            (Expect::Text(text_use, escape), _) => return self.step_text(text_use, escape, byte),
            (Expect::Literal(literal, matched), _) => return self.step_literal(literal, matched, byte),
            (Expect::NothingMore, _) => return Err(Fault::TrailingBytes),
            (Expect::Number, b'0'..=b'9') => self.add_digit(byte)?,
            (Expect::Document | Expect::Value | Expect::FirstItemOrEnd, b'{') => {
                return Ok(Event::Opened(Container::Object));
            }
            (Expect::Document | Expect::Value | Expect::FirstItemOrEnd, b'[') => {
                return Ok(Event::Opened(Container::Array));
            }
            (Expect::Value | Expect::FirstItemOrEnd, _) if byte != b']' => return self.step_scalar(byte),
            (Expect::FirstItemOrEnd, b']') => return Ok(Event::Closed),
            (Expect::FirstKeyOrEnd, b'}') => return Ok(Event::Closed),
            (Expect::FirstKeyOrEnd | Expect::Key, b'"') => self.begin_text(TextUse::Key),
            (Expect::Colon, b':') => self.expect = Expect::Value,
            (Expect::CommaOrEnd, _) => return self.step_after_value(byte),
            _ => return Err(Fault::UnexpectedByte),
        }
        Ok(Event::None)
    }

    /// The first byte of a value that is no container.
    fn step_scalar(&mut self, byte: u8) -> Result<Event, Fault> {
        match byte {
            b'"' => self.begin_text(TextUse::Value),
            b'0'..=b'9' => {
                self.integer = 0;
                self.add_digit(byte)?;
                self.expect = if byte == b'0' {
                    Expect::NumberEnd
                } else {
                    Expect::Number
                };
            }
            b'-' | b'+' | b'.' => return Err(Fault::NumberForm),
            b't' => self.expect = Expect::Literal(Literal::True, 1),
            b'f' => self.expect = Expect::Literal(Literal::False, 1),
            b'n' => self.expect = Expect::Literal(Literal::Null, 1),
            _ => return Err(Fault::UnexpectedByte),
        }
        Ok(Event::None)
    }

    /// The byte after a complete value.
    fn step_after_value(&mut self, byte: u8) -> Result<Event, Fault> {
        let level = self.top_mut().ok_or(Fault::TrailingBytes)?;
        match (level.kind, byte) {
            (Container::Array, b']') | (Container::Object, b'}') => return Ok(Event::Closed),
            (Container::Array, b',') => {
                level.index = level.index.saturating_add(1);
                self.expect = Expect::Value;
            }
            (Container::Object, b',') => self.expect = Expect::Key,
            // Only a number can be followed by these; after another value they are as wrong.
            (_, b'.' | b'e' | b'E' | b'0'..=b'9') => return Err(Fault::NumberForm),
            _ => return Err(Fault::UnexpectedByte),
        }
        Ok(Event::None)
    }

    fn step_literal(&mut self, literal: Literal, matched: u8, byte: u8) -> Result<Event, Fault> {
        let word = literal.word();
        if word.get(usize::from(matched)) != Some(&byte) {
            return Err(Fault::BadLiteral);
        }
        let matched = matched.saturating_add(1);
        if usize::from(matched) < word.len() {
            self.expect = Expect::Literal(literal, matched);
            return Ok(Event::None);
        }
        self.expect = Expect::CommaOrEnd;
        Ok(Event::LiteralValue(literal))
    }

    fn step_text(&mut self, text_use: TextUse, escape: Escape, byte: u8) -> Result<Event, Fault> {
        let inside = |escape| Expect::Text(text_use, escape);
        match escape {
            Escape::None => match byte {
                b'"' if self.utf8.is_between_characters() => self.end_text(text_use),
                b'\\' if self.utf8.is_between_characters() => {
                    self.expect = inside(Escape::Begun);
                    Ok(Event::Held)
                }
                0x00..=0x1f => Err(Fault::ControlCharacter),
                _ => {
                    self.utf8 = self.utf8.push(byte).ok_or(Fault::NotUtf8)?;
                    self.keep(byte);
                    Ok(Event::None)
                }
            },
            Escape::Begun => {
                self.expect = inside(Escape::None);
                let control = match byte {
                    b'"' | b'\\' => {
                        self.keep(byte);
                        return Ok(Event::Escaped);
                    }
                    b'u' => {
                        self.expect = inside(Escape::Digits(0, 0));
                        return Ok(Event::Held);
                    }
                    b'b' => 0x08,
                    b't' => 0x09,
                    b'n' => 0x0a,
                    b'f' => 0x0c,
                    b'r' => 0x0d,
                    _ => return Err(Fault::BadEscape),
                };
                self.keep(control);
                Ok(Event::Raw(control))
            }
            Escape::Digits(count, value) => {
                let Some(digit) = escape_digit(count, byte) else {
                    return Err(Fault::BadEscape);
                };
                let value = (value << 4) | digit;
                if count < 3 {
                    self.expect = inside(Escape::Digits(count.saturating_add(1), value));
                    return Ok(Event::Held);
                }
                if matches!(value, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d) {
                    // These have a short escape, and a value has one spelling.
                    return Err(Fault::BadEscape);
                }
                self.expect = inside(Escape::None);
                self.keep(value);
                Ok(Event::Raw(value))
            }
        }
    }

    fn begin_text(&mut self, text_use: TextUse) {
        self.text_length = 0;
        self.utf8 = Utf8::START;
        self.expect = Expect::Text(text_use, Escape::None);
    }

    /// Keeps a byte of a string, or only counts it once the buffer is full.
    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(self.text_length) {
            *place = byte;
        }
        self.text_length = self.text_length.saturating_add(1);
    }

    /// Keeps a run of bytes of a string; of one that does not fit only the length counts.
    fn keep_run(&mut self, bytes: &[u8]) {
        let end = self.text_length.saturating_add(bytes.len());
        if let Some(place) = self.text.get_mut(self.text_length..end) {
            place.copy_from_slice(bytes);
        }
        self.text_length = end;
    }

    fn end_text(&mut self, text_use: TextUse) -> Result<Event, Fault> {
        match text_use {
            TextUse::Key => {
                self.enter_key()?;
                self.expect = Expect::Colon;
                Ok(Event::None)
            }
            TextUse::Value => {
                self.expect = Expect::CommaOrEnd;
                Ok(Event::TextValue)
            }
        }
    }

    /// Makes the string just read the current key of the innermost object.
    fn enter_key(&mut self) -> Result<(), Fault> {
        let key = self.text.get(..self.text_length);
        let key = key.filter(|key| key.len() <= TEXT_BYTES_MAX).ok_or(Fault::KeyTooLong)?;
        let top = self.depth.checked_sub(1);
        let level = top
            .and_then(|top| self.levels.get_mut(top))
            .ok_or(Fault::TrailingBytes)?;
        let (start, end) = (usize::from(level.key_start), usize::from(level.key_end));
        if level.has_key {
            match self.keys.get(start..end).map(|before| before.cmp(key)) {
                Some(Ordering::Less) => {}
                Some(Ordering::Equal) => return Err(Fault::RepeatedKey),
                Some(Ordering::Greater) | None => return Err(Fault::KeyOrder),
            }
        }
        let end = start.checked_add(key.len()).ok_or(Fault::PathTooLong)?;
        self.keys
            .get_mut(start..end)
            .ok_or(Fault::PathTooLong)?
            .copy_from_slice(key);
        level.key_end = u16::try_from(end).map_err(|_| Fault::PathTooLong)?;
        level.has_key = true;
        Ok(())
    }

    fn add_digit(&mut self, byte: u8) -> Result<(), Fault> {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        // Invariant: what was taken before is at most the largest integer, and ten times that fits 64 bits.
        self.integer = self.integer.wrapping_mul(10).wrapping_add(digit);
        if self.integer > INTEGER_MAX {
            return Err(Fault::IntegerTooLarge);
        }
        Ok(())
    }

    fn open(&mut self, kind: Container, sink: &mut AnySink<'_>) -> Result<(), Stop> {
        self.report(sink, Told::Open(kind))?;
        let start = self.top_mut().map_or(0, |level| level.key_end);
        let level = Level {
            kind,
            key_start: start,
            key_end: start,
            index: 0,
            has_key: false,
        };
        match self.levels.get_mut(self.depth) {
            Some(place) => *place = level,
            None => return Err(Fault::TooDeep.into()),
        }
        self.depth = self.depth.saturating_add(1);
        self.expect = match kind {
            Container::Array => Expect::FirstItemOrEnd,
            Container::Object => Expect::FirstKeyOrEnd,
        };
        Ok(())
    }

    fn close(&mut self, sink: &mut AnySink<'_>) -> Result<(), Stop> {
        let Some(kind) = self.top_mut().map(|level| level.kind) else {
            return Err(Fault::UnexpectedByte.into());
        };
        self.depth = self.depth.saturating_sub(1);
        self.report(sink, Told::Close(kind))?;
        self.expect = if self.depth == 0 {
            Expect::NothingMore
        } else {
            Expect::CommaOrEnd
        };
        Ok(())
    }

    #[inline(never)]
    fn top_mut(&mut self) -> Option<&mut Level> {
        self.levels.get_mut(self.depth.checked_sub(1)?)
    }

    fn text(&self) -> Result<Text<'_>, Fault> {
        let Some(bytes) = self.text.get(..self.text_length) else {
            return Ok(Text::TooLong);
        };
        core::str::from_utf8(bytes).map(Text::Whole).map_err(|_| Fault::NotUtf8)
    }

    fn path(&self) -> Result<Path<'_>, Fault> {
        let mut path = Path::ROOT;
        for level in self.levels.iter().take(self.depth) {
            let segment = match level.kind {
                Container::Array => Segment::Index(level.index),
                Container::Object => {
                    let key = self.keys.get(usize::from(level.key_start)..usize::from(level.key_end));
                    let key = core::str::from_utf8(key.ok_or(Fault::PathTooLong)?);
                    Segment::Key(key.map_err(|_| Fault::NotUtf8)?)
                }
            };
            if !path.push(segment) {
                return Err(Fault::TooDeep);
            }
        }
        Ok(path)
    }

    /// Tells the sink with the current path.
    ///
    /// Not inlined: a path is large, and this is the one place where one is made.
    #[inline(never)]
    fn report(&self, sink: &mut AnySink<'_>, told: Told<'_>) -> Result<(), Stop> {
        let path = self.path()?;
        let told = match told {
            Told::Open(kind) => sink.open(&path, kind),
            Told::Value(value) => sink.value(&path, value),
            Told::Close(kind) => sink.close(&path, kind),
        };
        told.map_err(|Refused| Stop::Refused)
    }

    fn malformed<R>(&self, fault: Fault) -> ScanError<R> {
        ScanError::Malformed { at: self.at, fault }
    }
}

/// A piece of a chunk; none, if it has none there.
#[inline(never)]
fn piece(chunk: &[u8], from: usize, to: usize) -> &[u8] {
    chunk.get(from..to).unwrap_or_default()
}

/// How many bytes of a string follow that are one character each and stand for themselves.
fn plain(bytes: &[u8]) -> usize {
    let is_plain = |byte: &&u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
    bytes.iter().take_while(is_plain).count()
}

impl Literal {
    fn word(self) -> &'static [u8] {
        match self {
            Self::False => b"false",
            Self::Null => b"null",
            Self::True => b"true",
        }
    }

    fn scalar(self) -> Scalar<'static> {
        match self {
            Self::False => Scalar::Bool(false),
            Self::Null => Scalar::Null,
            Self::True => Scalar::Bool(true),
        }
    }
}

/// The value of the digit at this place of `\u00XX`: only control characters are escaped, in lowercase.
fn escape_digit(place: u8, digit: u8) -> Option<u8> {
    match (place, digit) {
        (0 | 1, b'0') => Some(0),
        (2, b'0' | b'1') | (3, b'0'..=b'9') => digit.checked_sub(b'0'),
        (3, b'a'..=b'f') => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::String, vec::Vec};

    /// Writes down every event.
    #[derive(Default)]
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

    fn fault(document: &[u8]) -> Option<(u32, Fault)> {
        match scan(document, &mut Log::default()) {
            Ok(()) => None,
            Err(ScanError::Malformed { at, fault }) => Some((at, fault)),
            Err(ScanError::Refused { .. }) => unreachable!("the log refuses nothing"),
        }
    }

    #[test]
    fn events_come_in_document_order_with_their_bytes() {
        let mut log = Log::default();
        scan(br#"{"a":[7,"x\n"],"b":{},"c":null}"#, &mut log).unwrap();
        assert_eq!(
            log.events,
            [
                "0 open Object []",
                r#"5 open Array [Key("a")]"#,
                r#"7 Integer(7) [Key("a"), Index(0)]"#,
                r#"12 String(Whole("x\n")) [Key("a"), Index(1)]"#,
                r#"13 close Array [Key("a")]"#,
                r#"18 open Object [Key("b")]"#,
                r#"20 close Object [Key("b")]"#,
                r#"29 Null [Key("c")]"#,
                "30 close Object []",
            ]
        );
        assert_eq!(log.canonical, b"{\"a\":[7,\"x\n\"],\"b\":{},\"c\":null}");
    }

    #[test]
    fn faults_are_named_with_their_offset() {
        for (document, expected) in [
            (&br#"{"a":1} "#[..], (7, Fault::TrailingBytes)),
            (br#"{"a": 1}"#, (5, Fault::UnexpectedByte)),
            (br#" {}"#, (0, Fault::UnexpectedByte)),
            (br#""text""#, (0, Fault::UnexpectedByte)),
            (br#"{"b":1,"a":2}"#, (9, Fault::KeyOrder)),
            (br#"{"a":1,"a":2}"#, (9, Fault::RepeatedKey)),
            (br#"{"a":1,"":2}"#, (8, Fault::KeyOrder)),
            (br#"{"a":01}"#, (6, Fault::NumberForm)),
            (br#"{"a":-1}"#, (5, Fault::NumberForm)),
            (br#"{"a":1.0}"#, (6, Fault::NumberForm)),
            (br#"{"a":1e3}"#, (6, Fault::NumberForm)),
            (br#"{"a":9007199254740992}"#, (20, Fault::IntegerTooLarge)),
            (br#"{"a":"\/"}"#, (7, Fault::BadEscape)),
            (br#"{"a":"\u000a"}"#, (11, Fault::BadEscape)),
            (br#"{"a":"\u001F"}"#, (11, Fault::BadEscape)),
            (br#"{"a":"\u0041"}"#, (10, Fault::BadEscape)),
            (br#"{"a":"\ud83d"}"#, (8, Fault::BadEscape)),
            (b"{\"a\":\"\n\"}", (6, Fault::ControlCharacter)),
            (b"{\"a\":\"\xc3\"}", (7, Fault::NotUtf8)),
            (b"{\"a\":\"\xc3\\n\"}", (7, Fault::NotUtf8)),
            (b"{\"a\":\"\xed\xa0\x80\"}", (7, Fault::NotUtf8)),
            (br#"{"a":nulL}"#, (8, Fault::BadLiteral)),
            (br#"{"a":[1,]}"#, (8, Fault::UnexpectedByte)),
            (br#"{"a":1,}"#, (7, Fault::UnexpectedByte)),
            (br#"[,1]"#, (1, Fault::UnexpectedByte)),
            (br#"{1:2}"#, (1, Fault::UnexpectedByte)),
            (br#"[1}"#, (2, Fault::UnexpectedByte)),
            (br#"{"a":1]"#, (6, Fault::UnexpectedByte)),
            (br#"{"a":}"#, (5, Fault::UnexpectedByte)),
            (b"[[[[[[[[[]]]]]]]]]", (8, Fault::TooDeep)),
            (br#"{"a":1"#, (6, Fault::Truncated)),
            (b"", (0, Fault::Truncated)),
        ] {
            assert_eq!(fault(document), Some(expected), "{}", String::from_utf8_lossy(document));
        }
    }

    #[test]
    fn extremes_are_accepted() {
        for document in [
            &b"{}"[..],
            b"[]",
            b"[0]",
            b"[9007199254740991]",
            b"[[[[[[[[]]]]]]]]",
            br#"["\"\\\b\t\n\f\r\u0000\u001f"]"#,
            "[\"\u{7f}é€😀\"]".as_bytes(),
            br#"{"":1}"#,
        ] {
            assert_eq!(fault(document), None, "{}", String::from_utf8_lossy(document));
        }
    }

    #[test]
    fn long_strings_are_valid_but_not_kept_and_long_keys_are_refused() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        let mut log = Log::default();
        scan(format!(r#"["{longest}","{longest}x"]"#).as_bytes(), &mut log).unwrap();
        assert!(log.events[1].contains("Whole"), "{}", log.events[1]);
        assert!(log.events[2].contains("TooLong"), "{}", log.events[2]);

        // Not kept, but still checked.
        let broken = [b"[\"", longest.as_bytes(), b"\xc3\"]"].concat();
        assert_eq!(fault(&broken), Some((259, Fault::NotUtf8)));

        assert_eq!(fault(format!(r#"{{"{longest}":1}}"#).as_bytes()), None);
        assert_eq!(
            fault(format!(r#"{{"{longest}x":1}}"#).as_bytes()),
            Some((259, Fault::KeyTooLong))
        );
        assert_eq!(
            fault(format!(r#"{{"{longest}":{{"y":1}}}}"#).as_bytes()),
            Some((263, Fault::PathTooLong))
        );
    }

    #[test]
    fn scanner_fits_its_budget() {
        assert!(size_of::<Scanner>() < 800, "{}", size_of::<Scanner>());
    }
}
