//! Taking files out of the archives that packages are.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::corpus::NoPair;
use crate::failure::{Blame, Failure};
use crate::process::Tool;

/// More than any file of the corpus holds; what unpacks to more is not a pair.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The first two bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Unpacks a gzipped tar whose files stand in one folder, without that folder.
pub fn untar(tar: &Path, into: &Path) -> Result<(), NoPair> {
    let tool = Tool::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(tar)
        .arg("--directory")
        .arg(into);
    tool.args(["--gzip", "--strip-components=1", "--no-same-owner"])
        .read()?;
    Ok(())
}

/// Unpacks a zip.
pub fn unzip(path: &Path, into: &Path) -> Result<(), NoPair> {
    let mut zip = open_zip(path)?;
    Ok(zip.extract(into).map_err(|error| bad_archive(path, &error))?)
}

/// Takes one file out of a zip.
pub fn take_from_zip(path: &Path, member: &str, to: &Path) -> Result<(), NoPair> {
    let mut zip = open_zip(path)?;
    let entry = zip.by_name(member).map_err(|_| NoPair::Absent {
        file: PathBuf::from(member),
    })?;
    copy_out(entry, path, to)
}

/// Copies a file, unpacked when it is gzipped.
pub fn gunzip(path: &Path, to: &Path) -> Result<(), NoPair> {
    let open = || File::open(path).map_err(|error| Failure::file("cannot read", path, &error));
    let mut magic = [0; 2];
    open()?
        .read_exact(&mut magic)
        .map_err(|error| Failure::file("cannot read", path, &error))?;
    let file = open()?;
    if magic == GZIP {
        copy_out(flate2::read::MultiGzDecoder::new(file), path, to)
    } else {
        copy_out(file, path, to)
    }
}

fn open_zip(path: &Path) -> Result<zip::ZipArchive<File>, NoPair> {
    let file = File::open(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    Ok(zip::ZipArchive::new(file).map_err(|error| bad_archive(path, &error))?)
}

fn copy_out(from: impl Read, path: &Path, to: &Path) -> Result<(), NoPair> {
    let mut file = File::create(to).map_err(|error| Failure::file("cannot write", to, &error))?;
    std::io::copy(&mut from.take(FILE_BYTES_MAX), &mut file).map_err(|error| bad_archive(path, &error))?;
    Ok(())
}

fn bad_archive(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::new(Blame::Storage, format!("cannot unpack {}: {error}", path.display()))
}
