//! What a device must remember between two cycles, in one checksummed record.
//!
//! ```text
//! byte 0          8        9        11          11 + T          101 + T      155 + T      288 + T           320 + T
//!      +----------+--------+--------+-----------+---------------+------------+------------+-----------------+
//!      | magic    | layout | length | trusted   | slots A and B | release    | rollout    | SHA-256 of all  |
//!      | TUFSTATE | (1)    | (u16)  | (T bytes) | (45 bytes ea.)| (54 bytes) | (133 bytes)| bytes before it |
//!      +----------+--------+--------+-----------+---------------+------------+------------+-----------------+
//!
//! A slot's 45 bytes: whether it is known (0 or 1), digest of the image (32), version (3 × u32). The release's 54: whether
//! one is known (0 unknown, 1 known, 2 there is none), digest (32) and length (u32) of its document, and what its pointer said: version (3 × u32),
//! security version (u32), class (0 feature, 1 security). The rollout's 133: whether one was found (0 or 1), its extract.
//! Numbers are little-endian; what is not known is zeros.
//! ```
//!
//! - The digest is against torn writes and accidents. Who can write here owns the device; see the threat table.
//! - An unknown layout, a wrong length or a wrong digest is [`BadState`]: it is never guessed at.
//! - Magic number, layout, length and digest stand there in every layout. So a record of a layout that is not known is told from a
//!   torn one.
//! - It is specified, and frozen, in `docs/spec/trusted-state.md`.

use tuffet_boot::Slot;
use tuffet_release::{Class, Pointer, RolloutExtract, Version};
use tuffet_tuf::TrustedState;
use tuffet_wire::{
    Digest,
    record::{Comparer, Output, Reader, Writer},
    sha256,
};

/// The magic number at the start of the record.
const MAGIC: &[u8; 8] = b"TUFSTATE";
/// The layout that this crate writes, and the only one it reads.
const LAYOUT: u8 = 1;
const DIGEST_BYTES: usize = 32;
/// Magic number, layout, and the length of the whole record.
const HEAD_BYTES: usize = MAGIC.len() + 1 + 2;
/// Whether the slot's entry is used (1), the image's digest, and its version.
const INSTALLED_BYTES: usize = 1 + DIGEST_BYTES + 3 * 4;

/// Whether a document is known (1) or there is none (2), and what is remembered of it.
const REMEMBERED_BYTES: usize = 1 + DIGEST_BYTES + 4 + 3 * 4 + 4 + 1;

/// Whether a rollout was found (1), and its extract.
const ROLLOUT_BYTES: usize = 1 + RolloutExtract::ENCODED_BYTES;

/// All that is kept of images.
const IMAGE_FACTS_BYTES: usize = 2 * INSTALLED_BYTES + REMEMBERED_BYTES + ROLLOUT_BYTES;

/// What an installed image is: the boot record pins its digest, this names its version.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The digest of the image.
    pub digest: Digest,
    /// The version that its release document gave.
    pub version: Version,
}

/// The release document that was verified last: enough to decide about it again.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What the metadata said of it; its digest too.
    pub pointer: Pointer,
    /// Its length in bytes.
    pub length: u32,
}

impl Remembered {
    /// Room for what will be remembered.
    pub(crate) const NOTHING: Self = Self {
        pointer: Pointer {
            release: [0; DIGEST_BYTES],
            version: Version::ZERO,
            security_version: 0,
            class: Class::Feature,
        },
        length: 0,
    };
}

/// What is remembered of the release.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This document was verified last, and nothing was trusted anew since.
    Known(Remembered),
    /// The repository has none for this device.
    NoRelease,
    /// Something was trusted anew, and no cycle has come to its end since: only a cycle can tell.
    Unknown,
}

impl Standing {
    /// The document, if one is known.
    #[must_use]
    pub const fn document(&self) -> Option<&Remembered> {
        match self {
            Self::Known(remembered) => Some(remembered),
            Self::NoRelease | Self::Unknown => None,
        }
    }
}

/// What a device trusts, and what its slots hold.
#[derive(Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// The verified versions, digests and times of the TUF metadata.
    pub trusted: TrustedState,
    /// What the last completed cycle said about the release.
    pub release: Standing,
    /// What the rollout file said that was found for it.
    pub rollout: Option<RolloutExtract>,
    installed: [Option<Installed>; 2],
}

