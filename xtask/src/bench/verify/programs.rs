//! The programs that are measured and those that measure, each built or installed by this command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::process::Tool;
use crate::{python, workspace};

/// How long a cold build of other people's clients may take on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);

/// How long one program may run.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Our own client, as the conformance suite of TUF calls it.
const CONFORMANCE_CLIENT: &str = "tuf-conformance-client";

/// The workspace of the peers, built.
pub struct Programs {
    root: PathBuf,
    folder: PathBuf,
    target_dir: PathBuf,
}

/// What a process took.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// From its start to its end.
    pub wall_us: u64,
    /// Of user and system together.
    pub cpu_us: u64,
    /// Resident, at the most.
    pub memory_bytes: u64,
}

/// How a measured program ended.
pub struct Ended {
    pub sample: Sample,
    pub code: i32,
    /// What it said.
    pub said: String,
}

impl Programs {
    /// Builds the peers, in release.
    pub fn build() -> Result<Self, Failure> {
        let root = workspace::root()?;
        let peers = root.join("integration/peers");
        let target_dir = workspace::target_dir(&root);
        workspace::use_root_lock(&root, &peers)?;
        let programs = Self {
            folder: target_dir.join("peers/release"),
            root,
            target_dir,
        };
        let cargo = cargo(&peers).args(["build", "--quiet", "--release", "--bins", "--target-dir"]);
        // Where cargo would put our own programs is no place for theirs.
        let cargo = cargo
            .arg(programs.target_dir.join("peers"))
            .env_remove("CARGO_TARGET_DIR");
        if cargo.show()? {
            Ok(programs)
        } else {
            Err(Failure::refused("the peers do not build; see above"))
        }
    }

    /// One of them.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// One of them, to run.
    pub fn tool(&self, name: &str) -> Tool {
        Tool::new(self.path(name)).limit(RUN_LIMIT)
    }

    /// Runs a command line and says what it took.
    pub fn measure(&self, command: &[OsString], environment: Option<(&str, &str)>) -> Result<Ended, Failure> {
        let tool = self.tool("measure").args(command);
        let tool = match environment {
            Some((name, value)) => tool.env(name, value),
            None => tool,
        };
        let printed = tool.read()?;
        let ended = Ended::parse(&printed.output, printed.errors);
        ended.ok_or_else(|| Failure::refused(format!("`measure` said `{}`", printed.output.trim_end())))
    }

    /// The interpreter of an environment with python-tuf and the command line up to its arguments, or why there is none.
    pub fn python_tuf(&self) -> Result<Vec<OsString>, String> {
        let folder = self.root.join("integration/python");
        let environment = self.target_dir.join("peers/python-tuf");
        let python = python::environment(&environment, &folder.join("requirements.txt"))?;
        Ok(vec![python.into(), folder.join("fresh_client.py").into()])
    }

    /// Our client as a program, built in release; or why there is none.
    pub fn conformance_client(&self) -> Result<PathBuf, String> {
        let metadata = cargo(&self.root).args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = metadata.read().map_err(|failure| failure.to_string())?;
        let metadata: Value = serde_json::from_str(&metadata.output).map_err(|error| error.to_string())?;
        let package = package_of(&metadata, CONFORMANCE_CLIENT)
            .ok_or_else(|| format!("no package has the program `{CONFORMANCE_CLIENT}` yet"))?;
        let build = cargo(&self.root).args(["build", "--quiet", "--release", "--package", &package]);
        if build
            .args(["--bin", CONFORMANCE_CLIENT])
            .show()
            .is_ok_and(|built| built)
        {
            Ok(self.target_dir.join("release").join(CONFORMANCE_CLIENT))
        } else {
            Err("it does not build".to_owned())
        }
    }
}

impl Ended {
    /// Reads `WALL_US CPU_US MEMORY_BYTES CODE`.
    fn parse(line: &str, said: String) -> Option<Self> {
        let mut numbers = line.split_whitespace();
        let mut next = || numbers.next()?.parse().ok();
        let sample = Sample {
            wall_us: next()?,
            cpu_us: next()?,
            memory_bytes: next()?,
        };
        let code = numbers.next()?.parse().ok()?;
        Some(Self { sample, code, said })
    }
}

fn cargo(folder: &Path) -> Tool {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(cargo).folder(folder).limit(BUILD_LIMIT)
}

/// Which package of a workspace has a program of this name.
fn package_of(metadata: &Value, program: &str) -> Option<String> {
    let has = |package: &&Value| {
        let mut targets = package["targets"].as_array().into_iter().flatten();
        targets.any(|target| target["name"] == program && target["kind"][0] == "bin")
    };
    let package = metadata["packages"].as_array()?.iter().find(has)?;
    Some(package["name"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn line_of_measure_is_read() {
        let ended = Ended::parse("5100 4000 2097152 1\n", "refused".to_owned()).unwrap();
        let sample = Sample {
            wall_us: 5_100,
            cpu_us: 4_000,
            memory_bytes: 2 << 20,
        };
        assert_eq!((ended.sample, ended.code, ended.said.as_str()), (sample, 1, "refused"));
        assert!(Ended::parse("5100 4000\n", String::new()).is_none());
    }

    #[test]
    fn program_is_found_by_its_package() {
        let metadata = json!({"packages": [
            {"name": "a", "targets": [{"name": "b", "kind": ["example"]}]},
            {"name": "c", "targets": [{"name": "c", "kind": ["lib"]}, {"name": "b", "kind": ["bin"]}]},
        ]});
        assert_eq!(package_of(&metadata, "b").as_deref(), Some("c"));
        assert_eq!(package_of(&metadata, "c"), None);
    }
}
