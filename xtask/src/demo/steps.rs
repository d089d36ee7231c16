//! The steps of the demo, in order. Each runs the commands of a vendor or a device and looks at what came of them.

use std::path::PathBuf;

use crate::demo::bench::{Bench, Server};
use crate::demo::device::{Device, Kind};
use crate::demo::emulated::{Boards, EmulatedBoard, HARDWARE};
use crate::demo::firmware::Firmware;
use crate::demo::line::{Line, SLOT_BYTES};
use crate::demo::{Done, Failed, Protocol};
use crate::failure::Failure;

const ADVISORY: &str = "Fixes a memory error in the console: who can reach the serial port could run code. \
Install soon; the device restarts once, for about ten seconds.";

/// Runs all steps, up to the first that fails.
pub fn run(bench: &Bench, all: &[Firmware], boards: Option<&Boards>, protocol: &mut Protocol) -> Result<(), Failed> {
    let lines = lines(bench, all, boards);
    let play = Play { bench, lines: &lines };
    protocol.step("make keys and the first root", || play.make_keys())?;
    protocol.step("make products and repository", || play.make_repository())?;
    play.publish(protocol, 1, "", None)?;
    let server = made(protocol, "start the server", || play.serve())?;
    let old_timestamp = std::fs::read(play.timestamp()).unwrap_or_default();
    let devices = play.devices();
    for device in &devices {
        let name = device.name();
        protocol.step(&format!("{name}: provision with v1"), || device.provision(&server))?;
        protocol.step(&format!("{name}: boot v1"), || device.boot_first())?;
    }
    let mut board = match boards {
        None => None,
        Some(boards) => Some(BoardPlay::begin(&play, boards, &server, protocol)?),
    };
    play.publish(protocol, 2, ", a security release", Some(ADVISORY))?;
    for device in &devices {
        let name = device.name();
        protocol.step(&format!("{name}: update to v2"), || device.install(2))?;
        protocol.step(&format!("{name}: boot v2 on trial, confirm"), || device.confirm())?;
    }
    if let Some(board) = &mut board {
        board.takes_second(protocol)?;
    }
    play.publish(protocol, 3, ", which does not work", None)?;
    for device in &devices {
        let name = device.name();
        protocol.step(&format!("{name}: update to v3"), || device.install(3))?;
        protocol.step(&format!("{name}: v3 fails its check, v2 is back"), || {
            device.fail_and_revert()
        })?;
        protocol.step(&format!("{name}: v3 is not tried again"), || {
            device.refuses_to_try_again()
        })?;
    }
    if let Some(board) = &mut board {
        board.survives_third(protocol)?;
    }
    for device in &devices {
        let name = attack(&device.name());
        protocol.step(&name, || {
            device.survives_old_timestamp(&play.timestamp(), &old_timestamp)
        })?;
    }
    if let Some(BoardPlay { board, .. }) = &mut board {
        protocol.step(&attack(HARDWARE), || {
            board.survives_old_timestamp(&play.timestamp(), &old_timestamp)
        })?;
    }
    Ok(())
}

fn attack(device: &str) -> String {
    format!("{device}: attack, an old timestamp rightly signed")
}

/// A step that makes something which the steps after it need.
fn made<T>(
    protocol: &mut Protocol,
    name: &str,
    make: impl FnOnce() -> Result<(Done, T), Failure>,
) -> Result<T, Failed> {
    let mut thing = None;
    protocol.step(name, || {
        let (done, made) = make()?;
        thing = Some(made);
        Ok(done)
    })?;
    thing.ok_or(Failed)
}

/// A product for Linux devices with all the firmware, one for small devices with the longest of it, and one for the emulated
/// board with its own.
fn lines<'p>(bench: &'p Bench, all: &'p [Firmware], boards: Option<&'p Boards>) -> Vec<Line<'p>> {
    let linux = Line {
        bench,
        id: "demo",
        name: "Tuffet demo board",
        profile: "linux",
        instructions: None,
        slot_bytes: SLOT_BYTES,
        all: all.iter().collect(),
    };
    let small = Line {
        bench,
        id: "demo-small",
        name: "Tuffet demo board without an operating system",
        profile: "small",
        instructions: None,
        slot_bytes: SLOT_BYTES,
        all: all.last().into_iter().collect(),
    };
    let emulated = boards.map(|boards| Line {
        bench,
        id: "demo-board",
        name: "Tuffet emulated board",
        profile: "small",
        instructions: Some("thumb"),
        slot_bytes: &boards.slot_bytes,
        all: boards.firmware.iter().collect(),
    });
    [linux, small].into_iter().chain(emulated).collect()
}

/// The emulated board's side.
struct BoardPlay<'p> {
    board: EmulatedBoard,
    boards: &'p Boards,
    line: &'p Line<'p>,
}

