//! The file of a report: it is there as a whole, or as it was before.
//!
//! A run that is refused, since another one has the board, must not empty the report of that one.

use super::trouble::Trouble;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What whoever writes a file usually lets others do with it; the mask of the process takes from it.
const MODE: u32 = 0o666;

/// A report that is to be written.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    /// The file that takes the place of the one at the path. A pipe or a device is not replaced, and has none.
    new: Option<NamedTempFile>,
}

impl ReportFile {
    /// Finds out whether a report can be written here, and changes nothing that is there.
    ///
    /// # Errors
    ///
    /// When it cannot.
    pub fn prepare(path: &Path) -> Result<Self, Trouble> {
        let fails = |error| Trouble::file("write", path, error);
        let there = path.metadata().ok();
        if there.is_some_and(|there| !there.is_file()) {
            std::fs::File::options().append(true).open(path).map_err(fails)?;
            let path = path.to_owned();
            return Ok(Self { path, new: None });
        }
        // A link is followed, and stays.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let new = tempfile::Builder::new()
            .prefix(".tuffet-lab-")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(fails)?;
        Ok(Self { path, new: Some(new) })
    }

    /// Writes the report.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(self, text: &str) -> Result<(), Trouble> {
        let written = match self.new {
            None => std::fs::write(&self.path, text),
            Some(mut new) => new
                .write_all(text.as_bytes())
                .and_then(|()| Ok(new.persist(&self.path).map(drop)?)),
        };
        written.map_err(|error| Trouble::file("write", &self.path, error))
    }
}
