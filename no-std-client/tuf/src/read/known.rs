//! The keys that mean something in a file, each as one byte: their text is compared in one place, once for every path.

use tuffet_wire::{DEPTH_MAX, Path};

/// One step on the way to a value.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Segment<'a> {
    /// Position in an array, from 0.
    Index(u32),
    /// Key in an object: what it is known as, and its text.
    Key(Known, &'a str),
}

/// What a key is known as, wherever it stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    ConsistentSnapshot,
    Custom,
    Delegations,
    Expires,
    Hashes,
    Keyid,
    Keyids,
    Keys,
    Keytype,
    Keyval,
    Length,
    Meta,
    Name,
    Other,
    PathHashPrefixes,
    Paths,
    Public,
    Roles,
    Scheme,
    Signatures,
    Signed,
    SignedAt,
    SnapshotFile,
    SpecVersion,
    Targets,
    Terminating,
    Threshold,
    Type,
    Version,
}

const KEYS: [(&str, Known); 28] = [
    ("consistent_snapshot", Known::ConsistentSnapshot),
    ("custom", Known::Custom),
    ("delegations", Known::Delegations),
    ("expires", Known::Expires),
    ("hashes", Known::Hashes),
    ("keyid", Known::Keyid),
    ("keyids", Known::Keyids),
    ("keys", Known::Keys),
    ("keytype", Known::Keytype),
    ("keyval", Known::Keyval),
    ("length", Known::Length),
    ("meta", Known::Meta),
    ("name", Known::Name),
    ("path_hash_prefixes", Known::PathHashPrefixes),
    ("paths", Known::Paths),
    ("public", Known::Public),
    ("roles", Known::Roles),
    ("scheme", Known::Scheme),
    ("signatures", Known::Signatures),
    ("signed", Known::Signed),
    ("x-tuffet-signed-at", Known::SignedAt),
    ("snapshot.json", Known::SnapshotFile),
    ("spec_version", Known::SpecVersion),
    ("targets", Known::Targets),
    ("terminating", Known::Terminating),
    ("threshold", Known::Threshold),
    ("_type", Known::Type),
    ("version", Known::Version),
];

impl Known {
    fn of(text: &str) -> Self {
        let mut keys = KEYS.iter();
        keys.find(|(key, _)| *key == text)
            .map_or(Self::Other, |(_, known)| *known)
    }
}

/// The steps of a path, in as many places as the longest one has; see [`inside`].
#[inline(never)]
pub(super) fn steps<'a>(path: &Path<'a>) -> [Segment<'a>; DEPTH_MAX] {
    let mut steps = [Segment::Index(0); DEPTH_MAX];
    for (place, segment) in steps.iter_mut().zip(path.segments()) {
        *place = match *segment {
            tuffet_wire::Segment::Index(index) => Segment::Index(index),
            tuffet_wire::Segment::Key(key) => Segment::Key(Known::of(key), key),
        };
    }
    steps
}

/// Those of them that the path has.
pub(super) fn inside<'s, 'a>(steps: &'s [Segment<'a>], path: &Path<'_>) -> &'s [Segment<'a>] {
    steps.get(..path.segments().len()).unwrap_or_default()
}
