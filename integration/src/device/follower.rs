//! Devices that follow the metadata and install nothing.

use crate::attacks::{Clock, Verdict};
use crate::simulator::Simulator;
use std::collections::BTreeMap;
use tuffet_no_std_client::tuf::Rejected;

/// Which reading of files a follower has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAs {
    /// One spelling, as devices read.
    Strict,
    /// Any spelling, as other people's repositories are read.
    Lenient,
}

/// Follows a repository's metadata, and remembers what a shell has to remember.
pub trait Follower: Sized {
    /// How it reads.
    const READS: ReadAs;

    /// Whether a damaged copy is replaced as soon as a sound one came, and not only by a newer one.
    const REPAIRS: bool = true;

    /// Whether it can do without a name.
    const REFRESHES: bool = false;

    /// Trusts the first root of this repository, which is served from now on.
    fn trusting(repository: &Simulator) -> Self;

    /// Whether it may lose its copy of a file: it asks for it again.
    fn may_lose(_file: &str) -> bool {
        false
    }

    /// Whether the device made the requests that a row names.
    fn asks_for(requests: &[String], row: &[&str]) -> bool {
        requests == row
    }

    /// Whether what it says is this verdict.
    fn says(said: &Verdict, verdict: &Verdict) -> bool {
        said == verdict
    }

    /// Serves this repository from now on.
    fn serve(&mut self, repository: &Simulator);

    /// Lets the device go by this clock.
    ///
    /// # Panics
    ///
    /// When the device reads the real clock, and this is another one.
    fn set_clock(&mut self, clock: Clock);

    /// Runs one update cycle, which looks these names up; the verdict is that of the first. Without a name, which only some
    /// can do, it brings the top-level roles up to date.
    fn follow(&mut self, names: &[&str]) -> Verdict;

    /// What the last cycle was refused for, in every detail, if this device tells.
    fn rejected(&self) -> Option<Rejected> {
        None
    }

    /// The time floor, in seconds since 1970, if this device tells.
    fn floor(&self) -> Option<u64> {
        None
    }

    /// The requests since the last call, as labels, in order.
    fn take_requests(&mut self) -> Vec<String>;

    /// Every file at rest, under the names that rows use. Metadata goes by its role.
    fn files(&self) -> BTreeMap<String, Vec<u8>>;

    /// Changes a file at rest behind the device's back.
    fn tamper(&mut self, file: &str, edit: &dyn Fn(&mut Vec<u8>));
}
