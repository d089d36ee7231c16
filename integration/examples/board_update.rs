//! One whole update on the emulated board, and what it took: the last line is a JSON object. Run by `cargo xtask sizes`.
//!
//! The emulator counts a nanosecond for each instruction, so a microsecond of the board's clock is a thousand of them.

use serde_json::json;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Emulator, Line, Product};
use tuffet_integration::server::Server;

const NOW: u64 = 1_800_000_000;
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
    while lines.last().is_none_or(|line| !line.says("update outcome=up-to-date")) {
        let line = board.next_line();
        lines.push(line);
    }
    board.power_off();
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
        })
    );
}
