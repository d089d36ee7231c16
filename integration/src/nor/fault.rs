//! What goes wrong while the power stays, and what an erase that was cut leaves.

use super::{Random, Tear};
use std::collections::BTreeMap;

/// Operations that fail, and say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Number of operations that are done before.
    pub operation: usize,
    /// How many fail from there on.
    pub count: usize,
    /// What each of them leaves.
    pub tear: Tear,
}

impl Fault {
    /// Counts an operation; what it leaves, if it fails.
    pub(super) fn strikes(&mut self) -> Option<Tear> {
        if self.operation > 0 {
            self.operation -= 1;
            return None;
        }
        self.count = self.count.checked_sub(1)?;
        Some(self.tear)
    }
}

/// Bits that read differently each time, until they are erased again: the charge that an erase was cut at is near the threshold.
#[derive(Debug, Clone, Default)]
pub(super) struct Unstable {
    /// Of each byte with such bits, which ones.
    bits: BTreeMap<usize, u8>,
    coin: Option<Random>,
}

impl Unstable {
    /// An erase from `old` to `new` was cut.
    pub(super) fn leave(&mut self, offset: usize, old: &[u8], new: &[u8], seed: u64) {
        for (index, (old, new)) in old.iter().zip(new).enumerate() {
            if old != new {
                self.bits.insert(offset + index, old ^ new);
            }
        }
        self.coin = Some(Random::new(seed));
    }

    /// An operation runs over these bytes: an erase, or a write to cells that are stable.
    pub(super) fn settle(&mut self, offset: usize, bytes: usize) {
        if !self.bits.is_empty() {
            self.bits.retain(|place, _| !(offset..offset + bytes).contains(place));
        }
    }

    /// Whether any of these bytes has such bits.
    pub(super) fn is_at(&self, offset: usize, bytes: usize) -> bool {
        self.bits.range(offset..offset + bytes).next().is_some()
    }

    /// Throws the coin of every such bit.
    pub(super) fn read(&mut self, offset: usize, bytes: &mut [u8]) {
        let Some(coin) = &mut self.coin else {
            return;
        };
        for (place, bits) in self.bits.range(offset..offset + bytes.len()) {
            bytes[place - offset] ^= bits & coin.byte();
        }
    }
}
