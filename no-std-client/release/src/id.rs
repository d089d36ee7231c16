//! Names that appear in signed files: ids, file names, and the two classes of a release.

use arrayvec::ArrayString;
use core::fmt;

/// Longest id in bytes.
const ID_BYTES_MAX: usize = 24;
/// Longest file name in bytes.
const NAME_BYTES_MAX: usize = 96;
/// Ids that are role names of TUF.
const RESERVED: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];

/// The id of a product, hardware, channel or component: `[a-z0-9-]`, 1 to 24 bytes, and not the name of a TUF role. It has no `_`,
/// which separates ids in file and role names, so no such name can be read in two ways.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Id(ArrayString<ID_BYTES_MAX>);

/// Why a text is not an id.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IdError {
    /// A byte other than `a` to `z`, `0` to `9` and `-`.
    BadByte {
        /// Offset of the byte.
        at: usize,
    },
    /// No byte at all.
    Empty,
    /// The name of a TUF role.
    Reserved,
    /// More than 24 bytes.
    TooLong {
        /// Length in bytes.
        length: usize,
    },
}

impl Id {
    /// Checks a text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if let Some(at) = text.bytes().position(|byte| !good(byte)) {
            return Err(IdError::BadByte { at });
        }
        if RESERVED.contains(&text) {
            return Err(IdError::Reserved);
        }
        ArrayString::from(text)
            .map(Self)
            .map_err(|_| IdError::TooLong { length: text.len() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The component that every product has.
    pub fn firmware() -> Self {
        let mut text = ArrayString::new();
        // Invariant: 8 bytes fit 24.
        let _ = text.try_push_str("firmware");
        Self(text)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadByte { at } => write!(f, "byte {at} is not one of a-z, 0-9 and -"),
            Self::Empty => f.write_str("it is empty"),
            Self::Reserved => f.write_str("it is the name of a TUF role"),
            Self::TooLong { length } => write!(f, "it has {length} bytes, {ID_BYTES_MAX} are allowed"),
        }
    }
}

impl core::error::Error for IdError {}

/// The name of a target file: `[a-z0-9._-]`, up to 96 bytes, not beginning with a dot. It is flat, so it cannot leave a folder.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Name(ArrayString<NAME_BYTES_MAX>);

impl Name {
    /// Checks a text.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
        let flat = !text.is_empty() && !text.starts_with('.') && text.bytes().all(good);
        if flat {
            ArrayString::from(text).ok().map(Self)
        } else {
            None
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a name will stand.
    pub(crate) const fn nothing() -> Self {
        Self(ArrayString::new_const())
    }

    /// A name made of ids and short words. Invariant: as below.
    #[inline(never)]
    pub(crate) fn joined(parts: &[&str]) -> Self {
        let mut name = ArrayString::new();
        for part in parts {
            let _ = name.try_push_str(part);
        }
        Self(name)
    }

    /// A name made of ids. Invariant: callers write ids, versions and short words, together at most 95 bytes, so nothing is cut.
    pub(crate) fn of(parts: fmt::Arguments<'_>) -> Self {
        let mut name = ArrayString::new();
        let _ = fmt::write(&mut name, parts);
        Self(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a release is for.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// New or better functions.
    Feature,
    /// Closes a hole: has an advisory, and no rollout can hold it back for long.
    Security,
}

impl Class {
    /// Reads `feature` or `security`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "feature" => Some(Self::Feature),
            "security" => Some(Self::Security),
            _ => None,
        }
    }

    /// The word in signed files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Security => "security",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
