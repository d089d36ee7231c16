//! A repository in memory that signs what it is told to, and a device that updates from it.
#![allow(dead_code, reason = "each test file uses its part of it")]

pub mod agreement;
pub mod foreign;

use ed25519_dalek::{Signer, SigningKey};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};
use tuffet_tuf::{
    Algorithms, Answer, ClockPolicy, Error, Fetch, Lenient, Limits, Reading, Rejected, Request, Resolution, RoleName,
    Session, Store, Strict, TargetName, Trusted, emit,
    model::{
        DelegatedRole, Delegations, Key, KeyId, MetaFile, Role, RoleKeys, Root, Signature, Snapshot, Target, Targets,
        Timestamp, TimestampMeta, TopLevelRoles,
    },
};
use tuffet_wire::{Document, UnixSeconds, hex::Hex};

/// When the first repository was signed.
pub const SIGNED_AT: UnixSeconds = UnixSeconds::new(1_767_225_600);
/// The name that a device looks for.
pub const POINTER: &str = "p_h_c.release";
/// The name that it looks for next.
pub const ROLLOUT: &str = "p_h_c.rollout";

pub const fn days(days: u32) -> UnixSeconds {
    SIGNED_AT.saturating_add_days(days)
}

pub fn secret(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub fn key(number: u8) -> (KeyId, Key) {
    let key = Key::ed25519(secret(number).verifying_key().as_bytes());
    (key.id().unwrap(), key)
}

pub fn role_keys(numbers: &[u8], threshold: u32) -> RoleKeys {
    RoleKeys {
        keyids: numbers.iter().map(|number| key(*number).0).collect(),
        threshold,
    }
}

pub fn key_map(numbers: &[u8]) -> BTreeMap<KeyId, Key> {
    numbers.iter().map(|number| key(*number)).collect()
}

pub fn signature<R: Role>(role: &R, number: u8) -> Signature {
    let bytes = secret(number)
        .sign(&emit::signed_bytes(role).unwrap())
        .to_bytes()
        .to_vec();
    Signature {
        keyid: key(number).0,
        bytes,
    }
}

pub fn sign<R: Role>(role: &R, numbers: &[u8]) -> Vec<u8> {
    let signatures: Vec<Signature> = numbers.iter().map(|number| signature(role, *number)).collect();
    emit::file(role, &signatures).unwrap()
}

/// A role and the numbers of the keys that sign it.
#[derive(Clone)]
pub struct Signed<R> {
    pub role: R,
    pub signers: Vec<u8>,
}

impl<R: Role> Signed<R> {
    pub fn file(&self) -> Vec<u8> {
        sign(&self.role, &self.signers)
    }
}

/// What is signed, and what of it is served.
#[derive(Clone)]
pub struct Repository {
    pub root: Signed<Root>,
    pub timestamp: Signed<Timestamp>,
    pub snapshot: Signed<Snapshot>,
    pub targets: Signed<Targets>,
    pub delegated: BTreeMap<String, Signed<Targets>>,
    pub served: BTreeMap<String, Vec<u8>>,
}

pub fn targets_of(names: &[&str]) -> Targets {
    let custom = serde_json::json!({"class": "feature", "security_version": 7, "version": "1.2.3"});
    let target = |name: &&str| (name.to_string(), Target::of(name.as_bytes(), Some(custom.clone())));
    Targets {
        delegations: None,
        expires: days(180),
        targets: names.iter().map(target).collect(),
        version: 1,
        signed_at: SIGNED_AT,
    }
}

pub fn delegation(name: &str, keys: &[u8], threshold: u32, paths: &[&str]) -> DelegatedRole {
    DelegatedRole {
        keyids: keys.iter().map(|number| key(*number).0).collect(),
        name: name.to_string(),
        path_hash_prefixes: None,
        paths: Some(paths.iter().map(|path| path.to_string()).collect()),
        terminating: false,
        threshold,
    }
}

impl Repository {
    /// Root 2 of 3, targets 2 of 2, product `p` 2 of 2 with its pointer, a terminating rollout role.
    pub fn new() -> Self {
        let root = Root {
            consistent_snapshot: true,
            expires: days(730),
            keys: key_map(&[1, 2, 3, 10, 11, 20, 21]),
            roles: TopLevelRoles {
                root: role_keys(&[1, 2, 3], 2),
                snapshot: role_keys(&[11], 1),
                targets: role_keys(&[20, 21], 2),
                timestamp: role_keys(&[10], 1),
            },
            version: 1,
            signed_at: SIGNED_AT,
        };
        let mut targets = targets_of(&[]);
        targets.expires = days(365);
        let mut rollout = delegation("p_rollout", &[40], 1, &["p_*.rollout"]);
        rollout.terminating = true;
        targets.delegations = Some(Delegations {
            keys: key_map(&[30, 31, 40]),
            roles: vec![
                delegation("p", &[30, 31], 2, &["p_*.release"]),
                delegation(
                    "p_files",
                    &[30, 31],
                    2,
                    &["p_*.zst", "p_*.patch", "p_*.json", "p_*.document"],
                ),
                rollout,
            ],
        });
        let signed = |names: &[&str], signers: &[u8]| Signed {
            role: targets_of(names),
            signers: signers.to_vec(),
        };
        let nothing = MetaFile::of(1, b"");
        let mut repository = Self {
            root: Signed {
                role: root,
                signers: vec![1, 2],
            },
            timestamp: Signed {
                role: Timestamp {
                    expires: days(3),
                    meta: TimestampMeta { snapshot: nothing },
                    version: 0,
                    signed_at: SIGNED_AT,
                },
                signers: vec![10],
            },
            snapshot: Signed {
                role: Snapshot {
                    expires: days(7),
                    meta: BTreeMap::new(),
                    version: 0,
                    signed_at: SIGNED_AT,
                },
                signers: vec![11],
            },
            targets: Signed {
                role: targets,
                signers: vec![20, 21],
            },
            delegated: BTreeMap::from([
                ("p".to_string(), signed(&[POINTER], &[30, 31])),
                ("p_files".to_string(), signed(&["p_1.2.3_h.zst"], &[30, 31])),
                ("p_rollout".to_string(), signed(&[ROLLOUT], &[40])),
            ]),
            served: BTreeMap::new(),
        };
        repository.publish_root();
        repository.publish();
        repository
    }

    pub fn serve(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.served.insert(name.into(), bytes);
    }

    pub fn publish_root(&mut self) {
        self.serve(format!("{}.root.json", self.root.role.version), self.root.file());
    }

    /// Signs and serves the next root, signed by the old and the new signers.
    pub fn rotate_root(&mut self, change: impl FnOnce(&mut Signed<Root>)) {
        let mut signers: BTreeSet<u8> = self.root.signers.iter().copied().collect();
        self.root.role.version += 1;
        change(&mut self.root);
        signers.extend(&self.root.signers);
        let bytes = sign(&self.root.role, &signers.into_iter().collect::<Vec<u8>>());
        self.serve(format!("{}.root.json", self.root.role.version), bytes);
    }

    /// Signs and serves everything below root, one version up where something changed.
    pub fn publish(&mut self) {
        for (name, role) in &self.delegated {
            let file = role.file();
            self.snapshot
                .role
                .meta
                .insert(format!("{name}.json"), MetaFile::of(role.role.version, &file));
            self.served.insert(format!("{}.{name}.json", role.role.version), file);
        }
        let file = self.targets.file();
        let version = self.targets.role.version;
        self.snapshot
            .role
            .meta
            .insert("targets.json".to_string(), MetaFile::of(version, &file));
        self.serve(format!("{version}.targets.json"), file);
        self.publish_snapshot();
    }

    /// Signs and serves snapshot and timestamp, one version up.
    pub fn publish_snapshot(&mut self) {
        self.snapshot.role.version += 1;
        let version = self.snapshot.role.version;
        let file = self.snapshot.file();
        self.timestamp.role.meta.snapshot = MetaFile::of(version, &file);
        self.serve(format!("{version}.snapshot.json"), file);
        self.publish_timestamp();
    }

    /// Signs and serves the timestamp, one version up.
    pub fn publish_timestamp(&mut self) {
        self.timestamp.role.version += 1;
        self.serve("timestamp.json", self.timestamp.file());
    }

    /// Sets when everything was signed and lets it live as long as at first.
    pub fn sign_at(&mut self, signed_at: UnixSeconds) {
        (self.timestamp.role.signed_at, self.timestamp.role.expires) = (signed_at, signed_at.saturating_add_days(3));
        (self.snapshot.role.signed_at, self.snapshot.role.expires) = (signed_at, signed_at.saturating_add_days(7));
        (self.targets.role.signed_at, self.targets.role.expires) = (signed_at, signed_at.saturating_add_days(365));
        for role in self.delegated.values_mut() {
            (role.role.signed_at, role.role.expires) = (signed_at, signed_at.saturating_add_days(180));
        }
    }
}

/// A document that comes in pieces of one length.
pub struct Pieces<'a> {
    pub bytes: &'a [u8],
    pub piece: usize,
}

