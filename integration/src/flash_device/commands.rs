//! The commands, but for the poll loop.

use super::device::{FlashDevice, now, or_trouble};
use super::folder::{Folder, Identity, Polling, Repository, Settings, Trial, Word};
use super::http::{Place, Socket};
use super::report::Told;
use super::trouble::Trouble;
use embedded_storage::nor_flash::ReadNorFlash as _;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use tuffet_no_std_client::boot::{Placed, Slot, State, Why};
use tuffet_no_std_client::http::Http;
use tuffet_no_std_client::patch::{Decoder, SmallState, StandardState};
use tuffet_no_std_client::release::Version;
use tuffet_no_std_client::wire::hex::Hex;
use tuffet_no_std_client::{DeviceState, Outcome, Stop, Way, bootloader};

/// What the factory knows about the device.
#[derive(Debug, clap::Args)]
pub struct Provision {
    /// Where the device finds its updates: http://… on this machine.
    #[arg(long)]
    repository: String,
    /// The first root, from a place you trust.
    #[arg(long)]
    root: PathBuf,
    /// The product id.
    #[arg(long)]
    product: String,
    /// The hardware id.
    #[arg(long)]
    hardware: String,
    /// The release channel.
    #[arg(long, default_value = "stable")]
    channel: String,
    /// The patches that it decodes.
    #[arg(long, value_enum, default_value = "small")]
    profile: Word,
    /// Bytes of each slot: a multiple of 1024.
    #[arg(long, default_value_t = 256 * 1_024)]
    slot_bytes: u32,
    /// How many boots a new firmware has to be confirmed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    attempts: u8,
    /// The health check: the byte, in hexadecimal, with which a firmware that works begins.
    #[arg(long, value_name = "HEX")]
    first_byte: Option<String>,
    /// Seconds between two polls.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    poll_interval: u32,
}

impl Provision {
    fn settings(&self) -> Settings {
        Settings {
            identity: Identity {
                product: self.product.clone(),
                hardware: self.hardware.clone(),
                channel: self.channel.clone(),
                profile: self.profile,
                slot_bytes: self.slot_bytes,
            },
            repository: Repository {
                address: self.repository.clone(),
            },
            trial: Trial {
                attempts: self.attempts,
                first_byte: self.first_byte.clone(),
            },
            poll: Polling {
                interval_s: self.poll_interval,
            },
        }
    }
}

/// Makes the factory state in a new folder.
pub fn provision(folder: &Folder, arguments: &Provision) -> Result<Told, Trouble> {
    let root = std::fs::read(&arguments.root).map_err(|error| Trouble::storage("read", &arguments.root, error))?;
    let mut repository = Place::new(&arguments.repository)?;
    let mut http = repository.http();
    let device = FlashDevice::blank(folder, arguments.settings())?;
    let version = match arguments.profile {
        Word::Small => fill::<SmallState>(&device, &root, &mut http),
        Word::Standard => fill::<StandardState>(&device, &root, &mut http),
    }?;
    device.save()?;
    folder.write_settings(&device.settings)?;
    let sentence = format!("provisioned {} with version {version}", folder.root().display());
    let told = Told::fine("provisioned", sentence).with("version", version.to_string());
    Ok(device.with_cost(told, &http))
}

fn fill<D: Decoder>(device: &FlashDevice, root: &[u8], http: &mut Http<'_, Socket>) -> Result<Version, Trouble> {
    let mut driver = device.driver::<D>()?;
    or_trouble(driver.provision_root(root), None)?;
    match driver.provision(http, now()) {
        Err(Stop::NothingToProvision(_)) => Err(Trouble::NothingToProvision {
            folder: device.folder.root().to_owned(),
        }),
        provisioned => or_trouble(provisioned, http.failed()),
    }
}

