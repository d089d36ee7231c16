//! A device of the demo: what it is told to do, and what is seen of it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::demo::Done;
use crate::demo::bench::{Bench, Server};
use crate::demo::firmware::Firmware;
use crate::demo::line::{Line, version};
use crate::failure::Failure;

/// A firmware of the demo is healthy when it begins with the byte that its boot ROM looks for.
const FIRST_BYTE: &str = "e9";
/// The same as a command, for devices that have a shell.
const HEALTH_CHECK: &str = r#"test "$(od -An -tx1 -N1 "$TUFFET_SLOT_FILE")" = " e9""#;

/// What kind of device it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The driver of small devices, on a simulated flash.
    Flash,
    /// The client for Linux.
    Linux,
}

/// One device.
pub struct Device<'p> {
    pub kind: Kind,
    pub line: &'p Line<'p>,
    pub firmware: &'p Firmware,
}

impl Device<'_> {
    /// What it is called in the table.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Flash => format!("{} on flash", self.firmware.hardware),
            Kind::Linux => self.firmware.hardware.to_owned(),
        }
    }

    fn bench(&self) -> &Bench {
        self.line.bench
    }

    fn program(&self) -> &'static str {
        match self.kind {
            Kind::Flash => "tuffet-flash-device",
            Kind::Linux => "tuffet-client",
        }
    }

    fn folder(&self) -> String {
        format!("device-{}-{}", self.line.id, self.firmware.hardware)
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let folder = self.folder();
        self.bench()
            .ask(self.program(), &[&["--device", &folder], arguments].concat())
    }

    /// Asks the device's program, whose answer must be of this outcome.
    fn expect(&self, arguments: &[&str], expected: &str) -> Result<Value, Failure> {
        let answer = self.ask(arguments)?;
        let outcome = answer["outcome"].as_str().unwrap_or_default();
        if outcome == expected {
            return Ok(answer);
        }
        let message = answer["message"].as_str().unwrap_or_default();
        Err(Failure::refused(format!(
            "`{} {}` was to be {expected}, not {outcome}: {message}",
            self.program(),
            arguments.join(" ")
        )))
    }

    /// The factory: the newest release, verified like any other.
    pub fn provision(&self, server: &Server) -> Result<Done, Failure> {
        let place = ["provision", "--repository", server.address(), "--root", "root.json"];
        let identity = ["--product", self.line.id, "--hardware", self.firmware.hardware];
        let slots = ["--slot-bytes", self.line.slot_bytes];
        let check: &[&str] = match self.kind {
            Kind::Flash => &["--profile", self.line.profile, "--first-byte", FIRST_BYTE],
            Kind::Linux => &["--health-check", "sh", "-c", HEALTH_CHECK],
        };
        let answer = self.expect(&[&place[..], &identity, &slots, check].concat(), "provisioned")?;
        let seen = match self.kind {
            Kind::Flash => "no_std driver on a simulated NOR flash; v1 in slot A",
            Kind::Linux => "v1 in slot A",
        };
        Ok(with_bytes(seen, &answer))
    }

    /// The first boot.
    pub fn boot_first(&self) -> Result<Done, Failure> {
        self.boot("confirmed", "a", 1)?;
        Ok(Done::new("confirmed; slot A holds v1 byte for byte"))
    }

    /// What the bootloader does. It must come to this outcome and slot, and that must hold this release, byte for byte.
    fn boot(&self, outcome: &str, slot: &str, number: usize) -> Result<(), Failure> {
        let answer = self.expect(&["boot"], outcome)?;
        if answer["slot"] != slot {
            return Err(Failure::refused(format!(
                "slot {} was booted instead of {slot}",
                answer["slot"]
            )));
        }
        let file = self.bench().path(answer["file"].as_str().unwrap_or_default());
        let mut booted = read(&file)?;
        if let (Some(offset), Some(length)) = (answer["offset"].as_u64(), answer["length"].as_u64()) {
            let bytes = booted.into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX));
            booted = bytes.take(usize::try_from(length).unwrap_or(0)).collect();
        }
        let image = self.firmware.image(number)?;
        if booted == read(image)? {
            return Ok(());
        }
        Err(Failure::refused(format!("slot {slot} is not {}", image.display())))
    }

    /// Installs a release, which has to come by a delta.
    pub fn install(&self, number: usize) -> Result<Done, Failure> {
        let answer = self.expect(&["install"], "installed")?;
        let (wanted, installed) = (version(number), &answer["version"]);
        if *installed != wanted.as_str() {
            return Err(Failure::refused(format!(
                "version {installed} was installed instead of {wanted}"
            )));
        }
        let (way, fell_back) = (&answer["way"], &answer["fell_back"]);
        if way != "delta" || !fell_back.is_null() {
            return Err(Failure::refused(format!(
                "version {wanted} came by {way} and not by a delta (given up for: {fell_back})"
            )));
        }
        let saving = self.line.saving(self.firmware, self.firmware, number)?;
        let advised = answer["advisory"].as_str().map_or("", |_| ", advisory shown");
        Ok(Done {
            saving: Some(saving),
            ..with_bytes(&format!("{saving}{advised}"), &answer)
        })
    }

    /// The second release works.
    pub fn confirm(&self) -> Result<Done, Failure> {
        self.boot("trial", "b", 2)?;
        self.expect(&["confirm"], "confirmed")?;
        self.boot("confirmed", "b", 2)?;
        Ok(Done::new("slot B holds v2 byte for byte; healthy, confirmed"))
    }

    /// The third one does not.
    pub fn fail_and_revert(&self) -> Result<Done, Failure> {
        self.boot("trial", "a", 3)?;
        let answer = self.expect(&["confirm"], "failed")?;
        is_named(&answer, "HealthCheck")?;
        self.boot("confirmed", "b", 2)?;
        let confirmed = &self.ask(&["status"])?["confirmed"];
        if *confirmed != version(2).as_str() {
            return Err(Failure::refused(format!(
                "version {confirmed} is confirmed, not {}",
                version(2)
            )));
        }
        Ok(Done::new("health check failed; v2 in slot B, byte for byte"))
    }

    /// What failed once is refused.
    pub fn refuses_to_try_again(&self) -> Result<Done, Failure> {
        let answer = self.expect(&["install"], "refused")?;
        is_named(&answer, "FailedBefore")?;
        Ok(with_bytes("refused: FailedBefore", &answer))
    }

    /// Puts the repository's own timestamp of the time of v1 in its place, and looks whether the device falls for it.
    pub fn survives_old_timestamp(&self, place: &Path, old: &[u8]) -> Result<Done, Failure> {
        let current = read(place)?;
        if current == old {
            return Err(Failure::refused(
                "the old timestamp is the current one: this would prove nothing",
            ));
        }
        let trusted = self.trusted()?;
        write(place, old)?;
        let answer = self.expect(&["install"], "failed");
        write(place, &current)?;
        is_named(&answer?, "Rollback")?;
        if self.trusted()? != trusted {
            return Err(Failure::refused("the refused timestamp changed what the device trusts"));
        }
        Ok(Done::new("refused: Rollback; what the device trusts is unchanged"))
    }

    /// All that the device trusts, as bytes.
    fn trusted(&self) -> Result<Vec<u8>, Failure> {
        match self.kind {
            Kind::Linux => read(&self.state_file()),
            Kind::Flash => match self.ask(&["status"])?["trusted"].as_str() {
                Some(digest) => Ok(digest.as_bytes().to_vec()),
                None => Err(Failure::refused("the device does not say what it trusts")),
            },
        }
    }

    fn state_file(&self) -> PathBuf {
        self.bench().path(&self.folder()).join("state.bin")
    }
}

fn is_named(answer: &Value, name: &str) -> Result<(), Failure> {
    if answer["name"] == name {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "refused as {}, not as {name}: {}",
        answer["name"], answer["message"]
    )))
}

fn with_bytes(seen: &str, answer: &Value) -> Done {
    Done {
        wire_bytes: answer["bytes"].as_u64(),
        ..Done::new(seen)
    }
}

pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::file("cannot write", path, &error))
}
