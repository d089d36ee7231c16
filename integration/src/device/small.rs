//! A device without an operating system: the driver of small devices over a simulated NOR flash, and the repository at the
//! other end of its transport.

pub(super) mod at_rest;
mod layout;

pub use layout::{Layout, MAP, capacity, map, map_of, range, regions};

use super::{BOOT_RECORD, DOCUMENT, Device, RUNNING_SLOT, SPARE_SLOT, STATE};
use crate::attacks::{Clock, Outcome, Taken};
use crate::nor::{Nor, NorError, SmallNor};
use crate::simulator::Simulator;
use crate::simulator::release::{CHANNEL, HARDWARE, PRODUCT, SLOT_BYTES};
use crate::site::{Fault, Site, label};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tuffet_boot::{Recovery, Run, Slot, State};
use tuffet_no_std_client::flash::{Map, Span, Storage, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::transport::{Ask, Opened, Transport};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, DeviceClock, Intake, Settings, Stop, Way, bootloader};

/// Bytes in which the transport answers: not a divisor of anything.
const PIECE_BYTES: usize = 100;

const KIB: u32 = 1024;

/// A device of the small profile.
pub struct Small<S = Xip> {
    identity: Rc<client::Device>,
    taken: Option<Taken>,
    map: Map<S>,
    flash: RefCell<SmallNor>,
    now: UnixSeconds,
    clock: Clock,
    network: Network,
}

/// The repository, as the device reaches it.
pub struct Network {
    site: Site,
    requests: Vec<String>,
    /// What is left of the open file.
    rest: Vec<u8>,
    /// Whether the connection ends with an error behind that.
    is_reset: bool,
    is_patch: bool,
    arrivals: Vec<Arrival>,
}

/// A piece of a patch that came.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its bytes.
    pub bytes: usize,
    /// Flash operations that were done before.
    pub operations: usize,
}

/// The network of a device whose flash is watched.
struct Watched<'d> {
    network: &'d mut Network,
    flash: &'d RefCell<SmallNor>,
}

/// Who the simulated device is.
#[must_use]
pub fn identity() -> client::Device {
    let id = |text| Id::parse(text).expect("the simulator's ids are ids");
    client::Device {
        product: id(PRODUCT),
        hardware: id(HARDWARE),
        channel: id(CHANNEL),
        component: id("firmware"),
        slot_bytes: SLOT_BYTES,
        seed: Seed::new([7; 32]),
        limits: Limits::DEFAULT,
        slot_addresses: None,
        intake: Intake::Streamed(Profile::Small),
        data_budget_bytes: None,
    }
}

impl Network {
    /// Reaches this site.
    #[must_use]
    pub fn to(site: Site) -> Self {
        Self {
            site,
            requests: Vec::new(),
            rest: Vec::new(),
            is_reset: false,
            is_patch: false,
            arrivals: Vec::new(),
        }
    }

    /// The pieces of patches that came since the last call.
    pub fn take_arrivals(&mut self) -> Vec<Arrival> {
        std::mem::take(&mut self.arrivals)
    }

    /// The requests since the last call, as labels, in order.
    pub fn take_requests(&mut self) -> Vec<String> {
        std::mem::take(&mut self.requests)
    }
}

impl Transport for Network {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.requests.push(label(ask.path).to_owned());
        let Some(file) = self.site.file(ask.path) else {
            return Ok(Opened::Absent);
        };
        let mut bytes = file.to_vec();
        self.is_patch = ask.path.ends_with(".patch");
        self.is_reset = false;
        let mut answer_bytes_max = usize::MAX;
        let bytes_max = ask.offset as usize + ask.bytes_max as usize;
        match self.site.next_fault(ask.path) {
            Some(Fault::EndlessBody) => bytes.resize(bytes.len().max(bytes_max), 0),
            Some(Fault::Extended { bytes: zeros }) => bytes.resize(bytes.len() + zeros, 0),
            Some(Fault::Truncated { bytes: left }) => bytes.truncate(left),
            Some(Fault::Reset { bytes: left }) => (answer_bytes_max, self.is_reset) = (left, true),
            Some(fault) => unreachable!("{fault:?} is a fault of HTTP: its row runs only there"),
            None => {}
        }
        bytes.truncate(bytes_max);
        self.rest = bytes.split_off((ask.offset as usize).min(bytes.len()));
        self.rest.truncate(answer_bytes_max);
        Ok(Opened::Present { etag: None })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let count = space.len().min(self.rest.len()).min(PIECE_BYTES);
        space[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        if count == 0 && self.is_reset {
            return Err(());
        }
        Ok(count)
    }
}

impl Transport for Watched<'_> {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.network.open(ask)
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let bytes = self.network.read(space)?;
        if self.network.is_patch && bytes > 0 {
            let operations = self.flash.borrow().tally().operations();
            self.network.arrivals.push(Arrival { bytes, operations });
        }
        Ok(bytes)
    }
}

