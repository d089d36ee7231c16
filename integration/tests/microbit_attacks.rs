//! The board `microbit` behind a gateway that is not to be trusted, and on a line that is not: over the real serial link.
//!
//! After each of them an honest gateway updates the board, and an old repository changes nothing any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use tuffet_integration::board::Line;
use tuffet_integration::device::{Device as _, OnMicrobit};
use tuffet_integration::gateway::{Evil, Gateway, Row, repositories, rows};
use tuffet_integration::microbit::noise::Noise;
use tuffet_integration::simulator::Simulator;
use tuffet_no_std_client::DeviceState;

const NOW: u64 = 1_800_000_000;
/// Of how many rows one is run, if nobody asks for more.
const SAMPLE: usize = 8;
/// The same for what a line does.
const NOISE_SAMPLE: usize = 3;

/// All if `TUFFET_DEEP` is set, those that `TUFFET_ROWS` names, or one of so many.
fn sampled<T>(all: impl Iterator<Item = T>, sample: usize, name: impl Fn(&T) -> String) -> Vec<T> {
    let named = std::env::var("TUFFET_ROWS").ok();
    let step = if named.is_some() || std::env::var_os("TUFFET_DEEP").is_some() {
        1
    } else {
        sample
    };
    let is_named = |row: &T| {
        named
            .as_ref()
            .is_none_or(|named| named.split(',').any(|named| named == name(row)))
    };
    all.filter(is_named).step_by(step).collect()
}

/// What a line says of an update, in the words of the rows.
fn told(line: &Line) -> String {
    match line.field("outcome") {
        "installed" => "Installed".to_owned(),
        "up-to-date" => "UpToDate".to_owned(),
        _ => line.field("name").to_owned(),
    }
}

/// What never goes back.
fn versions(board: &OnMicrobit) -> [u64; 4] {
    let state = board.files().remove("state").expect("there is a state");
    let trusted = DeviceState::decode(&state).expect("the state is sound").trusted;
    [
        trusted.root.version.as_u64(),
        trusted.timestamp.map_or(0, |facts| facts.file.version.as_u64()),
        trusted.snapshot.map_or(0, |facts| facts.version.as_u64()),
        trusted.floor.as_secs(),
    ]
}

/// Runs a board through one update by a gateway that does this over such a line, and through honest ones behind it. Answers what it said.
fn attacked(evil: Evil, noise: Noise, [before, now]: &[Simulator; 2]) -> String {
    let gateway = |evil| Box::new(Gateway::new(before.site.clone(), now.site.clone(), evil));
    let mut board = OnMicrobit::factory(before);
    board.serve(now);
    let (known, boots) = (versions(&board), board.boot_state());
    let running = board.files().remove("running slot");
    let said = told(&board.update_by(gateway(evil), noise));
    let trusted = versions(&board);
    let is_back = known.iter().zip(&trusted).any(|(known, trusted)| trusted < known);
    assert!(!is_back, "{known:?}, then {trusted:?}");
    assert_eq!(board.files().remove("running slot"), running);
    if said != "Installed" {
        assert_eq!(board.boot_state(), boots, "{}", board.said());
        // An honest one brings the update.
        let line = board.update_by(gateway(Evil::Honest), Noise::None);
        assert_eq!(told(&line), "Installed", "{}", board.said());
    }
    board.try_out(true);
    // And then an old repository changes nothing any more.
    let known = versions(&board);
    let line = board.update_by(gateway(Evil::Stale), Noise::None);
    assert_eq!(told(&line), "Rollback", "{}", board.said());
    assert_eq!(versions(&board), known);
    said
}

/// Each of them, with what it should say; whatever else happens is a finding, and the others still run.
fn each<T: std::fmt::Debug>(all: &[T], run: impl Fn(&T) -> String, expected: impl Fn(&T) -> String) {
    let mut wrong = Vec::new();
    for row in all {
        let began = std::time::Instant::now();
        let said = catch_unwind(AssertUnwindSafe(|| run(row))).unwrap_or_else(|_| "a panic, see above".to_owned());
        println!("{row:?}: {said}, {:.1} s", began.elapsed().as_secs_f32());
        if said != expected(row) {
            wrong.push(format!("{row:?}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} hold on the board microbit", all.len());
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn rows_of_an_evil_gateway_hold_over_the_serial_link() {
    OnMicrobit::begin_firmware();
    let repositories = repositories(NOW);
    let rows = sampled(rows().into_iter(), SAMPLE, |row: &Row| row.name.to_owned());
    let run = |row: &Row| attacked(row.evil, Noise::None, &repositories);
    each(&rows, run, |row| row.expected.to_owned());
}

/// Whatever becomes of the frames, the device asks again, and the update comes to its end. Only where bytes come that hang together behind
/// the end of a file, it is a longer file: what any server could send.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_updates_itself_over_a_line_that_spoils_frames() {
    OnMicrobit::begin_firmware();
    let repositories = repositories(NOW);
    let all = sampled(Noise::ALL.into_iter(), NOISE_SAMPLE, |noise| format!("{noise:?}"));
    let run = |noise: &Noise| attacked(Evil::Honest, *noise, &repositories);
    each(&all, run, |noise| {
        let is_longer = [Noise::Endless, Noise::Overruns].contains(noise);
        if is_longer { "TooLong" } else { "Installed" }.to_owned()
    });
}
