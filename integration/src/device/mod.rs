//! Devices that the attack table is run on.
//!
//! - [`Memory`]: the update machine itself, with everything at rest in memory.
//! - [`Process`]: the client binary, with its device folder, over HTTP. Every step is a process of its own.
//! - [`Small`]: the driver of small devices on a simulated NOR flash.
//! - [`OnBoard`]: the same driver in the firmware of the emulated board, over HTTP. Every update is a start of the board.
//! - [`OnMicrobit`]: the same in the firmware of the board `microbit`, over its serial line.
//!
//! All answer the same questions in the same words, so that a row holds for all. Beside them stand [`Follower`]s, which
//! follow the metadata and install nothing: [`Core`], the verifier itself in one of its readings, and [`Foreign`], the
//! client's way of following other people's repositories, over HTTP.

mod core;
mod follower;
mod foreign;
mod memory;
mod on_board;
mod on_microbit;
mod process;
mod slots;
pub mod small;

pub use core::{Core, Driven};
pub use follower::{Follower, ReadAs};
pub use foreign::{Foreign, conformance_client};
pub use memory::Memory;
pub use on_board::OnBoard;
pub use on_microbit::OnMicrobit;
pub use process::{Process, Said, client_binary, scratch_folder};
pub use small::Small;

use crate::attacks::{Clock, Outcome, Taken};
use crate::nor::Nor;
use crate::simulator::Simulator;
use std::collections::BTreeMap;
use tuffet_boot::State;
use tuffet_patch::Profile;

/// The slot that an update goes to first; the factory's firmware is in the other one.
pub const SPARE_SLOT: &str = "spare slot";
/// The slot that runs from the factory on.
pub const RUNNING_SLOT: &str = "running slot";
/// The boot record.
pub const BOOT_RECORD: &str = "boot record";
/// The trusted state.
pub const STATE: &str = "state";
/// The release document as kept.
pub const DOCUMENT: &str = "document";
/// The rollout file as kept.
pub const ROLLOUT: &str = "rollout";

/// The flash of the boot record, with the units that the Linux client has for its file.
type BootFlash = Nor<4, 4_096>;

/// A provisioned device, and the repository that it asks.
pub trait Device: Sized {
    /// The patches that the device takes.
    const PROFILE: Profile;

    /// By which way a full image comes.
    const FULL: &str = "file";

    /// Makes the factory state: first root, first firmware, from a repository that is served well.
    fn factory(repository: &Simulator) -> Self;

    /// Whether the device keeps a file of this name at rest. What it does not keep it asks for again.
    fn keeps(_file: &str) -> bool {
        true
    }

    /// Whether the device may lose its copy of a file to one that was refused: it asks for it again.
    fn may_lose(_file: &str) -> bool {
        false
    }

    /// Whether the device made the requests that a row names.
    fn asks_for(requests: &[String], row: &[&str]) -> bool {
        requests == row
    }

    /// Serves this repository from now on.
    fn serve(&mut self, repository: &Simulator);

    /// Lets the device go by this clock.
    ///
    /// # Panics
    ///
    /// When the device reads the real clock, and this is another one.
    fn set_clock(&mut self, clock: Clock);

    /// Runs one update cycle, and installs what it finds.
    fn update(&mut self) -> Outcome;

    /// By which way the last update brought its image, if it installed one.
    fn taken(&self) -> Option<Taken>;

    /// Sets the most bytes that one installation may download; `None`: as many as it takes.
    fn limit_data(&mut self, bytes: Option<u32>);

    /// The requests since the last call, as labels, in order.
    fn take_requests(&mut self) -> Vec<String>;

    /// Every file at rest, under the names that rows use. Metadata goes by its role.
    fn files(&self) -> BTreeMap<String, Vec<u8>>;

    /// Changes a file at rest behind the device's back.
    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>));

    /// Reboots into the trial; its self test says this.
    fn try_out(&mut self, is_healthy: bool);

    /// What the boot record says, and the lowest security version that may run.
    fn boot_state(&self) -> (State, u32);
}

/// Which slot file the file of a slot is.
fn slot_name(slot: tuffet_boot::Slot) -> &'static str {
    match slot {
        tuffet_boot::Slot::A => RUNNING_SLOT,
        tuffet_boot::Slot::B => SPARE_SLOT,
    }
}

/// What a boot record's bytes say.
fn read_boot_record(bytes: Vec<u8>) -> (State, u32) {
    let records = tuffet_boot::BootRecords::open(BootFlash::with_contents(bytes)).expect("the boot record can be read");
    (records.state(), records.counter())
}
