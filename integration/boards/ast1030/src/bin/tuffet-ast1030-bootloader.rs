//! The bootloader: it brings the image that the boot record names to where images run, and starts it there if it is whole.
#![no_std]
#![no_main]

use tuffet_ast1030::{Internal, flash, leave};
use tuffet_board_layout::ast1030::MAP;
use tuffet_emulated::host;
use tuffet_no_std_client::boot::Why;
use tuffet_no_std_client::bootloader::choose_slot;
use tuffet_no_std_client::flash::Storage;

// SAFETY: no other item of the program has this name, and the library declares it with this type.
#[unsafe(no_mangle)]
fn program() -> ! {
    let Some(flash) = Internal::load().and_then(flash) else {
        host::print(format_args!("tuffet recovery why=flash"));
        host::exit(false)
    };
    match choose_slot(&Storage::new(&flash, &MAP), &mut || ()) {
        Ok(Ok(run)) => {
            host::print(format_args!(
                "tuffet boot slot={:?} why={}",
                run.placed.slot,
                name(run.why)
            ));
            let [address, _] = MAP.slots.addresses();
            leave(address);
            host::print(format_args!("tuffet recovery why=vectors"));
        }
        Ok(Err(why)) => host::print(format_args!("tuffet recovery why={why:?}")),
        Err(stop) => host::print(format_args!("tuffet recovery why={}", stop.name())),
    }
    // There is no line over which an image could come.
    host::exit(false)
}

const fn name(why: Why) -> &'static str {
    match why {
        Why::Confirmed => "confirmed",
        Why::FellBack => "fell-back",
        Why::Reverted { .. } => "reverted",
        Why::Trial { .. } => "trial",
    }
}
