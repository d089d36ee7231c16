//! `cargo xtask delta`: patches outside of releases, to measure and to look at.
//!
//! - `encode` proves each patch with the decoder of the devices before it writes it.
//! - `apply` authenticates a patch against `--head`, as a release pins it. Without it the chain inside the file is still
//!   followed, and the tool says that nobody vouches for it.
//! - What fails leaves no output file behind, and what stood there as it was: the output is written under another name and
//!   renamed. An output that cannot be written is found before the work is done.

mod files;

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tuffet_server::delta::{
    self, ApplyError, Architecture, Chain, Codec, Digest, Effort, EncodeError, FilesError, IMAGE_BYTES_MAX, Layout,
    Options, Pinned, Profile, Refusal, Step, hex,
};

use crate::delta::files::Destination;
use crate::failure::{Blame, Failure};
use crate::memory;
use crate::vendor::Output;

/// More than the patch of the longest image ever has.
const PATCH_BYTES_MAX: usize = 2 * IMAGE_BYTES_MAX;

/// Images from which on it takes a while.
const LONG_BYTES: usize = 8 << 20;

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
    /// The instructions in both images: aarch64, riscv, thumb, x86_64, xtensa, xtensa-be or unknown. If it is not said, it is found out.
    #[arg(long, value_parser = delta::architecture)]
    arch: Option<Architecture>,
    /// How a patch of the large profile is coded: mixing is mostly shorter for one program; bulk is for images of many programs, and
    /// quick. If it is not said, both are tried from 1 to 32 MiB and the shorter patch is kept; shorter images are coded by mixing, and
    /// longer ones in bulk.
    #[arg(long, value_parser = codec)]
    codec: Option<Codec>,
    /// Look for the shortest patch, as for a release: a few percent less, and it takes several times as long.
    #[arg(long)]
    search: bool,
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
    if arguments.codec == Some(Codec::Bulk) && arguments.profile != Profile::Large {
        let text = format!(
            "no device of the profile {} has room for the codec bulk; say --profile large, or take the codec mixing",
            arguments.profile
        );
        return Err(Failure::new(Blame::Usage, text));
    }
    let started = Instant::now();
    let (old, new) = (read_image(&arguments.old)?, read_image(&arguments.new)?);
    if new.is_empty() {
        let text = format!(
            "{} is empty, and no device boots that; was it built?",
            arguments.new.display()
        );
        return Err(Failure::refused(text));
    }
    let destination = Destination::new(&arguments.patch, &[&arguments.old, &arguments.new])?;
    if old == new {
        eprintln!("note: both images are the same; a device that has it needs no patch");
    }
    let bytes = old.len().max(new.len());
    let proving = OnceLock::new();
    let options = Options {
        architecture: arguments.arch,
        codec: arguments.codec,
        effort: match arguments.search {
            true => Effort::Search,
            false => Effort::Quick,
        },
        ..Options::of(arguments.profile)
    };
    let watch = |step| {
        if step == Step::Proving {
            proving.get_or_init(Instant::now);
        }
        // What is quick needs no words.
        if started.elapsed() > Duration::from_secs(2) || bytes > LONG_BYTES {
            eprintln!("{:.1} s: {step}", started.elapsed().as_secs_f64());
        }
    };
    let encoded = delta::encode_watched(image(&old), &new, &options, &watch).map_err(not_made)?;
    let proof_seconds = proving.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
    destination.write(&encoded.bytes)?;
    let seconds = started.elapsed().as_secs_f64();
    let packed = delta::packed(&new).filter(|packed| !old.is_empty() && packed.explains(encoded.bytes.len()));
    if let Some(packed) = packed {
        eprintln!("note: {packed}");
    }
    if arguments.search && encoded.header.codec == Codec::Bulk {
        eprintln!("note: in bulk a patch is made in one way, so --search changed nothing");
    }
    let head = head_text(&encoded.pinned);
    let text = format!(
        "{} bytes for an image of {} bytes{}, in {seconds:.2} s; {}\n--head {head}",
        encoded.bytes.len(),
        new.len(),
        if old.is_empty() { " from nothing" } else { "" },
        layout_text(&encoded.header.layout),
    );
    let result = json!({
        "bytes": encoded.bytes.len(), "old_bytes": old.len(), "new_bytes": new.len(), "seconds": seconds,
        "proof_seconds": proof_seconds,
        "profile": arguments.profile.to_string(), "codec": encoded.header.codec.to_string(), "arch": encoded.header.layout.architecture.to_string(), "head": head,
        "peak_memory_bytes": memory::peak_bytes(), "packed_bytes": packed.map(|packed| packed.bytes),
    });
    arguments.output.print(&text, result);
    Ok(())
}