impl<S: Layout> Device for Small<S> {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Small;
    const FULL: &str = "whole";

    fn factory(repository: &Simulator) -> Self {
        Self::factory_with(map_of(SLOT_BYTES, 2 * KIB), repository)
    }

    fn keeps(file: &str) -> bool {
        [
            "root",
            "snapshot",
            DOCUMENT,
            BOOT_RECORD,
            STATE,
            RUNNING_SLOT,
            SPARE_SLOT,
        ]
        .contains(&file)
    }

    /// A document is received where the one before it stands. A snapshot goes with the facts about it, when a root replaces
    /// its keys.
    fn may_lose(file: &str) -> bool {
        [DOCUMENT, "snapshot"].contains(&file)
    }

    /// It asks for what the row names, in that order, and beside it only for metadata that it does not keep. What the row
    /// names twice in a row it has the second time. In place of the packed image it takes the patch from nothing, in place
    /// of the patch for large devices the one for small ones.
    fn asks_for(requests: &[String], row: &[&str]) -> bool {
        let same = |request: &str, named: &str| {
            let packed = request.replace("_small_whole.patch", ".zst");
            packed == named || request.replace("_small_", "_large_") == named
        };
        let mut row = row.to_vec();
        row.dedup();
        let mut named = row.iter().peekable();
        let all = requests.iter().all(|request| {
            let is_named = named.next_if(|named| same(request, named)).is_some();
            is_named || is_not_kept(request)
        });
        all && named.peek().is_none()
    }

    fn serve(&mut self, repository: &Simulator) {
        self.network.site = repository.site.clone();
        self.now = UnixSeconds::new(repository.now);
    }

    fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    fn update(&mut self) -> Outcome {
        let outcome = self.cycle();
        self.taken = outcome.as_ref().ok().and_then(taken);
        match outcome {
            Ok(outcome) => told(&outcome),
            Err(Stop::Failure(failure)) => Outcome::Refused(failure.name().to_owned()),
            Err(Stop::State(_)) => Outcome::Refused("DamagedStore".to_owned()),
            Err(Stop::Transport) => Outcome::Transport,
            Err(stop) => panic!("the device stops: {stop:?}"),
        }
    }

    fn taken(&self) -> Option<Taken> {
        self.taken.clone()
    }

    fn limit_data(&mut self, bytes: Option<u32>) {
        Rc::get_mut(&mut self.identity)
            .expect("no machine runs")
            .data_budget_bytes = bytes;
    }

    fn take_requests(&mut self) -> Vec<String> {
        // A patch that is asked for again after it broke off is one request more than a row has.
        let mut requests = self.network.take_requests();
        requests.dedup_by(|later, earlier| later == earlier && later.ends_with(".patch"));
        requests
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        // The flash is free again when its files are looked for.
        let contents = self.flash.borrow().contents().to_vec();
        at_rest::files(&self.storage(), contents)
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let before = self.files().remove(file).expect("the file is at rest");
        let state = self.map.state;
        self.edit_contents(|contents| at_rest::tamper(contents, state, file, before, edit));
    }

    fn try_out(&mut self, is_healthy: bool) {
        let run = self.boot().expect("flash answers").expect("something runs");
        assert!(matches!(run.why, tuffet_boot::Why::Trial { .. }), "{run:?}");
        let mut records = self.storage().boot_records().expect("the boot record can be read");
        if is_healthy {
            records.confirm().expect("a booted trial can be confirmed");
        } else {
            records.fail().expect("a booted trial can fail");
        }
    }

    fn boot_state(&self) -> (State, u32) {
        let records = self.storage().boot_records().expect("the boot record can be read");
        (records.state(), records.counter())
    }
}

impl<S: Layout> Small<S> {
    /// A device fresh from the factory, on a part that is laid out by this map.
    ///
    /// # Panics
    ///
    /// When it cannot be made from this repository.
    #[must_use]
    pub fn factory_with(map: Map<S>, repository: &Simulator) -> Self {
        let mut device = Self::with_contents(map, vec![0xFF; capacity(&map)], repository);
        let root = repository
            .site
            .file("metadata/1.root.json")
            .expect("the first root is served")
            .to_vec();
        let now = device.now;
        device.with_client(|client, network| {
            client.provision_root(&root).expect("the first root is sound");
            client.provision(network, now).expect("the factory installs")
        });
        device.network.take_requests();
        device
    }

    /// A device whose part holds this.
    #[must_use]
    pub fn with_contents(map: Map<S>, contents: Vec<u8>, repository: &Simulator) -> Self {
        let slot_bytes = map.slots.slot_bytes();
        Self {
            identity: Rc::new(client::Device {
                slot_bytes,
                ..identity()
            }),
            taken: None,
            map,
            flash: RefCell::new(Nor::with_contents(contents)),
            now: UnixSeconds::new(repository.now),
            clock: Clock::Right,
            network: Network::to(repository.site.clone()),
        }
    }

