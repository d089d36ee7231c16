//! A device that was off for years, while its repository replaced its root over and over.

use super::{NOW, Part, Worn};
use crate::device::small::Network;
use crate::nor::{Cut, NorError, Random, Tear};
use crate::simulator::Simulator;
use crate::simulator::keys::Key;
use crate::simulator::release::{firmware_of, successor};
use crate::simulator::time::DAY_S;
use tuffet_no_std_client::{DeviceState, Outcome, Stop};

const IMAGE_BYTES: usize = 12 * 1024;
const YEAR_S: u64 = 365 * DAY_S;
/// Roots that one run walks.
const ROOTS_PER_RUN: u64 = 32;
/// Operations between two cuts, at most: a root takes about ten.
const CUT_WITHIN: usize = 150;

/// How the power is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// It stays.
    None,
    /// It goes behind each run.
    BetweenRuns,
    /// It goes at random operations, and leaves what such a cut may leave.
    Random {
        /// Of the random numbers.
        seed: u64,
    },
}

/// What it took to wake up.
#[derive(Debug, Clone)]
pub struct Slept {
    /// Roots behind the one that it knew.
    pub roots: u64,
    /// Runs that it took, each but the last with the word that there are more roots. Counted where the power goes behind each of them.
    pub runs: Option<u64>,
    /// How often the power went.
    pub cuts: u64,
    /// What it wore, up to the confirmed update.
    pub worn: Worn,
}

/// A repository and its roots.
struct Repository {
    simulator: Simulator,
    /// When each root was signed, and whether it replaced the online keys; from version 1 on.
    roots: Vec<(u64, bool)>,
}

impl Repository {
    /// When the factory made its devices.
    fn young() -> Self {
        let simulator = Simulator::healthy_with(NOW, |release| release.carry(firmware_of("1.0.0", IMAGE_BYTES)));
        Self {
            simulator,
            roots: vec![(NOW - DAY_S, false)],
        }
    }

    /// So many years later, with so many roots each year. The last one of each year has other online keys.
    fn grown_old(&mut self, years: u64, roots_per_year: u64) {
        let simulator = &mut self.simulator;
        let mut online = None;
        for root in 1..=years * roots_per_year {
            simulator.now = NOW + YEAR_S * root / roots_per_year;
            simulator.stage_root();
            let replaces = root % roots_per_year == 0;
            if replaces {
                let keys = ["timestamp", "snapshot"].map(|role| Key::of(&format!("{role} of root {root}")));
                for (role, key) in ["timestamp", "snapshot"].into_iter().zip(&keys) {
                    simulator.root.signed["keys"][key.id()] = key.object();
                    simulator.set_root_keys(role, std::slice::from_ref(key), 1);
                }
                // Keys that no role has any more are not kept in the table: a root has 8 KiB.
                drop_unused_keys(simulator);
                online = Some(keys);
            }
            simulator.publish_root();
            self.roots.push((simulator.now, replaces));
        }
        simulator.now += DAY_S;
        let first = simulator.release.image.clone();
        simulator.stage("2.0.0");
        simulator.release.carry(successor("2.0.0", &first));
        let now = simulator.now;
        let delegated = simulator.delegated.values_mut();
        for role in delegated.chain([&mut simulator.targets]) {
            role.revise(role.version() + 1, now);
        }
        if let Some([timestamp, snapshot]) = online {
            simulator.timestamp.sign_with([&timestamp]);
            simulator.snapshot.sign_with([&snapshot]);
        }
        simulator.publish();
    }

    /// The floor of a device that walked to this root and has not ended a cycle since: the time at which the last one was signed that replaced keys, or what it
    /// was.
    fn floor(&self, before: u64, version: u64) -> u64 {
        let walked = &self.roots[..version as usize];
        let replaced = walked.iter().rev().find(|(_, replaces)| *replaces);
        replaced.map_or(before, |(signed_at, _)| *signed_at)
    }
}

