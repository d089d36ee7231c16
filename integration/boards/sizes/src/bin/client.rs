//! A whole client: what an application links to keep itself up to date, over one flash and one network.
//!
//! It is the driver of small devices as a device calls it; the flash driver, the network and the clock are the device's, and
//! cost only the calls.
#![no_std]
#![no_main]

use core::cell::RefCell;
use core::convert::Infallible;
use core::hint::black_box;

use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::patch::SmallThumbState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Device, Outcome, Settings, Stop};
use tuffet_sizes::{Flash, MAP, Network};

tuffet_sizes::start_with!(run);

type Stopped = Stop<Infallible>;

fn run() {
    black_box(serve().is_ok());
}

fn serve() -> Result<(), Stopped> {
    // How the application comes to what it says of its device is its own.
    let Some(device) = black_box(None::<&Device>) else {
        return Ok(());
    };
    let flash = RefCell::new(Flash);
    let storage = Storage::new(&flash, &MAP);
    try_out(&storage)?;

    let now = || UnixSeconds::new(black_box(0));
    let mut client: Client<'_, _, _, SmallThumbState, SmallEd25519> =
        Client::new(device, storage, Settings::DEFAULT, now())?;
    loop {
        black_box(client.due_at());
        if let Ok(Outcome::Installed { .. }) = client.turn(&mut Network, now(), black_box(0)) {
            return Ok(());
        }
    }
}

/// An image on trial judges itself.
fn try_out(storage: &Storage<'_, Flash, Xip>) -> Result<(), Stopped> {
    let mut records = storage.boot_records()?;
    if black_box(true) {
        records.confirm()?;
    } else {
        records.fail()?;
    }
    Ok(())
}
