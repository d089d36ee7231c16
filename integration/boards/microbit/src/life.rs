//! From the start to the next reset.

use core::cell::RefCell;
use embedded_storage::nor_flash::ReadNorFlash as _;
use tuffet_board_layout::image::{Behaviour, Block};
use tuffet_board_layout::microbit::{MAP, SETTINGS};
use tuffet_board_layout::{BadSettings, Settings};
use tuffet_no_std_client::boot::State;
use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::link::{BUFFER_BYTES, Link};
use tuffet_no_std_client::patch::SmallThumbState;
use tuffet_no_std_client::poll::Schedule;
use tuffet_no_std_client::transport::{Ask, Opened, Transport as _};
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, DeviceClock, Outcome};
use tuffet_nrf51::serial::Uart;
use tuffet_nrf51::start::{own_address, restart, wait_for_reset};
use tuffet_nrf51::{Clock, Line, Nvmc, Port, Stack, random, report, reset_reason, watchdog};

/// The longest timestamp of a repository, in bytes.
const TIMESTAMP_BYTES_MAX: u32 = 1_024;
/// Seconds between two tries of the self test to reach the repository.
const SELF_TEST_PAUSE_S: u32 = 1;

type Gateway<'b> = Link<'b, Port>;
type Updater<'c> = Client<'c, Nvmc, Xip, SmallThumbState, SmallEd25519>;

/// Runs the application.
pub fn run(block: &Block) -> ! {
    let stack = Stack::paint();
    let [a, _] = MAP.slots.addresses();
    Line::of("app")
        .with("version", block.version())
        .with("slot", if own_address() == a { "A" } else { "B" })
        .with_address("reset", reset_reason());
    if block.behaviour() == Behaviour::Hangs {
        wait_for_reset()
    }
    let clock = Clock::start();
    let flash = RefCell::new(Nvmc::new());
    let settings = match settings(&mut flash.borrow_mut()) {
        Ok(settings) => settings,
        Err(fault) => give_up(&flash, clock, Line::of("settings").with("fault", fault.name())),
    };
    if block.behaviour() == Behaviour::FindsNoNetwork {
        give_up(&flash, clock, Line::of("network").with("fault", "NoChip"));
    }
    let mut buffer = [0; BUFFER_BYTES];
    let mut gateway = Link::new(Port::open(clock), &mut buffer, random::number() as u16);
    // Only an image that can update itself is worth a confirmation.
    pass_trial(&flash, &mut gateway, clock, block.behaviour(), settings.self_test_s);
    poll(&settings, &flash, &mut gateway, clock, &stack)
}

/// Reads the settings page.
#[inline(never)]
fn settings(flash: &mut Nvmc) -> Result<Settings, BadSettings> {
    let mut page = [0; Settings::BYTES];
    flash.read(SETTINGS.start, &mut page).map_err(|_| BadSettings::Magic)?;
    Settings::decode(&page)
}

/// There is nothing to do. An image on trial that comes to this is not to be kept: it resets, and its boots are counted. For
/// another one a reset would not help.
fn give_up(flash: &RefCell<Nvmc>, clock: Clock, said: Line) -> ! {
    drop(said);
    let state = Storage::new(flash, &MAP).boot_records().map(|records| records.state());
    if matches!(state, Ok(State::Trial { .. }) | Err(_)) {
        restart()
    }
    loop {
        rest(clock);
    }
}

/// Sleeps for a second at most, and says that the program is alive.
fn rest(clock: Clock) {
    watchdog::pet();
    clock.sleep();
}

/// On trial: tests itself, and lets the boot record know. Resets if the verdict is bad, or cannot be found.
#[inline(never)]
fn pass_trial(flash: &RefCell<Nvmc>, gateway: &mut Gateway<'_>, clock: Clock, behaviour: Behaviour, patience_s: u32) {
    let storage = Storage::new(flash, &MAP);
    let Ok(mut records) = storage.boot_records() else {
        // The bootloader says what is wrong with it.
        restart()
    };
    if !matches!(records.state(), State::Trial { .. }) {
        return;
    }
    if behaviour == Behaviour::FailsSelfTest {
        if records.fail().is_ok() {
            Line::of("failed");
        }
        restart()
    }
    // Nobody knows whose fault it is if it does not. The boot is counted.
    if !reaches_repository(gateway, clock, patience_s) || records.confirm().is_err() {
        restart()
    }
    Line::of("confirmed");
}

/// Whether the repository answers within so many seconds. A gateway that is away for a while must not cost a good image its trial.
fn reaches_repository(gateway: &mut Gateway<'_>, clock: Clock, patience_s: u32) -> bool {
    let ask = Ask {
        path: "metadata/timestamp.json",
        offset: 0,
        bytes_max: TIMESTAMP_BYTES_MAX,
        unless: None,
    };
    loop {
        if let Ok(Opened::Present { .. }) = gateway.open(&ask) {
            return true;
        }
        if clock.seconds() >= patience_s {
            return false;
        }
        let until = clock.seconds() + SELF_TEST_PAUSE_S;
        while clock.seconds() < until {
            rest(clock);
        }
    }
}

/// Updates itself for ever.
#[inline(never)]
fn poll(settings: &Settings, flash: &RefCell<Nvmc>, gateway: &mut Gateway<'_>, clock: Clock, stack: &Stack) -> ! {
    let device = settings.device_over(&MAP);
    let rules = client::Settings {
        trial_attempts: settings.trial_attempts,
        schedule: Schedule {
            interval_s: settings.interval_s,
            backoff_first_s: settings.backoff_s,
            ..Schedule::DEFAULT
        },
        // The part counts from its start, and nobody tells it what time it is.
        clock: DeviceClock::Uptime,
    };
    let Ok(mut client) = Updater::new(&device, Storage::new(flash, &MAP), rules, now(clock)) else {
        give_up(flash, clock, Line::of("settings").with("fault", "Misuse"));
    };
    loop {
        while now(clock) < client.due_at() {
            rest(clock);
        }
        let began_us = clock.microseconds();
        let outcome = client.turn(gateway, now(clock), random::number());
        report::memory::<Uart>(stack);
        Line::of("time").with_number("took_us", clock.microseconds().wrapping_sub(began_us));
        report::update::<Uart, _>(&outcome);
        if matches!(outcome, Ok(Outcome::Installed { .. })) {
            restart()
        }
    }
}

/// Seconds since the start.
fn now(clock: Clock) -> UnixSeconds {
    UnixSeconds::new(clock.seconds().into())
}
