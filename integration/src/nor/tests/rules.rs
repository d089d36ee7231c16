//! What the part promises, and every breach.

use super::*;

#[test]
fn writes_are_read_back_and_erased() {
    let mut flash = SmallNor::new(CAPACITY);
    assert_eq!(flash.capacity(), CAPACITY);
    flash.write(1_020, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut bytes = [0; 12];
    flash.read(1_016, &mut bytes).unwrap();
    assert_eq!(bytes, [255, 255, 255, 255, 1, 2, 3, 4, 5, 6, 7, 8]);
    flash.erase(1_024, 2_048).unwrap();
    flash.read(1_016, &mut bytes).unwrap();
    assert_eq!(bytes, [255, 255, 255, 255, 1, 2, 3, 4, 255, 255, 255, 255]);
    flash.write(1_024, &[0; 4]).unwrap();
    assert_eq!(flash.contents()[1_020..1_028], [1, 2, 3, 4, 0, 0, 0, 0]);
}

#[test]
fn sizes_are_those_of_the_part() {
    fn sizes<F: NorFlash>(_: &F) -> [usize; 3] {
        [F::READ_SIZE, F::WRITE_SIZE, F::ERASE_SIZE]
    }
    assert_eq!(sizes(&SmallNor::new(1_024)), [4, 4, 1_024]);
    assert_eq!(sizes(&LargeNor::new(4_096)), [4, 8, 4_096]);
}

#[test]
#[should_panic(expected = "a part of 1025 bytes is not a whole number of 1024 byte erase units")]
fn part_of_broken_erase_units() {
    let _ = SmallNor::new(1_025);
}

#[test]
#[should_panic(expected = "a part of 0 bytes")]
fn part_of_nothing() {
    let _ = SmallNor::new(0);
}

#[test]
#[should_panic(expected = "unaligned read: 0x2..0x4")]
fn read_unaligned() {
    let _ = SmallNor::new(CAPACITY).read(2, &mut [0; 2]);
}

#[test]
#[should_panic(expected = "unaligned read: 0x4..0x7")]
fn read_of_unaligned_length() {
    let _ = SmallNor::new(CAPACITY).read(4, &mut [0; 3]);
}

#[test]
#[should_panic(expected = "read outside: 0x7fc..0x804")]
fn read_outside() {
    let _ = SmallNor::new(CAPACITY).read(2_044, &mut [0; 8]);
}

#[test]
#[should_panic(expected = "unaligned write: 0x4..0x8")]
fn write_unaligned() {
    let _ = LargeNor::new(4_096).write(4, &[0; 4]);
}

#[test]
#[should_panic(expected = "unaligned write: 0x0..0x6")]
fn write_of_unaligned_length() {
    let _ = SmallNor::new(CAPACITY).write(0, &[0; 6]);
}

#[test]
#[should_panic(expected = "write outside: 0x7fc..0x804")]
fn write_outside() {
    let _ = SmallNor::new(CAPACITY).write(2_044, &[0; 8]);
}

#[test]
#[should_panic(expected = "unaligned erase: 0x4..0x400")]
fn erase_from_unaligned() {
    let _ = SmallNor::new(CAPACITY).erase(4, 1_024);
}

#[test]
#[should_panic(expected = "unaligned erase: 0x0..0x404")]
fn erase_to_unaligned() {
    let _ = SmallNor::new(CAPACITY).erase(0, 1_028);
}

#[test]
#[should_panic(expected = "erase outside: 0x400..0xc00")]
fn erase_outside() {
    let _ = SmallNor::new(CAPACITY).erase(1_024, 3_072);
}

#[test]
#[should_panic(expected = "erase outside: 0x400..0x0")]
fn erase_backwards() {
    let _ = SmallNor::new(CAPACITY).erase(1_024, 0);
}

#[test]
#[should_panic(expected = "erase of an empty range at 0x400")]
fn erase_of_nothing() {
    let _ = SmallNor::new(CAPACITY).erase(1_024, 1_024);
}

#[test]
#[should_panic(expected = "write unit 0x8 is written again without an erase: it holds [ff, 00, 00, 00]")]
fn second_write() {
    let mut flash = SmallNor::new(CAPACITY);
    flash.write(8, &[0xFF, 0, 0, 0]).unwrap();
    let _ = flash.write(4, &[0xFF; 8]);
}

#[test]
#[should_panic(expected = "write unit 0x8 is written again without an erase: it holds [ff, ff, ff, ff]")]
fn second_write_onto_ones() {
    let mut flash = SmallNor::new(CAPACITY);
    flash.write(8, &[0xFF; 4]).unwrap();
    let _ = flash.write(8, &[0; 4]);
}

#[test]
#[should_panic(expected = "write unit 0x4 is written again without an erase")]
fn write_onto_what_was_there_at_power_on() {
    let mut contents = vec![0xFF; CAPACITY];
    contents[7] = 0xFE;
    let mut flash = SmallNor::with_contents(contents).with_writes_per_unit(2);
    flash.write(0, &[0; 4]).unwrap();
    let _ = flash.write(4, &[0; 4]);
}

#[test]
#[should_panic(expected = "write unit 0x0 is written again without an erase")]
fn write_onto_what_was_there_before_the_power_came_back() {
    let mut flash = SmallNor::new(CAPACITY).with_writes_per_unit(2);
    flash.write(0, &[0; 4]).unwrap();
    flash.power_on();
    let _ = flash.write(0, &[0; 4]);
}

#[test]
fn second_write_clears_more_bits_where_the_part_allows_it() {
    let mut flash = SmallNor::new(CAPACITY).with_writes_per_unit(2);
    flash.write(0, &[0xF0, 0xFF, 0x0F, 0x01]).unwrap();
    flash.write(0, &[0x10, 0x77, 0xFF, 0x01]).unwrap();
    assert_eq!(flash.contents()[..4], [0x10, 0x77, 0x0F, 0x01]);
}

#[test]
#[should_panic(expected = "write unit 0x0 is written again without an erase")]
fn third_write() {
    let mut flash = SmallNor::new(CAPACITY).with_writes_per_unit(2);
    flash.write(0, &[0xFF; 4]).unwrap();
    flash.write(0, &[0xFF; 4]).unwrap();
    let _ = flash.write(0, &[0xFF; 4]);
}

#[test]
#[should_panic(expected = "write unit 0x0 needs a 0 turned into a 1: [f0, ff, ff, ff] to [f8, ff, ff, ff]")]
fn write_of_a_one_onto_a_zero() {
    let mut flash = SmallNor::new(CAPACITY).with_writes_per_unit(2);
    flash.write(0, &[0xF0, 0xFF, 0xFF, 0xFF]).unwrap();
    let _ = flash.write(0, &[0xF8, 0xFF, 0xFF, 0xFF]);
}

#[test]
fn erase_makes_writable_what_it_erases() {
    let mut flash = programmed();
    flash.erase(0, 1_024).unwrap();
    flash.write(0, &[1; 1_024]).unwrap();
    flash.erase(0, 2_048).unwrap();
    flash.write(0, &[2; 2_048]).unwrap();
    assert_eq!(flash.into_contents(), [2; 2_048]);
}

#[test]
#[should_panic(expected = "write unit 0x400 is written again without an erase")]
fn erase_makes_nothing_else_writable() {
    let mut flash = SmallNor::new(CAPACITY);
    flash.write(1_024, &[0xFF; 4]).unwrap();
    flash.erase(0, 1_024).unwrap();
    let _ = flash.write(1_024, &[0; 4]);
}
