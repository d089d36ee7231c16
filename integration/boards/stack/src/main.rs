//! The life of a small device on an emulated Cortex-M, phase by phase, and what each takes of the stack.
//!
//! - The device is the driver of small devices over a NOR flash in RAM; its repositories are folders of the host.
//! - Nothing is allocated. The client, the flash and the network stand outside the stack that is measured.
//! - Each phase must come to the outcome that it is here for; else the program ends badly.
#![no_std]
#![no_main]

mod network;
mod nor;

use core::cell::RefCell;
use core::convert::Infallible;
use core::ptr::addr_of_mut;

use tuffet_emulated::{gauge, host, timer};
use tuffet_no_std_client::boot::Why;
use tuffet_no_std_client::driver::{Checking, Filling};
use tuffet_no_std_client::flash::{Map, Span, Storage, Units, Xip};
use tuffet_no_std_client::patch::{Decoder, SmallThumbState};
use tuffet_no_std_client::release::{Id, Profile, Seed, WaitReason};
use tuffet_no_std_client::tuf::{Limits, SmallEd25519};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Device, DeviceState, Intake, Outcome, Settings, Stop, Update, Way, bootloader};

use network::{Network, Patches};
use nor::Nor;

tuffet_emulated::start_with!(live);

type SmallClient<'c> = Client<'c, Nor, Xip, SmallThumbState, SmallEd25519>;
type Told = Result<Outcome, Stop<Infallible>>;

/// The clock of the device, which stands still; the simulator has the same.
const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

const KIB: u32 = 1024;
const SLOT_BYTES: u32 = 256 * KIB;

const MAP: Map<Xip> = Map {
    boot_record: Span::new(0, 2 * KIB),
    state: Span::new(2 * KIB, 2 * KIB),
    roots: [Span::new(4 * KIB, 8 * KIB), Span::new(12 * KIB, 8 * KIB)],
    snapshots: [Span::new(20 * KIB, 4 * KIB), Span::new(24 * KIB, 4 * KIB)],
    document: Span::new(28 * KIB, 8 * KIB),
    checkpoints: [Span::new(36 * KIB, 8 * KIB), Span::new(44 * KIB, 8 * KIB)],
    slots: Xip {
        slots: [
            Span::new(52 * KIB, SLOT_BYTES),
            Span::new(52 * KIB + SLOT_BYTES, SLOT_BYTES),
        ],
        base: 0,
    },
};

const CAPACITY: u32 = 52 * KIB + 2 * SLOT_BYTES;

const UNITS: Units = Units {
    capacity: CAPACITY,
    erase_bytes: KIB,
    write_bytes: 4,
};

const _: () = assert!(MAP.check(UNITS, SmallThumbState::SNAPSHOT_BYTES).is_ok());

/// How much of the full image comes before the connection breaks off: past the first checkpoint.
const FIRST_PART_BYTES: u32 = 24 * KIB;

/// How much of the stack is looked at.
const STACK_BYTES_MAX: usize = 256 * 1024;

static mut CELLS: [u8; CAPACITY as usize] = [0; CAPACITY as usize];
static mut ROOT: [u8; 8 * KIB as usize] = [0; 8 * KIB as usize];

/// Runs all phases. `None`: one did not come to what it is here for.
#[inline(never)]
fn live() -> Option<()> {
    // SAFETY: this function runs once, and nothing else names them.
    let (cells, root) = unsafe { (&mut *addr_of_mut!(CELLS), &mut *addr_of_mut!(ROOT)) };
    let flash = RefCell::new(Nor::new(cells));
    let storage = Storage::new(&flash, &MAP);
    let device = device()?;
    let client = || SmallClient::new(&device, storage, Settings::DEFAULT, NOW).ok();
    sizes();

    let mut factory = Network::to("factory", Patches::Whole);
    let root = factory.read_whole("metadata/1.root.json", root);
    client()?.provision_root(root).ok()?;
    client()?.provision(&mut factory, NOW).ok()?;

    boot(&storage, "boot", |why| matches!(why, Why::Confirmed))?;
    let nothing_new = |told| matches!(told, Ok(Outcome::UpToDate));
    turn(&mut client()?, "factory", "cycle, nothing new", nothing_new)?;
    turn(&mut client()?, "rotated", "cycle, new root", nothing_new)?;

    let mut waiting = client()?;
    let not_yet = |told| matches!(told, Ok(Outcome::Waiting(WaitReason::NotInWaveYet { .. })));
    turn(&mut waiting, "waiting", "cycle, release waits", not_yet)?;
    turn(&mut waiting, "waiting", "peek, decision again", not_yet)?;

    // The cycle ends where the patch would come, so that it and the installation are two phases.
    let cut_off = |told| matches!(told, Err(Stop::Transport));
    turn(&mut client()?, "delta", "cycle, up to a delta", cut_off)?;
    again(&mut client()?, "delta", "delta", Patches::Whole, |told| {
        matches!(
            told,
            Ok(Outcome::Installed {
                way: Way::Delta,
                fell_back: None,
                ..
            })
        )
    })?;
    let on_trial = |why| matches!(why, Why::Trial { .. });
    boot(&storage, "boot, trial", on_trial)?;
    phase("confirm", &mut || storage.boot_records().ok()?.confirm().ok())?;

    turn(&mut client()?, "full", "cycle, up to an image", cut_off)?;
    let half = Patches::UpTo(FIRST_PART_BYTES);
    again(&mut client()?, "full", "image, first part", half, cut_off)?;
    again(&mut client()?, "full", "image, resumed", Patches::Whole, |told| {
        matches!(
            told,
            Ok(Outcome::Installed {
                way: Way::Whole,
                fell_back: None,
                ..
            })
        )
    })?;
    boot(&storage, "boot, trial again", on_trial)?;
    phase("fail", &mut || storage.boot_records().ok()?.fail().ok())
}

