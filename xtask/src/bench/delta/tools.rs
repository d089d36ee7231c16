//! The tools of other projects: installed where we may, or named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::{Blame, Failure};
use crate::process::{Tool, is_on_path};
use crate::{packages, python, workspace};

/// Programs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 5] = [
    ("bsdiff", "bsdiff"),
    ("bspatch", "bsdiff"),
    ("xdelta3", "xdelta3"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];

/// All of them, at hand.
#[derive(Debug)]
pub struct Tools {
    python: PathBuf,
    script: PathBuf,
    /// Name and version of each package.
    pub versions: Vec<String>,
}

impl Tools {
    /// Looks for all of them, and installs what is missing.
    pub fn obtain() -> Result<Self, Failure> {
        let root = workspace::root()?;
        let folder = root.join("integration/python");
        let (requirements, script) = (folder.join("delta_peers.txt"), folder.join("delta_peers.py"));
        programs()?;
        let environment = workspace::target_dir(&root).join("peers/delta");
        let python = python::environment(&environment, &requirements)
            .map_err(|reason| absent(&format!("an environment with {}", requirements.display()), &reason))?;
        let pinned = std::fs::read_to_string(&requirements)
            .map_err(|error| Failure::file("cannot read", &requirements, &error))?;
        let mut versions = of_requirements(&pinned);
        versions.extend(of_debian());
        Ok(Self {
            python,
            script,
            versions,
        })
    }

    /// The command line of the script that calls tools of Python.
    pub fn script(&self, arguments: &[&str]) -> Vec<OsString> {
        let words = arguments.iter().map(OsString::from);
        let script = [&self.python, &self.script].map(|path| Path::as_os_str(path).to_owned());
        script.into_iter().chain(words).collect()
    }
}

fn programs() -> Result<(), Failure> {
    let missing = || PROGRAMS.iter().filter(|(program, _)| !is_on_path(program));
    let mut wanted: Vec<&str> = missing().map(|(_, package)| *package).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    wanted.dedup();
    packages::install(&wanted).map_err(|failure| absent(&wanted.join(", "), &failure.to_string()))?;
    match missing().next() {
        None => Ok(()),
        Some((program, package)) => Err(absent(program, &format!("the package {package} did not bring it"))),
    }
}

fn absent(what: &str, reason: &str) -> Failure {
    let text = format!("no peers without {what}: {reason}\nwithout --peers only our own patches are measured");
    Failure::new(Blame::Storage, text)
}

/// The pinned versions of a list for pip.
fn of_requirements(list: &str) -> Vec<String> {
    let pins = list.lines().filter_map(|line| line.trim().split_once("=="));
    pins.map(|(name, version)| format!("{name} {version}")).collect()
}

/// What Debian installed; nothing on another system.
fn of_debian() -> Vec<String> {
    let packages = PROGRAMS.iter().map(|(_, package)| *package);
    let query = Tool::new("dpkg-query").args(["--show", "--showformat", "${Package} ${Version}\n"]);
    let said = query.args(packages).capture().map(|printed| printed.output);
    let mut versions: Vec<String> = said.unwrap_or_default().lines().map(str::to_owned).collect();
    versions.sort();
    versions.dedup();
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_are_pinned() {
        let list = "# Pinned: all of them.\ndetools==0.53.0\n\nhdiffpatch==2.6.0\n";
        assert_eq!(of_requirements(list), ["detools 0.53.0", "hdiffpatch 2.6.0"]);
    }

    #[test]
    fn tool_that_cannot_be_had_is_named_with_the_way_out() {
        let text = absent("xdelta3", "no apt-get here").to_string();
        for part in ["xdelta3", "no apt-get here", "without --peers"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
