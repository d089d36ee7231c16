//! From the start to the next reset.

use crate::network::{Buffers, Network};
use crate::stream::Stream;
use crate::{identity, report};
use core::cell::RefCell;
use tuffet_board_layout::Settings;
use tuffet_board_layout::control::SelfTest;
use tuffet_board_layout::flash::Mapped;
use tuffet_board_layout::image::Behaviour;
use tuffet_mps2::start::{restart, wait_for_reset};
use tuffet_mps2::{Clock, Control, Line, Nor, Stack, image_block, watchdog};
use tuffet_no_std_client::boot::State;
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::http::Http;
use tuffet_no_std_client::patch::SmallThumbState;
use tuffet_no_std_client::transport::{Ask, Opened, Transport};
use tuffet_no_std_client::tuf::SmallEd25519;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, DeviceClock, Outcome};

/// What the server is called in requests: it has no name, and is known by its address.
const HOST: &str = "board";
/// Where on the server the repository is.
const BASE: &str = "/";
/// Bytes of requests and answers' heads that are held at once.
const HTTP_BYTES: usize = 512;
/// The longest timestamp of a repository, in bytes.
const TIMESTAMP_BYTES_MAX: u32 = 1_024;
/// Seconds between two tries of the self test to reach the repository.
const SELF_TEST_PAUSE_S: u64 = 1;

type Web<'b> = Http<'b, Stream<'b>>;
type Updater<'c, S> = Client<'c, Nor, S, SmallThumbState, SmallEd25519>;

/// Runs the application, on a board with slots of this strategy.
pub fn run<S: Mapped>() -> ! {
    let stack = Stack::paint();
    let block = image_block!();
    report::started::<S>(block.version());
    if block.behaviour() == Behaviour::Hangs {
        wait_for_reset()
    }
    let control = Control::find();
    let clock = Clock::start(control);
    let flash = RefCell::new(Nor::new(control));
    let settings = match identity::settings(&mut flash.borrow_mut()) {
        Ok(settings) => settings,
        Err(fault) => give_up::<S>(&flash, Line::of("settings").with("fault", fault.name())),
    };
    let mut buffers = Buffers::new();
    let network = match block.behaviour() {
        Behaviour::FindsNoNetwork => None,
        Behaviour::Good | Behaviour::Hangs | Behaviour::FailsSelfTest => {
            Network::start(&clock, &mut buffers, seed(&settings, &clock))
        }
    };
    let Some(network) = network else {
        give_up::<S>(&flash, Line::of("network").with("fault", "NoChip"));
    };
    let mut buffer = [0; HTTP_BYTES];
    let mut web = Http::new(Stream::new(network, &settings), HOST, BASE, &mut buffer);
    let device = settings.device::<S>();
    let policy = match clock.seconds() {
        Some(_) => DeviceClock::Trusted,
        None => DeviceClock::Uptime,
    };
    let rules = identity::client_settings(&settings, policy);
    let Ok(client) = Updater::<S>::new(&device, Storage::new(&flash, S::MAP), rules, now(&clock)) else {
        give_up::<S>(&flash, Line::of("settings").with("fault", "Misuse"));
    };
    // Only an image that can update itself is worth a confirmation.
    let verdict = verdict(control, block.behaviour());
    pass_trial::<S>(&flash, &mut web, &clock, verdict, settings.self_test_s);
    poll(client, &flash, &mut web, &clock, control, &stack)
}

/// There is nothing to do. An image on trial that comes to this is not to be kept: it resets, and its boots are counted. For
/// another one a reset would not help.
fn give_up<S: Mapped>(flash: &RefCell<Nor>, said: Line) -> ! {
    drop(said);
    let state = Storage::new(flash, S::MAP)
        .boot_records()
        .map(|records| records.state());
    if matches!(state, Ok(State::Trial { .. }) | Err(_)) {
        restart()
    }
    loop {
        watchdog::pet();
    }
}

/// What the self test says.
enum Verdict {
    Failed,
    /// It is not over.
    Pending,
    Passed,
    /// It passed if the repository answers.
    PassedInReach,
}

