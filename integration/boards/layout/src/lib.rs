//! What the firmware of the boards `mps2-an385` and `microbit` and its host agree on. Nothing here is said a second time anywhere.
//!
//! - [`memory`]: what the processor of `mps2-an385` sees where, and what the programs may take of it.
//! - [`flash`]: the maps of its flash, checked when this crate is built.
//! - [`microbit`]: both of them for the other board.
//! - [`Settings`]: the page of flash that makes a device of one product out of a board.
//! - [`image`]: the block in an image by which the host makes another version, or a bad one, of the same program.
//! - [`control`]: a block of memory beside the flash, for what the emulator does not have: a battery clock, a power supply
//!   that can be cut inside a flash operation, and a probe on the wires of the flash.
//!
//! # Serial lines
//!
//! What firmware says on the serial line is a contract with its host. The board `microbit` says the same, with what its paper names.
//! A line is `tuffet EVENT NAME=VALUE ...`; there are no spaces in a value. More names may come, and what is here keeps its meaning.
//!
//! | line | who | what it says |
//! | --- | --- | --- |
//! | `tuffet boot slot=A why=confirmed` | bootloader | this slot is started: `confirmed`, `fell-back`, `reverted`, or `trial`, then with `attempts_left=2` |
//! | `tuffet recovery why=mismatch slot=A` | bootloader | nothing may run: `below-counter`, `damaged`, `mismatch`, `unprovisioned`, or `flash`. A minute without a byte on the line, and it resets and looks again |
//! | `tuffet recovery why=vectors` | bootloader | what is to be started does not begin as a program of this board; the watchdog resets it, and the boot counts |
//! | `tuffet recovered` | bootloader | the pinned image stands in its slot again; a reset follows. In between the line carries frames of the recovery |
//! | `tuffet app version=1.0.0 slot=A` | application | it started; the version is the one in its image block, and the slot is where it is linked, `any` if both are at its place, or `none` |
//! | `tuffet settings fault=NAME` | application | the settings page cannot be used; nothing is polled |
//! | `tuffet network fault=NoChip` | application | there is no network chip; nothing is polled |
//! | `tuffet confirmed` | application | its self test passed, and the boot record says so |
//! | `tuffet failed` | application | its self test failed, and the boot record says so; a reset follows |
//! | `tuffet update outcome=installed version=2.0.0 way=delta` | application | the trial begins with the reset that follows; `fell_back=NAME` if a delta was given up for it |
//! | `tuffet update outcome=up-to-date` | application | also `no-release`, `more-roots`, `waiting name=NAME`, `refused name=NAME` |
//! | `tuffet update error=104 name=Expired` | application | the cycle ended with a failure, by its stable code and name |
//! | `tuffet update error=500 name=Transport` | application | the repository could not be reached; 701 to 703: the flash, the boot record, the trusted state |
//! | `tuffet flash erases=8 writes=90 bytes=7300` | application | before `update`: what it did to the flash since its start |
//! | `tuffet memory statics=9000 stack=30000 left=26000` | application | before `update`, bytes: statics, the deepest stack so far, and what was never used |
//! | `tuffet time took_us=90000 waited_us=40000` | application | before `update`: how long it took, and how much of that it waited for the network |
//! | `tuffet flash violation=NAME offset=4096` | any | the program broke a rule of NOR flash; the machine stops |
//! | `tuffet cut operation=17` | any | the power was cut as ordered; the machine stops |
//! | `tuffet panic in=21053c58 in=2104e0f2` | any | a bug; the watchdog resets the board. The addresses are in the functions that called each other, the innermost first; the program's symbols name them. A bootloader does not say where |
//! | `tuffet fault` | any | a fault of the processor; the watchdog resets the board |
#![no_std]

pub mod ast1030;
pub mod control;
pub mod flash;
pub mod image;
pub mod memory;
pub mod microbit;
mod settings;

pub use settings::{BadSettings, Settings};
