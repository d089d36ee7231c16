//! `cargo xtask bare-metal`: the cores on a part without an operating system and without a heap.
//!
//! - The cores build for `thumbv6m-none-eabi`, as `target_spec` describes it, with no feature at all.
//! - Each is then linked into a program of its own (`integration/boards/sizes`) that calls its public interface.
//!   None of these programs has a global allocator, and rustc refuses to link one that reaches `alloc` without:
//!   so a table means that no core, and nothing that a core depends on, uses a heap. On the Debian way `alloc`
//!   is not even built.
//! - What a core costs is what its program has more than an empty program with the same start and panic handler,
//!   after the linker dropped what nothing calls: the flash that a device really spends.

mod call_graph;
pub mod elf;
pub mod stack_depth;
mod target_spec;
mod thumb;
pub mod toolchain;

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bare_metal::elf::Sections;
use crate::bare_metal::toolchain::{Library, Toolchain};
use crate::failure::{Failure, conclude};
use crate::table::{Align, Table};
use crate::workspace;

/// Cortex-M0: the smallest part that we serve.
pub const CORTEX_M0: &str = "thumbv6m-none-eabi";

/// Cortex-M3, and everything above it: the part of the board `mps2-an385`.
pub const CORTEX_M3: &str = "thumbv7m-none-eabi";

/// Cortex-M4, without its unit for floating point: nothing here has a use for that.
pub const CORTEX_M4: &str = "thumbv7em-none-eabi";

/// RISC-V with atomic operations: what several parts with a radio have, and the board `virt`.
pub const RISCV32: &str = "riscv32imac-unknown-none-elf";

/// How a device builds: the profile of this name stands in the root and in `integration/boards`.
const PROFILE: &str = "bare-metal";

/// What every bare-metal build is told: sha2 without unrolled rounds (26 KB less, half as fast).
const COMPACT_HASHES: &str = "--cfg=sha2_backend_soft=\"compact\"";

/// What every bare-metal program is linked with: functions that came out as the same instructions stand in flash once (a kilobyte of a
/// client). No program here compares functions by their addresses.
const ONE_COPY: &str = "-Clink-arg=--icf=all";

/// How functions are named: as rustc does it without its unstable options, and as the checks that look for them by name know them.
const NAMES: [&str; 2] = ["-Zunstable-options", "-Csymbol-mangling-version=legacy"];

/// What stands between two flags in the variable that may have blanks in its flags.
const FLAG_SEPARATOR: &str = "\x1f";

/// The program that has only a start and a panic handler.
const EMPTY: &str = "empty";

/// Flash for the code and constants of a whole client on the small profile.
pub const CLIENT_FLASH_BYTES_MAX: u64 = 64 * 1024;

/// One core, and the program that measures it.
struct Measured {
    package: &'static str,
    program: &'static str,
}

const MEASURED: &[Measured] = &[
    Measured {
        package: "tuffet-wire",
        program: "wire",
    },
    Measured {
        package: "tuffet-ed25519",
        program: "ed25519",
    },
    Measured {
        package: "tuffet-tuf",
        program: "tuf",
    },
    Measured {
        package: "tuffet-release",
        program: "release",
    },
    Measured {
        package: "tuffet-patch",
        program: "patch",
    },
    Measured {
        package: "tuffet-boot",
        program: "boot",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "bootloader",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "recovery",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "http",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "link",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "mcuboot",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: CLIENT,
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "example-bootloader",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "example",
    },
    Measured {
        package: "tuffet-no-std-client",
        program: "example-async",
    },
];

/// The program of the driver of small devices: what a device's application links.
pub const CLIENT: &str = "client";

/// Build the cores for a microcontroller, and print what each takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<toolchain::Source>,
    /// Fail when the client takes more flash than the small profile has for it, instead of only saying so.
    #[arg(long)]
    budget: bool,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds, links and measures with the first compiler that this machine has or can get.
pub fn check() -> Result<(), Failure> {
    run(&Arguments {
        toolchain: None,
        budget: false,
        json: false,
    })
}

/// Builds, links, measures, and prints the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = workspace::root()?;
    let toolchain = chosen(arguments.toolchain)?;
    build(
        &toolchain,
        Library::Core,
        CORTEX_M0,
        &root,
        &target_dir(&root),
        MEASURED.iter().flat_map(|core| ["--package", core.package]),
    )?;
    let folder = build_boards(
        &toolchain,
        ["--package", "tuffet-sizes", "--package", "tuffet-example", "--bins"],
    )?;
    let empty = elf::sections(&folder.join(EMPTY))?;
    let mut taken = Vec::new();
    for core in MEASURED {
        let sections = elf::sections(&folder.join(core.program))?;
        taken.push((core.program, sections.more_than(&empty)));
    }
    print!("{}", table(&taken));
    println!(
        "Bytes that each adds to an empty program of {} B; `{CLIENT}` is the driver of small devices with all that it calls.",
        empty.flash()
    );
    let over = over_budget(&taken);
    if let Some(text) = &over {
        println!("{text}.");
    }
    let verdict = over
        .filter(|_| arguments.budget)
        .map_or(Ok(()), |text| Err(Failure::refused(text)));
    let report = arguments.json.then(|| report(&toolchain, &taken)).transpose()?;
    conclude(verdict, report)
}

