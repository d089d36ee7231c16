//! A copy of the workspace's tree, with edits.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::process::Tool;

/// A copy of the tree. A file is written only if it changes, so that a second build costs little.
pub struct Tree {
    root: PathBuf,
    copy: PathBuf,
}

impl Tree {
    /// Copies what git knows, and what is new and not ignored. Files that are gone from the tree leave the copy.
    pub fn copied(root: &Path, copy: PathBuf) -> Result<Tree, Failure> {
        let tree = Tree {
            root: root.to_path_buf(),
            copy,
        };
        let listed = Tool::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .folder(root)
            .read()?;
        let mut kept = Vec::new();
        for file in listed.output.lines().filter(|file| root.join(file).is_file()) {
            let path = tree.root.join(file);
            let bytes = fs::read(&path).map_err(|error| Failure::file("cannot read", &path, &error))?;
            tree.write(file, &bytes)?;
            kept.push(tree.copy.join(file));
        }
        tree.remove_others(&tree.copy, &kept)?;
        Ok(tree)
    }

    /// The folder of the copy.
    pub fn folder(&self) -> &Path {
        &self.copy
    }

    /// Replaces text of a file, each piece of which must stand there exactly once.
    pub fn edit(&self, file: &str, edits: &[(&str, &str)]) -> Result<(), Failure> {
        let path = self.root.join(file);
        let mut text = fs::read_to_string(&path).map_err(|error| Failure::file("cannot read", &path, &error))?;
        for (old, new) in edits {
            let count = text.matches(old).count();
            if count != 1 {
                return Err(Failure::refused(format!(
                    "{file}: what is to be replaced stands there {count} times, not once: {old:?}"
                )));
            }
            text = text.replace(old, new);
        }
        self.write(file, text.as_bytes())
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.copy.join(file);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.copy);
        fs::create_dir_all(folder).map_err(|error| Failure::file("cannot make", folder, &error))?;
        fs::write(&path, bytes).map_err(|error| Failure::file("cannot write", &path, &error))
    }

    fn remove_others(&self, folder: &Path, kept: &[PathBuf]) -> Result<(), Failure> {
        let entries = fs::read_dir(folder).map_err(|error| Failure::file("cannot read", folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file("cannot read", folder, &error))?;
            let path = entry.path();
            if path.is_dir() {
                self.remove_others(&path, kept)?;
            } else if !kept.contains(&path) {
                fs::remove_file(&path).map_err(|error| Failure::file("cannot remove", &path, &error))?;
            }
        }
        Ok(())
    }
}
