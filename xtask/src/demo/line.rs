//! A product of the demo: its firmware, its keys, its releases.

use std::path::PathBuf;

use serde_json::Value;

use crate::demo::bench::Bench;
use crate::demo::firmware::Firmware;
use crate::demo::{Done, Saving};
use crate::failure::Failure;

/// Bytes of a slot on every device of the demo whose images run from any place.
pub const SLOT_BYTES: &str = "1048576";

/// A product of the demo. All devices of a product decode patches of the same profile.
pub struct Line<'p> {
    pub bench: &'p Bench,
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    pub profile: &'static str,
    /// The instructions in its images; without them, what can be seen in each.
    pub instructions: Option<&'static str>,
    /// Bytes of a slot.
    pub slot_bytes: &'p str,
    /// The firmware of each kind of hardware; where images are linked for a slot, of each slot.
    pub all: Vec<&'p Firmware>,
}

impl Line<'_> {
    /// The roles of the product that have keys, and how many.
    pub fn key_roles(&self) -> [(String, &'static str); 2] {
        [(self.id.to_owned(), "2"), (format!("{}_rollout", self.id), "1")]
    }

    /// Describes the product in a folder that is named like it.
    pub fn describe(&self) -> Result<(), Failure> {
        let mut init = vec!["product", "init", self.id, "--id", self.id, "--name", self.name];
        init.extend(["--profile", self.profile, "--threshold", "2"]);
        if let Some(instructions) = self.instructions {
            init.extend(["--instructions", instructions]);
        }
        let mut hardware: Vec<&str> = self.all.iter().map(|firmware| firmware.hardware).collect();
        hardware.dedup();
        init.extend(hardware.into_iter().flat_map(|hardware| ["--hardware", hardware]));
        let addresses: Vec<&str> = self
            .all
            .iter()
            .filter_map(|firmware| firmware.address.as_deref())
            .collect();
        if !addresses.is_empty() {
            init.extend(["--slots", "xip"]);
            init.extend(addresses.into_iter().flat_map(|address| ["--slot-address", address]));
        }
        init.extend([
            "--slot-bytes",
            self.slot_bytes,
            "--support-start",
            "2026-01-01T00:00:00Z",
        ]);
        init.extend(["--support-end", "2036-01-01T00:00:00Z"]);
        init.extend(["--contact", "security@example.org"]);
        self.bench.run("xtask", &init)?;
        Ok(())
    }

    /// Builds a release, lets both holders sign it, and publishes it. One with an advisory is a security release.
    pub fn publish(&self, number: usize, advisory: Option<&str>) -> Result<Done, Failure> {
        let version = version(number);
        let mut build: Vec<String> = [
            "release",
            "build",
            self.id,
            "--repo",
            "repository",
            "--version",
            &version,
        ]
        .map(str::to_owned)
        .into();
        for firmware in &self.all {
            let image = firmware.image(number)?.display().to_string();
            build.extend(["--image".to_owned(), format!("{}={image}", firmware.name())]);
        }
        if let Some(text) = advisory {
            let path = self.bench.path("advisory.txt");
            std::fs::write(&path, text).map_err(|error| Failure::file("cannot write", &path, &error))?;
            let security = ["--class", "security", "--security-version", "2"];
            build.extend(
                security
                    .into_iter()
                    .chain(["--advisory", "advisory.txt"])
                    .map(str::to_owned),
            );
        }
        let built = self
            .bench
            .told("xtask", &build.iter().map(String::as_str).collect::<Vec<_>>())?;
        let release = [self.id, "--version", &version, "--repo", "repository"];
        for holder in 1..=2 {
            let key = format!("keys/{}-{holder}.key", self.id);
            let sign = [&["release", "sign"], &release[..], &["--key", &key]].concat();
            self.bench.run("xtask", &sign)?;
        }
        let publish = [&["release", "publish"], &release[..]].concat();
        let place = ["--root", "root.json", "--online-keys", "online"];
        self.bench.run("xtask", &[&publish[..], &place].concat())?;
        let patches = built["patches"].as_array().map_or(0, |patches| {
            let is_listed = |patch: &&Value| patch["fate"] == "made" || patch["fate"] == "kept";
            patches.iter().filter(is_listed).count()
        });
        let patches = match patches {
            0 => String::new(),
            1 => ", 1 patch".to_owned(),
            several => format!(", {several} patches"),
        };
        Ok(Done::new(format!("accepted by our core and by tough{patches}")))
    }

    /// What the delta of a release from the one before it saves a device, by the signed documents. What it runs and what it
    /// gets are firmware of one hardware, and may be linked for two slots.
    pub fn saving(&self, running: &Firmware, firmware: &Firmware, number: usize) -> Result<Saving, Failure> {
        let image = self.image(firmware, number)?;
        let before = self.image(running, number - 1)?;
        let hardware = firmware.hardware;
        let patches = image["patches"].as_array().cloned().unwrap_or_default();
        let length_from = |source: &Value| {
            let patch = patches.iter().find(|patch| patch["source"] == *source);
            patch.and_then(|patch| patch["length"].as_u64())
        };
        let unlisted = || {
            Failure::refused(format!(
                "the release {number} of {} lists no delta for {hardware}",
                self.id
            ))
        };
        // Small devices take the patch from nothing in place of the packed image.
        let full_bytes = length_from(&Value::from("")).or_else(|| image["file"]["length"].as_u64());
        Ok(Saving {
            delta_bytes: length_from(&before["digest"]).ok_or_else(unlisted)?,
            full_bytes: full_bytes.ok_or_else(unlisted)?,
        })
    }

    /// What the document of a release says about the image of this firmware.
    fn image(&self, firmware: &Firmware, number: usize) -> Result<Value, Failure> {
        let hardware = firmware.hardware;
        let address = firmware.address.as_deref().unwrap_or("any");
        let end = format!(".{}_{hardware}_stable.release", self.id);
        for path in self.targets()? {
            if !path.to_string_lossy().ends_with(&end) {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| Failure::file("cannot read", &path, &error))?;
            let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let images = document["components"][0]["images"].as_array();
            let image = images.and_then(|images| {
                images
                    .iter()
                    .find(|image| image["hardware"] == hardware && image["address"] == address)
            });
            if let Some(image) = image.filter(|_| document["version"] == version(number).as_str()) {
                return Ok(image.clone());
            }
        }
        Err(Failure::refused(format!(
            "the repository has no document of release {number} of {} for {hardware}",
            self.id
        )))
    }

    fn targets(&self) -> Result<Vec<PathBuf>, Failure> {
        let folder = self.bench.path("repository").join("targets");
        let entries = std::fs::read_dir(&folder).map_err(|error| Failure::file("cannot read", &folder, &error))?;
        Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
    }
}

/// The version of a release by its number.
pub fn version(number: usize) -> String {
    format!("{number}.0.0")
}
