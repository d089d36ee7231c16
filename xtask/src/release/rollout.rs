use std::path::PathBuf;

use clap::Subcommand;
use tuffet_keys_tool::SecretKey;
use tuffet_server::{
    Id, RolloutState, UnixSeconds, Wave, clock,
    online::OnlineKeys,
    product::Product,
    proposal::Proposal,
    publish::publish,
    repository::{Published, Repository},
    roles::Lifetimes,
    rollout::{RolloutPlan, propose_rollout},
};

use crate::failure::Failure;
use crate::vendor::{self, Lock, Output};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say which share of the devices gets the newest release of a channel, from when on.
    Set(Set),
}

#[derive(Debug, clap::Args)]
pub struct Set {
    /// The product's folder.
    product: PathBuf,
    /// The repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// The channel.
    #[arg(long, value_parser = vendor::id)]
    channel: Id,
    /// Only for this hardware; may be given more than once.
    #[arg(long, value_parser = vendor::id)]
    hardware: Vec<Id>,
    /// A share of all devices, and when it may install: `10%` (from now on) or `10%@2031-01-31T12:00:00Z`. In order.
    #[arg(long, value_name = "SHARE[@TIME]", value_parser = wave)]
    wave: Vec<PlannedWave>,
    /// Hold the rollout: nobody installs until it is set again without this.
    #[arg(long)]
    pause: bool,
    /// The operator's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Folder with the keys of snapshot and timestamp.
    #[arg(long, value_name = "FOLDER")]
    online_keys: PathBuf,
    #[command(flatten)]
    lock: Lock,
    #[command(flatten)]
    output: Output,
}

/// A wave as it is given.
#[derive(Copy, Clone, Debug)]
pub struct PlannedWave {
    share_ppm: u32,
    start: Option<UnixSeconds>,
}

pub fn run(command: &Command) -> Result<(), Failure> {
    let Command::Set(arguments) = command;
    let product = Product::load(&arguments.product)?;
    let repository = Repository::open(&arguments.repo)?;
    let passphrase = arguments.lock.passphrase(&arguments.key)?;
    let key = SecretKey::load(&arguments.key, &passphrase).map_err(vendor::keys_failure)?;
    let online = OnlineKeys::load(&arguments.online_keys, &passphrase)?;
    let (lifetimes, now) = (Lifetimes::default(), clock::now());
    let plan = RolloutPlan {
        channel: arguments.channel,
        hardware: arguments.hardware.clone(),
        state: if arguments.pause {
            RolloutState::Paused
        } else {
            RolloutState::Active
        },
        waves: arguments.wave.iter().map(|wave| wave.from(now)).collect(),
    };
    let version = Published::load(&repository)?.timestamp.role.version;
    let folder = arguments
        .product
        .join("rollouts")
        .join(format!("{}-{version}", arguments.channel));
    if Proposal::open(&folder).is_ok() {
        // Left by a run that was cut: nothing was published since, or the version would be another one.
        std::fs::remove_dir_all(&folder).map_err(|error| Failure::file("cannot remove", &folder, &error))?;
    }
    let mut proposal = propose_rollout(&repository, &product, &plan, &folder, &lifetimes, now)?;
    proposal.sign(&key)?;
    let outcome = publish(&repository, &proposal, &online, &lifetimes, now)?;
    super::print_outcome(&arguments.output, proposal.title(), outcome);
    Ok(())
}

impl PlannedWave {
    fn from(self, now: UnixSeconds) -> Wave {
        Wave {
            share_ppm: self.share_ppm,
            start: self.start.unwrap_or(now),
        }
    }
}

/// `10%`, `0.5%` or `10%@TIME`.
fn wave(text: &str) -> Result<PlannedWave, String> {
    let (share, start) = match text.split_once('@') {
        None => (text, None),
        Some((share, time)) => (share, Some(vendor::time(time)?)),
    };
    let share_ppm = share.strip_suffix('%').and_then(parts_per_million);
    let share_ppm = share_ppm.ok_or("a share is a percentage from 0% to 100% with at most four decimals")?;
    Ok(PlannedWave { share_ppm, start })
}

/// Exact, because a share is signed: no floating point.
fn parts_per_million(percent: &str) -> Option<u32> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let share: u32 = format!("{whole}{decimals:0<4}").parse().ok()?;
    (share <= 1_000_000).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, share_ppm) in [
            ("10%", 100_000),
            ("0.5%", 5_000),
            ("100%", 1_000_000),
            ("0.0001%", 1),
            ("0%", 0),
        ] {
            assert_eq!(wave(text).unwrap().share_ppm, share_ppm, "{text}");
        }
        for text in [
            "",
            "%",
            "10",
            "101%",
            "100.0001%",
            "0.00001%",
            "-1%",
            "1e1%",
            "+5%",
            ".5%",
            "10%@soon",
        ] {
            assert!(wave(text).is_err(), "{text}");
        }
        assert_eq!(
            wave("10%@2031-01-31").unwrap().start,
            UnixSeconds::parse("2031-01-31T00:00:00Z")
        );
    }
}