/// What is due, in a repository from which no patch comes.
fn turn(client: &mut SmallClient<'_>, stage: &'static str, name: &str, is_it: fn(Told) -> bool) -> Option<()> {
    let mut network = Network::to(stage, Patches::UpTo(0));
    let now = client.due_at();
    phase(name, &mut || is_it(client.turn(&mut network, now, 0)).then_some(()))
}

/// The decision again, and the installation that it leads to.
fn again(
    client: &mut SmallClient<'_>,
    stage: &'static str,
    name: &str,
    patches: Patches,
    is_it: fn(Told) -> bool,
) -> Option<()> {
    let mut network = Network::to(stage, patches);
    phase(name, &mut || is_it(client.again(&mut network, NOW)).then_some(()))
}

fn boot(storage: &Storage<'_, Nor, Xip>, name: &str, is_it: fn(Why) -> bool) -> Option<()> {
    phase(name, &mut || {
        let run = bootloader::choose_slot(storage, &mut || ()).ok()?.ok()?;
        is_it(run.why).then_some(())
    })
}

fn phase<T>(name: &str, work: &mut dyn FnMut() -> Option<T>) -> Option<()> {
    let mut is_well = false;
    let bottom = gauge::stack_pointer() - STACK_BYTES_MAX;
    // SAFETY: the board has megabytes below the stack that nothing uses, and a stack pointer is a multiple of four.
    let taken = unsafe { gauge::measure(bottom, timer::ticks, &mut || is_well = work().is_some()) };
    match taken {
        Some(taken) if is_well => {
            let instructions = u64::from(taken.ticks) * timer::INSTRUCTIONS_PER_TICK;
            host::print(format_args!("phase {} {instructions} {name}", taken.stack()));
            Some(())
        }
        Some(_) => {
            host::print(format_args!("wrong: {name} came to something else"));
            None
        }
        None => {
            host::print(format_args!("wrong: {name} needs more stack than is painted"));
            None
        }
    }
}

fn sizes() {
    let sizes = [
        ("Device", size_of::<Device>()),
        ("Client", size_of::<SmallClient<'_>>()),
        ("DeviceState", size_of::<DeviceState>()),
        ("Update", size_of::<Update<'_, SmallEd25519>>()),
        ("Checking", size_of::<Checking<'_, '_, '_, Nor, Xip, SmallEd25519>>()),
        ("Filling", size_of::<Filling<'_, '_, Nor, Xip, SmallThumbState>>()),
        ("decoder", size_of::<SmallThumbState>()),
        ("block", size_of::<<SmallThumbState as Decoder>::Block>()),
    ];
    for (name, bytes) in sizes {
        host::print(format_args!("size {bytes} {name}"));
    }
}

fn device() -> Option<Device> {
    Some(Device {
        product: Id::parse("lamp").ok()?,
        hardware: Id::parse("c3").ok()?,
        channel: Id::parse("stable").ok()?,
        component: Id::parse("firmware").ok()?,
        slot_bytes: SLOT_BYTES,
        seed: Seed::new([7; 32]),
        limits: Limits::DEFAULT,
        slot_addresses: None,
        intake: Intake::Streamed(Profile::Small),
        data_budget_bytes: None,
    })
}
