//! One row of the attack table, and what a device makes of it.

use super::INSTALLED;
use super::follow::{Followed, Verdict};
use crate::simulator::Simulator;
use crate::simulator::release::firmware;
use tuffet_no_std_client::tuf::{ClockPolicy, Flaw};
use tuffet_no_std_client::wire::UnixSeconds;

/// What an update cycle came to, in the device's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The new release stands in the spare slot and its trial begins.
    Installed,
    /// The repository has no release for this device.
    NoRelease,
    /// Refused, with the stable name of the refusal.
    Refused(String),
    /// The transport gave up: nothing was judged.
    Transport,
    /// There is nothing newer.
    UpToDate,
    /// There is something newer, and it has to wait, with the stable name of the reason.
    Waiting(String),
}

/// By which way an image came, in the device's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// `delta`, `file` or `whole`.
    pub way: String,
    /// What was wrong with a delta that was given up for it, by the stable name.
    pub fell_back: Option<String>,
}

/// Which devices a row is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// On the update machine in memory and on the client over HTTP.
    Everywhere,
    /// On the client only: the fault is one of HTTP.
    OverHttp,
    /// On the devices that keep a whole file beside their slots: the fault is in the packed image, or is found in the whole
    /// file.
    KeepingFiles,
    /// On small devices, which decode a patch while it comes.
    Streaming,
}

/// What a device goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// A clock that is right.
    Right,
    /// A clock that is right, and the attack comes long after now: when the repository says that it is.
    MuchLater,
    /// No clock, all its life: the floor of signed times alone.
    None,
    /// A clock that is trusted and shows this time, in seconds since 1970, while the attack lasts; else it is right.
    Wrong(u64),
}

impl Clock {
    /// What the device goes by when there is no attack.
    #[must_use]
    pub fn afterwards(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::MuchLater | Self::Right | Self::Wrong(_) => Self::Right,
        }
    }

    /// The same as the verifier takes it, while it is `now`.
    #[must_use]
    pub fn policy(self, now: UnixSeconds) -> ClockPolicy {
        match self {
            Self::MuchLater | Self::Right => ClockPolicy::Trusted { now },
            Self::None => ClockPolicy::FloorOnly,
            Self::Wrong(shown) => ClockPolicy::Trusted {
                now: UnixSeconds::new(shown),
            },
        }
    }
}

/// What the device has been through when the attack comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prelude {
    /// Release 1.9.0, with the very image of 2.0.0, was installed, and its trial failed.
    FailedTrial,
    /// Release 1.9.0 was installed, and waits for the boot that tries it.
    OpenTrial,
    /// It took note of the healthy repository, and had nothing to install.
    UpToDate,
}

/// A change to the bytes of a file.
pub type Edit = fn(&mut Vec<u8>);

