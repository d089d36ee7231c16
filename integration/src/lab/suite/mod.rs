//! The suites: what a board is put through.
//!
//! A case begins where the one before it ended, or with the factory's contents. What it needs to have passed before, it names;
//! without that it is skipped, and says why.

mod attack;
mod power;
mod smoke;
mod update;

use super::bench::{Bench, Halt, Judgement};
use super::pattern::{Event, Kind};
use super::releases::Releases;
use crate::simulator::Simulator;
use std::time::{Duration, Instant};

pub use attack::ROWS;

/// A suite, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// The provisioned old firmware boots, and boots again.
    Smoke,
    /// From the old firmware to the new one, over the network.
    Update,
    /// The same with the power cut at many instants.
    Power,
    /// Rows of the attack table: each is refused, and then the honest release taken.
    Attack,
}

/// How often and when the power is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// How often.
    pub count: u32,
    /// Where the instants come from.
    pub seed: u64,
}

/// What all cases of a run share.
pub struct Scene {
    /// The board.
    pub bench: Bench,
    /// What it is updated from and to.
    pub releases: Releases,
    /// The repository when the board left the factory.
    pub factory: Simulator,
    /// The flash then.
    pub contents: Vec<u8>,
    /// How long an update may take.
    pub update_limit: Duration,
    /// How long one took that nobody disturbed.
    pub undisturbed: Option<Duration>,
}

/// One case.
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Which case must have passed, by its index in the suite.
    pub needs: Option<usize>,
    /// Does it, and says what was seen.
    pub run: Act,
}

/// What a case does.
pub type Act = Box<dyn FnOnce(&mut Scene) -> Result<String, Halt>>;

impl Suite {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Smoke, Self::Update, Self::Power, Self::Attack];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Update => "update",
            Self::Power => "power",
            Self::Attack => "attack",
        }
    }

    /// What it shows, in a sentence.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Smoke => "the provisioned old firmware boots, after a reset and after a power cut too",
            Self::Update => {
                "the board takes the new firmware over the network, tries it, confirms it, and stays with it"
            }
            Self::Power => {
                "the power goes in the middle of an update, at many instants: it boots, and ends with the new firmware"
            }
            Self::Attack => {
                "rows of the attack table: the board refuses each with its name, and takes the honest release then"
            }
        }
    }

    /// Its cases.
    #[must_use]
    pub fn cases(self, cuts: Cuts) -> Vec<Case> {
        match self {
            Self::Smoke => smoke::cases(),
            Self::Update => update::cases(),
            Self::Power => power::cases(cuts),
            Self::Attack => attack::cases(),
        }
    }
}

impl Case {
    fn new(
        name: impl Into<String>,
        needs: Option<usize>,
        run: impl FnOnce(&mut Scene) -> Result<String, Halt> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            needs,
            run: Box::new(run),
        }
    }
}

impl Scene {
    /// Puts the board back to the factory, where its repository is the one that it was made from.
    fn back_to_factory(&mut self) -> Result<(), Halt> {
        let site = self.factory.site.clone();
        Ok(self.bench.factory(&self.contents, site)?)
    }

    /// Waits until the application says that it is of this version.
    fn boots(&mut self, version: &str) -> Result<Event, Halt> {
        let app = self.bench.wait_for_app()?;
        if app.version() == version {
            return Ok(app);
        }
        Err(Halt::Unmet(format!(
            "the application says that it is {}, and {version} was to run",
            app.version()
        )))
    }

    /// Waits until the new firmware runs and is confirmed, or says that nothing is newer; `running` is what runs now.
    fn converges(&mut self, running: &str) -> Result<(), Halt> {
        let mut running = running.to_owned();
        let new = self.releases.new.version.clone();
        let limit = self.update_limit;
        self.bench
            .wait(&format!("the confirmed {new}"), limit, |event| match event.kind {
                Kind::App => {
                    event.version().clone_into(&mut running);
                    Judgement::GoOn
                }
                Kind::Confirmed | Kind::UpToDate if running == new => Judgement::Done,
                Kind::Refused => Judgement::Wrong(format!("the board refuses the honest release ({})", name(event))),
                Kind::Boot
                | Kind::Confirmed
                | Kind::Error
                | Kind::Installed
                | Kind::NoRelease
                | Kind::Recovery
                | Kind::UpToDate
                | Kind::Waiting => Judgement::GoOn,
            })?;
        Ok(())
    }
}

/// What a refusal or an error is called, with its code if it has one.
fn name(event: &Event) -> String {
    let words = [event.value("error"), event.value("name")];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() {
        "it does not say why".to_owned()
    } else {
        words.join(" ")
    }
}

/// Whether an update ended because the repository could not be reached: nothing was judged, and the board asks again.
fn is_network(event: &Event) -> bool {
    event.kind == Kind::Error && event.value("error") == Some("transport")
}

fn since(started: Instant) -> String {
    format!("{:.1} s", started.elapsed().as_secs_f32())
}

/// In which slot the application runs, if it says so.
fn slot(app: &Event) -> String {
    app.value("slot")
        .map_or_else(String::new, |slot| format!(" in slot {slot}"))
}
