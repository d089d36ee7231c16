//! What stands where in the documents. The text of a key is compared here and nowhere else.

use tuffet_wire::{Path, Segment};

tuffet_wire::words! {
    /// One step on the way to a value.
    #[derive(Copy, Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Step {
        "_type" => Type,
        "address" => Address,
        "advisory" => Advisory,
        "attempt" => Attempt,
        "block_bytes" => BlockBytes,
        "class" => Class,
        "components" => Components,
        "cves" => Cves,
        "digest" => Digest,
        "encryption" => Encryption,
        "end" => End,
        "file" => File,
        "format" => Format,
        "hardware" => Hardware,
        "head" => Head,
        "images" => Images,
        "install_by" => InstallBy,
        "interruption" => Interruption,
        "layout" => Layout,
        "length" => Length,
        "name" => Name,
        "patches" => Patches,
        "product" => Product,
        "profile" => Profile,
        "release" => Release,
        "released" => Released,
        "risk" => Risk,
        "rollback" => Rollback,
        "rollout" => Rollout,
        "rule" => Rule,
        "sbom" => Sbom,
        "seconds" => Seconds,
        "security_version" => SecurityVersion,
        "share_ppm" => SharePpm,
        "source" => Source,
        "start" => Start,
        "state" => State,
        "stepping_stones" => SteppingStones,
        "support" => Support,
        "text" => Text,
        "version" => Version,
        "wait_max_days" => WaitMaxDays,
        "waves" => Waves,
        ;
        /// A position in a list.
        Item,
        /// A key that no document has.
        Other,
    }
}

/// The objects and lists of the documents.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Advisory,
    Component,
    Components,
    Cves,
    Document,
    Encryption,
    File,
    Image,
    Images,
    Interruption,
    Layout,
    /// What is around a document.
    Outside,
    Patch,
    Patches,
    Rollout,
    Sbom,
    SteppingStones,
    Support,
    /// What no document has.
    Unknown,
    Wave,
    Waves,
}

/// Which place lies in which, behind which step.
const PLACES: [(Place, Step, Place); 18] = [
    (Place::Document, Step::Advisory, Place::Advisory),
    (Place::Advisory, Step::Cves, Place::Cves),
    (Place::Document, Step::Components, Place::Components),
    (Place::Components, Step::Item, Place::Component),
    (Place::Component, Step::Images, Place::Images),
    (Place::Images, Step::Item, Place::Image),
    (Place::Image, Step::File, Place::File),
    (Place::Image, Step::Patches, Place::Patches),
    (Place::Patches, Step::Item, Place::Patch),
    (Place::Document, Step::Encryption, Place::Encryption),
    (Place::Document, Step::Interruption, Place::Interruption),
    (Place::Document, Step::Layout, Place::Layout),
    (Place::Document, Step::Rollout, Place::Rollout),
    (Place::Document, Step::Sbom, Place::Sbom),
    (Place::Document, Step::SteppingStones, Place::SteppingStones),
    (Place::Document, Step::Support, Place::Support),
    (Place::Document, Step::Waves, Place::Waves),
    (Place::Waves, Step::Item, Place::Wave),
];

/// Where a path leads.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Spot {
    /// The object or list that the value, object or list stands in.
    pub around: Place,
    /// The last step to it.
    pub step: Step,
    /// What it is itself, if it is an object or a list.
    pub place: Place,
    /// Whether it is somewhere in the rule of a rollout, whatever that may say.
    pub is_in_rule: bool,
}

impl Spot {
    #[inline(never)]
    pub(crate) fn of(path: &Path<'_>) -> Self {
        let mut spot = Self {
            around: Place::Outside,
            step: Step::Item,
            place: Place::Document,
            is_in_rule: false,
        };
        for segment in path.segments() {
            let step = match segment {
                Segment::Index(_) => Step::Item,
                Segment::Key(text) => Step::of(text).unwrap_or(Step::Other),
            };
            let around = spot.place;
            let known = PLACES.iter().find(|(outer, by, _)| (*outer, *by) == (around, step));
            spot = Self {
                around,
                step,
                place: known.map_or(Place::Unknown, |(_, _, place)| *place),
                is_in_rule: spot.is_in_rule || around == Place::Rollout,
            };
        }
        spot
    }
}
