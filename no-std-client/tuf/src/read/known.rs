//! What stands where in a file, and of which kind it must be. The text of a key is compared here and nowhere else.
//!
//! - A role's file is described by a table: which place lies in which, behind which step.
//! - A place that is in no table is nobody's: whatever stands there is skipped, as the specification asks.

use tuffet_wire::{Container, Path, Segment};

tuffet_wire::words! {
    /// One step on the way to a value.
    #[derive(Copy, Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Step {
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
        "sig" => Sig,
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
        /// Whatever key is there; it is a name.
        Any,
        /// A position in an array.
        Item,
        /// A key that means nothing.
        Other,
        /// The key that the reader looks for, see [`Body::wanted`](super::Body::wanted).
        Wanted,
    }
}

/// What is known to stand in a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    // Objects.
    Custom,
    Delegations,
    Document,
    Entry,
    Hashes,
    Key,
    Keys,
    Keyval,
    Meta,
    Role,
    Roles,
    Signature,
    Signed,
    Targets,
    // Arrays.
    DelegatedRoles,
    Keyids,
    PathHashPrefixes,
    Paths,
    Signatures,
    // Values.
    ConsistentSnapshot,
    Expires,
    FileVersion,
    Hash,
    Keyid,
    Keytype,
    Length,
    Name,
    PathHashPrefix,
    PathPattern,
    Public,
    Scheme,
    SignatureField,
    SignatureKeyid,
    SignatureSig,
    SignedAt,
    SpecVersion,
    Terminating,
    Threshold,
    Type,
    Version,
    /// A value, or whatever else: it is taken if it is a value.
    Fact,
    /// What nobody knows.
    Unknown,
}

/// What has to stand in a place.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Container(Container),
    Free,
    Value,
}

impl Place {
    pub fn kind(self) -> Kind {
        match self {
            Self::Custom
            | Self::Delegations
            | Self::Document
            | Self::Entry
            | Self::Hashes
            | Self::Key
            | Self::Keys
            | Self::Keyval
            | Self::Meta
            | Self::Role
            | Self::Roles
            | Self::Signature
            | Self::Signed
            | Self::Targets => Kind::Container(Container::Object),
            Self::DelegatedRoles | Self::Keyids | Self::PathHashPrefixes | Self::Paths | Self::Signatures => {
                Kind::Container(Container::Array)
            }
            Self::ConsistentSnapshot
            | Self::Expires
            | Self::FileVersion
            | Self::Hash
            | Self::Keyid
            | Self::Keytype
            | Self::Length
            | Self::Name
            | Self::PathHashPrefix
            | Self::PathPattern
            | Self::Public
            | Self::Scheme
            | Self::SignatureField
            | Self::SignatureKeyid
            | Self::SignatureSig
            | Self::SignedAt
            | Self::SpecVersion
            | Self::Terminating
            | Self::Threshold
            | Self::Type
            | Self::Version => Kind::Value,
            Self::Fact | Self::Unknown => Kind::Free,
        }
    }
}

/// That a place lies in another one, behind a step.
pub(crate) type Inside = (Place, Step, Place);

/// What every file holds around and beside a role's own fields.
const ENVELOPE: &[Inside] = &[
    (Place::Document, Step::Signatures, Place::Signatures),
    (Place::Document, Step::Signed, Place::Signed),
    (Place::Signatures, Step::Item, Place::Signature),
    (Place::Signature, Step::Keyid, Place::SignatureKeyid),
    (Place::Signature, Step::Sig, Place::SignatureSig),
    (Place::Signature, Step::Any, Place::SignatureField),
    (Place::Signed, Step::Expires, Place::Expires),
    (Place::Signed, Step::SignedAt, Place::SignedAt),
    (Place::Signed, Step::SpecVersion, Place::SpecVersion),
    (Place::Signed, Step::Type, Place::Type),
    (Place::Signed, Step::Version, Place::FileVersion),
];

/// Where a path leads.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Spot<'a> {
    pub place: Place,
    /// The key by which the innermost thing on the way goes that has a name.
    pub name: &'a str,
    /// The position in the outermost array on the way.
    pub position: Option<u32>,
}

impl<'a> Spot<'a> {
    /// Follows a path through these places; `wanted` is the key of [`Step::Wanted`].
    #[inline(never)]
    pub fn of(path: &Path<'a>, places: &[&[Inside]], wanted: Option<&str>) -> Self {
        let mut spot = Self {
            place: Place::Document,
            name: "",
            position: None,
        };
        for segment in path.segments() {
            let (step, text) = match *segment {
                Segment::Index(index) => {
                    spot.position.get_or_insert(index);
                    (Step::Item, None)
                }
                Segment::Key(text) => (Step::of(text).unwrap_or(Step::Other), Some(text)),
            };
            let fits = |(around, by, _): &&Inside| {
                let is_there = match (by, text) {
                    (Step::Any, Some(_)) => true,
                    (Step::Wanted, Some(_)) => text == wanted,
                    _ => *by == step,
                };
                *around == spot.place && is_there
            };
            let mut known = ENVELOPE.iter().find(fits);
            for table in places {
                known = known.or_else(|| table.iter().find(fits));
            }
            if let (Some((_, Step::Any | Step::Wanted, _)), Some(text)) = (known, text) {
                spot.name = text;
            }
            spot.place = known.map_or(Place::Unknown, |(_, _, place)| *place);
        }
        spot
    }
}
