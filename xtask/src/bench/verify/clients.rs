//! The clients side by side: how each is called, and the proof that it verifies before it is timed.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::failure::{Blame, Failure};
use crate::process::Tool;

use super::programs::{Ended, Programs, Sample};

/// Targets in the repository.
pub const TARGETS: u32 = 1_000;

const STRICT_SESSION: &str = "Tuffet, strict session";
const STD_CLIENT: &str = "Tuffet, std client";
const TOUGH: &str = "tough 0.24.0";
const TOUGH_IN_A_HURRY: &str = "tough 0.24.0, backoff 1 ms";
const SIGSTORE_TUF: &str = "sigstore-tuf 0.15.1";
const PYTHON_TUF: &str = "python-tuf 7.0.0";

/// What is forged in a repository that no client may take.
const FORGERIES: [&str; 5] = ["root", "timestamp", "snapshot", "targets", "target"];

/// How a client gets its files.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    Http,
    Files,
}

/// A client as it is called.
pub struct Client {
    pub name: &'static str,
    pub transport: Transport,
    call: Call,
}

enum Call {
    /// With the arguments that all peers have.
    Peer {
        command: Vec<OsString>,
        environment: Option<(&'static str, &'static str)>,
    },
    /// As the conformance suite of TUF calls a client: the first root is put in place by a run of its own, which is not
    /// measured.
    Conformance(PathBuf),
}

/// A client that is not here, and why.
pub struct Absent {
    pub name: &'static str,
    pub reason: String,
}

/// The repositories in a folder, which are served too.
pub struct Repositories {
    folder: PathBuf,
    url: String,
    target: String,
    /// SHA-256, hexadecimal.
    digest: String,
}

impl Client {
    /// All that this machine has; the first of each transport is what the others are compared with.
    pub fn all(programs: &Programs, ours: Option<&Path>) -> (Vec<Self>, Vec<Absent>) {
        let peer = |command: &[OsString]| Call::Peer {
            command: command.to_vec(),
            environment: None,
        };
        let program = |name| peer(&[programs.path(name).into_os_string()]);
        let (python, ours) = (
            programs.python_tuf(),
            ours.map_or_else(|| programs.conformance_client(), |path| Ok(path.to_owned())),
        );
        let mut clients = Vec::new();
        for transport in [Transport::Http, Transport::Files] {
            let mut add = |name, call| clients.push(Self { name, transport, call });
            add(STRICT_SESSION, program("peer-tuffet-strict"));
            if let Ok(path) = &ours {
                add(STD_CLIENT, Call::Conformance(path.clone()));
            }
            add(TOUGH, program("peer-tough"));
            if transport == Transport::Http {
                let command = vec![programs.path("peer-tough").into_os_string()];
                let environment = Some(("TOUGH_INITIAL_BACKOFF_MS", "1"));
                add(TOUGH_IN_A_HURRY, Call::Peer { command, environment });
            }
            add(SIGSTORE_TUF, program("peer-sigstore-tuf"));
            if let Ok(command) = &python {
                add(PYTHON_TUF, peer(command));
            }
        }
        let absent = [(STD_CLIENT, ours.err()), (PYTHON_TUF, python.err())].into_iter();
        let absent = absent.filter_map(|(name, reason)| reason.map(|reason| Absent { name, reason }));
        (clients, absent.collect())
    }

    /// One fresh run on the honest repository; whatever is not the verified target is a failure.
    pub fn run(&self, programs: &Programs, repositories: &Repositories) -> Result<Sample, Failure> {
        let (ended, target) = self.update(programs, repositories, "honest")?;
        if ended.code == 0 && target.as_ref() == Some(&repositories.digest) {
            return Ok(ended.sample);
        }
        Err(Failure::refused(format!(
            "{self} did not update from an honest repository: {}",
            ended.said.trim_end()
        )))
    }

    /// Takes what is honest and nothing that is forged: otherwise there is nothing to compare.
    pub fn prove(&self, programs: &Programs, repositories: &Repositories) -> Result<(), Failure> {
        self.run(programs, repositories)?;
        for forged in FORGERIES {
            let (ended, target) = self.update(programs, repositories, forged)?;
            if ended.code != 1 || target.is_some() {
                return Err(Failure::refused(format!(
                    "{self} was given a repository with a forged {forged}, and ended with {}: {}",
                    ended.code,
                    ended.said.trim_end()
                )));
            }
        }
        Ok(())
    }

    /// One fresh run, and the digest of the target if there is one now.
    fn update(&self, programs: &Programs, all: &Repositories, what: &str) -> Result<(Ended, Option<String>), Failure> {
        let out = tempfile::Builder::new().prefix("tuffet-fresh-").tempdir();
        let out = out.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
        let (root, place) = (all.folder.join(what).join("root.json"), all.place(self.transport, what));
        let (metadata, targets) = (format!("{place}/metadata/"), format!("{place}/targets/"));
        let (ended, target) = match &self.call {
            Call::Peer { command, environment } => {
                let mut line = command.clone();
                line.extend(["--root".into(), root.into_os_string()]);
                line.extend(["--metadata", &metadata, "--targets", &targets, "--target", &all.target].map(Into::into));
                line.extend(["--out".into(), out.path().into()]);
                (programs.measure(&line, *environment)?, out.path().join("target"))
            }
            Call::Conformance(client) => {
                let (kept, to) = (out.path().join("metadata"), out.path().join("targets"));
                for folder in [&kept, &to] {
                    std::fs::create_dir(folder).map_err(|error| Failure::file("cannot make", folder, &error))?;
                }
                let kept: [OsString; 2] = ["--metadata-dir".into(), kept.into()];
                Tool::new(client).args(&kept).arg("init").arg(&root).read()?;
                let mut line: Vec<OsString> = vec![client.into(), "--metadata-url".into(), metadata.into()];
                line.extend(kept);
                line.extend(
                    [
                        "--target-name",
                        &all.target,
                        "--target-base-url",
                        &targets,
                        "--target-dir",
                    ]
                    .map(Into::into),
                );
                line.extend([to.clone().into_os_string(), "download".into()]);
                (programs.measure(&line, None)?, to.join(&all.target))
            }
        };
        let digest = target.is_file().then(|| digest(&target)).transpose()?;
        Ok((ended, digest))
    }
}

impl Repositories {
    /// Writes the honest one and those with a forgery.
    pub fn write(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let mut honest = String::new();
        for what in ["honest"].iter().chain(&FORGERIES) {
            let write = programs.tool("write-repository").arg(folder.join(what));
            honest = write.args([&TARGETS.to_string(), *what]).read()?.output;
        }
        let (target, digest) = honest.trim_end().split_once(' ').unwrap_or_default();
        Ok(Self {
            url: super::server::serve(folder)?,
            folder: folder.to_owned(),
            target: target.to_owned(),
            digest: digest.to_owned(),
        })
    }

    fn place(&self, transport: Transport, what: &str) -> String {
        match transport {
            Transport::Http => format!("{}/{what}", self.url),
            Transport::Files => self.folder.join(what).display().to_string(),
        }
    }
}

fn digest(path: &Path) -> Result<String, Failure> {
    let digest = Sha256::digest(super::read(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Transport {
    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Http => "HTTP",
            Transport::Files => "files",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.transport.name())
    }
}
