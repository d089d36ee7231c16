//! Room for what a file lists: fixed on a device, larger and from the heap elsewhere, bounded in both.

use arrayvec::ArrayVec;
use core::{fmt::Debug, ops::Deref};

/// More items than there is room for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Full;

/// A list with an end.
pub trait List<T>: Clone + Debug + Default + Deref<Target = [T]> {
    /// Adds an item at the end.
    fn try_push(&mut self, item: T) -> Result<(), Full>;
    /// Takes the last item.
    fn pop(&mut self) -> Option<T>;
    /// Keeps the first `length` items.
    fn truncate(&mut self, length: usize);
}

impl<T: Clone + Debug, const N: usize> List<T> for ArrayVec<T, N> {
    fn try_push(&mut self, item: T) -> Result<(), Full> {
        Self::try_push(self, item).map_err(|_| Full)
    }

    fn pop(&mut self) -> Option<T> {
        Self::pop(self)
    }

    fn truncate(&mut self, length: usize) {
        Self::truncate(self, length);
    }
}

/// Which items of a list are meant.
pub trait Bits: Copy + Debug + Default + Eq {
    /// All items.
    const ALL: Self;

    /// Includes the item at this position; beyond the last bit nothing.
    fn insert(&mut self, position: usize);

    /// Whether the item at this position is included.
    fn contains(self, position: usize) -> bool;
}

impl Bits for u16 {
    const ALL: Self = Self::MAX;

    fn insert(&mut self, position: usize) {
        *self |= bit(position);
    }

    fn contains(self, position: usize) -> bool {
        self & bit(position) != 0
    }
}

fn bit(position: usize) -> u16 {
    u32::try_from(position)
        .ok()
        .and_then(|position| 1u16.checked_shl(position))
        .unwrap_or(0)
}
