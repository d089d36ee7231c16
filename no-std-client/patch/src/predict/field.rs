//! A field that holds an address, or a part of one.

/// A kind of field, by its number in a checkpoint.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An instruction that names a place.
    Branch = 0,
    /// An instruction that adds the lower part of an address.
    Lower = 3,
    /// An address inside the image, in a word.
    Pointer = 1,
    /// An instruction that puts the upper part of an address into a register.
    Upper = 4,
    /// Any other word.
    Word = 2,
}

impl Kind {
    #[allow(clippy::as_conversions, reason = "the numbers are said above")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Branch),
            1 => Some(Self::Pointer),
            2 => Some(Self::Word),
            3 => Some(Self::Lower),
            4 => Some(Self::Upper),
            _ => None,
        }
    }
}

/// How it is known what a field will be, by its number in a checkpoint. The model learns for each how far it can be trusted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Source {
    /// It was so when the same address came before.
    Learned = 0,
    /// By the map, or by an address near it.
    Moved = 1,
    /// Not at all: it stays as it was.
    Nothing = 2,
}

impl Source {
    #[allow(clippy::as_conversions, reason = "the numbers are said above")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Learned),
            1 => Some(Self::Moved),
            2 => Some(Self::Nothing),
            _ => None,
        }
    }
}

/// A field in the copy at hand.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// What the old one names: a place in the image, but for words and parts of addresses, which are addresses.
    pub(crate) target: u32,
    /// What the new one is expected to name.
    pub(crate) expected: u32,
    /// The bytes that are still expected, the next one lowest.
    pub(crate) bytes: u32,
    /// The bytes that came, the first one lowest.
    pub(crate) came: u32,
    /// How many came.
    pub(crate) phase: u8,
    /// How many it has.
    pub(crate) length: u8,
}

impl Field {
    /// No field. All of it is zero.
    pub(crate) const NONE: Self = Self {
        kind: Kind::Branch,
        source: Source::Learned,
        target: 0,
        expected: 0,
        bytes: 0,
        came: 0,
        phase: 0,
        length: 0,
    };
}

/// Where the next byte stands, for the model: 0 outside of fields of which anything is known, else what is much alike: kind, source and
/// place.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place(u8);

impl Place {
    pub(crate) const NONE: Self = Self(0);
    /// Number of pairs of a kind and a source, with one for none.
    pub(crate) const KINDS: usize = 7;
    /// Number of places.
    pub(crate) const COUNT: usize = 4 * Self::KINDS;

    /// Which pair, 0 to 6.
    pub(crate) fn kind(self) -> usize {
        usize::from(self.0.wrapping_shr(2))
    }

    /// Of the byte at hand; none if nothing is known.
    pub(super) const fn of(field: &Field) -> Self {
        let kind: u8 = match (field.kind, field.source) {
            (_, Source::Nothing) => return Self::NONE,
            (Kind::Branch | Kind::Upper, Source::Learned) => 1,
            (Kind::Branch | Kind::Upper, Source::Moved) => 2,
            (Kind::Lower | Kind::Pointer, Source::Learned) => 3,
            (Kind::Lower | Kind::Pointer, Source::Moved) => 4,
            (Kind::Word, Source::Learned) => 5,
            (Kind::Word, Source::Moved) => 6,
        };
        Self(kind.wrapping_shl(2) | field.phase)
    }

    /// Below [`COUNT`](Self::COUNT).
    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}
