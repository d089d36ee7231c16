//! Both images with what is looked up in them again and again.

use crate::{
    Layout, Profile,
    encode::{matches::Matches, parts},
    model::Origin,
    predict::Names,
};

/// Both images.
pub(crate) struct Images<'i> {
    pub(crate) old: &'i [u8],
    pub(crate) new: &'i [u8],
    pub(crate) layout: Layout,
    pub(crate) matches: &'i Matches,
    old_names: Names,
    new_names: Names,
}

impl<'i> Images<'i> {
    pub(crate) fn new(old: &'i [u8], new: &'i [u8], matches: &'i Matches, layout: Layout, profile: Profile) -> Self {
        let Layout { architecture, bases } = layout;
        let names = |image, ranges| Names::of(image, architecture, ranges, profile);
        let (old_names, new_names) = parts::both(
            || names(old, bases.map(|bases| bases.old)),
            || names(new, bases.map(|bases| bases.new)),
        );
        Self {
            old,
            new,
            layout,
            matches,
            old_names,
            new_names,
        }
    }

    pub(crate) fn byte(&self, origin: Origin, offset: usize) -> u8 {
        match origin {
            Origin::New => self.new[offset],
            Origin::Old => self.old[offset],
        }
    }

    /// Whether both bytes belong to fields that name places, at the same byte of the same kind.
    pub(crate) fn is_field(&self, offset: usize, at: usize) -> bool {
        let field = self.new_names.fields[at];
        field != 0 && self.old_names.fields[offset] == field
    }

    /// If these are the first ones: the places that the fields name.
    pub(crate) fn places(&self, offset: usize, at: usize) -> Option<(u32, u32)> {
        let is_first = self.new_names.fields[at] & 3 == 0;
        is_first.then(|| (self.old_names.places[offset], self.new_names.places[at]))
    }

    /// The aligned words at these places, if both have all of theirs.
    pub(crate) fn words(&self, offset: usize, at: usize) -> Option<(u32, u32)> {
        let word = |image: &[u8], at: usize| {
            let bytes = image[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            bytes.map(|bytes| self.layout.architecture.word(bytes))
        };
        let is_aligned = offset.is_multiple_of(4) && at.is_multiple_of(4);
        is_aligned.then_some(())?;
        Some((word(self.old, offset)?, word(self.new, at)?))
    }
}
