//! What a decoder saved, in two areas that take turns.
//!
//! - A record checks itself: it names its patch, its source and its result, and ends with a digest. A torn one is not taken
//!   up, and the one before it stands in the other area.
//! - A record holds for what stands in the slot in front of its position. So before the slot is written from its start
//!   again, the records go. Until then they stay, also when the image is complete: a cut before its trial costs no more than one
//!   within it. A slot that does not hold the image makes them go, too.
//! - A save erases its area, unless records went from it since the power came and nothing was written to it. That the area reads as
//!   erased says nothing: an erase that was cut may leave bits that read so now and otherwise later, and a write over them would
//!   be no record. What erased it before the last reset is not known, so that is not trusted.

use super::{Region, RegionError, Span};
use crate::update::Decoding;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};
use tuffet_patch::{BadCheckpoint, Decoder, PIECE_BYTES, SnapshotError};

/// The two areas.
pub struct Checkpoints<'f, F> {
    areas: [Region<'f, F>; 2],
    bytes: [u32; 2],
    /// The area that holds the newest record.
    newest: Option<usize>,
    /// Areas that were erased to their end since the power came, with nothing written to them since.
    erased: [bool; 2],
}

impl<'f, F: NorFlash> Checkpoints<'f, F> {
    pub(super) fn new(areas: [Region<'f, F>; 2], spans: [Span; 2]) -> Self {
        Self {
            areas,
            bytes: spans.map(|span| span.bytes),
            newest: None,
            erased: [false; 2],
        }
    }

    /// Takes up the newest record that belongs to this decoding. Says whether there was one; after a no the decoder must
    /// begin.
    pub fn resume<D: Decoder>(
        &mut self,
        decoder: &mut D,
        decoding: &Decoding<'_>,
    ) -> Result<bool, RegionError<F::Error>> {
        let mut best: Option<(usize, u32)> = None;
        for area in 0..self.areas.len() {
            if self.read(decoder, decoding, area)? {
                let position = decoder.position();
                if best.is_none_or(|(_, furthest)| furthest < position) {
                    best = Some((area, position));
                }
            }
        }
        self.newest = best.map(|(area, _)| area);
        match best {
            None => Ok(false),
            Some((area, _)) => self.read(decoder, decoding, area),
        }
    }

    /// Writes a record over the older one.
    pub fn save<D: Decoder>(&mut self, decoder: &mut D) -> Result<(), RegionError<F::Error>> {
        let area = usize::from(self.newest == Some(0));
        if !self.erased.get_mut(area).is_some_and(core::mem::take) {
            self.erase(area)?;
        }
        let mut offset = 0_u32;
        let region = self.areas.get_mut(area).ok_or(RegionError::OutOfBounds)?;
        let saved = decoder.snapshot(|piece: &[u8; PIECE_BYTES]| {
            region.write(offset, piece)?;
            offset = offset.saturating_add(u32::try_from(PIECE_BYTES).unwrap_or(u32::MAX));
            Ok(())
        });
        match saved {
            Ok(()) => {
                self.newest = Some(area);
                Ok(())
            }
            Err(SnapshotError::Storage(error)) => Err(error),
            // Nothing was written: the decoder goes on without a record.
            Err(SnapshotError::NotAtCheckpoint | _) => Ok(()),
        }
    }

    /// Lets both records go. Areas that hold none are left alone.
    pub fn forget(&mut self) -> Result<(), RegionError<F::Error>> {
        self.newest = None;
        for area in 0..self.areas.len() {
            if !self.is_blank(area)? {
                self.erase(area)?;
                if let Some(erased) = self.erased.get_mut(area) {
                    *erased = true;
                }
            }
        }
        Ok(())
    }

    fn read<D: Decoder>(
        &mut self,
        decoder: &mut D,
        decoding: &Decoding<'_>,
        area: usize,
    ) -> Result<bool, RegionError<F::Error>> {
        let region = self.areas.get_mut(area).ok_or(RegionError::OutOfBounds)?;
        let mut offset = 0_u32;
        let read = |piece: &mut [u8; PIECE_BYTES]| {
            region.read(offset, piece)?;
            offset = offset.saturating_add(u32::try_from(PIECE_BYTES).unwrap_or(u32::MAX));
            Ok(())
        };
        match decoder.resume(read, decoding.pinned, decoding.source, decoding.result) {
            // What is in front of its position stays, so an erase unit must begin there.
            Ok(()) => {
                Ok(usize::try_from(decoder.position()).is_ok_and(|position| position.is_multiple_of(F::ERASE_SIZE)))
            }
            Err(BadCheckpoint::Storage(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn erase(&mut self, area: usize) -> Result<(), RegionError<F::Error>> {
        let (Some(region), Some(bytes)) = (self.areas.get_mut(area), self.bytes.get(area)) else {
            return Err(RegionError::OutOfBounds);
        };
        region.erase(0, *bytes)
    }

    /// Whether the start of an area is erased: a record begins with a number that is not.
    fn is_blank(&mut self, area: usize) -> Result<bool, RegionError<F::Error>> {
        let mut piece = [0; PIECE_BYTES];
        let region = self.areas.get_mut(area).ok_or(RegionError::OutOfBounds)?;
        region.read(0, &mut piece)?;
        Ok(piece.iter().all(|byte| *byte == 0xFF))
    }
}
