//! A serial line between a device without a network and a gateway that has one.
//!
//! - The device has a [`Link`], which is a [`Transport`](crate::transport::Transport) over any port of bytes; the gateway has a
//!   [`Gateway`] over any transport. `cargo xtask gateway` is a program around the second.
//! - The gateway is trusted with nothing: it forwards names, ranges and bytes, and what comes of a file is verified behind the
//!   transport. What it says is bounded here; what it does not say ends in an error.
//! - The device asks for all that it is sent, and says how many bytes may come. So a device that stops for its flash, or has a port of a
//!   few bytes, is sent nothing while it does not listen.
//! - The line may lose, repeat and change bytes, and carry lines of text between the frames. What is damaged is asked for again.
//! - A device needs a buffer for one frame, and some forty bytes.
//!
//! # Protocol
//!
//! Frames are those of the [recovery](crate::recovery), with other kinds; the payload of each begins with the number of the request,
//! which the device chooses anew for each file. Numbers are little-endian.
//!
//! | kind | name | from | offset | payload behind the number (2) |
//! | ---: | --- | --- | --- | --- |
//! | 0x91 | Open | device | of the first byte that is wanted | bytes that will be read at most (4), length of the tag (1), tag, path |
//! | 0x92 | More | device | of the byte that is wanted next | bytes that may come (2) |
//! | 0x11 | Present | gateway | as asked | tag, if there is one |
//! | 0x12 | Absent | gateway | as asked | none |
//! | 0x13 | NotModified | gateway | as asked | none |
//! | 0x14 | Data | gateway | of its first byte | 1 to 254 bytes of the file |
//! | 0x15 | End | gateway | of the end of the file | none |
//! | 0x16 | Failed | gateway | as asked | seconds that the server asks to be left alone (4); 0: it did not say |
//!
//! - Open is answered by one of Present, Absent, NotModified and Failed. More is answered by Data in order, up to as many bytes as
//!   may come, and by End if the file ends there; or by Failed. A gateway says nothing that it was not asked for.
//! - Nothing heard for three silences of the port: the device says the same again. An Open with the same number is answered as
//!   before; a More takes back what was sent behind its offset, and acknowledges what is in front of it.
//! - After forty times without an answer the device gives up. A gateway that does not know a request says Failed, so
//!   that one which was started anew is not waited for: the device opens the file again where it needs it.

mod device;
mod host;
mod messages;
#[cfg(test)]
mod tests;

pub use crate::frame::{BUFFER_BYTES, Buffer};
pub use device::{Link, LinkError};
pub use host::{Asked, Forwarded, Gateway, How};
pub use messages::DATA_BYTES_MAX;