fn verdict(control: Control, behaviour: Behaviour) -> Verdict {
    match (control.self_test(), behaviour) {
        (SelfTest::Failed, _) | (SelfTest::OfImage, Behaviour::FailsSelfTest) => Verdict::Failed,
        (SelfTest::Passed, _) => Verdict::Passed,
        (SelfTest::Pending, _) => Verdict::Pending,
        (SelfTest::OfImage, _) => Verdict::PassedInReach,
    }
}

/// On trial: tests itself, and lets the boot record know. Resets if the verdict is bad, or cannot be found.
#[inline(never)]
fn pass_trial<S: Mapped>(flash: &RefCell<Nor>, web: &mut Web<'_>, clock: &Clock, verdict: Verdict, patience_s: u32) {
    let storage = Storage::new(flash, S::MAP);
    let Ok(mut records) = storage.boot_records() else {
        // The bootloader says what is wrong with it.
        restart()
    };
    if !matches!(records.state(), State::Trial { .. }) {
        return;
    }
    match verdict {
        Verdict::Failed => {
            if records.fail().is_ok() {
                Line::of("failed");
            }
            restart()
        }
        Verdict::Pending => return,
        Verdict::PassedInReach if !reaches_repository(web, clock, patience_s) => {
            // Nobody knows whose fault it is. The boot is counted.
            restart()
        }
        Verdict::Passed | Verdict::PassedInReach => {}
    }
    if records.confirm().is_err() {
        restart()
    }
    Line::of("confirmed");
}

/// Whether the repository answers within so many seconds. A server that is away for a while must not cost a good image its trial.
fn reaches_repository(web: &mut Web<'_>, clock: &Clock, patience_s: u32) -> bool {
    let ask = Ask {
        path: "metadata/timestamp.json",
        offset: 0,
        bytes_max: TIMESTAMP_BYTES_MAX,
        unless: None,
    };
    let ends_us = clock.uptime_us() + u64::from(patience_s) * 1_000_000;
    loop {
        if let Ok(Opened::Present { .. }) = web.open(&ask) {
            return true;
        }
        if clock.uptime_us() >= ends_us {
            return false;
        }
        let until = clock.uptime_us() + SELF_TEST_PAUSE_S * 1_000_000;
        while clock.uptime_us() < until {
            watchdog::pet();
        }
    }
}

/// Updates itself for ever.
#[inline(never)]
fn poll<S: Mapped>(
    mut client: Updater<'_, S>,
    flash: &RefCell<Nor>,
    web: &mut Web<'_>,
    clock: &Clock,
    control: Control,
    stack: &Stack,
) -> ! {
    for cycle in 0.. {
        wait_until_due(control, cycle, clock, client.due_at());
        let (began_us, waited_us) = (clock.uptime_us(), web.stream().waited_us());
        let outcome = match control.cycles() {
            Some(_) => client.update(web, now(clock)),
            None => client.turn(web, now(clock), random(clock)),
        };
        let took_us = clock.uptime_us() - began_us;
        report::cost(&flash.borrow(), stack);
        report::time(took_us, web.stream().waited_us() - waited_us);
        report::update(&outcome);
        if matches!(outcome, Ok(Outcome::Installed { .. })) && control.cycles().is_none() {
            break;
        }
    }
    restart()
}

/// Waits for the schedule, or for the host, if it counts the cycles.
fn wait_until_due(control: Control, cycle: u32, clock: &Clock, due_at: UnixSeconds) {
    while match control.cycles() {
        Some(cycles) => cycle >= cycles,
        None => now(clock) < due_at,
    } {
        watchdog::pet();
    }
}

/// Seconds since 1970, or since the start.
fn now(clock: &Clock) -> UnixSeconds {
    UnixSeconds::new(clock.seconds().unwrap_or_else(|| u64::from(clock.uptime_s())))
}

/// For ports and sequence numbers of connections: another one for each device and each start, where there is a clock.
fn seed(settings: &Settings, clock: &Clock) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = settings.seed;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ clock.seconds().unwrap_or(0) ^ clock.uptime_us() << 32
}

/// For spreading polls: when the user of a fleet switched this device on, to the microsecond, is as good as any.
fn random(clock: &Clock) -> u32 {
    (clock.uptime_us() as u32).wrapping_mul(0x9E37_79B9)
}