/// Does something with a device that is switched on, and then writes down what its flash holds, however it went.
fn switched_on(folder: &Folder, work: impl FnOnce(&FlashDevice) -> Result<Told, Trouble>) -> Result<Told, Trouble> {
    let device = FlashDevice::open(folder)?;
    let told = work(&device);
    device.save()?;
    told
}

/// What the bootloader does: decides what runs, and counts the boot of a trial.
pub fn boot(folder: &Folder) -> Result<Told, Trouble> {
    switched_on(folder, |device| {
        let chosen = or_trouble(bootloader::choose_slot(&device.storage(), &mut || ()), None)?;
        let run = chosen.map_err(Trouble::NothingBootable)?;
        let (outcome, why) = match run.why {
            Why::Confirmed => ("confirmed", "the confirmed image".to_owned()),
            Why::FellBack => (
                "fell-back",
                "the confirmed image was damaged; this is the other one".to_owned(),
            ),
            Why::Reverted { .. } => (
                "reverted",
                "the trial was not confirmed; back to the confirmed image".to_owned(),
            ),
            Why::Trial { attempts_left } => (
                "trial",
                format!("on trial; {attempts_left} more boots until it is reverted"),
            ),
        };
        let Placed { slot, image } = run.placed;
        let span = device.map.slots.slot(slot);
        Ok(Told::fine(outcome, format!("run slot {slot:?} ({why})"))
            .with("slot", letter(slot))
            .with("file", device.folder.flash().display().to_string())
            .with("offset", span.start)
            .with("length", image.length))
    })
}

/// A slot in JSON.
const fn letter(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "a",
        Slot::B => "b",
    }
}

/// Asks the repository and installs what it finds.
pub fn install(folder: &Folder) -> Result<Told, Trouble> {
    switched_on(folder, |device| {
        let mut repository = device.repository()?;
        let mut http = repository.http();
        let outcome = match device.settings.identity.profile {
            Word::Small => update::<SmallState>(device, &mut http),
            Word::Standard => update::<StandardState>(device, &mut http),
        }?;
        Ok(device.with_cost(tell(&outcome), &http))
    })
}

fn update<D: Decoder>(device: &FlashDevice, http: &mut Http<'_, Socket>) -> Result<Outcome, Trouble> {
    let updated = device.driver::<D>()?.update(http, now());
    or_trouble(updated, http.failed())
}

/// What an update came to.
pub fn tell(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Installed {
            version,
            way,
            fell_back,
        } => {
            let (word, by) = match way {
                Way::Delta => ("delta", "by a delta"),
                Way::File => ("file", "from the full image"),
                Way::Whole => ("whole", "by a patch from nothing"),
            };
            let sentence = format!("installed version {version} {by}; the next boot tries it");
            Told::fine("installed", sentence)
                .with("version", version.to_string())
                .with("way", word)
                .with("fell_back", fell_back.map(|fell_back| fell_back.fault.name()))
        }
        Outcome::MoreRoots => Told::fine("more-roots", "the chain of roots goes on; run again"),
        Outcome::NoRelease => Told::fine("no-release", "the repository has no release for this device yet"),
        Outcome::Refused(refusal) => Told {
            exit: 1,
            ..Told::fine("refused", format!("the newest release is refused: {refusal}")).with("name", refusal.name())
        },
        Outcome::UpToDate => Told::fine("up-to-date", "the newest release runs already"),
        Outcome::Waiting(reason) => {
            Told::fine("waiting", format!("the newest release has to wait: {reason}")).with("name", reason.name())
        }
    }
}

/// Runs the health check of an open trial.
pub fn confirm(folder: &Folder) -> Result<Told, Trouble> {
    switched_on(folder, |device| {
        Ok(match self_test(device)? {
            SelfTest::Confirmed { version } => {
                Told::fine("confirmed", format!("healthy: version {version} is confirmed")).with("version", version)
            }
            SelfTest::NoTrial => Told::fine("no-trial", "there is no trial to confirm"),
            SelfTest::NotBooted => not_booted(),
        })
    })
}

