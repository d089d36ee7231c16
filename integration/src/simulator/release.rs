//! A release as plain values: firmware, its compressed file, its patches, and the document about them.

use super::keys::sha256;
use super::names::Names;
use super::patch;
use super::time::{DAY_S, utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use tuffet_patch::Profile;

/// The product of the simulated repository.
pub const PRODUCT: &str = "lamp";
/// Another product of the same repository.
pub const OTHER_PRODUCT: &str = "stove";
/// The hardware of the simulated device.
pub const HARDWARE: &str = "c3";
/// The channel of the simulated device.
pub const CHANNEL: &str = "stable";
/// The bytes that a slot of the simulated device holds.
pub const SLOT_BYTES: u32 = 256 * 1024;
/// The bytes of a simulated firmware.
pub const IMAGE_BYTES: usize = 92 * 1024;

/// The name of the pointer that the simulated device looks for.
pub const POINTER: &str = "lamp_c3_stable.release";
/// The name of the rollout file that goes with it.
pub const ROLLOUT: &str = "lamp_c3_stable.rollout";
/// The name of the support statement.
pub const SUPPORT: &str = "lamp_support.json";

/// A patch as a file.
#[derive(Clone)]
pub struct Patch {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub file: Vec<u8>,
}

/// One release.
#[derive(Clone)]
pub struct Release {
    /// The firmware as it stands in a slot.
    pub image: Vec<u8>,
    /// The compressed firmware, as it is downloaded.
    pub image_file: Vec<u8>,
    /// The name of the compressed firmware.
    pub image_name: String,
    /// The patches that the document lists, in the order in which they were added.
    pub patches: Vec<Patch>,
    /// The release document.
    pub document: Value,
    /// What the pointer says beside length and digest of the document.
    pub custom: Value,
    /// The support statement.
    pub support: Value,
    /// How far apart checkpoints of its patches are at least, in bytes of the image; `None`: as the profile has it.
    pub checkpoint_distance: Option<u32>,
}

impl Release {
    /// A release that every device takes: `feature`, security version 1, no rollout.
    #[must_use]
    pub fn new(version: &str, now: u64) -> Self {
        Self::named(&Names::default(), version, now)
    }

    /// The same of a product with these names.
    #[must_use]
    pub fn named(names: &Names, version: &str, now: u64) -> Self {
        let support = support_statement(names, now);
        let mut release = Self {
            image: Vec::new(),
            image_file: Vec::new(),
            image_name: format!("{}_{version}_{}.zst", names.product, names.hardware),
            patches: Vec::new(),
            document: document(names, version, now, &support),
            custom: json!({"class": "feature", "security_version": 1, "version": version}),
            support,
            checkpoint_distance: None,
        };
        release.carry(firmware(version));
        release
    }

    /// Puts this firmware in, compresses it and lets the document describe it.
    ///
    /// # Panics
    ///
    /// When zstd cannot compress into memory.
    pub fn carry(&mut self, image: Vec<u8>) {
        let image = with_head(image);
        let file = zstd::encode_all(image.as_slice(), 3).expect("zstd compresses into memory");
        let described = self.image_mut();
        described["digest"] = json!(sha256(&image));
        described["length"] = json!(image.len());
        self.image = image;
        self.carry_file(file);
    }

    /// Puts this file in as the compressed firmware; what the document says about the firmware itself stays.
    pub fn carry_file(&mut self, file: Vec<u8>) {
        let name = self.image_name.clone();
        self.image_mut()["file"] = json!({"digest": sha256(&file), "length": file.len(), "name": name});
        self.image_file = file;
    }

    /// Adds the patch from an image, or from nothing, to this release's image, and lets the document describe it. Its name says
    /// for which profile it is, and whether it is a `delta` or makes the `whole` image.
    ///
    /// # Panics
    ///
    /// When there is a patch of that name.
    pub fn add_patch(&mut self, source: Option<&[u8]>, profile: Profile) {
        self.add_patch_in_blocks(source, profile, patch::BLOCK_BYTES);
    }

    /// The same, in blocks of this size: the smaller they are, the longer is the file.
    ///
    /// # Panics
    ///
    /// When there is a patch of that name.
    pub fn add_patch_in_blocks(&mut self, source: Option<&[u8]>, profile: Profile, block_bytes: usize) {
        let word = word(profile);
        let name = self.patch_name(source, profile);
        assert!(self.patches.iter().all(|patch| patch.name != name), "there is {name}");
        let file = patch::encoded_with(source, &self.image, profile, block_bytes, self.checkpoint_distance);
        let entry = json!({"name": name, "profile": word, "source": source.map_or_else(String::new, sha256)});
        if let Some(entries) = self.image_mut()["patches"].as_array_mut() {
            entries.push(entry);
            let order = |entry: &Value| [&entry["source"], &entry["profile"]].map(Value::to_string);
            entries.sort_by_key(order);
        }
        self.patches.push(Patch { name, file: Vec::new() });
        let head = patch::head(&file, block_bytes);
        self.carry_patch(self.patches.len() - 1, file, &head, block_bytes);
    }

    fn patch_name(&self, source: Option<&[u8]>, profile: Profile) -> String {
        let kind = if source.is_some() { "delta" } else { "whole" };
        self.image_name
            .replace(".zst", &format!("_{}_{kind}.patch", word(profile)))
    }

    /// Puts this file in as a patch: length and digest are its own, the chain is what it is said to be.
    ///
    /// # Panics
    ///
    /// When there is no such patch.
    pub fn carry_patch(&mut self, index: usize, file: Vec<u8>, head: &str, block_bytes: usize) {
        let entry = self.patch_mut(index);
        entry["digest"] = json!(sha256(&file));
        entry["length"] = json!(file.len());
        entry["head"] = json!(head);
        entry["block_bytes"] = json!(block_bytes);
        self.patches[index].file = file;
    }

    /// What the document says about a patch.
    ///
    /// # Panics
    ///
    /// When it does not list it.
    pub fn patch_mut(&mut self, index: usize) -> &mut Value {
        let name = self.patches[index].name.clone();
        let entries = self.image_mut()["patches"].as_array_mut();
        let found = entries.and_then(|entries| entries.iter_mut().find(|entry| entry["name"] == *name));
        found.expect("the document lists the patch")
    }

    /// The same release with the patch from nothing that small devices take in place of the compressed firmware, unless it
    /// lists one already, or does not describe the firmware that it carries.
    #[must_use]
    pub fn for_all_devices(&self) -> Self {
        let mut release = self.clone();
        let digest = sha256(&release.image);
        let name = release.patch_name(None, Profile::Small);
        let is_there = release.patches.iter().any(|patch| patch.name == name);
        let entry = release.image_mut();
        let is_described = entry["digest"] == *digest && entry["patches"].is_array();
        let is_of_product = release.image_name.split('_').next() == release.document["product"].as_str();
        if is_described && is_of_product && !is_there {
            release.add_patch(None, Profile::Small);
        }
        release
    }

    /// Says that the firmware is linked for this address, and runs nowhere else.
    pub fn link_for(&mut self, address: u32) {
        self.image_mut()["address"] = json!(format!("0x{address:08x}"));
    }

    /// What the document says about the image of the simulated device.
    pub fn image_mut(&mut self) -> &mut Value {
        &mut self.document["components"][0]["images"][0]
    }

    /// Sets the version in document and pointer; the name of the image file stays.
    pub fn set_version(&mut self, version: &str) {
        self.document["version"] = json!(version);
        self.custom["version"] = json!(version);
    }

    /// Sets the security version in document and pointer.
    pub fn set_security_version(&mut self, security_version: u64) {
        self.document["security_version"] = json!(security_version);
        self.custom["security_version"] = json!(security_version);
    }

    /// Makes it a security release, with the advisory that one needs.
    pub fn make_security(&mut self) {
        self.document["class"] = json!("security");
        self.custom["class"] = json!("security");
        self.document["advisory"] = json!({
            "cves": ["CVE-2026-0001"],
            "risk": "Anyone on the network can switch the lamp.",
            "text": "Fixes a missing check of the pairing code.",
        });
    }

    /// Makes installation depend on the rollout file.
    pub fn require_rollout(&mut self, wait_max_days: u64) {
        self.document["rollout"] = json!({"rule": "required", "wait_max_days": wait_max_days});
    }
}

/// A profile, as documents write it.
const fn word(profile: Profile) -> &'static str {
    match profile {
        Profile::Large => "large",
        Profile::Small => "small",
        Profile::Standard => "standard",
    }
}

