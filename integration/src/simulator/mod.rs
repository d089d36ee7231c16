//! A repository that can say anything.
//!
//! - The model is JSON values, written and signed by code that shares nothing with the product: what the product's types
//!   rule out can be said here.
//! - It starts healthy. A test changes the model and publishes again from the level it changed:
//!   [`publish`](Simulator::publish) (release document and all above it),
//!   [`publish_roles`](Simulator::publish_roles) (metadata only), [`publish_snapshot`](Simulator::publish_snapshot),
//!   [`publish_timestamp`](Simulator::publish_timestamp). Everything above the change is rebuilt to agree with it, so the
//!   change is the only fault.
//! - What no key signs (bytes on the server, connections) is changed in [`Simulator::site`], after publishing.
//! - Keys follow from labels, time is a value: the same calls give the same bytes.
//!
//! ```
//! use tuffet_integration::simulator::Simulator;
//!
//! let mut repository = Simulator::healthy(1_800_000_000);
//! repository.stage("2.0.0");
//! repository.release.document["product"] = "another".into();
//! repository.publish();
//! let document = repository.site.file(&repository.document_path()).unwrap();
//! assert!(document.windows(19).any(|window| window == br#""product":"another""#));
//! ```

pub mod keys;
pub mod names;
pub mod patch;
pub mod release;
pub mod role;
pub mod time;
pub mod writing;

use crate::site::Site;
use keys::{Key, key_id, key_object};
use names::Names;
use release::{OTHER_PRODUCT, PRODUCT, Patch, Release};
use role::{Role, key_table, pin, role_keys};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::DAY_S;
use tuffet_patch::Profile;

/// The role of the product's pointers.
pub const PRODUCT_ROLE: &str = PRODUCT;
/// The role of the product's files.
pub const FILES_ROLE: &str = "lamp_files";
/// The role of the product's rollouts.
pub const ROLLOUT_ROLE: &str = "lamp_rollout";

/// A repository: its model, and the site that it was published to.
#[derive(Clone)]
pub struct Simulator {
    /// What is served.
    pub site: Site,
    /// The time of the signers' clocks, in seconds since 1970.
    pub now: u64,
    /// The newest root.
    pub root: Role,
    /// The newest timestamp.
    pub timestamp: Role,
    /// The newest snapshot.
    pub snapshot: Role,
    /// The top-level targets, which only delegate.
    pub targets: Role,
    /// The delegated roles, by name.
    pub delegated: BTreeMap<String, Role>,
    /// The newest release of the product.
    pub release: Release,
    /// How the release document is written; `None`: canonically.
    pub document_form: Option<fn(&Value) -> Vec<u8>>,
    /// The rollout file, if there is one.
    pub rollout: Option<Value>,
    /// The patches that the device takes which is served.
    pub profile: Profile,
    /// What product, hardware and channel are called.
    pub names: Names,
}

impl Simulator {
    /// A healthy repository: version 1 of everything, release 1.0.0, signed a day before `now`.
    #[must_use]
    pub fn healthy(now: u64) -> Self {
        Self::healthy_with(now, |_| {})
    }

    /// The same, with this change to its first release.
    #[must_use]
    pub fn healthy_with(now: u64, change: impl FnOnce(&mut Release)) -> Self {
        Self::healthy_named(Names::default(), now, change)
    }

    /// The same for a device with these names.
    #[must_use]
    pub fn healthy_named(names: Names, now: u64, change: impl FnOnce(&mut Release)) -> Self {
        let yesterday = now - DAY_S;
        let delegated = [
            (
                PRODUCT_ROLE.to_owned(),
                targets_role(&product_keys(PRODUCT), yesterday, 180),
            ),
            (
                FILES_ROLE.to_owned(),
                targets_role(&product_keys(PRODUCT), yesterday, 180),
            ),
            (
                ROLLOUT_ROLE.to_owned(),
                targets_role(&[rollout_key(PRODUCT)], yesterday, 30),
            ),
            (
                OTHER_PRODUCT.to_owned(),
                targets_role(&product_keys(OTHER_PRODUCT), yesterday, 180),
            ),
        ];
        let mut targets = targets_role(&targets_keys(), yesterday, 365);
        targets.signed["delegations"] = delegations(&names);
        let mut simulator = Self {
            site: Site::default(),
            profile: Profile::Large,
            now: yesterday,
            root: first_root(yesterday),
            timestamp: Role::new("timestamp", json!({"meta": {}}), &[timestamp_key()], yesterday, 3),
            snapshot: Role::new("snapshot", json!({"meta": {}}), &[snapshot_key()], yesterday, 7),
            targets,
            delegated: delegated.into(),
            release: Release::named(&names, "1.0.0", yesterday),
            document_form: None,
            rollout: None,
            names,
        };
        change(&mut simulator.release);
        simulator.publish_root();
        simulator.publish();
        simulator.now = now;
        simulator
    }

