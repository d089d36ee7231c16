//! An exchange on a part that fails: cut while it is undone, and a journal that cannot be read, or takes nothing any more.
//!
//! What starts is an image that the boot record pins, whole. Where nothing starts the bootloader says so, and whoever brings the
//! confirmed image over the serial line helps for good: the device boots it from then on.

use super::boots::{Boots, End, Lived, Part, UNIT_BYTES};
use super::sweep::mode;
use super::{Depth, SEED, Sweep, Tally};
use crate::life::{Fate, Findings};
use crate::nor::{Cut, Fault, Journal, Kind, Random, Tear, Tears, Unreadable};
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use tuffet_boot::State;
use tuffet_no_std_client::boot::Recovery;
use tuffet_no_std_client::flash::{Span, Storage, Swap};
use tuffet_no_std_client::recovery::{BUFFER_BYTES, Session, send};

/// Resets by the watchdog after which a bootloader that only stops counts as dead.
const RESETS_MAX: usize = 4;
/// Silences after which nobody is at the other end of the line.
const SILENCES_MAX: u32 = 4;
/// Bytes of the smallest read.
const WORD_BYTES: usize = 4;

type Flash = RefCell<Part<4>>;

/// How an erase unit fails.
#[derive(Copy, Clone, Debug)]
enum Failing {
    /// It says that everything is done.
    Stuck,
    /// It says that nothing is.
    Refusing,
}

impl Failing {
    const ALL: [Self; 2] = [Self::Stuck, Self::Refusing];

    fn spoil(self, flash: &Flash, units: Range<usize>) {
        let mut flash = flash.borrow_mut();
        for unit in units {
            match self {
                Self::Stuck => flash.stick(unit),
                Self::Refusing => flash.refuse(unit),
            }
        }
    }
}

fn units(span: Span) -> Range<usize> {
    let unit = |offset: u32| offset as usize / UNIT_BYTES;
    unit(span.start)..unit(span.start + span.bytes)
}

fn part(contents: &[u8]) -> Flash {
    RefCell::new(Part::with_contents(contents.to_vec()))
}

/// What a device came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Rest {
    /// This image runs, as [`End::Runs`] has it.
    Alone(usize),
    /// And somebody brought it.
    Helped(usize),
}

impl Rest {
    const fn told(self) -> &'static str {
        match self {
            Self::Alone(0) => "the old image runs",
            Self::Alone(_) => "the new image runs",
            Self::Helped(_) => "brought over the line",
        }
    }
}

/// Resets a device until it is at rest, and helps it if it asks for help. What runs then runs at the next resets, too.
fn rest(boots: &Boots<Swap>, flash: &Flash) -> (Rest, bool) {
    let Lived { end, has_failed } = stopped_or_not(boots, flash);
    let came = match end {
        End::Runs(index) => Rest::Alone(index),
        End::Recovery(recovery) => {
            bring(boots, flash, recovery);
            match stopped_or_not(boots, flash).end {
                End::Runs(index) => Rest::Helped(index),
                end @ (End::Recovery(_) | End::Stopped) => {
                    panic!("the image was brought, and that did not help: {end:?}")
                }
            }
        }
        End::Stopped => panic!("the bootloader stops at every reset"),
    };
    let (Rest::Alone(index) | Rest::Helped(index)) = came;
    for _ in 0..2 {
        let end = stopped_or_not(boots, flash).end;
        assert_eq!(end, End::Runs(index), "{came:?}, and after a reset no more");
    }
    (came, has_failed)
}

/// A bootloader that stops is reset, since an error may be gone the next time.
fn stopped_or_not(boots: &Boots<Swap>, flash: &Flash) -> Lived {
    for _ in 1..RESETS_MAX {
        flash.borrow_mut().power_on();
        let lived = boots.live(flash).expect("the power stays");
        if lived.end != End::Stopped {
            return lived;
        }
    }
    flash.borrow_mut().power_on();
    boots.live(flash).expect("the power stays")
}

