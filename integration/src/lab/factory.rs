//! The flash of a board that leaves the factory, made by the driver of small devices itself.

use super::board::Board;
use super::flash_map::{FACTORY_ERASE_BYTES, StrategyMap};
use crate::device::small::Network;
use crate::nor::Nor;
use crate::simulator::Simulator;
use std::cell::RefCell;
use tuffet_no_std_client::flash::{Map, Storage, Strategy};
use tuffet_no_std_client::patch::{Decoder, SmallState, StandardState};
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Device, Intake, Settings};

/// Erase units as small as any part has them; what stands in flash afterwards does not depend on it.
type FactoryFlash = Nor<4, { FACTORY_ERASE_BYTES as usize }>;

/// What the flash holds: first root, trusted state, the repository's release in slot A, boot record.
///
/// # Errors
///
/// When the driver refuses, with its reason.
pub fn flash_contents(board: &Board, repository: &Simulator) -> Result<Vec<u8>, String> {
    match &board.flash.map {
        StrategyMap::Swap(map) => with_map(board, map, repository),
        StrategyMap::Xip(map) => with_map(board, map, repository),
    }
}

fn with_map<S: Strategy>(board: &Board, map: &Map<S>, repository: &Simulator) -> Result<Vec<u8>, String> {
    match board.profile {
        Profile::Standard => provisioned::<S, StandardState>(board, map, repository),
        Profile::Small | Profile::Large => provisioned::<S, SmallState>(board, map, repository),
    }
}

fn provisioned<S: Strategy, D: Decoder>(
    board: &Board,
    map: &Map<S>,
    repository: &Simulator,
) -> Result<Vec<u8>, String> {
    let device = device(board)?;
    let flash = RefCell::new(FactoryFlash::new(board.flash.bytes as usize));
    let now = UnixSeconds::new(repository.now);
    let root = repository.site.file("metadata/1.root.json").unwrap_or_default();
    let storage = Storage::new(&flash, map);
    let mut client = Client::<_, S, D>::new(&device, storage, Settings::DEFAULT, now)
        .map_err(|failure| format!("the driver refuses the board: {}", failure.name()))?;
    let mut network = Network::to(repository.site.clone());
    let said = |stop| format!("the factory cannot provision the board: {stop:?}");
    client.provision_root(root).map_err(said)?;
    client.provision(&mut network, now).map_err(said)?;
    Ok(flash.into_inner().into_contents())
}

/// Who the board is. Its rollout seed is drawn on the board: the factory decides about nothing by it.
fn device(board: &Board) -> Result<Device, String> {
    let id = |text: &str| Id::parse(text).map_err(|_| format!("`{text}` is no id"));
    Ok(Device {
        product: id(&board.names.product)?,
        hardware: id(&board.names.hardware)?,
        channel: id(&board.names.channel)?,
        component: id("firmware")?,
        slot_bytes: board.flash.slot_bytes(),
        seed: Seed::new([0; 32]),
        limits: Limits::DEFAULT,
        slot_addresses: board.flash.addresses(),
        intake: Intake::Streamed(board.profile),
        data_budget_bytes: None,
    })
}
