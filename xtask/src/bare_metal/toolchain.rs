//! Which compiler builds for a bare-metal target on this machine.
//!
//! Two ways, because neither is everywhere: rustup's target (a download), or Debian's compiler with its library
//! source, from which `-Zbuild-std` builds `core` for any target. For a Cortex-M0 `core` is built in any case (see `target_spec`), with rustup
//! from its component `rust-src`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bare_metal::CORTEX_M0;
use crate::failure::{Blame, Failure};
use crate::packages;
use crate::process::{Tool, is_on_path};

/// Where a bare-metal compiler comes from.
#[derive(Copy, Clone, PartialEq, Eq, Debug, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// rustup's target, or its source of `core`, added when it is missing.
    Rustup,
    /// Debian's packages, installed when they are missing.
    Debian,
}

/// A compiler that builds for the target.
#[derive(Debug)]
pub enum Toolchain {
    /// The default toolchain has the target, or the source of `core`.
    Rustup,
    /// Debian's compiler builds `core` itself, and links with this linker.
    Debian {
        /// An LLVM linker for ELF.
        linker: PathBuf,
    },
}

/// What of the library a program may use.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Library {
    /// No heap: a core that reaches for one does not build.
    Core,
    /// A heap too, which the program brings with it: for tests.
    CoreAndAlloc,
}

/// Debian's compiler, its cargo, and the source of `core`.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Debian's linker, for a machine that has none from rustup.
const DEBIAN_LINKER_PACKAGE: &str = "lld";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SYSROOT: &str = "/usr";

/// The source of `core` in a sysroot.
const CORE: &str = "lib/rustlib/src/rust/library/core/Cargo.toml";

/// How long a download of a target may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// A cold build of `core` and of all cores, on two busy processors, with room to spare.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// Finds or gets a compiler for `target`; what it takes or installs is said on standard error.
pub fn choose(wanted: Option<Source>, target: &str) -> Result<Toolchain, Failure> {
    match wanted {
        Some(Source::Rustup) => rustup(target),
        Some(Source::Debian) => debian(),
        None => rustup(target).or_else(|no_rustup| {
            eprintln!("bare-metal: not by rustup: {no_rustup}");
            debian().map_err(|no_debian| {
                let text = format!("no compiler for {target}:\n  rustup: {no_rustup}\n  Debian: {no_debian}");
                Failure::new(Blame::Storage, text)
            })
        }),
    }
}

impl Toolchain {
    /// Which of the two ways this is.
    pub fn source(&self) -> Source {
        match self {
            Toolchain::Rustup => Source::Rustup,
            Toolchain::Debian { .. } => Source::Debian,
        }
    }

