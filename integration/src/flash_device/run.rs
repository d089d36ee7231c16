//! The poll loop.

use super::commands::{SelfTest, not_booted, self_test, tell};
use super::device::{FlashDevice, now, or_trouble};
use super::folder::{Folder, Word};
use super::report::{Report, Told};
use super::trouble::Trouble;
use std::time::Duration;
use tuffet_no_std_client::Outcome;
use tuffet_no_std_client::patch::{Decoder, SmallState, StandardState};
use tuffet_no_std_client::wire::UnixSeconds;

/// How long to poll.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop after so many peeks and cycles (0: never).
    #[arg(long, default_value_t = 0)]
    tasks: u64,
}

/// Polls until a reboot is due: an update was installed, or a trial failed.
pub fn command(folder: &Folder, report: Report, arguments: &Arguments) -> Result<Told, Trouble> {
    let device = FlashDevice::open(folder)?;
    let tested = self_test(&device);
    device.save()?;
    match tested? {
        SelfTest::Confirmed { version } => report.note(&format!("healthy: version {version} is confirmed")),
        SelfTest::NoTrial => {}
        SelfTest::NotBooted => return Ok(not_booted()),
    }
    match device.settings.identity.profile {
        Word::Small => poll::<SmallState>(&device, report, arguments),
        Word::Standard => poll::<StandardState>(&device, report, arguments),
    }
}

fn poll<D: Decoder>(device: &FlashDevice, report: Report, arguments: &Arguments) -> Result<Told, Trouble> {
    let mut repository = device.repository()?;
    let mut http = repository.http();
    let mut driver = device.driver::<D>()?;
    let mut task = 0;
    loop {
        task += 1;
        sleep_until(driver.due_at());
        let turned = driver.turn(&mut http, now(), random()?);
        let outcome = or_trouble(turned, http.failed());
        device.save()?;
        let is_last = task == arguments.tasks;
        match outcome {
            Ok(outcome) => {
                let told = tell(&outcome);
                if is_last || matches!(outcome, Outcome::Installed { .. }) {
                    return Ok(device.with_cost(told, &http));
                }
                report.note(&told.sentence);
            }
            Err(trouble) if is_last || !trouble.is_retried() => return Err(trouble),
            Err(trouble) => report.note(&format!("{trouble}; next try at {}", driver.due_at())),
        }
    }
}

fn random() -> Result<u32, Trouble> {
    getrandom::u32().map_err(|error| Trouble::storage("draw random bytes from", "the system".as_ref(), error.into()))
}

fn sleep_until(due_at: UnixSeconds) {
    let seconds = due_at.as_secs().saturating_sub(now().as_secs());
    std::thread::sleep(Duration::from_secs(seconds));
}
