//! The steps of the demo, in order. Each runs the commands of a vendor or a device and looks at what came of them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::demo::bench::{Bench, Server};
use crate::demo::firmware::Firmware;
use crate::demo::{Done, Failed, Protocol};
use crate::failure::Failure;

const PRODUCT: &str = "demo";
/// A firmware of the demo is healthy when it begins with the byte that its boot ROM looks for.
const HEALTH_CHECK: &str = r#"test "$(od -An -tx1 -N1 "$TUFFET_SLOT_FILE")" = " e9""#;
const ADVISORY: &str = "Fixes a memory error in the console: who can reach the serial port could run code. \
Install soon; the device restarts once, for about ten seconds.";

/// Runs all steps, up to the first that fails.
pub fn run(bench: &Bench, all: &[Firmware], protocol: &mut Protocol) -> Result<(), Failed> {
    let play = Play { bench, all };
    protocol.step("make keys and the first root", || play.make_keys())?;
    protocol.step("make product and repository", || play.make_repository())?;
    protocol.step("publish v1", || play.publish(1, &["--class", "feature"]))?;
    let mut server = None;
    protocol.step("start the server", || play.serve(&mut server))?;
    let Some(server) = server else {
        return Err(Failed);
    };
    let old_timestamp = std::fs::read(play.timestamp()).unwrap_or_default();
    for firmware in all {
        let device = Device { play: &play, firmware };
        let hardware = firmware.hardware;
        protocol.step(&format!("{hardware}: provision with v1"), || device.provision(&server))?;
        protocol.step(&format!("{hardware}: boot v1"), || device.boot("confirmed", "a"))?;
    }
    protocol.step("publish v2, a security release", || play.publish_security())?;
    for firmware in all {
        let device = Device { play: &play, firmware };
        let hardware = firmware.hardware;
        protocol.step(&format!("{hardware}: update to v2"), || device.install("2.0.0"))?;
        protocol.step(&format!("{hardware}: boot v2 on trial, confirm"), || device.confirm())?;
    }
    protocol.step("publish v3, which does not work", || {
        play.publish(3, &["--class", "feature"])
    })?;
    for firmware in all {
        let device = Device { play: &play, firmware };
        let hardware = firmware.hardware;
        protocol.step(&format!("{hardware}: update to v3"), || device.install("3.0.0"))?;
        protocol.step(&format!("{hardware}: v3 fails its check, v2 is back"), || {
            device.fail_and_revert()
        })?;
        protocol.step(&format!("{hardware}: v3 is not tried again"), || {
            device.refuses("FailedBefore")
        })?;
    }
    for firmware in all {
        let device = Device { play: &play, firmware };
        let name = format!("{}: attack, an old timestamp rightly signed", firmware.hardware);
        protocol.step(&name, || device.survives_old_timestamp(&old_timestamp))?;
    }
    Ok(())
}

/// The vendor's side.
struct Play<'p> {
    bench: &'p Bench,
    all: &'p [Firmware],
}

