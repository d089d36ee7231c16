//! Both ends over a line that does what lines do.

use super::messages::{self, Answer};
use super::*;
use crate::frame::PAYLOAD_BYTES_MAX;
use crate::transport::{Ask, Etag, Opened, PATH_BYTES_MAX, Transport};
use embedded_io::{ErrorType, Read, Write};
use std::collections::VecDeque;
use std::string::String;
use std::vec::Vec;

const PATH: &str = "targets/firmware.bin";

/// A repository of one file.
struct Repository {
    file: Vec<u8>,
    at: usize,
    opens: usize,
    is_away: bool,
}

impl Repository {
    fn of(bytes: usize) -> Self {
        let file = (0..bytes).map(|index| (index * 7 + index / 251) as u8).collect();
        Self {
            file,
            at: 0,
            opens: 0,
            is_away: false,
        }
    }
}

impl Transport for Repository {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.opens += 1;
        self.at = ask.offset as usize;
        if self.is_away {
            return Err(());
        }
        let etag = Etag::from("\"one\"").unwrap();
        Ok(match ask.path {
            PATH if ask.unless == Some(&etag) => Opened::NotModified,
            PATH => Opened::Present { etag: Some(etag) },
            _ => Opened::Absent,
        })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        // Not in the pieces in which it is sent.
        let count = rest.len().min(space.len()).min(100);
        space[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }

    fn retry_after_s(&self) -> Option<u32> {
        self.is_away.then_some(77)
    }
}

/// What a line does to what is said on it, one time in so many.
#[derive(Clone, Copy)]
struct Faults {
    lost: u32,
    doubled: u32,
    flipped: u32,
    swapped: u32,
}

const NONE: Faults = Faults {
    lost: 0,
    doubled: 0,
    flipped: 0,
    swapped: 0,
};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn is_one_in(&mut self, many: u32) -> bool {
        many > 0 && self.next().is_multiple_of(u64::from(many))
    }
}

/// The line with the gateway at its end, as the device's port.
struct Line {
    gateway: Gateway<'static, Repository>,
    to_device: VecDeque<u8>,
    held_back: Vec<Vec<u8>>,
    faults: Faults,
    random: Random,
    text: String,
    told: Vec<Forwarded>,
    asks: usize,
    reads: usize,
    is_deaf: bool,
}

impl Line {
    fn to(repository: Repository, faults: Faults, seed: u64) -> Self {
        let buffer = std::boxed::Box::leak(std::boxed::Box::new([0; BUFFER_BYTES]));
        Self {
            gateway: Gateway::new(repository, buffer),
            to_device: VecDeque::new(),
            held_back: Vec::new(),
            faults,
            random: Random(seed | 1),
            text: String::new(),
            told: Vec::new(),
            asks: 0,
            reads: 0,
            is_deaf: false,
        }
    }

    /// What comes out of the line of a piece that goes into it.
    fn carry(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let repeats = 1 + usize::from(self.random.is_one_in(self.faults.doubled));
        for byte in piece.repeat(repeats) {
            if !self.random.is_one_in(self.faults.lost) {
                let bit = 1 << (self.random.next() % 8);
                out.push(
                    byte ^ if self.random.is_one_in(self.faults.flipped) {
                        bit
                    } else {
                        0
                    },
                );
            }
        }
        out
    }

    fn forward(&mut self) {
        while let Some(asked) = self.gateway.asked(&mut |byte| self.text.push(char::from(byte))) {
            self.asks += 1;
            if self.is_deaf {
                continue;
            }
            let (mut frames, told) = (Vec::new(), &mut self.told);
            self.gateway
                .answer(&asked, &mut |frame| frames.push(frame.to_vec()), &mut |file| {
                    told.push(file)
                });
            for frame in frames {
                if self.random.is_one_in(self.faults.swapped) {
                    self.held_back.push(frame);
                    continue;
                }
                let carried = self.carry(&frame);
                self.to_device.extend(carried);
                for frame in core::mem::take(&mut self.held_back) {
                    self.to_device.extend(frame);
                }
            }
        }
    }
}

impl ErrorType for Line {
    type Error = core::convert::Infallible;
}

