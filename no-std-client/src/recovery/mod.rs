//! What a bootloader does when nothing may run: it takes the confirmed image again, over a line of bytes.
//!
//! - It takes exactly the image whose digest the boot record pins, so nobody needs a key, and nobody can bring another one.
//!   Only a [`Recovery::Mismatch`](tuffet_boot::Recovery::Mismatch) has such an image; for any other reason it says why, and
//!   that it takes nothing.
//! - The line may lose, repeat and change bytes, and say anything before, between and behind the frames. Nothing is taken of a
//!   frame whose checksum does not hold, and whatever is read is read again from the next byte on.
//! - The image goes to where it runs, wherever its slot was said to lie. The boot record does not change. A cut in the middle leaves
//!   a slot that does not hold the image, and so recovery again.
//! - The image is hashed as it stands in flash before the device says that it is done.
//!
//! A device has [`recover`] in its bootloader; the other end is [`send`], and `cargo xtask recover` is a program around it.
//!
//! # Protocol
//!
//! ```text
//!        0   1     2       3          4 .. 7      8 .. 9       10 ..       behind it
//!      +---+---+------+---------+------------+------------+-----------+-----------+
//!      |'T'|'r'| kind | version | offset     | length of  | payload   | CRC-32    |     numbers are little-endian
//!      |   |   |      | = 0     |            | payload    | 0 .. 256  |           |     the checksum is over all before it
//!      +---+---+------+---------+------------+------------+-----------+-----------+
//! ```
//!
//! | kind | name | from | offset | payload |
//! | ---: | --- | --- | --- | --- |
//! | 0x01 | Hello | host | 0 | none |
//! | 0x02 | Data | host | of its first byte in the image | 1 to 256 bytes of the image |
//! | 0x03 | Bye | host | 0 | none |
//! | 0x81 | Offer | device | of the byte that it takes next | reason (1), slot (1: 0, 1, or 255), zero (2), length (4), digest (32) |
//! | 0x82 | Ack | device | the same | none |
//! | 0x83 | Nak | device | the same | code (2) |
//! | 0x84 | Done | device | length of the image | none |
//!
//! - The host speaks, the device answers each frame with one. Nothing heard for a while: the host says it once more.
//! - Hello may come at any time, and changes nothing. Reasons: 1 the image does not match, 2 it is below the counter, 3 the
//!   boot record is damaged, 4 the device was never provisioned, 0 another one. Length 0: it takes nothing.
//! - Data at the offset that is waited for is taken and acknowledged; data before it is acknowledged and not looked at, as it
//!   is a repetition. Anything else is a [`Nak`](RecoveryNak), with a code that never changes its meaning.
//! - Behind the last byte the device hashes the slot: Done, or a Nak, and it waits for the first byte again. Done is said three
//!   times, and again for whatever comes, until Bye or until the line is silent. Then the bootloader resets.

mod device;
mod host;

pub use crate::frame::{BUFFER_BYTES, Buffer, PAYLOAD_BYTES_MAX};
pub use device::{Recovered, Reply, Session, recover};
pub use host::{Offer, SendError, Unwilling, ask, send};

const HELLO: u8 = 0x01;
const DATA: u8 = 0x02;
const BYE: u8 = 0x03;
const OFFER: u8 = 0x81;
const ACK: u8 = 0x82;
const NAK: u8 = 0x83;
const DONE: u8 = 0x84;

/// Why a device does not take a frame. The codes follow those of [`HttpError`](crate::http::HttpError): 600 to 699 are the
/// recovery's.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryNak {
    /// The slot, read back, is not the pinned image. It starts over.
    Digest,
    /// The flash failed. It starts over.
    Flash,
    /// The data has no bytes, or reaches past the end of the image.
    Length,
    /// The data is behind what is waited for: something was lost.
    OutOfOrder,
    /// It takes nothing.
    TakesNothing,
}

impl RecoveryNak {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TakesNothing,
        Self::OutOfOrder,
        Self::Length,
        Self::Flash,
        Self::Digest,
    ];

    /// The number that never changes its meaning.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::TakesNothing => 601,
            Self::OutOfOrder => 602,
            Self::Length => 603,
            Self::Flash => 604,
            Self::Digest => 605,
        }
    }

    /// The name that goes with the number.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TakesNothing => "TakesNothing",
            Self::OutOfOrder => "OutOfOrder",
            Self::Length => "Length",
            Self::Flash => "Flash",
            Self::Digest => "Digest",
        }
    }
}
