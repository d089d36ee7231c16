//! The emulated board without its power: cut inside any flash operation, killed at any moment, and left by its network.
//!
//! What must hold whenever the power comes is the table of `tuffet_integration::life`; here it is read from the memory of a real
//! firmware that died. That this firmware does to its flash what the model of the host does, operation by operation, is shown
//! too: so what the model proves by exhaustion is proven for it.

use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::time::Duration;
use tuffet_board_layout::control::{ERASE, SelfTest, Tear, WRITE};
use tuffet_board_layout::flash::MAP;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::{Slot, State, Why};
use tuffet_integration::board::factory::storage;
use tuffet_integration::board::{Board, BoardNor, Cut, Emulator, Line, Operation, Product, range, settings};
use tuffet_integration::device::small::Network;
use tuffet_integration::life::Moment;
use tuffet_integration::nor::{Kind, Random};
use tuffet_integration::server::Server;
use tuffet_integration::site::Fault;
use tuffet_no_std_client::flash::Xip;
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, bootloader};

const NOW: u64 = 1_800_000_000;
/// Longer than any test here.
const SERVER_LIFETIME: Duration = Duration::from_secs(7_200);

/// Kills in CI, and with `TUFFET_DEEP` set.
const KILLS: [usize; 2] = [5, 200];
/// Operations that are torn: as many.
const TEARS: [usize; 2] = [5, 200];
/// The longest that a board lives between two kills: one update, its trial and its confirmation.
const LIFE_MS_MAX: usize = 6_000;

fn how_many([few, many]: [usize; 2]) -> usize {
    if std::env::var_os("TUFFET_DEEP").is_some() {
        many
    } else {
        few
    }
}

/// A board that runs 1.0.0 and is offered 2.0.0.
struct Scene {
    product: Product,
    server: Server,
    board: Board,
    factory: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let mut product = Product::new(NOW);
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let server = Server::start_at(address, product.repository.site.clone(), SERVER_LIFETIME).unwrap();
        let board = product.board(Emulator::An385, &server);
        let first = product.image().to_vec();
        product.release("2.0.0", Slot::B, Behaviour::Good, &first);
        server.serve(product.repository.site.clone());
        let factory = board.memory().flash().unwrap();
        Self {
            product,
            server,
            board,
            factory,
        }
    }

    /// What the dead board has at rest. Every promise of a moment is held against it.
    fn moment(&self) -> Moment {
        let contents = self.board.memory().flash().unwrap();
        let flash = RefCell::new(BoardNor::with_contents(contents.clone()));
        Moment::read(&storage(&flash), &contents, |slot| {
            contents[range(MAP.slots.slot(slot))].to_vec()
        })
    }

    /// Whether the newest release is confirmed; or refused from now on, because the power went in each boot of its trial.
    fn is_settled(&self) -> bool {
        let newest: [u8; 32] = Sha256::digest(self.product.image()).into();
        let moment = self.moment();
        let is_confirmed =
            matches!(moment.boot, State::Confirmed { confirmed, .. } if confirmed.image.digest == newest);
        is_confirmed || moment.has_failed(&newest)
    }

    /// Begins another life, fresh from the factory.
    fn begin_again(&self) {
        self.board.memory().write_flash(&self.factory).unwrap();
    }

    /// Goes on until there is nothing left to do.
    fn converge(&mut self) {
        self.board.power_on(None);
        while !is_end(&self.board.wait_for("update")) {}
        self.board.power_off();
        assert!(self.is_settled(), "{}", self.board.said());
    }
}

/// Whether nothing follows an update that came to this.
fn is_end(line: &Line) -> bool {
    line.says("update outcome=up-to-date") || line.says("update outcome=refused name=FailedBefore")
}

/// The end of the process: no operation is finished, and none is begun.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_killed_at_random_instants_keeps_its_promises() {
    let seed = 20_261_130;
    println!("{} kills, seed {seed}", how_many(KILLS));
    let mut random = Random::new(seed);
    let mut scene = Scene::new();
    let mut before = scene.moment();
    let mut lives = 1;
    for _ in 0..how_many(KILLS) {
        if scene.is_settled() {
            scene.begin_again();
            before = scene.moment();
            lives += 1;
        }
        scene.board.power_on(None);
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MS_MAX) as u64));
        scene.board.power_off();
        let now = scene.moment();
        now.assert_not_before(&before);
        before = now;
    }
    scene.converge();
    println!("{lives} lives");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_with_torn_operations_keeps_its_promises() {
    let seed = 20_261_201;
    println!("{} torn operations, seed {seed}", how_many(TEARS));
    let mut random = Random::new(seed);
    let mut scene = Scene::new();
    for round in 0..how_many(TEARS) {
        scene.begin_again();
        let before = scene.moment();
        let cut = Cut {
            // Most of an update is the image; half of the cuts are before it and behind it.
            operation: 1 + random.below(if round % 2 == 0 { 80 } else { 2_200 }) as u32,
            tear: Tear::ALL[random.below(Tear::ALL.len())],
            seed: random.number() as u32,
        };
        scene.board.power_on(Some(cut));
        // Until its power is gone; or until nothing is left to be cut, since an update may take fewer operations.
        let patience = Duration::from_secs(120);
        while scene.board.next_within(patience).is_ok_and(|line| !is_end(&line)) {}
        scene.board.power_off();
        scene.moment().assert_not_before(&before);
        scene.converge();
    }
}

