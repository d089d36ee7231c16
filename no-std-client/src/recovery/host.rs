//! The end of the line that is not the device: it brings the image.

use super::{ACK, BYE, DATA, DONE, HELLO, NAK, OFFER, RecoveryNak};
use crate::frame::{BUFFER_BYTES, Buffer, Frame, PAYLOAD_BYTES_MAX, Receiver, encode};
use embedded_io::{Error as _, ErrorKind, Read, Write};
use sha2::{Digest as _, Sha256};
use tuffet_wire::Digest;

/// Bytes of noise that count as silence.
const NOISE_BYTES_MAX: u32 = 4 * 1024;
/// How often a device may start over.
const STARTS_MAX: u8 = 3;
/// Frames that answer a host that was here before, and count as silence.
const STALE_MAX: u8 = 64;

/// What a device wants.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Why it boots nothing.
    pub reason: Unwilling,
    /// Bytes of the image that it takes; 0: none.
    pub length: u32,
    /// Digest of the image that it takes.
    pub digest: Digest,
    /// Bytes that it took already.
    pub taken_bytes: u32,
}

/// Why a device boots nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Unwilling {
    /// The image that it would boot is older than its counter allows.
    BelowCounter,
    /// Its boot record is damaged.
    Damaged,
    /// The confirmed image does not stand in its slot: it takes that.
    Mismatch,
    /// Another reason than these.
    Other,
    /// It was never provisioned.
    Unprovisioned,
}

/// Why the image is not on the device. `E` is the error of the line.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<E> {
    /// The device speaks of a byte behind the image as the one that it takes next.
    BehindEnd {
        /// That byte's offset.
        offset: u32,
    },
    /// Everything was sent, and the device did not say whether it took the last piece and holds the image. It may have started.
    EndUnheard {
        /// Bytes that it said it took.
        taken_bytes: u32,
    },
    /// The line failed.
    Line(E),
    /// The device refuses what it is sent, or starts over again and again.
    Refused {
        /// The code of its [`RecoveryNak`].
        code: u16,
    },
    /// No device says anything.
    Silent,
    /// The device was there, and says nothing more.
    Stalled {
        /// Bytes that it took.
        taken_bytes: u32,
    },
    /// The device takes nothing, for this reason.
    TakesNothing {
        /// Why it boots nothing.
        reason: Unwilling,
    },
    /// The image is not the one that the device takes. Nothing was sent.
    WrongImage {
        /// What it takes.
        wanted: Digest,
        /// The digest of the image.
        offered: Digest,
    },
}

/// What a device said.
enum Said {
    Ack(u32),
    Done,
    Nak { code: u16, offset: u32 },
    Offer(Offer),
    Silence,
}

/// Asks what a device wants, and changes nothing. The line is that of [`send`].
pub fn ask<L: Read + Write>(line: &mut L, silences_max: u32) -> Result<Offer, SendError<L::Error>> {
    let mut buffer = [0; BUFFER_BYTES];
    let receiver = Receiver::new(&mut buffer);
    Host { line, receiver }.offer(silences_max)
}

/// Brings an image to a device that recovers. A read of the line that brings nothing for half a second or so ends with an error
/// of kind [`TimedOut`](ErrorKind::TimedOut), or with no bytes; after `silences_max` of them in a row the device counts as gone.
/// `told` is called with the bytes that the device has taken.
pub fn send<L: Read + Write>(
    line: &mut L,
    image: &[u8],
    silences_max: u32,
    told: &mut impl FnMut(u32),
) -> Result<(), SendError<L::Error>> {
    let mut buffer = [0; BUFFER_BYTES];
    let mut host = Host {
        line,
        receiver: Receiver::new(&mut buffer),
    };
    let offer = host.offer(silences_max)?;
    if offer.length == 0 {
        return Err(SendError::TakesNothing { reason: offer.reason });
    }
    let offered: Digest = Sha256::digest(image).into();
    let is_it = usize::try_from(offer.length) == Ok(image.len()) && offered == offer.digest;
    if !is_it {
        return Err(SendError::WrongImage {
            wanted: offer.digest,
            offered,
        });
    }
    host.bring(image, offer.taken_bytes, silences_max, told)
}

struct Host<'l, 'b, L> {
    line: &'l mut L,
    receiver: Receiver<'b>,
}

impl<L: Read + Write> Host<'_, '_, L> {
    /// Asks until a device answers.
    fn offer(&mut self, silences_max: u32) -> Result<Offer, SendError<L::Error>> {
        for _ in 0..=silences_max {
            self.say(HELLO, 0, &[])?;
            for _ in 0..STALE_MAX {
                match self.listen()? {
                    Said::Offer(offer) => return Ok(offer),
                    Said::Silence => break,
                    // To a host that was here before.
                    Said::Ack(_) | Said::Done | Said::Nak { .. } => {}
                }
            }
        }
        Err(SendError::Silent)
    }