/// What the driver of small devices takes with all that it calls.
pub fn client(toolchain: Option<toolchain::Source>) -> Result<Sections, Failure> {
    let folder = build_boards(&chosen(toolchain)?, ["--package", "tuffet-sizes", "--bins"])?;
    let empty = elf::sections(&folder.join(EMPTY))?;
    Ok(elf::sections(&folder.join(CLIENT))?.more_than(&empty))
}

/// The compiler that was asked for, else the first that this machine has or can get.
pub fn chosen(wanted: Option<toolchain::Source>) -> Result<Toolchain, Failure> {
    chosen_for(wanted, CORTEX_M0)
}

/// The same for another part.
pub fn chosen_for(wanted: Option<toolchain::Source>, target: &str) -> Result<Toolchain, Failure> {
    let toolchain = toolchain::choose(wanted, target)?;
    eprintln!("bare-metal: {} ({})", toolchain.description(), toolchain.version()?);
    Ok(toolchain)
}

/// Builds programs of the boards' workspace, and answers the folder that holds them.
pub fn build_boards<'a>(toolchain: &Toolchain, what: impl IntoIterator<Item = &'a str>) -> Result<PathBuf, Failure> {
    build_boards_for(toolchain, CORTEX_M0, what)
}

/// The same for another part.
pub fn build_boards_for<'a>(
    toolchain: &Toolchain,
    target: &str,
    what: impl IntoIterator<Item = &'a str>,
) -> Result<PathBuf, Failure> {
    build_boards_with(toolchain, Library::Core, target, what)
}

/// The same with more of the library.
pub fn build_boards_with<'a>(
    toolchain: &Toolchain,
    library: Library,
    target: &str,
    what: impl IntoIterator<Item = &'a str>,
) -> Result<PathBuf, Failure> {
    let root = workspace::root()?;
    let (boards, target_dir) = (root.join("integration/boards"), target_dir(&root));
    workspace::use_root_lock(&root, &boards)?;
    build(toolchain, library, target, &boards, &target_dir, what)?;
    Ok(target_dir.join(target).join(PROFILE))
}

fn target_dir(root: &Path) -> PathBuf {
    workspace::target_dir(root).join("bare-metal")
}

fn build<'a>(
    toolchain: &Toolchain,
    library: Library,
    target: &str,
    folder: &Path,
    target_dir: &Path,
    what: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let cargo = toolchain
        .cargo(target)
        .args(["build", "--profile", PROFILE, "--target"]);
    let cargo = if toolchain::is_described_here(target) {
        cargo.arg(target_spec::without_frame_pointer(
            toolchain.rustc(),
            target,
            target_dir,
        )?)
    } else {
        cargo.arg(target)
    };
    let cargo = cargo
        .args(toolchain.arguments(target, library))
        .args(what)
        .folder(folder);
    let cargo = cargo
        .env("CARGO_TARGET_DIR", target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(toolchain, target)?);
    if cargo.show()? {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "`{}` failed in {}: the cores must build without an operating system and without a heap",
        cargo.line(),
        folder.display()
    )))
}

/// What the compiler is told. The paths of this machine go into no firmware: they are in the texts of panics, and the same source
/// would give another image elsewhere.
fn rustflags(toolchain: &Toolchain, target: &str) -> Result<String, Failure> {
    let root = workspace::root()?;
    let mut flags = vec![
        COMPACT_HASHES.to_owned(),
        ONE_COPY.to_owned(),
        format!("--remap-path-prefix={}=", root.display()),
        format!("--remap-path-prefix={}=", toolchain.sysroot()?),
    ];
    if toolchain.builds_core(target) {
        flags.extend(NAMES.map(str::to_owned));
    }
    flags.extend(registry().map(|folder| format!("--remap-path-prefix={}=", folder.display())));
    Ok(flags.join(FLAG_SEPARATOR))
}

/// Where cargo keeps the sources of others.
fn registry() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
    let mut registries = std::fs::read_dir(home.join("registry/src")).ok()?;
    Some(registries.next()?.ok()?.path())
}

fn over_budget(taken: &[(&str, Sections)]) -> Option<String> {
    let (_, client) = taken.iter().find(|(program, _)| *program == CLIENT)?;
    let bytes = client.flash();
    (bytes > CLIENT_FLASH_BYTES_MAX).then(|| {
        format!("Over budget: the client takes {bytes} B of flash, and the small profile has {CLIENT_FLASH_BYTES_MAX} B for it")
    })
}

fn table(taken: &[(&str, Sections)]) -> Table {
    let columns = [
        ("core", Align::Left),
        ("code", Align::Right),
        ("constants", Align::Right),
        ("flash", Align::Right),
        ("statics", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for (program, sections) in taken {
        let cells = [sections.code, sections.constants, sections.flash(), sections.statics()];
        table.row(std::iter::once((*program).to_owned()).chain(cells.map(|bytes| bytes.to_string())));
    }
    table
}

fn report(toolchain: &Toolchain, taken: &[(&str, Sections)]) -> Result<serde_json::Value, Failure> {
    let cores: Vec<_> = taken
        .iter()
        .map(|(program, sections)| {
            json!({
                "name": program, "code": sections.code, "constants": sections.constants,
                "flash": sections.flash(), "statics": sections.statics(),
            })
        })
        .collect();
    let compiler = toolchain.version()?;
    Ok(json!({
        "target": CORTEX_M0, "toolchain": toolchain.source(), "compiler": compiler,
        "client_flash_bytes_max": CLIENT_FLASH_BYTES_MAX, "cores": cores,
    }))
}
