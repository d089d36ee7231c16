//! The drivers of small devices: the update machine over a NOR flash and a transport.
//!
//! - Two phases, [`Checking`] and [`Filling`], do all that is done with flash, and only *ask* for the network
//!   ([`Need`]). Driving one is a short loop. It exists twice, blocking and async, and so does the order of the phases in
//!   [`Client`]; a test holds the two against each other, byte for byte.
//! - The phases never overlap, and neither does what they need: each stands in a function of its own, and the decoder in that of
//!   the second one. What an installation does between them and behind them needs neither network nor decoder.
//! - Whatever must survive a reset is in flash before the next request. A phase that is dropped anywhere leaves a device
//!   that can be switched off.

mod checking;
mod client;
mod filling;
mod installing;
mod stop;

pub use checking::Checking;
pub use client::{Client, DeviceClock, Outcome, Settings};
pub use filling::Filling;
pub use installing::{Next, go_on};
pub use stop::Stop;

use crate::transport::{Ask, Opened};
use embedded_storage::nor_flash::NorFlash;

/// What a phase needs from the network.
pub enum Need<'w> {
    /// Nothing: it is done.
    Nothing,
    /// This file. Tell it with [`Work::opened`].
    Open(Ask<'w>),
    /// Bytes of the open file. Tell how many came with [`Work::filled`]; 0 at its end.
    Read(&'w mut [u8]),
}

/// One phase of an update. After an error it has no more to say.
pub trait Work<F: NorFlash> {
    /// Works on flash until something is needed.
    fn need(&mut self) -> Result<Need<'_>, Stop<F::Error>>;

    /// Takes what the repository said.
    fn opened(&mut self, opened: Opened) -> Result<(), Stop<F::Error>>;

    /// Notes how many bytes came.
    fn filled(&mut self, count: usize) -> Result<(), Stop<F::Error>>;

    /// Notes that the transport failed. Says whether to go on: the file is asked for again from where it broke off.
    fn broken(&mut self) -> bool;
}
