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
        let mut numbers = text.split('.').map(number);
        let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

fn number(text: &str) -> Option<u32> {
    let canonical = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    // `u32::from_str` also takes a `+`, which `canonical` has excluded.
    if canonical { text.parse().ok() } else { None }
}