    /// What the bootloader answers at a reset.
    pub fn boot(&self) -> Result<Result<Run, Recovery>, Stop<NorError>> {
        bootloader::choose_slot(&self.storage(), &mut || ())
    }

    /// A full cycle, and the installation of what it finds.
    pub fn cycle(&mut self) -> Result<client::Outcome, Stop<NorError>> {
        let identity = Rc::clone(&self.identity);
        let (clock, now) = match self.clock {
            Clock::MuchLater | Clock::Right => (DeviceClock::Trusted, self.now),
            // As long as it is powered.
            Clock::None => (DeviceClock::Uptime, UnixSeconds::new(1)),
            Clock::Wrong(shown) => (DeviceClock::Trusted, UnixSeconds::new(shown)),
        };
        let mut client = Client::<_, S, SmallState>::new(
            &identity,
            Storage::new(&self.flash, &self.map),
            Settings {
                clock,
                ..Settings::DEFAULT
            },
            now,
        )
        .expect("the device decodes the small profile");
        let mut watched = Watched {
            network: &mut self.network,
            flash: &self.flash,
        };
        client.update(&mut watched, now)
    }

    /// The flash with its map.
    #[must_use]
    pub const fn storage(&self) -> Storage<'_, SmallNor, S> {
        Storage::new(&self.flash, &self.map)
    }

    /// Where a slot lies.
    ///
    /// # Panics
    ///
    /// In the middle of an exchange.
    #[must_use]
    pub fn place(&self, slot: Slot) -> Span {
        S::place(&self.storage(), slot).expect("no exchange is open")
    }

    /// What a slot holds. If an exchange was interrupted: what it will hold when that is finished.
    ///
    /// # Panics
    ///
    /// If the exchange cannot be finished.
    #[must_use]
    pub fn slot_contents(&self, slot: Slot) -> Vec<u8> {
        let contents = self.flash.borrow().contents().to_vec();
        if let Ok(place) = S::place(&self.storage(), slot) {
            return contents[range(place)].to_vec();
        }
        let settled = RefCell::new(SmallNor::with_contents(contents));
        let storage = Storage::new(&settled, &self.map);
        S::settle(&storage, &mut || ()).expect("an exchange can be finished");
        let place = S::place(&storage, slot).expect("no exchange is open any more");
        settled.borrow().contents()[range(place)].to_vec()
    }

    /// The part.
    #[must_use]
    pub const fn flash(&self) -> &RefCell<SmallNor> {
        &self.flash
    }

    /// The way to the repository.
    pub const fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    fn with_client<T>(&mut self, work: impl FnOnce(&mut Client<'_, SmallNor, S, SmallState>, &mut Network) -> T) -> T {
        let identity = Rc::clone(&self.identity);
        let storage = Storage::new(&self.flash, &self.map);
        let mut client =
            Client::new(&identity, storage, Settings::DEFAULT, self.now).expect("the device decodes the small profile");
        work(&mut client, &mut self.network)
    }

    fn edit_contents(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut contents = self.flash.borrow().contents().to_vec();
        edit(&mut contents);
        self.flash = RefCell::new(Nor::with_contents(contents));
    }
}

/// By which way an image came, in the words of the attack table.
#[must_use]
pub fn taken(outcome: &client::Outcome) -> Option<Taken> {
    let client::Outcome::Installed { way, fell_back, .. } = outcome else {
        return None;
    };
    Some(Taken {
        way: match way {
            Way::Delta => "delta",
            Way::File => "file",
            Way::Whole => "whole",
        }
        .to_owned(),
        fell_back: fell_back.map(|fell_back| fell_back.fault.name().to_owned()),
    })
}

/// Metadata that a small device asks for in each cycle, since it keeps only what it said.
fn is_not_kept(request: &str) -> bool {
    let role = request
        .split_once('.')
        .filter(|(version, _)| version.parse::<u64>().is_ok());
    role.is_some_and(|(_, role)| !["root", "snapshot"].contains(&role) && !role.contains('.'))
}

/// What an update came to, in the words of the attack table.
#[must_use]
pub fn told(outcome: &client::Outcome) -> Outcome {
    match outcome {
        client::Outcome::Installed { .. } => Outcome::Installed,
        client::Outcome::MoreRoots => Outcome::Waiting("MoreRoots".to_owned()),
        client::Outcome::NoRelease => Outcome::NoRelease,
        client::Outcome::Refused(refusal) => Outcome::Refused(refusal.name().to_owned()),
        client::Outcome::UpToDate => Outcome::UpToDate,
        client::Outcome::Waiting(reason) => Outcome::Waiting(reason.name().to_owned()),
    }
}
