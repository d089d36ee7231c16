//! What an update wears, from the trace of a board.

use super::Operation;
use tuffet_board_layout::control::ERASE;
use tuffet_board_layout::flash::ERASE_BYTES;
use tuffet_no_std_client::flash::Span;

/// How often the most erased page of a part of the flash was erased.
#[must_use]
pub fn erases_max(trace: &[Operation], part: Span) -> usize {
    let pages = (part.start..part.start + part.bytes).step_by(ERASE_BYTES);
    let erases = |page| {
        let of_page = |operation: &&Operation| operation.kind == ERASE && operation.offset == page;
        trace.iter().filter(of_page).count()
    };
    pages.map(erases).max().unwrap_or(0)
}
