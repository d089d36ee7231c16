//! The trusted state.

use super::{flash::RamFlash, held};
use crate::flash::{Region, Span, StateError, StatePages};
use crate::state::{DeviceState, Installed, Remembered, Standing};
use core::cell::RefCell;
use sha2::{Digest as _, Sha256};
use std::{string::String, vec, vec::Vec};
use tuffet_boot::Slot;
use tuffet_release::{Class, Pointer, RolloutExtract, RolloutState, Version, Wave};
use tuffet_tuf::{DelegatedFacts, DelegatedName, FileFacts, RoleVersion, SignersId, TimestampFacts, TrustedState};
use tuffet_wire::UnixSeconds;

type Flash = RamFlash<4>;

const VERSION: u8 = 1;
/// The last second of the year 9999: no time is later.
const LAST_SECOND: u64 = 253_402_300_799;
/// Two pages of one record each: what the smallest part has.
const SMALL_BYTES: usize = 2_048;
/// From the start of a record in flash.
const LAYOUT: usize = 16;
const USED_BYTES: usize = 906;

fn time(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds)
}

/// All of it follows from a number.
fn facts(number: u8) -> FileFacts {
    let wide = u64::from(number);
    FileFacts {
        version: RoleVersion::new(wide).unwrap(),
        length: 1_000 + u32::from(number),
        digest: [number; 32],
        expires: time(1_900_000_000 + wide),
        signed_at: time(1_800_000_000 + wide),
    }
}

fn largest() -> FileFacts {
    FileFacts {
        version: RoleVersion::new(u64::MAX).unwrap(),
        length: u32::MAX,
        digest: [0xFF; 32],
        expires: time(LAST_SECOND),
        signed_at: time(LAST_SECOND),
    }
}

fn version(major: u32, minor: u32, patch: u32) -> Version {
    Version { major, minor, patch }
}

fn delegated(name: &str, file: FileFacts, byte: u8) -> Option<DelegatedFacts> {
    Some(DelegatedFacts {
        role: DelegatedName::new(name).unwrap(),
        file,
        signers: SignersId([byte; 16]),
    })
}

fn fresh() -> DeviceState {
    DeviceState::new(TrustedState {
        root: facts(1),
        timestamp: None,
        snapshot: None,
        targets: None,
        delegated: [None; 2],
        floor: time(1_800_000_001),
    })
}

fn no_release() -> DeviceState {
    let mut state = fresh();
    state.trusted.timestamp = Some(TimestampFacts {
        file: facts(2),
        snapshot: facts(3).pinned(),
    });
    state.trusted.snapshot = Some(facts(3));
    state.trusted.targets = Some(facts(4));
    state.trusted.delegated = [delegated("p", facts(5), 6), None];
    state.release = Standing::NoRelease;
    let installed = Installed {
        digest: [7; 32],
        version: version(1, 2, 3),
    };
    state.put(Slot::B, installed);
    state
}

fn full() -> DeviceState {
    let mut state = no_release();
    let second = delegated("lamp-rollout", facts(8), 9);
    state.trusted.delegated = [delegated("lamp", facts(5), 6), second];
    state.release = Standing::Known(Remembered {
        pointer: Pointer {
            release: [10; 32],
            version: version(4, 5, 6),
            security_version: 11,
            class: Class::Security,
        },
        length: 2_345,
    });
    state.rollout = Some(RolloutExtract {
        release: [10; 32],
        state: RolloutState::Paused,
        waves: (1..=3)
            .map(|number| Wave {
                share_ppm: 100_000 * number,
                start: time(1_800_000_000 + u64::from(number)),
            })
            .collect(),
    });
    let installed = Installed {
        digest: [12; 32],
        version: version(7, 8, 9),
    };
    state.put(Slot::A, installed);
    state
}

