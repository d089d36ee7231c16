//! Numbers and digests in words, without the formatting of the standard library: that takes a small device three thousand bytes of
//! flash, for what are a few digits in the path of a file.

/// Where text goes, piece by piece; nothing if there is no room.
pub type Out<'o> = dyn FnMut(&str) -> Option<()> + 'o;

const DIGITS: &str = "0123456789abcdef";

/// Spells a number in decimal digits.
pub fn number(out: &mut Out<'_>, number: u64) -> Option<()> {
    // As many as the largest number has.
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = number;
    for place in digits.iter_mut().rev() {
        (rest, *place) = divided_by_ten(rest);
        first = first.saturating_sub(1);
        if rest == 0 {
            break;
        }
    }
    digits.get(first..)?.iter().try_for_each(|digit| spell(out, *digit))
}

/// Spells bytes in lowercase hexadecimal digits.
pub fn bytes(out: &mut Out<'_>, bytes: &[u8]) -> Option<()> {
    for byte in bytes {
        spell(out, byte >> 4)?;
        spell(out, byte & 15)?;
    }
    Some(())
}

fn spell(out: &mut Out<'_>, digit: u8) -> Option<()> {
    let at = usize::from(digit);
    out(DIGITS.get(at..=at)?)
}

/// A tenth, and what is left: bit by bit, as a small processor divides no 64 bits. Those of the tenth come in where those of the number go out.
fn divided_by_ten(mut number: u64) -> (u64, u8) {
    let mut rest = 0_u8;
    for _ in 0..u64::BITS {
        rest = rest << 1 | u8::from(number >> 63 != 0);
        number <<= 1;
        if let Some(less) = rest.checked_sub(10) {
            rest = less;
            number |= 1;
        }
    }
    (number, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn spelled(spell: impl FnOnce(&mut Out<'_>) -> Option<()>) -> String {
        let mut text = String::new();
        let mut take = |piece: &str| {
            text.push_str(piece);
            Some(())
        };
        spell(&mut take).unwrap();
        text
    }

    #[test]
    fn numbers_are_spelled_as_the_standard_library_does() {
        let mut numbers: std::vec::Vec<u64> = (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).collect();
        numbers.extend((0..20).map(|power| 10_u64.pow(power)));
        numbers.push(u64::MAX);
        for value in numbers {
            assert_eq!(spelled(|out| number(out, value)), std::format!("{value}"));
        }
    }

    #[test]
    fn bytes_are_spelled_in_two_digits_each() {
        assert_eq!(spelled(|out| bytes(out, &[0, 0x0a, 0xff])), "000aff");
    }
}
