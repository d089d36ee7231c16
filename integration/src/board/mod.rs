//! The emulated board: its real bootloader and application, on the processor that they are built for.
//!
//! - [`Firmware`] is what was built for it; an [`image`] is the application as another version, good or bad.
//! - [`Board`] is one board: a file that outlives its power, and the emulator while the power is on. What the firmware says
//!   comes as [`Line`]s, each waited for with a deadline. Everything ends when it is dropped.
//! - [`Memory`] is that file: the flash, the settings in it, and the control block beside it.
//!
//! The emulator is `qemu-system-arm`, which the command `cargo xtask board` finds or installs.

pub mod factory;
pub(crate) mod firmware;
pub mod image;
mod line;
mod memory;
mod power;
mod product;
mod serial;
mod wear;

pub use factory::{BoardNor, range};
pub use firmware::{Built, Emulator, Firmware, firmware_folder};
pub use line::Line;
pub use memory::{Cut, Memory, Operation};
pub(crate) use power::bound_to_this_process;
pub use power::{Board, PATIENCE, PowerOff, emulator_command};
pub use product::{Product, address, settings};
pub use serial::Serial;
pub use wear::erases_max;
