//! One patch: made, measured, applied, measured, and compared with the image.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::pairs::size;
use crate::bench::measure::{Cost, Ended, Gauge};
use crate::failure::Failure;

/// Characters of what a program said that a reason repeats.
const QUOTED_CHARS_MAX: usize = 160;

/// What makes a patch, and what applies it.
#[derive(Clone, Debug)]
pub struct Job {
    /// The command line that writes the patch.
    pub encode: Vec<OsString>,
    /// The command line that writes the image again.
    pub apply: Vec<OsString>,
}

/// The files of a job.
#[derive(Clone, Debug)]
pub struct Files {
    /// The image that is there; /dev/null for none.
    pub old: PathBuf,
    /// The image that must come out.
    pub new: PathBuf,
    /// The patch.
    pub patch: PathBuf,
    /// What comes out.
    pub out: PathBuf,
}

/// A patch that leads to its image.
#[derive(Clone, PartialEq, Debug)]
pub struct Done {
    /// Its length.
    pub bytes: u64,
    /// What it took to make it.
    pub encode: Cost,
    /// Seconds of that in which it was proven, when the program does that and says so.
    pub proof_seconds: f64,
    /// What it took to apply it.
    pub apply: Cost,
    /// The decoder's state, when the program says it.
    pub state_bytes: Option<u64>,
    /// The instructions in the images, when the program says it.
    pub architecture: Option<String>,
}

/// What takes less than this is made several times: other work of the machine makes it longer, and never shorter.
const SHORT_SECONDS: f64 = 1.0;
/// So many times; the quickest counts.
const RUNS: u32 = 3;

/// Why there is no patch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A program said no, or fell over.
    Failed {
        /// What it was to do.
        doing: &'static str,
        /// The end of what it said.
        said: String,
    },
    /// The images are larger than those that are tried.
    Large {
        /// Those that are.
        bytes_max: u64,
    },
    /// There is no such mode for these images.
    NoMode {
        /// What is missing.
        what: &'static str,
    },
    /// It took too long.
    Slow {
        /// What it was to do.
        doing: &'static str,
        /// The time that it had.
        limit: Duration,
    },
    /// What came out is another image.
    WrongResult,
}

/// A patch, or why there is none.
pub type Outcome = Result<Done, Reason>;

impl Job {
    /// Does both halves, each in at most this time.
    pub fn run(&self, gauge: &Gauge, files: &Files, limit: Duration) -> Result<Outcome, Failure> {
        // Usually there is none from the job before.
        let _ = std::fs::remove_file(&files.out);
        let encode = || {
            let _ = std::fs::remove_file(&files.patch);
            gauge
                .run(&self.encode, limit)
                .map(|ended| succeeded(ended, "encode", limit))
        };
        let mut encoded = match encode()? {
            Ok(said) => said,
            Err(reason) => return Ok(Err(reason)),
        };
        if encoded.cost.seconds < SHORT_SECONDS {
            for _ in 1..RUNS {
                match encode()? {
                    Ok(said) if said.cost.seconds < encoded.cost.seconds => encoded = said,
                    Ok(_) => {}
                    Err(reason) => return Ok(Err(reason)),
                }
            }
        }
        let applied = match succeeded(gauge.run(&self.apply, limit)?, "apply", limit) {
            Ok(said) => said,
            Err(reason) => return Ok(Err(reason)),
        };
        if !are_same(&files.out, &files.new)? {
            return Ok(Err(Reason::WrongResult));
        }
        Ok(Ok(Done {
            bytes: size(&files.patch)?,
            proof_seconds: encoded.object["proof_seconds"].as_f64().unwrap_or(0.0),
            encode: encoded.cost,
            apply: applied.cost,
            state_bytes: applied.object["decoder_state_bytes"].as_u64(),
            architecture: encoded.object["arch"].as_str().map(str::to_owned),
        }))
    }
}

/// What a program took, and its last line, if that is an object.
struct Said {
    cost: Cost,
    object: Value,
}

fn succeeded(ended: Ended, doing: &'static str, limit: Duration) -> Result<Said, Reason> {
    if ended.is_timed_out {
        return Err(Reason::Slow { doing, limit });
    }
    let last = ended.said.lines().rfind(|line| !line.trim().is_empty());
    let last = last.unwrap_or_default().trim();
    let object: Value = serde_json::from_str(last).unwrap_or_default();
    match ended.code {
        Some(0) => Ok(Said {
            cost: of_the_job(ended.cost, &object),
            object,
        }),
        Some(_) => {
            let said = object["error"].as_str().unwrap_or(last);
            let said = said.chars().take(QUOTED_CHARS_MAX).collect();
            Err(Reason::Failed { doing, said })
        }
        None => Err(Reason::Failed {
            doing,
            said: "ended by a signal".to_owned(),
        }),
    }
}

