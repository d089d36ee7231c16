//! Metadata files to bytes and back.
//!
//! - [`signed_bytes`] is what a key signs, [`file()`] is what a server serves, [`parse_file`] is the inverse of [`file()`].
//! - A file is compact, `signatures` before `signed`, keys sorted: what the smallest device can verify in one pass.
//! - [`parse_file`] accepts only bytes that [`file()`] would write again, so nothing in a file is lost or reworded.
//!
//! ```
//! use tuffet_tuf::{emit, model::{MetaFile, Timestamp, TimestampMeta}};
//! use tuffet_wire::UnixSeconds;
//!
//! let signed_at = UnixSeconds::new(1_767_225_600);
//! let timestamp = Timestamp {
//!     expires: signed_at.saturating_add_days(3),
//!     meta: TimestampMeta { snapshot: MetaFile::of(1, b"the bytes of 1.snapshot.json") },
//!     version: 1,
//!     signed_at,
//! };
//! let to_sign = emit::signed_bytes(&timestamp)?;
//! assert!(to_sign.starts_with(br#"{"_type":"timestamp","expires":"2026-01-04T00:00:00Z","#));
//!
//! let bytes = emit::file(&timestamp, &[])?;
//! assert_eq!(emit::parse_file::<Timestamp>(&bytes)?.role, timestamp);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::model::{Role, Signature};
use alloc::{string::String, vec::Vec};
use core::{convert::Infallible, fmt};
use serde::{Deserialize, Serialize};
use tuffet_wire::{Fault, Path, Scalar, ScanError, Sink, emit as wire};

pub use tuffet_wire::emit::EmitError;

/// What every file says about the specification it follows; other clients refuse other spellings.
pub const SPEC_VERSION: &str = "1.0.0";

/// The bytes that a signature over `role` covers: the OLPC canonical form of `signed`.
pub fn signed_bytes<R: Role>(role: &R) -> Result<Vec<u8>, EmitError> {
    wire::canonical(&Signed::of(role))
}

/// The file to serve: `role` under these signatures, in the order given.
pub fn file<R: Role>(role: &R, signatures: &[Signature]) -> Result<Vec<u8>, EmitError> {
    wire::wire(&Envelope {
        signatures,
        signed: Signed::of(role),
    })
}

/// A file taken apart. Nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<R> {
    /// As they stand in the file.
    pub signatures: Vec<Signature>,
    /// What they claim to sign.
    pub role: R,
}

/// Takes apart a file that [`file()`] could have written; every other file is refused.
pub fn parse_file<R: Role>(bytes: &[u8]) -> Result<File<R>, ParseError> {
    // First the reader that devices have: what they could not read is refused here too, and nesting is bounded.
    tuffet_wire::scan(bytes, &mut Anything).map_err(spelling)?;
    let envelope: Envelope<Vec<Signature>, Signed<R>> = serde_json::from_slice(bytes).map_err(ParseError::Json)?;
    let Envelope { signatures, signed } = envelope;
    if signed.kind != R::TYPE {
        return Err(ParseError::WrongType {
            expected: R::TYPE,
            found: signed.kind,
        });
    }
    if file(&signed.role, &signatures).map_err(ParseError::Emit)? != bytes {
        return Err(ParseError::NotStrict);
    }
    Ok(File {
        signatures,
        role: signed.role,
    })
}

/// The `_type` of a metadata file, to choose the struct to parse it into.
pub fn type_of(bytes: &[u8]) -> Result<String, ParseError> {
    #[derive(Deserialize)]
    struct OnlyKind {
        #[serde(rename = "_type")]
        kind: String,
    }
    #[derive(Deserialize)]
    struct OnlySigned {
        signed: OnlyKind,
    }
    let file: OnlySigned = serde_json::from_slice(bytes).map_err(ParseError::Json)?;
    Ok(file.signed.kind)
}

/// Why bytes are not a metadata file of the asked kind in the strict form.
#[derive(Debug)]
#[non_exhaustive]
pub enum ParseError {
    /// What was read has no strict form.
    Emit(EmitError),
    /// Not JSON, or not the fields of this role.
    Json(serde_json::Error),
    /// Writing it again gives other bytes: white space, another order of keys, or another `spec_version`.
    NotStrict,
    /// Not strict canonical JSON.
    Spelling {
        /// Offset in bytes.
        at: u32,
        /// What is wrong there.
        fault: Fault,
    },
    /// `_type` names another role.
    WrongType {
        /// The type asked for.
        expected: &'static str,
        /// The type in the file.
        found: String,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit(error) => error.fmt(f),
            Self::Json(error) => write!(f, "not a metadata file of this kind: {error}"),
            Self::NotStrict => f.write_str("not in the strict form: compact, sorted, and spec_version 1.0.0"),
            Self::Spelling { at, fault } => write!(f, "not strict JSON at byte {at}: {fault:?}"),
            Self::WrongType { expected, found } => write!(f, "expected a file of type {expected}, found {found}"),
        }
    }
}

impl core::error::Error for ParseError {}

fn spelling(error: ScanError<Infallible>) -> ParseError {
    match error {
        ScanError::Malformed { at, fault } => ParseError::Spelling { at, fault },
        ScanError::Refused { refusal, .. } => match refusal {},
    }
}

/// Takes every strict document.
struct Anything;

impl Sink for Anything {
    type Refusal = Infallible;