/// One attack: what is served, and exactly what a device makes of it.
///
/// Every row starts from the same device: it runs release 1.0.0, and has seen the repository as `before` leaves it.
/// Release 2.0.0 is staged, then `attack` publishes whatever it wants.
#[derive(Debug, Clone)]
pub struct Row {
    /// `<role>_<fault>`.
    pub name: &'static str,
    /// The step of the TUF specification 1.0.34, or the rule of the design, that stands against it.
    pub step: &'static str,
    /// What happens to the healthy repository before the device sees it for the first time.
    pub before: fn(&mut Simulator),
    /// What the device has been through then.
    pub prelude: Prelude,
    /// A file at rest, and how it is changed behind the device's back.
    pub tamper: Option<(&'static str, Edit)>,
    /// What release 2.0.0 is, before the attack.
    pub release: fn(&mut Simulator),
    /// What is served instead of an honest release 2.0.0.
    pub attack: fn(&mut Simulator),
    /// What the device says.
    pub expected: Outcome,
    /// By which way the release is installed, if the row is about that.
    pub taken: Option<Taken>,
    /// The most bytes that one installation may download, until the attack is over.
    pub data_budget_bytes: Option<u32>,
    /// What the client says when it is not the same, because the fault ends in its transport.
    pub expected_over_http: Option<Outcome>,
    /// Every request, in order, as [`label`](crate::site::label)s.
    pub requests: Vec<&'static str>,
    /// Every file at rest that is another one afterwards. The trusted state is one of them if and only if a metadata
    /// file is.
    pub changed: Vec<&'static str>,
    /// Where it is run.
    pub runs: Runs,
    /// Whether the device installs again once the attack is over; otherwise it says the same again.
    pub recovers: bool,
    /// What the honest side does to end the attack, beside a newer release.
    pub mend: fn(&mut Simulator),
    /// What the device goes by.
    pub clock: Clock,
    /// The time floor afterwards, in seconds since 1970, if the row is about that.
    pub floor: Option<fn(&Simulator) -> u64>,
    /// What exactly is wrong with a file, in the strict reading.
    pub flaw: Option<Flaw>,
    /// What the lenient reading makes of the metadata, where that is not what the strict one does.
    pub lenient: Option<Followed>,
}

impl Row {
    /// A row; [`Row::expects`] and the two lists complete it.
    #[must_use]
    pub fn new(name: &'static str, step: &'static str, attack: fn(&mut Simulator)) -> Self {
        Self {
            name,
            step,
            before: |_| {},
            prelude: Prelude::UpToDate,
            tamper: None,
            release: |_| {},
            attack,
            expected: Outcome::Installed,
            taken: None,
            data_budget_bytes: None,
            expected_over_http: None,
            requests: Vec::new(),
            changed: Vec::new(),
            runs: Runs::Everywhere,
            recovers: true,
            mend: |_| {},
            clock: Clock::Right,
            floor: None,
            flaw: None,
            lenient: None,
        }
    }

    /// What the device has seen is this, instead of the healthy repository.
    #[must_use]
    pub fn before(mut self, before: fn(&mut Simulator)) -> Self {
        self.before = before;
        self
    }

    /// The device has been through this.
    #[must_use]
    pub fn prelude(mut self, prelude: Prelude) -> Self {
        self.prelude = prelude;
        self
    }

    /// A file at rest was changed behind the device's back.
    #[must_use]
    pub fn tamper(mut self, file: &'static str, edit: Edit) -> Self {
        self.tamper = Some((file, edit));
        self
    }

    /// Release 2.0.0 is this, before the attack.
    #[must_use]
    pub fn release(mut self, release: fn(&mut Simulator)) -> Self {
        self.release = release;
        self
    }

    /// The device cannot recover by itself.
    #[must_use]
    pub fn for_good(mut self) -> Self {
        self.recovers = false;
        self
    }

    /// The honest side does this too, to end the attack.
    #[must_use]
    pub fn mended_by(mut self, mend: fn(&mut Simulator)) -> Self {
        self.mend = mend;
        self
    }

    /// The device goes by this.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The time floor afterwards.
    #[must_use]
    pub fn floor(mut self, floor: fn(&Simulator) -> u64) -> Self {
        self.floor = Some(floor);
        self
    }

