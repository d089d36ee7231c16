//! A decoder that is cut off at any checkpoint is taken up there, and the result is the same.

mod support;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use flash::Slot;
use std::convert::Infallible;
use support::{
    program::{Machine, Program},
    *,
};
use tuffet_patch::{
    BadCheckpoint, Encoded, Error, Geometry, HEADER_BYTES_MAX, Header, Image, LargeState, Misuse, Options, PIECE_BYTES,
    Profile, Progress, Refusal, SmallState, SnapshotError, StandardState, State, encode_with,
};

struct Case {
    old: Vec<u8>,
    new: Vec<u8>,
    encoded: Encoded,
}

fn case(seed: u64, from_nothing: bool) -> Case {
    let old = if from_nothing {
        Vec::new()
    } else {
        firmware(20_000, seed)
    };
    let mut new = if from_nothing {
        firmware(20_000, seed)
    } else {
        next_version(&old, seed ^ 3)
    };
    new.splice(9_000..9_000, Random(seed).bytes(1_500));
    case_of(old, new)
}

/// A program whose addresses moved.
fn case_of_a_program(seed: u64) -> Case {
    let program = Program::new(250, seed);
    case_of(program.link(), program.next(seed ^ 3).link())
}

fn case_of(old: Vec<u8>, new: Vec<u8>) -> Case {
    case_with(old, new, Profile::Small, 1_024)
}

fn case_with(old: Vec<u8>, new: Vec<u8>, profile: Profile, checkpoint_unit: u32) -> Case {
    let options = Options {
        block_bytes: 256,
        checkpoint_unit,
        checkpoint_distance: checkpoint_unit,
        ..Options::of(profile)
    };
    let encoded = encode_with((!old.is_empty()).then_some(&old), &new, &options).unwrap();
    Case { old, new, encoded }
}

impl Case {
    fn source(&self) -> Image {
        image(&self.old)
    }

    fn result(&self) -> Image {
        image(&self.new)
    }

    /// Decodes to the end; what was saved on the way.
    fn run(&self) -> Device<'_> {
        let mut device = Device::new(&self.old, self.new.len(), &self.encoded.bytes);
        let mut state = SmallState::new();
        state.begin(self.encoded.pinned, self.source(), self.result()).unwrap();
        device.finish(&mut state).unwrap();
        assert!(device.new.bytes[..self.new.len()] == self.new);
        device
    }

    fn resume(&self, record: &[u8]) -> Result<Box<SmallState>, BadCheckpoint<OutOfRecord>> {
        let mut state = Box::new(SmallState::new());
        resume(&mut *state, record, self.encoded.pinned, self.source(), self.result())?;
        Ok(state)
    }
}

#[test]
fn cut_at_each_checkpoint() {
    for case in [case(41, false), case(42, true), case_of_a_program(40)] {
        let whole = case.run();
        let positions: Vec<u32> = whole.saved.iter().map(|(position, _)| *position).collect();
        assert_eq!(
            positions,
            case.encoded.header.checkpoints.positions().collect::<Vec<_>>()
        );
        assert_eq!(positions.len(), 8);
        for (position, record) in &whole.saved {
            // Behind the position stands what a cut left: here the finished image, which must be erased before it is written.
            let mut device = Device::new(&case.old, case.new.len(), &case.encoded.bytes);
            device.new.bytes.clone_from(&whole.new.bytes);
            let mut state = case.resume(record).unwrap();
            assert_eq!(state.position(), *position);
            device.finish(&mut *state).unwrap();
            assert!(device.new.bytes == whole.new.bytes, "after {position}");
            // Nothing in front of the position was erased or written again.
            assert_eq!(device.new.erases.first().map(|(from, _)| from), Some(position));
            assert_eq!(
                device.new.written + *position as usize,
                case.new.len().next_multiple_of(flash::WRITE_BYTES)
            );
            // Later checkpoints are the same bytes.
            let later: Vec<_> = whole.saved.iter().filter(|(at, _)| at > position).cloned().collect();
            assert!(device.saved == later);
        }
    }
}

/// In each profile: what a record leaves out is found again in the images.
#[test]
fn every_profile_is_taken_up() {
    for machine in Machine::ALL {
        taken_up(&mut SmallState::new(), machine);
        taken_up(&mut StandardState::new(), machine);
        taken_up(&mut LargeState::new(), machine);
    }
}

