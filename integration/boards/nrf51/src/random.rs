//! Randomness, from the part's own noise. Nothing here needs it to be secret: it spreads polls and numbers requests.

use tuffet_program::Register;

const GENERATOR: usize = 0x4000_D000;
// SAFETY: the registers of the generator.
const START: Register = unsafe { Register::at(GENERATOR) };
// SAFETY: as above.
const STOP: Register = unsafe { Register::at(GENERATOR + 0x004) };
// SAFETY: as above.
const IS_READY: Register = unsafe { Register::at(GENERATOR + 0x100) };
// SAFETY: as above.
const VALUE: Register = unsafe { Register::at(GENERATOR + 0x508) };

/// A number that nobody can foresee.
pub fn number() -> u32 {
    START.write(1);
    let mut number = 0;
    for _ in 0..size_of::<u32>() {
        IS_READY.write(0);
        while IS_READY.read() == 0 {}
        number = number << 8 | VALUE.read() & 0xFF;
    }
    STOP.write(1);
    number
}
