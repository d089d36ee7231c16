//! The emulated board with slots that its bootloader exchanges: every image is linked for one address.

mod boards;

use std::time::{Duration, Instant};
use tuffet_board_layout::control::Tear;
use tuffet_board_layout::flash::SWAP_MAP;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Cut, Emulator, PowerOff, erases_max, range};
use tuffet_no_std_client::flash::Swap;

/// The board whose images are exchanged.
type Scene = boards::Scene<Swap>;

const PATIENCE: Duration = Duration::from_secs(60);

impl Scene {
    /// Installs release 2.0.0, and stops before the exchange.
    fn install(&mut self, behaviour: Behaviour) {
        self.release("2.0.0", Slot::B, behaviour);
        self.board.memory().set_cycles(Some(1)).unwrap();
        self.board.power_on(None);
        self.board.wait_for("update outcome=installed version=2.0.0 way=delta");
        self.board.power_off();
        self.board.memory().set_cycles(None).unwrap();
    }

    /// What lies at the running place, as long as the newest image.
    fn running(&self) -> Vec<u8> {
        let start = range(SWAP_MAP.slots.running).start;
        let flash = self.board.memory().flash().unwrap();
        flash[start..start + self.product.image().len()].to_vec()
    }

    /// The most erases of a page at the running place and in the staged one since the last time.
    fn wear(&self) -> [usize; 2] {
        let trace = self.board.memory().take_trace().unwrap();
        [SWAP_MAP.slots.running, SWAP_MAP.slots.staged].map(|span| erases_max(&trace, span))
    }
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn exchanged_board_updates_by_delta_and_exchanges_back_what_hangs() {
    let mut scene = Scene::on(Emulator::An385);
    scene.board.power_on(None);
    scene.board.wait_for("boot slot=A why=confirmed");
    scene.board.wait_for("app version=1.0.0 slot=any");
    scene.board.wait_for("update outcome=up-to-date");

    scene.release("2.0.0", Slot::B, Behaviour::Good);
    scene.board.wait_for("update outcome=installed version=2.0.0 way=delta");
    scene.board.expect("boot slot=B why=trial attempts_left=1");
    scene.board.expect("app version=2.0.0 slot=any");
    scene.board.expect("confirmed");
    scene.board.wait_for("update outcome=up-to-date");
    scene.board.power_off();
    assert!(scene.running() == scene.product.image());
    assert_eq!(scene.wear(), [1, 2], "an update");

    scene.release("3.0.0", Slot::A, Behaviour::Hangs);
    scene.board.power_on(None);
    scene.board.wait_for("update outcome=installed version=3.0.0 way=delta");
    scene.board.expect("boot slot=A why=trial attempts_left=1");
    scene.board.expect("app version=3.0.0 slot=any");
    scene.board.power_off();
    assert_eq!(scene.wear(), [1, 2], "an update that hangs");

    scene.board.power_on(None);
    scene.board.expect("boot slot=A why=trial attempts_left=0");
    scene.board.expect("app version=3.0.0 slot=any");
    // The watchdog brings it back.
    scene.board.expect("boot slot=B why=reverted");
    scene.board.expect("app version=2.0.0 slot=any");
    scene.board.wait_for("update outcome=refused name=FailedBefore");
    scene.board.power_off();
    assert_eq!(scene.wear(), [1, 1], "a revert");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn exchange_that_was_cut_comes_to_its_end() {
    let mut scene = Scene::on(Emulator::An385);
    scene.install(Behaviour::Good);
    let flash = scene.board.memory().flash().unwrap();
    cut_and_go_on(&mut scene, &flash, |scene| {
        scene.board.expect("boot slot=B why=trial attempts_left=1");
        scene.board.expect("app version=2.0.0 slot=any");
        scene.board.expect("confirmed");
        assert!(scene.running() == scene.product.image());
    });
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn exchange_back_that_was_cut_comes_to_its_end() {
    let mut scene = Scene::on(Emulator::An385);
    let confirmed = scene.running();
    scene.install(Behaviour::Hangs);
    for attempts_left in [1, 0] {
        scene.board.power_on(None);
        scene
            .board
            .expect(&format!("boot slot=B why=trial attempts_left={attempts_left}"));
        scene.board.expect("app version=2.0.0 slot=any");
        scene.board.power_off();
    }
    let flash = scene.board.memory().flash().unwrap();
    cut_and_go_on(&mut scene, &flash, |scene| {
        scene.board.expect("boot slot=A why=reverted");
        scene.board.expect("app version=1.0.0 slot=any");
        assert!(scene.running() == confirmed);
    });
}

/// Flash operations of an exchange of the application; it has some more.
const OPERATIONS: u32 = 2_000;

/// Starts with an exchange from this flash again and again: killed twice in its middle, and cut inside operations of it. Each time
/// the next start has to bring it to its end.
fn cut_and_go_on(scene: &mut Scene, flash: &[u8], mut ends: impl FnMut(&mut Scene)) {
    for kill_at in [OPERATIONS / 4, OPERATIONS / 2] {
        let killed_at = kill_in_the_middle(scene, flash, kill_at);
        println!("killed at operation {killed_at}");
        scene.board.power_on(None);
        ends(scene);
        scene.board.power_off();
    }
    for (index, tear) in Tear::ALL.into_iter().enumerate() {
        scene.board.memory().write_flash(flash).unwrap();
        let operation = 1 + 397 * index as u32;
        let seed = 1 + index as u32;
        scene.board.power_on(Some(Cut { operation, tear, seed }));
        let Err(PowerOff { last: Some(cut) }) = scene.board.next_within(PATIENCE) else {
            panic!("it was not cut at operation {operation}:\n{}", scene.board.said())
        };
        assert_eq!(cut.number("operation"), u64::from(operation));
        scene.board.power_on(None);
        ends(scene);
        scene.board.power_off();
    }
}

/// Starts from this flash, and sends SIGKILL as soon as so many operations were done, wherever the firmware is. Answers how many
/// it had done by then.
fn kill_in_the_middle(scene: &mut Scene, flash: &[u8], kill_at: u32) -> u32 {
    // On a busy machine the exchange may be over when we look again.
    for _ in 0..8 {
        scene.board.memory().write_flash(flash).unwrap();
        scene.board.power_on(None);
        let deadline = Instant::now() + PATIENCE;
        while scene.board.memory().operations().unwrap() < kill_at {
            assert!(Instant::now() < deadline, "{}", scene.board.said());
        }
        scene.board.power_off();
        let killed_at = scene.board.memory().operations().unwrap();
        if killed_at < OPERATIONS {
            return killed_at;
        }
    }
    panic!("the exchange was always over:\n{}", scene.board.said())
}
