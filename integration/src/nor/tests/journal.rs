//! The journal, by itself and against live cuts.

use super::*;

/// Four erase units: enough for erases of several, and for writes across their borders.
const BYTES: usize = 4 * 1_024;

/// Does this many random calls within the rules. The same seed does the same calls.
fn work<const WRITE: usize, const ERASE: usize>(
    flash: &mut Nor<WRITE, ERASE>,
    seed: u64,
    calls: usize,
) -> Result<(), NorError> {
    let mut random = Random::new(seed);
    // What is there at first is used up.
    let mut is_erased = vec![false; flash.capacity() / WRITE];
    for _ in 0..calls {
        if random.below(3) == 0 {
            let units = flash.capacity() / ERASE;
            let from = random.below(units);
            let to = from + 1 + random.below(units - from);
            is_erased[from * ERASE / WRITE..to * ERASE / WRITE].fill(true);
            flash.erase((from * ERASE) as u32, (to * ERASE) as u32)?;
            continue;
        }
        let from = random.below(is_erased.len());
        let free = is_erased[from..].iter().take_while(|is_erased| **is_erased).count();
        let most = [3, 300][random.below(2)];
        let units = free.min(random.below(most));
        is_erased[from..from + units].fill(false);
        let bytes: Vec<u8> = (0..units * WRITE).map(|_| random.byte()).collect();
        flash.write((from * WRITE) as u32, &bytes)?;
    }
    Ok(())
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(!seed);
    (0..bytes).map(|_| random.byte()).collect()
}

fn recorded<const WRITE: usize, const ERASE: usize>(seed: u64, bytes: usize) -> Journal {
    let mut flash = Nor::<WRITE, ERASE>::with_contents(noise(seed, bytes));
    flash.record();
    work(&mut flash, seed, 15).unwrap();
    let mut journal = flash.take_journal();
    let count = journal.operations().len();
    assert_eq!(journal.contents_before(count), flash.contents(), "seed {seed}");
    assert_eq!(count, flash.tally().operations(), "seed {seed}");
    journal
}

/// The contents after the same work, cut live.
fn live<const WRITE: usize, const ERASE: usize>(seed: u64, bytes: usize, cut: Cut) -> Vec<u8> {
    let mut flash = Nor::<WRITE, ERASE>::with_contents(noise(seed, bytes));
    flash.cut_at(cut);
    assert_eq!(
        work(&mut flash, seed, 15),
        Err(NorError::PowerIsOff),
        "seed {seed}, {cut:?}"
    );
    flash.into_contents()
}

fn compare<const WRITE: usize, const ERASE: usize>(seed: u64, bytes: usize) {
    let mut journal = recorded::<WRITE, ERASE>(seed, bytes);
    let mut random = Random::new(seed);
    for index in 0..journal.operations().len() {
        let Operation { kind, old, .. } = &journal.operations()[index];
        let mut tears = Tears::Inside { seed }.of(*kind, old.len(), index);
        tears.push(Tear::Any { seed: random.number() });
        for tear in tears {
            let cut = Cut { operation: index, tear };
            assert!(
                journal.contents_after(cut) == live::<WRITE, ERASE>(seed, bytes, cut),
                "seed {seed}, {cut:?}: the journal and the live cut differ"
            );
        }
    }
}

#[test]
fn cut_leaves_the_same_live_and_from_the_journal() {
    for seed in 0..12 {
        compare::<4, 1_024>(seed, BYTES);
    }
    for seed in 12..16 {
        compare::<8, 4_096>(seed, 3 * 4_096);
    }
}

#[test]
fn every_cut_comes_once_and_in_order() {
    for seed in 0..10 {
        let mut journal = recorded::<4, 1_024>(seed, BYTES);
        for tears in [Tears::Between, Tears::Inside { seed }, Tears::EveryUnit { seed }] {
            let cuts: Vec<_> = journal.cuts(tears).collect();
            let mut expected = Vec::new();
            let count = journal.operations().len();
            for index in 0..count {
                let operation = journal.operations()[index].clone();
                let before = journal.contents_before(index).to_vec();
                let after = journal.contents_before(index + 1).to_vec();
                for tear in tears.of(operation.kind, operation.old.len(), index) {
                    let cut = Cut { operation: index, tear };
                    let contents = journal.contents_after(cut);
                    let comes = if tear == Tear::After {
                        index + 1 == count && before != after
                    } else {
                        tear == Tear::Before || (contents != before && contents != after)
                    };
                    if comes {
                        expected.push((cut, operation.offset, operation.old.len(), contents));
                    }
                }
            }
            assert_eq!(cuts.len(), expected.len(), "seed {seed}, {tears:?}");
            for ((point, contents), expected) in cuts.into_iter().zip(expected) {
                let found = (point.cut, point.offset, point.bytes, contents);
                assert!(found == expected, "seed {seed}, {tears:?}: {point}");
            }
        }
    }
}

