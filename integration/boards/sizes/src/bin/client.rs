//! A whole client: the update machine with all cores, the boot record, and the schedule of polls. What a device adds is
//! its network, its flash driver and its clock.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_no_std_client::boot::BootRecords;
use tuffet_no_std_client::poll::{Peeked, Poll, Schedule, Task};
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::tuf::{Answer, Limits};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Device, DeviceState, Intake, Request, Running, Update};
use tuffet_sizes::Flash;

tuffet_sizes::start_with!(run);

fn run() {
    let now = UnixSeconds::new(black_box(0));
    let mut poll = Poll::after_restart(Schedule::DEFAULT, now);
    loop {
        match poll.task(now, None) {
            Task::Peek => {
                black_box(poll.peeked(now, black_box(Peeked::Unchanged), black_box(0)));
            }
            Task::Cycle if update(now).is_some() => poll.cycled(now, black_box(0)),
            Task::Cycle => poll.failed(now, black_box(None), black_box(0)),
        }
    }
}

fn update(now: UnixSeconds) -> Option<()> {
    let mut records = BootRecords::open(Flash).ok()?;
    black_box(records.boot().ok()?);
    if black_box(true) {
        black_box(records.confirm().ok()?);
    } else {
        black_box(records.fail().ok()?);
    }
    let id = || Id::parse(tuffet_sizes::text()).ok();
    let device = Device {
        product: id()?,
        hardware: id()?,
        channel: id()?,
        component: id()?,
        slot_bytes: black_box(95 * 1024),
        seed: Seed::new(tuffet_sizes::digest()),
        limits: Limits::DEFAULT,
        slot_addresses: black_box(None),
        intake: Intake::Streamed(Profile::Small),
        data_budget_bytes: black_box(None),
    };
    let state = DeviceState::decode(tuffet_sizes::input()).ok()?;
    let running = Running::of(&records).ok()?;
    let mut update = Update::begin(&device, running, state, now);
    loop {
        let mut document = tuffet_sizes::input();
        update = match update.request() {
            Request::Metadata(_) | Request::Target(_) | Request::Stored(_) if black_box(true) => {
                update.receive(Answer::Present(&mut document)).ok()?
            }
            Request::Metadata(_) | Request::Target(_) | Request::Stored(_) => update.receive(Answer::<&[u8]>::Absent).ok()?,
            Request::Store { .. } => {
                black_box(update.state().encode());
                update.stored().ok()?
            }
            Request::Decided => {
                black_box(update.considered());
                update.install().ok()?
            }
            Request::HashSource { .. } | Request::Download { .. } | Request::ReadBack { .. } => update.receive_bytes(document).ok()?,
            Request::MarkEmpty(slot) => {
                records.mark_empty(slot).ok()?;
                update.done().ok()?
            }
            Request::Decode(_) | Request::Unpack { .. } => update.done().ok()?,
            Request::StoreState => {
                black_box(update.state().encode());
                update.done().ok()?
            }
            Request::Trial => {
                let image = update.into_image().ok()?;
                return records.begin_trial(image, black_box(3)).ok();
            }
        }
    }
}