impl Read for Line {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        self.reads += 1;
        match self.to_device.pop_front() {
            Some(byte) => {
                space[0] = byte;
                Ok(1)
            }
            None => {
                self.gateway.silent();
                self.forward();
                Ok(0)
            }
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        // A port need not take all at once.
        let piece = bytes[..bytes.len().min(100)].to_vec();
        for byte in self.carry(&piece) {
            self.gateway.push(byte);
            self.forward();
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn ask(path: &str, offset: u32, bytes_max: u32) -> Ask<'_> {
    Ask {
        path,
        offset,
        bytes_max,
        unless: None,
    }
}

/// Reads what is open to its end, in pieces of different lengths.
fn rest<L: Read + Write>(link: &mut Link<'_, L>) -> Result<Vec<u8>, LinkError<L::Error>> {
    let (mut bytes, mut length) = (Vec::new(), 1);
    loop {
        let mut space = std::vec![0; length];
        match link.read(&mut space)? {
            0 => return Ok(bytes),
            count => bytes.extend(&space[..count]),
        }
        length = length * 3 % 601;
    }
}

#[test]
fn bytes_are_frozen() {
    let mut buffer = [0; BUFFER_BYTES];
    let etag = Etag::from("\"e\"").unwrap();
    let asked = Ask {
        unless: Some(&etag),
        ..ask("a/b", 0x0102_0304, 5)
    };
    let bytes = messages::open(&mut buffer, 0x0A0B, &asked).unwrap();
    assert_eq!(
        bytes[..bytes.len() - 4],
        *b"Tr\x91\0\x04\x03\x02\x01\x0d\0\x0b\x0a\x05\0\0\0\x03\"e\"a/b"
    );
    assert_eq!(
        messages::more(&mut buffer, 1, 2, 0x0304)[..14],
        *b"Tr\x92\0\x02\0\0\0\x04\0\x01\0\x04\x03"
    );
    let kinds = [
        (
            Answer::Present { etag: Some(etag) },
            b"Tr\x11\0\x07\0\0\0\x05\0\x01\0\"e",
        ),
        (Answer::Absent, b"Tr\x12\0\x07\0\0\0\x02\0\x01\0\xc8\x7b"),
        (Answer::NotModified, b"Tr\x13\0\x07\0\0\0\x02\0\x01\0\x09\x4f"),
        (Answer::End, b"Tr\x15\0\x07\0\0\0\x02\0\x01\0\x8b\x26"),
        (
            Answer::Failed { retry_after_s: Some(9) },
            b"Tr\x16\0\x07\0\0\0\x06\0\x01\0\x09\0",
        ),
    ];
    for (answer, first) in kinds {
        let bytes = messages::answer(&mut buffer, 1, 7, &answer);
        assert_eq!(bytes[..12], first[..12], "{answer:?}");
    }
    assert_eq!(
        messages::data(&mut buffer, 1, 7, b"xy")[..14],
        *b"Tr\x14\0\x07\0\0\0\x04\0\x01\0xy"
    );
}

#[test]
fn file_comes_from_any_offset() {
    for bytes in [0, 1, 253, 254, 255, 508, 10_000] {
        for offset in [0, 1, 254, 5_000, 10_000, 20_000] {
            let line = Line::to(Repository::of(bytes), NONE, 1);
            let mut buffer = [0; BUFFER_BYTES];
            let mut link = Link::new(line, &mut buffer, 0);
            let opened = link.open(&ask(PATH, offset, u32::MAX)).unwrap();
            assert!(matches!(opened, Opened::Present { etag: Some(_) }));
            let came = rest(&mut link).unwrap();
            let file = &Repository::of(bytes).file;
            assert_eq!(came, file.get(offset as usize..).unwrap_or_default());
            assert_eq!(link.line().told.len(), 1);
            let told = &link.line().told[0];
            assert_eq!((told.bytes as usize, told.how), (came.len(), How::Whole));
        }
    }
}

#[test]
fn no_more_comes_than_was_asked_for() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(10_000), NONE, 1), &mut buffer, 0);
    link.open(&ask(PATH, 100, 700)).unwrap();
    assert_eq!(rest(&mut link).unwrap(), Repository::of(800).file[100..]);
    assert_eq!(link.line().gateway.transport().at, 800);
    // Before anything is open nothing comes.
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(10), NONE, 1), &mut buffer, 0);
    assert_eq!(link.read(&mut [0; 10]), Ok(0));
}

