//! What lies where in the flash, as whoever counts operations names it.

use std::fmt;
use tuffet_board_layout::microbit::MAP;
use tuffet_no_std_client::flash::Span;

/// A part of the flash that programs write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// What boots.
    BootRecord,
    /// What is trusted.
    State,
    /// Both areas of roots.
    Roots,
    /// Both areas of snapshots.
    Snapshots,
    /// Where files pass through.
    Document,
    /// Both areas of saved decoders.
    Checkpoints,
    /// Both slots.
    Slots,
}

impl Area {
    /// All of them, in the order of the flash.
    pub const ALL: [Self; 7] = [
        Self::BootRecord,
        Self::State,
        Self::Roots,
        Self::Snapshots,
        Self::Document,
        Self::Checkpoints,
        Self::Slots,
    ];

    /// The area in which a byte lies.
    ///
    /// # Panics
    ///
    /// When no program has anything to write there.
    #[must_use]
    pub fn of(address: u32) -> Self {
        let is_here = |span: &Span| (span.start..span.start + span.bytes).contains(&address);
        let area = Self::ALL.into_iter().find(|area| area.spans().iter().any(is_here));
        area.unwrap_or_else(|| panic!("{address:#x} is in no area that is written"))
    }

    fn spans(self) -> Vec<Span> {
        match self {
            Self::BootRecord => vec![MAP.boot_record],
            Self::State => vec![MAP.state],
            Self::Roots => MAP.roots.to_vec(),
            Self::Snapshots => MAP.snapshots.to_vec(),
            Self::Document => vec![MAP.document],
            Self::Checkpoints => MAP.checkpoints.to_vec(),
            Self::Slots => MAP.slots.slots.to_vec(),
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BootRecord => "boot record",
            Self::State => "trusted state",
            Self::Roots => "roots",
            Self::Snapshots => "snapshots",
            Self::Document => "document",
            Self::Checkpoints => "checkpoints",
            Self::Slots => "slots",
        })
    }
}
