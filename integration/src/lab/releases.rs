//! The throw-away repository of a run: the vendor's firmware as releases, signed for the names of the board.

use super::board::Board;
use super::firmware::Firmware;
use crate::simulator::Simulator;
use crate::simulator::keys::sha256;
use crate::simulator::patch;
use crate::simulator::release::{Patch, Release};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_no_std_client::decoder_profile;
use tuffet_no_std_client::release::Profile;

/// A version that no attack reaches: what is published after one is newer than everything in it.
const AFTERWARDS: u64 = 50;
/// Where a release that runs anywhere is linked.
const ANYWHERE: &str = "any";

/// The old and the new firmware, for one board.
pub struct Releases {
    board: Facts,
    /// What the factory puts on the board.
    pub old: Firmware,
    /// What it is updated to.
    pub new: Firmware,
}

/// What releases have to know of a board.
struct Facts {
    names: crate::simulator::names::Names,
    profile: Profile,
    /// Where its images are linked for, one after the other; none where they run anywhere.
    addresses: Vec<u32>,
}

impl Releases {
    /// The releases for a board.
    #[must_use]
    pub fn new(board: &Board, old: Firmware, new: Firmware) -> Self {
        Self {
            board: Facts {
                names: board.names.clone(),
                profile: board.profile,
                addresses: board
                    .flash
                    .addresses()
                    .into_iter()
                    .flatten()
                    .take(board.flash.images())
                    .collect(),
            },
            old,
            new,
        }
    }

    /// The repository when the board leaves the factory: it holds the old firmware.
    #[must_use]
    pub fn factory(&self) -> Simulator {
        Simulator::healthy_named(self.board.names.clone(), now(), |release| {
            release.set_version(&self.old.version);
            release.image_name = release
                .image_name
                .replace("_1.0.0_", &format!("_{}_", self.old.version));
            self.board.carry(release, &self.old, None);
        })
    }

    /// The same repository with the new firmware staged, and not published.
    #[must_use]
    pub fn staged(&self, seen: &Simulator) -> Simulator {
        let mut staged = seen.clone();
        staged.stage(&self.new.version);
        self.board.carry(&mut staged.release, &self.new, Some(&self.old));
        staged
    }

    /// The same repository with the new firmware.
    #[must_use]
    pub fn updated(&self, seen: &Simulator) -> Simulator {
        let mut updated = self.staged(seen);
        updated.publish_as_it_is();
        updated
    }

    /// The same after an attack: what stands in it is newer than everything in that.
    #[must_use]
    pub fn healed(&self, seen: &Simulator) -> Simulator {
        let mut healed = self.staged(seen);
        let now = healed.now;
        for role in healed.delegated.values_mut() {
            role.revise(AFTERWARDS, now);
        }
        for role in [&mut healed.targets, &mut healed.snapshot, &mut healed.timestamp] {
            role.revise(AFTERWARDS, now);
        }
        healed.publish_as_it_is();
        healed
    }
}

impl Facts {
    /// Puts a firmware into a release: each image with a patch from nothing, and one from each image before it.
    fn carry(&self, release: &mut Release, firmware: &Firmware, before: Option<&Firmware>) {
        let stem = release.image_name.trim_end_matches(".zst").to_owned();
        let linked = self.addresses.iter().enumerate();
        let mut places: Vec<(usize, String, String)> = linked
            .map(|(slot, address)| (slot, format!("{address:#010x}"), format!("{stem}_{address:08x}")))
            .collect();
        if places.is_empty() {
            places.push((0, ANYWHERE.to_owned(), stem));
        }
        // A document lists images by address.
        places.sort_by(|(_, one, _), (_, other, _)| one.cmp(other));
        let mut files = Vec::new();
        let mut images = Vec::new();
        for (slot, address, stem) in &places {
            let image = firmware.image(*slot);
            let sources = before.map_or(&[][..], |before| before.images.as_slice());
            let patches = self.patches(stem, image, sources, &mut files);
            let packed = zstd::encode_all(image, 3).expect("zstd compresses into memory");
            let name = format!("{stem}.zst");
            images.push(json!({
                "address": address,
                "digest": sha256(image),
                "file": {"digest": sha256(&packed), "length": packed.len(), "name": name},
                "hardware": self.names.hardware,
                "length": image.len(),
                "patches": patches,
            }));
            files.push(Patch { name, file: packed });
        }
        release.document["components"][0]["images"] = Value::Array(images);
        // The first packed image is published as such, the others beside the patches.
        if let Some((slot, _, stem)) = places.first() {
            release.image = firmware.image(*slot).to_vec();
            release.image_name = format!("{stem}.zst");
        }
        let first = files.iter().position(|file| file.name == release.image_name);
        if let Some(first) = first {
            release.image_file = files.remove(first).file;
        }
        release.patches = files;
    }

    /// The patches to an image, as the document describes them; their files are put beside the others.
    fn patches(&self, stem: &str, image: &[u8], sources: &[Vec<u8>], files: &mut Vec<Patch>) -> Vec<Value> {
        let word = match self.profile {
            Profile::Large => "large",
            Profile::Small => "small",
            Profile::Standard => "standard",
        };
        let deltas = sources.iter().enumerate().map(|(slot, source)| {
            let letter = if slot == 0 { "a" } else { "b" };
            (Some(source.as_slice()), format!("{stem}_{word}_delta-{letter}.patch"))
        });
        let whole = (None, format!("{stem}_{word}_whole.patch"));
        let mut described: Vec<Value> = std::iter::once(whole)
            .chain(deltas)
            .map(|(source, name)| {
                let file = patch::encoded(source, image, decoder_profile(self.profile));
                let entry = json!({
                    "block_bytes": patch::BLOCK_BYTES,
                    "digest": sha256(&file),
                    "head": patch::head(&file, patch::BLOCK_BYTES),
                    "length": file.len(),
                    "name": name,
                    "profile": word,
                    "source": source.map_or_else(String::new, sha256),
                });
                files.push(Patch { name, file });
                entry
            })
            .collect();
        described.sort_by_key(|entry| entry["source"].as_str().map(str::to_owned));
        described
    }
}

/// The time of this machine's clock, in seconds since 1970.
pub fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |duration| duration.as_secs())
}