/// Lives until the power goes, through boots that only stop.
fn lives_until(boots: &Boots<Swap>, flash: &Flash, mut cut: Cut) -> bool {
    for _ in 0..RESETS_MAX {
        let before = flash.borrow().tally().operations();
        if boots.live_until(flash, cut.operation, cut.tear) {
            return true;
        }
        let done = flash.borrow().tally().operations() - before;
        cut.operation = cut.operation.saturating_sub(done);
    }
    false
}

/// Brings the confirmed image over the serial line.
fn bring(boots: &Boots<Swap>, flash: &Flash, recovery: Recovery) {
    flash.borrow_mut().power_on();
    let storage = Storage::new(flash, &boots.map);
    let Ok(State::Confirmed { confirmed, .. }) = storage.boot_records().map(|records| records.state()) else {
        panic!("no image is confirmed: {recovery:?}");
    };
    let image = boots.image(&confirmed.image.digest).expect("it is one of the two");
    let mut buffer = [0; BUFFER_BYTES];
    let mut line = Line {
        session: Session::begin(&storage, recovery, &mut buffer).expect("a recovery begins"),
        to_host: VecDeque::new(),
    };
    send(&mut line, image, SILENCES_MAX, &mut |_| ()).unwrap_or_else(|error| panic!("{recovery:?}: {error:?}"));
}

/// A line without faults, with a device at its end that answers at once.
struct Line<'f, 'b> {
    session: Session<'f, 'b, Part<4>, Swap>,
    to_host: VecDeque<u8>,
}

impl ErrorType for Line<'_, '_> {
    type Error = ErrorKind;
}

impl Read for Line<'_, '_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        space[0] = self.to_host.pop_front().ok_or(ErrorKind::TimedOut)?;
        Ok(1)
    }
}