impl Play<'_> {
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
        let roles = [
            ("root", "3"),
            ("targets", "1"),
            ("snapshot", "1"),
            ("timestamp", "1"),
            (PRODUCT, "2"),
            ("demo_rollout", "1"),
        ];
        for (role, count) in roles {
            // The keys live as long as this folder: a light lock is enough, and the demo stays quick.
            let lock = ["--out", "keys", "--work-factor", "8"];
            self.bench.run(
                "tuffet-keys",
                &[&["generate", "--role", role, "--count", count], &lock[..]].concat(),
            )?;
        }
        let create = [
            "root",
            "create",
            "--keys-dir",
            "keys",
            "--root-threshold",
            "2",
            "--out",
            "root.json",
        ];
        self.bench.run("tuffet-keys", &create)?;
        for key in ["keys/root-1.key", "keys/root-2.key"] {
            self.bench
                .run("tuffet-keys", &["root", "sign", "root.json", "--key", key])?;
        }
        self.bench.run("tuffet-keys", &["root", "check", "root.json"])?;
        Ok(Done::new("9 keys, encrypted; root signed by 2 of 3 holders"))
    }

    fn make_repository(&self) -> Result<Done, Failure> {
        let mut init = vec![
            "product",
            "init",
            "product",
            "--id",
            PRODUCT,
            "--name",
            "Tuffet demo board",
            "--threshold",
            "2",
        ];
        for firmware in self.all {
            init.extend(["--hardware", firmware.hardware]);
        }
        init.extend(["--slot-bytes", "1048576", "--support-start", "2026-01-01T00:00:00Z"]);
        init.extend([
            "--support-end",
            "2036-01-01T00:00:00Z",
            "--contact",
            "security@example.org",
        ]);
        self.bench.run("xtask", &init)?;
        let repository = [
            "repo",
            "init",
            "repository",
            "--root",
            "root.json",
            "--product",
            "product",
            "--keys",
            "keys",
        ];
        self.bench.run("xtask", &repository)?;
        self.part_with_online_keys()?;
        Ok(Done::new("2 of 2 release keys; online keys moved to the server"))
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

    fn publish_security(&self) -> Result<Done, Failure> {
        let advisory = self.bench.path("advisory.txt");
        std::fs::write(&advisory, ADVISORY).map_err(|error| Failure::file("cannot write", &advisory, &error))?;
        self.publish(
            2,
            &[
                "--class",
                "security",
                "--security-version",
                "2",
                "--advisory",
                "advisory.txt",
            ],
        )
    }

    fn publish(&self, number: usize, class: &[&str]) -> Result<Done, Failure> {
        let version = format!("{number}.0.0");
        let build = [
            "release",
            "build",
            "product",
            "--repo",
            "repository",
            "--version",
            &version,
        ];
        let mut build: Vec<String> = build.map(str::to_owned).into();
        for firmware in self.all {
            let image = firmware
                .images
                .get(number - 1)
                .map(|image| image.display().to_string())
                .unwrap_or_default();
            build.extend(["--image".to_owned(), format!("{}={image}", firmware.hardware)]);
        }
        build.extend(class.iter().map(|word| (*word).to_owned()));
        self.bench
            .run("xtask", &build.iter().map(String::as_str).collect::<Vec<_>>())?;
        for key in ["keys/demo-1.key", "keys/demo-2.key"] {
            let sign = [
                "release",
                "sign",
                "product",
                "--version",
                &version,
                "--repo",
                "repository",
                "--key",
                key,
            ];
            self.bench.run("xtask", &sign)?;
        }
        let publish = [
            "release",
            "publish",
            "product",
            "--version",
            &version,
            "--repo",
            "repository",
        ];
        self.bench.run(
            "xtask",
            &[&publish[..], &["--root", "root.json", "--online-keys", "online"]].concat(),
        )?;
        Ok(Done::new("accepted by our core and by tough, then written"))
    }

    fn serve(&self, server: &mut Option<Server>) -> Result<Done, Failure> {
        let started = self.bench.serve(&self.repository(), &self.online_keys())?;
        let seen = started.address().to_owned();
        *server = Some(started);
        Ok(Done::new(seen))
    }
}

/// One device.
struct Device<'p> {
    play: &'p Play<'p>,
    firmware: &'p Firmware,
}