fn drop_unused_keys(simulator: &mut Simulator) {
    let used: Vec<String> = ["root", "snapshot", "targets", "timestamp"]
        .iter()
        .flat_map(|role| {
            simulator.root.signed["roles"][role]["keyids"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    if let Some(keys) = simulator.root.signed["keys"].as_object_mut() {
        keys.retain(|id, _| used.contains(id));
    }
}

/// A device without a clock sleeps so many years, through so many roots a year; then it wakes up, and is updated.
///
/// # Panics
///
/// When it does not walk, store and end as it must.
#[must_use]
pub fn slept(years: u64, roots_per_year: u64, cuts: Cuts) -> Slept {
    let mut repository = Repository::young();
    let mut part = Part::provisioned(&repository.simulator);
    part.lose_clock();
    let before = part.state();
    repository.grown_old(years, roots_per_year);
    let mut awake = Awake {
        floor: before.trusted.floor.as_secs(),
        version: before.trusted.root.version.as_u64(),
        network: Network::to(repository.simulator.site.clone()),
        repository: &repository,
        part: &part,
        runs: 0,
        cuts: 0,
    };
    match cuts {
        Cuts::None => {}
        Cuts::BetweenRuns => awake.runs_with_cuts_between(),
        Cuts::Random { seed } => awake.cut_at_random(seed),
    }
    awake.updates();
    let (runs, power_cuts) = (awake.runs, awake.cuts);
    let roots = years * roots_per_year;
    let what = format!("{roots} roots and an update");
    Slept {
        roots,
        runs: (cuts == Cuts::BetweenRuns).then_some(runs),
        cuts: power_cuts,
        worn: Worn::of(what, 1, part.flash()),
    }
}

/// A device on its way through the roots.
struct Awake<'p> {
    repository: &'p Repository,
    part: &'p Part,
    network: Network,
    /// Of the factory.
    floor: u64,
    /// Of the root that it stored last.
    version: u64,
    runs: u64,
    cuts: u64,
}

impl Awake<'_> {
    /// Looks at what is stored, behind a run or a cut.
    fn look(&mut self) -> DeviceState {
        let state = self.part.state();
        let version = state.trusted.root.version.as_u64();
        assert!(
            version >= self.version,
            "the root went back from {} to {version}",
            self.version
        );
        self.version = version;
        state
    }

    /// What is stored while the cycle has not ended.
    fn assert_on_the_way(&mut self) {
        let state = self.look();
        let floor = state.trusted.floor.as_secs();
        assert_eq!(
            floor,
            self.repository.floor(self.floor, self.version),
            "the floor at root {}",
            self.version
        );
        let has_replaced = self.repository.roots[..self.version as usize]
            .iter()
            .any(|(_, replaces)| *replaces);
        assert_eq!(
            state.trusted.timestamp.is_none(),
            has_replaced,
            "what the replaced keys signed is forgotten, and nothing else"
        );
    }

    fn power_goes(&mut self) {
        self.part.flash().borrow_mut().power_on();
        self.cuts += 1;
    }

    /// Run by run, each followed by a reset.
    fn runs_with_cuts_between(&mut self) {
        let last = self.repository.roots.len() as u64;
        loop {
            let began_at = self.version;
            let has_more = self.part.run(&mut self.network).expect("the power stays");
            self.runs += 1;
            self.power_goes();
            let state = self.look();
            if !has_more {
                assert_eq!(state.trusted.root.version.as_u64(), last);
                break;
            }
            assert_eq!(
                self.version,
                began_at + ROOTS_PER_RUN,
                "a run walks so many roots, and stores the last"
            );
            self.assert_on_the_way();
        }
    }

    /// Cycles that are cut, until all roots are walked.
    fn cut_at_random(&mut self, seed: u64) {
        let mut random = Random::new(seed);
        let last = self.repository.roots.len() as u64;
        while self.version < last {
            let cut = Cut {
                operation: random.below(CUT_WITHIN),
                tear: Tear::Any { seed: random.number() },
            };
            self.part.flash().borrow_mut().cut_at(cut);
            let outcome = self.part.cycle(&mut self.network);
            let is_cut = self.part.flash().borrow().is_off();
            assert!(is_cut, "the power goes before the roots end: {outcome:?}");
            self.power_goes();
            self.look();
            if self.version < last {
                self.assert_on_the_way();
            }
        }
    }

    /// One more cycle ends with the update.
    fn updates(&mut self) {
        let outcome: Result<Outcome, Stop<NorError>> = self.part.cycle(&mut self.network);
        assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{outcome:?}");
        self.part.try_out();
        let again = self.part.cycle(&mut self.network);
        assert_eq!(again, Ok(Outcome::UpToDate));
        let state = self.look();
        assert_eq!(self.version, self.repository.roots.len() as u64);
        // The newest signed time of the cycle: everything below the root was signed at the end.
        assert_eq!(state.trusted.floor.as_secs(), self.repository.simulator.now);
    }
}
