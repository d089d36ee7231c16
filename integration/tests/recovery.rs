//! Recovery over a line: the confirmed image comes back, whatever the line does, and wherever the power is cut.

mod small;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_storage::nor_flash::NorFlash as _;
use sha2::Digest as _;
use small::*;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use tuffet_boot::{Recovery, Slot, Why};
use tuffet_integration::device::small::{MAP, capacity, identity, map_of};
use tuffet_integration::nor::{Cut, Random, SmallNor, Tear};
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{SLOT_BYTES, successor};
use tuffet_no_std_client::flash::{Storage, Swap, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::recovery::{
    BUFFER_BYTES, Recovered, RecoveryNak, SendError, Session, Unwilling, ask, recover, send,
};
use tuffet_no_std_client::{Client, Outcome, Settings, bootloader};

/// Silences in a row after which a host gives up; lines that lose much need more.
const SILENCES_MAX: u32 = 60;

/// A device whose slot A is damaged at both ends of the image that belongs there, and that image.
fn damaged() -> (RefCell<SmallNor>, Vec<u8>) {
    let healthy = Simulator::healthy(NOW);
    let flash = factory(&identity(), &healthy);
    let (start, image) = (MAP.slots.slot(Slot::A).start, healthy.release.image.clone());
    for offset in [0, (image.len() as u32 - 1) / 1_024 * 1_024] {
        let unit = start + offset;
        flash.borrow_mut().erase(unit, unit + 1_024).unwrap();
    }
    (flash, image)
}

fn chosen(flash: &RefCell<SmallNor>) -> Result<(Slot, Why), Recovery> {
    let run = bootloader::choose_slot(&Storage::new(flash, &MAP), &mut || ()).unwrap();
    run.map(|run| (run.placed.slot, run.why))
}

/// How bad a line is: how many of 10,000 bytes.
#[derive(Copy, Clone, Default)]
struct Faults {
    lost: u32,
    flipped: u32,
    repeated: u32,
    /// Noise behind a byte.
    added: u32,
}

/// The host's end of a line with a device behind it that is never slow: what it does is done when it is asked for bytes.
struct Line<'f> {
    flash: &'f RefCell<SmallNor>,
    session: Option<Session<'f, 'static, SmallNor, Xip>>,
    faults: Faults,
    random: Random,
    to_host: VecDeque<u8>,
    /// Bytes on their way to the device, counted down; none goes through behind them.
    bytes_left: usize,
    /// How often the device's replies come.
    repeats: usize,
    boots: u32,
}

impl<'f> Line<'f> {
    fn to(flash: &'f RefCell<SmallNor>, faults: Faults, seed: u64) -> Self {
        let mut line = Self {
            flash,
            session: None,
            faults,
            random: Random::new(seed),
            to_host: VecDeque::new(),
            bytes_left: usize::MAX,
            repeats: 1,
            boots: 0,
        };
        line.boot();
        line
    }

    /// Power on: recovery, if nothing may run.
    fn boot(&mut self) {
        self.flash.borrow_mut().power_on();
        self.boots += 1;
        let storage = Storage::new(self.flash, &MAP);
        let chosen = bootloader::choose_slot(&storage, &mut || ()).unwrap();
        self.session = chosen.err().map(|recovery| {
            let buffer = Box::leak(Box::new([0; BUFFER_BYTES]));
            Session::begin(&storage, recovery, buffer).unwrap()
        });
    }

    fn chance(&mut self, of_ten_thousand: u32) -> bool {
        of_ten_thousand > 0 && self.random.below(10_000) < of_ten_thousand as usize
    }

    /// What the line makes of a byte.
    fn carry(&mut self, byte: u8) -> Vec<u8> {
        let faults = self.faults;
        if self.chance(faults.lost) {
            return Vec::new();
        }
        let mut bytes = vec![byte];
        if self.chance(faults.flipped) {
            bytes[0] ^= 1 << self.random.below(8);
        }
        if self.chance(faults.repeated) {
            bytes.push(bytes[0]);
        }
        if self.chance(faults.added) {
            bytes.push(self.random.byte());
        }
        bytes
    }

