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

tuffet_wire::words! {
    /// What a key is known as, wherever it stands.
    #[derive(Copy, Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Known {
        "consistent_snapshot" => ConsistentSnapshot,
        "custom" => Custom,
        "delegations" => Delegations,
        "expires" => Expires,
        "hashes" => Hashes,
        "keyid" => Keyid,
        "keyids" => Keyids,
        "keys" => Keys,
        "keytype" => Keytype,
        "keyval" => Keyval,
        "length" => Length,
        "meta" => Meta,
        "name" => Name,
        "path_hash_prefixes" => PathHashPrefixes,
        "paths" => Paths,
        "public" => Public,
        "roles" => Roles,
        "scheme" => Scheme,
        "signatures" => Signatures,
        "signed" => Signed,
        "x-tuffet-signed-at" => SignedAt,
        "snapshot.json" => SnapshotFile,
        "spec_version" => SpecVersion,
        "targets" => Targets,
        "terminating" => Terminating,
        "threshold" => Threshold,
        "_type" => Type,
        "version" => Version,
        ;
        Other,
    }
}

/// The steps of a path, in as many places as the longest one has; see [`inside`].
#[inline(never)]
pub(super) fn steps<'a>(path: &Path<'a>) -> [Segment<'a>; DEPTH_MAX] {
    let mut steps = [Segment::Index(0); DEPTH_MAX];
    for (place, segment) in steps.iter_mut().zip(path.segments()) {
        *place = match *segment {
            tuffet_wire::Segment::Index(index) => Segment::Index(index),
            tuffet_wire::Segment::Key(key) => Segment::Key(Known::of(key).unwrap_or(Known::Other), key),
        };
    }
    steps
}

/// Those of them that the path has.
pub(super) fn inside<'s, 'a>(steps: &'s [Segment<'a>], path: &Path<'_>) -> &'s [Segment<'a>] {
    steps.get(..path.segments().len()).unwrap_or_default()
}
