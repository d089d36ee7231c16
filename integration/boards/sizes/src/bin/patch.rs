//! The patch decoder of the small profile, with its checkpoints; its state stands in RAM only while it decodes.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::hint::black_box;

use tuffet_patch::{Image, PIECE_BYTES, Pinned, Progress, SmallThumbState};
use tuffet_sizes::Flash;

tuffet_sizes::start_with!(run);

fn run() {
    let pinned = Pinned {
        head: tuffet_sizes::digest(),
        block_bytes: black_box(1024),
        length: black_box(1),
    };
    let image = || Image {
        length: black_box(1),
        digest: tuffet_sizes::digest(),
    };
    let mut state = SmallThumbState::new();
    if black_box(true) {
        black_box(state.begin(pinned, image(), image()).is_ok());
    } else {
        let read = |piece: &mut [u8; PIECE_BYTES]| {
            *piece = black_box([0; PIECE_BYTES]);
            Ok::<(), Infallible>(())
        };
        black_box(state.resume(read, pinned, image(), image()).is_ok());
    }
    while let Some(range) = state.next_block() {
        black_box(range);
        let Ok(block) = state.authenticate(tuffet_sizes::input()) else {
            return;
        };
        loop {
            match state.run(&block, &mut Flash, &mut Flash) {
                Ok(Progress::NeedsErase { from, to }) => {
                    black_box((from, to));
                }
                Ok(Progress::Checkpoint { .. }) => {
                    let write = |piece: &[u8; PIECE_BYTES]| {
                        black_box(piece);
                        Ok::<(), Infallible>(())
                    };
                    black_box(state.snapshot(write).is_ok());
                }
                Ok(Progress::NeedsBlock | Progress::Done) => break,
                Err(_) => return,
            }
        }
    }
}
