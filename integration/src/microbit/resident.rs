//! Boards whose images are no programs: each begins with vectors that lead to the application, which stands behind the flash of the part.
//!
//! The bootloader starts nothing whose entry lies outside the flash. So the entry is a jump in the page that nobody uses.

use super::{Board, Firmware};
use tuffet_board_layout::image::{Behaviour, MAGIC, field};
use tuffet_board_layout::microbit::{SPARE_PAGE, VECTORS_BYTES};

/// `ldr r0, [pc]` and `bx r0`; behind them stands where to.
const JUMP: [u8; 4] = [0x00, 0x48, 0x00, 0x47];

/// What images begin with.
///
/// # Panics
///
/// When the firmware is shorter than its vectors.
#[must_use]
pub fn vectors(firmware: &Firmware) -> Vec<u8> {
    let mut vectors = firmware.resident[..VECTORS_BYTES].to_vec();
    vectors[4..8].copy_from_slice(&(SPARE_PAGE | 1).to_le_bytes());
    vectors
}

/// A board with this in its flash, and with the application behind it.
///
/// # Panics
///
/// As [`Board::new`].
#[must_use]
pub fn board(firmware: &Firmware, mut flash: Vec<u8>) -> Board {
    let jump = &mut flash[SPARE_PAGE as usize..][..8];
    jump[..4].copy_from_slice(&JUMP);
    jump[4..].copy_from_slice(&firmware.resident[4..8]);
    let mut board = Board::new(firmware, flash);
    *board.behind() = firmware.resident.clone();
    board
}

/// Lets the application behave so from its next start on.
///
/// # Panics
///
/// When it has no block.
pub fn behave(board: &mut Board, behaviour: Behaviour) {
    let application = board.behind();
    let place = application.windows(MAGIC.len()).position(|window| window == MAGIC);
    let block = &mut application[place.expect("the application has a block")..];
    block[field::BEHAVIOUR].copy_from_slice(&behaviour.number().to_le_bytes());
}