/// A script says how long its work took without the start of its interpreter, and ours without the start of the process.
fn of_the_job(cost: Cost, object: &Value) -> Cost {
    let of_job = object["job_seconds"].as_f64().or(object["seconds"].as_f64());
    Cost {
        seconds: of_job.unwrap_or(cost.seconds),
        cpu_seconds: object["job_cpu_seconds"].as_f64().unwrap_or(cost.cpu_seconds),
        ..cost
    }
}

/// Compares two files; one that is not there is another one.
fn are_same(one: &Path, other: &Path) -> Result<bool, Failure> {
    let not_read = |error| Failure::file("cannot read", one, &error);
    if !one.is_file() || size(one)? != size(other)? {
        return Ok(false);
    }
    let open = |path| File::open(path).map(BufReader::new).map_err(not_read);
    let mut others = open(other)?.bytes();
    for byte in open(one)?.bytes() {
        let other = others.next().transpose().map_err(not_read)?;
        if Some(byte.map_err(not_read)?) != other {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Reason {
    /// In a cell of a table.
    pub fn in_short(&self) -> &'static str {
        match self {
            Reason::Failed { .. } => "failed",
            Reason::Large { .. } => "skipped",
            Reason::NoMode { .. } => "none",
            Reason::Slow { .. } => "too slow",
            Reason::WrongResult => "wrong",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Failed { doing, said } => write!(f, "{doing} failed: {said}"),
            Reason::Large { bytes_max } => write!(f, "an image of it has more than {bytes_max} bytes"),
            Reason::NoMode { what } => f.write_str(what),
            Reason::Slow { doing, limit } => write!(f, "{doing} took more than {} s", limit.as_secs()),
            Reason::WrongResult => f.write_str("what came out is another image"),
        }
    }
}

/// An outcome as JSON.
pub fn in_json(outcome: &Outcome) -> Value {
    match outcome {
        Ok(done) => json!({
            "bytes": done.bytes, "encode": done.encode, "apply": done.apply, "decoder_state_bytes": done.state_bytes,
            "arch": done.architecture,
        }),
        Err(reason) => json!({ "skipped": reason.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: Option<i32>, is_timed_out: bool, said: &str) -> Ended {
        let cost = Cost {
            seconds: 2.0,
            cpu_seconds: 3.0,
            peak_memory_bytes: 4096,
        };
        Ended {
            cost,
            code,
            is_timed_out,
            said: said.to_owned(),
        }
    }

    fn reason(ended: Ended) -> String {
        succeeded(ended, "encode", Duration::from_secs(5))
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn who_says_its_seconds_is_held_to_them_and_memory_is_the_process() {
        let said = "a warning\n{\"job_seconds\":0.5,\"job_cpu_seconds\":0.25}\n\n";
        let done = succeeded(ended(Some(0), false, said), "encode", Duration::ZERO)
            .ok()
            .unwrap();
        assert_eq!((done.cost.seconds, done.cost.cpu_seconds), (0.5, 0.25));
        assert_eq!(done.cost.peak_memory_bytes, 4096);
        let done = succeeded(ended(Some(0), false, "{\"seconds\":0.5}"), "encode", Duration::ZERO);
        let cost = done.ok().unwrap().cost;
        assert_eq!((cost.seconds, cost.cpu_seconds), (0.5, 3.0));
        let done = succeeded(ended(Some(0), false, "no object"), "encode", Duration::ZERO);
        assert_eq!(done.ok().unwrap().cost.seconds, 2.0);
    }

    #[test]
    fn reason_is_the_last_thing_that_was_said() {
        let refused = "error: no\n{\"ok\":false,\"error\":\"an image is too long\"}\n";
        assert_eq!(
            reason(ended(Some(1), false, refused)),
            "encode failed: an image is too long"
        );
        assert_eq!(
            reason(ended(Some(1), false, "Traceback\nMemoryError\n")),
            "encode failed: MemoryError"
        );
        assert_eq!(reason(ended(None, false, "")), "encode failed: ended by a signal");
        assert_eq!(reason(ended(None, true, "")), "encode took more than 5 s");
        let long = "x".repeat(1_000);
        assert!(reason(ended(Some(1), false, &long)).len() < 200);
    }

    #[test]
    fn only_the_very_image_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            folder.path().join(name)
        };
        let image = file("image", b"image");
        assert!(are_same(&file("copy", b"image"), &image).unwrap());
        for (name, other) in [("edited", &b"imagE"[..]), ("cut", b"imag"), ("longer", b"image!")] {
            assert!(!are_same(&file(name, other), &image).unwrap(), "{name}");
        }
        assert!(!are_same(&folder.path().join("absent"), &image).unwrap());
    }
}