/// In whole parts: a derived one goes through all fields of the trusted state.
impl Clone for DeviceState {
    fn clone(&self) -> Self {
        Self {
            trusted: self.trusted,
            release: self.release,
            rollout: self.rollout.clone(),
            installed: self.installed,
        }
    }
}

/// Why stored bytes are not a state.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadState {
    /// The digest does not fit: the record is torn, damaged or edited.
    Digest,
    /// The record has a layout that this version does not know.
    Layout {
        /// The layout it names.
        found: u8,
    },
    /// The record has another length than its content needs.
    Length,
    /// The record does not begin with the magic number.
    Magic,
    /// The digest fits, yet the content makes no sense: it was written by something else.
    Content,
}

impl DeviceState {
    /// The bytes of an encoded state.
    pub const ENCODED_BYTES: usize = HEAD_BYTES + TrustedState::ENCODED_BYTES + IMAGE_FACTS_BYTES + DIGEST_BYTES;

    /// The state of a device that trusts this much and holds nothing in its slots.
    #[must_use]
    pub const fn new(trusted: TrustedState) -> Self {
        Self {
            trusted,
            release: Standing::Unknown,
            rollout: None,
            installed: [None; 2],
        }
    }

    /// Room for a state that is read in place.
    #[inline(never)]
    pub(crate) fn nothing() -> Self {
        Self {
            trusted: TrustedState::nothing(),
            release: Standing::Unknown,
            rollout: None,
            installed: [None; 2],
        }
    }

    /// What a slot holds, as far as it was ever known.
    #[must_use]
    pub fn installed(&self, slot: Slot) -> Option<&Installed> {
        let [a, b] = &self.installed;
        match slot {
            Slot::A => a.as_ref(),
            Slot::B => b.as_ref(),
        }
    }

    /// Notes what a slot holds from now on.
    pub(crate) fn put(&mut self, slot: Slot, installed: Installed) {
        let [a, b] = &mut self.installed;
        match slot {
            Slot::A => *a = Some(installed),
            Slot::B => *b = Some(installed),
        }
    }

    /// The version of an image, by its digest.
    #[must_use]
    pub fn version_of(&self, digest: &Digest) -> Option<Version> {
        let known = self
            .installed
            .iter()
            .flatten()
            .find(|installed| installed.digest == *digest)?;
        Some(known.version)
    }

    /// Writes the record.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let mut record = [0; Self::ENCODED_BYTES];
        self.encode_to(&mut record);
        record
    }

    /// The same, to where it is written from.
    #[inline(never)]
    pub(crate) fn encode_to(&self, record: &mut [u8; Self::ENCODED_BYTES]) {
        let Some((content, digest)) = record.split_last_chunk_mut::<DIGEST_BYTES>() else {
            return;
        };
        let mut out = Writer::new(content);
        out.put(MAGIC);
        out.put(&[LAYOUT]);
        // Invariant: no flash page holds more than 16 bits count.
        out.put(&u16::try_from(Self::ENCODED_BYTES).unwrap_or(0).to_le_bytes());
        self.trusted.encode_into(&mut out);
        self.encode_image_facts(&mut out);
        *digest = sha256(&[content]);
    }

    /// What the record says of images: the slots, the release and its rollout.
    #[inline(never)]
    fn encode_image_facts(&self, out: &mut dyn Output) {
        for installed in &self.installed {
            put_installed(out, installed.as_ref());
        }
        put_standing(out, &self.release);
        match &self.rollout {
            Some(rollout) => {
                out.put(&[1]);
                rollout.encode_into(out);
            }
            None => out.skip(1 + RolloutExtract::ENCODED_BYTES),
        }
    }

    /// The record at the start of these bytes, as long as it says. That does not say that it is one.
    #[must_use]
    pub fn cut_out(bytes: &[u8]) -> Option<&[u8]> {
        let (_, length) = bytes.get(..HEAD_BYTES)?.split_last_chunk()?;
        bytes.get(..usize::from(u16::from_le_bytes(*length)))
    }

    /// Reads a record. The inverse of [`Self::encode`].
    pub fn decode(record: &[u8]) -> Result<Self, BadState> {
        let mut state = Self::nothing();
        state.decode_in_place(record)?;
        Ok(state)
    }

    /// The same for a small part, which has no room to move a state. After an error this one is of no use.
    #[inline(never)]
    pub(crate) fn decode_in_place(&mut self, record: &[u8]) -> Result<(), BadState> {
        let (content, digest) = record.split_last_chunk::<DIGEST_BYTES>().ok_or(BadState::Length)?;
        let (head, facts) = content.split_at_checked(HEAD_BYTES).ok_or(BadState::Length)?;
        let mut head = Reader::new(head);
        if head.take() != *MAGIC {
            return Err(BadState::Magic);
        }
        if sha256(&[content]) != *digest {
            return Err(BadState::Digest);
        }
        let [found] = head.take();
        if found != LAYOUT {
            return Err(BadState::Layout { found });
        }
        let length = usize::from(u16::from_le_bytes(head.take()));
        if length != record.len() || length != Self::ENCODED_BYTES {
            return Err(BadState::Length);
        }
        let (trusted, rest) = facts
            .split_at_checked(TrustedState::ENCODED_BYTES)
            .ok_or(BadState::Length)?;
        let read = self.trusted.decode_in_place(trusted);
        read.map_err(|_| BadState::Content)?;
        self.take_image_facts(rest);
        // Whatever is never written comes out as something else.
        let mut same = Comparer::new(rest);
        self.encode_image_facts(&mut same);
        if same.is_whole() {
            Ok(())
        } else {
            Err(BadState::Content)
        }
    }

    #[inline(never)]
    fn take_image_facts(&mut self, bytes: &[u8]) {
        let mut input = Reader::new(bytes);
        for installed in &mut self.installed {
            *installed = take_installed(&mut input);
        }
        take_standing(&mut input, &mut self.release);
        self.rollout = match (
            input.take(),
            bytes.split_at_checked(IMAGE_FACTS_BYTES - RolloutExtract::ENCODED_BYTES),
        ) {
            ([1], Some((_, extract))) => RolloutExtract::decode(extract),
            (_, _) => None,
        };
    }
}

