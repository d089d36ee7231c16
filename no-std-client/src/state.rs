//! What a device must remember between two cycles, in one checksummed record.
//!
//! ```text
//! byte 0          8        9               9 + T            99 + T       153 + T      286 + T           318 + T
//!      +----------+--------+---------------+----------------+------------+------------+-----------------+
//!      | magic    | layout | trusted state | slots A and B  | release    | rollout    | SHA-256 of all  |
//!      | TUFSTATE | (0)    | (T bytes)     | (45 bytes each)| (54 bytes) | (133 bytes)| bytes before it |
//!      +----------+--------+---------------+----------------+------------+------------+-----------------+
//!
//! A slot's 45 bytes: whether it is known (0 or 1), digest of the image (32), version (3 × u32). The release's 54: whether
//! one is known (0 unknown, 1 known, 2 there is none), digest (32) and length (u32) of its document, and what its pointer said: version (3 × u32),
//! security version (u32), class (0 feature, 1 security). The rollout's 133: whether one was found (0 or 1), its extract.
//! Numbers are little-endian; what is not known is zeros.
//! ```
//!
//! - The digest is against torn writes and accidents. Who can write here owns the device; see the threat table.
//! - An unknown layout, a wrong length or a wrong digest is [`BadState`]: it is never guessed at.

use sha2::{Digest as _, Sha256};
use tuffet_boot::Slot;
use tuffet_release::{Class, Pointer, RolloutExtract, Version};
use tuffet_tuf::TrustedState;
use tuffet_wire::Digest;

/// The magic number at the start of the record.
const MAGIC: &[u8; 8] = b"TUFSTATE";
/// The layout that this crate writes, and the only one it reads.
const LAYOUT: u8 = 0;
const DIGEST_BYTES: usize = 32;
/// Whether the slot's entry is used (1), the image's digest, and its version.
const INSTALLED_BYTES: usize = 1 + DIGEST_BYTES + 3 * 4;

/// Whether a document is known (1) or there is none (2), and what is remembered of it.
const REMEMBERED_BYTES: usize = 1 + DIGEST_BYTES + 4 + 3 * 4 + 4 + 1;

