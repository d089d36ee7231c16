//! Where the pieces of the old image went.

use core::mem::swap;

/// A piece of the old image, up to where the next one begins.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Its first byte in the old image.
    pub(crate) old: u32,
    /// How far it moved.
    pub(crate) shift: u32,
}

impl Piece {
    pub(crate) const ZERO: Self = Self { old: 0, shift: 0 };
}

/// Pieces in the order of the old image, no two from the same place.
#[derive(Clone, Debug)]
pub(crate) struct Map<const PIECES: usize> {
    pub(crate) count: u32,
    pub(crate) pieces: [Piece; PIECES],
}

impl<const PIECES: usize> Map<PIECES> {
    pub(crate) const ZERO: Self = Self {
        count: 0,
        pieces: [Piece::ZERO; PIECES],
    };

    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.pieces.fill(Piece::ZERO);
    }

    pub(crate) fn known(&self) -> &[Piece] {
        let count = usize::try_from(self.count).unwrap_or(0);
        self.pieces.get(..count).unwrap_or(&[])
    }

    /// Whether it can have come about by adding pieces.
    pub(crate) fn is_possible(&self) -> bool {
        let is_full = usize::try_from(self.count).is_ok_and(|count| count <= PIECES);
        is_full && self.known().is_sorted_by(|one, next| one.old < next.old)
    }

    /// The last one.
    pub(crate) fn last(&self) -> Piece {
        self.known().last().copied().unwrap_or(Piece::ZERO)
    }

    /// How far the byte at `old` moved, as far as anybody knows.
    pub(crate) fn shift(&self, old: u32) -> Option<u32> {
        let (before, _) = split(self.known(), old);
        before.last().map(|piece| piece.shift)
    }

    /// The piece that begins at `old` went to `new`. It is added to a neighbour that moved as far.
    pub(crate) fn add(&mut self, old: u32, new: u32) {
        let added = Piece {
            old,
            shift: new.wrapping_sub(old),
        };
        let (before, behind) = split(self.known(), old);
        let at = before.len();
        let replaced = match (before.last(), behind.first()) {
            (Some(piece), _) if piece.shift == added.shift => return,
            (Some(piece), _) if piece.old == old => at.wrapping_sub(1),
            (_, Some(next)) if next.shift == added.shift => at,
            (_, _) => return self.insert(at, added),
        };
        if let Some(piece) = self.pieces.get_mut(replaced) {
            *piece = added;
        }
    }

    /// Puts a piece in front of the one at `at`. If there is no room, the one at the end that is farther away gives way.
    fn insert(&mut self, at: usize, added: Piece) {
        let known = self.known();
        let distance = |piece: Option<&Piece>| piece.map_or(0, |piece| piece.old.abs_diff(added.old));
        let (count, first, last) = (known.len(), distance(known.first()), distance(known.last()));
        if count < PIECES {
            self.count = self.count.wrapping_add(1);
        } else if first > last {
            shift_in(self.pieces.iter_mut().take(at).rev(), added);
            return;
        }
        // With the last one there is no place behind it.
        let at = at.min(PIECES.saturating_sub(1));
        let moved = self.pieces.get_mut(at..count.saturating_add(1).min(PIECES));
        shift_in(moved.unwrap_or_default().iter_mut(), added);
    }
}

/// The pieces that begin up to `old`, and the others.
#[inline(never)]
fn split(pieces: &[Piece], old: u32) -> (&[Piece], &[Piece]) {
    let behind = pieces.partition_point(|piece| piece.old <= old);
    pieces.split_at_checked(behind).unwrap_or((pieces, &[]))
}

/// Puts a value in the first place, what was there in the next, and so on; the last one is gone. By hand, since the library's rotation
/// is longer than all of a map.
pub(crate) fn shift_in<'t, T: 't>(places: impl Iterator<Item = &'t mut T>, mut value: T) {
    for place in places {
        swap(place, &mut value);
    }
}

#[cfg(test)]
mod tests {
    use super::{Map, Piece};

    fn known<const PIECES: usize>(map: &Map<PIECES>) -> std::vec::Vec<(u32, u32)> {
        map.known().iter().map(|piece| (piece.old, piece.shift)).collect()
    }

    #[test]
    fn places_move_with_the_piece_in_front_of_them() {
        let mut map = Map::<4>::ZERO;
        assert_eq!(map.shift(7), None);
        map.add(100, 110);
        map.add(500, 490);
        assert_eq!(map.shift(99), None);
        assert_eq!(map.shift(100), Some(10));
        assert_eq!(map.shift(499), Some(10));
        assert_eq!(map.shift(u32::MAX), Some(10_u32.wrapping_neg()));
        // Nothing new; then the same piece, earlier; then another one from the same place.
        map.add(200, 210);
        map.add(400, 390);
        map.add(100, 120);
        assert_eq!(known(&map), [(100, 20), (400, 10_u32.wrapping_neg())]);
        assert_eq!(map.last().old, 400);
    }

    #[test]
    fn the_farthest_piece_gives_way() {
        let mut map = Map::<3>::ZERO;
        for old in [100, 300, 200] {
            map.add(old, old * 2);
        }
        map.add(400, 900);
        assert_eq!(known(&map), [(200, 200), (300, 300), (400, 500)]);
        map.add(100, 700);
        assert_eq!(known(&map), [(100, 600), (200, 200), (300, 300)]);
        map.add(250, 900);
        assert_eq!(known(&map).len(), 3);
        assert!(map.known().is_sorted_by_key(|piece| piece.old));
    }

    /// Against a list that is sorted anew each time.
    #[test]
    fn pieces_stay_in_order() {
        let mut map = Map::<8>::ZERO;
        let mut random = 7_u32;
        for _ in 0..5_000 {
            random = random.wrapping_mul(0x915F_77F5).wrapping_add(1);
            let (old, shift) = (random >> 24, (random >> 8) & 7);
            map.add(old, old.wrapping_add(shift));
            assert_eq!(map.shift(old), Some(shift));
            assert!(
                map.known().is_sorted_by(|one: &Piece, next| one.old < next.old),
                "{map:?}"
            );
        }
    }
}
