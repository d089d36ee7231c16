//! The agent: one device, its store, and the loop that drives the update machine with them.
//!
//! The loop is three lines a file: get it, hand it to the machine, store it. The machine owns the order and every check.

use crate::boot::open_records;
use crate::clock;
use crate::device::{DeviceFolder, DeviceSettings};
use crate::error::ClientError;
use crate::report::Report;
use crate::store::{Store, has_digest};
use crate::transport::{Fetch, Transport};
use std::fs::File;
use tuffet_no_std_client::release::{Id, Seed, names};
use tuffet_no_std_client::tuf::{self, Answer, ClockPolicy, Every, Limits, RoleName, TrustedState};
use tuffet_no_std_client::wire::{Digest, hex::Hex};
use tuffet_no_std_client::{Decided, Device, DeviceState, Error, Intake, ListedTarget, Request, Running};

/// An update cycle on Linux: the strict reading, and every algorithm that the specification names. A repository that small
/// devices follow too reaches its thresholds with ed25519 keys alone; one that only gateways follow need not.
pub type Update<'d> = tuffet_no_std_client::Update<'d, Every>;

/// How many runs one cycle may take to walk a long chain of roots.
const RUNS_MAX: u32 = 32;

/// One device and all that a cycle needs of it.
pub struct Agent {
    /// The device folder.
    pub folder: DeviceFolder,
    /// Its settings.
    pub settings: DeviceSettings,
    /// What the update machine must know of it.
    pub device: Device,
    /// What it keeps.
    pub store: Store,
    /// How it talks.
    pub report: Report,
}

/// A cycle at its decision.
pub struct Cycle<'d> {
    /// The machine; its decision is made.
    pub update: Update<'d>,
    /// The entity tag of the timestamp that was fetched, for the next peek.
    pub timestamp_etag: Option<String>,
}

/// A file as it came, and where from.
struct Got {
    bytes: Option<Vec<u8>>,
    etag: Option<String>,
    is_fetched: bool,
}

impl Agent {
    /// Takes a provisioned device for this process, and draws its seed if it has none yet.
    pub fn open(folder: &DeviceFolder, report: Report) -> Result<(Self, File), ClientError> {
        let settings = folder.settings()?;
        let lock = folder.lock()?;
        Ok((Self::new(folder, settings, folder.seed()?, report)?, lock))
    }

    /// Looks at a provisioned device, and changes nothing. It has no place in a rollout, so it must not decide.
    pub fn look(folder: &DeviceFolder, report: Report) -> Result<Self, ClientError> {
        Self::new(folder, folder.settings()?, [0; 32], report)
    }

    /// Makes the agent of a device whose settings may not be written yet.
    pub fn new(
        folder: &DeviceFolder,
        settings: DeviceSettings,
        seed: [u8; 32],
        report: Report,
    ) -> Result<Self, ClientError> {
        let (product, hardware, channel) = settings.identity.ids()?;
        let component = Id::firmware();
        let slot_bytes = settings.identity.slot_bytes;
        let device = Device {
            product,
            hardware,
            channel,
            component,
            slot_bytes,
            seed: Seed::new(seed),
            limits: Limits::DEFAULT,
            slot_addresses: None,
            intake: Intake::Kept,
            data_budget_bytes: settings.limits.data_budget_bytes,
        };
        Ok(Self {
            folder: folder.clone(),
            store: Store::new(folder),
            settings,
            device,
            report,
        })
    }

    /// What runs on the device now.
    pub fn running(&self) -> Result<Running, ClientError> {
        Running::of(&open_records(&self.folder)?).map_err(ClientError::from)
    }

