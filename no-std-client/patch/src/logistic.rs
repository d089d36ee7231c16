//! Probabilities as the mixer adds them: on the logistic scale, in integers.
//!
//! A probability has 12 bits. Its *stretched* form is ln(p / (1 - p)) with 8 fractional bits, from -2047 to 2047. Both directions
//! come from one table of 33 knots, so that every target computes the same bits.

/// 4096 / (1 + e^-x) at x = -8.0, -7.5 .. 8.0.
const KNOTS: [i16; 33] = [
    1, 2, 3, 6, 10, 16, 27, 45, 73, 120, 194, 310, 488, 747, 1101, 1546, 2047, 2549, 2994, 3348, 3607, 3785, 3901,
    3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094,
];

/// Largest stretched value.
pub(crate) const STRETCHED_MAX: i32 = 2047;

/// The probability, 0 to 4095, of a stretched value.
pub(crate) const fn squash(stretched: i32) -> i32 {
    if stretched > STRETCHED_MAX {
        return 4095;
    }
    if stretched < -STRETCHED_MAX {
        return 0;
    }
    let shifted = stretched.wrapping_add(2048);
    let weight = shifted & 127;
    let (low, high) = knots(shifted.wrapping_shr(7));
    let sum = low
        .wrapping_mul(128_i32.wrapping_sub(weight))
        .wrapping_add(high.wrapping_mul(weight));
    sum.wrapping_add(64).wrapping_shr(7)
}

/// The knot at `index` and the one after it.
#[allow(clippy::indexing_slicing, clippy::as_conversions)]
const fn knots(index: i32) -> (i32, i32) {
    // Invariant: masked to 0..=31, and there are 33 knots.
    let index = (index & 31) as usize;
    (KNOTS[index] as i32, KNOTS[index.wrapping_add(1)] as i32)
}

/// Steps of the table for probabilities below one half: each of the first 256, then every eighth.
const FINE: usize = 256;
const STRETCH_ENTRIES: usize = 480;
const STRETCH: [i16; STRETCH_ENTRIES] = stretch_table();

/// Inverse of [`squash`] at the probabilities of the table, found by walking along it.
#[allow(clippy::indexing_slicing, clippy::as_conversions)]
const fn stretch_table() -> [i16; STRETCH_ENTRIES] {
    let mut table = [0; STRETCH_ENTRIES];
    let mut stretched = -STRETCHED_MAX;
    let mut entry = 0_usize;
    while entry < STRETCH_ENTRIES {
        let probability = if entry < FINE {
            entry as i32
        } else {
            (entry.wrapping_sub(FINE) as i32).wrapping_mul(8).wrapping_add(260)
        };
        while squash(stretched) < probability {
            stretched = stretched.wrapping_add(1);
        }
        // Invariant: between -2047 and 2047.
        table[entry] = stretched as i16;
        entry = entry.wrapping_add(1);
    }
    table
}

/// The stretched value of a probability of 0 to 4095.
#[cfg(not(target_pointer_width = "64"))]
pub(crate) const fn stretch(probability: u16) -> i32 {
    stretched(probability)
}

/// The stretched value of a probability of 0 to 4095. Where there is room, each has an entry: whether it is above one half cannot be
/// foreseen, and a branch that went wrong takes as long as all the rest.
#[cfg(target_pointer_width = "64")]
pub(crate) fn stretch(probability: u16) -> i32 {
    static TABLE: [i16; 4096] = whole_table();
    TABLE.get(usize::from(probability)).copied().map_or(0, i32::from)
}

#[cfg(target_pointer_width = "64")]
#[allow(clippy::indexing_slicing, clippy::as_conversions)]
const fn whole_table() -> [i16; 4096] {
    let mut table = [0; 4096];
    let mut probability = 0_u16;
    while probability < 4096 {
        // Invariant: between -2047 and 2047.
        table[probability as usize] = stretched(probability) as i16;
        probability = probability.wrapping_add(1);
    }
    table
}

/// Entries that stand by themselves; from there on a byte tells how far one is above the first of its group.
const ALONE: usize = 32;
const GROUP_LOG2: u32 = 4;
const GROUPED: usize = STRETCH_ENTRIES - ALONE;
const GROUPS: usize = GROUPED >> GROUP_LOG2;

/// The table as it stands in flash: half as long as with two bytes for each entry.
struct Table {
    alone: [i16; ALONE],
    firsts: [i16; GROUPS],
    above: [u8; GROUPED],
}

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    reason = "evaluated by the compiler"
)]
const fn short_table() -> Table {
    let mut table = Table {
        alone: [0; ALONE],
        firsts: [0; GROUPS],
        above: [0; GROUPED],
    };
    let mut entry = 0_usize;
    while entry < STRETCH_ENTRIES {
        if entry < ALONE {
            table.alone[entry] = STRETCH[entry];
        } else {
            let place = entry.wrapping_sub(ALONE);
            let group = place.wrapping_shr(GROUP_LOG2);
            if place == group.wrapping_shl(GROUP_LOG2) {
                table.firsts[group] = STRETCH[entry];
            }
            let above = STRETCH[entry].wrapping_sub(table.firsts[group]);
            assert!(
                above >= 0 && above <= 0xFF,
                "an entry is too far above the first of its group"
            );
            table.above[place] = above as u8;
        }
        entry = entry.wrapping_add(1);
    }
    table
}

#[allow(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "also evaluated by the compiler, which has no `get`"
)]
const fn stretched(probability: u16) -> i32 {
    // In flash, and not copied.
    const TABLE: &Table = &short_table();
    let upper = probability >= 2048;
    let low = if upper {
        4095_u16.wrapping_sub(probability)
    } else {
        probability
    };
    // Invariant: at most 2047, so that the entry is one of the 480.
    let low = (low & 2047) as usize;
    let entry = if low < FINE {
        low
    } else {
        low.wrapping_sub(FINE).wrapping_shr(3).wrapping_add(FINE)
    };
    let stretched = if entry < ALONE {
        TABLE.alone[entry] as i32
    } else {
        let place = entry.wrapping_sub(ALONE);
        let first = TABLE.firsts[place.wrapping_shr(GROUP_LOG2)] as i32;
        first.wrapping_add(TABLE.above[place] as i32)
    };
    if upper { stretched.wrapping_neg() } else { stretched }
}

#[cfg(test)]
mod tests {
    use super::{squash, stretch};

    #[test]
    fn squash_and_stretch_are_inverses_but_for_rounding() {
        for probability in 0..4096_u16 {
            let back = squash(stretch(probability));
            let error = (back - i32::from(probability)).abs();
            assert!(error <= 12, "{probability} became {back}");
            assert_eq!(stretch(probability), -stretch(4095 - probability));
        }
        assert!((-2048..2048).all(|x| squash(x) <= squash(x + 1)));
    }
}