/// A rollout file for a release document with this digest.
#[must_use]
pub fn rollout(document_sha256: &str, state: &str, waves: &[(u64, u64)]) -> Value {
    let waves: Vec<Value> = waves
        .iter()
        .map(|(start, share_ppm)| json!({"share_ppm": share_ppm, "start": utc(*start)}))
        .collect();
    json!({"_type": "tuffet-rollout", "format": 0, "release": document_sha256, "state": state, "waves": waves})
}

thread_local! {
    /// What firmware begins with that is made on this thread.
    static HEAD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lets all firmware that is made on this thread begin so from now on: for devices that run it.
pub fn begin_firmware_with(head: &[u8]) {
    HEAD.set(head.to_vec());
}

/// Firmware of which the first bytes are given.
fn with_head(mut image: Vec<u8>) -> Vec<u8> {
    HEAD.with_borrow(|head| {
        if let Some(place) = image.get_mut(..head.len()) {
            place.copy_from_slice(head);
        }
    });
    image
}

/// The firmware of a version: half of it compresses well, half of it not at all.
#[must_use]
pub fn firmware(version: &str) -> Vec<u8> {
    firmware_of(version, IMAGE_BYTES)
}

/// The same, of another length.
#[must_use]
pub fn firmware_of(version: &str, image_bytes: usize) -> Vec<u8> {
    let banner = format!("{PRODUCT} firmware {version}\n");
    let mut image = banner.clone().into_bytes();
    for block in 0_u32.. {
        if image.len() >= image_bytes {
            break;
        }
        image.extend_from_slice(&Sha256::digest(format!("{version} {block}")));
        image.extend_from_slice(&banner.as_bytes().repeat(2)[..32]);
    }
    image.truncate(image_bytes);
    with_head(image)
}

/// The firmware of a version that is a small step from another one: a few bytes changed all over, and something new in the
/// middle. So a delta from that one is much shorter than the compressed firmware.
#[must_use]
pub fn successor(version: &str, before: &[u8]) -> Vec<u8> {
    let mut image = before.to_vec();
    let banner = format!("{PRODUCT} firmware {version}\n");
    image[..banner.len()].copy_from_slice(banner.as_bytes());
    for byte in image.iter_mut().skip(4_001).step_by(8_192) {
        *byte = byte.wrapping_add(1);
    }
    let news = (0_u32..96).flat_map(|block| Sha256::digest(format!("news of {version} {block}")));
    let middle = image.len() / 3;
    image.splice(middle..middle, news);
    image.truncate(before.len());
    with_head(image)
}

fn support_statement(names: &Names, now: u64) -> Value {
    json!({
        "_type": "tuffet-support",
        "contact": "security@lamp.example",
        "delivery": "auto",
        "end": utc(now + 5 * 365 * DAY_S),
        "format": 0,
        "product": names.product,
        "rationale": "",
        "start": utc(now - 30 * DAY_S),
        "steps": "",
        "updatable": true,
    })
}

fn document(names: &Names, version: &str, now: u64, support: &Value) -> Value {
    let support_bytes = super::writing::wire(support);
    json!({
        "_type": "tuffet-release",
        "advisory": null,
        "attempt": 1,
        "class": "feature",
        "components": [{
            "images": [{"address": "any", "digest": "", "file": {}, "hardware": names.hardware, "length": 0, "patches": []}],
            "name": "firmware",
        }],
        "encryption": "",
        "format": 0,
        "install_by": "",
        "interruption": {"seconds": 30},
        "layout": "",
        "product": names.product,
        "released": utc(now),
        "rollback": false,
        "rollout": {"rule": "none"},
        "sbom": "",
        "security_version": 1,
        "stepping_stones": [],
        "support": {
            "digest": sha256(&support_bytes),
            "end": support["end"],
            "length": support_bytes.len(),
            "name": names.support(),
        },
        "version": version,
    })
}
