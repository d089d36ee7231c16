//! Writes a repository with Tuffet's own writer, honest or with one forgery in it.
//!
//! ```text
//! write-repository DIR TARGETS WHAT
//! DIR/root.json    the first root: 3 of 5 keys sign for root, one each for the other roles
//! DIR/metadata     DIR/targets     consistent snapshots; one file of 200 KiB is really there
//! WHAT             honest, or whose file is forged: root, timestamp, snapshot, targets, target
//! ```
//!
//! A forged metadata file is signed by keys that the root does not name, and everything else fits to it: version, length and
//! digest. A forged root names these keys, so that all that comes after it fits too. A forged target has its length.
//!
//! It prints the name of the target that is there, and its SHA-256.

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_peers::Failed;
use tuffet_peers::arguments::ended;
use tuffet_tuf::emit;
use tuffet_tuf::model::{
    Hashes, Key, MetaFile, Role, RoleKeys, Root, Signature, Snapshot, Target, Targets, Timestamp, TimestampMeta,
    TopLevelRoles,
};
use tuffet_wire::{UnixSeconds, hex::Hex};

/// The one target that is there.
const TARGET_BYTES: usize = 200 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match &arguments[..] {
        [dir, targets, what] => write(Path::new(dir), targets, what),
        _ => Err("usage: write-repository DIR TARGETS WHAT".into()),
    })
}

fn write(dir: &Path, targets: &str, what: &str) -> Result<(), Failed> {
    let repository = Repository::new(targets.parse()?, what)?;
    std::fs::create_dir_all(dir.join("metadata"))?;
    std::fs::create_dir_all(dir.join("targets"))?;
    std::fs::write(dir.join("root.json"), &repository.first_root)?;
    for (name, bytes) in &repository.files {
        std::fs::write(dir.join(name), bytes)?;
    }
    println!("{} {}", repository.target, Hex(&repository.digest));
    Ok(())
}

struct Repository {
    first_root: Vec<u8>,
    /// By path.
    files: BTreeMap<String, Vec<u8>>,
    target: String,
    digest: [u8; 32],
}

impl Repository {
    fn new(count: u32, what: &str) -> Result<Self, Failed> {
        let now = UnixSeconds::new(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
        let honest = Keys::of("honest");
        let foreign = Keys::of("foreign");
        let signer = |role: &str| {
            if role == what || what == "root" {
                &foreign
            } else {
                &honest
            }
        };
        let mut files = BTreeMap::new();

        let first_root = honest.root(1, now, &honest)?;
        files.insert("metadata/1.root.json".to_owned(), first_root.clone());
        match what {
            "root" => drop(files.insert("metadata/2.root.json".to_owned(), foreign.root(2, now, &foreign)?)),
            "honest" | "timestamp" | "snapshot" | "targets" | "target" => {}
            _ => return Err("WHAT is none of its words".into()),
        }

        let (target, content) = (name(count / 2), content());
        let listed = (0..count)
            .map(|number| (name(number), described(number)))
            .chain([(target.clone(), Target::of(&content, None))]);
        let expires = now.saturating_add_days(30);
        let targets = Targets {
            delegations: None,
            expires,
            targets: listed.collect(),
            version: 1,
            signed_at: now,
        };
        let targets = sign(&targets, &[&signer("targets").targets])?;
        let meta = BTreeMap::from([("targets.json".to_owned(), MetaFile::of(1, &targets))]);
        let snapshot = Snapshot {
            expires,
            meta,
            version: 1,
            signed_at: now,
        };
        let snapshot = sign(&snapshot, &[&signer("snapshot").snapshot])?;
        let meta = TimestampMeta {
            snapshot: MetaFile::of(1, &snapshot),
        };
        let timestamp = Timestamp {
            expires,
            meta,
            version: 1,
            signed_at: now,
        };
        let timestamp = sign(&timestamp, &[&signer("timestamp").timestamp])?;
        files.insert("metadata/1.targets.json".to_owned(), targets);
        files.insert("metadata/1.snapshot.json".to_owned(), snapshot);
        files.insert("metadata/timestamp.json".to_owned(), timestamp);

        let digest: [u8; 32] = Sha256::digest(&content).into();
        files.insert(
            format!("targets/{}.{target}", Hex(&digest)),
            if what == "target" { edited(content) } else { content },
        );
        Ok(Self {
            first_root,
            files,
            target,
            digest,
        })
    }
}

/// Who signs what.
struct Keys {
    root: [SigningKey; 5],
    snapshot: SigningKey,
    targets: SigningKey,
    timestamp: SigningKey,
}

impl Keys {
    /// Always the same keys for a name.
    fn of(name: &str) -> Self {
        let key = |role: &str| SigningKey::from_bytes(&Sha256::digest(format!("{name} {role}")).into());
        Self {
            root: ["root 1", "root 2", "root 3", "root 4", "root 5"].map(key),
            snapshot: key("snapshot"),
            targets: key("targets"),
            timestamp: key("timestamp"),
        }
    }

    fn root(&self, version: u64, now: UnixSeconds, signers: &Self) -> Result<Vec<u8>, Failed> {
        let all = self.root.iter().chain([&self.snapshot, &self.targets, &self.timestamp]);
        let keys = all
            .map(|key| Ok((public(key).id()?, public(key))))
            .collect::<Result<_, Failed>>()?;
        let role = |keys: &[SigningKey], threshold| {
            let keyids = keys
                .iter()
                .map(|key| Ok(public(key).id()?))
                .collect::<Result<_, Failed>>()?;
            Ok::<_, Failed>(RoleKeys { keyids, threshold })
        };
        let roles = TopLevelRoles {
            root: role(&self.root, 3)?,
            snapshot: role(std::slice::from_ref(&self.snapshot), 1)?,
            targets: role(std::slice::from_ref(&self.targets), 1)?,
            timestamp: role(std::slice::from_ref(&self.timestamp), 1)?,
        };
        let expires = now.saturating_add_days(365);
        let root = Root {
            consistent_snapshot: true,
            expires,
            keys,
            roles,
            version,
            signed_at: now,
        };
        let [one, two, three, _, _] = &signers.root;
        sign(&root, &[one, two, three])
    }
}

fn public(key: &SigningKey) -> Key {
    Key::ed25519(key.verifying_key().as_bytes())
}

fn sign<R: Role>(role: &R, keys: &[&SigningKey]) -> Result<Vec<u8>, Failed> {
    let signed = emit::signed_bytes(role)?;
    let signature = |key: &&SigningKey| {
        let keyid = public(key).id()?;
        Ok(Signature {
            keyid,
            bytes: key.sign(&signed).to_bytes().to_vec(),
        })
    };
    let signatures = keys.iter().map(signature).collect::<Result<Vec<_>, Failed>>()?;
    Ok(emit::file(role, &signatures)?)
}

fn name(number: u32) -> String {
    format!("firmware-{number:06}.bin")
}

/// A target that is only listed.
fn described(number: u32) -> Target {
    let sha256 = Sha256::digest(number.to_be_bytes()).into();
    Target {
        custom: None,
        hashes: Hashes { sha256 },
        length: u64::from(number % 9_000) + 100_000,
    }
}

/// Bytes that no transport can make smaller.
fn content() -> Vec<u8> {
    let blocks = (0..).flat_map(|number: u32| <[u8; 32]>::from(Sha256::digest(number.to_le_bytes())));
    blocks.take(TARGET_BYTES).collect()
}

/// As long, and another file.
fn edited(mut content: Vec<u8>) -> Vec<u8> {
    if let Some(last) = content.last_mut() {
        *last ^= 1;
    }
    content
}
