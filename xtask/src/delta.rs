//! `cargo xtask delta`: patches outside of releases, to measure and to look at.
//!
//! - `encode` proves each patch with the decoder of the devices before it writes it.
//! - `apply` authenticates a patch against `--head`, as a release pins it. Without it the chain inside the file is still
//!   followed, and the tool says that nobody vouches for it.
//! - What fails leaves no output file behind: the output is written under another name and renamed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use serde_json::{Value, json};
use tuffet_server::delta::{self, Pinned, Profile, hex};

use crate::failure::{Blame, Failure};
use crate::vendor::Output;

/// Make a patch, apply one, or say what one holds.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the patch from one image to another.
    Encode(Encode),
    /// Make an image from another one and a patch.
    Apply(Apply),
    /// Say what a patch says about itself.
    Info(Info),
}

#[derive(Debug, clap::Args)]
struct Encode {
    /// The image that the device runs; /dev/null for a patch from nothing.
    old: PathBuf,
    /// The image that must come out.
    new: PathBuf,
    /// The patch to write.
    patch: PathBuf,
    /// What the device's decoder takes: small (8 KiB of state), standard (32 KiB) or large.
    #[arg(long, default_value = "standard", value_parser = profile)]
    profile: Profile,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Apply {
    /// The image that the patch starts from; /dev/null for a patch from nothing.
    old: PathBuf,
    /// The patch.
    patch: PathBuf,
    /// The image to write.
    out: PathBuf,
    /// How a release pins the patch; `delta encode` prints it.
    #[arg(long, value_name = "DIGEST:BLOCK:LENGTH", value_parser = pinned)]
    head: Option<Pinned>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Info {
    /// The patch.
    patch: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs one of the commands.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Encode(arguments) => encode(arguments),
        Command::Apply(arguments) => apply(arguments),
        Command::Info(arguments) => info(arguments),
    }
}

fn encode(arguments: &Encode) -> Result<(), Failure> {
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let started = Instant::now();
    let encoded = delta::encode(
        Some(&old).filter(|old| !old.is_empty()).map(Vec::as_slice),
        &new,
        arguments.profile,
    );
    let encoded = encoded.map_err(|error| Failure::refused(format!("no patch was made: {error:?}")))?;
    let seconds = started.elapsed().as_secs_f64();
    write_whole(&arguments.patch, &encoded.bytes)?;
    let head = head_text(&encoded.pinned);
    let text = format!(
        "{} bytes for an image of {} bytes, in {seconds:.2} s\n--head {head}",
        encoded.bytes.len(),
        new.len()
    );
    let result = json!({
        "bytes": encoded.bytes.len(), "old_bytes": old.len(), "new_bytes": new.len(), "seconds": seconds,
        "profile": profile_name(arguments.profile), "head": head,
    });
    arguments.output.print(&text, result);
    Ok(())
}

fn apply(arguments: &Apply) -> Result<(), Failure> {
    let (old, patch) = (read(&arguments.old)?, read(&arguments.patch)?);
    let refused = |what: String| Failure::refused(format!("{}: {what}", arguments.patch.display()));
    let pinned = match arguments.head {
        Some(pinned) => pinned,
        None => {
            eprintln!("nothing was authenticated: without --head the patch vouches for itself");
            delta::unauthenticated(&patch).map_err(|refusal| refused(format!("not a patch: {refusal:?}")))?
        }
    };
    let started = Instant::now();
    let new = delta::apply(
        Some(&old).filter(|old| !old.is_empty()).map(Vec::as_slice),
        &patch,
        pinned,
    );
    let new = new.map_err(|error| {
        refused(format!(
            "{error:?}; is {} the image it starts from?",
            arguments.old.display()
        ))
    })?;
    let seconds = started.elapsed().as_secs_f64();
    write_whole(&arguments.out, &new)?;
    let text = format!("{} bytes in {seconds:.2} s", new.len());
    let result = json!({ "bytes": new.len(), "seconds": seconds, "authenticated": arguments.head.is_some() });
    arguments.output.print(&text, result);
    Ok(())
}

fn info(arguments: &Info) -> Result<(), Failure> {
    let patch = read(&arguments.patch)?;
    let info = delta::info(&patch)
        .map_err(|refusal| Failure::refused(format!("{} is not a patch: {refusal:?}", arguments.patch.display())))?;
    let header = &info.header;
    let text = format!(
        "profile {}, {} blocks of {} bytes, {} checkpoints\nfrom {} bytes {}\nto   {} bytes {}\nstate {} bytes, checkpoint record {} bytes",
        profile_name(header.profile),
        info.blocks,
        header.block_bytes,
        info.checkpoints.len(),
        header.source.length,
        hex::Hex(&header.source.digest),
        header.result.length,
        hex::Hex(&header.result.digest),
        info.state_bytes,
        info.snapshot_bytes
    );
    arguments.output.print(&text, described(&info, patch.len()));
    Ok(())
}

fn described(info: &delta::Info, patch_bytes: usize) -> Value {
    let header = &info.header;
    json!({
        "bytes": patch_bytes,
        "profile": profile_name(header.profile),
        "block_bytes": header.block_bytes,
        "blocks": info.blocks,
        "checkpoints": info.checkpoints,
        "state_bytes": info.state_bytes,
        "snapshot_bytes": info.snapshot_bytes,
        "source": { "length": header.source.length, "digest": hex::Hex(&header.source.digest).to_string() },
        "result": { "length": header.result.length, "digest": hex::Hex(&header.result.digest).to_string() },
    })
}

fn head_text(pinned: &Pinned) -> String {
    format!("{}:{}:{}", hex::Hex(&pinned.head), pinned.block_bytes, pinned.length)
}

fn pinned(text: &str) -> Result<Pinned, &'static str> {
    let mut parts = text.split(':');
    let (Some(head), Some(block_bytes), Some(length), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a head is DIGEST:BLOCK:LENGTH");
    };
    Ok(Pinned {
        head: hex::decode(head).ok_or("the digest of a head has 64 lowercase hexadecimal digits")?,
        block_bytes: block_bytes
            .parse()
            .map_err(|_| "the block of a head is a number of bytes")?,
        length: length
            .parse()
            .map_err(|_| "the length of a head is a number of bytes")?,
    })
}

