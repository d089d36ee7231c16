//! Damaged and random bytes through every reader: no panic, and the same answer whatever pieces they come in.

use super::{
    Body, Received, Wanted,
    delegation::{Delegation, DelegationBody},
    meta::{MetaBody, MetaContent, OldFiles},
    root::{RootBody, RootKeys},
    targets::{TargetsBody, TargetsContent},
};
use crate::{
    error::{Error, Flaw, Rejected},
    names::RoleName,
    reading::{Reading, Strict},
    signatures::Claim,
    state::{FileFacts, TrustedState},
    whose::{Refusals, Whose},
};
use std::{convert::Infallible, format, vec::Vec};
use tuffet_wire::Document;

const ITERATIONS: u32 = 20_000;
const SEED: u64 = 0x7475_6666_6574_0001;

const ROOT: &[u8] = br#"{"signatures":[{"keyid":"0000000000000000000000000000000000000000000000000000000000000001","sig":""}],"signed":{"_type":"root","consistent_snapshot":true,"expires":"2028-01-01T00:00:00Z","keys":{"729c59d225c141b33f270b4cc26802bf17ca7be459206b48824e8b0a5a2c42b5":{"keytype":"ed25519","keyval":{"public":"11"},"scheme":"rsa"}},"roles":{"root":{"keyids":[],"threshold":1},"snapshot":{"keyids":[],"threshold":1},"targets":{"keyids":[],"threshold":1},"timestamp":{"keyids":[],"threshold":1}},"spec_version":"1.0.0","version":1}}"#;
const TIMESTAMP: &[u8] = br#"{"signatures":[],"signed":{"_type":"timestamp","expires":"2028-01-01T00:00:00Z","meta":{"snapshot.json":{"hashes":{"sha256":"0000000000000000000000000000000000000000000000000000000000000001"},"length":1,"version":1}},"spec_version":"1.0.0","version":1}}"#;
const SNAPSHOT: &[u8] = br#"{"signatures":[],"signed":{"_type":"snapshot","expires":"2028-01-01T00:00:00Z","meta":{"p.json":{"hashes":{"sha256":"0000000000000000000000000000000000000000000000000000000000000001"},"length":1,"version":1}},"spec_version":"1.0.0","version":1}}"#;
const TARGETS: &[u8] = br#"{"signatures":[],"signed":{"_type":"targets","delegations":{"keys":{},"roles":[{"keyids":["0000000000000000000000000000000000000000000000000000000000000001"],"name":"p","paths":["*_?"],"terminating":true,"threshold":1}]},"expires":"2028-01-01T00:00:00Z","spec_version":"1.0.0","targets":{"p_x":{"custom":{"version":"1"},"hashes":{"sha256":"0000000000000000000000000000000000000000000000000000000000000001"},"length":1}},"version":1}}"#;

/// xorshift64*: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    /// A file with up to four edits, or a few random bytes.
    fn damaged(&mut self, file: &[u8]) -> Vec<u8> {
        if self.below(16) == 0 {
            return (0..self.below(64)).map(|_| self.below(256) as u8).collect();
        }
        let mut bytes = file.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            let token = [
                &b"{"[..],
                b"}",
                b"[",
                b"]",
                b",",
                b":",
                b"\"",
                b"\\u0001",
                b"null",
                b"9007199254740992",
                b"\xff",
            ];
            match self.below(5) {
                0 => bytes[place] = self.below(256) as u8,
                1 if bytes.len() > 1 => drop(bytes.remove(place)),
                2 => bytes.truncate(place.max(1)),
                3 => drop(bytes.splice(place..place, token[self.below(token.len())].iter().copied())),
                _ => {
                    let end = (place + self.below(80)).min(bytes.len());
                    let span = bytes[place..end].to_vec();
                    drop(bytes.splice(place..place, span));
                }
            }
        }
        bytes
    }
}

struct Pieces<'a>(&'a [u8], usize);

impl Document for Pieces<'_> {
    type Error = Infallible;

    fn length(&self) -> u32 {
        self.0.len() as u32
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Infallible> {
        let rest = &self.0[offset as usize..];
        Ok(&rest[..rest.len().min(self.1)])
    }
}