/// The server is gone while the image comes, for as long as the board has patience, and comes back.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_without_its_network_resumes_at_a_checkpoint() {
    let mut scene = Scene::new();
    // A full image: of a delta there is nothing to resume.
    scene.product.repository.release.patches.clear();
    scene.product.repository.release.image_mut()["patches"] = serde_json::json!([]);
    scene.product.repository.publish();
    let address = scene.server.address();
    let sound = scene.product.repository.site.clone();
    let patch = sound.paths().find(|path| path.ends_with("2.0.0_c3_small_whole.patch"));
    let patch = patch.expect("the image is a patch from nothing").to_owned();
    let whole = sound.file(&patch).unwrap().len();
    // The line breaks off in the middle, and brings nothing whenever the board asks again.
    let mut broken = sound.clone();
    broken.fault_once(&patch, Fault::Reset { bytes: whole / 2 });
    broken.fault(&patch, Fault::Reset { bytes: 0 });
    scene.server.serve(broken);
    scene.board.power_on(None);
    scene.board.wait_for("update error=500 name=Transport");
    let elsewhere = Server::start(sound.clone()).unwrap();
    drop(std::mem::replace(&mut scene.server, elsewhere));
    // Nobody is there any more.
    scene.board.wait_for("update error=500 name=Transport");

    scene.server = Server::start_at(address, sound, SERVER_LIFETIME).unwrap();
    scene.board.wait_for("update outcome=installed version=2.0.0 way=whole");
    let again = patch_bytes(&scene.server, &scene.product);
    println!("{again} of {whole} bytes came when the server was back");
    assert!(
        again < whole * 7 / 8,
        "{again} of {whole} bytes came when the server was back"
    );
    scene.board.wait_for("confirmed");
}

/// Bytes of the patch that the server was asked for.
fn patch_bytes(server: &Server, product: &Product) -> usize {
    let requests = server.requests();
    let patches = requests.iter().filter(|request| request.path.ends_with(".patch"));
    patches
        .map(|request| {
            let file = product.repository.site.file(&request.path).unwrap();
            file.len() - request.range_from().unwrap_or(0)
        })
        .sum()
}

/// The board's own trace, and what the model of the host does in the same life: start, update, trial, confirmation, and the cycle
/// after it.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn operations_of_the_board_are_those_of_the_model() {
    for way in ["delta", "whole"] {
        let mut scene = Scene::new();
        if way == "whole" {
            scene.product.repository.release.patches.clear();
            scene.product.repository.release.image_mut()["patches"] = serde_json::json!([]);
            scene.product.repository.publish();
            scene.server.serve(scene.product.repository.site.clone());
        }
        let memory = scene.board.memory();
        memory.set_self_test(SelfTest::Passed).unwrap();
        memory.take_trace().unwrap();
        scene.board.power_on(None);
        scene
            .board
            .wait_for(&format!("update outcome=installed version=2.0.0 way={way}"));
        scene.board.wait_for("update outcome=up-to-date");
        scene.board.power_off();
        let on_board = scene.board.memory().take_trace().unwrap();

        let in_model = model(&scene);
        let length = in_model.len();
        println!("{way}: {length} operations");
        let differing = on_board.iter().zip(&in_model).position(|(board, model)| board != model);
        assert_eq!(differing, None, "{way}: not the same operation");
        // The board may have begun with the next cycle, which writes nothing new.
        assert_eq!(on_board.len(), length, "{way}");
    }
}

/// The same life on the host.
fn model(scene: &Scene) -> Vec<Operation> {
    let settings = settings(scene.server.address());
    let identity = settings.device::<Xip>();
    let mut nor = BoardNor::with_contents(scene.factory.clone());
    nor.record();
    let flash = RefCell::new(nor);
    let now = UnixSeconds::new(NOW);
    let rules = client::Settings {
        trial_attempts: settings.trial_attempts,
        ..client::Settings::DEFAULT
    };
    let mut network = Network::to(scene.product.repository.site.clone());
    let mut cycle = || {
        let run = bootloader::choose_slot(&storage(&flash), &mut || ()).unwrap().unwrap();
        if let Why::Trial { .. } = run.why {
            storage(&flash).boot_records().unwrap().confirm().unwrap();
        }
        let mut client: Client<'_, _, _, SmallState, SmallEd25519> =
            Client::new(&identity, storage(&flash), rules, now).unwrap();
        client.update(&mut network, now).unwrap();
    };
    cycle();
    cycle();
    let journal = flash.borrow_mut().take_journal();
    let operations = journal.operations().iter().map(|operation| Operation {
        kind: match operation.kind {
            Kind::Erase => ERASE,
            Kind::Write { .. } => WRITE,
        },
        offset: operation.offset as u32,
        bytes: operation.new.len() as u32,
    });
    operations.collect()
}
