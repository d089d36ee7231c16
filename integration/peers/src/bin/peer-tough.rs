//! `tough`, with the transport that it brings along.
//!
//! Its HTTP transport sleeps before every request, the first try included; `TOUGH_INITIAL_BACKOFF_MS` says how long instead of
//! its default of 100.

use std::process::ExitCode;
use std::time::Duration;
use tough::{HttpTransportBuilder, Prefix, RepositoryLoader, TargetName};
use tuffet_peers::Failed;
use tuffet_peers::arguments::{Job, Place, run};
use url::Url;

fn main() -> ExitCode {
    run(|job| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(update(job))
    })
}

async fn update(job: &Job) -> Result<(), Failed> {
    let root = std::fs::read(&job.root)?;
    let loader = RepositoryLoader::new(&root, url(&job.metadata)?, url(&job.targets)?).datastore(job.kept());
    let loader = match (&job.metadata, std::env::var("TOUGH_INITIAL_BACKOFF_MS")) {
        (Place::Url(_), Ok(ms)) => {
            let backoff = Duration::from_millis(ms.parse()?);
            loader.transport(HttpTransportBuilder::new().initial_backoff(backoff).build())
        }
        (_, _) => loader,
    };
    let repository = loader.load().await?;
    let name = TargetName::new(&job.target)?;
    repository.save_target(&name, &job.out, Prefix::None).await?;
    std::fs::rename(job.out.join(&job.target), job.target_file())?;
    Ok(())
}

fn url(place: &Place) -> Result<Url, Failed> {
    match place {
        Place::Folder(folder) => Url::from_directory_path(folder).map_err(|()| "the folder has to be absolute".into()),
        Place::Url(url) => Ok(url.parse()?),
    }
}
