//! A small device with the map of a micro:bit.

use super::NOW;
use crate::device::Small;
use crate::device::small::identity;
use crate::nor::{NorError, SmallNor};
use crate::simulator::Simulator;
use std::cell::RefCell;
use tuffet_boot::{Run, Slot, State, Why};
use tuffet_no_std_client::driver::{Checking, Turn, Work};
use tuffet_no_std_client::flash::{Map, Span, Storage, Units, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::transport::Transport;
use tuffet_no_std_client::tuf::{ClockPolicy, Ed25519, TrustedState};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{
    Client, Device, DeviceClock, DeviceState, Outcome, Running, Settings, Stop, Update, bootloader,
};

const KIB: u32 = 1024;

/// Bytes of the whole part.
pub const CAPACITY_BYTES: u32 = 256 * KIB;

/// What lies where: the bootloader has the first 12 KiB, and 2 KiB stay free.
pub const MAP: Map<Xip> = Map {
    boot_record: Span::new(12 * KIB, 2 * KIB),
    state: Span::new(14 * KIB, 2 * KIB),
    roots: [Span::new(16 * KIB, 8 * KIB), Span::new(24 * KIB, 8 * KIB)],
    snapshots: [Span::new(32 * KIB, 4 * KIB), Span::new(36 * KIB, 4 * KIB)],
    document: Span::new(40 * KIB, 8 * KIB),
    checkpoints: [Span::new(48 * KIB, 8 * KIB), Span::new(56 * KIB, 8 * KIB)],
    slots: Xip {
        slots: [Span::new(66 * KIB, 95 * KIB), Span::new(161 * KIB, 95 * KIB)],
        base: 0,
    },
};

const UNITS: Units = Units {
    capacity: CAPACITY_BYTES,
    erase_bytes: KIB,
    write_bytes: 4,
};
const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());

/// A device and its part. Its wear counts from behind the factory.
pub struct Part {
    identity: Device,
    flash: RefCell<SmallNor>,
    clock: DeviceClock,
    now: UnixSeconds,
}

impl Part {
    /// Fresh from the factory, with the release of this repository.
    #[must_use]
    pub fn provisioned(repository: &Simulator) -> Self {
        let contents = Small::factory_with(MAP, repository)
            .flash()
            .borrow()
            .contents()
            .to_vec();
        assert_eq!(contents.len(), CAPACITY_BYTES as usize);
        Self {
            identity: Device {
                slot_bytes: MAP.slots.slots[0].bytes,
                ..identity()
            },
            flash: RefCell::new(SmallNor::with_contents(contents)),
            clock: DeviceClock::Trusted,
            now: UnixSeconds::new(NOW),
        }
    }

    /// From now on it knows no time but how long it has been on.
    pub fn lose_clock(&mut self) {
        self.clock = DeviceClock::Uptime;
        self.now = UnixSeconds::new(1);
    }

    /// Sets its clock, if it has one.
    pub fn set_clock(&mut self, now: u64) {
        if self.clock == DeviceClock::Trusted {
            self.now = UnixSeconds::new(now);
        }
    }

    /// The part.
    #[must_use]
    pub const fn flash(&self) -> &RefCell<SmallNor> {
        &self.flash
    }

    fn storage(&self) -> Storage<'_, SmallNor, Xip> {
        Storage::new(&self.flash, &MAP)
    }

    /// What it trusts.
    ///
    /// # Panics
    ///
    /// When that cannot be read.
    #[must_use]
    pub fn state(&self) -> DeviceState {
        self.storage().state().expect("the trusted state can be read")
    }

    /// A full cycle, with as many runs as it takes, and the installation of what it finds.
    pub fn cycle<T: Transport>(&self, network: &mut T) -> Result<Outcome, Stop<NorError>> {
        let settings = Settings {
            clock: self.clock,
            ..Settings::DEFAULT
        };
        let client = Client::<_, _, SmallState>::new(&self.identity, self.storage(), settings, self.now);
        client
            .expect("the device decodes the small profile")
            .update(network, self.now)
    }

    /// One run: the first half of a cycle, up to its decision. Says whether there are more roots than one run walks.
    pub fn run<T: Transport>(&self, network: &mut T) -> Result<bool, Stop<NorError>> {
        let storage = self.storage();
        let mut state = DeviceState::new(TrustedState::nothing());
        let pages = storage.load_state(&mut state)?;
        let running = Running::of(&storage.boot_records()?)?;
        let clock = match self.clock {
            DeviceClock::Trusted => ClockPolicy::Trusted { now: self.now },
            DeviceClock::Uptime => ClockPolicy::FloorOnly,
        };
        let mut update = Update::<'_, Ed25519>::begin(&self.identity, running, state, clock);
        let mut checking = Checking::begin(storage, pages, &mut update);
        let mut turn = Turn::Work;
        loop {
            turn = match turn {
                Turn::Work => checking.work()?,
                Turn::Open => {
                    let opened = network.open(&checking.ask()).map_err(|_| Stop::Transport)?;
                    checking.opened(opened)?
                }
                Turn::Read => {
                    let count = network.read(checking.space()).map_err(|_| Stop::Transport)?;
                    checking.filled(count)?
                }
                Turn::Done => break,
            };
        }
        let decided = &checking.considered()?.decided;
        Ok(matches!(decided, tuffet_no_std_client::Decided::MoreRoots))
    }

    /// Reset after an installation: the bootloader starts the new image, and that confirms itself.
    ///
    /// # Panics
    ///
    /// When the new image does not start.
    pub fn try_out(&self) {
        let run = self.boots();
        assert!(matches!(run.why, Why::Trial { .. }), "{run:?}");
        let mut records = self.storage().boot_records().expect("the boot record can be read");
        records.confirm().expect("a booted trial can be confirmed");
    }

    /// What the bootloader starts.
    ///
    /// # Panics
    ///
    /// When it starts nothing.
    #[must_use]
    pub fn boots(&self) -> Run {
        bootloader::choose_slot(&self.storage(), &mut || ())
            .expect("flash answers")
            .expect("something boots")
    }

    /// The confirmed slot.
    ///
    /// # Panics
    ///
    /// When none is.
    #[must_use]
    pub fn confirmed(&self) -> Slot {
        let records = self.storage().boot_records().expect("the boot record can be read");
        match records.state() {
            State::Confirmed { confirmed, .. } => confirmed.slot,
            state @ (State::Damaged | State::Trial { .. } | State::Unprovisioned) => {
                panic!("nothing is confirmed: {state:?}")
            }
        }
    }
}
