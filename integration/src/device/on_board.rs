//! The emulated board: bootloader and application on their processor, over Ethernet and HTTP.
//!
//! - What it says are the serial lines; what it has at rest stands in its memory, which is a file.
//! - The images of rows are no programs. Those of this device begin with vectors that lead to the application, which stands
//!   outside the slots: so a row signs whatever it likes, and the bootloader checks, counts and starts that.
//! - An update is a start of the board, as after a power cut: nothing is remembered but what is in flash. Only where a trial waits
//!   for its boot it looks again without one.

use super::small::at_rest;
use super::{Device, Small};
use crate::attacks::{Clock, Outcome, Taken};
use crate::board::factory::{provision_with, write_settings};
use crate::board::{Board, BoardNor, Built, Emulator, Line, settings};
use crate::device::small::Network;
use crate::server::Server;
use crate::simulator::Simulator;
use crate::simulator::release::begin_firmware_with;
use crate::site::label;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use tuffet_board_layout::Settings;
use tuffet_board_layout::control::SelfTest;
use tuffet_boot::State;
use tuffet_no_std_client::flash::{Storage, Xip};

/// A board with slots of a strategy, and the server that it asks.
pub struct OnBoard<S = Xip> {
    server: Server,
    board: Board,
    settings: Settings,
    now: u64,
    clock: Clock,
    /// Updates since the power came.
    updates: u32,
    taken: Option<Taken>,
    strategy: PhantomData<S>,
}

impl<S: Built> OnBoard<S> {
    /// Lets the firmware of the simulator be one that the board starts, on this thread.
    pub fn begin_firmware() {
        begin_firmware_with(&S::firmware().vectors);
    }

    fn flash(&self) -> RefCell<BoardNor> {
        RefCell::new(BoardNor::with_contents(self.contents()))
    }

    fn contents(&self) -> Vec<u8> {
        self.board.memory().flash().expect("the memory can be read")
    }

    fn write(&self, contents: &[u8]) {
        self.board
            .memory()
            .write_flash(contents)
            .expect("the memory can be written");
    }

    /// Switches the board on, which then looks for an update so often.
    fn start(&mut self, self_test: SelfTest, updates: u32) {
        self.board.power_off();
        let seconds = match self.clock {
            Clock::MuchLater | Clock::Right => Some(self.now),
            Clock::None => None,
            Clock::Wrong(shown) => Some(shown),
        };
        let memory = self.board.memory();
        let set = memory
            .set_clock(seconds)
            .and_then(|()| memory.set_self_test(self_test))
            .and_then(|()| memory.set_cycles(Some(updates)));
        set.expect("the memory can be written");
        self.updates = updates;
        self.board.power_on(None);
    }
}

impl<S: Built> Device for OnBoard<S> {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Small;
    const FULL: &str = <Small<Xip> as Device>::FULL;

    fn factory(repository: &Simulator) -> Self {
        let server = Server::start(repository.site.clone()).expect("loopback has a port");
        let settings = settings(server.address());
        let root = repository.site.file("metadata/1.root.json");
        let mut network = Network::to(repository.site.clone());
        let root = root.expect("the first root is served");
        let flash = provision_with::<S>(&settings, root, &mut network, repository.now);
        Self {
            server,
            board: Board::with_resident(S::firmware(), Emulator::An385, &flash),
            settings,
            now: repository.now,
            clock: Clock::Right,
            updates: 0,
            taken: None,
            strategy: PhantomData,
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
        self.server.serve(repository.site.clone());
        self.now = repository.now;
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn update(&mut self) -> Outcome {
        let waits_for_boot = matches!(self.boot_state(), (State::Trial { .. }, _));
        if waits_for_boot && self.board.is_on() {
            self.updates += 1;
            let more = self.board.memory().set_cycles(Some(self.updates));
            more.expect("the memory can be written");
        } else {
            self.start(SelfTest::Pending, 1);
        }
        let line = self.board.wait_for("update");
        self.taken = taken(&line);
        if self.taken.is_none() {
            self.board.power_off();
        }
        outcome(&line)
    }

    fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }

    fn limit_data(&mut self, bytes: Option<u32>) {
        self.settings.data_budget_bytes = bytes;
        let mut contents = self.contents();
        write_settings(&mut contents, &self.settings);
        self.write(&contents);
    }

    fn take_requests(&mut self) -> Vec<String> {
        let requests = self.server.requests();
        // What is asked for again after it broke off is one request more than a row has: a file from where it was, a patch from
        // its last block.
        let begins = requests
            .iter()
            .filter(|request| request.header("range").is_none() || request.path.ends_with(".patch"));
        let mut labels: Vec<String> = begins.map(|request| label(&request.path).to_owned()).collect();
        self.server.forget_requests();
        labels.dedup_by(|later, earlier| later == earlier && later.ends_with(".patch"));
        labels
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        at_rest::files(&Storage::new(&self.flash(), S::MAP), self.contents())
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let before = self.files().remove(file).expect("the file is at rest");
        let mut contents = self.contents();
        at_rest::tamper(&mut contents, S::MAP.state, file, before, edit);
        self.write(&contents);
    }

    fn try_out(&mut self, is_healthy: bool) {
        let (verdict, word) = if is_healthy {
            (SelfTest::Passed, "confirmed")
        } else {
            (SelfTest::Failed, "failed")
        };
        self.start(verdict, 0);
        let boot = self.board.wait_for("boot");
        assert_eq!(boot.field("why"), "trial", "{}", self.board.said());
        self.board.wait_for(word);
        if !is_healthy {
            // A bootloader that exchanges images brings the old one back at the next start.
            let boot = self.board.wait_for("boot");
            assert_ne!(boot.field("why"), "trial", "{}", self.board.said());
        }
        self.board.power_off();
    }

    fn boot_state(&self) -> (State, u32) {
        let flash = self.flash();
        let records = Storage::new(&flash, S::MAP)
            .boot_records()
            .expect("the boot record can be read");
        (records.state(), records.counter())
    }
}

/// What a line about an update says, in the words of the attack table.
///
/// # Panics
///
/// When it says that the board is broken.
pub(super) fn outcome(line: &Line) -> Outcome {
    let name = line.field("name").to_owned();
    match (line.field("outcome"), line.field("error")) {
        ("installed", _) => Outcome::Installed,
        ("no-release", _) => Outcome::NoRelease,
        ("up-to-date", _) => Outcome::UpToDate,
        ("more-roots", _) => Outcome::Waiting("MoreRoots".to_owned()),
        ("waiting", _) => Outcome::Waiting(name),
        ("refused", _) => Outcome::Refused(name),
        (_, "500") => Outcome::Transport,
        (_, "703") => Outcome::Refused("DamagedStore".to_owned()),
        (_, "701" | "702") => panic!("the board is broken: {line}"),
        (_, code) if code.parse::<u16>().is_ok() => Outcome::Refused(name),
        _ => panic!("not the outcome of an update: {line}"),
    }
}

pub(super) fn taken(line: &Line) -> Option<Taken> {
    let fell_back = line.field("fell_back");
    (line.field("outcome") == "installed").then(|| Taken {
        way: line.field("way").to_owned(),
        fell_back: (!fell_back.is_empty()).then(|| fell_back.to_owned()),
    })
}
