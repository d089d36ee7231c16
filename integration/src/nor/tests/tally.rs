//! What is counted.

use super::*;

const SLOT: Region = Region {
    name: "slot",
    bytes: 0..2_048,
};
const RECORDS: Region = Region {
    name: "records",
    bytes: 2_048..4_096,
};

/// Erases the slot twice and its second unit once more; writes 12 bytes at its end, 8 of them twice; one record.
fn used() -> SmallNor {
    let mut flash = SmallNor::new(4_096);
    flash.erase(0, 2_048).unwrap();
    flash.write(2_036, &[1; 12]).unwrap();
    flash.erase(0, 2_048).unwrap();
    flash.erase(1_024, 2_048).unwrap();
    flash.write(2_040, &[1; 4]).unwrap();
    flash.write(2_044, &[1; 4]).unwrap();
    flash.write(2_048, &[1; 8]).unwrap();
    flash.read(0, &mut [0; 8]).unwrap();
    flash
}

#[test]
fn wear_is_told_by_region() {
    let flash = used();
    let tally = flash.tally();
    assert_eq!(tally.operations(), 9);
    assert_eq!(tally.erases(), [2, 3, 0, 0]);
    let slot = Wear {
        region: "slot",
        erases: 5,
        erases_max: 3,
        bytes_written: 20,
        units_rewritten: 2,
    };
    let records = Wear {
        region: "records",
        erases: 0,
        erases_max: 0,
        bytes_written: 8,
        units_rewritten: 0,
    };
    assert_eq!(tally.report(&[SLOT, RECORDS]), [slot, records]);
    assert_eq!(
        tally.whole(),
        Wear {
            region: "the whole part",
            bytes_written: 28,
            ..slot
        }
    );
    assert_eq!(
        slot.to_string(),
        "slot: 5 erases, 3 at most of a unit; 20 bytes written, 2 units more than once"
    );
}

#[test]
fn operation_that_is_cut_counts_and_what_comes_after_it_does_not() {
    let mut flash = SmallNor::new(4_096);
    flash.cut_at(Cut {
        operation: 1,
        tear: Tear::Before,
    });
    assert_eq!(flash.erase(0, 4_096), Err(NorError::PowerIsOff));
    assert_eq!(flash.write(0, &[0; 4]), Err(NorError::PowerIsOff));
    assert_eq!(flash.tally().erases(), [1, 1, 0, 0]);
    assert_eq!(flash.tally().operations(), 2);
    flash.power_on();
    flash.write(0, &[0; 4]).unwrap();
    assert_eq!(flash.tally().operations(), 3);
    assert_eq!(flash.tally().whole().bytes_written, 4);
}

#[test]
fn tally_that_is_taken_begins_again() {
    let mut flash = used();
    assert_eq!(flash.take_tally().operations(), 9);
    assert_eq!(flash.tally().operations(), 0);
    assert_eq!(flash.tally().whole().bytes_written, 0);
    flash.erase(3_072, 4_096).unwrap();
    assert_eq!(flash.tally().erases(), [0, 0, 0, 1]);
}

#[test]
#[should_panic(expected = "is not whole erase units of 1024 bytes")]
fn region_of_broken_erase_units() {
    let _ = used().tally().of(&Region {
        name: "half",
        bytes: 0..512,
    });
}

#[test]
#[should_panic(expected = "is outside of the part")]
fn region_outside() {
    let _ = used().tally().of(&Region {
        name: "next part",
        bytes: 3_072..5_120,
    });
}
