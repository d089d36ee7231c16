//! `cargo xtask board`: the firmware of the emulated boards `mps2-an385` and `microbit`, as tests and the demo want it.
//!
//! - It is built for a Cortex-M3 and a Cortex-M0 in the boards' workspace, and put into `target/boards`: the bootloaders as programs
//!   that the emulator loads, the application as it stands in each slot, and for `microbit` as a program too, with its symbols.
//! - A program for `microbit` whose [stack](stack_depth) may come too near to its statics does not leave this command.
//! - The emulator is installed where it is missing and we may.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bare_metal::stack_depth::{self, Depth};
use crate::bare_metal::toolchain::{Source, Toolchain};
use crate::bare_metal::{self, elf};
use crate::bench::emulator;
use crate::failure::{Failure, conclude};
use crate::{whole_file, workspace};

/// The programs, as cargo names them: for slots that run where they lie, and for exchanged ones.
pub const BOOTLOADERS: [&str; 2] = ["tuffet-bootloader", "tuffet-bootloader-swap"];
/// One for each slot, one for exchanged slots, and one for images that are no programs, in either kind of slots.
pub const APPLICATIONS: [&str; 5] = [
    "tuffet-application-a",
    "tuffet-application-b",
    "tuffet-application-swap",
    "tuffet-application-resident",
    "tuffet-application-resident-swap",
];

/// What the files are called that this writes.
const BOOTLOADER_FILES: [&str; 2] = ["bootloader.elf", "bootloader-swap.elf"];
const APPLICATION_FILES: [&str; 5] = [
    "application-a.bin",
    "application-b.bin",
    "application-swap.bin",
    "application-resident.bin",
    "application-resident-swap.bin",
];

/// The programs of the board `microbit`, as cargo names them; the files are called like them without the first word.
pub const MICROBIT_BOOTLOADER: &str = "tuffet-microbit-bootloader";
/// The application of that board, for each slot.
pub const MICROBIT_APPLICATIONS: [&str; 2] = ["tuffet-microbit-application-a", "tuffet-microbit-application-b"];
/// The same for images that are no programs.
const MICROBIT_RESIDENT: &str = "tuffet-microbit-application-resident";

/// Bytes of RAM of that board that no stack may come to.
const SPARE_BYTES_MIN: u32 = 1_536;

/// The board with a chip for its staging area, which runs the same instructions: a program, and where it is put.
const EXTERNAL_BOOTLOADER: (&str, &str) = ("tuffet-ast1030-bootloader", "ast1030-bootloader.elf");
const EXTERNAL_APPLICATION: (&str, &str) = ("tuffet-ast1030-application", "ast1030-application.bin");

/// Build the firmware of the emulated boards.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<Source>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// The firmware that was built.
pub struct Built {
    /// Where cargo left the programs of the board `mps2-an385`.
    pub programs: PathBuf,
    /// And those of the board `microbit`.
    pub microbit_programs: PathBuf,
    /// The folder for tests.
    pub folder: PathBuf,
}

/// Builds, and says where.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let built = build(arguments.toolchain)?;
    println!("{}", built.folder.display());
    let report = arguments
        .json
        .then(|| json!({"folder": built.folder.display().to_string()}));
    conclude(Ok(()), report)
}

/// Builds with the first compiler that this machine has or can get, and looks for the emulator.
pub fn build(toolchain: Option<Source>) -> Result<Built, Failure> {
    build_with(&find_tools(toolchain)?)
}

/// What is needed beside the source: the emulator, and a compiler. A failure is the machine's, and not the firmware's.
pub fn find_tools(toolchain: Option<Source>) -> Result<Toolchain, Failure> {
    emulator::is_there()?;
    // One compiler for both boards: whoever builds for the larger one has to build for the smaller one too.
    let chosen = bare_metal::chosen_for(toolchain, bare_metal::CORTEX_M3)?;
    bare_metal::chosen(Some(chosen.source()))
}

/// Builds with this compiler.
pub fn build_with(toolchain: &Toolchain) -> Result<Built, Failure> {
    let packages = ["tuffet-bootloader", "tuffet-application", "tuffet-ast1030"];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let programs = bare_metal::build_boards_for(toolchain, bare_metal::CORTEX_M3, packages)?;
    let folder = workspace::target_dir(&workspace::root()?).join("boards");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file("cannot make", &folder, &error))?;
    for (program, file) in BOOTLOADERS.into_iter().zip(BOOTLOADER_FILES) {
        place(&folder.join(file), &read(&programs.join(program))?)?;
    }
    for (program, file) in APPLICATIONS.into_iter().zip(APPLICATION_FILES) {
        place(&folder.join(file), &elf::in_flash(&programs.join(program))?)?;
    }
    let (program, file) = EXTERNAL_BOOTLOADER;
    place(&folder.join(file), &read(&programs.join(program))?)?;
    let (program, file) = EXTERNAL_APPLICATION;
    place(&folder.join(file), &elf::in_flash(&programs.join(program))?)?;
    let microbit_programs = bare_metal::build_boards(toolchain, ["--package", "tuffet-microbit"])?;
    let programs_of_microbit = [MICROBIT_BOOTLOADER, MICROBIT_RESIDENT];
    for program in programs_of_microbit.iter().chain(&MICROBIT_APPLICATIONS) {
        let (path, file) = (microbit_programs.join(program), program.trim_start_matches("tuffet-"));
        hold_stack(file, &stack_depth::of_program(&path)?)?;
        place(&folder.join(format!("{file}.elf")), &read(&path)?)?;
        place(&folder.join(format!("{file}.bin")), &elf::in_flash(&path)?)?;
    }
    Ok(Built {
        programs,
        microbit_programs,
        folder,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}

/// Puts a file where whoever runs tests may be reading another one.
fn place(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    whole_file::replace(path, bytes).map_err(|error| Failure::file("cannot write", path, &error))
}

/// Fails when the deepest stack of a program of the board `microbit` may come too near to its statics.
fn hold_stack(program: &str, depth: &Depth) -> Result<(), Failure> {
    let (bytes, room) = (depth.bytes, depth.room);
    let (guessed, circles) = (depth.guessed, depth.circles.len());
    eprintln!(
        "{program}: a stack of {bytes} B at most by its instructions, in {room} B; {guessed} calls by way of tables, {circles} circles"
    );
    if bytes.saturating_add(SPARE_BYTES_MIN) <= room {
        return Ok(());
    }
    let way: Vec<String> = depth
        .way
        .iter()
        .map(|(name, bytes)| format!("{bytes:>7} {name}"))
        .collect();
    Err(Failure::refused(format!(
        "the stack of {program} may take {bytes} B of {room} B, and {SPARE_BYTES_MIN} B have to stay free:\n{}",
        way.join("\n")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_that_may_come_too_near_to_the_statics_is_refused_with_its_way() {
        let depth = |bytes| Depth {
            bytes,
            room: 16_000,
            way: vec![("deep".to_owned(), bytes)],
            circles: Vec::new(),
            guessed: 0,
        };
        assert!(hold_stack("program", &depth(16_000 - SPARE_BYTES_MIN)).is_ok());
        let refused = hold_stack("program", &depth(16_001 - SPARE_BYTES_MIN))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("14465 deep"), "{refused}");
    }
}
