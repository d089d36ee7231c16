//! TUF metadata: the verifier and, with the feature `emit`, its writer.
//!
//! The verifier follows the client workflow of TUF 1.0.34 over standard JSON metadata, without heap, without I/O and
//! without a clock of its own: a [`Session`] says which file it needs, the shell fetches it, the session verifies it, and
//! the shell stores what the session says before it asks again.
//!
//! Rules:
//!
//! - **Nothing is believed before its signatures are counted.** What a file says is taken out into a claim, and one
//!   constructor makes a [`Verified`] of it. One function counts for every role; a key counts once.
//! - **The order is a type.** `ExpectRoot → ExpectTimestamp → ExpectSnapshot → ExpectTargets → ExpectDelegated →
//!   Resolved`: each state holds only what it may rely on, and a refusal leaves no session behind.
//! - **The reading is a type.** [`Strict`] takes compact canonical JSON with `signatures` before `signed`, one spelling for
//!   every value, sha256 and length everywhere. `Lenient` (feature `lenient`) takes other people's repositories. No feature changes
//!   either.
//! - **So are the algorithms.** [`Ed25519`], or `Every` one of the specification (feature `algorithms`). Keys of other kinds are
//!   unused, not errors; weak ones are refused where they are read.
//! - **Known files are hashed before they are parsed.** Every pass over a file sees the same bytes, or it is refused.
//! - **A kept copy is a saved download.** The same checks run on it.
//! - **Versions never go back**, except that replaced timestamp or snapshot keys forget what the old ones signed.
//! - **Everything is bounded**, by [`Limits`] and by the constants in [`limits`]; nothing recurses on input.
//! - **Time is a value**, fixed for a cycle: that of a [`ClockPolicy`], never before a floor that only signed times raise.
//!
//! Left out on purpose: `succinct_roles` (skipped, so a name only they cover is not found); and from the strict reading
//! repositories without consistent snapshots ([`Flaw::ConsistentSnapshotOff`]) and listings without length and digest.
//!
//! ```
//! use ed25519_dalek::{Signer, SigningKey};
//! use std::collections::HashMap;
//! use tuffet_tuf::{emit, first_root, model::*, Answer, ClockPolicy, Limits, Request, Resolution, Session, TargetName};
//! use tuffet_wire::UnixSeconds;
//!
//! // A small repository: one key signs everything, and targets lists one file.
//! let secret = SigningKey::from_bytes(&[7; 32]);
//! let key = Key::ed25519(secret.verifying_key().as_bytes());
//! let keyid = key.id()?;
//! fn sign<R: Role>(role: &R, keyid: KeyId, secret: &SigningKey) -> Result<Vec<u8>, emit::EmitError> {
//!     let bytes = secret.sign(&emit::signed_bytes(role)?).to_bytes().to_vec();
//!     emit::file(role, &[Signature { keyid, bytes }])
//! }
//! let signed_at = UnixSeconds::new(1_767_225_600);
//! let expires = signed_at.saturating_add_days(30);
//! let signer = RoleKeys { keyids: vec![keyid], threshold: 1 };
//! let roles = TopLevelRoles {
//!     root: signer.clone(), snapshot: signer.clone(), targets: signer.clone(), timestamp: signer,
//! };
//! let keys = [(keyid, key)].into();
//! let root = Root { consistent_snapshot: true, expires, keys, roles, version: 1, signed_at };
//! let root = sign(&root, keyid, &secret)?;
//! let listed = [("hello.txt".to_string(), Target::of(b"hello", None))].into();
//! let targets = sign(&Targets { delegations: None, expires, targets: listed, version: 1, signed_at }, keyid, &secret)?;
//! let meta = [("targets.json".to_string(), MetaFile::of(1, &targets))].into();
//! let snapshot = sign(&Snapshot { expires, meta, version: 1, signed_at }, keyid, &secret)?;
//! let meta = TimestampMeta { snapshot: MetaFile::of(1, &snapshot) };
//! let timestamp = sign(&Timestamp { expires, meta, version: 1, signed_at }, keyid, &secret)?;
//! let served: HashMap<&str, Vec<u8>> =
//!     [("timestamp.json", timestamp), ("1.snapshot.json", snapshot), ("1.targets.json", targets)].into();
//!
//! // A device that was given the root.
//! let limits = Limits::DEFAULT;
//! let mut trusted = first_root(&mut &root[..], &limits)?;
//! let wanted = TargetName::new("hello.txt").ok_or("no name")?;
//! let clock = ClockPolicy::Trusted { now: signed_at.saturating_add_days(1) };
//! let mut session: Session = Session::begin(&mut &root[..], trusted, wanted, clock, &limits)?;
//! while let Request::Fetch(fetch) = session.request() {
//!     let step = match served.get(fetch.file.to_string().as_str()) {
//!         Some(file) => session.receive(Answer::Present(&mut &file[..]))?,
//!         None => session.receive(Answer::<&[u8]>::Absent)?,
//!     };
//!     session = step.session;
//!     if step.store.is_some() {
//!         trusted = *session.trusted(); // A device writes it down, with the file.
//!     }
//! }
//! let Some(Resolution::Found(target)) = session.resolution() else { return Err("not found".into()) };
//! assert_eq!(target.length(), 5);
//! assert_eq!(trusted.floor, signed_at);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]
// A session is one state at a time, so the largest one counts, and there is no heap to box it on.
#![allow(clippy::large_enum_variant)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(any(feature = "algorithms", feature = "emit"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod algorithms;
mod codes;
mod error;
mod keys;
mod ladder;
#[cfg(feature = "lenient")]
mod lenient;
pub mod limits;
mod list;
mod names;
mod patterns;
mod read;
mod reading;
mod session;
mod signatures;
mod state;
mod target;
mod walk;
mod whose;

#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "emit")]
pub mod model;

#[cfg(feature = "algorithms")]
pub use algorithms::every::Every;
pub use algorithms::{Algorithms, Ed25519, SmallEd25519};
pub use error::{Error, Flaw, Limit, Misuse, Rejected};
pub use ladder::first_root;
#[cfg(feature = "lenient")]
pub use lenient::{Hashes, Lenient, Listing, ROOM};
pub use limits::Limits;
pub use names::{
    DelegatedName, FileName, ROLE_NAME_BYTES_MAX, RoleName, RoleVersion, TARGET_NAME_BYTES_MAX, TargetName,
};
pub use reading::{Reading, Strict};
pub use session::{Session, Step};
pub use signatures::Verified;
pub use state::{BadState, DelegatedFacts, Exact, FileFacts, Pinned, SignersId, TimestampFacts, Trusted, TrustedState};
pub use target::{Custom, Resolution, VerifiedTarget};
pub use walk::{Answer, ClockPolicy, Fetch, Request, Store, Walk};

/// The edition of the TUF specification that the step numbers in these docs refer to.
pub const SPECIFICATION: &str = "1.0.34";
