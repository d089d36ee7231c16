//! A board that is offered an update, what it does to its flash, and what it must come to wherever its power went.

use super::{Board, Firmware, MicrobitNor, Operation, PART, Product, Watch, span};
use crate::board::{Line, settings};
use crate::device::small::Network;
use crate::life::Moment;
use crate::site::Site;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::{MAP, SETTINGS};
use tuffet_boot::{Slot, State, Why};
use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, DeviceClock, Outcome, bootloader};

/// The newest image raises the counter.
const SECURITY_VERSION: u32 = 2;
/// A board counts from its start.
const START: UnixSeconds = UnixSeconds::new(1);
/// Boots after a cut in which a board must come to rest: the old image, and each boot of a trial.
const BOOTS_MAX: usize = 4;

/// A board from the factory runs 1.0.0, and its gateway has 2.0.0 with a delta.
pub struct Scene {
    firmware: &'static Firmware,
    site: Site,
    /// What the flash holds at first.
    factory: Vec<u8>,
    /// The digest of 2.0.0.
    newest: [u8; 32],
}

/// What a board did after its power had gone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lived {
    /// How often it booted.
    pub boots: usize,
    /// Updates that it ended with an error.
    pub failures: usize,
}

impl Scene {
    /// Makes both releases, and the flash of the board.
    ///
    /// # Panics
    ///
    /// When the firmware cannot be built.
    #[must_use]
    pub fn new(now: u64) -> Self {
        let firmware = Firmware::built();
        let mut product = Product::new(now);
        let factory = product.board().flash().to_vec();
        let image = product.release("2.0.0", Slot::B, Behaviour::Good);
        product.repository.release.set_security_version(SECURITY_VERSION.into());
        product.repository.publish();
        Self {
            firmware,
            site: product.repository.site.clone(),
            factory,
            newest: Sha256::digest(image).into(),
        }
    }

    /// What the flash holds at first. Where the bootloader lies it is erased.
    #[must_use]
    pub fn factory(&self) -> &[u8] {
        &self.factory
    }

    /// A board with this in its flash, whose gateway is there, in front of its first instruction.
    #[must_use]
    pub fn board(&self, flash: Vec<u8>) -> Board {
        let mut board = Board::new(self.firmware, flash);
        board.power_on_and_wait();
        board.line().plug_in(self.site.clone());
        board
    }

    /// A whole life on a board, seen from outside: update, trial, confirmation, the cycle after it. `look` is given each
    /// operation's number and the board, which stands in front of it; it may let the power go, and then the life is over.
    ///
    /// # Panics
    ///
    /// When the board does anything else.
    pub fn watched(&self, mut look: impl FnMut(usize, &mut Board)) -> (Vec<Operation>, Board) {
        let mut board = self.board(self.factory.clone());
        let mut watch = Watch::over(&mut board, self.firmware);
        let mut operations = Vec::new();
        while let Some(operation) = watch.next(&mut board, is_end) {
            look(operations.len(), &mut board);
            operations.push(operation);
            if !board.is_on() {
                break;
            }
        }
        (operations, board)
    }

    /// The same life on the host.
    ///
    /// # Panics
    ///
    /// When it does not go as it must.
    #[must_use]
    pub fn modelled(&self) -> Vec<Operation> {
        let settings = settings(([0, 0, 0, 0], 0).into());
        let identity = settings.device_over(&MAP);
        let rules = client::Settings {
            trial_attempts: settings.trial_attempts,
            clock: DeviceClock::Uptime,
            ..client::Settings::DEFAULT
        };
        let mut nor = MicrobitNor::with_contents(self.factory.clone());
        nor.record();
        let flash = RefCell::new(nor);
        let mut network = Network::to(self.site.clone());
        let storage = Storage::new(&flash, &MAP);
        for is_trial in [false, true] {
            let run = bootloader::choose_slot(&storage, &mut || ()).expect("the flash answers");
            let run = run.expect("something boots");
            assert_eq!(matches!(run.why, Why::Trial { .. }), is_trial, "{run:?}");
            if is_trial {
                let mut records = storage.boot_records().expect("the boot record can be read");
                records.confirm().expect("a trial can be confirmed");
            }
            let mut client: Client<'_, _, _, SmallState, SmallEd25519> =
                Client::new(&identity, storage, rules, START).expect("the map is the board's");
            let outcome = client.turn(&mut network, START, 0).expect("the cycle comes to its end");
            assert_eq!(matches!(outcome, Outcome::UpToDate), is_trial, "{outcome:?}");
        }
        let journal = flash.borrow_mut().take_journal();
        journal.operations().iter().flat_map(Operation::of_model).collect()
    }

