//! The scanner, the times and the digits that both readers of signed files use.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_wire::{Path, Scalar, Scanner, Sink, UnixSeconds, hex};

tuffet_sizes::start_with!(run);

/// Looks at everything, so that nothing is left out.
struct Everything;

impl Sink for Everything {
    type Refusal = ();

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), ()> {
        black_box((path.segments(), value));
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }
}

fn run() {
    let mut scanner = Scanner::new();
    let pushed = scanner.push(tuffet_sizes::input(), &mut Everything);
    black_box((pushed.is_ok(), scanner.finish::<()>().is_ok()));
    black_box((
        hex::decode::<32>(tuffet_sizes::text()),
        UnixSeconds::parse(tuffet_sizes::text()),
    ));
}
