//! The end of the line that is the device.

use super::{ACK, BYE, DATA, DONE, HELLO, NAK, OFFER, RecoveryNak};
use crate::bootloader::holds_at;
use crate::driver::Stop;
use crate::flash::{Fill, Region, RegionError, Span, Storage, Strategy};
use crate::frame::{Buffer, Frame, Receiver, encode};
use core::ops::ControlFlow;
use embedded_io::{Read, Write};
use embedded_storage::nor_flash::NorFlash;
use tuffet_boot::{Placed, Recovery, Slot, State};

/// Payload of an Offer.
const OFFER_BYTES: usize = 40;
/// Bytes of the longest reply: header, offer, checksum.
const REPLY_BYTES: usize = 10 + OFFER_BYTES + 4;
/// How often the end is said, since nobody says what follows it.
const DONE_REPEATS: u8 = 3;
/// How often nothing is heard after the end until it counts as heard.
const SILENCES_MAX: u8 = 3;
/// Bytes after the end that are listened to at most.
const BYTES_AFTER_MAX: u16 = 4 * 1024;

/// How a recovery ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The caller did not want to wait any more.
    Left,
    /// The slot holds the pinned image: reset.
    Restored,
}

/// What the device says.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: [u8; REPLY_BYTES],
    length: usize,
    is_done: bool,
}

impl Reply {
    fn new(kind: u8, offset: u32, payload: &[u8]) -> Self {
        let mut bytes = [0; REPLY_BYTES];
        let length = encode(&mut bytes, &Frame { kind, offset, payload }).len();
        Self {
            bytes,
            length,
            is_done: kind == DONE,
        }
    }

    /// Its bytes on the line.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether it says that the image is there.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }
}

/// A recovery without its line: bytes in, replies out. [`recover`] is the loop around it.
pub struct Session<'f, 'b, F, S> {
    storage: Storage<'f, F, S>,
    recovery: Recovery,
    /// The image that is taken, and where it goes.
    wanted: Option<(Placed, Span)>,
    fill: Fill,
    receiver: Receiver<'b>,
    is_restored: bool,
    /// The host has heard that it is.
    is_over: bool,
}

impl<'f, 'b, F: NorFlash, S: Strategy> Session<'f, 'b, F, S> {
    /// Nothing came yet. `recovery` is what [`choose_slot`](crate::bootloader::choose_slot) answered.
    pub fn begin(
        storage: &Storage<'f, F, S>,
        recovery: Recovery,
        buffer: &'b mut Buffer,
    ) -> Result<Self, Stop<F::Error>> {
        let wanted = wanted(storage, recovery)?;
        Ok(Self {
            storage: *storage,
            recovery,
            wanted,
            fill: Fill::new(wanted.map_or(Span::new(0, 0), |(_, span)| span)),
            receiver: Receiver::new(buffer),
            is_restored: false,
            is_over: false,
        })
    }

    /// Takes a byte of the line. All [replies](Self::reply) to the bytes before it must have been asked for.
    pub fn push(&mut self, byte: u8) {
        self.receiver.push(byte);
    }

    /// The line is silent: a frame that broke off does not go on. [Replies](Self::reply) may be due to what stands behind it.
    pub const fn silent(&mut self) {
        self.receiver.silent();
    }

    /// What is to be said to what came. `pet` is called while the slot is hashed.
    pub fn reply(&mut self, pet: &mut impl FnMut()) -> Option<Reply> {
        while let Some(frame) = self.receiver.next() {
            let (kind, offset) = (frame.kind, frame.offset);
            match kind {
                BYE if self.is_restored => self.is_over = true,
                // It stands in the slot already.
                HELLO | DATA if self.is_restored => return Some(self.done()),
                HELLO => return Some(self.offer()),
                DATA => {
                    let Some((placed, span)) = &self.wanted else {
                        return Some(nak(0, RecoveryNak::TakesNothing));
                    };
                    let mut region = self.storage.region(*span);
                    let taken = take(&mut self.fill, &mut region, placed, offset, frame.payload);
                    return Some(self.taken(taken, pet));
                }
                // The device's own words, come back, or another protocol's.
                _ => {}
            }
        }
        None
    }

    /// What to say to data.
    fn taken(&mut self, taken: Result<(), Refused<F::Error>>, pet: &mut impl FnMut()) -> Reply {
        let Some((placed, _)) = &self.wanted else {
            return nak(0, RecoveryNak::TakesNothing);
        };
        let held = match taken {
            Ok(()) if self.fill.came() < placed.image.length => {
                return Reply::new(ACK, self.fill.came(), &[]);
            }
            Ok(()) => holds_at(&self.storage, &placed.image, self.fill.span(), pet),
            Err(Refused::Nak(refused)) => return nak(self.fill.came(), refused),
            Err(Refused::Flash(error)) => Err(error),
        };
        let refused = match held {
            Ok(true) => {
                // Where that cannot be noted, the image is found there all the same.
                let _ = S::restored(&self.storage, placed.slot, pet);
                self.is_restored = true;
                return self.done();
            }
            Ok(false) => RecoveryNak::Digest,
            Err(_) => RecoveryNak::Flash,
        };
        self.fill.begin(self.fill.span());
        nak(0, refused)
    }

    fn done(&self) -> Reply {
        Reply::new(DONE, self.fill.came(), &[])
    }

