//! What a key is for.

use std::{fmt, str::FromStr};

/// Longest product id in bytes.
const ID_BYTES_MAX: usize = 24;
/// What the role of a product's rollout ends with. An id cannot hold a `_`, so no product can take this name.
const ROLLOUT_SUFFIX: &str = "_rollout";

/// What a key is for. It names the key's files and is kept inside the key file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRole {
    /// Signs the releases of the product with this id.
    Product(String),
    /// Signs how the releases of the product with this id spread.
    Rollout(String),
    /// Signs who signs what. Offline.
    Root,
    /// Signs which versions belong together. Online.
    Snapshot,
    /// Delegates to the products. Offline.
    Targets,
    /// Signs which snapshot is the newest. Online.
    Timestamp,
}

impl FromStr for KeyRole {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        match text {
            "root" => return Ok(Self::Root),
            "snapshot" => return Ok(Self::Snapshot),
            "targets" => return Ok(Self::Targets),
            "timestamp" => return Ok(Self::Timestamp),
            _ => {}
        }
        let (id, role): (&str, fn(String) -> Self) = match text.strip_suffix(ROLLOUT_SUFFIX) {
            Some(id) => (id, Self::Rollout),
            None => (text, Self::Product),
        };
        // A product may not be called like a top-level role; `root_rollout` would be such a product.
        let reserved = matches!(id, "root" | "snapshot" | "targets" | "timestamp");
        let spelled = id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if reserved || !spelled || id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(BadRole);
        }
        Ok(role(id.to_owned()))
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(id) => f.write_str(id),
            Self::Rollout(id) => write!(f, "{id}{ROLLOUT_SUFFIX}"),
            Self::Root => f.write_str("root"),
            Self::Snapshot => f.write_str("snapshot"),
            Self::Targets => f.write_str("targets"),
            Self::Timestamp => f.write_str("timestamp"),
        }
    }
}

/// The text names no role.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a role: use root, targets, snapshot, timestamp, a product id, or PRODUCT_rollout; an id is 1 to {ID_BYTES_MAX} of a-z, 0-9 and -"
)]
pub struct BadRole;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_role_are_inverses() {
        for text in [
            "root",
            "targets",
            "snapshot",
            "timestamp",
            "kettle-2",
            "kettle-2_rollout",
            "abcdefghijklmnopqrstuvwx",
        ] {
            assert_eq!(text.parse::<KeyRole>().unwrap().to_string(), text);
        }
        assert_eq!("p_rollout".parse(), Ok(KeyRole::Rollout("p".to_owned())));
    }

    #[test]
    fn names_that_could_be_confused_or_leave_the_folder_are_refused() {
        for text in [
            "",
            "_rollout",
            "root_rollout",
            "timestamp_rollout",
            "Kettle",
            "a_b",
            "p_rollout_rollout",
            "../root",
            "a/b",
            "a.b",
            "p_files",
            "abcdefghijklmnopqrstuvwxy",
        ] {
            assert_eq!(text.parse::<KeyRole>(), Err(BadRole), "{text}");
        }
    }
}