    /// Runs a cycle up to its decision. A chain of roots that one run may not walk to its end goes on in the next.
    pub fn cycle(&self, running: Running, state: DeviceState, transport: &Transport) -> Result<Cycle<'_>, ClientError> {
        let mut cycle = self.run(running.clone(), state, transport)?;
        for _ in 1..RUNS_MAX {
            let Some(Decided::MoreRoots) = cycle.update.considered().map(|considered| &considered.decided) else {
                break;
            };
            let state = cycle.update.state().clone();
            cycle = self.run(running.clone(), state, transport)?;
        }
        Ok(cycle)
    }

    /// Decides again about the release that is stored, without the repository.
    pub fn again(&self, running: Running, state: DeviceState) -> Result<Cycle<'_>, ClientError> {
        let mut update = Update::again(&self.device, running, state, ClockPolicy::Trusted { now: clock::now() })?;
        if let Request::Stored(remembered) = update.request() {
            let bytes = self.kept_document(&remembered.pointer.release)?;
            update = hand_over(update, bytes.as_deref())?;
        }
        // Nothing is trusted anew, so there is nothing to save.
        Ok(Cycle {
            update,
            timestamp_etag: None,
        })
    }

    fn run(&self, running: Running, state: DeviceState, transport: &Transport) -> Result<Cycle<'_>, ClientError> {
        let mut update = Update::begin(&self.device, running, state, ClockPolicy::Trusted { now: clock::now() });
        let mut timestamp_etag = None;
        let mut received = (RoleName::Root, Vec::new());
        loop {
            update = match update.request() {
                Request::Metadata(fetch) => {
                    let is_timestamp = fetch.file.role == RoleName::Timestamp;
                    let got = self.metadata(&fetch, &update.state().trusted, transport)?;
                    if is_timestamp {
                        timestamp_etag = got.etag;
                    }
                    let next = hand_over(update, got.bytes.as_deref())?;
                    received = (fetch.file.role, got.bytes.unwrap_or_default());
                    if got.is_fetched && is_trusted_file(&next.state().trusted, &fetch) {
                        // The copy was damaged or gone; the machine asks to store only what is new.
                        self.keep_metadata(&received)?;
                    }
                    next
                }
                Request::Store => {
                    self.keep_metadata(&received)?;
                    self.store.save_state(update.state())?;
                    update.stored()?
                }
                Request::Target(target) => {
                    let (name, digest) = (target.name().to_string(), *target.digest());
                    let bytes = self.target(target, transport)?;
                    let next = hand_over(update, bytes.as_deref())?;
                    // The machine goes on without a rollout file that is not the signed one; that one is not kept.
                    if let Some(bytes) = bytes.filter(|bytes| has_digest(bytes, &digest)) {
                        self.store.keep_target(&name, &bytes)?;
                    }
                    next
                }
                Request::Stored(remembered) => {
                    let bytes = self.kept_document(&remembered.pointer.release)?;
                    hand_over(update, bytes.as_deref())?
                }
                Request::Decided
                | Request::HashSource { .. }
                | Request::Decode(_)
                | Request::Download { .. }
                | Request::MarkEmpty(_)
                | Request::Unpack { .. }
                | Request::ReadBack { .. }
                | Request::StoreState
                | Request::Trial => {
                    self.store.save_state(update.state())?;
                    return Ok(Cycle { update, timestamp_etag });
                }
            };
        }
    }

    fn keep_metadata(&self, (role, file): &(RoleName, Vec<u8>)) -> Result<(), ClientError> {
        self.store.keep_metadata(role, file)
    }

    /// Gets a metadata file: the copy in the store if it has the pinned digest, else the repository's.
    fn metadata(&self, fetch: &tuf::Fetch, trusted: &TrustedState, transport: &Transport) -> Result<Got, ClientError> {
        if let Some(pinned) = &fetch.pinned
            && let Some(bytes) = self.store.metadata(&fetch.file.role)?
            && has_digest(&bytes, &pinned.digest)
        {
            return Ok(Got {
                bytes: Some(bytes),
                etag: None,
                is_fetched: false,
            });
        }
        if is_trusted_file(trusted, fetch) {
            self.report.note(&format!(
                "the kept copy of {} is damaged or gone; fetching it again",
                fetch.file
            ));
        }
        let path = format!("metadata/{}", fetch.file);
        let fetched = transport.fetch(Fetch {
            path: &path,
            bytes_max: u64::from(fetch.bytes_max),
        })?;
        Ok(fetched.map_or(
            Got {
                bytes: None,
                etag: None,
                is_fetched: false,
            },
            |file| Got {
                bytes: Some(file.bytes),
                etag: file.etag,
                is_fetched: true,
            },
        ))
    }

    /// Gets a small target, from the store if it is there.
    fn target(&self, target: ListedTarget<'_>, transport: &Transport) -> Result<Option<Vec<u8>>, ClientError> {
        let (name, digest) = (target.name(), target.digest());
        if let Some(bytes) = self.store.target(name.as_str(), digest)? {
            return Ok(Some(bytes));
        }
        let path = format!("targets/{}.{name}", Hex(digest));
        let fetched = transport.fetch(Fetch {
            path: &path,
            bytes_max: target.length(),
        })?;
        Ok(fetched.map(|file| file.bytes))
    }

    /// The release document as kept, if it is the one with this digest.
    pub fn kept_document(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ClientError> {
        let device = &self.device;
        let name = names::pointer(&device.product, &device.hardware, &device.channel);
        self.store.target(name.as_str(), digest)
    }
}

/// Whether a fetch asks for the very file that the store should hold.
fn is_trusted_file(trusted: &TrustedState, fetch: &tuf::Fetch) -> bool {
    let known = match &fetch.file.role {
        RoleName::Root => Some(trusted.root),
        RoleName::Snapshot => trusted.snapshot,
        RoleName::Targets => trusted.targets,
        RoleName::Delegated(role) => trusted.delegated(role.as_str()).map(|known| known.file),
        RoleName::Timestamp => None,
    };
    fetch
        .pinned
        .is_some_and(|pinned| known.is_some_and(|known| known.digest == pinned.digest))
}

fn hand_over<'d>(update: Update<'d>, file: Option<&[u8]>) -> Result<Update<'d>, ClientError> {
    let outcome = match file {
        Some(mut bytes) => update.receive(Answer::Present(&mut bytes)),
        None => update.receive::<&[u8]>(Answer::Absent),
    };
    outcome.map_err(|error| match error {
        Error::Failure(failure) => ClientError::Refused { failure },
        Error::Document(never) => match never {},
    })
}
