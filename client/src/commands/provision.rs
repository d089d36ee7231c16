//! `tuffet-client provision`: the factory state of a new device.
//!
//! - The factory verifies like a device: from the first root through the whole ladder to the image. There is no other way
//!   to a slot.
//! - What makes a device provisioned is `device.toml`, written last. A cut before it leaves a folder that says so.
//! - The rollout seed is not drawn here: it is the device's own, at its first boot. So the factory has no place in a wave,
//!   and the person at the station stands in for it; a release that is paused is not built in all the same.

use super::Verdict;
use crate::agent::Agent;
use crate::boot::{boot_error, create_records};
use crate::device::{DeviceFolder, DeviceSettings, Identity, LimitSettings, PollSettings, Repository, Trial};
use crate::error::{ClientError, StorageError};
use crate::install::into_spare_slot;
use crate::report::Report;
use crate::store::Store;
use crate::transport::Transport;
use serde_json::{Map, json};
use std::path::PathBuf;
use tuffet_no_std_client::tuf::{self, Every, Limits, RoleName, Session, Strict};
use tuffet_no_std_client::{DeviceState, Failure, Running};

/// What the factory knows about the device.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the device will find its updates: http://…, https://… or a folder.
    #[arg(long)]
    repository: String,
    /// Where the factory finds the first firmware, if not there: an address or a folder.
    #[arg(long)]
    factory_repository: Option<String>,
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
    /// The largest image that a slot can hold, in bytes.
    #[arg(long, default_value_t = 64 * 1_024 * 1_024)]
    slot_bytes: u32,
    /// How many boots a new firmware has to be confirmed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    attempts: u8,
    /// The health check: a program and its arguments, to the end of the line.
    #[arg(long, num_args = 1.., allow_hyphen_values = true)]
    health_check: Vec<String>,
    /// Seconds between two polls.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    poll_interval: u32,
    /// The most bytes of image files and patches that one update may download (default: as many as it takes). The factory's
    /// own download does not count.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    data_budget: Option<u32>,
}

impl Arguments {
    fn settings(&self) -> DeviceSettings {
        DeviceSettings {
            identity: Identity {
                product: self.product.clone(),
                hardware: self.hardware.clone(),
                channel: self.channel.clone(),
                slot_bytes: self.slot_bytes,
            },
            repository: Repository {
                address: lasting_address(&self.repository),
            },
            trial: Trial {
                attempts: self.attempts,
                health_check: self.health_check.clone(),
                ..Trial::default()
            },
            poll: PollSettings {
                interval_s: self.poll_interval,
                ..PollSettings::default()
            },
            limits: LimitSettings {
                data_budget_bytes: self.data_budget,
            },
        }
    }
}

/// Makes the factory state in an empty or new folder.
pub fn command(folder: &DeviceFolder, report: Report, arguments: Arguments) -> Result<Verdict, ClientError> {
    refuse_used_folder(folder)?;
    let settings = arguments.settings();
    let root = std::fs::read(&arguments.root).map_err(|error| StorageError::new("read", &arguments.root, error))?;
    // By every algorithm, as its updates will be: a key that is too weak for them is refused here.
    let trusted = Session::<Strict<Every>>::first_root(&mut root.as_slice(), &Limits::DEFAULT);
    let trusted = trusted.map_err(root_refused)?;
    let transport = Transport::open(arguments.factory_repository.as_deref().unwrap_or(&arguments.repository))?;
    // In the factory waves do not count, so this seed is never used.
    let agent = Agent::new(folder, settings, [0; 32], report)?;

    let store = Store::new(folder);
    store.create()?;
    let state = DeviceState::new(trusted);
    store.keep_metadata(&RoleName::Root, &root)?;
    store.save_state(&state)?;
    let cycle = agent.cycle(Running::FACTORY, state, &transport)?;
    let considered = cycle.update.considered().ok_or(Failure::Misuse)?;
    let Some(plan) = considered.plan() else {
        let reason = super::decision_sentence(considered);
        return Err(ClientError::NothingToProvision {
            folder: folder.root().to_owned(),
            reason,
        });
    };
    let version = plan.version.to_string();
    let arrived = into_spare_slot(&agent, cycle.update, &transport)?;
    let mut records = create_records(folder)?;
    records
        .provision(arrived.image.placed())
        .map_err(|error| boot_error(folder, error))?;
    folder.write_settings(&agent.settings)?;

    let mut object = Map::new();
    object.insert("ok".into(), json!(true));
    object.insert("outcome".into(), json!("provisioned"));
    object.insert("version".into(), json!(version));
    object.insert("bytes".into(), json!(transport.received_bytes()));
    super::tell_way(&arrived, &mut object);
    report.result(
        &[format!(
            "provisioned {} with version {version}",
            folder.root().display()
        )],
        object,
    );
    Ok(Verdict::Fine)
}

fn refuse_used_folder(folder: &DeviceFolder) -> Result<(), ClientError> {
    if folder.file("device.toml").exists() {
        return Err(ClientError::ProvisionedAlready {
            folder: folder.root().to_owned(),
        });
    }
    let path = folder.root();
    let is_used = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(StorageError::new("read", path, error).into()),
    };
    if is_used {
        return Err(ClientError::NotProvisioned {
            folder: path.to_owned(),
            half_done: true,
        });
    }
    Ok(())
}

fn root_refused(error: tuf::Error<std::convert::Infallible>) -> ClientError {
    match error {
        tuf::Error::Rejected(rejected) => Failure::Rejected(rejected).into(),
        tuf::Error::Storage(never) => match never {},
        tuf::Error::DamagedStore { .. } | tuf::Error::UnstableDocument { .. } => Failure::NoRoot.into(),
        tuf::Error::Misuse(_) | _ => Failure::Misuse.into(),
    }
}

/// The address as the device will use it: the path of a folder is made absolute, so that it means the same everywhere.
fn lasting_address(address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    std::path::absolute(address).map_or_else(|_| address.to_owned(), |path| path.display().to_string())
}
