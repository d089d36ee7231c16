//! What every peer is told, and how it ends. By hand: a parser of command lines would be part of what is measured.

use crate::Failed;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// The job of a peer.
#[derive(Debug)]
pub struct Job {
    /// The first root, trusted as it is.
    pub root: PathBuf,
    /// Where the metadata is.
    pub metadata: Place,
    /// Where the targets are.
    pub targets: Place,
    /// The target to download.
    pub target: String,
    /// An empty folder, for the target and whatever the client keeps.
    pub out: PathBuf,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Files.
    Folder(PathBuf),
    /// A server; the address ends with a slash.
    Url(String),
}

impl Job {
    /// Where the verified target has to be in the end.
    #[must_use]
    pub fn target_file(&self) -> PathBuf {
        self.out.join("target")
    }

    /// Where a client keeps its metadata.
    #[must_use]
    pub fn kept(&self) -> PathBuf {
        self.out.join("metadata")
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failed> {
        let mut given = BTreeMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
            given.insert(name, value);
        }
        let mut take = |name: &str| given.remove(name).ok_or_else(|| format!("{name} is missing"));
        let job = Self {
            root: take("--root")?.into(),
            metadata: Place::parse(take("--metadata")?),
            targets: Place::parse(take("--targets")?),
            target: take("--target")?,
            out: take("--out")?.into(),
        };
        match given.into_keys().next() {
            Some(unknown) => Err(format!("{unknown} is not known").into()),
            None => Ok(job),
        }
    }
}

impl Place {
    fn parse(text: String) -> Self {
        if text.starts_with("http://") {
            Self::Url(if text.ends_with('/') { text } else { text + "/" })
        } else {
            Self::Folder(text.into())
        }
    }
}

/// Does the job that the command line names; says on standard error why not.
pub fn run(peer: impl FnOnce(&Job) -> Result<(), Failed>) -> ExitCode {
    ended(Job::parse(std::env::args().skip(1)).and_then(|job| {
        std::fs::create_dir_all(job.kept())?;
        peer(&job)
    }))
}

/// How a program of this crate ends.
pub fn ended(result: Result<(), Failed>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let mut text = format!("refused: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_is_read_and_mistakes_are_named() {
        let given = "--root r --metadata http://h/m --targets d --target t --out o";
        let job = Job::parse(given.split(' ').map(str::to_owned)).unwrap();
        assert_eq!(job.metadata, Place::Url("http://h/m/".to_owned()));
        assert_eq!(job.targets, Place::Folder("d".into()));
        let missing = Job::parse(given.split(' ').skip(2).map(str::to_owned)).unwrap_err();
        assert_eq!(missing.to_string(), "--root is missing");
        let more = format!("{given} --more x");
        let unknown = Job::parse(more.split(' ').map(str::to_owned)).unwrap_err();
        assert_eq!(unknown.to_string(), "--more is not known");
    }
}