#[test]
fn journal_walks_both_ways() {
    let mut flash = SmallNor::with_contents(noise(7, BYTES));
    flash.record();
    let mut seen = vec![flash.contents().to_vec()];
    for unit in [0, 3, 1, 0] {
        flash.erase(unit * 1_024, (unit + 1) * 1_024).unwrap();
        seen.push(flash.contents().to_vec());
        flash.write(unit * 1_024 + 8, &[unit as u8; 16]).unwrap();
        seen.push(flash.contents().to_vec());
    }
    let mut journal = flash.take_journal();
    let mut random = Random::new(7);
    let jumps = std::iter::repeat_with(|| random.below(9)).take(100);
    for index in (0..9).chain((0..9).rev()).chain(jumps) {
        assert!(journal.contents_before(index) == seen[index], "operation {index}");
    }
}

#[test]
fn journal_says_what_was_done() {
    let mut flash = SmallNor::with_contents(vec![3; BYTES]);
    flash.erase(0, 1_024).unwrap();
    flash.record();
    flash.write(4, &[1; 8]).unwrap();
    flash.erase(0, 2_048).unwrap();
    let journal = flash.take_journal();
    let write = Kind::Write { unit_bytes: 4 };
    let [first, second, third] = journal.operations() else {
        panic!("{journal:?}");
    };
    assert_eq!((first.kind, first.offset), (write, 4));
    assert_eq!((&first.old[..], &first.new[..]), (&[0xFF; 8][..], &[1; 8][..]));
    assert_eq!((second.kind, second.offset, second.old[4]), (Kind::Erase, 0, 1));
    assert_eq!((third.kind, third.offset), (Kind::Erase, 1_024));
    assert_eq!((third.old[0], third.old.len()), (3, 1_024));
    assert_eq!(third.new, [0xFF; 1_024]);
    let (point, _) = journal.cuts(Tears::Between).last().unwrap();
    assert_eq!(point.to_string(), "operation 2, erase of 1024 bytes at 0x400, After");
}

#[test]
fn share_of_the_cuts_is_a_share() {
    let journal = recorded::<4, 1_024>(1, BYTES);
    let tears = Tears::Inside { seed: 1 };
    let whole: Vec<_> = journal.cuts(tears).collect();
    let count = journal.operations().len();
    let shares = journal.cuts_in(0..5, tears).chain(journal.cuts_in(5..count, tears));
    assert!(whole.into_iter().eq(shares));
}

#[test]
fn operation_that_is_cut_is_not_in_the_journal() {
    let mut flash = SmallNor::new(BYTES);
    flash.record();
    flash.cut_at(Cut {
        operation: 1,
        tear: Tear::After,
    });
    flash.write(0, &[0; 4]).unwrap();
    assert_eq!(flash.write(4, &[0; 4]), Err(NorError::PowerIsOff));
    assert_eq!(flash.take_journal().operations().len(), 1);
}

#[test]
#[should_panic(expected = "nothing was recorded")]
fn journal_that_was_not_kept() {
    let _ = SmallNor::new(BYTES).take_journal();
}

#[test]
#[should_panic(expected = "operation 2 is behind the end, 1")]
fn contents_before_what_was_not_done() {
    let mut flash = SmallNor::new(BYTES);
    flash.record();
    flash.erase(0, 1_024).unwrap();
    let mut journal = flash.take_journal();
    assert_eq!(journal.contents_before(1), [0xFF; BYTES]);
    journal.contents_before(2);
}

#[test]
#[should_panic(expected = "is behind the end")]
fn contents_after_what_was_not_done() {
    let mut flash = SmallNor::new(BYTES);
    flash.record();
    let cut = Cut {
        operation: 0,
        tear: Tear::After,
    };
    flash.take_journal().contents_after(cut);
}

#[test]
#[should_panic(expected = "0..1 is behind the end, 0")]
fn cuts_of_what_was_not_done() {
    let mut flash = SmallNor::new(BYTES);
    flash.record();
    let _ = flash.take_journal().cuts_in(0..1, Tears::Between).count();
}