    /// A delegated role.
    ///
    /// # Panics
    ///
    /// When there is no role of this name.
    pub fn role(&mut self, name: &str) -> &mut Role {
        self.delegated
            .get_mut(name)
            .expect("the role is one of the simulated repository")
    }

    /// Prepares the next release and the next version of the files that change with it. Publishes nothing.
    pub fn stage(&mut self, version: &str) {
        self.release = Release::named(&self.names, version, self.now);
        self.revise();
        for name in [PRODUCT_ROLE, FILES_ROLE] {
            let now = self.now;
            let role = self.role(name);
            role.revise(role.version() + 1, now);
        }
    }

    /// Prepares the next version of snapshot and timestamp. Publishes nothing.
    pub fn revise(&mut self) {
        self.snapshot.revise(self.snapshot.version() + 1, self.now);
        self.timestamp.revise(self.timestamp.version() + 1, self.now);
    }

    /// Prepares the next version of the rollout role, with this file in it. Publishes nothing.
    pub fn stage_rollout(&mut self, file: Option<Value>) {
        self.rollout = file;
        let now = self.now;
        let role = self.role(ROLLOUT_ROLE);
        role.revise(role.version() + 1, now);
    }

    /// The bytes of the release document.
    #[must_use]
    pub fn document_bytes(&self) -> Vec<u8> {
        self.document_bytes_of(&self.release.for_all_devices())
    }

    fn document_bytes_of(&self, release: &Release) -> Vec<u8> {
        self.document_form
            .map_or_else(|| writing::wire(&release.document), |form| form(&release.document))
    }

    /// Writes the release's files, lets the roles list them, and publishes the roles.
    pub fn publish(&mut self) {
        let release = self.release.for_all_devices();
        self.publish_release(release);
    }

    /// The same with a document that says no more than it says already.
    pub fn publish_as_it_is(&mut self) {
        self.publish_release(self.release.clone());
    }

    fn publish_release(&mut self, release: Release) {
        let document = self.document_bytes_of(&release);
        let Release {
            image_file,
            image_name,
            custom,
            support,
            patches,
            ..
        } = release;
        let support = writing::wire(&support);
        let [pointer, rollout_name, support_name] = [self.names.pointer(), self.names.rollout(), self.names.support()];
        self.role(PRODUCT_ROLE).list(&pointer, &document, Some(custom));
        // For other TUF clients, and for later: no device looks for it.
        let of_hardware = image_name.rsplit_once(&format!("_{}", self.names.hardware));
        let document_name = format!(
            "{}.document",
            of_hardware.map_or(image_name.as_str(), |(version, _)| version)
        );
        let files = self.role(FILES_ROLE);
        files.list(&image_name, &image_file, None);
        files.list(&support_name, &support, None);
        files.list(&document_name, &document, None);
        for Patch { name, file } in &patches {
            files.list(name, file, None);
        }
        self.put_target(&document_name, document.clone());
        self.put_target(&pointer, document);
        self.put_target(&image_name, image_file);
        self.put_target(&support_name, support);
        for Patch { name, file } in patches {
            self.put_target(&name, file);
        }
        let rollout = self.rollout.as_ref().map(writing::wire);
        self.role(ROLLOUT_ROLE).signed["targets"] = json!({});
        if let Some(bytes) = rollout {
            self.role(ROLLOUT_ROLE).list(&rollout_name, &bytes, None);
            self.put_target(&rollout_name, bytes);
        }
        self.publish_roles();
    }

    /// Writes targets and the delegated roles, lets the snapshot pin them beside what else it lists, and publishes it.
    pub fn publish_roles(&mut self) {
        let targets = [("targets".to_owned(), self.targets.clone())];
        for (label, role) in self.delegated.clone().into_iter().chain(targets) {
            let name = self.names.role(&label);
            let (version, bytes) = (role.version(), role.file());
            self.snapshot.signed["meta"][format!("{name}.json")] = pin(version, &bytes);
            self.site.put(&format!("metadata/{version}.{name}.json"), bytes);
        }
        self.publish_snapshot();
    }

