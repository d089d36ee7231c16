//! A repository folder as a value: what is served under which path, and what goes wrong while it is served.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What goes wrong when a path is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The file's bytes, and then zeros without end (the server itself stops after a bound far above every limit).
    EndlessBody,
    /// The first bytes of the file only, announced as if that were all of it.
    Truncated {
        /// How many bytes come.
        bytes: usize,
    },
    /// The whole length is announced, but the connection is reset after some bytes.
    Reset {
        /// How many bytes come before the reset.
        bytes: usize,
    },
    /// The file, and then zeros, announced as if they belonged to it.
    Extended {
        /// How many zeros follow.
        bytes: usize,
    },
    /// A request for a range is answered with 200 and the whole file.
    RangeIgnored,
    /// A request for a range is answered with 206 and the bytes from another offset, said so in `Content-Range`.
    RangeShifted,
    /// A request for a range is answered with 206 and the whole file, called the range that was asked for.
    RangeFalse,
    /// The entity tag is one that never stood for this file.
    WrongTag,
    /// 304, whatever was asked.
    NotModified,
    /// An answer without the file.
    Status {
        /// The HTTP status code.
        code: u16,
        /// The value of `Retry-After`.
        retry_after_s: Option<u32>,
    },
    /// The file comes in small pieces with pauses between them.
    SlowDrip {
        /// The size of a piece.
        bytes: usize,
        /// The pause after each piece, in milliseconds.
        pause_ms: u64,
    },
}

/// Which faults a path has: first these, one a request, then the lasting one.
#[derive(Debug, Clone, Default)]
struct Faults {
    once: VecDeque<Fault>,
    lasting: Option<Fault>,
}

/// The files of a repository, and how they are served.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Shared by all copies, until one of them is changed: some thousand devices reach the same one.
    files: Arc<BTreeMap<String, Vec<u8>>>,
    faults: BTreeMap<String, Faults>,
}

impl Site {
    /// Puts a file in place of whatever stood under this path.
    pub fn put(&mut self, path: &str, bytes: Vec<u8>) {
        Arc::make_mut(&mut self.files).insert(path.to_owned(), bytes);
    }

    /// Takes a file away.
    ///
    /// # Panics
    ///
    /// When there is no such file: a fault that changes nothing is a mistake in a test.
    pub fn remove(&mut self, path: &str) {
        assert!(
            Arc::make_mut(&mut self.files).remove(path).is_some(),
            "{path} is not served, so it cannot be taken away"
        );
    }

    /// The bytes under a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Changes the bytes under a path.
    ///
    /// # Panics
    ///
    /// When there is no such file, or the edit leaves it as it was.
    pub fn edit(&mut self, path: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let Some(bytes) = Arc::make_mut(&mut self.files).get_mut(path) else {
            panic!("{path} is not served, so it cannot be edited");
        };
        let before = bytes.clone();
        edit(bytes);
        assert_ne!(*bytes, before, "the edit of {path} changes nothing");
    }

    /// All paths that are served.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Lets every answer for a path go wrong.
    pub fn fault(&mut self, path: &str, fault: Fault) {
        self.faults.entry(path.to_owned()).or_default().lasting = Some(fault);
    }

    /// Lets one more answer for a path go wrong, before its lasting fault or none.
    pub fn fault_once(&mut self, path: &str, fault: Fault) {
        self.faults.entry(path.to_owned()).or_default().once.push_back(fault);
    }

    /// Serves everything well again.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Whether anything is served badly.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// What goes wrong with the answer to the request that is being served now.
    pub fn next_fault(&mut self, path: &str) -> Option<Fault> {
        let faults = self.faults.get_mut(path)?;
        faults.once.pop_front().or(faults.lasting)
    }
}

/// The name of a target file without the hash in front of it.
#[must_use]
pub fn target_name(path: &str) -> Option<&str> {
    let (hash, name) = path.strip_prefix("targets/")?.split_once('.')?;
    (hash.len() == 64).then_some(name)
}

/// A path without what differs from run to run: `2.root`, `timestamp`, `lamp_c3_stable.release`.
#[must_use]
pub fn label(path: &str) -> &str {
    match path
        .strip_prefix("metadata/")
        .and_then(|file| file.strip_suffix(".json"))
    {
        Some(metadata) => metadata,
        None => target_name(path).unwrap_or(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_the_lasting_one_stays() {
        let mut site = Site::default();
        site.fault_once("a", Fault::NotModified);
        site.fault("a", Fault::WrongTag);
        let faults: Vec<_> = (0..3).map(|_| site.next_fault("a")).collect();
        assert_eq!(
            faults,
            [Some(Fault::NotModified), Some(Fault::WrongTag), Some(Fault::WrongTag)]
        );
        assert_eq!(site.next_fault("b"), None);
    }

    #[test]
    fn labels_do_not_depend_on_digests() {
        assert_eq!(label("metadata/2.root.json"), "2.root");
        assert_eq!(
            label(&format!("targets/{}.lamp.release", "0".repeat(64))),
            "lamp.release"
        );
        assert_eq!(label("elsewhere"), "elsewhere");
    }

    #[test]
    #[should_panic(expected = "changes nothing")]
    fn an_edit_without_effect_is_a_mistake() {
        let mut site = Site::default();
        site.put("a", vec![1]);
        site.edit("a", |bytes| bytes.truncate(1));
    }
}