const UNKNOWN: u8 = 0;
const KNOWN: u8 = 1;
const NO_RELEASE: u8 = 2;

fn put_standing(out: &mut dyn Output, release: &Standing) {
    let (flag, remembered) = match release {
        Standing::Known(remembered) => (KNOWN, Some(remembered)),
        Standing::NoRelease => (NO_RELEASE, None),
        Standing::Unknown => (UNKNOWN, None),
    };
    out.put(&[flag]);
    let Some(Remembered { pointer, length }) = remembered else {
        out.skip(REMEMBERED_BYTES.saturating_sub(1));
        return;
    };
    out.put(&pointer.release);
    out.put(&length.to_le_bytes());
    put_version(out, pointer.version);
    out.put(&pointer.security_version.to_le_bytes());
    out.put(&[u8::from(pointer.class == Class::Security)]);
}

fn take_standing(input: &mut Reader<'_>, release: &mut Standing) {
    let [used] = input.take();
    let mut remembered = Remembered::NOTHING;
    let pointer = &mut remembered.pointer;
    pointer.release = input.take();
    remembered.length = u32::from_le_bytes(input.take());
    pointer.version = take_version(input);
    pointer.security_version = u32::from_le_bytes(input.take());
    pointer.class = match input.take() {
        [0] => Class::Feature,
        [_] => Class::Security,
    };
    *release = match used {
        KNOWN => Standing::Known(remembered),
        NO_RELEASE => Standing::NoRelease,
        _ => Standing::Unknown,
    };
}

fn put_installed(out: &mut dyn Output, installed: Option<&Installed>) {
    match installed {
        Some(Installed { digest, version }) => {
            out.put(&[1]);
            out.put(digest);
            put_version(out, *version);
        }
        None => out.skip(INSTALLED_BYTES),
    }
}

fn take_installed(input: &mut Reader<'_>) -> Option<Installed> {
    let is_known = input.take() == [1];
    let installed = Installed {
        digest: input.take(),
        version: take_version(input),
    };
    is_known.then_some(installed)
}

fn put_version(out: &mut dyn Output, version: Version) {
    for number in [version.major, version.minor, version.patch] {
        out.put(&number.to_le_bytes());
    }
}

fn take_version(input: &mut Reader<'_>) -> Version {
    Version {
        major: u32::from_le_bytes(input.take()),
        minor: u32::from_le_bytes(input.take()),
        patch: u32::from_le_bytes(input.take()),
    }
}

