//! A board that is on.

use super::trouble::Trouble;
use crate::board::{Board, Emulator, Firmware, factory, settings};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tuffet_board_layout::Settings;
use tuffet_no_std_client::release::Id;

/// Which board.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The repository on this machine, http://IP:PORT.
    #[arg(long)]
    repository: String,
    /// The first root, from a place that is trusted.
    #[arg(long)]
    root: PathBuf,
    /// The product's id.
    #[arg(long, value_parser = id)]
    product: Id,
    /// The hardware's id.
    #[arg(long, value_parser = id)]
    hardware: Id,
    /// The release channel.
    #[arg(long, value_parser = id, default_value = "stable")]
    channel: Id,
}

/// How often to look whether standard input ended.
const TICK: Duration = Duration::from_millis(100);

/// Provisions it, switches it on, and prints its lines, those of the contract and no others.
pub fn command(arguments: &Arguments) -> Result<(), Trouble> {
    let address = arguments.address()?;
    let root = std::fs::read(&arguments.root).map_err(|error| Trouble::storage("read", &arguments.root, error))?;
    let settings = Settings {
        product: arguments.product,
        hardware: arguments.hardware,
        channel: arguments.channel,
        ..settings(address)
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let flash = factory::over_http(&settings, &root, &arguments.repository, now);
    let mut board = Board::new(Firmware::built(), Emulator::An385, &flash);
    let memory = board.memory();
    memory
        .set_clock(Some(now))
        .map_err(|error| Trouble::storage("write", memory.path(), error))?;
    board.power_on(None);
    follow(board)
}

impl Arguments {
    fn address(&self) -> Result<SocketAddr, Trouble> {
        let place = self.repository.strip_prefix("http://");
        let place = place.map(|place| place.trim_end_matches('/'));
        let bad = || Trouble::Address {
            address: self.repository.clone(),
        };
        place.and_then(|place| place.parse().ok()).ok_or_else(bad)
    }
}

/// Prints lines until nobody listens, the board stops, or standard input ends: then the board is dropped, and the emulator with
/// it.
fn follow(mut board: Board) -> Result<(), Trouble> {
    let (sender, input) = channel::<()>();
    std::thread::spawn(move || {
        let mut rest = [0; 64];
        while matches!(io::stdin().read(&mut rest), Ok(1..)) {}
        drop(sender);
    });
    while input.try_recv() != Err(TryRecvError::Disconnected) {
        let Ok(line) = board.listen(TICK) else { break };
        let Some(line) = line else { continue };
        let mut output = io::stdout().lock();
        if writeln!(output, "{line}").and_then(|()| output.flush()).is_err() {
            break;
        }
    }
    Ok(())
}

fn id(text: &str) -> Result<Id, &'static str> {
    Id::parse(text).map_err(|_| "an id is 1 to 24 of a-z, 0-9 and -")
}
