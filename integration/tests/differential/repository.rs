//! Random repositories, as JSON values that are written and signed by nothing of the product.
//!
//! - A healthy one keeps all rules of the specification; what breaks one is a mutation.
//! - Every listing of a name has a digest of its own, so that a verdict shows which role's listing was taken.
//! - Times are fixed: valid files expire in 2090, expired ones expired in 2020, so that all clients' clocks agree.

use crate::case::{Files, Style};
use crate::spelling::spell;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tuffet_integration::nor::Random;
use tuffet_integration::simulator::keys::{Key, Signer, sha256};
use tuffet_integration::simulator::role::{key_table, pin, role_keys};
use tuffet_integration::simulator::writing;

/// When a valid file expires.
pub const VALID: &str = "2090-01-01T00:00:00Z";
/// When an expired file did.
pub const EXPIRED: &str = "2020-01-01T00:00:00Z";

/// The names that roles list and clients look up.
pub const NAMES: [&str; 7] = ["f1", "f2", "g.bin", "dir/f1", "dir/g.bin", "dir/sub/f2", "other"];
/// The names of delegated roles.
const ROLES: [&str; 7] = ["a", "b", "c", "d", "role.one", "x y", "ü"];
/// Patterns on which all clients agree, for names without `/`; see the mutation `pattern` for the others.
const FLAT: [&str; 7] = ["*", "f*", "f?", "g.*", "*.bin", "f1", "oth?r"];
/// Patterns with folders, whose wildcards cannot reach further than they say for any of [`NAMES`].
const FOLDERS: [&str; 5] = ["dir/f1", "dir/g.bin", "dir/sub/f2", "dir/sub/f?", "dir/?.bin"];

/// A metadata file as a value.
#[derive(Clone)]
pub struct File {
    /// What is signed.
    pub signed: Value,
    /// Whose signatures stand in the file, in this order.
    pub signers: Vec<Signer>,
    /// Changes to the bytes after signing; whoever pins the file pins the changed bytes.
    pub rewrites: Vec<Rewrite>,
    /// Fields beside `signed` and `signatures`.
    pub beside: Option<Value>,
}

/// A change to the bytes of a file.
#[derive(Clone, Debug)]
pub enum Rewrite {
    /// One byte becomes another one.
    Byte { at: usize, flip: u8 },
    /// The end is missing.
    Truncated { at: usize },
    /// Something follows.
    Followed { by: &'static str },
    /// A key stands there twice, the first time with this value.
    Repeated { key: usize, value: &'static str },
}

/// A repository, and what it serves.
#[derive(Clone)]
pub struct Repository {
    /// What is served.
    pub files: Files,
    /// How it is spelled.
    pub style: Style,
    /// The newest root.
    pub root: File,
    /// The newest timestamp.
    pub timestamp: File,
    /// The newest snapshot.
    pub snapshot: File,
    /// The top-level targets.
    pub targets: File,
    /// The delegated roles.
    pub delegated: BTreeMap<String, File>,
    /// The keys of each role.
    keys: BTreeMap<String, Vec<Key>>,
    thresholds: BTreeMap<String, u64>,
    /// The name that most delegations cover, and the first to be looked up: so that searches get deep.
    pub focus: &'static str,
    /// Which names lead to each role, by way of its first delegation.
    covered: BTreeMap<String, Vec<&'static str>>,
    keys_made: u32,
}

impl File {
    fn new(kind: &str, fields: Value, keys: &[Key]) -> Self {
        let mut signed = fields;
        signed["_type"] = json!(kind);
        signed["spec_version"] = json!("1.0.0");
        signed["version"] = json!(1);
        signed["expires"] = json!(VALID);
        Self {
            signed,
            signers: keys.iter().map(Key::signer).collect(),
            rewrites: Vec::new(),
            beside: None,
        }
    }

    /// The version that it says it has.
    pub fn version(&self) -> u64 {
        self.signed["version"].as_u64().unwrap_or(1)
    }

    /// Sets the version.
    pub fn set_version(&mut self, version: u64) {
        put(&mut self.signed, &["version"], json!(version));
    }

    /// The bytes.
    pub fn bytes(&self, style: Style, random: &mut Random) -> Vec<u8> {
        let covered = writing::canonical(&self.signed);
        let signatures = self.signers.iter().map(|signer| signer.sign(&covered)).collect();
        let bytes = spell(
            &self.signed,
            &Value::Array(signatures),
            self.beside.as_ref(),
            style,
            random,
        );
        self.rewrites.iter().fold(bytes, |bytes, rewrite| rewrite.apply(bytes))
    }
}

impl Rewrite {
    fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Byte { at, flip } => {
                let at = at % bytes.len().max(1);
                bytes[at] ^= flip;
            }
            Self::Truncated { at } => bytes.truncate(at % bytes.len().max(1)),
            Self::Followed { by } => bytes.extend_from_slice(by.as_bytes()),
            Self::Repeated { key, value } => return repeat_key(&bytes, *key, value),
        }
        bytes
    }
}