#[test]
fn what_is_no_file_is_said() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(10), NONE, 1), &mut buffer, 0);
    assert_eq!(link.open(&ask("metadata/9.root.json", 0, 10)), Ok(Opened::Absent));
    let etag = Etag::from("\"one\"").unwrap();
    let unless = Ask {
        unless: Some(&etag),
        ..ask(PATH, 0, 10)
    };
    assert_eq!(link.open(&unless), Ok(Opened::NotModified));
    link.line().gateway.transport().is_away = true;
    assert_eq!(link.open(&ask(PATH, 0, 10)), Err(LinkError::Failed));
    assert_eq!(link.retry_after_s(), Some(77));
    link.line().gateway.transport().is_away = false;
    assert!(link.open(&ask(PATH, 0, 10)).is_ok());
    assert_eq!(link.retry_after_s(), None);
    let how: Vec<How> = link.line().told.iter().map(|file| file.how).collect();
    assert_eq!(how, [How::Absent, How::NotModified, How::Failed]);
}

#[test]
fn longest_path_has_room_and_its_tag_is_left_out() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(10), NONE, 1), &mut buffer, 0);
    let path = "p".repeat(PATH_BYTES_MAX);
    let etag = Etag::from(&"e".repeat(72)).unwrap();
    let long = Ask {
        unless: Some(&etag),
        ..ask(&path, 0, 10)
    };
    assert_eq!(link.open(&long), Ok(Opened::Absent));
    assert_eq!(&*link.line().told[0].path, &*path);
    let longer = "p".repeat(PAYLOAD_BYTES_MAX);
    assert_eq!(link.open(&ask(&longer, 0, 10)), Err(LinkError::PathTooLong));
}

#[test]
fn more_comes_at_once_where_the_port_has_room() {
    let asks = |credit| {
        let mut buffer = [0; BUFFER_BYTES];
        let line = Line::to(Repository::of(10_000), NONE, 1);
        let mut link = Link::new(line, &mut buffer, 0).with_credit(credit);
        link.open(&ask(PATH, 0, u32::MAX)).unwrap();
        assert_eq!(rest(&mut link).unwrap(), Repository::of(10_000).file);
        link.line().asks
    };
    assert_eq!((asks(0), asks(254), asks(1_016), asks(u16::MAX)), (41, 41, 11, 4));
}

#[test]
fn file_comes_whole_over_a_bad_line() {
    let faults = [
        Faults { lost: 2_000, ..NONE },
        Faults { flipped: 2_000, ..NONE },
        Faults { doubled: 3, ..NONE },
        Faults { swapped: 3, ..NONE },
        Faults {
            lost: 3_000,
            doubled: 20,
            flipped: 3_000,
            swapped: 20,
        },
    ];
    for (index, faults) in faults.into_iter().enumerate() {
        for seed in 1..40_u64 {
            for credit in [0, 1_000] {
                let line = Line::to(Repository::of(6_000), faults, seed << 32 | 0x9E37_79B9);
                let mut buffer = [0; BUFFER_BYTES];
                let mut link = Link::new(line, &mut buffer, 65_530).with_credit(credit);
                for offset in [0, 3_000] {
                    let opened = link.open(&ask(PATH, offset, u32::MAX));
                    assert!(
                        matches!(opened, Ok(Opened::Present { .. })),
                        "faults {index}, seed {seed}: {opened:?}"
                    );
                    let came = rest(&mut link).unwrap_or_else(|error| panic!("faults {index}, seed {seed}: {error:?}"));
                    assert_eq!(
                        came,
                        Repository::of(6_000).file[offset as usize..],
                        "faults {index}, seed {seed}"
                    );
                }
            }
        }
    }
}

#[test]
fn gateway_that_was_started_anew_is_asked_from_where_the_device_is() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(5_000), NONE, 1), &mut buffer, 0);
    link.open(&ask(PATH, 0, u32::MAX)).unwrap();
    let mut came = std::vec![0; 254];
    assert_eq!(link.read(&mut came), Ok(254));
    *link.line() = Line::to(Repository::of(5_000), NONE, 1);
    assert_eq!(link.read(&mut [0; 254]), Err(LinkError::Failed));
    // What is over stays over.
    assert_eq!(link.read(&mut [0; 254]), Ok(0));
    link.open(&ask(PATH, 254, u32::MAX)).unwrap();
    came.extend(rest(&mut link).unwrap());
    assert_eq!(came, Repository::of(5_000).file);
    // One that does not answer at all is left.
    link.open(&ask(PATH, 0, u32::MAX)).unwrap();
    link.line().is_deaf = true;
    assert_eq!(link.read(&mut [0; 254]), Err(LinkError::Silent));
    assert_eq!(link.open(&ask(PATH, 0, 1)), Err(LinkError::Silent));
}