    /// What a flash has at rest.
    ///
    /// # Panics
    ///
    /// When it is nothing that a board could go on from.
    #[must_use]
    pub fn moment(&self, flash: &[u8]) -> Moment {
        let nor = RefCell::new(MicrobitNor::with_contents(flash.to_vec()));
        let storage: Storage<'_, _, Xip> = Storage::new(&nor, &MAP);
        Moment::read(&storage, flash, |slot| {
            let place = span(slot);
            flash[place.start as usize..][..place.bytes as usize].to_vec()
        })
    }

    /// Switches a board on that holds this, and lets it live until 2.0.0 is confirmed there and up to date.
    ///
    /// # Panics
    ///
    /// When it does not come to that, or anything on the way is not as it must be.
    #[must_use]
    pub fn lives_on(&self, flash: Vec<u8>) -> Lived {
        let before = self.moment(&flash);
        let settings_page = flash[SETTINGS.start as usize..][..SETTINGS.bytes as usize].to_vec();
        let mut board = self.board(flash);
        board.go();
        let mut lived = Lived::default();
        let first = board.next_line();
        assert!(
            first.says(&boots_first(&before)),
            "not what the boot record says, {}, but {first}",
            boots_first(&before)
        );
        lived.boots = 1;
        let mut runs = String::new();
        loop {
            let line = board.next_line();
            match line.event.as_str() {
                "app" => line.field("version").clone_into(&mut runs),
                "boot" => {
                    lived.boots += 1;
                    assert!(lived.boots <= BOOTS_MAX, "it boots again and again:\n{}", board.said());
                }
                "update" if line.field("error").is_empty() => {
                    if is_end(&line) {
                        break;
                    }
                    assert!(line.says("update outcome=installed version=2.0.0"), "{}", board.said());
                }
                "update" => lived.failures += 1,
                "confirmed" | "memory" | "time" => {}
                _ => panic!("it says `{line}`:\n{}", board.said()),
            }
        }
        assert_eq!(runs, "2.0.0", "it is content with what it has:\n{}", board.said());
        board.power_off();
        let after = self.moment(board.flash());
        after.assert_not_before(&before);
        let State::Confirmed { confirmed, .. } = after.boot else {
            panic!("not confirmed at the end: {:?}\n{}", after.boot, board.said());
        };
        assert!(
            confirmed.image.digest == self.newest,
            "another image is confirmed at the end"
        );
        assert_eq!(after.counter, SECURITY_VERSION, "the counter at the end");
        let page = &board.flash()[SETTINGS.start as usize..][..SETTINGS.bytes as usize];
        assert!(page == settings_page, "the settings changed");
        assert_eq!(board.flash().len(), PART.flash_bytes as usize);
        lived
    }
}

/// How the line begins that says what boots first on a board that has this at rest.
fn boots_first(moment: &Moment) -> String {
    let name = |slot| if slot == Slot::A { "A" } else { "B" };
    match &moment.boot {
        State::Confirmed { confirmed, .. } => format!("boot slot={} why=confirmed", name(confirmed.slot)),
        State::Trial { trial, confirmed } if trial.attempts_left == 0 => {
            format!("boot slot={} why=reverted", name(confirmed.slot))
        }
        State::Trial { trial, .. } => format!("boot slot={} why=trial", name(trial.placed.slot)),
        state @ (State::Damaged | State::Unprovisioned) => panic!("nothing boots: {state:?}"),
    }
}

/// Whether nothing follows an update that came to this.
fn is_end(line: &Line) -> bool {
    line.says("update outcome=up-to-date") || line.says("update outcome=refused")
}