/// Writes a key twice, first with another value. Files that hold no key stay as they are.
fn repeat_key(bytes: &[u8], key: usize, value: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return bytes.to_vec();
    };
    let ends: Vec<usize> = text.match_indices("\":").map(|(at, _)| at).collect();
    let Some(end) = ends.get(key % ends.len().max(1)) else {
        return bytes.to_vec();
    };
    let start = text[..*end].rfind('"').unwrap_or(0);
    let name = &text[start..=*end];
    format!("{}{name}:{value},{}", &text[..start], &text[start..]).into_bytes()
}

/// The name under which a version of a role is served.
pub fn file_name(role: &str, version: u64) -> String {
    let mut name = format!("{version}.");
    for byte in role.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name + ".json"
}

/// One of these.
pub fn one_of<'a, T>(random: &mut Random, items: &'a [T]) -> &'a T {
    &items[random.below(items.len())]
}

/// Sets a field, and makes the objects around it. What a mutation has made something else than an object stays that.
pub fn put(value: &mut Value, path: &[&str], new: Value) {
    let Some((field, inner)) = path.split_first() else {
        *value = new;
        return;
    };
    if value.is_null() {
        *value = json!({});
    }
    if let Some(fields) = value.as_object_mut() {
        put(fields.entry(*field).or_insert(Value::Null), inner, new);
    }
}

/// True as often as that, in percent.
pub fn chance(random: &mut Random, percent: usize) -> bool {
    random.below(100) < percent
}

