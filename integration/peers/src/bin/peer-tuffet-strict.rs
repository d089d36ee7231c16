//! Tuffet's strict verifier with as little around it as it needs: std, one connection, no async.

use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tuffet_peers::Failed;
use tuffet_peers::arguments::{Job, Place, run};
use tuffet_peers::cycle::resolve;
use tuffet_peers::http::Connection;
use tuffet_tuf::{FileName, VerifiedTarget};
use tuffet_wire::hex::Hex;

/// Bytes of the target that are in memory at once.
const BLOCK_BYTES: usize = 16 * 1024;

fn main() -> ExitCode {
    run(|job| {
        let root = std::fs::read(&job.root)?;
        std::fs::write(job.kept().join("1.root.json"), &root)?;
        match (&job.metadata, &job.targets) {
            (Place::Folder(metadata), Place::Folder(targets)) => {
                from_files(job, &root, metadata.clone(), targets.clone())
            }
            (Place::Url(metadata), Place::Url(targets)) => from_server(job, &root, metadata, targets),
            (_, _) => Err("metadata and targets have to be of one kind".into()),
        }
    })
}

fn from_files(job: &Job, root: &[u8], metadata: PathBuf, targets: PathBuf) -> Result<(), Failed> {
    let fetch = |name: &FileName, bytes_max: u32| match File::open(metadata.join(name.to_string())) {
        Ok(file) => whole(file, bytes_max).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    };
    let target = verified(job, root, fetch)?;
    receive(job, &target, &mut File::open(targets.join(served_name(&target)))?)
}

fn from_server(job: &Job, root: &[u8], metadata: &str, targets: &str) -> Result<(), Failed> {
    let mut server = Connection::to(metadata)?;
    let folder = server.path_on_it(metadata).ok_or("not an address of a folder")?;
    let fetch = |name: &FileName, bytes_max: u32| match server.get(&format!("{folder}{name}"))? {
        Some(body) => whole(body.bytes, bytes_max).map(Some),
        None => Ok(None),
    };
    let target = verified(job, root, fetch)?;
    let folder = server.path_on_it(targets).ok_or("the targets are on another server")?;
    let body = server.get(&format!("{folder}{}", served_name(&target)))?;
    receive(job, &target, &mut body.ok_or("the target is not there")?.bytes)
}

/// Refreshes and resolves; what a client has to store is stored before the next request.
fn verified(
    job: &Job,
    root: &[u8],
    mut fetch: impl FnMut(&FileName, u32) -> Result<Option<Vec<u8>>, Failed>,
) -> Result<VerifiedTarget, Failed> {
    let kept = job.kept();
    resolve(
        root,
        &job.target,
        |wanted| Ok(fetch(&wanted.file, wanted.bytes_max)?.map(InMemory)),
        |name, file: &mut InMemory| Ok(std::fs::write(kept.join(name.to_string()), &file.0)?),
    )
}

/// The name under which a consistent repository serves a target.
fn served_name(target: &VerifiedTarget) -> String {
    format!("{}.{}", Hex(target.digest()), target.name())
}

/// Never more than the limit.
fn whole(from: impl Read, bytes_max: u32) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    from.take(u64::from(bytes_max) + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > u64::from(bytes_max) {
        return Err("longer than the limit".into());
    }
    Ok(bytes)
}

/// Writes the target while it is hashed; it gets its name when it is the verified one.
fn receive(job: &Job, target: &VerifiedTarget, from: &mut dyn Read) -> Result<(), Failed> {
    let (part, mut hash, mut left) = (job.out.join("part"), Sha256::new(), target.length());
    let mut file = File::create(&part)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let count = from.read(&mut block)?;
        let read = block.get(..count).unwrap_or_default();
        left = left.checked_sub(count as u64).ok_or("the target is too long")?;
        if count == 0 {
            break;
        }
        hash.update(read);
        file.write_all(read)?;
    }
    if left > 0 || hash.finalize()[..] != target.digest()[..] {
        return Err("the target is another file".into());
    }
    std::fs::rename(part, job.target_file())?;
    Ok(())
}

/// A file as it was fetched.
struct InMemory(Vec<u8>);

impl tuffet_wire::Document for InMemory {
    type Error = std::convert::Infallible;

    fn length(&self) -> u32 {
        self.0.as_slice().length()
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error> {
        Ok(self.0.get(offset as usize..).unwrap_or_default())
    }
}