fn extremes() -> DeviceState {
    let name: String = "x".repeat(64);
    let mut state = DeviceState::new(TrustedState {
        root: largest(),
        timestamp: Some(TimestampFacts {
            file: largest(),
            snapshot: largest().pinned(),
        }),
        snapshot: Some(largest()),
        targets: Some(largest()),
        delegated: [delegated(&name, largest(), 0xFF), delegated("a", largest(), 0xFF)],
        floor: time(LAST_SECOND),
    });
    let highest = version(u32::MAX, u32::MAX, u32::MAX);
    state.release = Standing::Known(Remembered {
        pointer: Pointer {
            release: [0xFF; 32],
            version: highest,
            security_version: u32::MAX,
            class: Class::Feature,
        },
        length: u32::MAX,
    });
    state.rollout = Some(RolloutExtract {
        release: [0xFF; 32],
        state: RolloutState::Active,
        waves: (0..8)
            .map(|number| Wave {
                share_ppm: 1_000_000,
                start: time(LAST_SECOND - 7 + number),
            })
            .collect(),
    });
    for slot in [Slot::A, Slot::B] {
        let installed = Installed {
            digest: [0xFF; 32],
            version: highest,
        };
        state.put(slot, installed);
    }
    state
}

fn states() -> [(&'static str, DeviceState); 4] {
    [
        ("state_fresh", fresh()),
        ("state_no_release", no_release()),
        ("state_full", full()),
        ("state_extremes", extremes()),
    ]
}

/// What pages hold after these states were saved.
fn pages(bytes: usize, save: impl FnOnce(&mut StatePages<'_, Flash>)) -> Vec<u8> {
    let flash = RefCell::new(Flash::with(vec![0xFF; bytes]));
    save(&mut StatePages::blank(region(&flash)));
    flash.into_inner().bytes
}

fn region(flash: &RefCell<Flash>) -> Region<'_, Flash> {
    let bytes = u32::try_from(flash.borrow().bytes.len()).unwrap();
    Region::new(flash, Span::new(0, bytes))
}

fn opened(pages: &[u8]) -> Result<DeviceState, StateError<super::flash::PowerIsOff>> {
    let flash = RefCell::new(Flash::with(pages.to_vec()));
    both(&flash).map(|(_, state)| state)
}

type Both<'f> = Result<(StatePages<'f, Flash>, DeviceState), StateError<super::flash::PowerIsOff>>;

fn both(flash: &RefCell<Flash>) -> Both<'_> {
    let mut state = DeviceState::new(TrustedState::nothing());
    let mut pages = StatePages::blank(region(flash));
    pages.read(&mut state)?;
    Ok((pages, state))
}

fn saved_twice(name: &str, state: &DeviceState) -> Vec<u8> {
    let pages = pages(SMALL_BYTES, |pages| pages.save_twice(state).unwrap());
    held(name, VERSION, &pages)
}

/// With the digest made to fit again.
fn edited(record: &mut [u8], place: usize, value: u8) {
    record[place] = value;
    let length = usize::from(u16::from_le_bytes([record[17], record[18]]));
    let (content, digest) = record[8..8 + length].split_last_chunk_mut::<32>().unwrap();
    *digest = Sha256::digest(&*content).into();
}

#[test]
fn frozen_states_are_written_and_read() {
    for (name, state) in states() {
        let pages = saved_twice(name, &state);
        assert_eq!(opened(&pages), Ok(state), "{name}");
        for (sequence, record) in (1_u32..).zip(pages.chunks(1_024)) {
            assert_eq!(record[..4], sequence.to_le_bytes(), "{name}");
            assert_eq!(record[4..8], (!sequence).to_le_bytes(), "{name}");
            assert_eq!(record[8..19], *b"TUFSTATE\x01\x82\x03", "{name}");
            assert!(record[USED_BYTES..].iter().all(|byte| *byte == 0xFF), "{name}");
        }
    }
}

/// Pages of more than one record.
#[test]
fn frozen_pages_take_turns() {
    let mut state = fresh();
    let pages = pages(2 * SMALL_BYTES, |pages| {
        for floor in 1..=5 {
            state.trusted.floor = time(floor);
            pages.save(&state).unwrap();
        }
    });
    let pages = held("state_turns", VERSION, &pages);
    assert_eq!(opened(&pages).unwrap().trusted.floor, time(5));
    let sequences: Vec<u8> = pages.chunks(1_024).map(|record| record[0]).collect();
    assert_eq!(sequences, [5, 0xFF, 3, 4]);
}

