//! `sigstore-tuf`, with the HTTP client and the offline repository that it brings along.

use sigstore_tuf::cache::{FileStore, MetadataStore, StoreRepository};
use sigstore_tuf::client::{HttpRepository, Updater};
use std::path::PathBuf;
use std::process::ExitCode;
use tuffet_peers::Failed;
use tuffet_peers::arguments::{Job, Place, run};

fn main() -> ExitCode {
    run(|job| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(update(job))
    })
}

async fn update(job: &Job) -> Result<(), Failed> {
    let root = std::fs::read(&job.root)?;
    let updater = match (&job.metadata, &job.targets) {
        (Place::Url(metadata), Place::Url(targets)) => {
            Updater::new(HttpRepository::new(metadata)?.with_targets_base(targets)?, &root)?
        }
        (Place::Folder(metadata), Place::Folder(targets)) => {
            let (metadata, targets) = (metadata.clone(), targets.clone());
            Updater::new(StoreRepository::new(Folders { metadata, targets }), &root)?
        }
        (_, _) => return Err("metadata and targets have to be of one kind".into()),
    };
    let mut updater = updater.with_store(FileStore::new(job.kept()));
    let now = jiff::Timestamp::now();
    updater.refresh(now).await?;
    let target = updater.get_target(&job.target, now).await?;
    std::fs::write(job.target_file(), target)?;
    Ok(())
}

/// Its store is one folder with the targets inside; ours are two.
struct Folders {
    metadata: PathBuf,
    targets: PathBuf,
}

impl MetadataStore for Folders {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let path = match name.strip_prefix("targets/") {
            Some(target) => self.targets.join(target),
            None => self.metadata.join(name),
        };
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(sigstore_tuf::Error::transport_with_source("reading a file", error)),
        }
    }

    fn store(&self, _name: &str, _bytes: &[u8]) -> sigstore_tuf::Result<()> {
        Err(sigstore_tuf::Error::transport("nothing is written to a repository"))
    }
}
