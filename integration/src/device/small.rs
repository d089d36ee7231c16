//! A device without an operating system: the driver of small devices over a simulated NOR flash, and the repository at the
//! other end of its transport.

use super::{BOOT_RECORD, DOCUMENT, Device, RUNNING_SLOT, SPARE_SLOT, STATE};
use crate::attacks::{Outcome, Taken};
use crate::nor::{Nor, NorError, Region, SmallNor};
use crate::simulator::Simulator;
use crate::simulator::release::{CHANNEL, HARDWARE, PRODUCT, SLOT_BYTES};
use crate::site::{Fault, Site, label};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use tuffet_boot::{BootRecords, State};
use tuffet_no_std_client::flash::{Map, Span, Storage, Units, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::transport::{Ask, Opened, Transport};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, DeviceState, Intake, Settings, Stop, Way, bootloader};

/// Bytes in which the transport answers: not a divisor of anything.
const PIECE_BYTES: usize = 100;

const KIB: u32 = 1024;

/// What lies where on the simulated part.
pub const MAP: Map<Xip> = Map {
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

/// Bytes of the simulated part.
pub const CAPACITY_BYTES: u32 = 52 * KIB + 2 * SLOT_BYTES;

const UNITS: Units = Units {
    capacity: CAPACITY_BYTES,
    erase_bytes: KIB,
    write_bytes: 4,
};

const _: () = assert!(MAP.check(UNITS, SmallState::SNAPSHOT_BYTES).is_ok());

/// The parts of the map, for counting what happens to each.
#[must_use]
pub fn regions() -> [Region; 10] {
    let range = |span: Span| Range {
        start: span.start as usize,
        end: (span.start + span.bytes) as usize,
    };
    [
        ("boot record", MAP.boot_record),
        ("trusted state", MAP.state),
        ("root A", MAP.roots[0]),
        ("root B", MAP.roots[1]),
        ("snapshot A", MAP.snapshots[0]),
        ("snapshot B", MAP.snapshots[1]),
        ("document", MAP.document),
        ("checkpoints", Span::new(36 * KIB, 16 * KIB)),
        ("slot A", MAP.slots.slots[0]),
        ("slot B", MAP.slots.slots[1]),
    ]
    .map(|(name, span)| Region {
        name,
        bytes: range(span),
    })
}

/// A device of the small profile.
pub struct Small {
    identity: Rc<client::Device>,
    taken: Option<Taken>,
    flash: RefCell<SmallNor>,
    now: UnixSeconds,
    network: Network,
}

/// The repository, as the device reaches it.
pub struct Network {
    site: Site,
    requests: Vec<String>,
    /// What is left of the open file.
    rest: Vec<u8>,
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
        }
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
        let bytes_max = ask.offset as usize + ask.bytes_max as usize;
        match self.site.next_fault(ask.path) {
            Some(Fault::EndlessBody) => bytes.resize(bytes.len().max(bytes_max), 0),
            Some(Fault::Extended { bytes: zeros }) => bytes.resize(bytes.len() + zeros, 0),
            Some(Fault::Truncated { bytes: left }) => bytes.truncate(left),
            Some(fault) => unreachable!("{fault:?} is a fault of HTTP: its row runs only there"),
            None => {}
        }
        bytes.truncate(bytes_max);
        self.rest = bytes.split_off((ask.offset as usize).min(bytes.len()));
        Ok(Opened::Present { etag: None })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let count = space.len().min(self.rest.len()).min(PIECE_BYTES);
        space[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

impl Device for Small {
    const PROFILE: tuffet_patch::Profile = tuffet_patch::Profile::Small;
    const FULL: &str = "whole";

    fn factory(repository: &Simulator) -> Self {
        let mut device = Self {
            identity: Rc::new(identity()),
            taken: None,
            flash: RefCell::new(SmallNor::new(CAPACITY_BYTES as usize)),
            now: UnixSeconds::new(repository.now),
            network: Network::to(repository.site.clone()),
        };
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

    fn update(&mut self) -> Outcome {
        let now = self.now;
        let outcome = self.with_client(|client, network| client.update(network, now));
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
        let contents = self.flash.borrow().contents().to_vec();
        let bytes = |span: Span| contents[span.start as usize..][..span.bytes as usize].to_vec();
        let mut files = BTreeMap::from([
            (BOOT_RECORD.to_owned(), bytes(MAP.boot_record)),
            (RUNNING_SLOT.to_owned(), bytes(MAP.slots.slots[0])),
            (SPARE_SLOT.to_owned(), bytes(MAP.slots.slots[1])),
        ]);
        let Ok((_, state)) = self.storage().state() else {
            return files;
        };
        files.insert(STATE.to_owned(), state.encode().to_vec());
        let mut kept = |name: &str, areas: &[Span], length: u32, digest: &[u8; 32]| {
            let whole = areas.iter().map(|area| bytes(*area)).find_map(|mut file| {
                file.truncate(length as usize);
                let is_it = crate::simulator::keys::sha256(&file) == crate::simulator::keys::hex(digest);
                is_it.then_some(file)
            });
            files.extend(whole.map(|file| (name.to_owned(), file)));
        };
        let root = state.trusted.root;
        kept("root", &MAP.roots, root.length, &root.digest);
        if let Some(snapshot) = state.trusted.snapshot {
            kept("snapshot", &MAP.snapshots, snapshot.length, &snapshot.digest);
        }
        if let Some(release) = state.release.document() {
            kept(DOCUMENT, &[MAP.document], release.length, &release.pointer.release);
        }
        files
    }

    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>)) {
        let before = self.files().remove(file).expect("the file is at rest");
        let mut after = before.clone();
        edit(&mut after);
        // What is cut off reads as erased; what is longer than the file changes nothing that is read.
        let mut cells = after.clone();
        cells.resize(before.len(), 0xFF);
        self.edit_contents(|contents| {
            let places: Vec<usize> = contents
                .windows(before.len())
                .enumerate()
                .filter(|(_, window)| *window == before.as_slice())
                .map(|(place, _)| place)
                .collect();
            for place in places {
                contents[place..][..cells.len()].copy_from_slice(&cells);
            }
            if file == STATE {
                // Nor is the record before it of any help.
                for record in 0..2 {
                    let end = (MAP.state.start + record * KIB) as usize + 8 + DeviceState::ENCODED_BYTES;
                    contents[end - 1] ^= u8::from(after != before);
                }
            }
        });
    }

    fn try_out(&mut self, is_healthy: bool) {
        let run = bootloader::choose_slot(&self.storage())
            .expect("flash answers")
            .expect("something runs");
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

impl Small {
    fn storage(&self) -> Storage<'_, SmallNor, Xip> {
        Storage::new(&self.flash, &MAP)
    }

    fn with_client<T>(
        &mut self,
        work: impl FnOnce(&mut Client<'_, SmallNor, Xip, SmallState>, &mut Network) -> T,
    ) -> T {
        let identity = Rc::clone(&self.identity);
        let storage = Storage::new(&self.flash, &MAP);
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

/// The boot record of a flash that a test opened itself.
pub type Records<'f> = BootRecords<client::flash::Region<'f, SmallNor>>;
/// The error of the simulated part, as a driver hands it on.
pub type FlashStop = Stop<NorError>;
