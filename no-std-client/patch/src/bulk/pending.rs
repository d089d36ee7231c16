//! The end of the result, until there is enough of it to write.

use crate::model::appended;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// Bytes that are written at once.
pub(crate) const WRITE_BYTES: usize = 1 << 16;
/// The longest field may come when one byte is missing.
const ROOM_BYTES: usize = WRITE_BYTES + 8;

/// The end of the result.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Bytes of the result that were written.
    pub(crate) written: u32,
    count: usize,
    bytes: [u8; ROOM_BYTES],
    /// The last four bytes that were written, newest lowest.
    recent: u32,
}

impl Pending {
    pub(crate) const fn new() -> Self {
        Self {
            written: 0,
            count: 0,
            bytes: [0; ROOM_BYTES],
            recent: 0,
        }
    }

    /// Forgets what there was.
    pub(crate) const fn restart(&mut self) {
        (self.written, self.count, self.recent) = (0, 0, 0);
    }

    /// Bytes of the result that are known.
    pub(crate) fn position(&self) -> u32 {
        self.written.wrapping_add(u32::try_from(self.count).unwrap_or(0))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is enough to write.
    pub(crate) const fn is_full(&self) -> bool {
        self.count >= WRITE_BYTES
    }

    /// The last four bytes of the result, newest lowest.
    pub(crate) fn recent(&self) -> u32 {
        let bytes = self.bytes.get(self.count.saturating_sub(4)..self.count);
        bytes
            .unwrap_or_default()
            .iter()
            .fold(self.recent, |recent, byte| appended(recent, *byte))
    }

    /// Adds bytes. Not more than there is room for: one byte, a field, or less than is missing.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        if let Some(target) = self.next(bytes.len()) {
            target.copy_from_slice(bytes);
        }
    }

    /// Room for the next bytes, at most as many as are missing; they count as known.
    pub(crate) fn next(&mut self, count: usize) -> Option<&mut [u8]> {
        let start = self.count;
        let end = start.checked_add(count)?;
        let room = self.bytes.get_mut(start..end)?;
        self.count = end;
        Some(room)
    }

    /// Bytes that are missing, at least 1 unless it is full.
    pub(crate) fn missing(&self) -> u32 {
        u32::try_from(WRITE_BYTES.saturating_sub(self.count)).unwrap_or(0)
    }

    /// Copies at most `count` bytes of the result from `from`, and says how many.
    pub(crate) fn repeat<N: ReadNorFlash>(&mut self, new: &mut N, from: u32, count: u32) -> Result<u32, N::Error> {
        let count = count.min(self.missing());
        if from < self.written {
            let count = count.min(self.written.wrapping_sub(from));
            if let Some(target) = self.next(usize::try_from(count).unwrap_or(0)) {
                new.read(from, target)?;
            }
            return Ok(count);
        }
        // What is copied may not have come yet: no more at once than the distance.
        let count = count.min(self.position().wrapping_sub(from)).max(1);
        let start = usize::try_from(from.wrapping_sub(self.written)).unwrap_or(0);
        let length = usize::try_from(count).unwrap_or(0);
        let (end, target) = (start.saturating_add(length), self.count);
        if end <= self.count && target.saturating_add(length) <= ROOM_BYTES {
            self.bytes.copy_within(start..end, target);
            self.count = target.saturating_add(length);
        }
        Ok(count)
    }

    /// Bytes that [`write`](Self::write) writes now.
    pub(crate) fn ready(&self) -> u32 {
        u32::try_from(self.count.min(WRITE_BYTES)).unwrap_or(0)
    }

    /// Writes what is there, but for what is behind a full buffer; the end is filled up with erased bytes to a whole write unit.
    pub(crate) fn write<N: NorFlash>(&mut self, new: &mut N) -> Result<(), N::Error> {
        let count = self.count.min(WRITE_BYTES);
        let write_bytes = count.next_multiple_of(N::WRITE_SIZE);
        let behind = self.count.wrapping_sub(count);
        if behind == 0
            && let Some(rest) = self.bytes.get_mut(count..write_bytes)
        {
            rest.fill(0xFF);
        }
        if let Some(bytes) = self.bytes.get(..write_bytes) {
            new.write(self.written, bytes)?;
        }
        let last = self.bytes.get(count.saturating_sub(4)..count).unwrap_or_default();
        self.recent = last.iter().fold(self.recent, |recent, byte| appended(recent, *byte));
        self.bytes.copy_within(count..count.saturating_add(behind), 0);
        self.written = self.written.wrapping_add(u32::try_from(count).unwrap_or(0));
        self.count = behind;
        Ok(())
    }
}