    /// What exactly is wrong with the file that the strict reading calls malformed.
    #[must_use]
    pub fn flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// The lenient reading accepts what the strict one refuses, and these files change beside those that change there.
    #[must_use]
    pub fn lenient_accepts(self, more: &[&'static str]) -> Self {
        let requests = self.requests.clone();
        self.lenient_accepts_after(&requests, more)
    }

    /// The same, after these requests.
    #[must_use]
    pub fn lenient_accepts_after(self, requests: &[&'static str], more: &[&'static str]) -> Self {
        let changed = [self.changed.as_slice(), more].concat();
        self.in_lenient(Verdict::Found, requests, &changed)
    }

    /// The lenient reading refuses it by this name, after these requests; these files at rest change.
    #[must_use]
    pub fn lenient_refuses(self, name: &str, requests: &[&'static str], changed: &[&'static str]) -> Self {
        self.in_lenient(Verdict::Refused(name.to_owned()), requests, changed)
    }

    /// In the lenient reading the metadata has another verdict, other requests, and other files that change.
    #[must_use]
    pub fn in_lenient(mut self, verdict: Verdict, requests: &[&'static str], changed: &[&'static str]) -> Self {
        self.lenient = Some(Followed::new(verdict, requests, changed));
        self
    }

    /// The refusal, the requests, and the files at rest that change.
    #[must_use]
    pub fn refused(self, name: &str, requests: &[&'static str], changed: &[&'static str]) -> Self {
        self.expects(Outcome::Refused(name.to_owned()), requests, changed)
    }

    /// The outcome, the requests, and the files at rest that change.
    #[must_use]
    pub fn expects(mut self, outcome: Outcome, requests: &[&'static str], changed: &[&'static str]) -> Self {
        self.expected = outcome;
        self.requests = requests.to_vec();
        self.changed = changed.to_vec();
        self
    }

    /// The release is installed: by this way, after these requests.
    #[must_use]
    pub fn installs_by(mut self, way: &str, requests: &[&'static str]) -> Self {
        self.taken = Some(Taken {
            way: way.to_owned(),
            fell_back: None,
        });
        self.expects(Outcome::Installed, requests, INSTALLED)
    }

    /// The release is installed from its full file, after a delta with this fault was given up.
    #[must_use]
    pub fn falls_back(mut self, fault: &str, requests: &[&'static str]) -> Self {
        self.taken = Some(Taken {
            way: "file".to_owned(),
            fell_back: Some(fault.to_owned()),
        });
        self.expects(Outcome::Installed, requests, INSTALLED)
    }

    /// One installation may download this much.
    #[must_use]
    pub fn budget(mut self, bytes: u32) -> Self {
        self.data_budget_bytes = Some(bytes);
        self
    }

    /// The client's transport notices it first, and says this.
    #[must_use]
    pub fn over_http(mut self, outcome: Outcome) -> Self {
        self.expected_over_http = Some(outcome);
        self
    }

    /// The fault is one of HTTP; in memory it does not exist.
    #[must_use]
    pub fn only_over_http(mut self) -> Self {
        self.runs = Runs::OverHttp;
        self
    }

    /// The fault is in the packed image, which small devices do not take, or is found in the whole file.
    #[must_use]
    pub fn only_with_whole_files(mut self) -> Self {
        self.runs = Runs::KeepingFiles;
        self
    }

    /// Devices that keep whole files see it otherwise.
    #[must_use]
    pub fn only_streaming(mut self) -> Self {
        self.runs = Runs::Streaming;
        self
    }

    /// The repository as the device saw it first.
    #[must_use]
    pub fn seen(&self, now: u64) -> Simulator {
        let mut seen = Simulator::healthy(now);
        (self.before)(&mut seen);
        seen
    }

    /// The repository of a prelude, made of the one that was seen first.
    #[must_use]
    pub fn earlier(seen: &Simulator, prelude: Prelude) -> Simulator {
        let mut earlier = seen.clone();
        match prelude {
            Prelude::UpToDate => return earlier,
            Prelude::OpenTrial => earlier.stage("1.9.0"),
            Prelude::FailedTrial => {
                earlier.stage("1.9.0");
                earlier.release.carry(firmware("2.0.0"));
            }
        }
        earlier.publish();
        earlier
    }

    /// The repository in the hands of the attacker, made of the one that was seen last.
    #[must_use]
    pub fn attacked(&self, seen: &Simulator) -> Simulator {
        let mut attacked = seen.clone();
        attacked.stage("2.0.0");
        (self.release)(&mut attacked);
        (self.attack)(&mut attacked);
        attacked
    }

    /// The same repository with an honest release 2.0.0.
    #[must_use]
    pub fn honest(&self, seen: &Simulator) -> Simulator {
        let mut honest = seen.clone();
        honest.stage("2.0.0");
        (self.release)(&mut honest);
        honest.publish();
        honest
    }
}
