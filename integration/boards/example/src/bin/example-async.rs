//! The smallest application that keeps itself up to date beside other tasks of an executor.
//!
//! It is the same as `example.rs`: what is awaited is the network and the time. Flash is waited for.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

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

/// What an executor does with its only task.
fn main() {
    let mut task = pin!(update_task());
    while task.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
        board::pet();
    }
    board::reset()
}

/// The task. It ends when the device is to be reset.
async fn update_task() {
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MAP);
    let ended = match test_itself(&storage) {
        Ok(()) => keep_up_to_date(storage).await,
        Err(stop) => Err(stop),
    };
    if let Err(stop) = ended {
        board::report(stop.code());
    }
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

/// Asks when it is time to, and ends when a new image waits to be tried.
async fn keep_up_to_date(storage: Part<'_>) -> Result<(), Failed> {
    let Some(device) = device(board::seed()) else {
        return Ok(());
    };
    let mut client: Client<'_, _, _, SmallThumbState, SmallEd25519> =
        Client::new(&device, storage, Settings::DEFAULT, board::now())?;
    let mut buffer = [0; 512];
    let mut http = Http::new(Network, HOST, BASE, &mut buffer);
    loop {
        board::wait_until(client.due_at()).await;
        match client.turn_async(&mut http, board::now(), board::random()).await {
            Ok(Outcome::Installed { .. }) => return Ok(()),
            // Nothing new, or not for this device, or not yet.
            Ok(_) => {}
            // The client asks again, later each time. What the network said, the transport knows.
            Err(Stop::Transport) => board::report(http.failed().map_or(500, HttpError::code)),
            Err(stop) => board::report(stop.code()),
        }
    }
}
