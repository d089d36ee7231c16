//! `tuffet-client run`: the poll loop.

use super::confirm::{NOT_BOOTED, SelfTest, self_test};
use super::install::carry_out;
use super::{Told, Verdict, with_cost};
use crate::agent::Agent;
use crate::clock;
use crate::device::DeviceFolder;
use crate::error::{ClientError, StorageError};
use crate::report::Report;
use crate::transport::{Conditional, Transport};
use serde_json::{Map, json};
use std::path::Path;
use std::time::Duration;
use tuffet_no_std_client::poll::{AfterPeek, Peeked, Poll, Schedule, Task};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Action, Failure};

/// How long to poll.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop after so many peeks and cycles (0: never).
    #[arg(long, default_value_t = 0)]
    tasks: u64,
}

/// Polls until a reboot is due: an update was installed, or a trial failed. The supervisor of the process reboots.
pub fn command(folder: &DeviceFolder, report: Report, arguments: &Arguments) -> Result<Verdict, ClientError> {
    let (agent, _lock) = Agent::open(folder, report)?;
    match self_test(&agent)? {
        SelfTest::Confirmed { version } => report.note(&format!("healthy: version {version} is confirmed")),
        SelfTest::NoTrial => {}
        SelfTest::NotBooted => {
            let mut object = Map::new();
            object.insert("ok".into(), json!(true));
            object.insert("outcome".into(), json!("reboot-due"));
            object.insert("message".into(), json!(NOT_BOOTED));
            report.result(&[NOT_BOOTED.to_owned()], object);
            return Ok(Verdict::Fine);
        }
    }
    let transport = Transport::open(&agent.settings.repository.address)?;
    let mut polling = Polling::new(&agent, &transport);
    for task in 1_u64.. {
        sleep_until(polling.poll.due_at());
        let is_last = task == arguments.tasks;
        match polling.turn() {
            Ok(told) if is_last || told.is_installed() => {
                report.result(&told.sentences, with_cost(told.object, &transport));
                return Ok(told.verdict);
            }
            Ok(told) => report.note(&told.sentences.join("; ")),
            Err(error) if is_last || !is_retried(&error) => return Err(error),
            Err(error) => report.note(&format!("{error}; next try at {}", polling.poll.due_at())),
        }
    }
    Ok(Verdict::Fine)
}

/// What ends a task, and not the loop: it may be better next time.
fn is_retried(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { failure } => failure.action() == Action::EndCycle,
        ClientError::Transport(_) => true,
        ClientError::BadSetting { .. }
        | ClientError::BadSettings { .. }
        | ClientError::Boot(_)
        | ClientError::Busy { .. }
        | ClientError::DamagedStore { .. }
        | ClientError::HealthCheck { .. }
        | ClientError::NotProvisioned { .. }
        | ClientError::NothingToProvision { .. }
        | ClientError::ProvisionedAlready { .. }
        | ClientError::Storage(_) => false,
    }
}

/// The poll loop's memory.
struct Polling<'a> {
    agent: &'a Agent,
    transport: &'a Transport,
    poll: Poll,
    etag: Option<String>,
}

impl<'a> Polling<'a> {
    fn new(agent: &'a Agent, transport: &'a Transport) -> Self {
        let settings = &agent.settings.poll;
        let schedule = Schedule {
            interval_s: settings.interval_s,
            cycle_interval_s: settings.cycle_interval_s,
            ..Schedule::DEFAULT
        };
        Self {
            agent,
            transport,
            poll: Poll::after_restart(schedule, clock::now()),
            etag: None,
        }
    }
}

impl Polling<'_> {
    /// Does what is due, and notes the outcome in the schedule.
    fn turn(&mut self) -> Result<Told, ClientError> {
        let outcome = self.task();
        if let Err(error) = &outcome {
            let retry_after_s = if let ClientError::Transport(error) = error {
                error.retry_after_s()
            } else {
                None
            };
            self.poll.failed(clock::now(), retry_after_s, random()?);
        }
        outcome
    }

    fn task(&mut self) -> Result<Told, ClientError> {
        let timestamp = self.agent.store.state()?.trusted.timestamp;
        let task = self
            .poll
            .task(clock::now(), timestamp.map(|timestamp| timestamp.file.expires));
        match (task, self.etag.clone()) {
            (Task::Cycle, _) | (Task::Peek, None) => self.cycle(),
            (Task::Peek, Some(etag)) => {
                let peeked = match self.transport.peek("metadata/timestamp.json", &etag)? {
                    Conditional::Changed => Peeked::Changed,
                    Conditional::NotModified => Peeked::Unchanged,
                };
                match Poll::after(peeked) {
                    AfterPeek::Cycle => self.cycle(),
                    AfterPeek::DecideAgain => self.again(),
                }
            }
        }
    }

    /// A full cycle with the repository, and the installation if it says so.
    fn cycle(&mut self) -> Result<Told, ClientError> {
        let agent = self.agent;
        let cycle = agent.cycle(agent.running()?, agent.store.state()?, self.transport)?;
        if let Some(etag) = &cycle.timestamp_etag {
            self.etag = Some(etag.clone());
        }
        let told = carry_out(agent, cycle, self.transport)?;
        self.poll.cycled(clock::now(), random()?);
        Ok(told)
    }

    /// The decision once more, about what is stored: a wave may have opened.
    fn again(&mut self) -> Result<Told, ClientError> {
        let agent = self.agent;
        match agent.again(agent.running()?, agent.store.state()?) {
            // What is kept does not carry a decision any more: the repository has it.
            Err(ClientError::Refused {
                failure: Failure::StoredTooOld,
            }) => self.cycle(),
            cycle => {
                let told = carry_out(agent, cycle?, self.transport)?;
                self.poll.decided(clock::now(), random()?);
                Ok(told)
            }
        }
    }
}

fn random() -> Result<u32, ClientError> {
    getrandom::u32()
        .map_err(|error| StorageError::new("draw random bytes from", Path::new("the system"), error.into()).into())
}

fn sleep_until(due_at: UnixSeconds) {
    let seconds = due_at.as_secs().saturating_sub(clock::now().as_secs());
    std::thread::sleep(Duration::from_secs(seconds));
}