    fn value(&mut self, _path: &Path<'_>, _value: Scalar<'_>) -> Result<(), Infallible> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<S, R> {
    signatures: S,
    signed: R,
}

#[derive(Serialize, Deserialize)]
struct Signed<R> {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    #[serde(flatten)]
    role: R,
}

impl<'a, R: Role> Signed<&'a R> {
    fn of(role: &'a R) -> Self {
        Self {
            kind: String::from(R::TYPE),
            spec_version: String::from(SPEC_VERSION),
            role,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        DelegatedRole, Delegations, Key, KeyId, MetaFile, RoleKeys, Root, Snapshot, Target, Targets, TopLevelRoles,
    };
    use std::{collections::BTreeMap, string::ToString, vec};
    use tuffet_wire::UnixSeconds;

    fn root() -> Root {
        let key = Key::ed25519(&[7; 32]);
        let id = key.id().unwrap();
        let role = RoleKeys {
            keyids: vec![id],
            threshold: 1,
        };
        Root {
            consistent_snapshot: true,
            expires: UnixSeconds::new(2_000_000_000),
            keys: BTreeMap::from([(id, key)]),
            roles: TopLevelRoles {
                root: role.clone(),
                snapshot: role.clone(),
                targets: role.clone(),
                timestamp: role,
            },
            version: 1,
            signed_at: UnixSeconds::new(1_700_000_000),
        }
    }

    #[test]
    fn key_id_is_the_hash_of_the_canonical_key() {
        // As python's hashlib gives it for {"keytype":"ed25519","keyval":{"public":"0707..07"},"scheme":"ed25519"}.
        let expected = "b6db82967262b4c288a9326762c77b39db2f13d29b51799a526d0ec81001b73b";
        assert_eq!(Key::ed25519(&[7; 32]).id().unwrap().to_string(), expected);
    }

    #[test]
    fn root_round_trips_with_signatures_first() {
        let signature = Signature {
            keyid: KeyId([1; 32]),
            bytes: vec![0xab; 64],
        };
        let bytes = file(&root(), core::slice::from_ref(&signature)).unwrap();
        assert!(bytes.starts_with(br#"{"signatures":[{"keyid":"0101"#));
        let parsed = parse_file::<Root>(&bytes).unwrap();
        assert_eq!(parsed.role, root());
        assert_eq!(parsed.signatures, [signature]);
        assert_eq!(type_of(&bytes).unwrap(), "root");
    }

    #[test]
    fn delegated_targets_round_trip() {
        let key = Key::ed25519(&[9; 32]);
        let id = key.id().unwrap();
        let targets = Targets {
            delegations: Some(Delegations {
                keys: BTreeMap::from([(id, key)]),
                roles: vec![DelegatedRole {
                    keyids: vec![id],
                    name: "p".to_string(),
                    path_hash_prefixes: None,
                    paths: Some(vec!["p_*.release".to_string()]),
                    terminating: false,
                    threshold: 1,
                }],
            }),
            expires: UnixSeconds::new(2_000_000_000),
            targets: BTreeMap::from([(
                "p_h_c.release".to_string(),
                Target::of(
                    b"release",
                    Some(serde_json::json!({"security_version": 1, "version": "1.0.0"})),
                ),
            )]),
            version: 3,
            signed_at: UnixSeconds::new(1_700_000_000),
        };
        let bytes = file(&targets, &[]).unwrap();
        assert_eq!(parse_file::<Targets>(&bytes).unwrap().role, targets);
    }

    #[test]
    fn other_spellings_are_refused() {
        let bytes = file(&root(), &[]).unwrap();
        let text = core::str::from_utf8(&bytes).unwrap();
        for (from, to) in [
            ("\"signed\":", "\"signed\": "),
            ("\"spec_version\":\"1.0.0\"", "\"spec_version\":\"1.0.31\""),
            ("\"version\":1,", "\"version\":1,\"version\":1,"),
        ] {
            let edited = text.replacen(from, to, 1);
            assert_ne!(edited, text, "{from} is not in the file");
            assert!(parse_file::<Root>(edited.as_bytes()).is_err(), "{to}");
        }
        assert!(matches!(
            parse_file::<Root>(text.replacen("1.0.0", "1.0.9", 1).as_bytes()),
            Err(ParseError::NotStrict)
        ));
        assert!(matches!(
            parse_file::<Root>(br#"{"signatures":[],"signed":{"_type":"root"}}"#),
            Err(ParseError::Json(_))
        ));
    }

    #[test]
    fn what_devices_cannot_read_is_refused() {
        let snapshot = Snapshot {
            expires: UnixSeconds::new(2_000_000_000),
            meta: BTreeMap::from([("x".repeat(300), MetaFile::of(1, b""))]),
            version: 1,
            signed_at: UnixSeconds::new(1_700_000_000),
        };
        let bytes = file(&snapshot, &[]).unwrap();
        assert!(matches!(
            parse_file::<Snapshot>(&bytes),
            Err(ParseError::Spelling {
                fault: Fault::KeyTooLong,
                ..
            })
        ));
    }

    #[test]
    fn another_role_is_refused() {
        let snapshot = Snapshot {
            expires: UnixSeconds::new(2_000_000_000),
            meta: BTreeMap::from([("targets.json".to_string(), MetaFile::of(1, b""))]),
            version: 1,
            signed_at: UnixSeconds::new(1_700_000_000),
        };
        let bytes = file(&snapshot, &[]).unwrap();
        let bytes = core::str::from_utf8(&bytes)
            .unwrap()
            .replacen("\"_type\":\"snapshot\"", "\"_type\":\"root\"", 1);
        assert!(matches!(
            parse_file::<Snapshot>(bytes.as_bytes()),
            Err(ParseError::WrongType {
                expected: "snapshot",
                ..
            })
        ));
    }
}