fn apply(arguments: &Apply) -> Result<(), Failure> {
    let started = Instant::now();
    let old = open(&arguments.old, IMAGE_BYTES_MAX, image_too_long)?;
    let patch = open(&arguments.patch, PATCH_BYTES_MAX, patch_too_long)?;
    let destination = Destination::new(&arguments.out, &[&arguments.old, &arguments.patch])?;
    let pinned = match arguments.head {
        Some(pinned) => pinned,
        None => {
            eprintln!("nothing was authenticated: without --head the patch vouches for itself");
            own_pin(&arguments.patch, &patch)?
        }
    };
    let out = destination.begin()?;
    let applied = delta::apply_files(old.image(), &patch.file, out.as_file(), pinned);
    let applied = applied.map_err(|error| not_applied(arguments, &old, &patch, error))?;
    destination.keep(out)?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = applied.header.result.length;
    let text = format!("{bytes} bytes in {seconds:.2} s");
    let result = json!({
        "bytes": bytes, "seconds": seconds, "authenticated": arguments.head.is_some(),
        "peak_memory_bytes": memory::peak_bytes(), "decoder_state_bytes": applied.state_bytes,
    });
    arguments.output.print(&text, result);
    Ok(())
}

fn not_made(error: EncodeError) -> Failure {
    let blame = match error {
        EncodeError::Options(_) => Blame::Usage,
        EncodeError::NotProven(_) | EncodeError::TooLong { .. } | _ => Blame::Refused,
    };
    Failure::new(blame, format!("no patch was made: {error}"))
}

/// An input that is read by position, and how long it is.
struct Opened {
    file: File,
    bytes: u64,
}

impl Opened {
    /// As coders take it: an empty image is none.
    fn image(&self) -> Option<&File> {
        (self.bytes > 0).then_some(&self.file)
    }