fn taken_up<const H: usize, const B: usize, const U: usize, const P: usize, const S: usize, const T: bool>(
    state: &mut State<H, B, U, P, S, T>,
    machine: Machine,
) {
    let program = Program::new(600, 52);
    let case = case_with(
        program.link_for(machine),
        program.next(53).link_for(machine),
        State::<H, B, U, P, S, T>::PROFILE,
        U.max(1_024) as u32,
    );
    let mut whole = Device::new(&case.old, case.new.len(), &case.encoded.bytes);
    state.begin(case.encoded.pinned, case.source(), case.result()).unwrap();
    whole.finish(state).unwrap();
    assert!(whole.saved.len() >= 5, "{}", whole.saved.len());
    for (position, record) in &whole.saved {
        let mut device = Device::new(&case.old, case.new.len(), &case.encoded.bytes);
        device.new.bytes.clone_from(&whole.new.bytes);
        let (source, result) = (case.source(), case.result());
        resume(state, record, case.encoded.pinned, source, result).unwrap();
        device.finish(state).unwrap();
        assert!(device.new.bytes[..case.new.len()] == case.new, "after {position}");
        let later: Vec<_> = whole.saved.iter().filter(|(at, _)| at > position).cloned().collect();
        assert!(device.saved == later);
    }
}

/// A slot with erase units of four times the size.
struct Coarse(Slot);

impl ErrorType for Coarse {
    type Error = Infallible;
}

impl ReadNorFlash for Coarse {
    const READ_SIZE: usize = Slot::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Coarse {
    const WRITE_SIZE: usize = Slot::WRITE_SIZE;
    const ERASE_SIZE: usize = 4 * Slot::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.write(offset, bytes)
    }
}

/// A decoder is saved only where an erase unit begins, else bytes in front of the checkpoint would be erased with it.
#[test]
fn checkpoints_stand_at_erase_units() {
    let case = case(43, false);
    let whole = case.run();
    let (mut old, mut new) = (Slot::holding(&case.old), Coarse(Slot::filled(32 * 1_024, 0)));
    let mut state = SmallState::new();
    state.begin(case.encoded.pinned, case.source(), case.result()).unwrap();
    let mut seen = Vec::new();
    while let Some(range) = state.next_block() {
        let block = &case.encoded.bytes[range.offset as usize..][..range.length as usize];
        let block = state.authenticate(block).unwrap();
        loop {
            match state.run(&block, &mut old, &mut new).unwrap() {
                Progress::NeedsErase { from, to } => {
                    assert_eq!(from + 4_096, to);
                    new.erase(from, to).unwrap();
                }
                Progress::Checkpoint { position } => seen.push(position),
                Progress::NeedsBlock | Progress::Done => break,
            }
        }
    }
    assert!(new.0.bytes[..case.new.len()] == case.new);
    let is_coarse = |position: &u32| position.is_multiple_of(4_096);
    let (coarse, fine): (Vec<u32>, Vec<u32>) = whole.saved.iter().map(|saved| saved.0).partition(is_coarse);
    assert_eq!(seen, coarse);

    // A record of a slot with smaller units is not used for this one.
    let (position, record) = whole.saved.iter().find(|saved| saved.0 == fine[0]).unwrap();
    let mut state = case.resume(record).unwrap();
    let range = state.next_block().unwrap();
    let block = &case.encoded.bytes[range.offset as usize..][..range.length as usize];
    let block = state.authenticate(block).unwrap();
    let refused = Geometry::CheckpointNotErasable {
        position: *position,
        erase_bytes: 4_096,
    };
    assert_eq!(state.run(&block, &mut old, &mut new), Err(Error::Geometry(refused)));
}