impl<'p> BoardPlay<'p> {
    fn begin(play: &Play<'p>, boards: &'p Boards, server: &Server, protocol: &mut Protocol) -> Result<Self, Failed> {
        let line = play.lines.last().ok_or(Failed)?;
        let board = made(protocol, &format!("{HARDWARE}: provision with v1, boot"), || {
            EmulatedBoard::start(play.bench, line, server)
        })?;
        Ok(Self { board, boards, line })
    }

    fn takes_second(&mut self, protocol: &mut Protocol) -> Result<(), Failed> {
        let Self { board, boards, line } = self;
        protocol.step(&format!("{HARDWARE}: update to v2"), || board.updates(line, boards))?;
        protocol.step(&format!("{HARDWARE}: boot v2 on trial, confirm"), || board.confirms())
    }

    fn survives_third(&mut self, protocol: &mut Protocol) -> Result<(), Failed> {
        let Self { board, boards, line } = self;
        protocol.step(&format!("{HARDWARE}: update to v3"), || {
            board.updates_to_what_hangs(line, boards)
        })?;
        protocol.step(&format!("{HARDWARE}: v3 hangs, watchdog, v2 is back"), || {
            board.reverts()
        })?;
        protocol.step(&format!("{HARDWARE}: v3 is not tried again"), || {
            board.refuses_to_try_again()
        })
    }
}

/// The vendor's side.
struct Play<'p> {
    bench: &'p Bench,
    lines: &'p [Line<'p>],
}

impl<'p> Play<'p> {
    /// The devices that do what they are told: one of each hardware of the products that are not the emulated board's.
    fn devices(&self) -> Vec<Device<'p>> {
        let kinds = [Kind::Linux, Kind::Flash].into_iter().zip(self.lines);
        kinds
            .flat_map(|(kind, line)| line.all.iter().map(move |firmware| Device { kind, line, firmware }))
            .collect()
    }

    fn online_keys(&self) -> PathBuf {
        self.bench.path("online")
    }

    fn repository(&self) -> PathBuf {
        self.bench.path("repository")
    }

    fn timestamp(&self) -> PathBuf {
        self.repository().join("metadata").join("timestamp.json")
    }

    fn make_keys(&self) -> Result<Done, Failure> {
        let shared = [("root", "3"), ("targets", "1"), ("snapshot", "1"), ("timestamp", "1")];
        let shared = shared.map(|(role, count)| (role.to_owned(), count));
        let of_products = self.lines.iter().flat_map(Line::key_roles);
        let mut keys = 0;
        for (role, count) in shared.into_iter().chain(of_products) {
            // The keys live as long as this folder: a light lock is enough, and the demo stays quick.
            let lock = ["--out", "keys", "--work-factor", "8"];
            let generate = ["generate", "--role", &role, "--count", count];
            self.bench.run("tuffet-keys", &[&generate[..], &lock].concat())?;
            keys += count.parse().unwrap_or(0);
        }
        let create = ["root", "create", "--keys-dir", "keys", "--root-threshold", "2"];
        self.bench
            .run("tuffet-keys", &[&create[..], &["--out", "root.json"]].concat())?;
        for key in ["keys/root-1.key", "keys/root-2.key"] {
            self.bench
                .run("tuffet-keys", &["root", "sign", "root.json", "--key", key])?;
        }
        self.bench.run("tuffet-keys", &["root", "check", "root.json"])?;
        Ok(Done::new(format!(
            "{keys} keys, encrypted; root signed by 2 of 3 holders"
        )))
    }

    fn make_repository(&self) -> Result<Done, Failure> {
        let mut init = vec!["repo", "init", "repository", "--root", "root.json", "--keys", "keys"];
        for line in self.lines {
            line.describe()?;
            init.extend(["--product", line.id]);
        }
        self.bench.run("xtask", &init)?;
        self.part_with_online_keys()?;
        Ok(Done::new("2 of 2 release keys each; online keys moved to the server"))
    }

    /// The server gets the two keys that keep metadata fresh, and no other.
    fn part_with_online_keys(&self) -> Result<(), Failure> {
        let online = self.online_keys();
        std::fs::create_dir(&online).map_err(|error| Failure::file("cannot make", &online, &error))?;
        for name in ["snapshot-1.key", "snapshot-1.pub", "timestamp-1.key", "timestamp-1.pub"] {
            let from = self.bench.path("keys").join(name);
            let moved = std::fs::rename(&from, online.join(name));
            moved.map_err(|error| Failure::file("cannot move", &from, &error))?;
        }
        Ok(())
    }

    /// Publishes a release of each product; one with an advisory is a security release.
    fn publish(
        &self,
        protocol: &mut Protocol,
        number: usize,
        what: &str,
        advisory: Option<&str>,
    ) -> Result<(), Failed> {
        for line in self.lines {
            let name = format!("publish v{number} of {}{what}", line.id);
            protocol.step(&name, || line.publish(number, advisory))?;
        }
        Ok(())
    }

    fn serve(&self) -> Result<(Done, Server), Failure> {
        let server = self.bench.serve(&self.repository(), &self.online_keys())?;
        Ok((Done::new(server.address()), server))
    }
}