    /// SHA-256 of all of it.
    fn digest(&self) -> io::Result<Digest> {
        (&self.file).rewind()?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 1 << 16];
        loop {
            let count = (&self.file).read(&mut piece)?;
            if count == 0 {
                return Ok(hash.finalize().into());
            }
            hash.update(&piece[..count]);
        }
    }

    /// The first bytes, at most so many.
    fn start(&self, bytes_max: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&self.file).rewind()?;
        (&self.file).take(u64::from(bytes_max)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Opens a file of at most `bytes_max` bytes; `too_long` says in words what a longer one is.
fn open(path: &Path, bytes_max: usize, too_long: fn(u64) -> String) -> Result<Opened, Failure> {
    let (file, about) = files::open(path, bytes_max, too_long)?;
    let kind = about.file_type();
    // A character device is /dev/null; others cannot be told from it.
    if !kind.is_file() && !kind.is_char_device() {
        let text = format!(
            "cannot read {}: it is no file, and is read here and there; write it into one",
            path.display()
        );
        return Err(Failure::new(Blame::Storage, text));
    }
    let bytes = about.len();
    Ok(Opened { file, bytes })
}

/// How a patch pins itself.
fn own_pin(path: &Path, patch: &Opened) -> Result<Pinned, Failure> {
    let start = patch.start(delta::BLOCK_BYTES_MAX);
    let start = start.map_err(|error| Failure::file("cannot read", path, &error))?;
    let pinned = delta::unauthenticated(&start).map_err(|refusal| not_a_patch(path, refusal))?;
    Ok(Pinned {
        // Below the limit for patches.
        length: u32::try_from(patch.bytes).unwrap_or(u32::MAX),
        ..pinned
    })
}

/// Why a patch was not applied. Which image it starts from is the one thing that a decoder's error does not carry.
fn not_applied(arguments: &Apply, old: &Opened, patch: &Opened, error: FilesError) -> Failure {
    let (patch_path, old_path) = (arguments.patch.display(), arguments.old.display());
    let error = match error {
        FilesError::Apply(error) => error,
        FilesError::Old(error) => return Failure::file("cannot read", &arguments.old, &error),
        FilesError::Patch(error) => return Failure::file("cannot read", &arguments.patch, &error),
        FilesError::New(error) => return Failure::file("cannot write", &arguments.out, &error),
    };
    let ApplyError::Refused(Refusal::WrongSource) = error else {
        return Failure::refused(format!("{patch_path}: {error}"));
    };
    let start = patch.start(delta::BLOCK_BYTES_MAX).unwrap_or_default();
    let source = match delta::info(&start) {
        Ok(info) => info.header.source,
        Err(refusal) => return not_a_patch(&arguments.patch, refusal),
    };
    if source.length == 0 {
        return Failure::refused(format!(
            "{patch_path} makes its image from nothing, and {old_path} is one; give /dev/null as the old image"
        ));
    }
    let found = match old.digest() {
        Err(error) => return Failure::file("cannot read", &arguments.old, &error),
        Ok(_) if old.bytes == 0 => "it is empty".to_owned(),
        Ok(digest) => format!("{} ({} bytes)", hex::Hex(&digest), old.bytes),
    };
    Failure::refused(format!(
        "{patch_path} starts from another image than {old_path}; find the one with this SHA-256, or make a patch from yours\n\
         named by the patch: {} ({} bytes)\n\
         {old_path}: {found}",
        hex::Hex(&source.digest),
        source.length,
    ))
}

fn not_a_patch(path: &Path, refusal: Refusal) -> Failure {
    Failure::refused(format!("{} is not a patch: {refusal}", path.display()))
}

fn info(arguments: &Info) -> Result<(), Failure> {
    let patch = read_patch(&arguments.patch)?;
    let info = delta::info(&patch).map_err(|refusal| not_a_patch(&arguments.patch, refusal))?;
    let header = &info.header;
    let text = format!(
        "{} bytes: profile {}, codec {}, {} of at most {} bytes, {}\n{}\nfrom {} bytes {}\nto   {} bytes {}\nstate {} bytes, checkpoint record {} bytes",
        patch.len(),
        header.profile,
        header.codec,
        counted(info.blocks as usize, "block"),
        header.block_bytes,
        counted(info.checkpoints.len(), "checkpoint"),
        layout_text(&header.layout),
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

fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

fn described(info: &delta::Info, patch_bytes: usize) -> Value {
    let header = &info.header;
    json!({
        "bytes": patch_bytes,
        "profile": header.profile.to_string(),
        "codec": header.codec.to_string(),
        "block_bytes": header.block_bytes,
        "blocks": info.blocks,
        "checkpoints": info.checkpoints,
        "arch": header.layout.architecture.to_string(),
        "bases": header.layout.bases.map(|bases| {
            // Where each part of an image begins, and at what address.
            [bases.old, bases.new].map(|ranges| {
                let fields = ranges.known().iter().map(|range| [range.start, range.address()]);
                fields.collect::<Vec<_>>()
            })
        }),
        "state_bytes": info.state_bytes,
        "snapshot_bytes": info.snapshot_bytes,
        "source": { "length": header.source.length, "digest": hex::Hex(&header.source.digest).to_string() },
        "result": { "length": header.result.length, "digest": hex::Hex(&header.result.digest).to_string() },
    })
}

/// How addresses in the images are followed.
fn layout_text(layout: &Layout) -> String {
    match layout.bases {
        None => format!("instructions {}", layout.architecture),
        Some(bases) => {
            let [old, new] = [bases.old, bases.new].map(|ranges| {
                let texts = ranges.known().iter().map(|range| match range.start {
                    0 => format!("{:#x}", range.address()),
                    start => format!("{:#x} at {start:#x}", range.address()),
                });
                texts.collect::<Vec<_>>().join(", ")
            });
            format!("instructions {}, from {old} to {new}", layout.architecture)
        }
    }
}

fn head_text(pinned: &Pinned) -> String {
    format!("{}:{}:{}", hex::Hex(&pinned.head), pinned.block_bytes, pinned.length)
}

fn pinned(text: &str) -> Result<Pinned, String> {
    let mut parts = text.split(':');
    let (Some(head), Some(block_bytes), Some(length), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("a head is DIGEST:BLOCK:LENGTH, as `delta encode` prints it".to_owned());
    };
    let number = |text: &str, what| {
        let not_one = |_| format!("the {what} of a head is a number of bytes");
        text.parse::<u32>().map_err(not_one)
    };
    let pinned = Pinned {
        head: hex::decode(head).ok_or("the digest of a head has 64 lowercase hexadecimal digits")?,
        block_bytes: number(block_bytes, "block")?,
        length: number(length, "length")?,
    };
    Chain::new(pinned).map_err(|refusal| refusal.to_string())?;
    Ok(pinned)
}

fn profile(text: &str) -> Result<Profile, &'static str> {
    let known = Profile::ALL.into_iter().find(|profile| profile.to_string() == text);
    known.ok_or("a profile is small, standard or large")
}

fn codec(text: &str) -> Result<Codec, &'static str> {
    let known = Codec::ALL.into_iter().find(|codec| codec.to_string() == text);
    known.ok_or("a codec is mixing or bulk")
}

/// An image, as coders take it: an empty one is none.
fn image(bytes: &[u8]) -> Option<&[u8]> {
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

fn image_too_long(bytes: u64) -> String {
    format!("{bytes} bytes, and patches are made for images of at most {IMAGE_BYTES_MAX}")
}

fn patch_too_long(bytes: u64) -> String {
    format!("{bytes} bytes, and no patch has more than {PATCH_BYTES_MAX}")
}

fn read_image(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, IMAGE_BYTES_MAX, image_too_long)
}

fn read_patch(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, PATCH_BYTES_MAX, patch_too_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_printed() {
        let head = Pinned {
            head: [7; 32],
            block_bytes: 1024,
            length: 1,
        };
        assert_eq!(pinned(&head_text(&head)), Ok(head));
        let digest = "a".repeat(64);
        let cases = [
            (String::new(), "DIGEST:BLOCK:LENGTH"),
            (format!("{digest}:1024"), "DIGEST:BLOCK:LENGTH"),
            (format!("{digest}:1024:1:"), "DIGEST:BLOCK:LENGTH"),
            ("00:1024:2".to_owned(), "digest"),
            (format!("{digest}:x:2"), "the block"),
            (format!("{digest}:1024:-1"), "the length"),
            (format!("{digest}:1000:1"), "a block of 1000 bytes"),
            (format!("{digest}:1024:0"), "0 bytes"),
        ];
        for (wrong, part) in cases {
            let text = pinned(&wrong).unwrap_err();
            assert!(text.contains(part), "{wrong}: {text}");
        }
    }
}