#[test]
fn of_another_patch_source_or_result() {
    let (one, other) = (case(44, false), case(45, false));
    let (_, record) = &one.run().saved[2];
    let mut state = SmallState::new();
    let mut with = |pinned, source, result| resume(&mut state, record, pinned, source, result);
    let pinned = one.encoded.pinned;
    assert_eq!(with(pinned, one.source(), one.result()), Ok(()));
    assert_eq!(
        with(other.encoded.pinned, one.source(), one.result()),
        Err(BadCheckpoint::OtherPatch)
    );
    assert_eq!(
        with(pinned, other.source(), one.result()),
        Err(BadCheckpoint::OtherSource)
    );
    assert_eq!(
        with(pinned, Image::NOTHING, one.result()),
        Err(BadCheckpoint::OtherSource)
    );
    assert_eq!(
        with(pinned, one.source(), other.result()),
        Err(BadCheckpoint::OtherResult)
    );
    // A refused record leaves nothing that runs.
    assert_eq!(state.authenticate(&[]).unwrap_err(), Error::Misuse(Misuse::NotRunning));
    let cut = resume(&mut state, &record[..640], pinned, one.source(), one.result());
    assert_eq!(cut, Err(BadCheckpoint::Storage(OutOfRecord)));
}

#[test]
fn damaged_record() {
    let case = case(46, false);
    let (_, record) = &case.run().saved[0];
    for at in (0..300).chain((300..record.len()).step_by(37)) {
        let mut damaged = record.clone();
        damaged[at] ^= 0x10;
        let refused = case.resume(&damaged).map(drop).unwrap_err();
        match at {
            0..4 => assert_eq!(refused, BadCheckpoint::WrongMagic),
            4 => assert_eq!(refused, BadCheckpoint::UnknownVersion { version: 0x11 }),
            _ => assert_eq!(refused, BadCheckpoint::Checksum),
        }
    }
    assert!(matches!(
        case.resume(&vec![0xFF; record.len()]),
        Err(BadCheckpoint::WrongMagic)
    ));
}

/// Where the index of the block at hand stands: behind the magic, layout and profile, what was pinned, the header, and a hash.
const INDEX: usize = 4 + 2 + 40 + HEADER_BYTES_MAX + 32;
/// Bytes of a record before the state of the range decoder, of that, and of the history behind it.
const PREFACE_BYTES: usize = INDEX + 17;
const RANGE_BYTES: usize = 50;
const HISTORY_BYTES: usize = 51;
/// Where it stands in a unit.
const UNIT_BYTES: usize = 7;
/// Bytes of tables and weights behind them, with 108 and 208 counters for each of seven inputs.
const TABLE_BYTES: usize = 2 * (5 * 160 + 7 * 214) + 4 * (5 * 38 + 7 * 14) + 2 * 64 + 2 * 2 * 64;
/// Pieces of the map, and pairs.
const PLACES: usize = 48;

/// Whoever can write the record can make its checksum too. Then every field is refused or harmless: the decoder ends, inside its
/// slots.
#[test]
fn forged_record() {
    let case = case(47, false);
    let (_, record) = &case.run().saved[7];
    let preface = PREFACE_BYTES + RANGE_BYTES + HISTORY_BYTES + UNIT_BYTES;
    let mut random = Random(7);
    let mut outcomes = [0_usize; 3];
    let places = (5..preface).chain((preface..record.len() - 32).step_by(61));
    for at in places.flat_map(|at| [at, at]) {
        let mut forged = record.clone();
        forged[at] = random.next() as u8;
        let fields = forged.len() - 32;
        let checksum = sha256(&forged[..fields]);
        forged[fields..].copy_from_slice(&checksum);
        let Ok(mut state) = case.resume(&forged) else {
            outcomes[0] += 1;
            continue;
        };
        let mut device = Device::new(&case.old, case.new.len(), &case.encoded.bytes);
        match device.finish(&mut *state) {
            Ok(()) => outcomes[1] += 1,
            Err(stopped) => {
                refusal(stopped);
                outcomes[2] += 1;
            }
        }
    }
    let [impossible, _finished, refused] = outcomes;
    assert!(impossible > 200 && refused > 0, "{outcomes:?}");
}

