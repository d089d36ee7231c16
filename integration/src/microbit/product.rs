//! A product whose firmware is the board's application: its releases, and boards fresh from the factory.

use super::{Board, Firmware, PART};
use crate::board::{image, settings};
use crate::device::small::Network;
use crate::nor::Nor;
use crate::simulator::Simulator;
use std::cell::RefCell;
use tuffet_board_layout::Settings;
use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::{ERASE_BYTES, MAP, SETTINGS, WRITE_BYTES};
use tuffet_boot::Slot;
use tuffet_no_std_client::flash::{Span, Storage};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client};
use tuffet_patch::Profile;

/// The flash of the board, as the host has it.
pub type MicrobitNor = Nor<WRITE_BYTES, ERASE_BYTES>;

/// A repository of the simulator, with the firmware of the board in it.
pub struct Product {
    firmware: &'static Firmware,
    /// The repository.
    pub repository: Simulator,
}

impl Product {
    /// Release 1.0.0, for slot A, is published.
    #[must_use]
    pub fn new(now: u64) -> Self {
        let firmware = Firmware::built();
        let repository = Simulator::healthy_with(now, |release| {
            release.carry(version(firmware, Slot::A, "1.0.0", Behaviour::Good));
            release.link_for(address(Slot::A));
        });
        Self { firmware, repository }
    }

    /// Publishes a release for a slot, with a delta from the newest image to it. Answers its image.
    pub fn release(&mut self, name: &str, slot: Slot, behaviour: Behaviour) -> Vec<u8> {
        let before = self.image().to_vec();
        self.release_from(name, slot, behaviour, Some(&before))
    }

    /// The same with a delta from this image, or with none.
    pub fn release_from(&mut self, name: &str, slot: Slot, behaviour: Behaviour, before: Option<&[u8]>) -> Vec<u8> {
        let image = version(self.firmware, slot, name, behaviour);
        self.repository.stage(name);
        self.repository.release.carry(image.clone());
        self.repository.release.link_for(address(slot));
        if before.is_some() {
            self.repository.release.add_patch(before, Profile::Small);
        }
        self.repository.publish();
        image
    }

    /// The image of the newest release.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.repository.release.image
    }

    /// A board that runs the newest release, from the factory.
    ///
    /// # Panics
    ///
    /// When the repository has no first root.
    #[must_use]
    pub fn board(&self) -> Board {
        // Its gateway knows where the server is.
        let settings = settings(([0, 0, 0, 0], 0).into());
        let site = &self.repository.site;
        let root = site.file("metadata/1.root.json").expect("the first root is served");
        let network = &mut Network::to(site.clone());
        Board::new(self.firmware, provision(&settings, root, network, self.repository.now))
    }
}

/// What the factory does, by the very client that runs on the board: first root, first image, and the settings.
pub(crate) fn provision(settings: &Settings, root: &[u8], repository: &mut Network, now: u64) -> Vec<u8> {
    let flash = RefCell::new(MicrobitNor::new(PART.flash_bytes as usize));
    let identity = settings.device_over(&MAP);
    let now = UnixSeconds::new(now);
    let storage = Storage::new(&flash, &MAP);
    let mut client: Client<'_, _, _, SmallState, SmallEd25519> =
        Client::new(&identity, storage, client::Settings::DEFAULT, now).expect("the map is the board's");
    client.provision_root(root).expect("the first root is sound");
    client.provision(repository, now).expect("there is a first image");
    let mut bytes = flash.into_inner().into_contents();
    write_settings(&mut bytes, settings);
    bytes
}

/// Writes the page of the settings into a flash.
pub(crate) fn write_settings(flash: &mut [u8], settings: &Settings) {
    let page = &mut flash[SETTINGS.start as usize..][..SETTINGS.bytes as usize];
    page.fill(0xFF);
    page[..Settings::BYTES].copy_from_slice(&settings.encode());
}

/// The application for a slot, as this version, behaving so.
#[must_use]
pub fn version(firmware: &Firmware, slot: Slot, name: &str, behaviour: Behaviour) -> Vec<u8> {
    let [a, b] = &firmware.applications;
    let application = if slot == Slot::A { a } else { b };
    image::of(application, PART.slot_bytes, name, behaviour)
}

/// The place of a slot in the flash.
#[must_use]
pub fn span(slot: Slot) -> Span {
    MAP.slots.slot(slot)
}

/// The address for which images of a slot are linked.
#[must_use]
pub fn address(slot: Slot) -> u32 {
    let [a, b] = MAP.slots.addresses();
    match slot {
        Slot::A => a,
        Slot::B => b,
    }
}
