//! Python environments with the packages of a list, made by the machine's own interpreter and pip.

use std::path::{Path, PathBuf};

use crate::process::{Tool, ToolFailure, is_on_path};

/// The interpreter of the environment in `folder` that has what `requirements` lists, or why there is none.
///
/// It is made once for each set of versions.
pub fn environment(folder: &Path, requirements: &Path) -> Result<PathBuf, String> {
    if !is_on_path("python3") {
        let program = "python3".to_owned();
        return Err(ToolFailure::Missing { program }.to_string());
    }
    let python = folder.join("bin/python3");
    // Written last, so that a half-made environment is made again.
    let stamp = folder.join("requirements.installed");
    let wanted = std::fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let make = Tool::new("python3").args(["-m", "venv", "--clear"]).arg(folder);
    let install = Tool::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    let made = make.read().and_then(|_| install.arg(requirements).read());
    made.map_err(|failure| failure.to_string())?;
    std::fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}
