//! The smallest application that keeps itself up to date, and waits for its network.
//!
//! Everything that it needs of RAM is on its stack or in the variables below: there is no heap.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;

use tuffet_example::board::{self, Flash, Network};
use tuffet_example::{MAP, device};
use tuffet_no_std_client::boot::State;
use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::http::{Http, HttpError};
use tuffet_no_std_client::patch::SmallThumbState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::{Client, Outcome, Settings, Stop};

tuffet_sizes::start_with!(main);

/// Where the repository is: `http://updates.example/lamp/`.
const HOST: &str = "updates.example";
const BASE: &str = "/lamp/";

type Failed = Stop<Infallible>;
type Part<'f> = Storage<'f, Flash, Xip>;

fn main() {
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MAP);
    let ended = test_itself(&storage).and_then(|()| keep_up_to_date(storage));
    if let Err(stop) = ended {
        board::report(stop.code());
    }
    board::reset()
}

/// On trial: the verdict of the self test goes into the boot record. Whoever does not get here is reverted by the bootloader.
fn test_itself(storage: &Part<'_>) -> Result<(), Failed> {
    let mut records = storage.boot_records()?;
    if !matches!(records.state(), State::Trial { .. }) {
        return Ok(());
    }
    if board::is_healthy() {
        records.confirm()?;
        return Ok(());
    }
    records.fail()?;
    board::reset()
}

/// Asks when it is time to, and resets when a new image waits to be tried.
fn keep_up_to_date(storage: Part<'_>) -> Result<(), Failed> {
    let Some(device) = device(board::seed()) else {
        return Ok(());
    };
    let mut client: Client<'_, _, _, SmallThumbState, SmallEd25519> =
        Client::new(&device, storage, Settings::DEFAULT, board::now())?;
    let mut buffer = [0; 512];
    let mut http = Http::new(Network, HOST, BASE, &mut buffer);
    loop {
        board::sleep_until(client.due_at());
        match client.turn(&mut http, board::now(), board::random()) {
            Ok(Outcome::Installed { .. }) => return Ok(()),
            // Nothing new, or not for this device, or not yet.
            Ok(_) => {}
            // The client asks again, later each time. What the network said, the transport knows.
            Err(Stop::Transport) => board::report(http.failed().map_or(500, HttpError::code)),
            Err(stop) => board::report(stop.code()),
        }
    }
}
