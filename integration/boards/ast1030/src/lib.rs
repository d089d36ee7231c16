//! Drivers of the board `ast1030-evb`: the processor's own memory as internal flash, and a chip beside it with an SPI-NOR command set.
//!
//! - **The chip** ([`Chip`]) is a model of the real part: commands, write enable, busy bit, erases of 4 KiB, pages of 256 bytes, and
//!   writing clears bits. Behind it is a file of the host, which outlives the emulator.
//! - **The internal part** ([`Internal`]) is memory of the processor. It outlives a reset; so that it outlives the emulator too, each
//!   change is also written to a file of the host, and the bootloader reads that file at its start.
//! - **Joined** they are one flash, as the map of `tuffet_board_layout::ast1030` lays it out.
//! - The repository is a folder of the host ([`Folder`]): the emulator opens its files.
#![no_std]

mod chip;
mod folder;
mod internal;
mod start;

pub use chip::{Chip, ChipError};
pub use folder::Folder;
pub use internal::{Internal, InternalError};
pub use start::{leave, restart};

use core::cell::RefCell;

use tuffet_emulated::host;
use tuffet_no_std_client::flash::Joined;

/// The flash of the board.
pub type Flash = Joined<Internal, Chip>;

/// Opens both parts. `None`, and a line that says why, if there is no such chip.
pub fn flash(internal: Internal) -> Option<RefCell<Flash>> {
    let chip = match Chip::open() {
        Ok(chip) => chip,
        Err(error) => {
            host::print(format_args!("tuffet flash error={error:?}"));
            return None;
        }
    };
    Joined::new(internal, chip).map(RefCell::new)
}
