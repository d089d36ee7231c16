//! One device, from one power-on to the next.

use super::{Fate, Moment, Scenario};
use crate::device::small::{Arrival, Layout, range};
use crate::device::{Device as _, Small};
use crate::nor::{Cut, NorError};
use crate::simulator::Simulator;
use sha2::{Digest as _, Sha256};
use tuffet_boot::{Run, State, Why};
use tuffet_no_std_client::release::Refusal;
use tuffet_no_std_client::{Outcome, Stop};

/// Boots in which a device must come to rest.
const BOOTS_MAX: usize = 16;

/// The power is off.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Off;

/// Why there is nothing more to do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The newest image has failed.
    FailedBefore,
    /// The newest image is confirmed.
    UpToDate,
}

/// What a device spent.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How often the power came.
    pub boots: usize,
    /// How many of these boots were of an image on trial.
    pub trial_boots: usize,
    /// Cycles.
    pub cycles: usize,
    /// Cycles that ended with an error.
    pub failures: usize,
}

/// One device.
pub struct Life<'s, S> {
    scenario: &'s Scenario<S>,
    device: Small<S>,
    /// What it had at rest when the power last came.
    moment: Moment,
    spent: Spent,
}

impl<'s, S: Layout> Life<'s, S> {
    /// A device whose part holds this.
    #[must_use]
    pub fn new(scenario: &'s Scenario<S>, contents: Vec<u8>) -> Self {
        let device = Small::with_contents(scenario.map, contents, &scenario.end);
        let moment = Moment::of(&device);
        Self {
            scenario,
            device,
            moment,
            spent: Spent::default(),
        }
    }

    /// Cuts the power at this operation from here.
    pub fn cut_at(&mut self, cut: Cut) {
        self.device.flash().borrow_mut().cut_at(cut);
    }

    /// The power comes again.
    ///
    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn power_on(&mut self) {
        let accesses = self.device.flash().borrow().accesses_after_cut();
        assert!(accesses <= S::ACCESSES_MAX, "{accesses} accesses after the power went");
        self.device.flash().borrow_mut().power_on();
        self.look();
    }

    fn look(&mut self) {
        let moment = Moment::of(&self.device);
        moment.assert_not_before(&self.moment);
        self.moment = moment;
    }

