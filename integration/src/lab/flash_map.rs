//! What lies where in the flash of a board, as its file says it.

use super::board::Text;
use super::trouble::Trouble;
use serde::Deserialize;
use toml::Spanned;
use tuffet_no_std_client::flash::{Map, MapError, Part, Span, Swap, Units, Xip};
use tuffet_no_std_client::patch::{SmallState, StandardState};
use tuffet_no_std_client::release::Profile;

/// Erase units of the flash on which the factory image is made. Those of a board are a multiple: then both make the same bytes.
pub const FACTORY_ERASE_BYTES: u32 = 128;

/// What lies where, by the strategy of the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyMap {
    /// The bootloader exchanges the images: they run in one place.
    Swap(Map<Swap>),
    /// Images run where they lie.
    Xip(Map<Xip>),
}

/// The map of a board, checked.
#[derive(Clone, Debug)]
pub struct FlashMap {
    /// What lies where.
    pub map: StrategyMap,
    /// Bytes of the part that the lab writes.
    pub bytes: u32,
    /// Whether images are linked for their slot.
    pub is_linked: bool,
}

/// `[flash]`: offsets are from `base`, lengths in bytes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashTable {
    base: u32,
    bytes: u32,
    erase_bytes: u32,
    write_bytes: u32,
    linked: bool,
    boot_record: Place,
    state: Place,
    roots: [Place; 2],
    snapshots: [Place; 2],
    document: Place,
    checkpoints: [Place; 2],
    slots: Option<[Place; 2]>,
    running: Option<Place>,
    staged: Option<Place>,
    journal: Option<Place>,
}

/// A stretch of flash.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    start: u32,
    bytes: u32,
}

impl FlashMap {
    /// Checks what a board file says, as the firmware does when it is built.
    ///
    /// # Errors
    ///
    /// When no device could live on such a part.
    pub fn of(table: &Spanned<FlashTable>, profile: Profile, place: &Text<'_>) -> Result<Self, Trouble> {
        let flash = table.get_ref();
        let Some(map) = flash.map() else {
            let reason = "[flash] needs either `slots`, or `running`, `staged` and `journal`";
            return Err(place.wrong(table.span(), reason));
        };
        let units = Units {
            capacity: flash.bytes,
            erase_bytes: flash.erase_bytes,
            write_bytes: flash.write_bytes,
        };
        let is_usual = flash.erase_bytes > 0 && flash.erase_bytes.is_multiple_of(FACTORY_ERASE_BYTES);
        if !is_usual || !flash.bytes.is_multiple_of(flash.erase_bytes) || flash.bytes == 0 {
            let reason = format!(
                "[flash] `erase_bytes` must be a multiple of {FACTORY_ERASE_BYTES}, and `bytes` one of `erase_bytes`"
            );
            return Err(place.wrong(table.span(), reason));
        }
        let checkpoint_bytes = match profile {
            Profile::Standard => StandardState::SNAPSHOT_BYTES,
            Profile::Small | Profile::Large => SmallState::SNAPSHOT_BYTES,
        };
        let checked = match &map {
            StrategyMap::Swap(map) => map.check(units, checkpoint_bytes).map_err(swap_sentence),
            StrategyMap::Xip(map) => map.check(units, checkpoint_bytes).map_err(sentence),
        };
        match checked {
            Ok(()) => Ok(Self {
                map,
                bytes: flash.bytes,
                is_linked: flash.linked,
            }),
            Err(reason) => Err(place.wrong(table.span(), format!("[flash] {reason}"))),
        }
    }

    /// Bytes of a slot.
    #[must_use]
    pub const fn slot_bytes(&self) -> u32 {
        match &self.map {
            StrategyMap::Swap(map) => map.slots.running.bytes,
            StrategyMap::Xip(map) => {
                let [slot, _] = map.slots.slots;
                slot.bytes
            }
        }
    }

    /// The address of the part.
    #[must_use]
    pub const fn base(&self) -> u32 {
        match &self.map {
            StrategyMap::Swap(map) => map.slots.base,
            StrategyMap::Xip(map) => map.slots.base,
        }
    }

    /// How many images a version of the firmware has: two where they are linked for their slots, one otherwise.
    #[must_use]
    pub const fn images(&self) -> usize {
        match &self.map {
            StrategyMap::Xip(_) if self.is_linked => 2,
            StrategyMap::Swap(_) | StrategyMap::Xip(_) => 1,
        }
    }

    /// Where images are linked for, slot A and slot B, which may be the same; `None`: they run anywhere.
    #[must_use]
    pub fn addresses(&self) -> Option<[u32; 2]> {
        self.is_linked.then(|| match &self.map {
            StrategyMap::Swap(map) => map.slots.addresses(),
            StrategyMap::Xip(map) => map.slots.addresses(),
        })
    }
}

impl FlashTable {
    /// The map, if it is that of one strategy.
    fn map(&self) -> Option<StrategyMap> {
        match (self.slots, self.running, self.staged, self.journal) {
            (Some(slots), None, None, None) => Some(StrategyMap::Xip(self.with(Xip {
                slots: slots.map(Place::span),
                base: self.base,
            }))),
            (None, Some(running), Some(staged), Some(journal)) => Some(StrategyMap::Swap(self.with(Swap {
                running: running.span(),
                staged: staged.span(),
                journal: journal.span(),
                base: self.base,
            }))),
            _ => None,
        }
    }

    fn with<S>(&self, slots: S) -> Map<S> {
        let spans = |places: [Place; 2]| places.map(Place::span);
        Map {
            boot_record: self.boot_record.span(),
            state: self.state.span(),
            roots: spans(self.roots),
            snapshots: spans(self.snapshots),
            document: self.document.span(),
            checkpoints: spans(self.checkpoints),
            slots,
        }
    }
}

impl Place {
    const fn span(self) -> Span {
        Span::new(self.start, self.bytes)
    }
}

/// Why a map does not fit, where the bootloader exchanges the images.
fn swap_sentence(error: MapError) -> String {
    if error == MapError::TooShort(Part::Slots) {
        return "`staged` must be an erase unit longer than `running`".to_owned();
    }
    if error == MapError::NotErasable(Part::Journal) {
        return "`journal` must be two areas of whole erase units, and begin with one".to_owned();
    }
    sentence(error).replace("`slots`", "`running` or `staged`")
}

fn sentence(error: MapError) -> String {
    match error {
        // A lab's board is one part.
        MapError::Across(part) | MapError::Exposed(part) => format!("`{}` is in the wrong part", key(part)),
        MapError::NotErasable(part) => format!("`{}` must begin and end with erase units", key(part)),
        MapError::OutOfBounds(part) => format!("`{}` reaches past `bytes`", key(part)),
        MapError::Overlap(part) => format!("`{}` shares bytes with another part", key(part)),
        MapError::TooShort(Part::Slots) => "`slots` must be two of the same length".to_owned(),
        MapError::TooShort(part) => format!("`{}` is shorter than what it must hold", key(part)),
        MapError::TooLong(part) => format!("`{}` is longer than it may be", key(part)),
        MapError::WriteUnit => "`write_bytes` must divide 64".to_owned(),
        other => format!("does not fit the part: {other:?}"),
    }
}

const fn key(part: Part) -> &'static str {
    match part {
        Part::BootRecord => "boot_record",
        Part::Checkpoints => "checkpoints",
        Part::Document => "document",
        Part::Journal => "journal",
        Part::Roots => "roots",
        Part::Slots => "slots",
        Part::Snapshots => "snapshots",
        Part::State => "state",
    }
}
