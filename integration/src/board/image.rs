//! Images: the application as another version, or as a bad one.

use crate::board::Firmware;
use sha2::{Digest as _, Sha256};
use tuffet_board_layout::flash::SLOT_BYTES;
use tuffet_board_layout::image::{BLOCK_BYTES, Behaviour, MAGIC, field};
use tuffet_boot::Slot;

/// Images are filled up to whole units of so many bytes.
const UNIT_BYTES: usize = 16;
/// What no other version has, at the end of an image: so that a delta has something to bring.
const NEWS_BYTES: usize = 1_536;
/// Fewer, and a delta would be next to nothing.
const NEWS_BYTES_MIN: usize = 512;

/// The application for a slot, as this version, behaving so.
///
/// # Panics
///
/// When the application has no block, or the version is too long for it, or the slot has no room for news.
#[must_use]
pub fn image(firmware: &Firmware, slot: Slot, version: &str, behaviour: Behaviour) -> Vec<u8> {
    let [a, b] = &firmware.applications;
    let application = match slot {
        Slot::A => a,
        Slot::B => b,
    };
    of(application, SLOT_BYTES, version, behaviour)
}

/// An application of any board, as this version, behaving so. It has fewer news than others where its slot is too small for them.
///
/// # Panics
///
/// As [`image`].
#[must_use]
pub fn of(application: &[u8], slot_bytes: u32, version: &str, behaviour: Behaviour) -> Vec<u8> {
    let mut image = application.to_vec();
    image.resize(image.len().next_multiple_of(UNIT_BYTES), 0xFF);
    let place = image.windows(MAGIC.len()).position(|window| window == MAGIC);
    let block = &mut image[place.expect("the application has a block")..][..BLOCK_BYTES];
    let text = &mut block[field::VERSION];
    text.fill(0);
    text[..version.len()].copy_from_slice(version.as_bytes());
    block[field::BEHAVIOUR].copy_from_slice(&behaviour.number().to_le_bytes());
    let room = (slot_bytes as usize).saturating_sub(image.len()) / UNIT_BYTES * UNIT_BYTES;
    assert!(room >= NEWS_BYTES_MIN, "{room} bytes are left of the slot");
    let news = (0_u32..).flat_map(|block| Sha256::digest(format!("{version} {block}")));
    image.extend(news.take(room.min(NEWS_BYTES)));
    image
}
