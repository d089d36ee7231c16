//! The board `microbit`, emulated: its real bootloader and application on a Cortex-M0, with a real model of its flash controller.
//!
//! - [`Firmware`] is what was built for it; [`Product`] has releases of it, and boards from the factory.
//! - [`Board`] is one board. Its flash stands in the host while the power is off; the emulator is filled with it by the
//!   [debugger](gdb), which can also stop the firmware anywhere, and let its power go there.
//! - [`Watch`] stops it in front of each [`Operation`] of its flash; [`Scene`] is a life that can be cut there, on the board and on the host.
//! - [`Line`] is its serial line, with a gateway at the end that can be pulled out.
//!
//! The emulator has no watchdog for this part: what hangs there hangs until somebody [resets](Board::reset) the board.

mod area;
mod board;
pub mod cuts;
pub mod firmware;
pub mod gdb;
pub mod instructions;
mod line;
pub mod noise;
mod operation;
pub mod phases;
pub(crate) mod product;
pub mod resident;
mod scene;
pub mod session;
mod watch;

pub use area::Area;
pub use board::{Board, emulator_command};
pub use firmware::Firmware;
pub use line::{Line, Repository};
pub use operation::{Operation, counted, replayed};
pub use product::{MicrobitNor, Product, address, span, version};
pub use scene::{Lived, Scene};
pub use tuffet_board_layout::microbit::PART;
pub use watch::Watch;
