//! What a cut leaves.

use super::*;

const WRITE: Kind = Kind::Write { unit_bytes: 4 };

/// What a write of 12 bytes at 4, torn like this, leaves of the first 20 bytes.
fn torn_write(tear: Tear) -> Vec<u8> {
    let mut flash = SmallNor::new(CAPACITY);
    flash.cut_at(Cut { operation: 0, tear });
    assert_eq!(
        flash.write(4, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        Err(NorError::PowerIsOff)
    );
    assert_eq!(flash.contents()[20..], [0xFF; CAPACITY - 20]);
    flash.into_contents()[..20].to_vec()
}

/// What erasing both units of zeros, torn like this in the second one, leaves of that one.
fn torn_erase(tear: Tear) -> Vec<u8> {
    let mut flash = programmed();
    flash.cut_at(Cut { operation: 1, tear });
    assert_eq!(flash.erase(0, 2_048), Err(NorError::PowerIsOff));
    assert_eq!(flash.contents()[..1_024], [0xFF; 1_024]);
    flash.into_contents()[1_024..].to_vec()
}

fn count_ones(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| byte.count_ones()).sum()
}

#[test]
fn write_not_begun_leaves_nothing_and_a_write_unheard_of_everything() {
    assert_eq!(torn_write(Tear::Before), [0xFF; 20]);
    let whole = [
        255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 255, 255, 255, 255,
    ];
    assert_eq!(torn_write(Tear::After), whole);
}

