//! The board `microbit`, emulated: its real bootloader and application on a Cortex-M0, with a real model of its flash controller.
//!
//! - [`Firmware`] is what was built for it; [`Product`] has releases of it, and boards from the factory.
//! - [`Board`] is one board. Its flash stands in the host while the power is off; the emulator is filled with it by the
//!   [debugger](gdb), which can also stop the firmware anywhere, and let its power go there.
//! - [`Line`] is its serial line, with a gateway at the end that can be pulled out.
//!
//! The emulator has no watchdog for this part: what hangs there hangs until somebody [resets](Board::reset) the board.

mod board;
pub mod firmware;
pub mod gdb;
mod line;
pub mod noise;
pub mod phases;
pub(crate) mod product;
pub mod resident;

pub use board::{Board, emulator_command};
pub use firmware::Firmware;
pub use line::{Line, Repository};
pub use product::{MicrobitNor, Product, address, span, version};
pub use tuffet_board_layout::microbit::PART;
