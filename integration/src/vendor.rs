//! A vendor who uses the real programs: keys, product, repository, releases, and a running server.

use crate::program::program;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The product's id.
pub const PRODUCT: &str = "lamp";
/// The product's hardware.
pub const HARDWARE: &str = "c3";

/// The keys live as long as a test.
const PASSPHRASE: &str = "thrown away after the test";

/// The folder with the keys that the server gets, and no other.
const ONLINE: &str = "online";

/// Who signs what, and how many keys there are.
const KEYS: [(&str, u32); 6] = [
    ("root", 3),
    ("targets", 1),
    ("snapshot", 1),
    ("timestamp", 1),
    (PRODUCT, 2),
    ("lamp_rollout", 1),
];

/// A vendor's folder: `keys/`, `online/`, `root.json`, `product/`, `repository/`.
pub struct Vendor {
    folder: TempDir,
}

impl Vendor {
    /// Makes the keys, a root of two of three, one product of two of two, and its repository.
    ///
    /// # Panics
    ///
    /// As all that follows: when a program says no.
    #[must_use]
    pub fn set_up() -> Self {
        Self::set_up_with("--slot-bytes 1048576")
    }

    /// The same, with these options for what the product's devices are.
    ///
    /// # Panics
    ///
    /// When a program says no.
    #[must_use]
    pub fn set_up_with(devices: &str) -> Self {
        let vendor = Self {
            folder: tempfile::tempdir().expect("the system has a temporary folder"),
        };
        vendor.make_keys();
        vendor.xtask(&format!(
            "product init product --id {PRODUCT} --name Lamp --hardware {HARDWARE} --threshold 2 {devices} \
             --support-start 2026-01-01T00:00:00Z --support-end 2036-01-01T00:00:00Z --contact security@example.org"
        ));
        vendor.xtask("repo init repository --root root.json --product product --keys keys");
        vendor.part_with_online_keys();
        vendor
    }

    /// A path in the vendor's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds, signs and publishes a release with this firmware.
    pub fn publish(&self, version: &str, firmware: &[u8]) {
        self.publish_linked(version, &[("", firmware)]);
    }

    /// The same with firmware that is linked for addresses, each with an `@` in front.
    pub fn publish_linked(&self, version: &str, images: &[(&str, &[u8])]) {
        let mut named = String::new();
        for (index, (address, firmware)) in images.iter().enumerate() {
            let file = format!("image-{index}.bin");
            std::fs::write(self.path(&file), firmware).expect("the temporary folder is writable");
            named.push_str(&format!(" --image {HARDWARE}{address}={file}"));
        }
        let release = format!("product --version {version} --repo repository");
        self.xtask(&format!("release build {release}{named} --class feature"));
        for key in ["keys/lamp-1.key", "keys/lamp-2.key"] {
            self.xtask(&format!("release sign {release} --key {key}"));
        }
        self.xtask(&format!(
            "release publish {release} --root root.json --online-keys {ONLINE}"
        ));
    }

    /// Starts the server of the repository, which ends when the answer is dropped.
    #[must_use]
    pub fn serve(&self) -> RunningServer {
        let mut child = Command::new(program("tuffet-server", "tuffet-server"))
            .args([
                "serve",
                "repository",
                "--listen",
                "127.0.0.1:0",
                "--online-keys",
                ONLINE,
            ])
            .env("TUFFET_PASSPHRASE", PASSPHRASE)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped"))
            .lines()
            .map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        // Its later lines are read and dropped, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let mut server = RunningServer {
            child,
            url: String::new(),
        };
        server.url = url.expect("the server says where it listens");
        server
    }

    fn make_keys(&self) {
        for (role, count) in KEYS {
            self.keys_tool(&format!(
                "generate --role {role} --count {count} --out keys --work-factor 8"
            ));
        }
        self.keys_tool("root create --keys-dir keys --root-threshold 2 --out root.json");
        for key in ["keys/root-1.key", "keys/root-2.key"] {
            self.keys_tool(&format!("root sign root.json --key {key}"));
        }
    }

    fn part_with_online_keys(&self) {
        std::fs::create_dir(self.path(ONLINE)).expect("the folder is the vendor's own");
        for name in ["snapshot-1.key", "snapshot-1.pub", "timestamp-1.key", "timestamp-1.pub"] {
            let (from, to) = (self.path("keys").join(name), self.path(ONLINE).join(name));
            std::fs::rename(from, to).expect("the keys were made");
        }
    }

    fn keys_tool(&self, line: &str) {
        run(self.folder.path(), "tuffet-keys-tool", "tuffet-keys", line);
    }

    fn xtask(&self, line: &str) {
        run(self.folder.path(), "tuffet-xtask", "tuffet-xtask", line);
    }
}

/// Runs a program of the workspace, which has to succeed. No word of the line holds a space.
///
/// # Panics
///
/// When it does not; with everything that it said.
pub fn run(folder: &Path, package: &str, name: &str, line: &str) {
    let output = Command::new(program(package, name))
        .args(line.split_whitespace())
        .env("TUFFET_PASSPHRASE", PASSPHRASE)
        .current_dir(folder)
        .output()
        .expect("the program can be started");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{name} {line}: {}\n{stdout}{stderr}",
        output.status
    );
}

/// A running server.
pub struct RunningServer {
    child: Child,
    url: String,
}

impl RunningServer {
    /// The address of the repository folder.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