/// Fields of the record, by their place, with a value that no decoder has.
#[test]
fn impossible_fields() {
    let case = case_of_a_program(50);
    let (position, record) = &case.run().saved[1];
    let with = |at: usize, value: &[u8]| {
        let mut forged = record.clone();
        forged[at..at + value.len()].copy_from_slice(value);
        let fields = forged.len() - 32;
        let checksum = sha256(&forged[..fields]);
        forged[fields..].copy_from_slice(&checksum);
        case.resume(&forged).map(drop)
    };
    let unchanged = position.to_le_bytes();
    assert_eq!(with(INDEX + 8, &unchanged), Ok(()));
    let file_bytes = case.encoded.bytes.len() as u32;
    let blocks = file_bytes.div_ceil(256);
    let index = u32::from_le_bytes(record[INDEX..INDEX + 4].try_into().unwrap());
    // The last block has no link, and may be shorter.
    let carried = if index + 1 < blocks {
        224
    } else {
        file_bytes - index * 256
    };
    let unit = PREFACE_BYTES + RANGE_BYTES + HISTORY_BYTES;
    let addresses = unit + UNIT_BYTES + TABLE_BYTES;
    // A count; pieces, the last pointer and sum; pairs, and the last sixteen of them; two registers.
    let registers = addresses + 4 + 8 * (PLACES + 2) + 8 * (PLACES + 16);
    let field = registers + 9 * 2;
    let matcher = field + 20 + 12;
    let places: [(&str, usize, &[u8]); 20] = [
        ("index behind the last block", INDEX, &blocks.to_le_bytes()),
        (
            "more taken than a block carries",
            INDEX + 4,
            &(carried + 1).to_le_bytes(),
        ),
        (
            "position that is no checkpoint",
            INDEX + 8,
            &(position + 1_024).to_le_bytes(),
        ),
        ("position at the start", INDEX + 8, &[0; 4]),
        ("copy of a third kind", INDEX + 12, &[3]),
        ("copy from outside the old image", INDEX + 12, &[1, 255, 255, 255, 255]),
        ("copy from ahead", INDEX + 12, &[2, 255, 255, 255, 127]),
        ("range that is too small", INDEX + 17, &[255, 255, 255, 0]),
        ("more carried than there is room", INDEX + 26, &[41]),
        ("more of a unit than it has", unit, &[5]),
        ("more of a unit apart than it has", unit + 5, &[5]),
        ("a unit that is sure and is not", unit, &[1, 0, 0, 0, 0, 1]),
        ("missed more than once", unit + 6, &[2]),
        ("more pieces than there is room", addresses, &[49]),
        ("a piece in front of the one before", addresses + 4, &[255; 4]),
        ("a register that none has", registers + 9, &[33]),
        ("a field of a sixth kind", field, &[5, 0]),
        ("known from nowhere", field, &[1, 3]),
        (
            "a field that is complete",
            field,
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4],
        ),
        ("more guesses than are counted", matcher + 4, &[16]),
    ];
    for (what, at, value) in places {
        assert_eq!(with(at, value), Err(BadCheckpoint::Impossible), "{what}");
    }
}

#[test]
fn saved_only_at_checkpoints() {
    let case = case(48, false);
    let mut device = Device::new(&case.old, case.new.len(), &case.encoded.bytes);
    let mut state = SmallState::new();
    let mut nowhere = |_: &[u8; PIECE_BYTES]| Err(OutOfRecord);
    state.begin(case.encoded.pinned, case.source(), case.result()).unwrap();
    assert_eq!(state.snapshot(&mut nowhere), Err(SnapshotError::NotAtCheckpoint));
    let block = state.authenticate(&case.encoded.bytes[..256]).unwrap();
    let progress = state.run(&block, &mut device.old, &mut device.new).unwrap();
    assert_eq!(progress, Progress::NeedsErase { from: 0, to: 1_024 });
    assert_eq!(state.snapshot(&mut nowhere), Err(SnapshotError::NotAtCheckpoint));
}

#[test]
fn too_many_or_in_disorder() {
    let case = case(49, false);
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = payload(&case.encoded);
        change(&mut bytes);
        Header::parse(&bytes).map(|(header, _)| header)
    };
    assert_eq!(parse(&|_| ()), Ok(case.encoded.header));
    assert_eq!(parse(&|bytes| bytes[82] = 9), Err(Refusal::Checkpoints));
    assert_eq!(parse(&|bytes| bytes[81] = 9), Err(Refusal::Checkpoints));
    assert_eq!(parse(&|bytes| bytes[83] = 0), Err(Refusal::Checkpoints));
    assert_eq!(parse(&|bytes| bytes.swap(83, 85)), Err(Refusal::Checkpoints));
    assert_eq!(parse(&|bytes| bytes[98] = 1), Err(Refusal::Checkpoints));
}