impl Document for Pieces<'_> {
    type Error = Infallible;

    fn length(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Infallible> {
        let rest = &self.bytes[offset as usize..];
        Ok(&rest[..rest.len().min(self.piece)])
    }
}

pub type Refused = Error<Infallible>;

/// A reading whose state can be written down.
pub trait Kept: Reading {
    fn wanted(name: &str) -> Self::TargetName;
    /// Writes the state down and reads it again.
    fn reread(trusted: &Trusted<Self>) -> Trusted<Self>;
}

impl<A: Algorithms> Kept for Strict<A> {
    fn wanted(name: &str) -> TargetName {
        TargetName::new(name).unwrap()
    }

    fn reread(trusted: &Trusted<Self>) -> Trusted<Self> {
        Trusted::<Self>::decode(&trusted.encode()).unwrap()
    }
}

impl Kept for Lenient {
    fn wanted(name: &str) -> String {
        name.to_string()
    }

    fn reread(trusted: &Trusted<Self>) -> Trusted<Self> {
        Trusted::<Self>::from_bytes(&trusted.to_bytes()).unwrap()
    }
}

/// A device, as the smallest one is.
pub type Device = DeviceOf<Strict>;

/// What a device of this reading keeps, and what it asked the repository for.
#[derive(Clone)]
pub struct DeviceOf<R: Reading> {
    pub root: Vec<u8>,
    pub snapshot: Vec<u8>,
    /// The newest file of every other role, by the role's name; only a large device keeps them.
    pub others: Option<BTreeMap<String, Vec<u8>>>,
    pub trusted: Trusted<R>,
    pub clock: ClockPolicy,
    pub limits: Limits,
    pub piece: usize,
    pub requests: Vec<String>,
    pub stored: Cell<usize>,
}

