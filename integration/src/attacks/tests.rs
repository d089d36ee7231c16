use super::*;
use crate::site::Site;
use std::collections::BTreeSet;
use tuffet_patch::Profile;

const NOW: u64 = 1_800_000_000;

/// Rows that serve an honest release. With all keys that it needs, a thief's is one like any other.
const HONEST: [&str; 15] = [
    "healthy_release",
    "healthy_long_snapshot",
    "image_over_the_budget",
    "local_clock_2100_locks_nobody_out",
    "patch_healthy_delta",
    "patch_healthy_whole",
    "patch_over_the_budget",
    "patch_within_the_budget",
    "product_signed_at_far_future",
    "release_during_a_trial",
    "release_failed_before",
    "snapshot_signed_at_far_future",
    "targets_signed_at_far_future",
    "thief_of_product_keys_releases",
    "timestamp_signed_at_far_future",
];

fn last_seen(row: &Row) -> Simulator {
    let mut seen = row.seen(NOW);
    if row.runs == Runs::Streaming {
        seen.profile = Profile::Small;
    }
    match row.prelude {
        Prelude::UpToDate => seen,
        Prelude::FailedTrial | Prelude::OpenTrial => Row::earlier(&seen, row.prelude),
    }
}

/// What a row calls the file under a path: small devices take the patch from nothing in place of the packed image.
fn named(path: &str) -> String {
    let label = crate::site::label(path).replace("_small_whole.patch", ".zst");
    label.replace("_small_", "_large_")
}

fn differing<'a>(one: &'a Site, other: &'a Site) -> BTreeSet<&'a str> {
    one.paths()
        .chain(other.paths())
        .filter(|path| one.file(path) != other.file(path))
        .collect()
}

#[test]
fn names_are_unique() {
    let rows = table();
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn each_attack_changes_what_is_served() {
    // Against an honest release from the same starting point; a fault while serving is a change too.
    for row in table() {
        let seen = last_seen(&row);
        let (attacked, honest) = (row.attacked(&seen), row.honest(&seen));
        let is_served_badly = attacked.site.has_faults() || !differing(&attacked.site, &honest.site).is_empty();
        let is_changed = is_served_badly || row.tamper.is_some();
        assert_eq!(is_changed, !HONEST.contains(&row.name), "{}", row.name);
    }
}

#[test]
fn each_attack_is_in_a_file_that_is_asked_for() {
    // What a row breaks must be something that the device reads, or its outcome has another cause.
    let is_noticed = |row: &Row| {
        let has_fallen_back = row.taken.as_ref().is_some_and(|taken| taken.fell_back.is_some());
        has_fallen_back || matches!(row.expected, Outcome::Refused(_))
    };
    let is_served = |row: &&Row| row.tamper.is_none() && is_noticed(row);
    for row in table().iter().filter(is_served) {
        let seen = last_seen(row);
        let (mut attacked, honest) = (row.attacked(&seen), row.honest(&seen));
        let changed: BTreeSet<_> = differing(&attacked.site, &honest.site).into_iter().map(named).collect();
        let is_read = row.requests.iter().any(|request| changed.contains(*request));
        let paths: Vec<String> = attacked.site.paths().map(str::to_owned).collect();
        let faulty = paths.iter().filter(|path| attacked.site.next_fault(path).is_some());
        let is_served_badly = faulty
            .map(|path| named(path))
            .any(|name| row.requests.contains(&name.as_str()));
        assert!(is_read || is_served_badly || HONEST.contains(&row.name), "{}", row.name);
    }
}
