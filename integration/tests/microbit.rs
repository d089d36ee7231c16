//! The board `microbit`: the real bootloader and the real application on a Cortex-M0, over a serial line to a gateway.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tuffet_board_layout::image::Behaviour;
use tuffet_board_layout::microbit::{ERASE_BYTES, FORWARD_WORD};
use tuffet_boot::Slot;
use tuffet_integration::microbit::gdb::{Gdb, Stop};
use tuffet_integration::microbit::{Board, Firmware, Product, address, firmware, span};
use tuffet_integration::program::program;
use tuffet_integration::server::Server;
use tuffet_integration::site::Fault;
use tuffet_no_std_client::link::How;

const NOW: u64 = 1_800_000_000;

/// How long an image that hangs says nothing, until a watchdog would have reset it.
const HANG: Duration = Duration::from_secs(3);

/// How long a board may run until it does something to its flash.
const PATIENCE: Duration = Duration::from_secs(300);

/// A board in front of its first instruction, whose gateway has the newest release.
fn started(product: &Product) -> Board {
    let mut board = product.board();
    board.power_on_and_wait();
    board.line().plug_in(product.repository.site.clone());
    board.go();
    board
}

fn serve(product: &Product, board: &mut Board) {
    board.line().plug_in(product.repository.site.clone());
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_updates_by_delta_over_its_serial_line() {
    let mut product = Product::new(NOW);
    let mut board = started(&product);
    board.expect("boot slot=A why=confirmed");
    board.expect("app version=1.0.0 slot=A");
    board.wait_for("update outcome=up-to-date");

    let image = product.release("2.0.0", Slot::B, Behaviour::Good);
    serve(&product, &mut board);
    board.wait_for("update outcome=installed version=2.0.0 way=delta");
    board.expect("boot slot=B why=trial attempts_left=1");
    board.expect("app version=2.0.0 slot=B");
    board.expect("confirmed");
    board.wait_for("update outcome=up-to-date");
    board.power_off();
    let slot = &board.flash()[span(Slot::B).start as usize..][..image.len()];
    assert!(slot == image, "the slot does not hold the image");

    let said = board.said();
    let (until_installed, _) = said.split_once("update outcome=installed").unwrap();
    let figures = until_installed.lines().rfind(|line| line.starts_with("tuffet memory"));
    println!("{}", figures.unwrap());

    // The flash outlives the power.
    board.power_on();
    board.expect("boot slot=B why=confirmed");
    board.expect("app version=2.0.0 slot=B");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn image_that_hangs_is_reset_and_reverted() {
    let mut product = Product::new(NOW);
    let mut board = started(&product);
    board.wait_for("update outcome=up-to-date");
    product.release("2.0.0", Slot::B, Behaviour::Hangs);
    serve(&product, &mut board);
    board.wait_for("update outcome=installed version=2.0.0 way=delta");
    for attempts_left in [1, 0] {
        board.expect(&format!("boot slot=B why=trial attempts_left={attempts_left}"));
        board.expect("app version=2.0.0 slot=B");
        assert_eq!(board.listen(HANG), None, "it does not hang");
        board.reset();
    }
    board.expect("boot slot=A why=reverted");
    board.expect("app version=1.0.0 slot=A");
    board.wait_for("update outcome=refused name=FailedBefore");
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn image_that_says_that_it_does_not_work_is_reverted_at_once() {
    let mut product = Product::new(NOW);
    let mut board = started(&product);
    board.wait_for("update outcome=up-to-date");
    product.release("2.0.0", Slot::B, Behaviour::FailsSelfTest);
    serve(&product, &mut board);
    board.wait_for("boot slot=B why=trial attempts_left=1");
    board.expect("app version=2.0.0 slot=B");
    board.expect("failed");
    board.expect("boot slot=A why=confirmed");
    board.wait_for("update outcome=refused name=FailedBefore");
}

/// What came before the gateway died is not asked for again.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn update_goes_on_where_the_gateway_died() {
    let mut product = Product::new(NOW);
    let mut board = started(&product);
    board.wait_for("update outcome=up-to-date");
    // Without a delta there is enough to come that a part of it is kept.
    product.release_from("2.0.0", Slot::B, Behaviour::Good, None);
    serve(&product, &mut board);
    board.line().pull_out_after(60_000);
    board.wait_for("update error=500 name=Transport");
    assert!(!board.line().is_plugged_in());
    let _ = board.line().take_forwarded();
    serve(&product, &mut board);
    board.wait_for("update outcome=installed version=2.0.0 way=whole");
    // The gateway knows that the file is over when the next one is asked for.
    board.wait_for("confirmed");
    let forwarded = board.line().take_forwarded();
    let resumed = forwarded
        .iter()
        .find(|file| file.path.ends_with(".patch") && file.offset > 0);
    assert!(resumed.is_some_and(|file| file.how == How::Whole), "{forwarded:?}");
}

/// `cargo xtask gateway`, and the lines that it prints.
struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    fn start(repository: &str, line: &Path) -> Self {
        let mut child = Command::new(program("tuffet-xtask", "tuffet-xtask"))
            .args(["gateway", "--repository", repository, "--serial"])
            .arg(line)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let said = Vec::new();
        Self { child, lines, said }
    }

    fn wait_for(&mut self, words: &str) {
        let deadline = Instant::now() + 2 * PATIENCE;
        while !self.said.last().is_some_and(|line| line.starts_with(words)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            self.said
                .push(line.unwrap_or_else(|_| panic!("not `{words}`: {:#?}", self.said)));
        }
    }

    /// It dies as it stands.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program itself, between the board and a web server; it is killed in the middle of a full image.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn program_forwards_from_a_web_server_and_may_be_killed() {
    let mut product = Product::new(NOW);
    let server = Server::start(product.repository.site.clone()).unwrap();
    let mut board = product.board();
    let line = board.power_on_with_free_line();
    let mut gateway = Program::start(&server.url(), &line);
    // Whatever the board says before the program listens is lost.
    std::thread::sleep(Duration::from_secs(1));
    board.go();
    gateway.wait_for("device: tuffet app version=1.0.0 slot=A");
    gateway.wait_for("device: tuffet update outcome=up-to-date");
    product.release_from("2.0.0", Slot::B, Behaviour::Good, None);
    // Slowly, so that there is a middle.
    let mut site = product.repository.site.clone();
    let patch = site.paths().find(|path| path.ends_with("2.0.0_c3_small_whole.patch"));
    let patch = patch.unwrap().to_owned();
    let drip = Fault::SlowDrip {
        bytes: 1_000,
        pause_ms: 50,
    };
    site.fault_once(&patch, drip);
    server.serve(site);
    let deadline = Instant::now() + PATIENCE;
    while !server.requests().iter().any(|request| request.path.ends_with(&patch)) {
        assert!(
            Instant::now() < deadline,
            "the image is not asked for: {:#?}",
            gateway.said
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // More than what is between two checkpoints has come by then.
    std::thread::sleep(Duration::from_secs(2));
    gateway.kill();

    let mut gateway = Program::start(&server.url(), &line);
    gateway.wait_for("device: tuffet update outcome=installed version=2.0.0 way=whole");
    gateway.wait_for("device: tuffet confirmed");
    let resumed = gateway.said.iter().find(|line| line.contains(".patch from "));
    println!("{}", resumed.unwrap_or_else(|| panic!("{:#?}", gateway.said)));
    // It ends in good order with the line.
    board.power_off();
    assert!(gateway.child.wait().unwrap().success());
}

/// The functions by which a rig sees and cuts the operations of the flash are where it looks for them, and nothing goes past them.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn every_flash_operation_goes_through_two_functions() {
    const OPERATIONS: usize = 200;
    let firmware = Firmware::built();
    let mut product = Product::new(NOW);
    let mut board = product.board();
    product.release("2.0.0", Slot::B, Behaviour::Good);
    // What the operations make of the flash, in the host.
    let mut flash = board.flash().to_vec();
    board.power_on_and_wait();
    serve(&product, &mut board);
    let program = firmware.program(Slot::A);
    let [write, erase] = [firmware::WRITE, firmware::ERASE].map(|name| firmware::address_of(program, name).unwrap());
    for function in [write, erase] {
        board.gdb().set_breakpoint(function).unwrap();
    }
    let mut kinds = [0; 2];
    for operation in 0..=OPERATIONS {
        let stopped = board.gdb().resume_until_stop(PATIENCE).unwrap();
        assert_eq!(
            stopped,
            Some(Stop::Signal(5)),
            "operation {operation}:\n{}",
            board.said()
        );
        if operation == OPERATIONS {
            // It stands in front of this one, and its power goes.
            break;
        }
        let registers = board.gdb().registers().unwrap();
        let [address, word, ..] = registers.arguments();
        let at = address as usize;
        if registers.program_counter() == write {
            kinds[0] += 1;
            for (cell, byte) in flash[at..at + 4].iter_mut().zip(word.to_le_bytes()) {
                *cell &= byte;
            }
        } else {
            assert_eq!(registers.program_counter(), erase);
            kinds[1] += 1;
            flash[at..at + ERASE_BYTES].fill(0xFF);
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    board.power_off_standing();
    assert!(board.flash() == flash, "the flash holds something else");
    // What was cut there comes to its end.
    board.power_on_and_wait();
    serve(&product, &mut board);
    board.go();
    board.wait_for("update outcome=installed version=2.0.0 way=delta");
    board.wait_for("confirmed");
}

/// The processor enters the bootloader's table, and comes to the function that the application's table names.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn interrupts_are_forwarded_to_the_program_that_runs() {
    /// The vector of the clock's interrupt, behind the 16 of the processor.
    const CLOCK: u32 = 16 + 8;
    let forward = firmware::address_of(&Firmware::built().bootloader, "forward").unwrap();
    let mut board = Product::new(NOW).board();
    board.power_on_and_wait();
    let gdb = board.gdb();
    let word = |gdb: &mut Gdb, address| {
        let bytes = gdb.read_memory(address, 4).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    };
    assert_eq!(word(gdb, 4 * CLOCK) & !1, forward);
    let table = address(Slot::A);
    let tick = word(gdb, table + 4 * CLOCK);
    for (place, runs) in [(forward, "the bootloader"), (tick & !1, "the application")] {
        gdb.set_breakpoint(place).unwrap();
        assert_eq!(
            gdb.resume_until_stop(PATIENCE).unwrap(),
            Some(Stop::Signal(5)),
            "{runs}"
        );
        assert_eq!(gdb.registers().unwrap().program_counter(), place, "{runs}");
        assert_eq!(word(gdb, FORWARD_WORD), table, "{runs}");
        gdb.clear_breakpoint(place).unwrap();
    }
    board.power_off_standing();
}

/// This processor has no register for the place of its vectors: firmware that touches it would work on another one only.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn firmware_does_not_move_its_vectors() {
    let firmware = Firmware::built();
    let touches = |bytes: &[u8]| bytes.windows(4).any(|word| word == 0xE000_ED08_u32.to_le_bytes());
    let bootloader = std::fs::read(&firmware.bootloader).unwrap();
    for program in [&bootloader, &firmware.applications[0], &firmware.applications[1]] {
        assert!(!touches(program));
    }
    // One that does is found: the bootloader of the other board.
    let other = std::fs::read(&tuffet_integration::board::Firmware::built().bootloader).unwrap();
    assert!(touches(&other));
}