/// Whether a rollout was found (1), and its extract.
const ROLLOUT_BYTES: usize = 1 + RolloutExtract::ENCODED_BYTES;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// The verified versions, digests and times of the TUF metadata.
    pub trusted: TrustedState,
    /// What the last completed cycle said about the release.
    pub release: Standing,
    /// What the rollout file said that was found for it.
    pub rollout: Option<RolloutExtract>,
    installed: [Option<Installed>; 2],
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
    pub const ENCODED_BYTES: usize = MAGIC.len()
        + 1
        + TrustedState::ENCODED_BYTES
        + 2 * INSTALLED_BYTES
        + REMEMBERED_BYTES
        + ROLLOUT_BYTES
        + DIGEST_BYTES;

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
        let [a, b] = &self.installed;
        let mut record = [0; Self::ENCODED_BYTES];
        let mut rest = record.iter_mut();
        // One after another, so that the parts need not stand on the stack together.
        put(&mut rest, MAGIC);
        put(&mut rest, &[LAYOUT]);
        put(&mut rest, &self.trusted.encode());
        put(&mut rest, &encode_installed(a.as_ref()));
        put(&mut rest, &encode_installed(b.as_ref()));
        put(&mut rest, &encode_standing(&self.release));
        if let Some(rollout) = &self.rollout {
            put(&mut rest, &[1]);
            put(&mut rest, &rollout.encode());
        }
        if let Some((content, digest)) = record.split_last_chunk_mut::<DIGEST_BYTES>() {
            *digest = Sha256::digest(&*content).into();
        }
        record
    }

    /// Reads a record. The inverse of [`Self::encode`].
    pub fn decode(record: &[u8]) -> Result<Self, BadState> {
        let (content, digest) = record.split_last_chunk::<DIGEST_BYTES>().ok_or(BadState::Length)?;
        let (magic, content_rest) = content.split_first_chunk::<8>().ok_or(BadState::Length)?;
        if magic != MAGIC {
            return Err(BadState::Magic);
        }
        if Sha256::digest(content).as_slice() != digest {
            return Err(BadState::Digest);
        }
        let (&[layout], rest) = content_rest.split_first_chunk().ok_or(BadState::Length)?;
        if layout != LAYOUT {
            return Err(BadState::Layout { found: layout });
        }
        let (trusted, rest) = rest
            .split_at_checked(TrustedState::ENCODED_BYTES)
            .ok_or(BadState::Length)?;
        let (a, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
        let (b, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
        let (release, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
        let (&[is_found], rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
        let (extract, rest) = rest
            .split_first_chunk::<{ RolloutExtract::ENCODED_BYTES }>()
            .ok_or(BadState::Length)?;
        if !rest.is_empty() {
            return Err(BadState::Length);
        }
        let rollout = match is_found {
            0 if extract.iter().all(|byte| *byte == 0) => None,
            1 => Some(RolloutExtract::decode(extract).ok_or(BadState::Content)?),
            _ => return Err(BadState::Content),
        };
        Ok(Self {
            release: decode_standing(release)?,
            rollout,
            trusted: TrustedState::decode(trusted).map_err(|_| BadState::Content)?,
            installed: [decode_installed(a)?, decode_installed(b)?],
        })
    }
}

fn put(rest: &mut core::slice::IterMut<'_, u8>, bytes: &[u8]) {
    // In this order: the other one takes a place for a byte that is not there.
    for (field, byte) in bytes.iter().zip(rest) {
        *byte = *field;
    }
}

const UNKNOWN: u8 = 0;
const KNOWN: u8 = 1;
const NO_RELEASE: u8 = 2;

fn encode_standing(release: &Standing) -> [u8; REMEMBERED_BYTES] {
    let mut bytes = [0; REMEMBERED_BYTES];
    let Remembered { pointer, length } = match release {
        Standing::Known(remembered) => remembered,
        Standing::NoRelease | Standing::Unknown => {
            if let (Some(flag), Standing::NoRelease) = (bytes.first_mut(), release) {
                *flag = NO_RELEASE;
            }
            return bytes;
        }
    };
    let fields = [KNOWN]
        .into_iter()
        .chain(pointer.release)
        .chain(length.to_le_bytes())
        .chain(pointer.version.major.to_le_bytes())
        .chain(pointer.version.minor.to_le_bytes())
        .chain(pointer.version.patch.to_le_bytes())
        .chain(pointer.security_version.to_le_bytes())
        .chain([u8::from(pointer.class == Class::Security)]);
    for (byte, field) in bytes.iter_mut().zip(fields) {
        *byte = field;
    }
    bytes
}

fn decode_standing(bytes: &[u8; REMEMBERED_BYTES]) -> Result<Standing, BadState> {
    let (&[used], rest) = bytes.split_first_chunk().ok_or(BadState::Length)?;
    let (&release, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
    let mut numbers = rest.chunks_exact(4).map(|bytes| {
        let number = bytes.first_chunk().copied().unwrap_or_default();
        u32::from_le_bytes(number)
    });
    let mut number = || numbers.next().ok_or(BadState::Length);
    let length = number()?;
    let version = Version {
        major: number()?,
        minor: number()?,
        patch: number()?,
    };
    let security_version = number()?;
    let class = match bytes.last() {
        Some(0) => Class::Feature,
        Some(1) => Class::Security,
        Some(_) | None => return Err(BadState::Content),
    };
    let pointer = Pointer {
        release,
        version,
        security_version,
        class,
    };
    let is_blank = bytes.iter().skip(1).all(|byte| *byte == 0);
    match used {
        KNOWN => Ok(Standing::Known(Remembered { pointer, length })),
        NO_RELEASE if is_blank => Ok(Standing::NoRelease),
        UNKNOWN if is_blank => Ok(Standing::Unknown),
        _ => Err(BadState::Content),
    }
}

fn encode_installed(installed: Option<&Installed>) -> [u8; INSTALLED_BYTES] {
    let mut bytes = [0; INSTALLED_BYTES];
    let Some(Installed { digest, version }) = installed else {
        return bytes;
    };
    let fields = [1]
        .into_iter()
        .chain(*digest)
        .chain(version.major.to_le_bytes())
        .chain(version.minor.to_le_bytes())
        .chain(version.patch.to_le_bytes());
    for (byte, field) in bytes.iter_mut().zip(fields) {
        *byte = field;
    }
    bytes
}

fn decode_installed(bytes: &[u8; INSTALLED_BYTES]) -> Result<Option<Installed>, BadState> {
    let (&[used], rest) = bytes.split_first_chunk().ok_or(BadState::Length)?;
    let (&digest, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
    let (&major, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
    let (&minor, rest) = rest.split_first_chunk().ok_or(BadState::Length)?;
    let (&patch, _) = rest.split_first_chunk().ok_or(BadState::Length)?;
    let version = Version {
        major: u32::from_le_bytes(major),
        minor: u32::from_le_bytes(minor),
        patch: u32::from_le_bytes(patch),
    };
    match used {
        0 if bytes.iter().all(|byte| *byte == 0) => Ok(None),
        1 => Ok(Some(Installed { digest, version })),
        _ => Err(BadState::Content),
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
            waves: Default::default(),
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
        record[8] = 1;
        let end = record.len() - DIGEST_BYTES;
        let digest: Digest = Sha256::digest(&record[..end]).into();
        record[end..].copy_from_slice(&digest);
        assert_eq!(DeviceState::decode(&record), Err(BadState::Layout { found: 1 }));
        assert_eq!(DeviceState::decode(b"not a state"), Err(BadState::Length));
    }
}
