//! The boot record under any sequence of calls, cuts and resets, from any flash content.

#[path = "../../../no-std-client/boot/tests/support/flash.rs"]
#[allow(dead_code)]
mod flash;

use tuffet_boot::{Boot, BootRecords, Error, Image, Placed, Slot, VerifiedImage};

use self::flash::{Cut, PowerIsOff, RamFlash, Tear};
use super::Script;

const PAGE_BYTES: usize = 1024;

type Flash = RamFlash<4>;
type Records = BootRecords<Flash>;

/// One script: where it starts, then calls and cuts.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut records = open(first_flash(&mut script));
    while !script.is_empty() {
        let counter = records.counter();
        let call = script.byte();
        let cut = cut(&mut script);
        let mut flash = records.close();
        flash.cut = cut.map(|(operation, tear)| Cut {
            operation: flash.operations.len() + operation,
            tear,
        });
        records = open(flash);
        match step(&mut records, call, &mut script) {
            Ok(()) | Err(Error::Refused(_)) => {}
            // A cut, or what a cut left: the device starts again.
            Err(_) => records = open(records.close().power_on()),
        }
        assert!(records.counter() >= counter, "the counter fell");
    }
}

/// Erased flash, or flash that holds anything.
fn first_flash(script: &mut Script<'_>) -> Flash {
    if script.byte().is_multiple_of(2) {
        return Flash::new(PAGE_BYTES);
    }
    let count = usize::from(script.number());
    let mut bytes = script.bytes(count).to_vec();
    bytes.resize(2 * PAGE_BYTES, 0xff);
    Flash::with(bytes)
}

fn open(flash: Flash) -> Records {
    Records::open(flash).expect("reading works, whatever stands there")
}

/// No cut, or one in one of the next operations.
fn cut(script: &mut Script<'_>) -> Option<(usize, Tear)> {
    let (kind, operation) = (script.byte(), usize::from(script.byte() % 4));
    let tear = match kind % 8 {
        4 => Tear::Before,
        // Of the smallest write that there is; longer tears are among the bits.
        5 => Tear::Prefix(usize::from(script.byte() % 4)),
        6 => Tear::Bits(u64::from(script.byte())),
        7 => Tear::After,
        _ => return None,
    };
    Some((operation, tear))
}

fn step(records: &mut Records, call: u8, script: &mut Script<'_>) -> Result<(), Error<PowerIsOff>> {
    match call % 8 {
        0 => records.provision(placed(script)),
        1 => records.mark_empty(slot(script)),
        2 => {
            let (placed, attempt) = (placed(script), u32::from(script.byte()));
            let digest = placed.image.digest;
            let failed = records
                .failed()
                .iter()
                .any(|failed| failed.digest == digest && failed.attempt >= attempt);
            let begun = records.begin_trial(VerifiedImage::assertion(placed, attempt), script.byte());
            assert!(!(begun.is_ok() && failed), "a failed digest is tried again");
            begun
        }
        3 => records.boot().map(|boot| check_boot(records, boot)),
        4 => records.mismatched(slot(script)).map(|boot| check_boot(records, boot)),
        5 => records.confirm().map(|placed| {
            assert!(
                placed.image.security_version <= records.counter(),
                "confirmed, and the counter stayed behind"
            );
        }),
        6 => records.fail().map(|_| ()),
        _ => records.ignored(|_| ()),
    }
}

/// Nothing below the counter ever runs.
fn check_boot(records: &Records, boot: Boot) {
    if let Boot::Run(run) = boot {
        assert!(
            run.placed.image.security_version >= records.counter(),
            "{run:?} runs below the counter"
        );
    }
}

fn slot(script: &mut Script<'_>) -> Slot {
    if script.byte().is_multiple_of(2) {
        Slot::A
    } else {
        Slot::B
    }
}

/// Few images, so that a script meets one again.
fn placed(script: &mut Script<'_>) -> Placed {
    let slot = slot(script);
    let number = script.byte() % 16;
    let image = Image {
        digest: [number; 32],
        length: 1000,
        security_version: u32::from(number),
    };
    Placed { slot, image }
}
