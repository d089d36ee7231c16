//! A product whose firmware is the board's application: its releases, and boards fresh from the factory.

use super::factory::provision_with;
use super::{Board, Built, Emulator, Firmware, image};
use crate::device::small::Network;
use crate::server::Server;
use crate::simulator::Simulator;
use crate::simulator::release::{CHANNEL, HARDWARE, PRODUCT};
use std::marker::PhantomData;
use std::net::SocketAddr;
use tuffet_board_layout::Settings;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_no_std_client::flash::Xip;
use tuffet_no_std_client::release::Id;
use tuffet_patch::Profile;

/// The host as boards reach it.
const HOST: [u8; 4] = [10, 0, 2, 2];

/// A repository of the simulator, with the firmware of the board for this strategy in it.
pub struct Product<S = Xip> {
    firmware: &'static Firmware,
    /// The repository.
    pub repository: Simulator,
    strategy: PhantomData<S>,
}

impl Product {
    /// Release 1.0.0, for slot A, is published.
    #[must_use]
    pub fn new(now: u64) -> Self {
        Self::of(now)
    }
}

impl<S: Built> Product<S> {
    /// The same for slots of any strategy.
    #[must_use]
    pub fn of(now: u64) -> Self {
        let firmware = S::firmware();
        let repository = Simulator::healthy_with(now, |release| {
            release.carry(image::image(firmware, Slot::A, "1.0.0", Behaviour::Good));
            release.link_for(address_with::<S>(Slot::A));
        });
        Self {
            firmware,
            repository,
            strategy: PhantomData,
        }
    }

    /// Publishes a release for a slot, with a delta from this image to it. Answers its image.
    pub fn release(&mut self, version: &str, slot: Slot, behaviour: Behaviour, before: &[u8]) -> Vec<u8> {
        let image = image::image(self.firmware, slot, version, behaviour);
        self.repository.stage(version);
        self.repository.release.carry(image.clone());
        self.repository.release.link_for(address_with::<S>(slot));
        self.repository.release.add_patch(Some(before), Profile::Small);
        self.repository.publish();
        image
    }

    /// The image of the newest release.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.repository.release.image
    }

    /// A board that runs the newest release, asks this server, and has a clock that is right.
    ///
    /// # Panics
    ///
    /// When there is no room for its memory.
    #[must_use]
    pub fn board(&self, emulator: Emulator, server: &Server) -> Board {
        self.board_with(emulator, &settings(server.address()))
    }

    /// The same, with these settings.
    ///
    /// # Panics
    ///
    /// When there is no room for its memory.
    #[must_use]
    pub fn board_with(&self, emulator: Emulator, settings: &Settings) -> Board {
        let site = &self.repository.site;
        let root = site.file("metadata/1.root.json").expect("the first root is served");
        let now = self.repository.now;
        let flash = provision_with::<S>(settings, root, &mut Network::to(site.clone()), now);
        let board = Board::new(self.firmware, emulator, &flash);
        board.memory().set_clock(Some(now)).expect("the memory can be written");
        board
    }
}

/// The settings of a board that asks the server at this address.
///
/// # Panics
///
/// Never: the ids are the simulator's.
#[must_use]
pub fn settings(server: SocketAddr) -> Settings {
    let id = |text| Id::parse(text).expect("the simulator's ids are ids");
    Settings {
        product: id(PRODUCT),
        hardware: id(HARDWARE),
        channel: id(CHANNEL),
        component: id("firmware"),
        server: HOST,
        port: server.port(),
        trial_attempts: 2,
        interval_s: 1,
        backoff_s: 1,
        data_budget_bytes: None,
        seed: [7; 32],
        self_test_s: 30,
    }
}

/// The address for which images of a slot are linked.
#[must_use]
pub fn address(slot: Slot) -> u32 {
    address_with::<Xip>(slot)
}

fn address_with<S: Built>(slot: Slot) -> u32 {
    let [a, b] = S::MAP.slots.addresses();
    match slot {
        Slot::A => a,
        Slot::B => b,
    }
}