fn answer<R: Reading>(bytes: &[u8], piece: usize, body: &mut dyn Body) -> Result<FileFacts, Error<Infallible>> {
    let refusals = Refusals::default();
    let wanted = Wanted::<R> {
        role: Whose::Root,
        bytes_max: 2048,
        listed: None,
        refusals: &refusals,
    };
    let mut pieces = Pieces(bytes, piece);
    let mut claim = Claim::none();
    let read = Received::new(&mut pieces, wanted).read(&mut claim, body);
    read.map(|()| *claim.facts())
        .map_err(|error| error.named(&refusals, None))
}

fn answers<R: Reading>(kind: usize, bytes: &[u8], piece: usize) -> Result<FileFacts, Error<Infallible>> {
    let role = RoleName::new("p").unwrap();
    let (mut first, mut later) = (OldFiles::default(), OldFiles::from(1));
    let mut keys = RootKeys::<R>::none();
    let (mut meta, mut targets) = (MetaContent::<R>::claimed(), TargetsContent::<R>::claimed());
    let mut delegation = Delegation::<R>::of_targets();
    let body: &mut dyn Body = match kind {
        0 => &mut RootBody::new(&mut keys),
        1 => &mut MetaBody::timestamp(&mut meta),
        2 => &mut MetaBody::snapshot(role.as_str(), Some(&mut first), &mut meta),
        3 => &mut MetaBody::old_snapshot(&mut later, &mut meta),
        4 => &mut TargetsBody::new("p_x", &mut targets),
        _ => &mut DelegationBody::at(0, &mut delegation),
    };
    answer::<R>(bytes, piece, body)
}

#[test]
fn damaged_files_are_refused_alike_in_all_pieces() {
    let files = [ROOT, TIMESTAMP, SNAPSHOT, SNAPSHOT, TARGETS, TARGETS];
    let mut random = Random(SEED);
    let mut accepted = 0;
    for _ in 0..ITERATIONS {
        let kind = random.below(files.len());
        let bytes = random.damaged(files[kind]);
        let whole = answers::<Strict>(kind, &bytes, usize::MAX);
        let piece = 1 + random.below(40);
        assert_eq!(whole, answers::<Strict>(kind, &bytes, piece), "seed {SEED:#x}");
        accepted += u32::from(whole.is_ok());
    }
    // Both verdicts occur, so the readers were reached.
    assert!(accepted > 100 && accepted < ITERATIONS / 2, "{accepted}");
}

#[test]
fn undamaged_files_are_read() {
    for (kind, file) in [
        (0, ROOT),
        (1, TIMESTAMP),
        (2, SNAPSHOT),
        (3, SNAPSHOT),
        (4, TARGETS),
        (5, TARGETS),
    ] {
        assert!(answers::<Strict>(kind, file, 1).is_ok(), "{kind}");
    }
}

/// Kinds of values, one example each.
const VALUE: &str = "7";
const LIST: &str = "[]";
const OBJECT: &str = "{}";

/// Which readers look at a place of a file, behind which text it is, what stands there, and of what kind that is.
type Held = (
    &'static [usize],
    &'static [u8],
    &'static str,
    &'static str,
    &'static str,
);