/// A record, field by field, as the paper names them.
#[test]
fn fields_stand_where_the_paper_draws_them() {
    let pages = saved_twice("state_full", &full());
    let encoded = &pages[8..USED_BYTES];
    let number = |place: usize| u32::from_le_bytes(encoded[place..place + 4].try_into().unwrap());
    let byte = |place: usize| encoded[place];
    // Versions: of the record, of what is trusted, of the rollout's extract.
    assert_eq!([8, 11, 734].map(byte), [1; 3]);
    // The floor; root, timestamp, the snapshot it names, snapshot, targets: their versions.
    assert_eq!([12, 20, 81, 141, 186, 247].map(number), [1_800_000_001, 1, 2, 3, 3, 4]);
    assert_eq!([80, 185, 246].map(byte), [1; 3]);
    // Root: length, digest, expiry, signed at.
    assert_eq!((number(28), byte(32), byte(63)), (1_001, 1, 1));
    assert_eq!((number(64), number(72)), (1_900_000_001, 1_800_000_001));
    // Delegated roles: length of the name, name, version of the file, signers.
    assert_eq!(
        (byte(307), &encoded[308..312], number(372), byte(432)),
        (4, &b"lamp"[..], 5, 6)
    );
    assert_eq!(
        (byte(448), &encoded[449..461], number(513), byte(588)),
        (12, &b"lamp-rollout"[..], 8, 9)
    );
    // Slots: known, digest, version.
    assert_eq!((byte(589), byte(590), number(622), number(630)), (1, 12, 7, 9));
    assert_eq!((byte(634), byte(635), number(667), number(675)), (1, 7, 1, 3));
    // The release: standing, digest, length, version, security version, class.
    assert_eq!((byte(679), byte(680), number(712), number(716)), (1, 10, 2_345, 4));
    assert_eq!((number(728), byte(732)), (11, 1));
    // The rollout: known, state, waves, digest, first wave.
    assert_eq!([733, 735, 736, 737, 738].map(byte), [1, 2, 3, 0, 10]);
    assert_eq!((number(770), number(774), encoded.len()), (100_000, 1_800_000_001, 898));
}

/// Whatever else stands there: with an intact record of a layout that is not known behind it, nothing older counts.
#[test]
fn other_versions_are_named_and_nothing_older_counts() {
    for (name, state) in states() {
        for found in [0, 2, u8::MAX] {
            let mut pages = saved_twice(name, &state);
            edited(&mut pages[1_024..], LAYOUT, found);
            assert_eq!(opened(&pages), Err(StateError::UnknownLayout { found }), "{name}");
            // Behind it, one that is known counts.
            let (first, second) = pages.split_at_mut(1_024);
            first.swap_with_slice(second);
            pages[..4].copy_from_slice(&1_u32.to_le_bytes());
            pages[4..8].copy_from_slice(&(!1_u32).to_le_bytes());
            pages[1_024..1_028].copy_from_slice(&2_u32.to_le_bytes());
            pages[1_028..1_032].copy_from_slice(&(!2_u32).to_le_bytes());
            assert_eq!(opened(&pages).as_ref(), Ok(&state), "{name}");
        }
        // One that is torn is none, whatever layout it names.
        let mut pages = saved_twice(name, &state);
        pages[1_024 + LAYOUT] = 2;
        assert_eq!(opened(&pages), Ok(state), "{name}");
    }
}

/// A later layout may be longer: it says so itself, and the digest is where it ends.
#[test]
fn a_longer_record_of_another_version_is_named() {
    for length in [43_u16, 899, 952] {
        let mut pages = saved_twice("state_full", &full());
        let record = &mut pages[1_024..];
        record[17..19].copy_from_slice(&length.to_le_bytes());
        edited(record, LAYOUT, 2);
        assert_eq!(opened(&pages), Err(StateError::UnknownLayout { found: 2 }), "{length}");
        // One that does not fit is not looked at, nor one of this version with another length.
        edited(&mut pages[1_024..], LAYOUT, 1);
        assert_eq!(opened(&pages), Ok(full()), "{length}");
        pages[1_041..1_043].copy_from_slice(&953_u16.to_le_bytes());
        assert_eq!(opened(&pages), Ok(full()));
    }
}

/// The last sequence is read, and nothing is written behind it.
#[test]
fn a_sequence_has_an_end() {
    let mut bytes = saved_twice("state_fresh", &fresh());
    bytes[1_024..1_028].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[1_028..1_032].copy_from_slice(&0_u32.to_le_bytes());
    let flash = RefCell::new(Flash::with(bytes));
    let (mut pages, state) = both(&flash).unwrap();
    assert_eq!(state, fresh());
    assert_eq!(pages.save(&full()), Err(StateError::SequenceExhausted));
}
