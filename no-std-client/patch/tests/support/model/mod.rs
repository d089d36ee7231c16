//! A model of patches: what is made from a pair of images is that pair again, and whatever else is signed stays inside both slots.
//!
//! - Everything comes from a [`Script`]: the images, how the patch is made, and what is done to it. The fuzz targets and the plain
//!   runner differ only in where the bytes of the script come from.
//! - An honest patch makes the new image. It is saved at each checkpoint and taken up again, and comes to the same end.
//! - A stolen key signs anything: the coded bytes edited, any bytes behind a valid header, any bytes at all. The decoder then stays
//!   inside both images, writes front to back, ends after a number of calls that lengths alone say, and does not panic. If it says that it
//!   is done, it has written as many bytes as the header says.
//! - A checkpoint record is edited too: it is refused, or the decoder that takes it up ends like any other.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the fuzz targets and the test each use their own part"
)]

mod device;
#[path = "../elf.rs"]
mod elf;
mod hostile;
mod images;
#[path = "../program.rs"]
mod program;
#[path = "../random.rs"]
mod random;
mod slot;

use self::device::Device;
pub use self::random::Random;
use std::cell::RefCell;
use tuffet_patch::{
    Architecture, BULK_BYTES, Bases, BulkState, Codec, Decoder, Encoded, LargeState, Layout, Options, Profile,
    SmallState, StandardState, encode_with,
};

/// What a case does, byte by byte; what is missing at its end reads as zero.
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) | usize::from(self.byte()) << 8
    }

    /// A number below a bound of at most 65,536.
    pub fn below(&mut self, bound: usize) -> usize {
        self.number() % bound.max(1)
    }

    /// Bytes that one number of the script says.
    pub fn random(&mut self) -> Random {
        Random(self.number() as u64 + 1)
    }

    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }
}

/// What was run, and what it took.
#[derive(Clone, Copy, Default, Debug)]
pub struct Figures {
    /// Pairs of images, each encoded, decoded and attacked.
    pub pairs: u64,
    /// Decoders run to an end, and of these refused.
    pub decoded: u64,
    pub refused: u64,
    /// Decoders taken up from a record, and records refused.
    pub resumed: u64,
    pub records_refused: u64,
    /// Bytes of all results.
    pub bytes: u64,
    /// The most bytes that were read, for each byte of both images.
    pub reads_max: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.decoded += other.decoded;
        self.refused += other.refused;
        self.resumed += other.resumed;
        self.records_refused += other.records_refused;
        self.bytes += other.bytes;
        self.reads_max = self.reads_max.max(other.reads_max);
    }
}

thread_local! {
    /// One for all cases, since it is large: what a decoder leaves there must not matter to the next one.
    static MEMORY: RefCell<Vec<u32>> = RefCell::new(vec![0xA5A5_A5A5; BULK_BYTES / 4]);
    static SMALL: RefCell<Box<SmallState>> = RefCell::new(Box::new(SmallState::new()));
    static STANDARD: RefCell<Box<StandardState>> = RefCell::new(Box::new(StandardState::new()));
    static LARGE: RefCell<Box<LargeState>> = RefCell::new(Box::new(LargeState::new()));
}

/// Runs the case of a script with a codec that it says itself.
pub fn either(script: &[u8]) -> Figures {
    match script.first().is_some_and(|byte| byte % 4 == 0) {
        true => bulk(script),
        false => mixing(script),
    }
}

/// Runs the case of a script with the bulk codec.
pub fn bulk(script: &[u8]) -> Figures {
    let mut script = Script::new(script);
    let (_, kind) = (script.byte(), script.byte());
    let (old, new) = images::pair(&mut script, if kind.is_multiple_of(16) { 100_000 } else { 3_000 });
    let options = Options {
        codec: Some(Codec::Bulk),
        ..options(&mut script, Profile::Large)
    };
    let encoded = made(&old, &new, &options);
    let mut device = Device::new(&old, &new, &encoded);
    MEMORY.with_borrow_mut(|memory| {
        device.honest::<1>(&mut fresh(memory));
        device.astray::<1>(&mut fresh(memory), &mut script);
        for patch in hostile::patches(&mut script, &encoded, new.len()) {
            device.hostile::<1>(&mut fresh(memory), &patch);
        }
    });
    device.figures
}

fn fresh(memory: &mut [u32]) -> BulkState<'_> {
    BulkState::new(memory).unwrap()
}

/// Runs the case of a script with the mixing codec.
pub fn mixing(script: &[u8]) -> Figures {
    let mut script = Script::new(script);
    let (_, kind) = (script.byte(), script.byte());
    let bytes_max = match kind % 64 {
        0 => 12_000,
        // With checkpoints.
        1..8 => 4_000,
        _ => 800,
    };
    let (old, new) = images::pair(&mut script, bytes_max);
    match kind / 64 {
        0 | 1 => SMALL.with_borrow_mut(|state| with_units(&mut **state, kind, &mut script, &old, &new)),
        2 => STANDARD.with_borrow_mut(|state| with_units(&mut **state, kind, &mut script, &old, &new)),
        _ => LARGE.with_borrow_mut(|state| with_units(&mut **state, kind, &mut script, &old, &new)),
    }
}

fn with_units<D: Decoder>(state: &mut D, kind: u8, script: &mut Script<'_>, old: &[u8], new: &[u8]) -> Figures {
    match kind % 3 {
        0 => mixed::<D, 1>(state, script, old, new),
        1 => mixed::<D, 4>(state, script, old, new),
        _ => mixed::<D, 16>(state, script, old, new),
    }
}

fn mixed<D: Decoder, const UNIT: usize>(state: &mut D, script: &mut Script<'_>, old: &[u8], new: &[u8]) -> Figures {
    let encoded = made(old, new, &options(script, D::PROFILE));
    let mut device = Device::new(old, new, &encoded);
    device.honest::<UNIT>(state);
    device.taken_up::<D, UNIT>(state, script);
    device.astray::<UNIT>(state, script);
    for patch in hostile::patches(script, &encoded, new.len()) {
        device.hostile::<UNIT>(state, &patch);
    }
    device.figures
}

/// How the patch is made.
fn options(script: &mut Script<'_>, profile: Profile) -> Options {
    let (blocks, layout) = (script.byte(), script.byte());
    // Mostly that of the programs among the images, where the profile follows it.
    let architecture = match layout % 16 {
        0..=6 => Architecture::AArch64,
        which => Architecture::ALL[usize::from(which - 7) % Architecture::ALL.len()],
    };
    let architecture = match profile.follows(architecture) {
        true => architecture,
        false => Architecture::Thumb,
    };
    let bases = (architecture != Architecture::Unknown && layout >= 192)
        .then(|| Bases::whole(script.number() as u32 * 4, script.number() as u32 * 4));
    let checkpoint_unit = 1 << (10 + u32::from(blocks) / 16 % 3);
    Options {
        // Mostly small, so that there are many.
        block_bytes: [256, 256, 512, 256, 1 << 10, 256, 1 << 12, 1 << 16][usize::from(blocks % 8)],
        checkpoint_unit,
        checkpoint_distance: checkpoint_unit,
        layout: Some(Layout { architecture, bases }),
        ..Options::of(profile)
    }
}

/// The patch, which the encoder has decoded itself.
fn made(old: &[u8], new: &[u8], options: &Options) -> Encoded {
    encode_with((!old.is_empty()).then_some(old), new, options).unwrap_or_else(|error| panic!("{error:?}"))
}
