//! The update cycle of Tuffet as one sans-IO state machine.
//!
//! - [`Update`] owns the order: root chain, timestamp, snapshot, targets, product pointer, release document, decision,
//!   download, spare slot, hash read back, trial. Both clients drive this machine; neither has an order of its own.
//! - It asks ([`Update::request`]) and is told. It has no clock, no randomness, no sockets, no files.
//! - A refusal consumes the machine: there is nothing left to misuse.
//! - This is the only place where two cores meet. Proofs cross here: a verified target becomes a release, a slot that was
//!   read back becomes a [`boot::VerifiedImage`].
//! - [`Poll`](poll::Poll) says when to ask.
//! - [`Client`] is the machine on a small device: over one NOR flash ([`flash`]) and a [`transport`], blocking or async.
//! - [`http`] is such a transport over any stream of bytes, and [`link`] one over a serial line to a gateway.
//! - [`bootloader`] says what runs, and [`recovery`] brings back what should. With [`mcuboot`], MCUboot does.
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]
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

#[cfg(test)]
extern crate std;

pub mod bootloader;
pub mod driver;
pub mod flash;
pub mod http;
pub mod link;
pub mod mcuboot;
pub mod poll;
pub mod recovery;
pub mod transport;

mod device;
mod failure;
mod frame;
#[cfg(test)]
mod frozen;
mod hashed;
mod state;
mod update;

pub use device::{Device, Intake, Running, decoder_profile};
pub use driver::{Client, DeviceClock, Outcome, Settings, Stop};
pub use failure::{Action, DocumentFault, Failure, ImageFault, name_of};
pub use state::{BadState, DeviceState, Installed, Remembered, Standing};
pub use update::{Considered, Decided, Decoding, Error, FellBack, Installation, ListedTarget, Request, Update, Way};

pub use tuffet_boot as boot;
pub use tuffet_patch as patch;
pub use tuffet_release as release;
pub use tuffet_tuf as tuf;
pub use tuffet_wire as wire;