    /// Writes the snapshot, lets the timestamp pin it, and publishes that.
    pub fn publish_snapshot(&mut self) {
        let (version, bytes) = (self.snapshot.version(), self.snapshot.file());
        self.timestamp.signed["meta"] = json!({"snapshot.json": pin(version, &bytes)});
        self.site.put(&format!("metadata/{version}.snapshot.json"), bytes);
        self.publish_timestamp();
    }

    /// Writes the timestamp.
    pub fn publish_timestamp(&mut self) {
        self.site.put("metadata/timestamp.json", self.timestamp.file());
    }

    /// Writes the root under the number that it says itself.
    pub fn publish_root(&mut self) {
        self.publish_root_as(self.root.version());
    }

    /// Writes the root under this number.
    pub fn publish_root_as(&mut self, number: u64) {
        self.site.put(&format!("metadata/{number}.root.json"), self.root.file());
    }

    /// Prepares the next root: same keys, next version. Publishes nothing.
    pub fn stage_root(&mut self) {
        self.root.revise(self.root.version() + 1, self.now);
    }

    /// Lets the root list other keys for a role; the old ones stay in its key table.
    pub fn set_root_keys(&mut self, role: &str, keys: &[Key], threshold: u64) {
        for key in keys {
            self.root.signed["keys"][key.id()] = key.object();
        }
        self.root.signed["roles"][role] = role_keys(keys, threshold);
    }

    /// Lets the root list a key object, sound or not, for a role beside the others. Returns the id it goes by.
    pub fn add_root_key_object(&mut self, role: &str, public: &str) -> String {
        let object = key_object(public);
        let id = key_id(&object);
        self.root.signed["keys"][&id] = object;
        if let Some(ids) = self.root.signed["roles"][role]["keyids"].as_array_mut() {
            ids.push(json!(id));
        }
        id
    }

    /// The delegation to a role, as the top-level targets list it.
    ///
    /// # Panics
    ///
    /// When there is no delegation to a role of this name.
    pub fn delegation(&mut self, name: &str) -> &mut Value {
        let name = self.names.role(name);
        let roles = self.targets.signed["delegations"]["roles"].as_array_mut();
        let found = roles.and_then(|roles| roles.iter_mut().find(|role| role["name"] == name));
        found.expect("the role is delegated to")
    }

    /// Path of the served release document.
    #[must_use]
    pub fn document_path(&self) -> String {
        target_path(&self.names.pointer(), &self.document_bytes())
    }

    /// Path of the served image file.
    #[must_use]
    pub fn image_path(&self) -> String {
        target_path(&self.release.image_name, &self.release.image_file)
    }

    /// Path of the served patch: the first that the release got.
    #[must_use]
    pub fn patch_path(&self) -> String {
        let Patch { name, file } = &self.release.patches[0];
        target_path(name, file)
    }

    /// Path of the served patch from nothing, which small devices take.
    ///
    /// # Panics
    ///
    /// When the release has none.
    #[must_use]
    pub fn whole_path(&self) -> String {
        let release = self.release.for_all_devices();
        let whole = release
            .patches
            .iter()
            .find(|patch| patch.name.ends_with("_small_whole.patch"));
        let Patch { name, file } = whole.expect("the release describes its firmware");
        target_path(name, file)
    }

    fn put_target(&mut self, name: &str, bytes: Vec<u8>) {
        self.site.put(&target_path(name, &bytes), bytes);
    }
}

/// Where a target file with this name and these bytes is served.
#[must_use]
pub fn target_path(name: &str, bytes: &[u8]) -> String {
    format!("targets/{}.{name}", keys::sha256(bytes))
}

/// The keys of the root role; two of the three sign.
#[must_use]
pub fn root_keys() -> [Key; 3] {
    ["root 1", "root 2", "root 3"].map(Key::of)
}

/// The keys of the top-level targets role; both sign.
#[must_use]
pub fn targets_keys() -> [Key; 2] {
    ["targets 1", "targets 2"].map(Key::of)
}

/// The online key of the snapshot.
#[must_use]
pub fn snapshot_key() -> Key {
    Key::of("snapshot")
}

/// The online key of the timestamp.
#[must_use]
pub fn timestamp_key() -> Key {
    Key::of("timestamp")
}

/// The release keys of a product; both sign.
#[must_use]
pub fn product_keys(product: &str) -> [Key; 2] {
    [
        Key::of(&format!("{product} author")),
        Key::of(&format!("{product} operator")),
    ]
}

