//! The built binary in a folder of its own.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The binary under test.
pub const TOOL: &str = env!("CARGO_BIN_EXE_tuffet-keys");
/// The passphrase of all keys here.
pub const PASSPHRASE: &str = "correct horse";

/// A folder to run `tuffet-keys` in, with the passphrase in the file `passphrase`.
pub struct Desk {
    folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Desk {
    /// An empty folder.
    pub fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.write("passphrase", PASSPHRASE.as_bytes(), 0o600);
        desk
    }

    /// A folder with all keys of a repository in `keys`: three of root, one of each other role.
    pub fn with_keys() -> Self {
        let desk = Self::new();
        for (role, count) in [("root", "3"), ("targets", "1"), ("snapshot", "1"), ("timestamp", "1")] {
            let ran = desk.run(&[
                "generate",
                "--role",
                role,
                "--count",
                count,
                "--out",
                "keys",
                "--work-factor",
                "2",
                "--passphrase-file",
                "passphrase",
            ]);
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        desk
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8], mode: u32) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A command in the folder, with no passphrase in its environment.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("TUFFET_PASSPHRASE")
            .stdin(Stdio::null());
        command
    }

    /// Runs `tuffet-keys`.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(TOOL, arguments).output().unwrap())
    }

    /// Runs `tuffet-keys`, which has to succeed and print one JSON object.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.object()
    }

    /// Every file and folder with its mode and bytes.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut entries = BTreeMap::new();
        collect(self.folder.path(), &mut entries);
        entries
    }
}

impl Ran {
    /// What an output says.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON object on standard output.
    pub fn object(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        let value: Value = serde_json::from_str(&self.out).unwrap();
        assert!(value.is_object(), "{self:?}");
        value
    }
}

fn collect(folder: &Path, entries: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let bytes = if metadata.is_dir() {
            collect(&path, entries);
            Vec::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        entries.insert(path, (metadata.permissions().mode(), bytes));
    }
}