/// What is said of an image that waits for its first boot.
pub fn not_booted() -> Told {
    Told::fine(
        "reboot-due",
        "a new image is installed and was not booted yet; reboot to try it",
    )
}

/// How a self test that did not fail ended.
pub enum SelfTest {
    /// The trial is confirmed.
    Confirmed {
        /// The version that is confirmed.
        version: String,
    },
    /// Nothing was on trial.
    NoTrial,
    /// The image on trial never ran: what runs now says nothing about it.
    NotBooted,
}

/// Looks at what is on trial, as it stands in its slot, and records the verdict. A failed check is an error.
pub fn self_test(device: &FlashDevice) -> Result<SelfTest, Trouble> {
    let mut records = device.storage().boot_records()?;
    let State::Trial { trial, .. } = records.state() else {
        return Ok(SelfTest::NoTrial);
    };
    if trial.attempts_left == trial.attempts {
        return Ok(SelfTest::NotBooted);
    }
    match check(device, trial.placed.slot) {
        Ok(()) => {
            let confirmed = records.confirm()?;
            let state = device.storage().state()?;
            let version = version(&state, &confirmed);
            Ok(SelfTest::Confirmed { version })
        }
        Err(unhealthy) => {
            records.fail()?;
            Err(unhealthy)
        }
    }
}

fn check(device: &FlashDevice, slot: Slot) -> Result<(), Trouble> {
    let Some(expected) = device.settings.trial.first_byte()? else {
        return Ok(());
    };
    let mut bytes = [0; 4];
    let mut region = device.storage().slot(slot).map_err(Trouble::Flash)?;
    region.read(0, &mut bytes).map_err(Trouble::Flash)?;
    let [found, ..] = bytes;
    if found == expected {
        return Ok(());
    }
    let slot = letter(slot);
    Err(Trouble::HealthCheck { slot, found, expected })
}

fn version(state: &DeviceState, placed: &Placed) -> String {
    state
        .version_of(&placed.image.digest)
        .map_or_else(|| "unknown".to_owned(), |version| version.to_string())
}

/// What is installed and what is trusted.
pub fn status(folder: &Folder) -> Result<Told, Trouble> {
    let device = FlashDevice::open(folder)?;
    let state = device.storage().state()?;
    let records = device.storage().boot_records()?;
    let trusted = &state.trusted;
    let encoded: [u8; 32] = Sha256::digest(state.encode()).into();
    let mut told = Told::fine("status", "")
        .with("counter", records.counter())
        .with("failed", records.failed().len())
        .with("root_version", trusted.root.version.as_u64())
        .with("time_floor", trusted.floor.to_string())
        // All that the device trusts, in a word: it is another one when anything of it is.
        .with("trusted", Hex(&encoded).to_string());
    let runs = match records.state() {
        State::Confirmed { confirmed, .. } => {
            told = told.with("confirmed", version(&state, &confirmed));
            format!("version {} is confirmed", version(&state, &confirmed))
        }
        State::Trial { confirmed, trial } => {
            told = told
                .with("confirmed", version(&state, &confirmed))
                .with("trial", version(&state, &trial.placed))
                .with("attempts_left", trial.attempts_left);
            format!(
                "version {} is on trial ({} boots left), version {} is confirmed",
                version(&state, &trial.placed),
                trial.attempts_left,
                version(&state, &confirmed)
            )
        }
        State::Unprovisioned => "the boot record is empty".to_owned(),
        State::Damaged => "the boot record is damaged".to_owned(),
    };
    if let Some(timestamp) = &trusted.timestamp {
        told = told.with("timestamp_version", timestamp.file.version.as_u64());
    }
    told.sentence = format!(
        "{runs}; counter {}; root {}; time floor {}",
        records.counter(),
        trusted.root.version,
        trusted.floor
    );
    Ok(told)
}