#[test]
fn write_leaves_its_first_units() {
    let one = torn_write(Tear::Programmed { units: 1 });
    assert_eq!(one[..8], [255, 255, 255, 255, 1, 2, 3, 4]);
    assert_eq!(one[8..], [0xFF; 12]);
    let two = torn_write(Tear::Programmed { units: 2 });
    assert_eq!(two[..12], [255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(two[12..], [0xFF; 8]);
}

#[test]
fn write_leaves_one_unit_half_way() {
    let mut left = Vec::new();
    for seed in 0..100 {
        let bytes = torn_write(Tear::Programming { units: 1, seed });
        assert_eq!(bytes[..8], [255, 255, 255, 255, 1, 2, 3, 4], "seed {seed}");
        assert_eq!(bytes[12..], [0xFF; 8], "seed {seed}");
        for (cell, to_be) in bytes[8..12].iter().zip([5, 6, 7, 8]) {
            assert_eq!(
                cell & to_be,
                to_be,
                "seed {seed}: only bits that were to be cleared are"
            );
        }
        left.push(bytes[8..12].to_vec());
    }
    assert!(left.iter().any(|unit| count_ones(unit) < 12) && left.iter().any(|unit| count_ones(unit) > 28));
    left.sort();
    left.dedup();
    assert!(left.len() > 60, "{}", left.len());
}

#[test]
fn write_leaves_bits_anywhere_in_it() {
    let bytes = torn_write(Tear::Bits { seed: 1 });
    assert_eq!(bytes[..4], [0xFF; 4]);
    assert_eq!(bytes[16..], [0xFF; 4]);
    for unit in bytes[4..16].chunks(4) {
        assert_ne!(unit, [0xFF; 4]);
    }
}

#[test]
fn erase_not_begun_leaves_everything_and_an_erase_unheard_of_nothing() {
    assert_eq!(torn_erase(Tear::Before), [0; 1_024]);
    assert_eq!(torn_erase(Tear::After), [0xFF; 1_024]);
}

#[test]
fn erase_leaves_an_end_erased() {
    let head = torn_erase(Tear::ErasedHead { bytes: 3 });
    assert_eq!(head[..3], [0xFF; 3]);
    assert_eq!(head[3..], [0; 1_021]);
    let tail = torn_erase(Tear::ErasedTail { bytes: 1_000 });
    assert_eq!(tail[..24], [0; 24]);
    assert_eq!(tail[24..], [0xFF; 1_000]);
}

#[test]
fn erase_leaves_few_half_or_most_bits_set() {
    let mut ones: Vec<u32> = (0..30)
        .map(|seed| count_ones(&torn_erase(Tear::Bits { seed })))
        .collect();
    ones.sort();
    assert!(ones[0] > 0 && ones[0] < 1_024, "{ones:?}");
    assert!(ones.iter().any(|ones| (3_500..4_700).contains(ones)), "{ones:?}");
    assert!(ones[29] > 7_168 && ones[29] < 8_192, "{ones:?}");
}

#[test]
fn erase_of_what_is_erased_has_nothing_to_tear() {
    for tear in [Tear::Before, Tear::Bits { seed: 3 }, Tear::ErasedHead { bytes: 8 }] {
        let mut flash = SmallNor::new(CAPACITY);
        flash.cut_at(Cut { operation: 0, tear });
        assert_eq!(flash.erase(0, 1_024), Err(NorError::PowerIsOff));
        assert_eq!(flash.contents(), [0xFF; CAPACITY]);
    }
}

#[test]
fn any_tear_fits_any_operation() {
    let mut left = Vec::new();
    for seed in 0..50 {
        left.push(torn_write(Tear::Any { seed }));
        torn_erase(Tear::Any { seed });
    }
    left.sort();
    left.dedup();
    assert!(left.len() > 10, "{}", left.len());
}

#[test]
#[should_panic(expected = "ErasedHead { bytes: 4 } is no tear of this operation: Write { unit_bytes: 4 }")]
fn write_torn_like_an_erase() {
    torn_write(Tear::ErasedHead { bytes: 4 });
}

#[test]
#[should_panic(expected = "Programmed { units: 1 } is no tear of this operation: Erase")]
fn erase_torn_like_a_write() {
    torn_erase(Tear::Programmed { units: 1 });
}

#[test]
#[should_panic(expected = "Programming { units: 3, seed: 0 } lies behind the operation's 12 bytes")]
fn tear_behind_the_write() {
    torn_write(Tear::Programming { units: 3, seed: 0 });
}

#[test]
#[should_panic(expected = "ErasedTail { bytes: 1025 } lies behind the operation's 1024 bytes")]
fn tear_behind_the_erase() {
    torn_erase(Tear::ErasedTail { bytes: 1_025 });
}

#[test]
fn cut_counts_writes_and_erase_units() {
    let work = |flash: &mut SmallNor| {
        flash.write(0, &[])?;
        flash.erase(0, 2_048)?;
        flash.read(0, &mut [0; 8])?;
        flash.write(0, &[0; 400])?;
        flash.write(400, &[0; 4])
    };
    for operation in 0..4 {
        let mut flash = programmed();
        flash.cut_at(Cut {
            operation,
            tear: Tear::Before,
        });
        assert_eq!(work(&mut flash), Err(NorError::PowerIsOff), "operation {operation}");
        let ones = [0, 1_024, 2_048, 2_048 - 400][operation];
        assert_eq!(count_ones(flash.contents()), 8 * ones as u32, "operation {operation}");
    }
    let mut flash = programmed();
    flash.cut_at(Cut {
        operation: 4,
        tear: Tear::Before,
    });
    assert_eq!(work(&mut flash), Ok(()));
    assert!(!flash.is_off());
}

#[test]
fn every_access_after_the_cut_fails_and_is_counted() {
    let mut flash = SmallNor::new(CAPACITY);
    assert_eq!(flash.accesses_after_cut(), 0);
    flash.cut_at(Cut {
        operation: 0,
        tear: Tear::Before,
    });
    assert!(!flash.is_off());
    assert_eq!(flash.write(0, &[0; 4]), Err(NorError::PowerIsOff));
    assert!(flash.is_off());
    assert_eq!(flash.accesses_after_cut(), 0);
    let mut bytes = [7; 4];
    assert_eq!(flash.read(0, &mut bytes), Err(NorError::PowerIsOff));
    assert_eq!(flash.write(0, &[0; 4]), Err(NorError::PowerIsOff));
    assert_eq!(flash.erase(0, 2_048), Err(NorError::PowerIsOff));
    assert_eq!(bytes, [7; 4]);
    assert_eq!(flash.contents(), [0xFF; CAPACITY]);
    assert_eq!(flash.accesses_after_cut(), 3);
}

#[test]
fn power_comes_back() {
    let mut flash = SmallNor::new(CAPACITY);
    flash.cut_at(Cut {
        operation: 0,
        tear: Tear::Before,
    });
    assert_eq!(flash.write(0, &[0; 4]), Err(NorError::PowerIsOff));
    flash.power_on();
    assert_eq!(flash.write(0, &[0; 4]), Ok(()));
    assert_eq!(flash.contents()[..4], [0; 4]);
    flash.cut_at(Cut {
        operation: 0,
        tear: Tear::Before,
    });
    flash.power_on();
    assert_eq!(flash.write(4, &[0; 4]), Ok(()));
}

#[test]
#[should_panic(expected = "the power is off")]
fn cut_of_what_is_off() {
    let mut flash = SmallNor::new(CAPACITY);
    let cut = Cut {
        operation: 0,
        tear: Tear::Before,
    };
    flash.cut_at(cut);
    let _ = flash.write(0, &[0; 4]);
    flash.cut_at(cut);
}

/// The names of the tears, with their numbers, and without their seeds.
fn names(tears: Tears, kind: Kind, bytes: usize) -> Vec<String> {
    let name = |tear: &Tear| match tear {
        Tear::Programming { units, .. } => format!("Programming {units}"),
        Tear::Programmed { units } => format!("Programmed {units}"),
        Tear::ErasedHead { bytes } => format!("ErasedHead {bytes}"),
        Tear::ErasedTail { bytes } => format!("ErasedTail {bytes}"),
        Tear::Bits { .. } => "Bits".to_owned(),
        Tear::Unstable { .. } => "Unstable".to_owned(),
        Tear::Before | Tear::After | Tear::Any { .. } => format!("{tear:?}"),
    };
    tears.of(kind, bytes, 0).iter().map(name).collect()
}

#[test]
fn tears_of_an_operation() {
    let inside = Tears::Inside { seed: 1 };
    let every = Tears::EveryUnit { seed: 1 };
    assert_eq!(names(Tears::Between, WRITE, 4), ["Before", "After"]);
    assert_eq!(names(inside, WRITE, 4), ["Before", "Programming 0", "Bits", "After"]);
    assert_eq!(
        names(inside, WRITE, 8),
        [
            "Before",
            "Programming 0",
            "Programmed 1",
            "Programming 1",
            "Bits",
            "After"
        ]
    );
    assert_eq!(
        names(inside, WRITE, 400),
        [
            "Before",
            "Programming 0",
            "Programmed 50",
            "Programming 50",
            "Programmed 99",
            "Programming 99",
            "Bits",
            "After"
        ]
    );
    assert_eq!(
        names(inside, Kind::Erase, 1_024),
        [
            "Before",
            "ErasedHead 4",
            "ErasedTail 4",
            "ErasedHead 512",
            "ErasedTail 512",
            "ErasedHead 1020",
            "ErasedTail 1020",
            "Bits",
            "After"
        ]
    );
    assert_eq!(names(every, WRITE, 400).len(), 1 + 100 + 99 + 4 + 1);
    assert_eq!(names(every, Kind::Erase, 1_024).len(), 1 + 6 + 4 + 1);
    let seeds = |operation| inside.of(WRITE, 4, operation);
    assert_eq!(seeds(1), seeds(1));
    assert_ne!(seeds(1), seeds(2));
}
