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
        let (major, rest) = split_at(text, b'.')?;
        let (minor, patch) = split_at(rest, b'.')?;
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(patch)?,
        })
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

fn number(text: &str) -> Option<u32> {
    match text.as_bytes() {
        [b'0'] => Some(0),
        // `u32::from_str` also takes a `+`, which cannot be the first letter here.
        [b'1'..=b'9', ..] => text.parse().ok(),
        _ => None,
    }
}