impl Write for Line<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        for byte in bytes {
            self.session.push(*byte);
            while let Some(reply) = self.session.reply(&mut || ()) {
                self.to_host.extend(reply.bytes());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Every tear of an operation, and of an erase one that reads differently each time.
fn tears(journal: &Journal, operation: usize) -> Vec<Tear> {
    let done = &journal.operations()[operation];
    let mut tears = Tears::EveryUnit { seed: SEED }.of(done.kind, done.old.len(), operation);
    if done.kind == Kind::Erase {
        tears.push(Tear::Unstable {
            seed: SEED ^ operation as u64,
        });
    }
    tears
}

/// A unit of the slots fails from the beginning, so the exchange to the image on trial is undone: cut at every operation from the
/// first one in that unit on, in every way, and then some more times. The confirmed image runs at the end, and the trial has failed, as
/// without a cut.
#[must_use]
pub fn while_undone(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("an exchange that is undone, cut"), Findings::default());
    let more_tries = if depth == Depth::Deep { 8 } else { 1 };
    for places_left in [None, Some(1)] {
        let boots = Boots::<Swap>::new::<4>(Fate::Confirms, places_left);
        let slots = boots.map.slots;
        let units = units(slots.running).chain(units(slots.staged));
        let all_failing: Vec<_> = units.flat_map(|unit| Failing::ALL.map(|how| (unit, how))).collect();
        let found = Findings::of_each(&all_failing, |(unit, how), findings| {
            let start = part(&boots.start);
            how.spoil(&start, *unit..*unit + 1);
            let Some(journal) = findings.look(|| format!("{}, {how:?} {unit}", boots.name), || undone(&boots, &start))
            else {
                return;
            };
            let Some(journal) = journal else { return };
            let operations = journal.operations();
            let is_in = |operation: &crate::nor::Operation| operation.offset / UNIT_BYTES == *unit;
            let first = operations.iter().position(is_in).unwrap_or(operations.len());
            for operation in first..operations.len() {
                for tear in tears(&journal, operation) {
                    for try_again in 0..=more_tries {
                        let cut = Cut { operation, tear };
                        let name = || format!("{}, {how:?} {unit}, {cut:?}, {try_again} more", boots.name);
                        findings.look(name, || {
                            let mode = if try_again > 0 { "and again" } else { mode(tear) };
                            tally.count(&format!("{}, {how:?}", boots.name), mode, true);
                            let flash = start.clone();
                            assert!(lives_until(&boots, &flash, cut), "the cut is not reached");
                            let mut random = Random::new(SEED ^ operation as u64 ^ (try_again << 32));
                            for _ in 0..try_again {
                                let tear = Tear::Any { seed: random.number() };
                                boots.live_until(&flash, random.below(40), tear);
                            }
                            let ended = rest(&boots, &flash);
                            assert_eq!(ended, (Rest::Alone(0), true), "another end than without a cut");
                        });
                    }
                }
            }
        });
        all.extend(&found);
    }
    tally.note(format!("seed {SEED:#x}"));
    tally.end(&all)
}

/// What is done on a part with a unit that fails, if the exchange is undone there.
fn undone(boots: &Boots<Swap>, start: &Flash) -> Option<Journal> {
    let flash = start.clone();
    flash.borrow_mut().record();
    let lived = stopped_or_not(boots, &flash);
    match (lived.end, lived.has_failed) {
        (End::Runs(0), true) => Some(flash.into_inner().take_journal()),
        // The unit does not matter.
        (End::Runs(1), false) => None,
        (end, has_failed) => panic!("another end: {end:?}, {has_failed}"),
    }
}

/// Every word of the journal and of the staged place cannot be read, at every age: once, until it is erased, or for good. One reading
/// of the journal that fails changes nothing.
#[must_use]
pub fn unreadable_journal(depth: Depth) -> Sweep {
    let (tally, all) = (
        Tally::new("a word of the journal or the staged place that cannot be read"),
        Findings::default(),
    );
    let stride = if depth == Depth::Short { 5 } else { 1 };
    for fate in [Fate::Confirms, Fate::Hangs] {
        let boots = Boots::<Swap>::new::<4>(fate, None);
        let mut journal = boots.recorded::<4>(boots.start.clone());
        let ages: Vec<(usize, Vec<u8>)> = (0..=journal.operations().len())
            .step_by(stride)
            .map(|age| (age, journal.contents_before(age).to_vec()))
            .collect();
        let (staged, journal) = (boots.map.slots.staged, boots.map.slots.journal);
        let words = staged.start as usize / WORD_BYTES..(journal.start + journal.bytes) as usize / WORD_BYTES;
        let found = Findings::of_each(&ages, |(age, contents), findings| {
            for word in words.clone() {
                for how in [Unreadable::Readings(1), Unreadable::UntilErased, Unreadable::ForGood] {
                    let name = || format!("{}, age {age}, word {word}, {how:?}", boots.name);
                    findings.look(name, || {
                        let flash = part(contents);
                        flash.borrow_mut().spoil(word, how);
                        let (rest, has_failed) = rest(&boots, &flash);
                        let kind = match how {
                            Unreadable::Readings(_) => "once",
                            Unreadable::UntilErased => "until it is erased",
                            Unreadable::ForGood => "for good",
                        };
                        let is_journal = word * WORD_BYTES >= journal.start as usize;
                        let part = if is_journal { "journal" } else { "staged place" };
                        tally.count(&format!("{}, {part}, {kind}", boots.name), rest.told(), true);
                        if is_journal && how == Unreadable::Readings(1) {
                            let expected = (End::Runs(usize::from(fate == Fate::Confirms)), fate != Fate::Confirms);
                            let Rest::Alone(index) = rest else {
                                panic!("one reading that fails costs the image");
                            };
                            assert_eq!(
                                (End::Runs(index), has_failed),
                                expected,
                                "one reading that fails costs more"
                            );
                        }
                    });
                }
            }
        });
        all.extend(&found);
    }
    tally.end(&all)
}

/// Both areas of the journal, or one, take nothing any more: from any operation on with the power on, or after a cut there.
#[must_use]
pub fn worn_journal(depth: Depth) -> Sweep {
    let (tally, all) = (Tally::new("a journal that takes nothing any more"), Findings::default());
    let stride = if depth == Depth::Short { 3 } else { 1 };
    for fate in [Fate::Confirms, Fate::Fails, Fate::Hangs] {
        let boots = Boots::<Swap>::new::<4>(fate, None);
        let journal = boots.recorded::<4>(boots.start.clone());
        let both = units(boots.map.slots.journal);
        let half = both.start + both.len() / 2;
        let areas = [
            ("both areas", both.clone()),
            ("the first area", both.start..half),
            ("the second area", half..both.end),
        ];
        let operations: Vec<usize> = (0..journal.operations().len()).step_by(stride).collect();
        let found = Findings::of_each(&operations, |operation, findings| {
            for ((area, units), how) in areas.iter().flat_map(|area| Failing::ALL.map(|how| (area, how))) {
                let row = format!("{}, {area}", boots.name);
                let name = || format!("{row}, {how:?} from operation {operation} on");
                findings.look(name, || {
                    let flash = part(&boots.start);
                    let mut pet = || {
                        if flash.borrow().tally().operations() >= *operation {
                            how.spoil(&flash, units.clone());
                        }
                    };
                    let _ = boots.live_petting(&flash, &mut pet).expect("the power stays");
                    how.spoil(&flash, units.clone());
                    let (rest, _) = rest(&boots, &flash);
                    tally.count(&row, rest.told(), true);
                });
                for tear in tears(&journal, *operation) {
                    let name = || format!("{row}, {how:?} after a cut, operation {operation}, {tear:?}");
                    findings.look(name, || {
                        let flash = part(&boots.start);
                        assert!(boots.live_until(&flash, *operation, tear), "the cut is not reached");
                        how.spoil(&flash, units.clone());
                        let (rest, _) = rest(&boots, &flash);
                        tally.count(&row, rest.told(), true);
                    });
                }
            }
        });
        all.extend(&found);
    }
    tally.end(&all)
}

/// Operations that fail once and say so, whatever they left, and cuts among them, at random. It costs no more than a trial.
#[must_use]
pub fn errors_and_cuts(depth: Depth) -> Sweep {
    let (tally, all) = (
        Tally::new("errors and cuts in exchanges, at random"),
        Findings::default(),
    );
    let lives: u64 = match depth {
        Depth::Short => 3_000,
        Depth::Plain => 20_000,
        Depth::Deep => 200_000,
    };
    let fates = [Fate::Confirms, Fate::Fails, Fate::Hangs].map(|fate| Boots::<Swap>::new::<4>(fate, None));
    let seeds: Vec<u64> = (1..=lives).collect();
    let found = Findings::of_each(&seeds, |seed, findings| {
        findings.look(
            || format!("seed {seed}"),
            || {
                let mut random = Random::new(*seed);
                let boots = &fates[random.below(fates.len())];
                // A write that failed may have left a unit that reads as erased.
                let flash = Part::with_contents(boots.start.clone()).with_writes_per_unit(2);
                let flash = RefCell::new(flash);
                for _ in 0..2 + random.below(6) {
                    let seed = random.number();
                    let tear = [Tear::Before, Tear::After, Tear::Any { seed }][random.below(3)];
                    let fault = Fault {
                        operation: random.below(24),
                        count: 1,
                        tear,
                    };
                    flash.borrow_mut().fail(fault);
                    let tear = Tear::Any { seed: random.number() };
                    let is_cut = boots.live_until(&flash, random.below(32), tear);
                    let told = if is_cut { "an error and a cut" } else { "an error" };
                    tally.count(&boots.name, told, true);
                }
                let none = Fault {
                    operation: 0,
                    count: 0,
                    tear: Tear::Before,
                };
                flash.borrow_mut().fail(none);
                let ended = rest(boots, &flash);
                let is_trial_lost = ended == (Rest::Alone(0), true);
                let is_updated = ended == (Rest::Alone(1), false) && boots.fate == Fate::Confirms;
                assert!(is_trial_lost || is_updated, "{}: another end: {ended:?}", boots.name);
            },
        );
    });
    all.extend(&found);
    tally.note(format!("{lives} lives, seeds 1 to {lives}"));
    tally.end(&all)
}