impl Repository {
    /// A healthy repository, with a chain of roots; its first root is `1.root.json`.
    pub fn random(random: &mut Random, style: Style) -> Self {
        let nothing = || File::new("targets", json!({"targets": {}}), &[]);
        let mut repository = Self {
            files: Files::new(),
            style,
            root: File::new("root", json!({"consistent_snapshot": true}), &[]),
            timestamp: File::new("timestamp", json!({"meta": {}}), &[]),
            snapshot: File::new("snapshot", json!({"meta": {}}), &[]),
            targets: nothing(),
            delegated: BTreeMap::new(),
            keys: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            focus: one_of::<&str>(random, &NAMES),
            covered: BTreeMap::new(),
            keys_made: 0,
        };
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let keys_max = if role == "root" || role == "targets" { 3 } else { 2 };
            repository.draw_keys(random, role, keys_max);
        }
        repository.write_root(random);
        for _ in 0..random.below(4) {
            repository.rotate(random);
        }
        repository.sign_top();
        repository.draw_delegations(random);
        for role in [
            &mut repository.timestamp,
            &mut repository.snapshot,
            &mut repository.targets,
        ] {
            role.set_version(1 + random.below(3) as u64);
        }
        repository
    }

    fn draw_keys(&mut self, random: &mut Random, role: &str, keys_max: usize) {
        let count = 1 + random.below(keys_max);
        let keys = (0..count)
            .map(|_| {
                self.keys_made += 1;
                Key::of(&format!("key {}", self.keys_made))
            })
            .collect();
        self.keys.insert(role.to_owned(), keys);
        self.thresholds.insert(role.to_owned(), 1 + random.below(count) as u64);
    }

    /// The keys of a role.
    pub fn keys_of(&self, role: &str) -> &[Key] {
        self.keys.get(role).map_or(&[], Vec::as_slice)
    }

    fn threshold_of(&self, role: &str) -> u64 {
        self.thresholds.get(role).copied().unwrap_or(1)
    }

    /// A key that no role has.
    pub fn stranger(&self) -> Key {
        Key::of("a stranger")
    }

    /// Lets the root say which keys the top-level roles have.
    fn state_keys(&mut self) {
        let top = ["root", "timestamp", "snapshot", "targets"];
        let keys: Vec<Key> = top.iter().flat_map(|role| self.keys_of(role).to_vec()).collect();
        put(&mut self.root.signed, &["keys"], key_table(&keys));
        for role in top {
            let stated = role_keys(self.keys_of(role), self.threshold_of(role));
            put(&mut self.root.signed, &["roles", role], stated);
        }
    }

    fn sign_top(&mut self) {
        for role in ["timestamp", "snapshot", "targets"] {
            let signers = self.keys_of(role).iter().map(Key::signer).collect();
            self.top(role).signers = signers;
        }
    }

    fn write_root(&mut self, random: &mut Random) {
        self.state_keys();
        self.root.signers = self.keys_of("root").iter().map(Key::signer).collect();
        self.publish_root(random);
    }

    /// Serves the root as the version that it says it has.
    pub fn publish_root(&mut self, random: &mut Random) {
        let bytes = self.root.bytes(self.style, random);
        self.files.insert(file_name("root", self.root.version()), bytes);
    }

    /// The next root gives one or two roles other keys, or only another threshold.
    pub fn rotate(&mut self, random: &mut Random) {
        let old = self.root.signers.clone();
        for _ in 0..=random.below(2) {
            let role = *one_of(random, &["root", "timestamp", "snapshot", "targets"]);
            match random.below(4) {
                0 => {
                    let count = self.keys_of(role).len();
                    self.thresholds.insert(role.to_owned(), 1 + random.below(count) as u64);
                }
                1 => {
                    // One more key beside the old ones, as far as there is room.
                    if self.keys_of(role).len() < 3 {
                        self.keys_made += 1;
                        let key = Key::of(&format!("key {}", self.keys_made));
                        self.keys.entry(role.to_owned()).or_default().push(key);
                    }
                }
                _ => self.draw_keys(random, role, 2),
            }
        }
        self.root.set_version(self.root.version().saturating_add(1));
        self.state_keys();
        let new: Vec<Signer> = self.keys_of("root").iter().map(Key::signer).collect();
        let is_old = |signer: &Signer| new.iter().any(|new| new.key_id == signer.key_id);
        self.root.signers = new.clone();
        self.root
            .signers
            .extend(old.into_iter().filter(|signer| !is_old(signer)));
        self.publish_root(random);
        self.root.signers = new;
        self.sign_top();
    }

    fn draw_delegations(&mut self, random: &mut Random) {
        list(random, "targets", &mut self.targets, &NAMES, self.focus);
        let count = random.below(7);
        let mut free: Vec<&str> = ROLES.to_vec();
        let mut chosen: Vec<String> = Vec::new();
        for _ in 0..count {
            chosen.push(free.remove(random.below(free.len())).to_owned());
        }
        for role in &chosen {
            self.draw_keys(random, role, 3);
            let keys = self.keys_of(role).to_vec();
            let mut file = File::new("targets", json!({"targets": {}}), &keys);
            file.set_version(1 + random.below(3) as u64);
            self.delegated.insert(role.clone(), file);
        }
        // A delegator stands before its roles, so that the depth is bounded; sometimes a role delegates back.
        for (index, role) in chosen.iter().enumerate() {
            let parent = random
                .below(index + 1)
                .checked_sub(1)
                .map(|parent| chosen[parent].clone());
            self.delegate(random, parent.as_deref(), role);
            if chance(random, 15) {
                let second = one_of(random, &chosen).clone();
                if second != *role && Some(&second) != parent.as_ref() {
                    self.delegate(random, Some(&second), role);
                }
            }
        }
    }

    /// Lets a role, or the top-level targets, delegate to another one, which lists some of the names that it is given.
    pub fn delegate(&mut self, random: &mut Random, parent: Option<&str>, role: &str) {
        let (keys, threshold) = (self.keys_of(role).to_vec(), self.threshold_of(role));
        let mut delegation = role_keys(&keys, threshold);
        delegation["name"] = json!(role);
        delegation["terminating"] = json!(chance(random, 25));
        let focus = chance(random, 65).then_some(self.focus);
        let covered = if chance(random, 30) {
            let (prefixes, covered) = draw_prefixes(random, focus);
            delegation["path_hash_prefixes"] = json!(prefixes);
            covered
        } else {
            let (patterns, covered) = draw_patterns(random, focus);
            delegation["paths"] = json!(patterns);
            covered
        };
        let Some(delegator) = self.targets_file(parent.unwrap_or("targets")) else {
            return;
        };
        for key in &keys {
            put(&mut delegator.signed, &["delegations", "keys", &key.id()], key.object());
        }
        match delegator
            .signed
            .pointer_mut("/delegations/roles")
            .and_then(Value::as_array_mut)
        {
            Some(roles) if random.below(2) == 0 => roles.insert(0, delegation),
            Some(roles) => roles.push(delegation),
            None => put(&mut delegator.signed, &["delegations", "roles"], json!([delegation])),
        }
        // What it lists is delegated to it all the way down: to list more is a mutation.
        if self.covered.contains_key(role) {
            return;
        }
        let above = parent.map(|parent| self.covered.get(parent).cloned().unwrap_or_default());
        let leads = |name: &&'static str| above.as_ref().is_none_or(|above| above.contains(name));
        let covered: Vec<&'static str> = covered.into_iter().filter(leads).collect();
        if let Some(file) = self.delegated.get_mut(role) {
            list(random, role, file, &covered, self.focus);
        }
        self.covered.insert(role.to_owned(), covered);
    }

    /// Top-level targets, or a delegated role.
    pub fn targets_file(&mut self, role: &str) -> Option<&mut File> {
        if role == "targets" {
            Some(&mut self.targets)
        } else {
            self.delegated.get_mut(role)
        }
    }

    /// A top-level role below root.
    ///
    /// # Panics
    ///
    /// When there is no such role.
    pub fn top(&mut self, role: &str) -> &mut File {
        match role {
            "timestamp" => &mut self.timestamp,
            "snapshot" => &mut self.snapshot,
            "targets" => &mut self.targets,
            "root" => &mut self.root,
            _ => panic!("{role} is no top-level role"),
        }
    }

    /// Any role.
    pub fn any_role(&self, random: &mut Random) -> String {
        let top = ["root", "timestamp", "snapshot", "targets"].map(str::to_owned);
        let roles: Vec<String> = top.into_iter().chain(self.delegated.keys().cloned()).collect();
        one_of(random, &roles).clone()
    }

    /// The file of any role.
    pub fn file(&mut self, role: &str) -> &mut File {
        if self.delegated.contains_key(role) {
            self.delegated.get_mut(role).unwrap_or(&mut self.targets)
        } else {
            self.top(role)
        }
    }

    /// The names that some role lists.
    pub fn listed(&self) -> Vec<String> {
        let files = self.delegated.values().chain([&self.targets]);
        let lists = files.filter_map(|file| file.signed.get("targets")?.as_object());
        lists.flat_map(|list| list.keys().cloned()).collect()
    }

    /// The next state: some roles change what they list, or only the timestamp is new; sometimes the root changes keys.
    pub fn evolve(&mut self, random: &mut Random, changes: usize) -> Vec<String> {
        let mut story = Vec::new();
        let rotates = chance(random, 30);
        if rotates {
            self.rotate(random);
            story.push("root rotates".to_owned());
        }
        // Rightly after a rotation of their keys, which ends a fast-forward; wrongly else.
        let goes_back = chance(random, if rotates { 40 } else { 6 });
        let is_new = changes > 0 || chance(random, 40);
        let names: Vec<String> = self.delegated.keys().cloned().collect();
        for role in names.iter().map(String::as_str).chain(["targets"]) {
            if is_new && chance(random, 40) {
                let file = self.file(role);
                let version = file.version().saturating_add(1);
                file.set_version(version);
                relist(role, file);
                story.push(format!("{role} becomes version {version}"));
            }
        }
        for role in ["snapshot", "timestamp"] {
            let old = self.top(role).version();
            let version = match random.below(10) {
                _ if goes_back => old.saturating_sub(1 + random.below(2) as u64).max(1),
                // The same version, and yet something else.
                0 if role == "timestamp" => old,
                _ if role == "snapshot" && !is_new && !rotates => old,
                _ => old.saturating_add(1),
            };
            self.top(role).set_version(version);
            if version != old.saturating_add(1) {
                story.push(format!("{role} after version {old} is version {version}"));
            }
        }
        story
    }

    /// Writes the delegated roles and targets, and lets the snapshot pin them beside what else it lists.
    pub fn publish_roles(&mut self, random: &mut Random) {
        let mut roles = self.delegated.clone();
        roles.insert("targets".to_owned(), self.targets.clone());
        for (role, file) in roles {
            let bytes = file.bytes(self.style, random);
            let pin = pin(file.version(), &bytes);
            put(&mut self.snapshot.signed, &["meta", &format!("{role}.json")], pin);
            self.files.insert(file_name(&role, file.version()), bytes);
        }
    }

    /// Writes the snapshot, and lets the timestamp pin it.
    pub fn publish_snapshot(&mut self, random: &mut Random) {
        let bytes = self.snapshot.bytes(self.style, random);
        let version = self.snapshot.version();
        let meta = json!({"snapshot.json": pin(version, &bytes)});
        put(&mut self.timestamp.signed, &["meta"], meta);
        self.files.insert(file_name("snapshot", version), bytes);
    }

    /// Writes the timestamp.
    pub fn publish_timestamp(&mut self, random: &mut Random) {
        let bytes = self.timestamp.bytes(self.style, random);
        self.files.insert("timestamp.json".to_owned(), bytes);
    }
}

