//! The application: it confirms itself, asks the repository once, and resets if there is something to try.
#![no_std]
#![no_main]

use core::cell::RefCell;

use tuffet_ast1030::{Flash, Folder, Internal, flash, restart};
use tuffet_board_layout::ast1030::{MAP, NOW, device};
use tuffet_board_layout::image::Block;
use tuffet_emulated::host;
use tuffet_no_std_client::boot::State;
use tuffet_no_std_client::flash::{Storage, Swap};
use tuffet_no_std_client::patch::SmallThumbState;
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Outcome, Settings};

/// Where the host finds it, right behind the vectors.
// SAFETY: the section that the linker puts there; nothing else of the program is in it.
#[unsafe(link_section = ".image")]
#[used]
static BLOCK: Block = Block::linked();

// SAFETY: no other item of the program has this name, and the library declares it with this type.
#[unsafe(no_mangle)]
fn program() -> ! {
    // The compiler may not know what it was linked as.
    host::print(format_args!(
        "tuffet app version={}",
        core::hint::black_box(&BLOCK).version()
    ));
    let Some(flash) = Internal::open().and_then(flash) else {
        host::exit(false)
    };
    if confirm(&flash).is_none() {
        restart()
    }
    if update(&flash) {
        restart()
    }
    host::exit(true)
}

/// On trial: it runs and reaches its flash, which is all that it is for.
fn confirm(flash: &RefCell<Flash>) -> Option<()> {
    let mut records = Storage::new(flash, &MAP).boot_records().ok()?;
    if matches!(records.state(), State::Trial { .. }) {
        records.confirm().ok()?;
        host::print(format_args!("tuffet confirmed"));
    }
    Some(())
}

/// One cycle; whether a new image waits to be tried.
fn update(flash: &RefCell<Flash>) -> bool {
    let now = UnixSeconds::new(NOW);
    let device = device();
    let storage = Storage::new(flash, &MAP);
    let client = Client::<'_, _, Swap, SmallThumbState, SmallEd25519>::new(&device, storage, Settings::DEFAULT, now);
    let outcome = client.map_err(|failure| failure.name()).and_then(|mut client| {
        let updated = client.update(&mut Folder::default(), now);
        updated.map_err(|stop| stop.name())
    });
    match outcome {
        Ok(Outcome::Installed { way, fell_back, .. }) => {
            let fell_back = fell_back.map_or("no", |fell_back| fell_back.fault.name());
            host::print(format_args!(
                "tuffet update outcome=installed way={way:?} fell_back={fell_back}"
            ));
            true
        }
        Ok(Outcome::UpToDate) => {
            host::print(format_args!("tuffet update outcome=up-to-date"));
            false
        }
        Ok(Outcome::Refused(refusal)) => {
            host::print(format_args!("tuffet update outcome=refused name={}", refusal.name()));
            false
        }
        Ok(_) => {
            host::print(format_args!("tuffet update outcome=other"));
            false
        }
        Err(name) => {
            host::print(format_args!("tuffet update error={name}"));
            false
        }
    }
}