#[test]
fn same_question_is_answered_as_before() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut line = Line::to(Repository::of(600), NONE, 1);
    for _ in 0..3 {
        line.write_all(messages::open(&mut buffer, 7, &ask(PATH, 0, 600)).unwrap())
            .unwrap();
        line.write_all(messages::more(&mut buffer, 7, 0, 300)).unwrap();
    }
    assert_eq!(line.gateway.transport().opens, 1);
    // What was acknowledged is not asked for again, nor what is behind what was sent.
    line.write_all(messages::more(&mut buffer, 7, 300, 300)).unwrap();
    for offset in [0, 601] {
        line.to_device.clear();
        line.write_all(messages::more(&mut buffer, 7, offset, 300)).unwrap();
        assert_eq!(line.to_device[2], 0x16);
    }
    line.to_device.clear();
    line.write_all(messages::more(&mut buffer, 7, 600, 300)).unwrap();
    assert_eq!(line.to_device[2], 0x15);
}

#[test]
fn text_of_the_device_goes_past_the_frames() {
    let mut buffer = [0; BUFFER_BYTES];
    let mut link = Link::new(Line::to(Repository::of(300), NONE, 1), &mut buffer, 0);
    link.line().write_all(b"tuffet app version=1\n").unwrap();
    link.open(&ask(PATH, 0, 300)).unwrap();
    link.line().write_all(b"Trouble? No: tuffet confirmed\n").unwrap();
    rest(&mut link).unwrap();
    link.line().write_all(b"end\n").unwrap();
    let text = "tuffet app version=1\nTrouble? No: tuffet confirmed\nend\n";
    assert_eq!(link.line().text, text);
}

/// Whatever a gateway says, the device comes to an end, and reads no more than it must.
#[test]
fn any_bytes_end_in_an_error_or_the_end_of_the_file() {
    /// Says what a function makes up.
    struct Babble<F>(F, usize);
    impl<F> ErrorType for Babble<F> {
        type Error = core::convert::Infallible;
    }
    impl<F: FnMut() -> Option<u8>> Read for Babble<F> {
        fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
            self.1 += 1;
            Ok(self.0().map_or(0, |byte| {
                space[0] = byte;
                1
            }))
        }
    }
    impl<F> Write for Babble<F> {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    fn listen_to(babble: impl FnMut() -> Option<u8>) -> usize {
        let mut buffer = [0; BUFFER_BYTES];
        let mut link = Link::new(Babble(babble, 0), &mut buffer, 0);
        let opened = link.open(&ask(PATH, 0, 2_000));
        if matches!(opened, Ok(Opened::Present { .. })) {
            // An error is a good end too. What comes is whatever it is, and no more than was asked for.
            let came = rest(&mut link).map_or(0, |came| came.len());
            assert!(came <= 2_000, "{came}");
        }
        link.line().1
    }
    const READS_MAX: usize = 2_000 * 40 * 4_200;
    for seed in 1..60_u64 {
        let mut random = Random(seed * 0x9E37_79B9);
        // Pure noise; letters with which frames begin; silences in between.
        assert!(listen_to(|| Some(random.next() as u8)) < READS_MAX);
        assert!(listen_to(|| Some(*b"Tr\x11\x14\0\x01".get(random.next() as usize % 6).unwrap())) < READS_MAX);
        assert!(listen_to(|| (!random.is_one_in(50)).then(|| random.next() as u8)) < READS_MAX);
        // Sound frames that say anything, for the right request more often than not.
        let mut rest = VecDeque::new();
        let next = || {
            if rest.is_empty() {
                let (mut buffer, number) = ([0; BUFFER_BYTES], (random.next() % 3) as u16);
                let offset = (random.next() % 4 * 100) as u32;
                let piece = std::vec![7; 100 + random.next() as usize % 155];
                rest.extend(match random.next() % 8 {
                    0..4 => messages::data(&mut buffer, number, offset, &piece),
                    4 => messages::answer(&mut buffer, number, offset, &Answer::Present { etag: None }),
                    5 => messages::data(&mut buffer, number, offset, &piece[..1]),
                    6 => messages::more(&mut buffer, number, offset, 100),
                    _ => messages::answer(&mut buffer, 9, offset, &Answer::End),
                });
            }
            rest.pop_front()
        };
        assert!(listen_to(next) < READS_MAX);
    }
}
