//! The same program without a verifier: what the other has more is what the verifier takes.
#![no_std]
#![no_main]

use tuffet_verifier_board::{file, size, step};

// SAFETY: no other item of the program has this name, and the board declares it with this type.
#[unsafe(no_mangle)]
fn live() -> Option<()> {
    size("nothing", 0);
    step("nothing", &mut || file(0).map(|_| ()))
}
