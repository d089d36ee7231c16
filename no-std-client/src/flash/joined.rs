//! Two parts as one flash: the processor's own, and a chip beside it.
//!
//! - Offsets below the capacity of the internal part are in it; those behind are in the external one.
//! - Units are those of the part that has the larger ones.
//! - No access reaches into both: a span of a [`Map`](super::Map) that does is a mistake of the map, and refused.
//! - **Who can open the device can rewrite the chip at any moment**, and answer each reading with something else. So what counts
//!   without being verified again has to be internal: boot record, trusted state, the slots of [`Xip`](super::Xip), and of
//!   [`Swap`](super::Swap) the running place and the journal. Everything else may be external: root, snapshot, document,
//!   saved decoders, and the staged place. [`check_external`](super::Map::check_external) holds a map to that.

use super::{Map, MapError, Part, Span, Swap, Xip};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// An internal part, and behind its end an external one.
#[derive(Debug)]
pub struct Joined<I, E> {
    internal: I,
    external: E,
    /// Where the external part begins.
    border: u32,
}

/// Why an access to one of two parts failed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum JoinedError<I, E> {
    /// It reaches into both.
    Across,
    /// The external part failed.
    External(E),
    /// The internal part failed.
    Internal(I),
}

/// Which part an access is for, and where in it.
enum Place {
    Internal(u32),
    External(u32),
}

impl<I: NorFlash, E: NorFlash> Joined<I, E> {
    /// Joins two parts. `None` if the internal one is not a whole number of erase units of the external one, or longer than
    /// an offset can say.
    pub fn new(internal: I, external: E) -> Option<Self> {
        const {
            assert!(multiple(I::READ_SIZE, E::READ_SIZE) && multiple(I::WRITE_SIZE, E::WRITE_SIZE));
            assert!(multiple(I::ERASE_SIZE, E::ERASE_SIZE));
        }
        let border = internal.capacity();
        if !border.is_multiple_of(<Self as NorFlash>::ERASE_SIZE) {
            return None;
        }
        Some(Self {
            border: u32::try_from(border).ok()?,
            internal,
            external,
        })
    }

    /// Both parts.
    pub fn parts(&mut self) -> (&mut I, &mut E) {
        (&mut self.internal, &mut self.external)
    }
}

impl<I, E> Joined<I, E> {
    fn place<A, B>(&self, from: u32, to: u32) -> Result<Place, JoinedError<A, B>> {
        match from.checked_sub(self.border) {
            Some(from) => Ok(Place::External(from)),
            None if to <= self.border => Ok(Place::Internal(from)),
            None => Err(JoinedError::Across),
        }
    }
}

impl Map<Swap> {
    /// Checks that nothing lies behind the border between two parts that counts without being verified again, and nothing across
    /// it. For firmware that would rather not build.
    pub const fn check_external(&self, border: u32) -> Result<(), MapError> {
        let Swap {
            running,
            staged,
            journal,
            ..
        } = self.slots;
        let inside = [(Part::Slots, running), (Part::Journal, journal)];
        self.check_sides(border, &inside, &[(Part::Slots, staged)])
    }
}

impl Map<Xip> {
    /// The same. An image that runs where it lies is hashed before it starts, and read again by every instruction: so no slot
    /// may be external.
    pub const fn check_external(&self, border: u32) -> Result<(), MapError> {
        let [slot_a, slot_b] = self.slots.slots;
        self.check_sides(border, &[(Part::Slots, slot_a), (Part::Slots, slot_b)], &[])
    }
}

impl<S> Map<S> {
    const fn check_sides(
        &self,
        border: u32,
        inside: &[(Part, Span)],
        anywhere: &[(Part, Span)],
    ) -> Result<(), MapError> {
        let [root_a, root_b] = self.roots;
        let [snapshot_a, snapshot_b] = self.snapshots;
        let [checkpoint_a, checkpoint_b] = self.checkpoints;
        let counts = [(Part::BootRecord, self.boot_record), (Part::State, self.state)];
        let verified = [
            (Part::Roots, root_a),
            (Part::Roots, root_b),
            (Part::Snapshots, snapshot_a),
            (Part::Snapshots, snapshot_b),
            (Part::Document, self.document),
            (Part::Checkpoints, checkpoint_a),
            (Part::Checkpoints, checkpoint_b),
        ];
        let mut groups: &[(&[(Part, Span)], bool)] =
            &[(&counts, true), (inside, true), (&verified, false), (anywhere, false)];
        while let Some(((spans, is_inside), others)) = groups.split_first() {
            let mut rest = *spans;
            while let Some(((part, span), behind)) = rest.split_first() {
                let end = span.start.saturating_add(span.bytes);
                if *is_inside && end > border {
                    return Err(MapError::Exposed(*part));
                }
                if span.start < border && end > border {
                    return Err(MapError::Across(*part));
                }
                rest = behind;
            }
            groups = others;
        }
        Ok(())
    }
}

/// Whether one unit is a multiple of the other.
const fn multiple(one: usize, other: usize) -> bool {
    one.is_multiple_of(other) || other.is_multiple_of(one)
}

const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

/// The end of an access.
fn end(from: u32, bytes: &[u8]) -> u32 {
    from.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

impl<I: NorFlashError, E: NorFlashError> NorFlashError for JoinedError<I, E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Across => NorFlashErrorKind::OutOfBounds,
            Self::External(error) => error.kind(),
            Self::Internal(error) => error.kind(),
        }
    }
}

impl<I: ErrorType, E: ErrorType> ErrorType for Joined<I, E> {
    type Error = JoinedError<I::Error, E::Error>;
}

impl<I: ReadNorFlash, E: ReadNorFlash> ReadNorFlash for Joined<I, E> {
    const READ_SIZE: usize = larger(I::READ_SIZE, E::READ_SIZE);

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        match self.place(offset, end(offset, bytes))? {
            Place::Internal(offset) => self.internal.read(offset, bytes).map_err(JoinedError::Internal),
            Place::External(offset) => self.external.read(offset, bytes).map_err(JoinedError::External),
        }
    }

    fn capacity(&self) -> usize {
        self.internal.capacity().saturating_add(self.external.capacity())
    }
}

impl<I: NorFlash, E: NorFlash> NorFlash for Joined<I, E> {
    const WRITE_SIZE: usize = larger(I::WRITE_SIZE, E::WRITE_SIZE);
    const ERASE_SIZE: usize = larger(I::ERASE_SIZE, E::ERASE_SIZE);

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let bytes = to.saturating_sub(from);
        match self.place(from, to)? {
            Place::Internal(from) => self.internal.erase(from, to).map_err(JoinedError::Internal),
            Place::External(from) => {
                let erased = self.external.erase(from, from.saturating_add(bytes));
                erased.map_err(JoinedError::External)
            }
        }
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        match self.place(offset, end(offset, bytes))? {
            Place::Internal(offset) => self.internal.write(offset, bytes).map_err(JoinedError::Internal),
            Place::External(offset) => self.external.write(offset, bytes).map_err(JoinedError::External),
        }
    }
}