const HELD: &[Held] = {
    const ID: &str = r#""0000000000000000000000000000000000000000000000000000000000000001""#;
    const HASHES: &str = r#"{"sha256":"0000000000000000000000000000000000000000000000000000000000000001"}"#;
    const KEY: &str = r#"{"keytype":"ed25519","keyval":{"public":"11"},"scheme":"rsa"}"#;
    const EXPIRES: &str = r#""2028-01-01T00:00:00Z""#;
    &[
        (&[0], ROOT, r#""keyid":"#, ID, VALUE),
        (&[0], ROOT, r#""sig":"#, r#""""#, VALUE),
        (&[0], ROOT, r#""_type":"#, r#""root""#, VALUE),
        (&[0], ROOT, r#""consistent_snapshot":"#, "true", VALUE),
        (&[0], ROOT, r#""expires":"#, EXPIRES, VALUE),
        (&[0], ROOT, "", KEY, OBJECT),
        (&[0], ROOT, r#""keytype":"#, r#""ed25519""#, VALUE),
        (&[0], ROOT, r#""keyval":"#, r#"{"public":"11"}"#, OBJECT),
        (&[0], ROOT, r#""public":"#, r#""11""#, VALUE),
        (&[0], ROOT, r#""scheme":"#, r#""rsa""#, VALUE),
        (&[0], ROOT, r#""root":"#, r#"{"keyids":[],"threshold":1}"#, OBJECT),
        (&[0], ROOT, r#""keyids":"#, "[]", LIST),
        (&[0], ROOT, r#""threshold":"#, "1", VALUE),
        (&[0], ROOT, r#""spec_version":"#, r#""1.0.0""#, VALUE),
        (&[0], ROOT, r#""spec_version":"1.0.0","version":"#, "1", VALUE),
        (&[1], TIMESTAMP, r#""signatures":"#, "[]", LIST),
        (&[1], TIMESTAMP, r#""expires":"#, EXPIRES, VALUE),
        (&[1, 2, 3], TIMESTAMP, r#""hashes":"#, HASHES, OBJECT),
        (&[1, 2, 3], TIMESTAMP, r#""sha256":"#, ID, VALUE),
        (&[1, 2, 3], TIMESTAMP, r#""length":"#, "1", VALUE),
        (&[1, 2, 3], TIMESTAMP, r#""version":"#, "1", VALUE),
        (
            &[1, 2, 3],
            TIMESTAMP,
            r#""spec_version":"1.0.0","version":"#,
            "1",
            VALUE,
        ),
        (&[4, 5], TARGETS, r#""keys":"#, "{}", OBJECT),
        (&[4, 5], TARGETS, r#""keyids":["#, ID, VALUE),
        (&[4, 5], TARGETS, r#""name":"#, r#""p""#, VALUE),
        (&[4, 5], TARGETS, r#""paths":"#, r#"["*_?"]"#, LIST),
        (&[4, 5], TARGETS, r#""paths":["#, r#""*_?""#, VALUE),
        (&[4, 5], TARGETS, r#""terminating":"#, "true", VALUE),
        (&[4, 5], TARGETS, r#""threshold":"#, "1", VALUE),
        (&[4, 5], TARGETS, r#""expires":"#, EXPIRES, VALUE),
        (&[4], TARGETS, r#""custom":"#, r#"{"version":"1"}"#, OBJECT),
        (&[4], TARGETS, r#""hashes":"#, HASHES, OBJECT),
        (&[4], TARGETS, r#""sha256":"#, ID, VALUE),
        (&[4], TARGETS, r#""length":"#, "1", VALUE),
        (&[4, 5], TARGETS, r#"}},"version":"#, "1", VALUE),
    ]
};

/// What stands where something else has to is refused, whatever is taken out of it: a value where an object or a list has to be, a
/// list where an object has to be, and so on.
#[test]
fn every_place_holds_what_it_must() {
    for (kinds, file, before, held, is) in HELD {
        for kind in *kinds {
            // The meta files of a snapshot are laid out as those of a timestamp.
            let file = if *kind == 2 || *kind == 3 { SNAPSHOT } else { file };
            let text = str::from_utf8(file).unwrap();
            let from = format!("{before}{held}");
            assert!(text.contains(&from), "{from}");
            for other in [VALUE, LIST, OBJECT].into_iter().filter(|other| other != is) {
                let edited = text.replacen(&from, &format!("{before}{other}"), 1);
                let answer = answers::<Strict>(*kind, edited.as_bytes(), 64);
                let what = match answer {
                    Err(Error::Rejected(Rejected::Malformed { what, .. })) => Some(what),
                    _ => None,
                };
                assert_eq!(what, Some(Flaw::WrongKind), "{kind}: {from} became {other}: {answer:?}");
            }
        }
    }
    // What nobody needs may be anything.
    let text = str::from_utf8(TARGETS).unwrap().replace("\"1\"", "[7]");
    assert!(answers::<Strict>(4, text.as_bytes(), 64).is_ok());
}

/// A key of an object that no reader asked for is nothing to it, the empty one, too.
#[test]
fn empty_key_is_a_target_like_another() {
    let text = str::from_utf8(TARGETS)
        .unwrap()
        .replace("\"targets\":{", "\"targets\":{\"\":1,");
    for kind in [4, 5] {
        assert!(answers::<Strict>(kind, text.as_bytes(), 64).is_ok(), "{kind}");
    }
}

#[test]
fn damaged_states_are_refused_or_written_alike() {
    let facts = answers::<Strict>(1, TIMESTAMP, 64).unwrap();
    let clean = <TrustedState>::of_root(facts).encode();
    let mut random = Random(SEED);
    for _ in 0..ITERATIONS {
        let mut bytes = clean;
        for _ in 0..=random.below(3) {
            let place = random.below(bytes.len());
            bytes[place] = random.below(256) as u8;
        }
        if let Ok(state) = <TrustedState>::decode(&bytes) {
            assert_eq!(state.encode(), bytes, "seed {SEED:#x}");
        }
    }
}