impl Device<'_> {
    fn folder(&self) -> String {
        format!("device-{}", self.firmware.hardware)
    }

    fn slot(&self, slot: &str) -> PathBuf {
        self.play
            .bench
            .path(&self.folder())
            .join("slots")
            .join(format!("{slot}.img"))
    }

    /// Asks the device's client, whose answer must be one of these outcomes.
    fn client(&self, arguments: &[&str], expected: &str) -> Result<Value, Failure> {
        let folder = self.folder();
        let answer = self
            .play
            .bench
            .ask("tuffet-client", &[&["--device", &folder], arguments].concat())?;
        let outcome = answer["outcome"].as_str().unwrap_or_default();
        if outcome == expected {
            return Ok(answer);
        }
        let message = answer["message"].as_str().unwrap_or_default();
        Err(Failure::refused(format!(
            "`tuffet-client {}` was to be {expected}, not {outcome}: {message}",
            arguments.join(" ")
        )))
    }

    fn provision(&self, server: &Server) -> Result<Done, Failure> {
        let hardware = self.firmware.hardware;
        let place = [
            "--repository",
            server.address(),
            "--root",
            "root.json",
            "--product",
            PRODUCT,
            "--hardware",
            hardware,
        ];
        let check = ["--slot-bytes", "1048576", "--health-check", "sh", "-c", HEALTH_CHECK];
        let answer = self.client(&[&["provision"], &place[..], &check[..]].concat(), "provisioned")?;
        self.slot_is("a", 1)?;
        Ok(with_bytes("slot A holds v1, byte for byte", &answer))
    }

    fn boot(&self, outcome: &str, slot: &str) -> Result<Done, Failure> {
        let answer = self.client(&["boot"], outcome)?;
        if answer["slot"] != slot {
            return Err(Failure::refused(format!(
                "slot {} was booted instead of {slot}",
                answer["slot"]
            )));
        }
        Ok(Done::new(format!("{outcome} image in slot {}", slot.to_uppercase())))
    }

    fn install(&self, version: &str) -> Result<Done, Failure> {
        let answer = self.client(&["install"], "installed")?;
        if answer["version"] != version {
            return Err(Failure::refused(format!(
                "version {} was installed instead of {version}",
                answer["version"]
            )));
        }
        let advised = answer["advisory"].as_str().map_or("", |_| ", advisory shown");
        Ok(with_bytes(&format!("verified, in the spare slot{advised}"), &answer))
    }

    fn confirm(&self) -> Result<Done, Failure> {
        self.boot("trial", "b")?;
        self.slot_is("b", 2)?;
        self.client(&["confirm"], "confirmed")?;
        self.boot("confirmed", "b")?;
        Ok(Done::new("slot B holds v2 byte for byte, healthy, confirmed"))
    }

    fn fail_and_revert(&self) -> Result<Done, Failure> {
        self.boot("trial", "a")?;
        let answer = self.client(&["confirm"], "failed")?;
        if answer["name"] != "HealthCheck" {
            return Err(Failure::refused(format!(
                "the health check was to fail, not {}",
                answer["name"]
            )));
        }
        let folder = self.folder();
        let booted = self.play.bench.ask("tuffet-client", &["--device", &folder, "boot"])?;
        if booted["slot"] != "b" {
            return Err(Failure::refused(format!(
                "slot {} runs after the failed trial, not b",
                booted["slot"]
            )));
        }
        self.slot_is("b", 2)?;
        let status = self.play.bench.ask("tuffet-client", &["--device", &folder, "status"])?;
        if status["confirmed"] != "2.0.0" {
            return Err(Failure::refused(format!(
                "version {} is confirmed, not 2.0.0",
                status["confirmed"]
            )));
        }
        Ok(Done::new("health check failed; reverted to v2 in slot B"))
    }

    fn refuses(&self, name: &str) -> Result<Done, Failure> {
        let answer = self.client(&["install"], "refused")?;
        self.is_named(&answer, name)?;
        Ok(with_bytes(&format!("refused: {name}"), &answer))
    }

    /// Serves the repository's own timestamp of the time of v1, and looks whether the device falls for it.
    fn survives_old_timestamp(&self, old: &[u8]) -> Result<Done, Failure> {
        let place = self.play.timestamp();
        let current = std::fs::read(&place).map_err(|error| Failure::file("cannot read", &place, &error))?;
        if current == old {
            return Err(Failure::refused(
                "the old timestamp is the current one: this would prove nothing",
            ));
        }
        let state = self.play.bench.path(&self.folder()).join("state.bin");
        let trusted = read(&state)?;
        write(&place, old)?;
        let answer = self.client(&["check"], "failed");
        write(&place, &current)?;
        self.is_named(&answer?, "Rollback")?;
        if read(&state)? != trusted {
            return Err(Failure::refused("the refused timestamp changed what the device trusts"));
        }
        Ok(Done::new("refused: Rollback; what the device trusts is unchanged"))
    }

    fn is_named(&self, answer: &Value, name: &str) -> Result<(), Failure> {
        if answer["name"] == name {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "refused as {}, not as {name}: {}",
            answer["name"], answer["message"]
        )))
    }

    /// Compares a slot with an image of the vendor's, byte for byte.
    fn slot_is(&self, slot: &str, number: usize) -> Result<(), Failure> {
        let (slot, image) = (
            self.slot(slot),
            self.firmware.images.get(number - 1).cloned().unwrap_or_default(),
        );
        if read(&slot)? == read(&image)? {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "{} is not {}",
            slot.display(),
            image.display()
        )))
    }
}

fn with_bytes(seen: &str, answer: &Value) -> Done {
    Done {
        seen: seen.to_owned(),
        wire_bytes: answer["bytes"].as_u64(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::file("cannot write", path, &error))
}
