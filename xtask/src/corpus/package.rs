//! Packages, each fetched by the client that its kind has, with the settings of this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::corpus::recipe::Workshop;
use crate::corpus::{NoPair, archive};
use crate::failure::Failure;
use crate::process::Tool;

/// How long one download may take.
pub const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// One version of one package.
#[derive(Copy, Clone, Debug)]
pub enum Package {
    /// A Rust crate, by cargo.
    Crate {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// A Debian package for arm64, by apt-get.
    Debian {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// An npm package, by npm.
    Npm {
        /// Its scope.
        scope: &'static str,
        /// Its name in the scope.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// The source of a Python package, by pip.
    PythonSource {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
    /// A built Python package, by pip.
    PythonWheel {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: &'static str,
    },
}

impl Package {
    /// A name for its folder; a Debian version may hold a colon, which a path may hold too.
    pub fn folder_name(self) -> String {
        match self {
            Package::Crate { name, version } => format!("crate-{name}-{version}"),
            Package::Debian { name, version } => format!("debian-{name}-{version}"),
            Package::Npm { scope, name, version } => format!("npm-{scope}-{name}-{version}"),
            Package::PythonSource { name, version } => format!("source-{name}-{version}"),
            Package::PythonWheel { name, version } => format!("wheel-{name}-{version}"),
        }
    }
}

/// Fetches a package and unpacks it: `into` then holds what the package holds at its top.
pub fn unpack(package: Package, into: &Path, workshop: &Workshop) -> Result<(), NoPair> {
    match package {
        Package::Crate { name, version } => copy_crate(name, version, into),
        Package::Debian { name, version } => workshop.archive()?.unpack(name, version, into),
        Package::Npm { scope, name, version } => {
            let wanted = format!("{scope}/{name}@{version}");
            let npm = Tool::new("npm")
                .args(["pack", "--silent", &wanted])
                .folder(into)
                .limit(DOWNLOAD_LIMIT);
            npm.read()?;
            archive::untar(&only_file(into, "tgz")?, into)
        }
        Package::PythonSource { name, version } => {
            pip_download(name, version, &["--no-binary", ":all:"], into)?;
            archive::untar(&only_file(into, "gz")?, into)
        }
        Package::PythonWheel { name, version } => {
            pip_download(name, version, &[], into)?;
            archive::unzip(&only_file(into, "whl")?, into)
        }
    }
}

/// cargo unpacks a crate whose description it shows, and only that crate; its dependencies are not fetched.
fn copy_crate(name: &str, version: &str, into: &Path) -> Result<(), NoPair> {
    let wanted = format!("{name}@{version}");
    Tool::new("cargo")
        .args(["info", "--quiet", &wanted])
        .folder(into)
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    let sources = cargo_home().join("registry/src");
    let folder = format!("{name}-{version}");
    let registries = std::fs::read_dir(&sources).map_err(|error| Failure::file("cannot read", &sources, &error))?;
    let unpacked = registries
        .flatten()
        .map(|registry| registry.path().join(&folder))
        .find(|path| path.is_dir());
    let unpacked = unpacked.ok_or_else(|| NoPair::Absent {
        file: PathBuf::from(&folder),
    })?;
    Tool::new("cp").arg("-R").arg(unpacked.join(".")).arg(into).read()?;
    Ok(())
}

fn cargo_home() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

fn pip_download(name: &str, version: &str, options: &[&str], into: &Path) -> Result<(), NoPair> {
    let pip = Tool::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(options);
    let pip = pip.arg("--dest").arg(into).arg(format!("{name}=={version}"));
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    Ok(())
}

/// The one file with this extension in a folder: what a client just downloaded.
pub fn only_file(folder: &Path, extension: &str) -> Result<PathBuf, NoPair> {
    let files = std::fs::read_dir(folder).map_err(|error| Failure::file("cannot read", folder, &error))?;
    let mut matching = files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|e| e == extension));
    matching.next().ok_or_else(|| NoPair::Absent {
        file: PathBuf::from(format!("*.{extension}")),
    })
}