    /// Sends the image, piece by piece.
    fn bring(
        &mut self,
        image: &[u8],
        taken_bytes: u32,
        silences_max: u32,
        told: &mut impl FnMut(u32),
    ) -> Result<(), SendError<L::Error>> {
        let (mut at, mut fruitless, mut starts_left) = (within(image, taken_bytes)?, 0_u32, STARTS_MAX);
        let mut is_said = false;
        loop {
            let rest = usize::try_from(at)
                .ok()
                .and_then(|at| image.get(at..))
                .unwrap_or_default();
            let piece = rest.get(..PAYLOAD_BYTES_MAX).unwrap_or(rest);
            if !is_said {
                self.say(DATA, at, piece)?;
            }
            is_said = false;
            match self.listen()? {
                Said::Done => {
                    self.say(BYE, 0, &[])?;
                    return Ok(());
                }
                Said::Ack(next) if next > at => {
                    let taken = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
                    at = within(image, next)?;
                    told(at);
                    // Less than was sent is no progress: a device could make it last for ever.
                    if taken >= piece.len() {
                        fruitless = 0;
                        continue;
                    }
                }
                // To what was said twice: the next answer is on its way.
                Said::Ack(_) | Said::Offer(_) => is_said = true,
                Said::Nak { code, offset } => {
                    let offset = within(image, offset)?;
                    let is_over = code == RecoveryNak::Digest.code() || code == RecoveryNak::Flash.code();
                    if !is_over && code != RecoveryNak::OutOfOrder.code() {
                        return Err(SendError::Refused { code });
                    }
                    // A device that lost its power wants earlier bytes again.
                    if is_over || offset < at {
                        starts_left = starts_left.checked_sub(1).ok_or(SendError::Refused { code })?;
                    }
                    at = offset;
                }
                Said::Silence => {}
            }
            fruitless = fruitless.saturating_add(1);
            if fruitless > silences_max {
                return Err(if piece.len() == rest.len() {
                    SendError::EndUnheard { taken_bytes: at }
                } else {
                    SendError::Stalled { taken_bytes: at }
                });
            }
        }
    }

    fn say(&mut self, kind: u8, offset: u32, payload: &[u8]) -> Result<(), SendError<L::Error>> {
        let mut buffer: Buffer = [0; BUFFER_BYTES];
        let mut rest = encode(&mut buffer, &Frame { kind, offset, payload });
        while !rest.is_empty() {
            match self.line.write(rest).map_err(SendError::Line)? {
                // It takes nothing now; what is lost of the frame is said again.
                0 => return Ok(()),
                taken => rest = rest.get(taken..).unwrap_or_default(),
            }
        }
        self.line.flush().map_err(SendError::Line)
    }

    /// The next frame that a device says, or that there is none.
    fn listen(&mut self) -> Result<Said, SendError<L::Error>> {
        let (mut noise_left, mut is_silent) = (NOISE_BYTES_MAX, false);
        loop {
            while let Some(frame) = self.receiver.next() {
                if let Some(said) = understand(&frame) {
                    return Ok(said);
                }
            }
            if is_silent {
                return Ok(Said::Silence);
            }
            let mut byte = [0];
            match self.line.read(&mut byte) {
                Ok(1..) if noise_left > 0 => self.receiver.push(byte[0]),
                Err(error) if !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    return Err(SendError::Line(error));
                }
                Ok(_) | Err(_) => {
                    self.receiver.silent();
                    is_silent = true;
                }
            }
            noise_left = noise_left.saturating_sub(1);
        }
    }
}

/// An offset that a device may want the next byte of: with the last byte it is done, so it is one of the image.
fn within<E>(image: &[u8], offset: u32) -> Result<u32, SendError<E>> {
    let is_within = usize::try_from(offset).is_ok_and(|at| at < image.len());
    is_within.then_some(offset).ok_or(SendError::BehindEnd { offset })
}

/// What a frame of a device says; what a host says may come back as an echo.
fn understand(frame: &Frame<'_>) -> Option<Said> {
    match (frame.kind, frame.payload) {
        (ACK, []) => Some(Said::Ack(frame.offset)),
        (DONE, []) => Some(Said::Done),
        (NAK, [low, high]) => Some(Said::Nak {
            code: u16::from_le_bytes([*low, *high]),
            offset: frame.offset,
        }),
        (OFFER, [reason, _, _, _, rest @ ..]) => {
            let (length, digest) = rest.split_first_chunk::<4>()?;
            Some(Said::Offer(Offer {
                reason: match reason {
                    1 => Unwilling::Mismatch,
                    2 => Unwilling::BelowCounter,
                    3 => Unwilling::Damaged,
                    4 => Unwilling::Unprovisioned,
                    _ => Unwilling::Other,
                },
                length: u32::from_le_bytes(*length),
                digest: digest.try_into().ok()?,
                taken_bytes: frame.offset,
            }))
        }
        _ => None,
    }
}
