//! What runs on the board, and what runs the board.

use crate::program::program;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tuffet_board_layout::flash::Mapped;
use tuffet_board_layout::memory::VECTORS_BYTES;
use tuffet_no_std_client::flash::{Swap, Xip};

/// The folder of firmware that was built already, by whoever runs all tests.
const READY: &str = "TUFFET_BOARDS";

/// The firmware of the board.
pub struct Firmware {
    /// The bootloader, as the emulator loads it.
    pub bootloader: PathBuf,
    /// The application, linked for slots A and B; where slots are exchanged, the same twice.
    pub applications: [Vec<u8>; 2],
    /// The application for images that are no programs, as the emulator loads it.
    pub resident: PathBuf,
    /// What such images begin with: vectors that lead to that application.
    pub vectors: Vec<u8>,
}

/// Which processor the board has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// A Cortex-M3.
    An385,
    /// A Cortex-M4.
    An386,
}

impl Emulator {
    /// What the emulator calls the board.
    #[must_use]
    pub const fn machine(self) -> &'static str {
        match self {
            Self::An385 => "mps2-an385",
            Self::An386 => "mps2-an386",
        }
    }
}

/// A strategy for which there is firmware.
pub trait Built: Mapped + Copy + Sync {
    /// The name of its bootloader, of the application for each slot, and of that for images which are no programs.
    const FILES: (&str, [&str; 2], &str);
    /// Its firmware, built.
    fn firmware() -> &'static Firmware;
}

impl Built for Xip {
    const FILES: (&str, [&str; 2], &str) = (
        "bootloader.elf",
        ["application-a.bin", "application-b.bin"],
        "application-resident.bin",
    );

    fn firmware() -> &'static Firmware {
        static BUILT: OnceLock<Firmware> = OnceLock::new();
        BUILT.get_or_init(Firmware::of::<Self>)
    }
}

impl Built for Swap {
    const FILES: (&str, [&str; 2], &str) = (
        "bootloader-swap.elf",
        ["application-swap.bin"; 2],
        "application-resident-swap.bin",
    );

    fn firmware() -> &'static Firmware {
        static BUILT: OnceLock<Firmware> = OnceLock::new();
        BUILT.get_or_init(Firmware::of::<Self>)
    }
}

impl Firmware {
    /// The firmware for slots that run where they lie: ready if the variable `TUFFET_BOARDS` names a folder, else built once by
    /// whoever asks first. What builds it also finds the emulator.
    ///
    /// # Panics
    ///
    /// When it cannot be built, or the emulator is neither there nor can be installed. The reason is in the message.
    #[must_use]
    pub fn built() -> &'static Self {
        Xip::firmware()
    }

    fn of<S: Built>() -> Self {
        let folder = firmware_folder();
        Self::in_folder::<S>(folder).unwrap_or_else(|error| panic!("no firmware in {}: {error}", folder.display()))
    }

    /// The firmware that the command `cargo xtask board` put into a folder.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn in_folder<S: Built>(folder: &Path) -> io::Result<Self> {
        let (bootloader, applications, resident) = S::FILES;
        let [a, b] = applications.map(|name| std::fs::read(folder.join(name)));
        let resident = folder.join(resident);
        let vectors = std::fs::read(&resident)?;
        Ok(Self {
            vectors: vectors.into_iter().take(VECTORS_BYTES).collect(),
            resident,
            applications: [a?, b?],
            bootloader: folder.join(bootloader),
        })
    }
}

/// The folder of the firmware of all emulated boards, as [`Firmware::built`] says.
///
/// # Panics
///
/// As there.
#[must_use]
pub fn firmware_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| std::env::var_os(READY).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let output = Command::new(program("tuffet-xtask", "tuffet-xtask"))
        .args(["board", "--json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("the program can be started");
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "no firmware for the board: {said}{errors}");
    let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {said}{errors}"));
    PathBuf::from(last["folder"].as_str().expect("the command names the folder"))
}
