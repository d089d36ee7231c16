//! Update cycles against a repository whose owner, or whose thief, does anything to its files.
//!
//! The model: a file that was changed and not signed again is never remembered; while the root stays, versions do not
//! fall; and what is found is what was looked for.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use tuffet_tuf::model::MetaFile;
use tuffet_tuf::{ClockPolicy, Resolution, TrustedState};
use tuffet_wire::Digest;
use tuffet_wire::hex::Hex;

use super::Script;
use super::repository::{self, Device, POINTER, Repository, days, sign_bytes, signed_part};

/// Each update signs and verifies a dozen times.
const STEPS_MAX: usize = 24;

/// The files below root: their name in the snapshot, and who signs them.
const BELOW_SNAPSHOT: [(&str, &[u8]); 3] = [("targets", &[20, 21]), ("p", &[30, 31]), ("p_rollout", &[40])];

struct World {
    repository: Repository,
    device: Device,
    /// Digests of files that nobody signed.
    forged: BTreeSet<Digest>,
}

/// A script of edits and updates.
pub fn run(data: &[u8]) {
    let repository = Repository::new();
    let device = Device::provisioned(&repository);
    let mut world = World {
        repository,
        device,
        forged: BTreeSet::new(),
    };
    let mut script = Script::new(data);
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        world.step(&mut script);
    }
    world.update();
}

impl World {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 10 {
            0 => self.update(),
            1 => self.edit_and_sign_below_snapshot(script),
            2 => self.edit_and_sign("timestamp.json", &[10], script),
            3 => {
                let name = format!("{}.snapshot.json", self.repository.snapshot.role.version);
                self.edit_and_sign(&name, &[11], script);
                self.pin_snapshot(&name);
            }
            4 => {
                let next = self.repository.root.role.version + 1;
                self.repository.rotate_root(|_| ());
                self.edit_and_sign(&format!("{next}.root.json"), &[1, 2], script);
            }
            5 => self.edit_unsigned(script),
            6 => {
                let name = self.any_name(script);
                self.repository.served.remove(&name);
            }
            7 => {
                if let Some(role) = self.repository.delegated.get_mut("p") {
                    role.role.version += 1;
                }
                self.repository.publish();
            }
            8 => {
                let timestamp_key = if script.byte().is_multiple_of(2) { 10 } else { 12 };
                self.repository.rotate_root(|root| {
                    root.role.keys.extend(repository::key_map(&[timestamp_key]));
                    root.role.roles.timestamp = repository::role_keys(&[timestamp_key], 1);
                });
                self.repository.timestamp.signers = vec![timestamp_key];
                self.repository.publish_timestamp();
            }
            _ => {
                let now = days(u32::from(script.number() % 1000));
                self.device.clock = ClockPolicy::Trusted { now };
            }
        }
    }

    fn update(&mut self) {
        let before = self.device.trusted;
        let result = self.device.update(&self.repository);
        let after = self.device.trusted;
        if let Ok(Resolution::Found(target)) = result {
            assert_eq!(target.name().as_str(), POINTER);
        }
        for digest in remembered(&after) {
            assert!(
                !self.forged.contains(&digest),
                "a file that nobody signed is trusted: {}",
                Hex(&digest)
            );
        }
        assert!(after.root.version >= before.root.version, "the root fell");
        if after.root.version == before.root.version {
            assert!(not_lower(
                before.timestamp.map(|old| old.file.version),
                after.timestamp.map(|new| new.file.version)
            ));
            assert!(not_lower(
                before.snapshot.map(|old| old.version),
                after.snapshot.map(|new| new.version)
            ));
            assert!(not_lower(
                before.targets.map(|old| old.version),
                after.targets.map(|new| new.version)
            ));
        }
    }

    fn edit_and_sign_below_snapshot(&mut self, script: &mut Script<'_>) {
        let (role, signers) = BELOW_SNAPSHOT[usize::from(script.byte()) % BELOW_SNAPSHOT.len()];
        let version = match role {
            "targets" => self.repository.targets.role.version,
            role => self
                .repository
                .delegated
                .get(role)
                .map_or(1, |delegated| delegated.role.version),
        };
        let name = format!("{version}.{role}.json");
        self.edit_and_sign(&name, signers, script);
        if let Some(bytes) = self.repository.served.get(&name) {
            let meta = MetaFile::of(version, bytes);
            self.repository.snapshot.role.meta.insert(format!("{role}.json"), meta);
            self.repository.publish_snapshot();
        }
    }

    /// The timestamp names the snapshot as it is served.
    fn pin_snapshot(&mut self, name: &str) {
        if let Some(bytes) = self.repository.served.get(name) {
            let version = self.repository.snapshot.role.version;
            self.repository.timestamp.role.meta.snapshot = MetaFile::of(version, bytes);
            self.repository.publish_timestamp();
        }
    }

    /// Changes what is signed, and signs it again with these keys.
    fn edit_and_sign(&mut self, name: &str, signers: &[u8], script: &mut Script<'_>) {
        let Some(file) = self.repository.served.get(name) else {
            return;
        };
        let Some(mut signed) = signed_part(file) else { return };
        edit(&mut signed, script);
        self.repository.serve(name, sign_bytes(&signed, signers));
    }

    /// Changes any byte of a file, and signs nothing.
    fn edit_unsigned(&mut self, script: &mut Script<'_>) {
        let name = self.any_name(script);
        let Some(mut file) = self.repository.served.get(&name).cloned() else {
            return;
        };
        let honest = file.clone();
        edit(&mut file, script);
        // A file that only lost a signature may still have enough of them.
        if signed_part(&file) != signed_part(&honest) {
            self.forged.insert(Sha256::digest(&file).into());
        }
        self.repository.serve(name, file);
    }

    fn any_name(&self, script: &mut Script<'_>) -> String {
        let index = usize::from(script.byte()) % self.repository.served.len().max(1);
        self.repository.served.keys().nth(index).cloned().unwrap_or_default()
    }
}

/// Digests of all files that a device remembers.
fn remembered(trusted: &TrustedState) -> Vec<Digest> {
    let mut digests = vec![trusted.root.digest];
    digests.extend(trusted.timestamp.map(|timestamp| timestamp.file.digest));
    digests.extend(trusted.snapshot.map(|snapshot| snapshot.digest));
    digests.extend(trusted.targets.map(|targets| targets.digest));
    digests.extend(
        trusted
            .delegated
            .iter()
            .flatten()
            .map(|delegated| delegated.file.digest),
    );
    digests
}

fn not_lower<V: PartialOrd>(before: Option<V>, after: Option<V>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => after >= before,
        _ => true,
    }
}

/// Replaces, inserts or removes bytes at up to four places.
fn edit(bytes: &mut Vec<u8>, script: &mut Script<'_>) {
    for _ in 0..=script.byte() % 4 {
        let at = usize::from(script.number()) % bytes.len().max(1);
        match script.byte() % 3 {
            0 if at < bytes.len() => bytes[at] = script.byte(),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.insert(at, script.byte()),
        }
    }
}