impl core::fmt::Display for BadState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Digest => f.write_str("its checksum does not fit: it was torn, damaged or edited"),
            Self::Layout { found } => write!(f, "it has layout {found}, which this version does not know"),
            Self::Length => f.write_str("it is cut or too long"),
            Self::Magic => f.write_str("it is not a state record"),
            Self::Content => f.write_str("its content makes no sense"),
        }
    }
}

impl core::error::Error for BadState {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;
    use tuffet_tuf::{FileFacts, RoleVersion};
    use tuffet_wire::UnixSeconds;

    fn state() -> DeviceState {
        let root = FileFacts {
            version: RoleVersion::new(3).unwrap(),
            length: 1_234,
            digest: [7; 32],
            expires: UnixSeconds::new(2_000_000_000),
            signed_at: UnixSeconds::new(1_800_000_000),
        };
        let trusted = TrustedState {
            root,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: [None; 2],
            floor: UnixSeconds::new(1_800_000_000),
        };
        let mut state = DeviceState::new(trusted);
        let version = Version {
            major: 1,
            minor: 20,
            patch: 300,
        };
        state.release = Standing::Known(Remembered {
            pointer: Pointer {
                release: [3; 32],
                version: Version {
                    major: 1,
                    minor: 21,
                    patch: 7,
                },
                security_version: 9,
                class: Class::Security,
            },
            length: 2_345,
        });
        state.rollout = Some(RolloutExtract {
            release: [3; 32],
            state: tuffet_release::RolloutState::Paused,
            // As many as there may be, so that the last one's bytes are the last of the record.
            waves: (1..=8)
                .map(|number| tuffet_release::Wave {
                    share_ppm: 100_000 * number,
                    start: UnixSeconds::new(1_800_000_000 + u64::from(number)),
                })
                .collect(),
        });
        state.put(
            Slot::B,
            Installed {
                digest: [9; 32],
                version,
            },
        );
        state
    }

    #[test]
    fn decoding_is_the_inverse_of_encoding() {
        let state = state();
        assert_eq!(DeviceState::decode(&state.encode()), Ok(state));
        let mut new = DeviceState::new(self::state().trusted);
        assert_eq!(DeviceState::decode(&new.encode()), Ok(new.clone()));
        new.release = Standing::NoRelease;
        assert_eq!(DeviceState::decode(&new.encode()), Ok(new));
    }

    #[test]
    fn a_slot_is_known_by_its_digest() {
        let state = state();
        assert!(state.installed(Slot::A).is_none());
        assert_eq!(
            state.version_of(&[9; 32]),
            Some(Version {
                major: 1,
                minor: 20,
                patch: 300
            })
        );
        assert_eq!(state.version_of(&[8; 32]), None);
    }

    #[test]
    fn every_changed_bit_and_every_length_is_noticed() {
        let record = state().encode();
        for bit in 0..record.len() * 8 {
            let mut edited = record;
            edited[bit / 8] ^= 1 << (bit % 8);
            assert!(DeviceState::decode(&edited).is_err(), "bit {bit}");
        }
        for length in 0..record.len() {
            assert!(DeviceState::decode(&record[..length]).is_err(), "length {length}");
        }
        let mut longer = Vec::from(record);
        longer.push(0);
        assert!(DeviceState::decode(&longer).is_err());
    }

    #[test]
    fn another_layout_is_named_and_not_guessed_at() {
        let mut record = state().encode();
        record[8] = 2;
        let end = record.len() - DIGEST_BYTES;
        let digest = sha256(&[&record[..end]]);
        record[end..].copy_from_slice(&digest);
        assert_eq!(DeviceState::decode(&record), Err(BadState::Layout { found: 2 }));
        assert_eq!(DeviceState::decode(b"not a state"), Err(BadState::Length));
    }

    #[test]
    fn nothing_has_two_spellings() {
        let record = state().encode();
        let end = record.len() - DIGEST_BYTES;
        for place in 11..end {
            for change in [1, 0x81] {
                let mut edited = record;
                edited[place] ^= change;
                let digest = sha256(&[&edited[..end]]);
                edited[end..].copy_from_slice(&digest);
                match DeviceState::decode(&edited) {
                    Ok(state) => assert_eq!(state.encode(), edited, "byte {place}"),
                    Err(bad) => assert_eq!(bad, BadState::Content, "byte {place}"),
                }
            }
        }
    }
}
