//! The firmware of the demo: two real releases, or generated images where there is no network.

use std::path::{Path, PathBuf};

use crate::corpus;
use crate::demo::bench::Bench;
use crate::failure::Failure;

/// The real pairs: the corpus name, the hardware id in the demo, and what it is.
const REAL: [(&str, &str, &str); 2] = [
    (
        "espboot-c3",
        "esp32c3",
        "ESP32-C3 bootloader, from espflash 4.0.1 and 4.7.0",
    ),
    ("upy-esp8266", "esp8266", "MicroPython for the ESP8266, 1.9.4 and 1.10"),
];

/// Bytes of a generated image.
const GENERATED_BYTES: usize = 200_000;

/// The first byte of every image that an ESP boot ROM starts; the demo's health check looks for it.
const IMAGE_MAGIC: u8 = 0xE9;

/// Three versions of the firmware of one board. The third does not work.
pub struct Firmware {
    /// The hardware id.
    pub hardware: &'static str,
    /// The address that the images are linked for, if they run at one only.
    pub address: Option<String>,
    /// What it is.
    pub description: String,
    /// The images, in the order of their versions.
    pub images: [PathBuf; 3],
}

impl Firmware {
    /// What `release build` calls it.
    pub fn name(&self) -> String {
        let address = self
            .address
            .as_deref()
            .map_or_else(String::new, |address| format!("@{address}"));
        format!("{}{address}", self.hardware)
    }

    /// The image of a version by its number, from 1 on.
    pub fn image(&self, number: usize) -> Result<&Path, Failure> {
        let image = number.checked_sub(1).and_then(|index| self.images.get(index));
        let none = || Failure::refused(format!("there is no version {number} of {}", self.description));
        image.map(PathBuf::as_path).ok_or_else(none)
    }
}

/// Gets the firmware: the real pairs that this machine can fetch, else a generated one. Says which, and why.
pub fn obtain(bench: &Bench, offline: bool) -> Result<Vec<Firmware>, Failure> {
    let mut all = Vec::new();
    let mut why = "--offline was given".to_owned();
    if !offline {
        for (pair, hardware, description) in REAL {
            match corpus::fetch_pair(pair, &bench.path("corpus")) {
                Ok(found) => all.push(prepare(
                    bench,
                    hardware,
                    description.to_owned(),
                    [found.old, found.new],
                )?),
                Err(reason) => {
                    eprintln!("  without {pair}: {reason}");
                    why = reason.to_string();
                }
            }
        }
    }
    if all.is_empty() {
        let description = format!("GENERATED, not real firmware ({why})");
        let pair = [generate(bench, 1)?, generate(bench, 2)?];
        all.push(prepare(bench, "generated", description, pair)?);
    }
    Ok(all)
}

/// Adds the third version: the second with a broken first byte, as a bad build or a wrong flash tool leaves it.
fn prepare(
    bench: &Bench,
    hardware: &'static str,
    description: String,
    [first, second]: [PathBuf; 2],
) -> Result<Firmware, Failure> {
    let mut broken = std::fs::read(&second).map_err(|error| Failure::file("cannot read", &second, &error))?;
    match broken.first_mut() {
        Some(magic) if *magic == IMAGE_MAGIC => *magic = 0,
        Some(_) | None => return Err(Failure::refused(format!("{} is no ESP image", second.display()))),
    }
    let third = bench.path(&format!("{hardware}-broken.bin"));
    write(&third, &broken)?;
    Ok(Firmware {
        hardware,
        address: None,
        description,
        images: [first, second, third],
    })
}

/// An image of code-like words, of which every fiftieth is another one in the second version.
fn generate(bench: &Bench, version: u32) -> Result<PathBuf, Failure> {
    let mut image = vec![IMAGE_MAGIC];
    let mut state = 0x2545_F491_u32;
    for word in 0..GENERATED_BYTES / 4 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let changed = if word % 50 == 0 { (state >> 28) * version } else { 0 };
        image.extend_from_slice(&((state & 0x0F0F_00FF).wrapping_add(changed)).to_le_bytes());
    }
    let path = bench.path(&format!("generated-{version}.bin"));
    write(&path, &image)?;
    Ok(path)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| Failure::file("cannot write", path, &error))
}