    /// The way in words.
    pub fn description(&self) -> &'static str {
        match self {
            Toolchain::Rustup => "rustup's compiler",
            Toolchain::Debian { .. } => "Debian's compiler, which builds core from its source",
        }
    }

    /// A cargo that builds for the target with this compiler, and nothing that the cargo which started us left in the environment.
    pub fn cargo(&self, target: &str) -> Tool {
        let cargo = match self {
            Toolchain::Rustup => Tool::new("cargo"),
            Toolchain::Debian { linker } => Tool::new(DEBIAN_CARGO)
                .env("RUSTC", DEBIAN_RUSTC)
                .env("CARGO_TARGET_RISCV32IMAC_UNKNOWN_NONE_ELF_LINKER", linker)
                .env("CARGO_TARGET_THUMBV6M_NONE_EABI_LINKER", linker)
                .env("CARGO_TARGET_THUMBV7EM_NONE_EABI_LINKER", linker)
                .env("CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER", linker),
        };
        let cargo = cargo.env_remove("RUSTC_WRAPPER").env_remove("CARGO_BUILD_TARGET");
        let cargo = cargo.env_remove("RUSTFLAGS").limit(BUILD_LIMIT);
        if self.builds_core(target) {
            unstable(cargo)
        } else {
            cargo
        }
    }

    /// What `cargo build` needs besides the target.
    pub fn arguments(&self, target: &str, library: Library) -> &'static [&'static str] {
        match library {
            _ if !self.builds_core(target) => &[],
            Library::Core if is_described_here(target) => &["-Zbuild-std=core", "-Zjson-target-spec"],
            Library::CoreAndAlloc if is_described_here(target) => &["-Zbuild-std=core,alloc", "-Zjson-target-spec"],
            Library::Core => &["-Zbuild-std=core"],
            Library::CoreAndAlloc => &["-Zbuild-std=core,alloc"],
        }
    }

    /// Whether it builds `core` for the target, by its unstable options.
    pub fn builds_core(&self, target: &str) -> bool {
        matches!(self, Toolchain::Debian { .. }) || is_described_here(target)
    }

    /// The compiler, with its unstable options.
    pub fn rustc(&self) -> Tool {
        unstable(Tool::new(self.rustc_program()))
    }

    /// Where it keeps its library.
    pub fn sysroot(&self) -> Result<String, Failure> {
        let printed = Tool::new(self.rustc_program()).args(["--print", "sysroot"]).read()?;
        Ok(printed.output.trim().to_owned())
    }

    fn rustc_program(&self) -> &'static str {
        match self {
            Toolchain::Rustup => "rustc",
            Toolchain::Debian { .. } => DEBIAN_RUSTC,
        }
    }

    /// The compiler's name and version.
    pub fn version(&self) -> Result<String, Failure> {
        let printed = Tool::new(self.rustc_program()).arg("--version").read()?;
        Ok(printed.output.trim().to_owned())
    }
}

/// Whether its description is the one of `target_spec`, and not the compiler's.
pub fn is_described_here(target: &str) -> bool {
    target == CORTEX_M0
}

/// Building `core` and describing a target are nightly options; this is the switch that the compiler's own build uses for them.
fn unstable(tool: Tool) -> Tool {
    tool.env("RUSTC_BOOTSTRAP", "1")
}

fn rustup(target: &str) -> Result<Toolchain, Failure> {
    if is_described_here(target) {
        return rustup_source();
    }
    let installed = Tool::new("rustup").args(["target", "list", "--installed"]).read()?;
    if installed.output.lines().any(|line| line.trim() == target) {
        return Ok(Toolchain::Rustup);
    }
    eprintln!("bare-metal: rustup target add {target}");
    Tool::new("rustup")
        .args(["target", "add", target])
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    Ok(Toolchain::Rustup)
}

fn rustup_source() -> Result<Toolchain, Failure> {
    let core = Path::new(&Toolchain::Rustup.sysroot()?).join(CORE);
    if core.is_file() {
        return Ok(Toolchain::Rustup);
    }
    eprintln!("bare-metal: rustup component add rust-src");
    Tool::new("rustup")
        .args(["component", "add", "rust-src"])
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    Ok(Toolchain::Rustup)
}

fn debian() -> Result<Toolchain, Failure> {
    let mut missing: Vec<&str> = Vec::new();
    let files = [
        DEBIAN_RUSTC.into(),
        DEBIAN_CARGO.into(),
        Path::new(DEBIAN_SYSROOT).join(CORE),
    ];
    if !files.iter().all(|file| file.is_file()) {
        missing.extend(DEBIAN_PACKAGES);
    }
    let linker = linker();
    if linker.is_none() {
        missing.push(DEBIAN_LINKER_PACKAGE);
    }
    if !missing.is_empty() {
        packages::install(&missing)?;
    }
    let linker = linker.or_else(self::linker).ok_or_else(|| {
        Failure::new(
            Blame::Storage,
            "no linker: neither rustup's rust-lld nor ld.lld is on this machine",
        )
    })?;
    Ok(Toolchain::Debian { linker })
}

/// rust-lld of a rustup toolchain, or Debian's ld.lld.
fn linker() -> Option<PathBuf> {
    let printed = Tool::new("rustc").args(["--print", "target-libdir"]).read().ok()?;
    let beside = Path::new(printed.output.trim()).parent()?.join("bin/rust-lld");
    if beside.is_file() {
        return Some(beside);
    }
    is_on_path("ld.lld").then(|| PathBuf::from("ld.lld"))
}