    fn hear(&mut self, byte: u8) {
        let Some(session) = &mut self.session else { return };
        session.push(byte);
        self.answer();
    }

    /// Has the device say what it has to say.
    fn answer(&mut self) {
        let Some(session) = &mut self.session else { return };
        let mut replies = Vec::new();
        while let Some(reply) = session.reply(&mut || ()) {
            replies.extend_from_slice(reply.bytes());
        }
        if self.flash.borrow().is_off() {
            self.boot();
            return;
        }
        for byte in replies.repeat(self.repeats) {
            let carried = self.carry(byte);
            self.to_host.extend(carried);
        }
    }
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(byte) = self.to_host.pop_front() else {
            if let Some(session) = &mut self.session {
                session.silent();
            }
            self.answer();
            return Err(ErrorKind::TimedOut);
        };
        space[0] = byte;
        Ok(1)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        for byte in bytes {
            for byte in self.carry(*byte) {
                let Some(left) = self.bytes_left.checked_sub(1) else {
                    continue;
                };
                self.bytes_left = left;
                self.hear(byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn confirmed_image_comes_back_with_one_erase_a_unit() {
    let (flash, image) = damaged();
    assert_eq!(chosen(&flash), Err(Recovery::Mismatch { slot: Slot::A }));
    flash.borrow_mut().take_tally();
    let mut line = Line::to(&flash, Faults::default(), 0);
    let mut told = Vec::new();
    assert_eq!(send(&mut line, &image, 0, &mut |bytes| told.push(bytes)), Ok(()));
    // The last piece is answered by Done.
    let pieces = image.len().div_ceil(256);
    assert_eq!(told.len(), pieces - 1);
    assert_eq!(line.boots, 1);
    let wear = flash.borrow().tally().whole();
    assert_eq!(wear.erases_max, 1);
    assert_eq!(wear.erases as usize, image.len().div_ceil(1_024));
    assert_eq!(chosen(&flash), Ok((Slot::A, Why::Confirmed)));
}

#[test]
fn line_that_loses_repeats_and_changes_bytes_only_takes_longer() {
    let faults = [
        Faults {
            lost: 20,
            ..Faults::default()
        },
        Faults {
            flipped: 20,
            ..Faults::default()
        },
        Faults {
            repeated: 20,
            ..Faults::default()
        },
        Faults {
            added: 20,
            ..Faults::default()
        },
        Faults {
            lost: 8,
            flipped: 8,
            repeated: 8,
            added: 8,
        },
    ];
    let (whole, image) = damaged();
    for (kind, faults) in faults.into_iter().enumerate() {
        for seed in 0..8 {
            let flash = RefCell::new(whole.borrow().clone());
            let mut line = Line::to(&flash, faults, seed);
            match send(&mut line, &image, SILENCES_MAX, &mut |_| ()) {
                Ok(()) => {}
                // The one word that cannot be asked for again when the device has gone on.
                Err(SendError::EndUnheard { .. }) if line.session.is_none() => {}
                Err(error) => panic!("faults {kind}, seed {seed}: {error:?}"),
            }
            assert_eq!(
                chosen(&flash),
                Ok((Slot::A, Why::Confirmed)),
                "faults {kind}, seed {seed}"
            );
        }
    }
}

#[test]
fn replies_that_come_twice_do_not_double_what_is_sent() {
    let (flash, image) = damaged();
    let mut line = Line::to(&flash, Faults::default(), 0);
    line.repeats = 2;
    line.bytes_left = 10 * image.len();
    send(&mut line, &image, SILENCES_MAX, &mut |_| ()).unwrap();
    let sent = 10 * image.len() - line.bytes_left;
    assert!(sent < image.len() * 5 / 4, "{sent} bytes for {}", image.len());
}

#[test]
fn host_that_begins_again_goes_on_where_the_device_is() {
    let (flash, image) = damaged();
    let mut line = Line::to(&flash, Faults::default(), 0);
    line.bytes_left = 3_000;
    let stalled = send(&mut line, &image, 3, &mut |_| ());
    let Err(SendError::Stalled { taken_bytes }) = stalled else {
        panic!("{stalled:?}")
    };
    assert!((2_048..3_000).contains(&taken_bytes), "{taken_bytes}");
    line.bytes_left = usize::MAX;
    assert_eq!(ask(&mut line, 3).unwrap().taken_bytes, taken_bytes);
    let mut first = None;
    send(&mut line, &image, 3, &mut |bytes| first = first.or(Some(bytes))).unwrap();
    assert_eq!(first, Some(taken_bytes + 256));
    assert_eq!(chosen(&flash), Ok((Slot::A, Why::Confirmed)));
}

#[test]
fn power_may_be_cut_in_every_operation() {
    let (whole, image) = damaged();
    let operations = {
        let flash = RefCell::new(whole.borrow().clone());
        flash.borrow_mut().take_tally();
        send(&mut Line::to(&flash, Faults::default(), 0), &image, 0, &mut |_| ()).unwrap();
        flash.borrow().tally().operations()
    };
    assert!(operations > 30, "{operations}");
    for operation in 0..operations {
        // Each erase unit takes four pieces of 256 bytes.
        let is_erase = operation % 5 == 0;
        let inside = if is_erase {
            Tear::ErasedHead { bytes: 100 }
        } else {
            Tear::Programmed { units: 3 }
        };
        // What is before an operation is after the one in front of it.
        for tear in [inside, Tear::Bits { seed: 5 }, Tear::After] {
            let flash = RefCell::new(whole.borrow().clone());
            let mut line = Line::to(&flash, Faults::default(), 0);
            flash.borrow_mut().cut_at(Cut { operation, tear });
            // The host goes on by itself: the device starts over.
            let sent = send(&mut line, &image, 5, &mut |_| ());
            let is_complete = line.session.is_none();
            assert!(
                sent.is_ok() || is_complete && matches!(sent, Err(SendError::EndUnheard { .. })),
                "{operation} {tear:?}: {sent:?}"
            );
            assert_eq!(line.boots, 2, "{operation} {tear:?}");
            assert_eq!(chosen(&flash), Ok((Slot::A, Why::Confirmed)), "{operation} {tear:?}");
        }
    }
}

#[test]
fn cut_recovery_is_recovery_again() {
    let (flash, image) = damaged();
    let mut line = Line::to(&flash, Faults::default(), 0);
    flash.borrow_mut().cut_at(Cut {
        operation: 9,
        tear: Tear::After,
    });
    line.bytes_left = 2_500;
    assert!(send(&mut line, &image, 2, &mut |_| ()).is_err());
    assert_eq!(line.boots, 2);
    assert_eq!(chosen(&flash), Err(Recovery::Mismatch { slot: Slot::A }));
}

#[test]
fn another_image_is_refused_before_it_is_sent() {
    let (flash, image) = damaged();
    let contents = flash.borrow().contents().to_vec();
    let mut line = Line::to(&flash, Faults::default(), 0);
    let mut other = image.clone();
    *other.last_mut().unwrap() ^= 1;
    for wrong in [&other[..], &image[..image.len() - 1], &[]] {
        let sent = send(&mut line, wrong, 3, &mut |_| ());
        assert!(matches!(sent, Err(SendError::WrongImage { .. })), "{sent:?}");
    }
    assert!(flash.borrow().contents() == contents);
}

#[test]
fn device_that_takes_nothing_says_why() {
    let flash = RefCell::new(SmallNor::new(capacity(&MAP)));
    let mut line = Line::to(&flash, Faults::default(), 0);
    let reason = Unwilling::Unprovisioned;
    let refused = Err(SendError::TakesNothing { reason });
    assert_eq!(send(&mut line, b"image", 3, &mut |_| ()), refused);
    let start = MAP.boot_record.start;
    flash.borrow_mut().write(start, &[0; 64]).unwrap();
    let mut line = Line::to(&flash, Faults::default(), 0);
    let reason = Unwilling::Damaged;
    assert_eq!(
        send(&mut line, b"image", 3, &mut |_| ()),
        Err(SendError::TakesNothing { reason })
    );
}

#[test]
fn line_without_a_device_is_silent() {
    let (flash, image) = damaged();
    let mut line = Line::to(&flash, Faults::default(), 0);
    line.bytes_left = 0;
    assert_eq!(send(&mut line, &image, 3, &mut |_| ()), Err(SendError::Silent));
}

/// The device's end of a line: what the host said, byte by byte, with a silence where there is none.
struct Wire {
    heard: VecDeque<Option<u8>>,
    said: Vec<u8>,
}

impl ErrorType for Wire {
    type Error = ErrorKind;
}

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.heard.pop_front() {
            Some(Some(byte)) => {
                space[0] = byte;
                Ok(1)
            }
            // Lines end silences with an error, with nothing, or with trouble of their own.
            Some(None) => Err(ErrorKind::InvalidData),
            None => Ok(0),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn frame(kind: u8, offset: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'T', b'r', kind, 0];
    bytes.extend(offset.to_le_bytes());
    bytes.extend((payload.len() as u16).to_le_bytes());
    bytes.extend(payload);
    bytes.extend(tuffet_boot::crc32(&bytes).to_le_bytes());
    bytes
}

fn nak(offset: u32, nak: RecoveryNak) -> Vec<u8> {
    frame(0x83, offset, &nak.code().to_le_bytes())
}

/// What a device says to frames of a host that break the protocol, and how its recovery ends.
#[test]
fn device_answers_each_frame_with_one() {
    let (flash, image) = damaged();
    let length = image.len() as u32;
    let mut offer = vec![1, 0, 0, 0];
    offer.extend(length.to_le_bytes());
    offer.extend(sha2::Sha256::digest(&image));
    let mut spoilt = image.clone();
    spoilt[700] ^= 4;
    let mut exchange = vec![
        (frame(1, 0, &[]), frame(0x81, 0, &offer)),
        (frame(2, 256, &image[256..512]), nak(0, RecoveryNak::OutOfOrder)),
        (frame(2, 0, &[]), nak(0, RecoveryNak::Length)),
        (frame(2, 0, &image[..100]), frame(0x82, 100, &[])),
        // Said twice, and what the device itself says.
        (frame(2, 0, &image[..100]), frame(0x82, 100, &[])),
        (frame(0x82, 100, &[]), vec![]),
        (frame(3, 0, &[]), vec![]),
        (frame(1, 0, &[]), frame(0x81, 100, &offer)),
    ];
    // Through to the end with one wrong byte, and again without.
    for (bytes, end) in [
        (&spoilt, nak(0, RecoveryNak::Digest)),
        (&image, frame(0x84, length, &[]).repeat(3)),
    ] {
        let mut at = if bytes == &spoilt { 100 } else { 0 };
        while at < bytes.len() {
            let to = bytes.len().min(at + 256);
            let answer = if to < bytes.len() {
                frame(0x82, to as u32, &[])
            } else {
                end.clone()
            };
            exchange.push((frame(2, at as u32, &bytes[at..to]), answer));
            at = to;
        }
    }
    exchange.push((frame(1, 0, &[]), frame(0x84, length, &[]).repeat(3)));
    exchange.push((frame(3, 0, &[]), vec![]));
    let mut wire = Wire {
        heard: exchange
            .iter()
            .flat_map(|(said, _)| said.iter().copied().map(Some).chain([None]))
            .collect(),
        said: Vec::new(),
    };
    let storage = Storage::new(&flash, &MAP);
    let (mut buffer, mut pets) = ([0; BUFFER_BYTES], 0);
    let recovery = Recovery::Mismatch { slot: Slot::A };
    let mut wait = |_| ControlFlow::Continue(());
    let recovered = recover(&storage, recovery, &mut wire, &mut buffer, &mut wait, &mut || pets += 1);
    assert_eq!(recovered, Ok(Recovered::Restored));
    let answers: Vec<u8> = exchange.into_iter().flat_map(|(_, answer)| answer).collect();
    assert!(wire.said == answers);
    assert!(pets >= 2 * image.len() / 128, "{pets}");
    assert_eq!(chosen(&flash), Ok((Slot::A, Why::Confirmed)));
}

/// What a host says that brings an image, without listening.
fn brought(image: &[u8]) -> Wire {
    let pieces = image.chunks(256).enumerate();
    let frames = pieces.flat_map(|(at, piece)| frame(2, at as u32 * 256, piece));
    Wire {
        heard: frames.map(Some).collect(),
        said: Vec::new(),
    }
}

#[test]
fn with_one_link_address_it_comes_back_to_where_it_runs() {
    let (map, healthy, identity) = (map_of::<Swap>(SLOT_BYTES, 2_048), Simulator::healthy(NOW), identity());
    let next = with_delta(&healthy);
    let flash = RefCell::new(SmallNor::new(capacity(&map)));
    let storage = Storage::new(&flash, &map);
    let mut client = Client::<_, Swap, SmallState>::new(&identity, storage, Settings::DEFAULT, at(0)).unwrap();
    let root = healthy.site.file("metadata/1.root.json").unwrap();
    client.provision_root(root).unwrap();
    client.provision(&mut Lines::to(&healthy.site), at(0)).unwrap();
    let boots = || {
        let chosen = bootloader::choose_slot(&storage, &mut || ()).unwrap();
        chosen.map(|run| run.placed.slot)
    };
    for (slot, image) in [(Slot::A, &healthy.release.image), (Slot::B, &next.release.image)] {
        if slot == Slot::B {
            client.update(&mut Lines::to(&next.site), at(0)).unwrap();
            // The bootloader moves it to where it runs.
            assert_eq!(boots(), Ok(Slot::B));
            let mut records = storage.boot_records().unwrap();
            records.confirm().unwrap();
            records.mark_empty(Slot::A).unwrap();
        }
        let start = map.slots.running.start;
        flash.borrow_mut().erase(start, start + 1_024).unwrap();
        let recovery = boots().unwrap_err();
        assert_eq!(recovery, Recovery::Mismatch { slot });
        let (mut buffer, mut wait) = ([0; BUFFER_BYTES], |_| ControlFlow::Continue(()));
        let recovered = recover(
            &storage,
            recovery,
            &mut brought(image),
            &mut buffer,
            &mut wait,
            &mut || (),
        );
        assert_eq!(recovered, Ok(Recovered::Restored));
        assert_eq!(boots(), Ok(slot));
        let contents = flash.borrow().contents()[start as usize..].to_vec();
        assert!(contents.starts_with(image), "slot {slot:?}");
    }
}

/// The image of a revert that cannot be exchanged back comes straight to where it runs, and the journal learns of that after it.
/// Wherever the power goes between the two, the device runs it and takes the next release.
#[test]
fn cut_between_the_image_and_its_note_costs_no_update() {
    let (map, healthy, identity) = (map_of::<Swap>(SLOT_BYTES, 2_048), Simulator::healthy(NOW), identity());
    let bad = with_delta(&healthy);
    let mut third = bad.clone();
    third.stage("3.0.0");
    third.release.carry(successor("3.0.0", &bad.release.image));
    third.publish();
    let image = &healthy.release.image;
    let flash = RefCell::new(SmallNor::new(capacity(&map)));
    let storage = Storage::new(&flash, &map);
    let client = || Client::<_, Swap, SmallState>::new(&identity, storage, Settings::DEFAULT, at(0)).unwrap();
    let root = healthy.site.file("metadata/1.root.json").unwrap();
    client().provision_root(root).unwrap();
    client().provision(&mut Lines::to(&healthy.site), at(0)).unwrap();
    client().update(&mut Lines::to(&bad.site), at(0)).unwrap();
    let boots = || {
        let chosen = bootloader::choose_slot(&storage, &mut || ()).unwrap();
        chosen.map(|run| run.placed.slot)
    };
    assert_eq!(boots(), Ok(Slot::B));
    storage.boot_records().unwrap().fail().unwrap();
    // The other one rots while it waits.
    flash
        .borrow_mut()
        .erase(map.slots.staged.start, map.slots.staged.start + 1_024)
        .unwrap();
    let lost = Recovery::Mismatch { slot: Slot::A };
    assert_eq!(boots(), Err(lost));
    let brings = || {
        let mut buffer = [0; BUFFER_BYTES];
        let mut wait = |silences| match silences {
            0..10 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        recover(&storage, lost, &mut brought(image), &mut buffer, &mut wait, &mut || ())
    };
    let whole = flash.borrow().clone();
    flash.borrow_mut().take_tally();
    assert_eq!(brings(), Ok(Recovered::Restored));
    let operations = flash.borrow().tally().operations();
    assert!(operations > 30, "{operations}");
    let mut without_help = 0;
    // The others are cut where each runs where it lies.
    for operation in operations - 40..operations {
        for tear in [Tear::Before, Tear::Bits { seed: 5 }, Tear::After] {
            *flash.borrow_mut() = whole.clone();
            flash.borrow_mut().cut_at(Cut { operation, tear });
            let _ = brings();
            flash.borrow_mut().power_on();
            let mut chosen = boots();
            if chosen == Err(lost) {
                assert_eq!(brings(), Ok(Recovered::Restored), "{operation} {tear:?}");
                chosen = boots();
            } else {
                without_help += 1;
            }
            assert_eq!(chosen, Ok(Slot::A), "{operation} {tear:?}");
            let updated = client().update(&mut Lines::to(&third.site), at(0));
            assert!(
                matches!(updated, Ok(Outcome::Installed { .. })),
                "{operation} {tear:?}: {updated:?}"
            );
            assert_eq!(boots(), Ok(Slot::B), "{operation} {tear:?}");
        }
    }
    // The last write of the image, and all of the journal behind it.
    assert!(without_help > 3, "{without_help}");
}

#[test]
fn caller_may_leave_and_silence_ends_what_is_done() {
    let (flash, image) = damaged();
    let storage = Storage::new(&flash, &MAP);
    let (mut buffer, recovery) = ([0; BUFFER_BYTES], Recovery::Mismatch { slot: Slot::A });
    let mut wire = Wire {
        heard: VecDeque::new(),
        said: Vec::new(),
    };
    // A byte that comes ends a silence.
    wire.heard.extend([None, Some(b'T'), None, None]);
    let mut told = Vec::new();
    let mut wait = |silences| {
        told.push(silences);
        if silences == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let recovered = recover(&storage, recovery, &mut wire, &mut buffer, &mut wait, &mut || ());
    assert_eq!((recovered, wire.said.len()), (Ok(Recovered::Left), 0));
    assert_eq!(told, [0, 1, 0, 1, 2, 3, 4]);
    // Nobody says Bye.
    let mut wait = |_| ControlFlow::Continue(());
    let recovered = recover(
        &storage,
        recovery,
        &mut brought(&image),
        &mut buffer,
        &mut wait,
        &mut || (),
    );
    assert_eq!(recovered, Ok(Recovered::Restored));
}

/// The host's end of a line with a device that keeps to no rule: it answers each frame with frames of its own.
struct Liar<A> {
    answer: A,
    to_host: VecDeque<u8>,
    heard: u32,
}

impl<A: FnMut(u8, u32, u32) -> Vec<u8>> Liar<A> {
    /// `answer` is called with kind and offset of a frame, and how many came before it.
    fn new(answer: A) -> Self {
        Self {
            answer,
            to_host: VecDeque::new(),
            heard: 0,
        }
    }
}

impl<A> ErrorType for Liar<A> {
    type Error = ErrorKind;
}

impl<A> Read for Liar<A> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        space[0] = self.to_host.pop_front().ok_or(ErrorKind::TimedOut)?;
        Ok(1)
    }
}

impl<A: FnMut(u8, u32, u32) -> Vec<u8>> Write for Liar<A> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        assert!(self.heard < 10_000, "the host goes on for ever");
        let offset = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
        self.to_host.extend((self.answer)(bytes[2], offset, self.heard));
        self.heard += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn offer(image: &[u8], taken_bytes: u32) -> Vec<u8> {
    let mut payload = vec![1, 0, 0, 0];
    payload.extend((image.len() as u32).to_le_bytes());
    payload.extend(sha2::Sha256::digest(image));
    frame(0x81, taken_bytes, &payload)
}

#[test]
fn device_that_starts_over_again_and_again_does_not_keep_the_host() {
    let image = [7; 1_000];
    let mut going_back = Liar::new(|kind, _, heard| match (kind, heard % 2) {
        (1, _) => offer(&image, 0),
        (_, 0) => nak(0, RecoveryNak::OutOfOrder),
        _ => frame(0x82, 256, &[]),
    });
    let refused = Err(SendError::Refused {
        code: RecoveryNak::OutOfOrder.code(),
    });
    assert_eq!(send(&mut going_back, &image, 10, &mut |_| ()), refused);
    // Pieces of a byte are no progress either.
    let image = vec![7; 100_000];
    let mut creeping = Liar::new(|kind, offset, _| match kind {
        1 => offer(&image, 0),
        _ => frame(0x82, offset + 1, &[]),
    });
    let stalled = send(&mut creeping, &image, 10, &mut |_| ());
    assert!(matches!(stalled, Err(SendError::Stalled { .. })), "{stalled:?}");
    // Nor is what nobody asked for.
    let mut chattering = Liar::new(|_, _, _| frame(0x82, 0, &[]).repeat(1_000));
    assert_eq!(ask(&mut chattering, 3), Err(SendError::Silent));
}

#[test]
fn offset_behind_the_image_is_refused() {
    let image = [7; 1_000];
    let said = [
        (offer(&image, 1_000), Vec::new()),
        (offer(&image, 0), frame(0x82, 1_000, &[])),
        (offer(&image, 0), frame(0x82, u32::MAX, &[])),
        (offer(&image, 0), nak(1_000, RecoveryNak::OutOfOrder)),
    ];
    for (offered, answer) in said {
        let mut line = Liar::new(|kind, _, _| if kind == 1 { offered.clone() } else { answer.clone() });
        let sent = send(&mut line, &image, 3, &mut |_| ());
        assert!(matches!(sent, Err(SendError::BehindEnd { .. })), "{sent:?}");
    }
}

#[test]
fn end_that_nobody_hears_says_what_was_acknowledged() {
    for (length, taken_bytes) in [(100, 0), (300, 256)] {
        let image = vec![7; length];
        let mut line = Liar::new(|kind, offset, _| match (kind, offset) {
            (1, _) => offer(&image, 0),
            (_, 0) if length > 256 => frame(0x82, 256, &[]),
            _ => Vec::new(),
        });
        let unheard = Err(SendError::EndUnheard { taken_bytes });
        assert_eq!(send(&mut line, &image, 3, &mut |_| ()), unheard);
    }
}

#[test]
fn frame_behind_a_false_beginning_is_taken_when_the_line_is_silent() {
    let (flash, _) = damaged();
    let storage = Storage::new(&flash, &MAP);
    let mut buffer = [0; BUFFER_BYTES];
    let mut session = Session::begin(&storage, Recovery::Mismatch { slot: Slot::A }, &mut buffer).unwrap();
    // A header that promises more than comes, in front of frames that are whole.
    let mut bytes = b"Tr\x02\0\0\0\0\0\0\x01".to_vec();
    bytes.extend(frame(1, 0, &[]).repeat(2));
    bytes.extend(b"Tr");
    let mut replies = 0;
    for byte in bytes {
        session.push(byte);
        assert!(session.reply(&mut || ()).is_none());
    }
    session.silent();
    while session.reply(&mut || ()).is_some() {
        replies += 1;
    }
    assert_eq!(replies, 2);
    // What broke off does not go on.
    for byte in &frame(1, 0, &[])[2..] {
        session.push(*byte);
        assert!(session.reply(&mut || ()).is_none());
    }
}

#[test]
fn codes_and_names_are_frozen() {
    let known = RecoveryNak::ALL.map(|nak| (nak.code(), nak.name()));
    let frozen = [
        (601, "TakesNothing"),
        (602, "OutOfOrder"),
        (603, "Length"),
        (604, "Flash"),
        (605, "Digest"),
    ];
    assert_eq!(known, frozen);
}
