//! The factory of boards: it runs the very client that the board runs, on a flash of the host.

use crate::flash_device::http::Place;
use crate::nor::Nor;
use std::cell::RefCell;
use std::ops::Range;
use tuffet_board_layout::Settings;
use tuffet_board_layout::flash::{CAPACITY, ERASE_BYTES, MAP, Mapped, SETTINGS, WRITE_BYTES};
use tuffet_no_std_client::flash::{Span, Storage, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::transport::Transport;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client};

/// The flash of the board, as the host has it.
pub type BoardNor = Nor<WRITE_BYTES, ERASE_BYTES>;

/// Where a part of the map lies, in bytes.
#[must_use]
pub const fn range(span: Span) -> Range<usize> {
    span.start as usize..(span.start + span.bytes) as usize
}

/// The flash with its map, on the host.
#[must_use]
pub const fn storage(flash: &RefCell<BoardNor>) -> Storage<'_, BoardNor, Xip> {
    Storage::new(flash, &MAP)
}

/// What the factory does, by the very client that runs on the board: first root, first image, and the settings.
///
/// # Panics
///
/// When the repository has no first image for such a device.
#[must_use]
pub fn provision(settings: &Settings, root: &[u8], repository: &mut impl Transport, now: u64) -> Vec<u8> {
    provision_with::<Xip>(settings, root, repository, now)
}

/// The same for slots of another strategy.
///
/// # Panics
///
/// As [`provision`].
#[must_use]
pub fn provision_with<S: Mapped>(
    settings: &Settings,
    root: &[u8],
    repository: &mut impl Transport,
    now: u64,
) -> Vec<u8> {
    let flash = RefCell::new(BoardNor::new(CAPACITY as usize));
    let identity = settings.device::<S>();
    let now = UnixSeconds::new(now);
    let mut client: Client<'_, _, _, SmallState, SmallEd25519> =
        Client::new(&identity, Storage::new(&flash, S::MAP), client::Settings::DEFAULT, now)
            .expect("the map is the board's");
    client.provision_root(root).expect("the first root is sound");
    client.provision(repository, now).expect("there is a first image");
    let mut bytes = flash.into_inner().into_contents();
    write_settings(&mut bytes, settings);
    bytes
}

/// Writes the settings page anew, as the factory can.
pub fn write_settings(flash: &mut [u8], settings: &Settings) {
    let page = &mut flash[range(SETTINGS)];
    page.fill(0xFF);
    page[..Settings::BYTES].copy_from_slice(&settings.encode());
}

/// The same from a repository that is served on this machine.
///
/// # Panics
///
/// As [`provision`].
#[must_use]
pub fn over_http(settings: &Settings, root: &[u8], url: &str, now: u64) -> Vec<u8> {
    let mut place = Place::new(url).expect("the server is on this machine");
    provision(settings, root, &mut place.http(), now)
}