    fn offer(&self) -> Reply {
        let (slot, length, digest) = match &self.wanted {
            Some((placed, _)) => (
                match placed.slot {
                    Slot::A => 0,
                    Slot::B => 1,
                },
                placed.image.length,
                placed.image.digest,
            ),
            None => (u8::MAX, 0, [0; 32]),
        };
        let mut payload = [0; OFFER_BYTES];
        let [reason_at, slot_at, _, _, l0, l1, l2, l3, digest_at @ ..] = &mut payload;
        (*reason_at, *slot_at, *digest_at) = (reason(self.recovery), slot, digest);
        [*l0, *l1, *l2, *l3] = length.to_le_bytes();
        Reply::new(OFFER, self.fill.came(), &payload)
    }
}

/// Takes the confirmed image again, if it is what is missing: what a bootloader does when
/// [`choose_slot`](crate::bootloader::choose_slot) answers a [`Recovery`].
///
/// `line` is a serial line: a read that brings nothing for some ten or hundred milliseconds ends with an error, or with no
/// bytes. No error ends the recovery, since a line that is noisy or unplugged may be better later. `wait` is called before each
/// read, for the watchdog, with the number of reads in a row that brought nothing; [`ControlFlow::Break`] ends the recovery: a
/// device that nobody mends should reset now and then, and hash its slots again. `pet` is called while the slot is hashed.
pub fn recover<F: NorFlash, S: Strategy, L: Read + Write>(
    storage: &Storage<'_, F, S>,
    recovery: Recovery,
    line: &mut L,
    buffer: &mut Buffer,
    wait: &mut impl FnMut(u32) -> ControlFlow<()>,
    pet: &mut impl FnMut(),
) -> Result<Recovered, Stop<F::Error>> {
    let mut session = Session::begin(storage, recovery, buffer)?;
    let (mut silences_left, mut bytes_left) = (SILENCES_MAX, BYTES_AFTER_MAX);
    let mut silences = 0_u32;
    loop {
        let is_patient = !session.is_over && silences_left > 0 && bytes_left > 0;
        if wait(silences).is_break() || !is_patient {
            break;
        }
        let mut byte = [0];
        let heard = matches!(line.read(&mut byte), Ok(1..));
        if heard {
            silences = 0;
            session.push(byte[0]);
        } else {
            silences = silences.saturating_add(1);
            session.silent();
        }
        if session.is_restored {
            bytes_left = bytes_left.saturating_sub(u16::from(heard));
            silences_left = silences_left.saturating_sub(u8::from(!heard));
        }
        while let Some(reply) = session.reply(pet) {
            let repeats = if reply.is_done() { DONE_REPEATS } else { 1 };
            for _ in 0..repeats {
                say(line, reply.bytes());
            }
        }
    }
    Ok(if session.is_restored {
        Recovered::Restored
    } else {
        Recovered::Left
    })
}

/// Says it, if the line takes it. Who does not hear it says the last word once more. Not `write_all`, which panics where a line
/// takes nothing.
fn say<L: Write>(line: &mut L, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match line.write(rest) {
            Ok(taken @ 1..) => rest = rest.get(taken..).unwrap_or_default(),
            Ok(_) | Err(_) => return,
        }
    }
    let _ = line.flush();
}

/// Why data was not taken.
enum Refused<E> {
    Nak(RecoveryNak),
    Flash(RegionError<E>),
}

impl<E> From<RegionError<E>> for Refused<E> {
    fn from(error: RegionError<E>) -> Self {
        Self::Flash(error)
    }
}

/// Writes data to the slot, if it is what is waited for.
fn take<F: NorFlash>(
    fill: &mut Fill,
    region: &mut Region<'_, F>,
    placed: &Placed,
    offset: u32,
    payload: &[u8],
) -> Result<(), Refused<F::Error>> {
    let (came, length) = (fill.came(), placed.image.length);
    let left = usize::try_from(length.saturating_sub(came)).unwrap_or(usize::MAX);
    if offset > came {
        return Err(Refused::Nak(RecoveryNak::OutOfOrder));
    }
    if offset < came {
        // A repetition, of which only the answer was lost.
        return Ok(());
    }
    if payload.is_empty() || payload.len() > left {
        return Err(Refused::Nak(RecoveryNak::Length));
    }
    let mut rest = payload;
    while !rest.is_empty() {
        let space = fill.space();
        let (now, later) = rest.split_at(rest.len().min(space.len()));
        for (to, from) in space.iter_mut().zip(now) {
            *to = *from;
        }
        fill.filled(region, now.len())?;
        rest = later;
    }
    if fill.came() == length {
        fill.finish(region)?;
    }
    Ok(())
}

fn nak(offset: u32, refused: RecoveryNak) -> Reply {
    Reply::new(NAK, offset, &refused.code().to_le_bytes())
}

/// The image that a device without one waits for, and where it goes.
fn wanted<F: NorFlash, S: Strategy>(
    storage: &Storage<'_, F, S>,
    recovery: Recovery,
) -> Result<Option<(Placed, Span)>, Stop<F::Error>> {
    let Recovery::Mismatch { slot } = recovery else {
        return Ok(None);
    };
    let State::Confirmed { confirmed, .. } = storage.boot_records()?.state() else {
        return Ok(None);
    };
    let span = storage.map().slots.runs_at(slot);
    let fits = confirmed.slot == slot && confirmed.image.length <= span.bytes;
    Ok(fits.then_some((confirmed, span)))
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the core's promise to grow: what it may add has no number yet"
)]
const fn reason(recovery: Recovery) -> u8 {
    match recovery {
        Recovery::Mismatch { .. } => 1,
        Recovery::BelowCounter { .. } => 2,
        Recovery::Damaged => 3,
        Recovery::Unprovisioned => 4,
        _ => 0,
    }
}
