//! Back and forth between two versions.

use super::{NOW, Part, Worn};
use crate::device::small::Network;
use crate::simulator::Simulator;
use crate::simulator::release::{Release, firmware_of, successor};
use crate::simulator::time::DAY_S;
use crate::site::Site;
use tuffet_no_std_client::{Outcome, Way};
use tuffet_patch::Profile;

/// Days from one root to the next: it expires after two years.
const ROOT_DAYS: u64 = 365;

/// How an image comes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As a delta from the image that runs.
    Delta,
    /// As a patch from nothing.
    Whole,
}

/// So many updates, each a day after the one before: up to 2.0.0, back to 1.0.0 by the signed word of an operator, and so on. Each is
/// installed, tried and confirmed.
///
/// # Panics
///
/// When one of them is not.
#[must_use]
pub fn updates(times: u32, image_bytes: usize, kind: Kind) -> Worn {
    let images = {
        let first = firmware_of("1.0.0", image_bytes);
        let second = successor("2.0.0", &first);
        [first, second]
    };
    let mut repository = Simulator::healthy_with(NOW, |release| release.carry(images[0].clone()));
    let mut part = Part::provisioned(&repository);
    let releases = [
        release("1.0.0", &images[0], &images[1], kind),
        release("2.0.0", &images[1], &images[0], kind),
    ];
    let expected = match kind {
        Kind::Delta => Way::Delta,
        Kind::Whole => Way::Whole,
    };
    let before = part.confirmed();
    for update in 1..=times {
        let next = &releases[update as usize % 2];
        offer(&mut repository, next);
        part.set_clock(repository.now);
        let outcome = part.cycle(&mut Network::to(repository.site.clone()));
        let is_installed = matches!(&outcome, Ok(Outcome::Installed { way, fell_back: None, .. }) if *way == expected);
        assert!(is_installed, "update {update}: {outcome:?}");
        part.try_out();
    }
    assert_eq!(
        part.confirmed() == before,
        times.is_multiple_of(2),
        "each update goes to the other slot"
    );
    let kib = image_bytes.div_ceil(1_024);
    let what = match kind {
        Kind::Delta => format!("update by delta, images of {kib} KiB"),
        Kind::Whole => format!("update by full image, images of {kib} KiB"),
    };
    Worn::of(what, times, part.flash())
}

/// A release that small devices take from the other one, or from nothing.
fn release(version: &str, image: &[u8], before: &[u8], kind: Kind) -> Release {
    let mut release = Release::new(version, NOW);
    release.carry(image.to_vec());
    release.document["rollback"] = true.into();
    if kind == Kind::Delta {
        release.add_patch(Some(before), Profile::Small);
    }
    // Made once, and not for each update.
    release.for_all_devices()
}

/// The next day, with this release.
fn offer(repository: &mut Simulator, release: &Release) {
    pass_a_day(repository);
    sign_again(repository);
    repository.release = release.clone();
    repository.revise();
    repository.publish();
}

/// A day later. Once a year there is a root.
pub(super) fn pass_a_day(repository: &mut Simulator) {
    repository.now += DAY_S;
    let days = (repository.now - NOW) / DAY_S;
    if days.is_multiple_of(ROOT_DAYS) {
        repository.stage_root();
        repository.publish_root();
    }
}

/// Every role of targets is signed again, so that none expires. That wears nothing more: they are asked for in each cycle. What nobody
/// asks for any more is not served any more.
pub(super) fn sign_again(repository: &mut Simulator) {
    let now = repository.now;
    let delegated = repository.delegated.values_mut();
    for role in delegated.chain([&mut repository.targets]) {
        role.revise(role.version() + 1, now);
    }
    let mut site = Site::default();
    for path in repository.site.paths().filter(|path| path.ends_with(".root.json")) {
        let root = repository.site.file(path).unwrap_or_default();
        site.put(path, root.to_vec());
    }
    repository.site = site;
}
