//! Where the workspace is, and where its build output goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Blame, Failure};
use crate::process::Tool;

/// The longest time for a cold build of our programs, on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);

/// The folder of the root `Cargo.toml`.
///
/// `cargo run` names the package's folder in the environment; a binary started by hand looks upwards from the
/// current folder.
pub fn root() -> Result<PathBuf, Failure> {
    if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(root) = Path::new(&package).parent()
    {
        return Ok(root.to_path_buf());
    }
    let here = std::env::current_dir().map_err(|error| Failure::file("cannot read", Path::new("."), &error))?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Failure::new(
                Blame::WrongState,
                "not inside a Tuffet workspace: run this in a clone of it",
            )
        })
}

/// The folder that cargo writes build output to: `CARGO_TARGET_DIR`, else `target` in the root.
pub fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Makes a workspace beside the root's resolve to the versions that the root tests: it starts from the root's lock file
/// each time, and its own is not committed.
pub fn use_root_lock(root: &Path, beside: &Path) -> Result<(), Failure> {
    let copy = beside.join("Cargo.lock");
    std::fs::copy(root.join("Cargo.lock"), &copy)
        .map_err(|error| Failure::file("cannot copy the root's lock file to", &copy, &error))?;
    Ok(())
}

/// Builds the programs that a vendor and a device run, and answers the folder that holds them.
///
/// All of them at once: built one by one they would ask for other features of the same libraries, and compile those anew.
pub fn build_programs() -> Result<PathBuf, Failure> {
    let root = root()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tool = Tool::new(cargo)
        .args(["build", "--quiet", "--bins", "--workspace", "--exclude", "tuffet-xtask"])
        .folder(&root)
        .limit(BUILD_LIMIT);
    if tool.show()? {
        Ok(target_dir(&root).join("debug"))
    } else {
        Err(Failure::refused("the programs do not build; see above"))
    }
}
