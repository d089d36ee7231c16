//! What runs on the board.

use crate::board::firmware_folder;
use object::{Object as _, ObjectSymbol as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};
use tuffet_boot::Slot;

/// The functions through which each operation of the flash goes.
pub const WRITE: &str = "tuffet_nvmc_write";
/// As [`WRITE`].
pub const ERASE: &str = "tuffet_nvmc_erase";

/// The firmware of the board.
pub struct Firmware {
    /// The bootloader, as the emulator loads it.
    pub bootloader: PathBuf,
    /// The application, linked for slots A and B, as it stands there.
    pub applications: [Vec<u8>; 2],
    /// The application for images that are no programs, as it stands behind the flash of the part.
    pub resident: Vec<u8>,
    /// The application of each slot as a program, with its symbols.
    programs: [PathBuf; 2],
}

impl Firmware {
    /// The firmware: ready if the variable `TUFFET_BOARDS` names a folder, else built once by whoever asks first.
    ///
    /// # Panics
    ///
    /// When it cannot be built, or the emulator is neither there nor can be installed. The reason is in the message.
    #[must_use]
    pub fn built() -> &'static Self {
        static BUILT: OnceLock<Firmware> = OnceLock::new();
        BUILT.get_or_init(|| {
            let folder = firmware_folder();
            Self::in_folder(folder).unwrap_or_else(|error| panic!("no firmware in {}: {error}", folder.display()))
        })
    }

    /// The firmware that the command `cargo xtask board` put into a folder.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let named = |slot: &str, kind: &str| folder.join(format!("microbit-application-{slot}.{kind}"));
        Ok(Self {
            bootloader: folder.join("microbit-bootloader.elf"),
            applications: [fs::read(named("a", "bin"))?, fs::read(named("b", "bin"))?],
            resident: fs::read(named("resident", "bin"))?,
            programs: [named("a", "elf"), named("b", "elf")],
        })
    }

    /// All programs, with their symbols.
    #[must_use]
    pub fn programs(&self) -> [&Path; 3] {
        let [a, b] = &self.programs;
        [&self.bootloader, a, b]
    }

    /// The application of a slot as a program, with its symbols.
    #[must_use]
    pub fn program(&self, slot: Slot) -> &Path {
        let [a, b] = &self.programs;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }
}

/// Where a function begins in a program.
///
/// # Errors
///
/// When it is no program, or has no such function.
pub fn address_of(program: &Path, function: &str) -> io::Result<u32> {
    address_where(program, function, |name| name == function)
}

/// The same for the only function whose name has this piece in it.
///
/// # Errors
///
/// As [`address_of`], and when there are several.
pub fn address_like(program: &Path, piece: &str) -> io::Result<u32> {
    address_where(program, piece, |name| name.contains(piece))
}

fn address_where(program: &Path, asked: &str, is_it: impl Fn(&str) -> bool) -> io::Result<u32> {
    let bytes = fs::read(program)?;
    let file = object::File::parse(bytes.as_slice()).map_err(io::Error::other)?;
    let mut symbols = file.symbols().filter(|symbol| symbol.name().is_ok_and(&is_it));
    let address = symbols.next().and_then(|symbol| u32::try_from(symbol.address()).ok());
    if symbols.next().is_some() {
        return Err(io::Error::other(format!("{} has several {asked}", program.display())));
    }
    // The lowest bit says which instructions it is made of.
    address
        .map(|address| address & !1)
        .ok_or_else(|| io::Error::other(format!("{} has no {asked}", program.display())))
}
