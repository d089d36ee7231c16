//! What a vendor releases, to whom and when, and what a device does about it.
//!
//! - One strict parser reads the release document, on a microcontroller and on a server: unknown fields, duplicate images and
//!   anything that today must be empty are refused. A device keeps [`Release`], a fixed struct; the feature `emit` adds the
//!   whole document with its texts (`ReleaseDocument`) and the way back to bytes.
//! - [`decide`] answers "what now, and why not" from values alone. [`evaluate`] is the part of it that a rollout controls.
//! - Bytes come in after their digest was compared with the one that TUF metadata signed. That is the caller's part: nothing
//!   here hashes a document or knows a key.
//! - No clock: a rollout runs on the signed time of the newest timestamp, which the caller hands in.
//!
//! # Example
//!
//! ```
//! use tuffet_release::*;
//!
//! let digest = "5d".repeat(32);
//! let document = format!(concat!(
//!     r#"{{"_type":"tuffet-release","advisory":null,"attempt":1,"class":"feature","components":[{{"images":[{{"address":"any","#,
//!     r#""digest":"{0}","file":{{"digest":"{0}","length":40000,"name":"kettle_1.4.0_c3.zst"}},"hardware":"c3","length":90000,"#,
//!     r#""patches":[{{"block_bytes":1024,"digest":"{0}","head":"{0}","length":4000,"name":"kettle_1.4.0.patch","#,
//!     r#""profile":"small","source":"{1}"}}]}}],"#,
//!     r#""name":"firmware"}}],"encryption":"","format":0,"install_by":"","interruption":{{"seconds":20}},"layout":"","#,
//!     r#""product":"kettle","released":"2026-11-22T08:00:00Z","rollback":false,"rollout":{{"rule":"none"}},"sbom":"","#,
//!     r#""security_version":3,"stepping_stones":[],"support":{{"digest":"{0}","end":"2031-12-31T00:00:00Z","length":300,"#,
//!     r#""name":"kettle_support.json"}},"version":"1.4.0"}}"#), digest, "07".repeat(32));
//!
//! let product = Id::parse("kettle").unwrap();
//! let running = [7; 32];
//! let wanted = Wanted {
//!     running: Some(running),
//!     ..Wanted::firmware(Id::parse("c3").unwrap(), Profile::Small)
//! };
//! let release = Release::parse(&mut document.as_bytes(), &wanted).unwrap();
//!
//! let device = Device {
//!     product: &product,
//!     version: Version::parse("1.3.9").unwrap(),
//!     digest: &running,
//!     counter: 3,
//!     security_version_jump_max: 1_000,
//!     failed: &[],
//!     slot_bytes: 95 * 1024,
//!     seed: &Seed::new([1; 32]),
//! };
//! let pointer = Pointer::parse([9; 32], "1.4.0", 3, "feature").unwrap();
//! let now = UnixSeconds::parse("2026-11-23T00:00:00Z").unwrap();
//! let decision = decide(&device, &pointer, &release, Gate::Missing, now);
//! assert_eq!(decision, Decision::Install);
//! assert_eq!(release.plan().unwrap().image.delta.unwrap().file.length, 4_000);
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
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

#[cfg(feature = "emit")]
extern crate alloc;

mod decision;
mod document;
mod id;
mod known;
#[cfg(feature = "emit")]
mod model;
pub mod names;
mod read;
mod release;
mod rollout;
#[cfg(feature = "emit")]
mod support;
mod version;

pub use decision::{Decision, Device, Fact, Failed, Plan, Pointer, Refusal, decide};
pub use document::{COMPONENTS_MAX, CVES_MAX, DOCUMENT_BYTES_MAX, IMAGES_MAX, PATCHES_MAX};
pub use id::{Class, Id, IdError, Name};
#[cfg(feature = "emit")]
pub use model::{Advisory, Component, ImageEntry, Interruption, ModelError, PatchEntry, ReleaseDocument, RolloutFile};
pub use read::{Malformed, ReadError, What};
pub use release::{
    Address, FileRef, Image, PatchRef, Profile, Release, Rule, STEPPING_STONES_MAX, SupportFacts, Wanted,
};
pub use rollout::{
    Gate, Question, ROLLOUT_BYTES_MAX, RolloutExtract, RolloutState, Seed, Verdict, WAVES_MAX, WaitReason, Wave,
    bucket, evaluate,
};
#[cfg(feature = "emit")]
pub use support::{Delivery, SUPPORT_BYTES_MAX, SupportStatement};
pub use tuffet_wire::{Digest, UnixSeconds};
pub use version::Version;