/// Lists some of these names; the one in focus only sometimes, so that the search for it goes on.
fn list(random: &mut Random, role: &str, file: &mut File, covered: &[&str], focus: &str) {
    for _ in 0..random.below(3) {
        if covered.is_empty() {
            return;
        }
        let name = *one_of(random, covered);
        if name != focus || chance(random, 40) {
            let entry = listing(role, name, file.version());
            put(&mut file.signed, &["targets", name], entry);
        }
    }
}

/// The same names, with the digests of another version.
fn relist(role: &str, file: &mut File) {
    let version = file.version();
    if let Some(targets) = file.signed.get_mut("targets").and_then(Value::as_object_mut) {
        for (name, entry) in targets {
            *entry = listing(role, name, version);
        }
    }
}

/// An entry that says who lists it.
pub fn listing(role: &str, name: &str, version: u64) -> Value {
    let content = format!("{name} of {role}, version {version}");
    json!({"hashes": {"sha256": sha256(content.as_bytes())}, "length": content.len()})
}

fn draw_patterns(random: &mut Random, focus: Option<&str>) -> (Vec<String>, Vec<&'static str>) {
    let mut patterns: Vec<String> = focus.map(str::to_owned).into_iter().collect();
    for _ in 0..=random.below(2) {
        let pattern = if chance(random, 60) {
            // `*` alone would mean the folders too, to some clients: see the mutation `pattern`.
            *one_of(random, &FLAT)
        } else {
            *one_of(random, &FOLDERS)
        };
        patterns.push(pattern.to_owned());
    }
    let covered = |name: &&&str| patterns.iter().any(|pattern| covers(pattern, name));
    let covered = NAMES.iter().filter(covered).copied().collect();
    (patterns, covered)
}

/// The rule as the specification writes it down, by recursion.
fn covers(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), first) => {
            covers(&pattern[1..], name)
                || first.is_some_and(|first| first != '/' && covers(pattern, &name[first.len_utf8()..]))
        }
        (Some('?'), Some(first)) => first != '/' && covers(&pattern[1..], &name[first.len_utf8()..]),
        (Some(expected), Some(first)) => {
            expected == first && covers(&pattern[expected.len_utf8()..], &name[first.len_utf8()..])
        }
        _ => false,
    }
}

fn draw_prefixes(random: &mut Random, focus: Option<&str>) -> (Vec<String>, Vec<&'static str>) {
    let mut prefixes: Vec<String> = focus
        .map(|name| sha256(name.as_bytes())[..2].to_owned())
        .into_iter()
        .collect();
    for _ in 0..=random.below(3) {
        let digits = 1 + random.below(3);
        let hash = sha256(one_of(random, &NAMES).as_bytes());
        prefixes.push(hash[..digits].to_owned());
    }
    let covered = |name: &&&str| {
        let hash = sha256(name.as_bytes());
        prefixes.iter().any(|prefix| hash.starts_with(prefix))
    };
    let covered = NAMES.iter().filter(covered).copied().collect();
    (prefixes, covered)
}
