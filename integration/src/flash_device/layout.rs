//! What lies where in the flash of the simulated device: settings decide.

use tuffet_no_std_client::flash::{Map, MapError, Span, Units, Xip};

const KIB: u32 = 1024;

/// What lies where on a part with slots of this length, for a decoder whose record has this many bytes.
pub fn layout(slot_bytes: u32, checkpoint_bytes: usize) -> Result<Map<Xip>, MapError> {
    let area_bytes = (checkpoint_bytes as u32).next_multiple_of(KIB);
    let slots_at = 36 * KIB + 2 * area_bytes;
    let map = Map {
        boot_record: Span::new(0, 2 * KIB),
        state: Span::new(2 * KIB, 2 * KIB),
        roots: [Span::new(4 * KIB, 8 * KIB), Span::new(12 * KIB, 8 * KIB)],
        snapshots: [Span::new(20 * KIB, 4 * KIB), Span::new(24 * KIB, 4 * KIB)],
        document: Span::new(28 * KIB, 8 * KIB),
        checkpoints: [
            Span::new(36 * KIB, area_bytes),
            Span::new(36 * KIB + area_bytes, area_bytes),
        ],
        slots: Xip {
            slots: [
                Span::new(slots_at, slot_bytes),
                Span::new(slots_at.saturating_add(slot_bytes), slot_bytes),
            ],
            base: 0,
        },
    };
    let units = Units {
        capacity: capacity_bytes(&map) as u32,
        erase_bytes: KIB,
        write_bytes: 4,
    };
    map.check(units, checkpoint_bytes).map(|()| map)
}

/// Bytes of a part that is laid out so.
pub fn capacity_bytes(map: &Map<Xip>) -> usize {
    let [_, last] = map.slots.slots;
    last.start.saturating_add(last.bytes) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuffet_no_std_client::flash::Part;

    #[test]
    fn slots_that_no_part_has_are_refused() {
        assert_eq!(capacity_bytes(&layout(95 * KIB, 8_000).unwrap()), (52 + 2 * 95) * 1024);
        assert_eq!(layout(0, 8_000), Err(MapError::TooShort(Part::Slots)));
        assert_eq!(layout(1_000, 8_000), Err(MapError::NotErasable(Part::Slots)));
        // The end of the part is no 32-bit number.
        assert!(layout(u32::MAX - 1_023, 8_000).is_err());
    }
}
