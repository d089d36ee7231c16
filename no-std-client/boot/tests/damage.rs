//! Records that are broken by something else than a cut, and a region or a part that does not fit.

mod support;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use support::{
    flash::{PowerIsOff, RamFlash},
    *,
};
use tuffet_boot::{
    BadRecord, Boot, BootRecords, Error, Geometry, Ignored, Image, Placed, RECORD_BYTES, Recovery, Refusal,
    SECURITY_VERSION_JUMP_MAX, Slot, State, VerifiedImage,
};

fn ignored(records: &mut Records) -> Vec<Ignored> {
    let mut found = Vec::new();
    records.ignored(|ignored| found.push(ignored)).unwrap();
    found
}

/// A history with every kind of record in the current page.
fn eventful() -> Records {
    let mut records = updated_same_security();
    records.mismatched(Slot::B).unwrap();
    records.begin_trial(verified(Slot::B, 2, 1), 1).unwrap();
    records.boot().unwrap();
    records.boot().unwrap();
    records.begin_trial(verified(Slot::B, 4, 1), 1).unwrap();
    records.boot().unwrap();
    records.confirm().unwrap();
    records.mark_empty(Slot::A).unwrap();
    records
}

#[test]
fn undamaged_history_has_nothing_to_ignore() {
    assert_eq!(ignored(&mut eventful()), []);
}

#[test]
fn every_single_bit_flip_is_noticed() {
    let whole = eventful().close().bytes;
    let used = whole
        .chunks(RECORD_BYTES)
        .take_while(|record| record.iter().any(|byte| *byte != 0xFF))
        .count();
    assert!(used > 10);
    for bit in 0..used * RECORD_BYTES * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut records = BootRecords::open(Flash::with(bytes)).unwrap();
        let found = ignored(&mut records);
        let position = u32::try_from(bit / 8 / RECORD_BYTES).unwrap();
        let place = found
            .iter()
            .find(|ignored| (ignored.page, ignored.position) == (0, position));
        let reason = place
            .unwrap_or_else(|| panic!("bit {bit} of record {position} went unnoticed"))
            .reason;
        assert!(
            matches!(reason, BadRecord::Checksum | BadRecord::Magic),
            "bit {bit}: {reason:?}"
        );
        // The records after it still count, the counter among them; nothing that was never installed can appear.
        assert!(
            records.counter() == 4,
            "bit {bit}: the counter is {}",
            records.counter()
        );
        if let Boot::Run(run) = records.boot().unwrap() {
            assert!(run.placed == placed(Slot::B, 4), "bit {bit}: runs {run:?}");
        }
    }
}

#[test]
fn header_flip_costs_nothing() {
    for mut records in [updated(), reverted()] {
        // Torn records fill the page, so that the next record goes to the other one.
        let mut bytes = records.close().bytes;
        let page = bytes[..PAGE_BYTES].chunks_mut(RECORD_BYTES);
        page.filter(|record| record[0] == 0xFF)
            .for_each(|record| record.fill(0));
        let old_page = bytes.clone();
        records = BootRecords::open(Flash::with(bytes)).unwrap();
        let before = seen(&records);
        let State::Confirmed { confirmed, .. } = before.state else {
            panic!("{before:?}")
        };
        let spare = confirmed.slot.other();
        records.mark_empty(spare).unwrap();
        records.begin_trial(verified(spare, 9, 9), 1).unwrap();
        let after = seen(&records);
        let mut bytes = records.close().bytes;
        bytes[PAGE_BYTES + 5] ^= 1;
        let read = |bytes: &[u8]| seen(&BootRecords::open(Flash::with(bytes.to_vec())).unwrap());
        assert_eq!(read(&bytes), after, "the appended records vouch for the page");

        // Without them the page before it counts, and says what the carried records say.
        let appended = bytes[PAGE_BYTES..]
            .chunks_mut(RECORD_BYTES)
            .filter(|record| record[25] == 0);
        appended.for_each(|record| record.fill(0xFF));
        assert_eq!(read(&bytes), before);
        assert_eq!(bytes[..PAGE_BYTES], old_page[..PAGE_BYTES]);
    }
}

/// A record like the library writes it, but with one field changed and the checksum made right again.
fn forged(change: impl Fn(&mut [u8])) -> Records {
    let mut bytes = trial_with_attempts(2).close().bytes;
    let record = &mut bytes[2 * RECORD_BYTES..3 * RECORD_BYTES];
    change(record);
    let checksum = crc32(&record[..60]).to_le_bytes();
    record[60..].copy_from_slice(&checksum);
    BootRecords::open(Flash::with(bytes)).unwrap()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            }
        })
    })
}

