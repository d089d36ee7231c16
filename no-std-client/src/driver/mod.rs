//! The drivers of small devices: the update machine over a NOR flash and a transport.
//!
//! - Two phases, [`Checking`] and [`Filling`], do all that is done with flash, and only *ask* for the network
//!   ([`Turn`]). Driving one is a short loop. It exists twice, blocking and async, and so does the order of the phases in
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

/// Whose turn it is in a phase.
#[derive(Copy, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The phase's: it [works](Work::work) on flash.
    Work,
    /// The network's: [this](Work::ask) file is to be opened. Tell it with [`Work::opened`].
    Open,
    /// The network's: bytes of the open file go [here](Work::space). Tell how many came with [`Work::filled`], or that it
    /// [broke off](Work::broken).
    Read,
    /// Nobody's: the phase is done.
    Done,
}

/// One phase of an update. It begins with [`Turn::Work`]; every answer says whose turn it is next, and nobody else may take one. After an
/// error it has no more to say.
pub trait Work<F: NorFlash> {
    /// Works on flash.
    fn work(&mut self) -> Result<Turn, Stop<F::Error>>;

    /// The file that is waited for.
    fn ask(&self) -> Ask<'_>;

    /// Takes what the repository said.
    fn opened(&mut self, opened: Opened) -> Result<Turn, Stop<F::Error>>;

    /// Where the next bytes go.
    fn space(&mut self) -> &mut [u8];

    /// Notes how many bytes came; 0 at the end of the file.
    fn filled(&mut self, count: usize) -> Result<Turn, Stop<F::Error>>;

    /// Notes that the file broke off. Says whether to open it again, from there on.
    fn broken(&mut self) -> bool;
}
