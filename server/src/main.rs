//! `tuffet-server`: serves a repository folder.

mod console;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, Subcommand, builder::TypedValueParser};
use tokio::signal::unix::{SignalKind, signal};
use tuffet_keys_tool::{Ask, PassphraseSource};
use tuffet_server::{
    error::Error,
    event::Log,
    exit::Exit,
    http::{Limits, Server, StartError},
    online::OnlineKeys,
    repository::{Published, Repository},
    resign::keep_fresh,
};

use console::Console;

/// Serves firmware updates from a repository folder.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 file or folder, 4 key or passphrase, 5 network, 6 no repository";

/// How long a signing that has begun may delay the end, at most.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Subcommand)]
enum Command {
    /// Serve a repository folder over HTTP, read-only, until SIGINT or SIGTERM.
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// The repository: a folder with `metadata` and `targets`.
    folder: PathBuf,
    /// Address and port; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    listen: String,
    /// Connections at the same time.
    #[arg(long, default_value_t = Limits::default().connections_max, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..).map(usize::from))]
    connections_max: usize,
    /// Folder with the keys of snapshot and timestamp, and no offline key: both are signed again before they expire.
    #[arg(long, value_name = "FOLDER")]
    online_keys: Option<PathBuf>,
    /// File with the passphrase of these keys; else TUFFET_PASSPHRASE, else asked for.
    #[arg(long, value_name = "FILE", requires = "online_keys")]
    passphrase_file: Option<PathBuf>,
    /// How often to look whether something has to be signed again, in seconds.
    #[arg(long, default_value_t = 600, value_name = "SECONDS", requires = "online_keys",
          value_parser = clap::value_parser!(u64).range(1..))]
    resign_interval: u64,
    /// Print a line for each request (never an address).
    #[arg(long)]
    log_requests: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Command::Serve(serve) = Arguments::parse().command;
    match run(serve) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit().into()
        }
    }
}

/// Why the server did not run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Keys(#[from] Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Start(error) => error.exit(),
            Self::Keys(error) => error.exit(),
        }
    }
}

fn run(serve: Serve) -> Result<(), Failure> {
    let limits = Limits {
        connections_max: serve.connections_max,
        ..Limits::default()
    };
    let log: Arc<dyn Log> = Arc::new(Console::new(serve.json, serve.log_requests));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(64)
        .build()
        .map_err(StartError::Runtime)?;
    let served = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Runtime)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Runtime)?;
        let server = Server::bind(&serve.folder, &serve.listen, limits, Arc::clone(&log)).await?;
        let keys = online_keys(&serve)?;
        let (stop, stopped) = tokio::sync::watch::channel(());
        let fresh = keys.map(|(repository, keys)| {
            let interval = Duration::from_secs(serve.resign_interval);
            tokio::spawn(keep_fresh(repository, Arc::new(keys), interval, log, until(stopped)))
        });
        server
            .run(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            })
            .await;
        drop(stop);
        if let Some(fresh) = fresh {
            // A signing that waits for a long publication is not worth waiting for: it never leaves anything half done.
            let _ = tokio::time::timeout(STOP_PATIENCE, fresh).await;
        }
        Ok(())
    });
    // Answers that were cut off may still hold a thread in a slow read; nobody waits for it.
    runtime.shutdown_background();
    served
}

/// Opens the online keys, if the server shall have them, and sees that they are the right ones while somebody is watching.
fn online_keys(serve: &Serve) -> Result<Option<(Repository, OnlineKeys)>, Error> {
    let Some(folder) = &serve.online_keys else {
        return Ok(None);
    };
    let repository = Repository::open(&serve.folder)?;
    let published = Published::load(&repository)?;
    let passphrase = PassphraseSource::choose(serve.passphrase_file.clone()).read(Ask::ToOpen(folder))?;
    let keys = OnlineKeys::load_for_server(folder, &passphrase)?;
    keys.check(&published.root.role)?;
    Ok(Some((repository, keys)))
}

/// Ready when the sender is gone.
async fn until(mut stopped: tokio::sync::watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}