impl<R: Kept> DeviceOf<R> {
    pub fn provisioned(repository: &Repository) -> Self {
        Self::of_root(&repository.served["1.root.json"], &Limits::DEFAULT).unwrap()
    }

    /// A device that was given this root.
    pub fn of_root(root: &[u8], limits: &Limits) -> Result<Self, Refused> {
        Ok(Self {
            root: root.to_vec(),
            snapshot: Vec::new(),
            others: None,
            trusted: Session::<R>::first_root(&mut &*root, limits)?,
            clock: ClockPolicy::Trusted { now: days(1) },
            limits: *limits,
            piece: 64,
            requests: Vec::new(),
            stored: Cell::new(0),
        })
    }

    pub fn begin(&self) -> Result<Session<R>, Refused> {
        self.begin_for(POINTER)
    }

    pub fn begin_for(&self, name: &str) -> Result<Session<R>, Refused> {
        let mut root = Pieces {
            bytes: &self.root,
            piece: self.piece,
        };
        Session::begin(
            &mut root,
            self.trusted.clone(),
            R::wanted(name),
            self.clock,
            &self.limits,
        )
    }

    /// Runs a session until it asks for nothing more.
    pub fn run(&mut self, repository: &Repository, mut session: Session<R>) -> Result<Session<R>, Refused> {
        while let Request::Fetch(fetch) = session.request() {
            if let Some(bytes) = self.kept(&fetch) {
                match session.clone().receive(Answer::Present(&mut Pieces {
                    bytes: &bytes,
                    piece: self.piece,
                })) {
                    Ok(step) => {
                        session = step.session;
                        self.store(step.store, &fetch.file.role, Some(bytes), &session);
                        continue;
                    }
                    // The copy of a version that is listed without its bytes: the repository may have another.
                    Err(Error::Rejected(Rejected::TooFewSignatures { .. })) => {}
                    Err(refused) => return Err(refused),
                }
            }
            let name = fetch.file.to_string();
            self.requests.push(name.clone());
            let bytes = repository.served.get(&name).cloned();
            let step = match &bytes {
                Some(bytes) => session.receive(Answer::Present(&mut Pieces {
                    bytes,
                    piece: self.piece,
                }))?,
                None => session.receive(Answer::<Pieces<'_>>::Absent)?,
            };
            session = step.session;
            self.store(step.store, &fetch.file.role, bytes, &session);
        }
        Ok(session)
    }

    fn store(&mut self, store: Option<Store>, role: &RoleName, bytes: Option<Vec<u8>>, session: &Session<R>) {
        let Some(Store) = store else { return };
        self.stored.set(self.stored.get() + 1);
        let bytes = bytes.unwrap_or_default();
        match (role, &mut self.others) {
            (RoleName::Root, _) => self.root = bytes,
            (RoleName::Snapshot, _) => self.snapshot = bytes,
            (RoleName::Delegated(_) | RoleName::Targets | RoleName::Timestamp, Some(others)) => {
                others.insert(role.as_str().to_string(), bytes);
            }
            (RoleName::Delegated(_) | RoleName::Targets | RoleName::Timestamp, None) => {}
        }
        self.trusted = R::reread(session.trusted());
    }

    /// The kept copy, if it is the one that is asked for.
    fn kept(&self, fetch: &Fetch) -> Option<Vec<u8>> {
        let pinned = fetch.pinned?;
        let others = self.others.iter().flat_map(BTreeMap::values);
        let mut kept = others.chain([&self.snapshot, &self.root]);
        kept.find(|kept| pinned.matches(&mut &kept[..]).unwrap()).cloned()
    }

    pub fn update(&mut self, repository: &Repository) -> Result<Resolution<R>, Refused> {
        self.find(repository, POINTER)
    }

    /// One cycle that looks for this name.
    pub fn find(&mut self, repository: &Repository, name: &str) -> Result<Resolution<R>, Refused> {
        self.requests.clear();
        let session = self.begin_for(name)?;
        let session = self.run(repository, session)?;
        Ok(session.resolution().expect("the session is resolved").clone())
    }
}

/// The bytes of `signed` in a file as our writer spells it.
pub fn signed_part(file: &[u8]) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = br#","signed":"#;
    let at = file.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    file.get(at + BEFORE.len()..file.len().checked_sub(1)?)
        .map(<[u8]>::to_vec)
}

/// A file with these bytes as `signed`, whatever they are.
pub fn sign_bytes(signed: &[u8], signers: &[u8]) -> Vec<u8> {
    let signatures: Vec<String> = signers
        .iter()
        .map(|number| {
            let signature = secret(*number).sign(signed).to_bytes();
            format!(r#"{{"keyid":"{}","sig":"{}"}}"#, key(*number).0, Hex(&signature))
        })
        .collect();
    let mut file = format!(r#"{{"signatures":[{}],"signed":"#, signatures.join(",")).into_bytes();
    file.extend_from_slice(signed);
    file.push(b'}');
    file
}