#[test]
fn foreign_records_are_ignored_with_their_reason() {
    let cases: [(&str, usize, u8, BadRecord); 13] = [
        ("magic", 0, b'X', BadRecord::Magic),
        ("older layout", 2, 0, BadRecord::LayoutVersion(0)),
        ("newer layout", 2, 2, BadRecord::LayoutVersion(2)),
        ("kind zero", 3, 0, BadRecord::UnknownKind(0)),
        ("kind of later software", 3, 8, BadRecord::UnknownKind(8)),
        ("sequence of the first record", 4, 1, BadRecord::OutOfOrder),
        ("sequence of the record before", 4, 2, BadRecord::OutOfOrder),
        ("header in the middle", 3, 1, BadRecord::Malformed),
        ("slot", 24, 2, BadRecord::Malformed),
        ("origin", 25, 2, BadRecord::Malformed),
        ("more attempts left than granted", 27, 3, BadRecord::Malformed),
        ("trial in the confirmed slot", 24, 0, BadRecord::OutOfPlace),
        ("attempt without trial", 3, 5, BadRecord::OutOfPlace),
    ];
    for (name, field, value, reason) in cases {
        let mut records = forged(|record| record[field] = value);
        assert_eq!(
            ignored(&mut records),
            [Ignored {
                page: 0,
                position: 2,
                reason
            }],
            "{name}"
        );
        assert_eq!(seen(&records), seen(&provisioned()), "{name}");
    }
}

#[test]
fn torn_record_is_named_torn() {
    let mut bytes = trial_with_attempts(2).close().bytes;
    bytes[3 * RECORD_BYTES - 4..3 * RECORD_BYTES].fill(0xFF);
    let mut records = BootRecords::open(Flash::with(bytes)).unwrap();
    assert_eq!(
        ignored(&mut records),
        [Ignored {
            page: 0,
            position: 2,
            reason: BadRecord::Torn
        }]
    );
}

#[test]
fn damaged_records_keep_the_counter() {
    let mut bytes = updated().close().bytes;
    // The Header and every appended record break, the carried one survives: no page is complete.
    for position in (0..6).filter(|position| *position != 1) {
        bytes[position * RECORD_BYTES + 10] ^= 1;
    }
    let mut records = BootRecords::open(Flash::with(bytes)).unwrap();
    assert_eq!((records.state(), records.counter()), (State::Damaged, 1));
    assert_eq!(records.boot(), Ok(Boot::Recovery(Recovery::Damaged)));
    let old = Placed {
        slot: Slot::A,
        image: Image {
            security_version: 0,
            ..image(1)
        },
    };
    assert_eq!(
        records.provision(old),
        Err(Error::Refused(Refusal::BelowCounter { counter: 1, offered: 0 }))
    );
    records.provision(placed(Slot::A, 1)).unwrap();
}

#[test]
fn lost_confirmation_never_runs_an_older_image() {
    let mut bytes = updated().close().bytes;
    // Confirmed{B2} breaks after Empty{A}, which repeats its counter, was written.
    let mut records = BootRecords::open(Flash::with(bytes)).unwrap();
    records.mark_empty(Slot::A).unwrap();
    bytes = records.close().bytes;
    for position in [2, 3, 4] {
        bytes[position * RECORD_BYTES + 30] ^= 1;
    }
    let mut records = BootRecords::open(Flash::with(bytes)).unwrap();
    let too_old = Recovery::BelowCounter {
        counter: 2,
        security_version: 1,
    };
    assert_eq!(records.boot(), Ok(Boot::Recovery(too_old)));
}

#[test]
fn counter_rises_by_bounded_steps_and_never_falls() {
    let with_security = |security_version| {
        let image = Image {
            security_version,
            ..image(9)
        };
        VerifiedImage::assertion(Placed { slot: Slot::B, image }, 1)
    };
    let mut records = provisioned();
    let refusal = |records: &mut Records, security_version| records.begin_trial(with_security(security_version), 1);
    assert_eq!(
        refusal(&mut records, 0),
        Err(Error::Refused(Refusal::BelowCounter { counter: 1, offered: 0 }))
    );
    let jump = Refusal::CounterJump {
        counter: 1,
        offered: 1002,
        jump_max: SECURITY_VERSION_JUMP_MAX,
    };
    assert_eq!(refusal(&mut records, 1002), Err(Error::Refused(jump)));
    assert_eq!(refusal(&mut records, 1001), Ok(()));
    assert_eq!(records.counter(), 1, "a trial does not raise the counter");
    records.boot().unwrap();
    records.confirm().unwrap();
    assert_eq!(reset(records).counter(), 1001);
}

#[test]
fn only_the_last_four_failures_are_remembered() {
    let mut records = provisioned();
    for number in [20, 21, 22, 23, 21, 24] {
        let attempt = if number == 21 {
            records.failed().len() as u32 + 1
        } else {
            1
        };
        records.begin_trial(verified(Slot::B, number, attempt), 1).unwrap();
        records.boot().unwrap();
        records.fail().unwrap();
    }
    // 21 failed twice and stands once, with the higher attempt; 20 fell out.
    let expected = [failed(22, 1), failed(23, 1), failed(21, 5), failed(24, 1)];
    assert_eq!(records.failed(), expected);
    assert_eq!(reset(records).failed(), expected);
}

