//! One whole update on the emulated board, and what it took: the last line is a JSON object. Run by `cargo xtask sizes`.
//!
//! The emulator counts a nanosecond for each instruction, so a microsecond of the board's clock is a thousand of them.

use serde_json::{Value, json};
use tuffet_board_layout::flash::{MAP, SWAP_MAP};
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Board, Built, Emulator, Line, Operation, Product, erases_max};
use tuffet_integration::server::Server;
use tuffet_no_std_client::flash::{Map, Swap};

const NOW: u64 = 1_800_000_000;
/// What the board says when an update is over.
const OVER: &str = "update outcome=up-to-date";
const ONE_INSTRUCTION_A_NANOSECOND: [&str; 2] = ["-icount", "shift=0"];

fn main() {
    let mut product = Product::new(NOW);
    let server = Server::start(product.repository.site.clone()).expect("loopback has a port");
    let mut board = product.board(Emulator::An385, &server);
    let first = product.image().to_vec();
    let second = product.release("2.0.0", Slot::B, Behaviour::Good, &first);
    server.serve(product.repository.site.clone());
    board.power_on_with(None, &ONE_INSTRUCTION_A_NANOSECOND);
    let mut lines: Vec<Line> = Vec::new();
    while lines.last().is_none_or(|line| !line.says("confirmed")) {
        let line = board.next_line();
        lines.push(line);
    }
    let trial_operations = board.memory().operations().expect("the memory can be read");
    while lines.last().is_none_or(|line| !line.says(OVER)) {
        let line = board.next_line();
        lines.push(line);
    }
    board.power_off();
    let trace = board.memory().take_trace().expect("the memory can be read");
    let of = |event: &str, name: &str| {
        lines
            .iter()
            .filter(|line| line.event == event)
            .map(|line| line.number(name))
            .max()
    };
    let first = |event: &str, name: &str| {
        lines
            .iter()
            .find(|line| line.event == event)
            .map(|line| line.number(name))
    };
    let worked_us = first("time", "took_us")
        .zip(first("time", "waited_us"))
        .map(|(took, waited)| took - waited);
    println!(
        "{}",
        json!({
            "image_bytes": second.len(),
            "statics": of("memory", "statics"),
            "stack": of("memory", "stack"),
            "erases": first("flash", "erases"),
            "writes": first("flash", "writes"),
            "bytes_written": first("flash", "bytes"),
            "operations_to_confirmation": trial_operations,
            "instructions_of_the_update": worked_us.map(|us| us * 1_000),
            "erases_of_a_page": wear(&trace),
        })
    );
}

/// The most erases of a page in each part of the flash: of this update, and of an update and a revert where slots are exchanged.
fn wear(update: &[Operation]) -> Value {
    let [running, spare] = MAP.slots.slots;
    let (exchanged, reverted) = exchanges();
    let swap = SWAP_MAP.slots;
    json!({
        "xip": { "running": erases_max(update, running), "spare": erases_max(update, spare), "records": records(update, &MAP),
            "checkpoints": checkpoints(update, &MAP) },
        "swap": { "running": erases_max(&exchanged, swap.running), "staged": erases_max(&exchanged, swap.staged),
            "records": records(&exchanged, &SWAP_MAP), "checkpoints": checkpoints(&exchanged, &SWAP_MAP) },
        "revert": { "running": erases_max(&reverted, swap.running), "staged": erases_max(&reverted, swap.staged) },
    })
}

fn records<S>(trace: &[Operation], map: &Map<S>) -> usize {
    erases_max(trace, map.boot_record).max(erases_max(trace, map.state))
}

fn checkpoints<S>(trace: &[Operation], map: &Map<S>) -> usize {
    map.checkpoints
        .map(|span| erases_max(trace, span))
        .into_iter()
        .max()
        .unwrap_or(0)
}

/// The operations of an update where slots are exchanged, and those of going back from one that hangs.
fn exchanges() -> (Vec<Operation>, Vec<Operation>) {
    let mut product = Product::<Swap>::of(NOW);
    let server = Server::start(product.repository.site.clone()).expect("loopback has a port");
    let mut board = product.board(Emulator::An385, &server);
    let trace = |board: &Board| board.memory().take_trace().expect("the memory can be read");
    publish(&mut product, &server, "2.0.0", Slot::B, Behaviour::Good);
    board.power_on(None);
    board.wait_for("confirmed");
    board.wait_for(OVER);
    board.power_off();
    let exchanged = trace(&board);
    publish(&mut product, &server, "3.0.0", Slot::A, Behaviour::Hangs);
    board.power_on(None);
    board.wait_for("app version=3.0.0");
    // It hangs: nothing is done while the trace is taken.
    trace(&board);
    board.wait_for("boot slot=B why=reverted");
    board.power_off();
    (exchanged, trace(&board))
}

fn publish<S: Built>(product: &mut Product<S>, server: &Server, version: &str, slot: Slot, behaviour: Behaviour) {
    let before = product.image().to_vec();
    product.release(version, slot, behaviour, &before);
    server.serve(product.repository.site.clone());
}
