//! Names as values of bounded size: roles, targets, versions, and the files that hold them.

use arrayvec::ArrayString;
use core::{fmt, num::NonZeroU64};
use tuffet_wire::spell::{self, Out};

/// Longest name of a delegated role, in bytes.
pub const ROLE_NAME_BYTES_MAX: usize = 64;
/// Longest name of a target, in bytes.
pub const TARGET_NAME_BYTES_MAX: usize = 96;

/// The role that says which versions belong together.
pub(crate) const SNAPSHOT: &str = "snapshot";
/// The role at the top of the delegations.
pub(crate) const TARGETS: &str = "targets";

/// A metadata role.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RoleName {
    /// A role that `targets` or another delegated role trusts for some names.
    Delegated(DelegatedName),
    /// The keys of all top-level roles.
    Root,
    /// Which versions belong together.
    Snapshot,
    /// The top of the delegations.
    Targets,
    /// Which snapshot is the newest.
    Timestamp,
}

impl RoleName {
    /// A role by name; nothing if the name is empty or longer than [`ROLE_NAME_BYTES_MAX`].
    pub fn new(name: &str) -> Option<Self> {
        match name {
            "root" => Some(Self::Root),
            "snapshot" => Some(Self::Snapshot),
            "targets" => Some(Self::Targets),
            "timestamp" => Some(Self::Timestamp),
            _ => DelegatedName::new(name).map(Self::Delegated),
        }
    }

    /// The name of a delegated role.
    pub(crate) fn delegated(&self) -> Option<&DelegatedName> {
        match self {
            Self::Delegated(name) => Some(name),
            Self::Root | Self::Snapshot | Self::Targets | Self::Timestamp => None,
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Delegated(name) => name.as_str(),
            Self::Root => "root",
            Self::Snapshot => SNAPSHOT,
            Self::Targets => TARGETS,
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a delegated role: never one of the four top-level names.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DelegatedName(ArrayString<ROLE_NAME_BYTES_MAX>);

impl DelegatedName {
    /// No name: what stands where one is read into.
    pub(crate) const NOBODY: Self = Self(ArrayString::new_const());

    /// A name of 1 to [`ROLE_NAME_BYTES_MAX`] bytes that no top-level role has.
    pub fn new(name: &str) -> Option<Self> {
        if name.is_empty() || matches!(name, "root" | "snapshot" | "targets" | "timestamp") {
            return None;
        }
        ArrayString::from(name).ok().map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for DelegatedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The name by which a target is looked up.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(ArrayString<TARGET_NAME_BYTES_MAX>);

impl TargetName {
    /// A name of 1 to [`TARGET_NAME_BYTES_MAX`] bytes.
    pub fn new(name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        ArrayString::from(name).ok().map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl AsRef<str> for TargetName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of a metadata file, from 1.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleVersion(NonZeroU64);

impl RoleVersion {
    pub(crate) const FIRST: Self = Self(NonZeroU64::MIN);

    /// A version; zero is none.
    pub const fn new(version: u64) -> Option<Self> {
        match NonZeroU64::new(version) {
            Some(version) => Some(Self(version)),
            None => None,
        }
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Debug for RoleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RoleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name under which a metadata file is served: `2.root.json`, `timestamp.json`, `3.p_files.json`.
///
/// A role's name is percent-encoded as other TUF clients do it, so it can never name another folder.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct FileName {
    /// Which role's file.
    pub role: RoleName,
    /// Which version of it; none for the timestamp.
    pub version: Option<RoleVersion>,
}

impl FileName {
    /// Spells it, for who has no room for formatting.
    #[inline(never)]
    pub fn spell(&self, out: &mut Out<'_>) -> Option<()> {
        if let Some(version) = self.version {
            spell::number(out, version.as_u64())?;
            out(".")?;
        }
        for byte in self.role.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'~') {
                letter(out, byte)?;
            } else {
                letter(out, b'%')?;
                digit(out, byte >> 4)?;
                digit(out, byte & 15)?;
            }
        }
        out(".json")
    }
}

/// One digit of a percent-encoding.
fn digit(out: &mut Out<'_>, half: u8) -> Option<()> {
    let first = if half < 10 { b'0' } else { b'A'.saturating_sub(10) };
    letter(out, half.saturating_add(first))
}

/// One ASCII character.
#[inline(never)]
fn letter(out: &mut Out<'_>, byte: u8) -> Option<()> {
    out(core::str::from_utf8(&[byte]).ok()?)
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spell(&mut |text| f.write_str(text).ok()).ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn file(role: &str, version: Option<u64>) -> std::string::String {
        let version = version.and_then(RoleVersion::new);
        FileName {
            role: RoleName::new(role).unwrap(),
            version,
        }
        .to_string()
    }

    #[test]
    fn file_names_stay_in_their_folder() {
        assert_eq!(file("root", Some(2)), "2.root.json");
        assert_eq!(file("timestamp", None), "timestamp.json");
        assert_eq!(file("p_files", Some(3)), "3.p_files.json");
        assert_eq!(file("../a b", Some(1)), "1...%2Fa%20b.json");
        assert_eq!(file("é", Some(1)), "1.%C3%A9.json");
    }

    #[test]
    fn delegated_names_are_not_top_level_names() {
        for name in ["", "root", "snapshot", "targets", "timestamp"] {
            assert_eq!(DelegatedName::new(name), None);
        }
        assert!(DelegatedName::new(&"x".repeat(ROLE_NAME_BYTES_MAX)).is_some());
        assert_eq!(DelegatedName::new(&"x".repeat(ROLE_NAME_BYTES_MAX + 1)), None);
        assert_eq!(RoleName::new("targets"), Some(RoleName::Targets));
    }
}