fn profile(text: &str) -> Result<Profile, &'static str> {
    let known = Profile::ALL.into_iter().find(|profile| profile_name(*profile) == text);
    known.ok_or("a profile is small, standard or large")
}

const fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Small => "small",
        Profile::Standard => "standard",
        Profile::Large => "large",
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))
}

/// The whole file or none: it takes its name only when all of it is on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let not_written =
        |error: std::io::Error| Failure::new(Blame::Storage, format!("cannot write {}: {error}", path.display()));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(not_written)?;
    std::io::Write::write_all(&mut file, bytes).map_err(not_written)?;
    file.as_file().sync_all().map_err(not_written)?;
    file.persist(path).map_err(|error| not_written(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with two images, and the patch between them.
    fn scene() -> (tempfile::TempDir, Pinned) {
        let folder = tempfile::tempdir().unwrap();
        let old: Vec<u8> = (0..20_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut new = old.clone();
        new.splice(9_000..9_100, [1; 300]);
        std::fs::write(folder.path().join("old"), &old).unwrap();
        std::fs::write(folder.path().join("new"), &new).unwrap();
        let encoded = delta::encode(Some(&old), &new, Profile::Small).unwrap();
        std::fs::write(folder.path().join("patch"), &encoded.bytes).unwrap();
        (folder, encoded.pinned)
    }

    fn apply_in(folder: &Path, old: &str, patch: &str, head: Option<Pinned>) -> Result<(), Failure> {
        let output = Output::quiet();
        let (old, patch, out) = (folder.join(old), folder.join(patch), folder.join("out"));
        apply(&Apply {
            old,
            patch,
            out,
            head,
            output,
        })
    }

    #[test]
    fn a_head_is_read_as_it_is_printed() {
        let (_folder, head) = scene();
        assert_eq!(pinned(&head_text(&head)), Ok(head));
        for wrong in [
            "",
            "00:1:2",
            &format!("{}:x:2", "a".repeat(64)),
            &format!("{}:1", "a".repeat(64)),
        ] {
            assert!(pinned(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_patch_leads_to_the_image_with_and_without_a_head() {
        let (folder, head) = scene();
        for head in [Some(head), None] {
            apply_in(folder.path(), "old", "patch", head).unwrap();
            let out = std::fs::read(folder.path().join("out")).unwrap();
            assert_eq!(out, std::fs::read(folder.path().join("new")).unwrap());
        }
    }

    #[test]
    fn a_wrong_image_a_cut_patch_and_another_head_leave_no_output() {
        let (folder, head) = scene();
        let path = folder.path();
        let mut patch = std::fs::read(path.join("patch")).unwrap();
        std::fs::write(path.join("cut"), &patch[..patch.len() / 2]).unwrap();
        if let Some(byte) = patch.last_mut() {
            *byte ^= 1;
        }
        std::fs::write(path.join("edited"), &patch).unwrap();
        let other_head = Pinned { head: [7; 32], ..head };
        for (old, patch, head) in [
            ("new", "patch", Some(head)),
            ("new", "patch", None),
            ("old", "cut", Some(head)),
            ("old", "cut", None),
            ("old", "edited", Some(head)),
            ("old", "patch", Some(other_head)),
            ("old", "old", None),
            ("missing", "patch", Some(head)),
            ("old", "missing", Some(head)),
        ] {
            assert!(apply_in(path, old, patch, head).is_err(), "{old} {patch}");
            let names: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(names.len(), 5, "{old} {patch}: {names:?}");
        }
    }
}
