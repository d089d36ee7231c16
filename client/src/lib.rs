//! The update agent for Linux devices: the std shell around the update machine.
//!
//! - It owns sockets, files, the clock and the arguments, and decides nothing: every check and the order of all steps is
//!   in `tuffet-no-std-client`, which microcontrollers drive too.
//! - Slots are files; the boot record is a NOR flash in a file; "reboot" is a new process (`tuffet-client boot`) which
//!   asks the boot core what to run.
//! - No device id exists. What the server sees of a poll is a conditional request for a public file.

pub mod agent;
pub mod boot;
pub mod boot_trouble;
pub mod clock;
pub mod commands;
pub mod decode;
pub mod device;
pub mod error;
pub mod files;
pub mod flash_file;
pub mod foreign;
pub mod health;
pub mod install;
pub mod report;
pub mod slot_file;
pub mod slots;
pub mod store;
pub mod transport;
