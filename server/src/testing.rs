//! A vendor with keys, a product and a repository, for the tests of this crate.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tuffet_keys_tool::{
    KeyRole, KeySource, PublicKey, SecretKey,
    root::{RolePlan, RootFile, RootPlan, Spare},
};
use tuffet_release::{Address, Class, Id, Rule, Version};
use tuffet_wire::UnixSeconds;

use crate::{
    candidate::Online,
    clock, create,
    error::Error,
    online::OnlineKeys,
    product::Product,
    proposal::Proposal,
    publish::{self, Outcome},
    release::{self, ImageFile, ReleasePlan},
    repository::Repository,
    roles::{Lifetimes, ProductKeys},
};

/// Everything on one machine.
pub struct Vendor {
    pub folder: TempDir,
    pub now: UnixSeconds,
    pub root: RootFile,
    pub targets: SecretKey,
    pub holders: [SecretKey; 2],
    pub operator: SecretKey,
    pub online: OnlineKeys,
    pub lifetimes: Lifetimes,
    pub product: Product,
    pub repository: Repository,
}

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// An image that lies anywhere.
pub fn image_file(hardware: &str, path: PathBuf) -> ImageFile {
    ImageFile {
        hardware: id(hardware),
        address: Address::Any,
        path,
    }
}

pub fn key(role: KeyRole) -> SecretKey {
    SecretKey::generate(role).unwrap()
}

pub fn product(name: &str, threshold: u32) -> Product {
    let text = format!(
        r#"
[product]
id = "{name}"
name = "Test {name}"
hardware = ["c3", "s3"]
channels = ["beta", "stable"]
profile = "linux"
slot_bytes = 100000
threshold = {threshold}

[support]
updatable = true
delivery = "auto"
start = 2026-01-01
end = 2036-01-01
contact = "security@example.com"

[bases]
count = 0
"#
    );
    Product::parse(&text, Path::new("tuffet.toml")).unwrap()
}

impl Vendor {
    /// With an empty product `lamp` that needs both holders.
    pub fn new() -> Self {
        let vendor = Self::without_product();
        let (product, keys) = (&vendor.product, vendor.product_keys());
        let folder = vendor.path("setup");
        let mut proposal = create::propose_product(
            &vendor.repository,
            product,
            &keys,
            &folder,
            &vendor.lifetimes,
            vendor.now,
        )
        .unwrap();
        for key in [
            &vendor.targets,
            &vendor.holders[0],
            &vendor.holders[1],
            &vendor.operator,
        ] {
            proposal.sign(key).unwrap();
        }
        vendor.publish(&proposal).unwrap();
        vendor
    }

    pub fn without_product() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The second opinion goes by the real clock.
        let now = clock::now();
        let (root_key, targets) = (key(KeyRole::Root), key(KeyRole::Targets));
        let (snapshot, timestamp) = (key(KeyRole::Snapshot), key(KeyRole::Timestamp));
        let role = |key: &SecretKey| RolePlan {
            keys: vec![key.public_key().clone()],
            threshold: 1,
        };
        let plan = RootPlan {
            root: role(&root_key),
            targets: role(&targets),
            snapshot: role(&snapshot),
            timestamp: role(&timestamp),
            signed_at: now,
            expires: now.saturating_add_days(730),
            spare: Spare::Waived,
        };
        let mut root = RootFile::create(&plan).unwrap();
        root.sign(&root_key, now).unwrap();
        let online = OnlineKeys::new(vec![Box::new(snapshot)], vec![Box::new(timestamp)]);
        let lifetimes = Lifetimes::default();
        let path = folder.path().join("repository");
        let repository = create::init(&path, &root, &[&targets], &online, &lifetimes, now).unwrap();
        let holders = [
            key(KeyRole::Product("lamp".to_owned())),
            key(KeyRole::Product("lamp".to_owned())),
        ];
        let operator = key(KeyRole::Rollout("lamp".to_owned()));
        let product = product("lamp", 2);
        Self {
            folder,
            now,
            root,
            targets,
            holders,
            operator,
            online,
            lifetimes,
            product,
            repository,
        }
    }

    pub fn product_keys(&self) -> ProductKeys {
        let holders: Vec<PublicKey> = self.holders.iter().map(|key| key.public_key().clone()).collect();
        ProductKeys::new(holders, 2, vec![self.operator.public_key().clone()]).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An image file of bytes that pack to about a tenth.
    pub fn image(&self, seed: u32) -> PathBuf {
        let path = self.path(&format!("image-{seed}"));
        let bytes: Vec<u8> = (0..5000u32)
            .flat_map(|n| (n / 9).wrapping_mul(seed).to_le_bytes())
            .collect();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A feature release for both kinds of hardware on `beta`.
    pub fn plan(&self, version: &str) -> ReleasePlan {
        let version = Version::parse(version).unwrap();
        let seed = version.major * 10_000 + version.minor * 100 + version.patch + 1;
        ReleasePlan {
            version,
            class: Class::Feature,
            advisory: None,
            channels: vec![id("beta")],
            images: vec![
                image_file("c3", self.image(seed)),
                image_file("s3", self.image(seed + 7)),
            ],
            security_version: None,
            attempt: 1,
            rollback: false,
            rule: Rule::None,
            stepping_stones: Vec::new(),
            install_by: None,
            interruption_s: 20,
            sbom: None,
            released: self.now,
        }
    }

    pub fn build(&self, plan: &ReleasePlan, folder: &str) -> Result<Proposal, Error> {
        release::build(
            &self.repository,
            &self.product,
            plan,
            &self.path(folder),
            &self.lifetimes,
            self.now,
            &mut |_| (),
        )
    }

    /// Built and signed by both holders.
    pub fn signed(&self, version: &str) -> Proposal {
        let mut proposal = self.build(&self.plan(version), version).unwrap();
        for holder in &self.holders {
            proposal.sign(holder).unwrap();
        }
        proposal
    }

    pub fn publish(&self, proposal: &Proposal) -> Result<Outcome, Error> {
        publish::publish(&self.repository, proposal, &self.online, &self.lifetimes, self.now)
    }

    pub fn release(&self, version: &str) -> Proposal {
        let proposal = self.signed(version);
        self.publish(&proposal).unwrap();
        proposal
    }

    pub fn online(&self) -> Online<'_> {
        Online {
            keys: &self.online,
            lifetimes: &self.lifetimes,
            now: self.now,
        }
    }

    pub fn verify(&self) -> Result<crate::verify::Verified, Error> {
        crate::verify::verify(&self.repository, &self.root, self.now)
    }
}

/// All files below a folder with their bytes.
pub fn tree(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub fn copy_tree(from: &Path, to: &Path) {
    for (path, bytes) in tree(from) {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
