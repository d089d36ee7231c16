//! A case: what a repository served from one state to the next, which names are looked up in it, and what a client says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Metadata files by the name under which they are served.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One life of a repository, as clients see it.
#[derive(Clone, Debug)]
pub struct Case {
    /// From which all of it follows.
    pub seed: u64,
    /// In which spelling the files are written.
    pub style: Style,
    /// The root that every client is given.
    pub first_root: Vec<u8>,
    /// What is served, one state after the other; every client updates once in each.
    pub states: Vec<State>,
    /// The target names that are looked up in every state.
    pub names: Vec<String>,
}

/// What is served at one time.
#[derive(Clone, Debug)]
pub struct State {
    /// The files.
    pub files: Files,
    /// What was done since the last state, in the order in which it was done.
    pub story: Vec<String>,
}

/// How files are spelled.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Style {
    /// Compact canonical JSON, `signatures` first: what the strict reading takes.
    Strict,
    /// The same meaning in any spelling that JSON allows.
    Free,
}

/// What a client says about a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A trusted role lists it with this digest.
    Found {
        /// The digest in hexadecimal digits.
        sha256: String,
    },
    /// No trusted role lists it.
    NotFound,
    /// The update, or this search, was refused.
    Refused {
        /// The file that was asked for last.
        file: String,
        /// The client's own words.
        why: String,
    },
}

/// What a client says about a state.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// One for each name.
    pub verdicts: Vec<Verdict>,
    /// The roles whose files it trusts at the end, if it says so.
    pub roles: Vec<String>,
}

/// A TUF client with a memory of its own for each case.
pub trait Client {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Updates in every state, and looks for every name.
    fn live(&mut self, case: &Case) -> Vec<Answer>;
}

impl Case {
    /// What was done until a state, one line for each state.
    pub fn story(&self, state: usize) -> String {
        let states = self.states.iter().take(state.saturating_add(1)).enumerate();
        let lines = states.map(|(index, state)| format!("state {index}: {}", state.story.join("; ")));
        format!("{:?}; {}", self.style, lines.collect::<Vec<_>>().join(" | "))
    }

    /// Writes the files of all states into a folder, and says into which.
    pub fn write(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("differential/{}", self.seed));
        for (index, state) in self.states.iter().enumerate() {
            let folder = folder.join(index.to_string());
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            for (name, bytes) in &state.files {
                std::fs::write(folder.join(name), bytes).expect("the file can be written");
            }
        }
        folder
    }
}

impl Verdict {
    /// Whether two verdicts mean the same: the words of a refusal do not count.
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { .. }, Self::Refused { .. }) => true,
            (one, other) => one == other,
        }
    }

    /// Whether both refuse, and at one file.
    pub fn stops_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { file: one, .. }, Self::Refused { file: two, .. }) => one == two,
            _ => true,
        }
    }

    /// The client's words, if it refused.
    pub fn why(&self) -> &str {
        match self {
            Self::Refused { why, .. } => why,
            Self::Found { .. } | Self::NotFound => "",
        }
    }

    /// The name of the role whose file was asked for last, if the client refused.
    pub fn role(&self) -> &str {
        match self {
            Self::Refused { file, .. } => role_of(file),
            Self::Found { .. } | Self::NotFound => "",
        }
    }

    /// Whether the client refused.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { sha256 } => write!(f, "found {}", sha256.get(..8).unwrap_or(sha256)),
            Self::NotFound => f.write_str("not found"),
            Self::Refused { file, why } => write!(f, "refused at {file}: {why}"),
        }
    }
}

/// `targets` of `3.targets.json`.
pub fn role_of(file: &str) -> &str {
    let stem = file.strip_suffix(".json").unwrap_or(file);
    match stem.split_once('.') {
        Some((version, role)) if version.bytes().all(|byte| byte.is_ascii_digit()) => role,
        _ => stem,
    }
}
