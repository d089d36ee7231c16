//! The version of a release.

use core::fmt;

/// Three numbers, `1.2.3`, in the order of meaning. No suffixes: what is not comparable is not a version.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// Lower than every other version: what a device in the factory has.
    pub const ZERO: Self = Self {
        major: 0,
        minor: 0,
        patch: 0,
    };

    /// Reads exactly three decimal numbers without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0_u32; 3];
        let mut places = numbers.iter_mut();
        let mut number = places.next()?;
        let mut has_digit = false;
        for byte in text.bytes() {
            if byte == b'.' && has_digit {
                number = places.next()?;
                has_digit = false;
                continue;
            }
            let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            if has_digit && *number == 0 {
                // A leading zero.
                return None;
            }
            *number = number.checked_mul(10)?.checked_add(digit.into())?;
            has_digit = true;
        }
        if !has_digit || places.next().is_some() {
            return None;
        }
        let [major, minor, patch] = numbers;
        Some(Self { major, minor, patch })
    }
}

/// What stands in front of the first such letter and behind it. The search of the standard library takes a small device half a
/// kilobyte.
pub(crate) fn split_at(text: &str, letter: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == letter)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