#[test]
fn zero_attempts_are_refused() {
    let outcome = provisioned().begin_trial(verified(Slot::B, 2, 1), 0);
    assert_eq!(outcome, Err(Error::Refused(Refusal::ZeroAttempts)));
}

/// Every write unit from 1 to 32 bytes takes a whole update over several compactions; the model panics on a wrong access.
#[test]
fn write_units() {
    fn update<const WRITE_BYTES: usize>() {
        let mut records = BootRecords::open(RamFlash::<WRITE_BYTES>::new(PAGE_BYTES)).unwrap();
        records.provision(placed(Slot::A, 1)).unwrap();
        let mut slot = Slot::B;
        for number in 2..30 {
            records.mark_empty(slot).unwrap();
            records.begin_trial(verified(slot, number, 1), 3).unwrap();
            records.boot().unwrap();
            assert_eq!(records.confirm(), Ok(placed(slot, number)));
            slot = slot.other();
        }
        let records = BootRecords::open(records.close().power_on()).unwrap();
        assert_eq!(records.counter(), 29);
    }
    update::<1>();
    update::<4>();
    update::<8>();
    update::<16>();
    update::<32>();
}

#[test]
fn regions_that_do_not_fit() {
    let geometry = |page_bytes| match BootRecords::open(Flash::new(page_bytes)) {
        Err(Error::Geometry(geometry)) => geometry,
        other => panic!("{page_bytes}: {other:?}"),
    };
    assert_eq!(
        geometry(512),
        Geometry::PageTooSmall {
            page_bytes: 512,
            page_bytes_min: 1024
        }
    );
    assert_eq!(
        geometry(1088),
        Geometry::PageNotErasable {
            page_bytes: 1088,
            erase_bytes: 512
        }
    );
    match BootRecords::open(RamFlash::<24>::new(PAGE_BYTES)) {
        Err(Error::Geometry(Geometry::WriteUnit { write_bytes: 24 })) => {}
        other => panic!("{other:?}"),
    }
    assert!(BootRecords::open(Flash::new(4096)).is_ok());
}

/// A part that does not do what it says.
#[derive(Debug)]
struct Worn {
    flash: Flash,
    fault: Fault,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Fault {
    /// Erases do nothing and report success.
    Erase,
    /// Writes do nothing and report success.
    Write,
    /// The next write is done and reports a failure; those after it are good.
    Report,
}

impl ErrorType for Worn {
    type Error = PowerIsOff;
}

impl ReadNorFlash for Worn {
    const READ_SIZE: usize = Flash::READ_SIZE;
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerIsOff> {
        self.flash.read(offset, bytes)
    }
    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Worn {
    const WRITE_SIZE: usize = Flash::WRITE_SIZE;
    const ERASE_SIZE: usize = Flash::ERASE_SIZE;
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerIsOff> {
        match self.fault {
            Fault::Erase => self.flash.write(offset, bytes),
            Fault::Write => Ok(()),
            Fault::Report => {
                self.fault = Fault::Erase;
                self.flash.write(offset, bytes)?;
                Err(PowerIsOff)
            }
        }
    }
    fn erase(&mut self, _: u32, _: u32) -> Result<(), PowerIsOff> {
        Ok(())
    }
}

#[test]
fn worn_flash_is_noticed() {
    let mut no_writes = BootRecords::open(Worn {
        flash: Flash::new(PAGE_BYTES),
        fault: Fault::Write,
    })
    .unwrap();
    assert!(matches!(
        no_writes.provision(placed(Slot::A, 1)),
        Err(Error::NotKept { page: 0, .. })
    ));
    let mut no_erases = BootRecords::open(Worn {
        flash: damaged().close(),
        fault: Fault::Erase,
    })
    .unwrap();
    assert!(matches!(
        no_erases.provision(placed(Slot::A, 1)),
        Err(Error::NotKept { page: 0, .. })
    ));
}

/// After a failure the records may say more than the caller was told, so they are read again before anything is added.
#[test]
fn failed_write_that_happened_is_seen() {
    let flash = provisioned().close();
    let mut records = BootRecords::open(Worn {
        flash,
        fault: Fault::Report,
    })
    .unwrap();
    assert_eq!(
        records.begin_trial(verified(Slot::B, 2, 1), 3),
        Err(Error::Storage(PowerIsOff))
    );
    let again = records.begin_trial(verified(Slot::B, 4, 1), 3);
    assert_eq!(again, Err(Error::Refused(Refusal::TrialOpen { slot: Slot::B })));
    let after = reset(BootRecords::open(records.close().flash).unwrap());
    assert_eq!(seen(&after), seen(&trial_with_attempts(3)));
}