/// The key of a product's rollouts.
#[must_use]
pub fn rollout_key(product: &str) -> Key {
    Key::of(&format!("{product} rollout"))
}

fn targets_role(keys: &[Key], now: u64, lifetime_days: u64) -> Role {
    Role::new("targets", json!({"targets": {}}), keys, now, lifetime_days)
}

fn first_root(now: u64) -> Role {
    let (root, targets) = (root_keys(), targets_keys());
    let (snapshot, timestamp) = ([snapshot_key()], [timestamp_key()]);
    let fields = json!({
        "consistent_snapshot": true,
        "keys": key_table(root.iter().chain(&targets).chain(&snapshot).chain(&timestamp)),
        "roles": {
            "root": role_keys(&root, 2),
            "snapshot": role_keys(&snapshot, 1),
            "targets": role_keys(&targets, 2),
            "timestamp": role_keys(&timestamp, 1),
        },
    });
    Role::new("root", fields, &root[..2], now, 2 * 365)
}

/// A delegation to keys for names that match these patterns.
#[must_use]
pub fn delegated_to(name: &str, keys: &[Key], threshold: u64, patterns: &[String], terminating: bool) -> Value {
    let mut delegation = role_keys(keys, threshold);
    delegation["name"] = json!(name);
    delegation["paths"] = json!(patterns);
    delegation["terminating"] = json!(terminating);
    delegation
}

fn delegations(names: &Names) -> Value {
    let mut keys = Vec::new();
    let mut roles = Vec::new();
    let product = product_keys(PRODUCT);
    let pattern = |ending: &str| format!("{}_*.{ending}", names.product);
    let mut delegate = |label: &str, keys: &[Key], threshold, endings: &[&str], terminating| {
        let patterns: Vec<String> = endings.iter().copied().map(pattern).collect();
        roles.push(delegated_to(
            &names.role(label),
            keys,
            threshold,
            &patterns,
            terminating,
        ));
    };
    delegate(PRODUCT_ROLE, &product, 2, &["release"], false);
    delegate(FILES_ROLE, &product, 2, &["zst", "patch", "json", "document"], false);
    delegate(ROLLOUT_ROLE, &[rollout_key(PRODUCT)], 1, &["rollout"], true);
    keys.extend(product);
    keys.push(rollout_key(PRODUCT));
    let other = product_keys(OTHER_PRODUCT);
    roles.push(delegated_to(
        OTHER_PRODUCT,
        &other,
        2,
        &[format!("{OTHER_PRODUCT}_*.release")],
        false,
    ));
    keys.extend(other);
    json!({"keys": key_table(&keys), "roles": roles})
}

#[cfg(test)]
mod tests {
    use super::release::{CHANNEL, HARDWARE, POINTER, ROLLOUT, SUPPORT};
    use super::*;

    #[test]
    fn same_calls_give_the_same_bytes() {
        let make = || {
            let mut repository = Simulator::healthy(1_800_000_000);
            repository.stage("2.0.0");
            repository.publish();
            repository.site
        };
        let (one, two) = (make(), make());
        assert!(one.paths().eq(two.paths()));
        assert!(one.paths().all(|path| one.file(path) == two.file(path)));
    }

    #[test]
    fn names_are_those_of_the_ids() {
        assert_eq!(POINTER, format!("{PRODUCT}_{HARDWARE}_{CHANNEL}.release"));
        assert_eq!(ROLLOUT, format!("{PRODUCT}_{HARDWARE}_{CHANNEL}.rollout"));
        assert_eq!(SUPPORT, format!("{PRODUCT}_support.json"));
    }

    #[test]
    fn files_fit_the_limits_of_small_devices() {
        // Otherwise every row of the attack table would be refused for its length.
        let mut repository = Simulator::healthy(1_800_000_000);
        repository.stage("2.0.0");
        repository.publish();
        let limits = [
            ("root", 8),
            ("timestamp", 1),
            ("snapshot", 4),
            ("targets", 8),
            (PRODUCT_ROLE, 8),
        ];
        for path in repository.site.paths().filter(|path| path.starts_with("metadata/")) {
            let length = repository.site.file(path).map_or(0, <[u8]>::len);
            for (role, kib) in limits {
                assert!(
                    !path.ends_with(&format!("{role}.json")) || length <= kib * 1024,
                    "{path}: {length} bytes"
                );
            }
        }
        assert!(repository.document_bytes().len() <= 8 * 1024);
    }
}
