//! The steps of the demo, in order. Each runs the commands of a vendor or a device and looks at what came of them.

use std::path::PathBuf;

use crate::demo::bench::{Bench, Server};
use crate::demo::device::{Device, Kind};
use crate::demo::firmware::Firmware;
use crate::demo::line::Line;
use crate::demo::{Done, Failed, Protocol};
use crate::failure::Failure;

const ADVISORY: &str = "Fixes a memory error in the console: who can reach the serial port could run code. \
Install soon; the device restarts once, for about ten seconds.";

/// Runs all steps, up to the first that fails.
pub fn run(bench: &Bench, all: &[Firmware], protocol: &mut Protocol) -> Result<(), Failed> {
    let lines = lines(bench, all);
    let play = Play { bench, lines: &lines };
    protocol.step("make keys and the first root", || play.make_keys())?;
    protocol.step("make products and repository", || play.make_repository())?;
    play.publish(protocol, 1, "", None)?;
    let mut server = None;
    protocol.step("start the server", || play.serve(&mut server))?;
    let Some(server) = server else {
        return Err(Failed);
    };
    let old_timestamp = std::fs::read(play.timestamp()).unwrap_or_default();
    let devices = play.devices();
    for device in &devices {
        let name = device.name();
        protocol.step(&format!("{name}: provision with v1"), || device.provision(&server))?;
        protocol.step(&format!("{name}: boot v1"), || device.boot_first())?;
    }
    play.publish(protocol, 2, ", a security release", Some(ADVISORY))?;
    for device in &devices {
        let name = device.name();
        protocol.step(&format!("{name}: update to v2"), || device.install(2))?;
        protocol.step(&format!("{name}: boot v2 on trial, confirm"), || device.confirm())?;
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
    for device in &devices {
        let name = format!("{}: attack, an old timestamp rightly signed", device.name());
        protocol.step(&name, || {
            device.survives_old_timestamp(&play.timestamp(), &old_timestamp)
        })?;
    }
    Ok(())
}

/// A product for Linux devices with all the firmware, and one for small devices with the longest of it.
fn lines<'p>(bench: &'p Bench, all: &'p [Firmware]) -> [Line<'p>; 2] {
    let linux = Line {
        bench,
        id: "demo",
        name: "Tuffet demo board",
        profile: "linux",
        all: all.iter().collect(),
    };
    let small = Line {
        bench,
        id: "demo-small",
        name: "Tuffet demo board without an operating system",
        profile: "small",
        all: all.last().into_iter().collect(),
    };
    [linux, small]
}

/// The vendor's side.
struct Play<'p> {
    bench: &'p Bench,
    lines: &'p [Line<'p>; 2],
}

impl<'p> Play<'p> {
    /// The devices: one of each hardware of each product.
    fn devices(&self) -> Vec<Device<'p>> {
        let [linux, small] = self.lines;
        let of = |kind: Kind, line: &'p Line<'p>| line.all.iter().map(move |firmware| Device { kind, line, firmware });
        of(Kind::Linux, linux).chain(of(Kind::Flash, small)).collect()
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

    fn serve(&self, server: &mut Option<Server>) -> Result<Done, Failure> {
        let started = self.bench.serve(&self.repository(), &self.online_keys())?;
        let seen = started.address().to_owned();
        *server = Some(started);
        Ok(Done::new(seen))
    }
}
