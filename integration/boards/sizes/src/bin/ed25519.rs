//! One signature: the key is looked at, the message comes in pieces.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_ed25519::{Verifier, check_key};

tuffet_sizes::start_with!(run);

fn run() {
    let public = tuffet_sizes::digest();
    black_box(check_key(&public).is_ok());
    let Some(mut verifier) = Verifier::new(&public, &black_box([0; 64])) else {
        return;
    };
    verifier.update(tuffet_sizes::input());
    black_box(verifier.is_valid());
}
