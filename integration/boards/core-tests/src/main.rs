//! Runs the tests of the cores on an emulated part, one line for each: the very files that run on the host.
//!
//! The first test that fails ends the program: a part has no way to go on after a panic.
#![no_std]
#![no_main]

extern crate alloc;
// The tests were written for a program with a standard library.
extern crate tuffet_core_tests as proptest;
extern crate tuffet_core_tests as std;

mod sha256;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use tuffet_core_tests::machine::{NAME, exit};
use tuffet_core_tests::println;

#[allow(
    dead_code,
    non_snake_case,
    unused_imports,
    unused_macros,
    clippy::all,
    reason = "what only the cases of chance use is here too, and the host's build looks at the files as they stand"
)]
mod cores {
    include!(concat!(env!("OUT_DIR"), "/tests.rs"));
}

/// How many tests have passed, and so which one is running.
static PASSED: AtomicUsize = AtomicUsize::new(0);

type Test = (&'static str, &'static str, &'static str, fn());

fn tests() -> impl Iterator<Item = &'static Test> {
    sha256::TESTS.iter().chain(cores::TESTS)
}

// SAFETY: no other item of the program has this name, and the library declares it with this type.
#[unsafe(no_mangle)]
fn run() {
    for (core, file, name, test) in tests() {
        test();
        println!("ok {core}::{file}::{name}");
        PASSED.store(PASSED.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
    println!(
        "test result: ok. {} passed; 0 failed; on {NAME}",
        PASSED.load(Ordering::Relaxed)
    );
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let passed = PASSED.load(Ordering::Relaxed);
    if let Some((core, file, name, _)) = tests().nth(passed) {
        println!("FAILED {core}::{file}::{name}");
    }
    println!("{info}");
    println!("test result: FAILED. {passed} passed; 1 failed; on {NAME}");
    exit(false)
}
