//! `tuffet-server`: serves a repository folder.

mod console;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand, builder::TypedValueParser};
use tokio::signal::unix::{SignalKind, signal};
use tuffet_server::{
    event::Log,
    exit::Exit,
    http::{Limits, Server, StartError},
};

use console::Console;

/// Serves firmware updates from a repository folder.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 refused, 2 wrong usage, 3 file or folder, 4 key or passphrase, 5 network";

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
        Err(error) => {
            eprintln!("error: {error}");
            error.exit().into()
        }
    }
}

fn run(serve: Serve) -> Result<(), StartError> {
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
        let server = Server::bind(&serve.folder, &serve.listen, limits, log).await?;
        server
            .run(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            })
            .await;
        Ok(())
    });
    // Answers that were cut off may still hold a thread in a slow read; nobody waits for it.
    runtime.shutdown_background();
    served
}
