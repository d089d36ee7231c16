//! The board `microbit`: bootloader and application on its processor, over the serial line to a gateway.
//!
//! - What it says are the lines of its port; what it has at rest is its flash, as the debugger reads it when the power goes.
//! - The images of rows are no programs: they lead to the application, which stands [behind the flash](crate::microbit::resident).
//! - An update is a start of the board. The gateway goes with the line that says what came of it, so a second cycle finds nobody; what
//!   was installed resets itself, and the power goes in front of the bootloader's first instruction.
//! - It has no clock, whatever a row goes by.

use super::on_board::{outcome, taken};
use super::small::{Network, at_rest};
use super::{Device, Small};
use crate::attacks::{Clock, Outcome, Taken};
use crate::board::{Line, settings};
use crate::microbit::gdb::Stop;
use crate::microbit::noise::Noise;
use crate::microbit::product::{provision, write_settings};
use crate::microbit::{Board, Firmware, MicrobitNor, PART, Repository, firmware, resident};
use crate::simulator::Simulator;
use crate::simulator::release::begin_firmware_with;
use crate::site::Site;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use tuffet_board_layout::Settings;
use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::MAP;
use tuffet_boot::State;
use tuffet_no_std_client::flash::{Storage, Xip};

/// How long a board may take to its reset.
const PATIENCE: Duration = Duration::from_secs(300);

/// A board, and the repository that its gateway has.
pub struct OnMicrobit {
    board: Board,
    site: Site,
    settings: Settings,
    requests: Vec<String>,
    taken: Option<Taken>,
    bootloader: u32,
}

impl OnMicrobit {
    /// Lets the firmware of the simulator be one that the board starts, on this thread.
    pub fn begin_firmware() {
        begin_firmware_with(&resident::vectors(Firmware::built()));
    }

    /// One update, by a gateway that brings whatever it likes, over a line that does this to its frames. Answers what the board says.
    pub fn update_by(&mut self, repository: Repository, noise: Noise) -> Line {
        self.start(Behaviour::Good, repository, noise, "tuffet update");
        let line = self.board.wait_for("update");
        self.taken = taken(&line);
        self.stop(self.taken.is_some());
        line
    }

    /// All that the board said.
    #[must_use]
    pub fn said(&self) -> String {
        self.board.said()
    }

    fn start(&mut self, behaviour: Behaviour, repository: Repository, noise: Noise, until: &str) {
        resident::behave(&mut self.board, behaviour);
        self.board.power_on_and_wait();
        let bootloader = self.bootloader;
        self.board
            .gdb()
            .set_breakpoint(bootloader)
            .expect("the emulator has breakpoints");
        let line = self.board.line();
        line.plug_in_to(repository, noise);
        line.pull_out_behind(until);
        self.board.go();
    }

    /// Cuts the power, of a board that resets itself in front of its bootloader.
    fn stop(&mut self, is_reset: bool) {
        let requests = self.board.line().take_requests();
        self.requests.extend(requests);
        if is_reset {
            let stopped = self.board.gdb().wait(PATIENCE).expect("the emulator answers");
            assert_eq!(stopped, Some(Stop::Signal(5)), "{}", self.board.said());
            self.board.power_off_standing();
        } else {
            self.board.power_off();
        }
    }

    fn flash(&self) -> RefCell<MicrobitNor> {
        RefCell::new(MicrobitNor::with_contents(self.board.flash().to_vec()))
    }
}

impl Device for OnMicrobit {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Small;
    const FULL: &str = <Small<Xip> as Device>::FULL;

    fn factory(repository: &Simulator) -> Self {
        let built = Firmware::built();
        let settings = settings(([0, 0, 0, 0], 0).into());
        let root = repository.site.file("metadata/1.root.json");
        let root = root.expect("the first root is served");
        let mut network = Network::to(repository.site.clone());
        let flash = provision(&settings, root, &mut network, repository.now);
        assert_eq!(flash.len(), PART.flash_bytes as usize);
        Self {
            board: resident::board(built, flash),
            site: repository.site.clone(),
            settings,
            requests: Vec::new(),
            taken: None,
            bootloader: firmware::address_of(&built.bootloader, "reset").expect("the bootloader begins somewhere"),
        }
    }

    fn keeps(file: &str) -> bool {
        Small::<Xip>::keeps(file)
    }

    fn may_lose(file: &str) -> bool {
        Small::<Xip>::may_lose(file)
    }

    fn asks_for(requests: &[String], row: &[&str]) -> bool {
        Small::<Xip>::asks_for(requests, row)
    }

    fn serve(&mut self, repository: &Simulator) {
        self.site = repository.site.clone();
    }

    fn set_clock(&mut self, _: Clock) {}

    fn update(&mut self) -> Outcome {
        let network = Network::to(self.site.clone());
        outcome(&self.update_by(Box::new(network), Noise::None))
    }

    fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }

    fn limit_data(&mut self, bytes: Option<u32>) {
        self.settings.data_budget_bytes = bytes;
        write_settings(self.board.flash_mut(), &self.settings);
    }

    fn take_requests(&mut self) -> Vec<String> {
        let mut labels = std::mem::take(&mut self.requests);
        labels.dedup_by(|later, earlier| later == earlier && later.ends_with(".patch"));
        labels
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        at_rest::files(&Storage::new(&self.flash(), &MAP), self.board.flash().to_vec())
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let before = self.files().remove(file).expect("the file is at rest");
        at_rest::tamper(self.board.flash_mut(), MAP.state, file, before, edit);
    }

    fn try_out(&mut self, is_healthy: bool) {
        let (behaviour, word) = if is_healthy {
            (Behaviour::Good, "confirmed")
        } else {
            (Behaviour::FailsSelfTest, "failed")
        };
        let network = Network::to(self.site.clone());
        self.start(behaviour, Box::new(network), Noise::None, "tuffet confirmed");
        let boot = self.board.wait_for("boot");
        assert_eq!(boot.field("why"), "trial", "{}", self.board.said());
        self.board.wait_for(word);
        self.stop(!is_healthy);
    }

    fn boot_state(&self) -> (State, u32) {
        let flash = self.flash();
        let records = Storage::new(&flash, &MAP)
            .boot_records()
            .expect("the boot record can be read");
        (records.state(), records.counter())
    }
}
