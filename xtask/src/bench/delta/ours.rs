//! Our own patches, made and applied by our own commands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tuffet_server::delta::{Effort, MIXING_BYTES_MAX, Profile};

use super::job::{Files, Job, Outcome, Reason};
use crate::bench::measure::Gauge;
use crate::failure::Failure;
use crate::process::Tool;
use crate::workspace;

/// How long a cold build in release may take on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);

/// How long one of our patches may take. A release is built once, and nobody waits at a screen for it.
const LIMIT: Duration = Duration::from_secs(1_800);

/// Microcontrollers have no larger images: above this size only `large` is tried.
const SMALL_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Builds this workspace's commands in release: debug builds say nothing about seconds.
pub fn build() -> Result<PathBuf, Failure> {
    let root = workspace::root()?;
    eprintln!("… cargo build --release: some minutes, the first time");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tool = Tool::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "tuffet-xtask"])
        .folder(&root)
        .limit(BUILD_LIMIT);
    if tool.show()? {
        Ok(workspace::target_dir(&root).join("release/tuffet-xtask"))
    } else {
        Err(Failure::refused("our commands do not build in release; see above"))
    }
}

/// Makes and applies the patch of one profile; `files.old` is /dev/null for one from nothing.
pub fn measure(
    gauge: &Gauge,
    files: &Files,
    (profile, effort): (Profile, Effort),
    image_bytes: u64,
) -> Result<Outcome, Failure> {
    if let Some(reason) = skipped(profile, effort, image_bytes) {
        return Ok(Err(reason));
    }
    let Files { old, new, patch, out } = files;
    let command = |action: &str, files: [&Path; 3], options: &[&str]| {
        let words = ["delta", action].into_iter().map(OsString::from);
        let command = std::iter::once(gauge.program.clone().into_os_string()).chain(words);
        let command = command.chain(files.into_iter().map(OsString::from));
        command.chain(options.iter().map(OsString::from)).collect()
    };
    let profile = profile.to_string();
    let options = ["--profile", &profile, "--json"];
    let search: &[&str] = match effort {
        Effort::Quick => &[],
        Effort::Search => &["--search"],
    };
    let job = Job {
        encode: command("encode", [old, new, patch], &[&options, search].concat()),
        apply: command("apply", [old, patch, out], &["--json"]),
    };
    job.run(gauge, files, LIMIT)
}

/// Why a profile is not tried on images of this size, or not with this effort.
fn skipped(profile: Profile, effort: Effort, image_bytes: u64) -> Option<Reason> {
    let is_for_any_size = profile == Profile::Large;
    if !is_for_any_size && image_bytes > SMALL_BYTES_MAX {
        return Some(Reason::Large {
            bytes_max: SMALL_BYTES_MAX,
        });
    }
    let is_bulk = image_bytes > MIXING_BYTES_MAX as u64;
    (is_bulk && effort == Effort::Search).then_some(Reason::NoMode {
        what: "what is coded in bulk is made in one way",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_image_is_tried_with_large_only() {
        let quick = |profile, bytes| skipped(profile, Effort::Quick, bytes);
        assert_eq!(quick(Profile::Small, SMALL_BYTES_MAX), None);
        assert_eq!(quick(Profile::Large, SMALL_BYTES_MAX + 1), None);
        let mixing = MIXING_BYTES_MAX as u64;
        assert_eq!(skipped(Profile::Large, Effort::Search, mixing), None);
        assert!(skipped(Profile::Large, Effort::Search, mixing + 1).is_some());
        for profile in [Profile::Small, Profile::Standard] {
            let reason = quick(profile, SMALL_BYTES_MAX + 1).unwrap();
            assert!(reason.to_string().contains("more than 16777216 bytes"), "{reason}");
        }
    }
}