    /// The image that is confirmed, as the scenario has it.
    ///
    /// # Panics
    ///
    /// When it is none of the scenario.
    #[must_use]
    pub fn confirmed(&self) -> &'s super::Firmware {
        let (State::Confirmed { confirmed, .. } | State::Trial { confirmed, .. }) = self.moment.boot else {
            panic!("nothing is confirmed: {:?}", self.moment.boot);
        };
        let firmware = self.scenario.firmware(&confirmed.image.digest);
        firmware.expect("the confirmed image is one of the scenario")
    }

    /// What the device had at rest when the power last came.
    #[must_use]
    pub const fn moment(&self) -> &Moment {
        &self.moment
    }

    /// The device.
    pub const fn device(&mut self) -> &mut Small<S> {
        &mut self.device
    }

    /// What it spent so far.
    #[must_use]
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// The pieces of patches that came since the last call.
    pub fn take_arrivals(&mut self) -> Vec<Arrival> {
        self.device.network().take_arrivals()
    }

    /// What the part holds.
    #[must_use]
    pub fn into_contents(self) -> Vec<u8> {
        self.device.flash().borrow().contents().to_vec()
    }

    /// Serves this from now on.
    pub fn serve(&mut self, repository: &Simulator) {
        self.device.serve(repository);
    }

    /// The bootloader runs, and starts an image that may run.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn starts(&mut self) {
        self.boot().expect("the power stays");
    }

    /// Lives until the power goes, or until there is nothing more to do. The power is on already at first.
    pub fn survives_until_cut(&mut self) -> Result<(), Off> {
        for _ in 0..BOOTS_MAX {
            if let Some(Outcome::UpToDate | Outcome::Refused(_)) = self.live()? {
                break;
            }
            // A reset, while the power stays: the cut is still to come.
            self.look();
        }
        Ok(())
    }

    /// One power-on while this is served.
    pub fn stage(&mut self, repository: &Simulator) -> Result<(), Off> {
        self.device.serve(repository);
        let lived = self.power_on_and_live();
        self.device.serve(&self.scenario.end);
        lived.map(|_| ())
    }

    /// Lives on until there is nothing more to do, and that is the end of the scenario.
    ///
    /// # Panics
    ///
    /// When it takes too long, or something is not as it must be.
    pub fn settle(&mut self) -> Result<(), Off> {
        let rest = self.rest()?;
        self.assert_ended(rest);
        Ok(())
    }

    /// Lives on until there is nothing more to do.
    ///
    /// # Panics
    ///
    /// When it takes too long, or something is not as it must be.
    pub fn rest(&mut self) -> Result<Rest, Off> {
        for _ in 0..BOOTS_MAX {
            match self.power_on_and_live()? {
                Some(Outcome::UpToDate) => return Ok(Rest::UpToDate),
                Some(Outcome::Refused(Refusal::FailedBefore { .. })) => return Ok(Rest::FailedBefore),
                Some(Outcome::Installed { .. }) | None => {}
                Some(outcome) => panic!("the repository is refused: {outcome:?}"),
            }
        }
        panic!("not at rest after {BOOTS_MAX} boots: {:?}", self.moment);
    }

    fn assert_ended(&mut self, rest: Rest) {
        self.power_on();
        let confirmed = &self.scenario.firmware[self.scenario.confirmed];
        let State::Confirmed { confirmed: placed, .. } = self.moment.boot else {
            panic!("not confirmed at the end: {:?}", self.moment.boot);
        };
        assert_eq!(
            placed.image.digest, confirmed.digest,
            "another image is confirmed at the end, of security version {}",
            placed.image.security_version
        );
        assert_eq!(
            self.moment.counter, confirmed.security_version,
            "the counter at the end"
        );
        let has_failed = rest == Rest::FailedBefore;
        assert_eq!(
            has_failed, self.scenario.has_failed,
            "whether the newest image has failed"
        );
    }

    /// The power comes, the bootloader runs, and what it started runs until the next reset. The outcome, if that was an
    /// update cycle which came to its end.
    pub fn power_on_and_live(&mut self) -> Result<Option<Outcome>, Off> {
        self.power_on();
        self.live()
    }

    /// The same, when the power is on already.
    pub fn live(&mut self) -> Result<Option<Outcome>, Off> {
        self.spent.boots += 1;
        let run = self.boot()?;
        match run.why {
            Why::Trial { .. } => {
                self.spent.trial_boots += 1;
                self.try_out(&run)?;
                Ok(None)
            }
            Why::Confirmed | Why::Reverted { .. } => self.cycle(),
            Why::FellBack => panic!("the confirmed image was lost"),
        }
    }

    /// What the bootloader starts, which must be an image that may run.
    fn boot(&mut self) -> Result<Run, Off> {
        let answer = self.device.boot();
        let run = self.or_off(answer)?.expect("something boots");
        let flash = self.device.flash().borrow();
        let slot = &flash.contents()[range(self.scenario.map.slots.runs_at(run.placed.slot))];
        let digest: [u8; 32] = Sha256::digest(&slot[..run.placed.image.length as usize]).into();
        assert!(
            self.scenario.firmware(&digest).is_some() && digest == run.placed.image.digest,
            "what boots is no image of the scenario: {run:?}"
        );
        assert!(
            !self.moment.has_failed(&digest),
            "an image boots whose trial failed: {run:?}"
        );
        Ok(run)
    }

    fn try_out(&self, run: &Run) -> Result<(), Off> {
        let fate = self
            .scenario
            .firmware(&run.placed.image.digest)
            .map(|firmware| firmware.fate);
        let mut records = self.or_off(self.device.storage().boot_records())?;
        match fate {
            Some(Fate::Confirms) => self.or_off(records.confirm()).map(|_| ()),
            Some(Fate::Fails) => self.or_off(records.fail()).map(|_| ()),
            Some(Fate::Hangs) | None => Ok(()),
        }
    }

    fn cycle(&mut self) -> Result<Option<Outcome>, Off> {
        self.spent.cycles += 1;
        match self.device.cycle() {
            Ok(outcome) => Ok(Some(outcome)),
            Err(_) if self.is_off() => Err(Off),
            Err(Stop::Transport) => Ok(None),
            Err(stop) => {
                self.spent.failures += 1;
                assert!(
                    self.spent.failures <= self.scenario.failures_max,
                    "the cycle ends with an error: {stop:?}"
                );
                Ok(None)
            }
        }
    }

    fn is_off(&self) -> bool {
        self.device.flash().borrow().is_off()
    }

    fn or_off<T, E: Into<Stop<NorError>>>(&self, result: Result<T, E>) -> Result<T, Off> {
        result.map_err(|error| {
            let stop: Stop<NorError> = error.into();
            assert!(self.is_off(), "the boot record: {stop:?}");
            Off
        })
    }
}
