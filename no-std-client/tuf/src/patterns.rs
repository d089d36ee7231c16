//! Which target names a delegation covers.

use tuffet_wire::{Digest, hex};

/// §4.5: whether a glob pattern covers a name: `*` is any characters, `?` is one, and neither crosses a `/`.
///
/// Other clients split pattern and name at `/` and match piece by piece; this gives the same answer in one walk.
/// On a mismatch only the last `*` takes one character more, so the time is at most pattern times name.
#[inline(never)]
pub(crate) fn glob_matches(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut name = name.chars();
    // What follows the last `*`, and the rest of the name when that `*` took one character fewer.
    let mut retry: Option<(core::str::Chars<'_>, core::str::Chars<'_>)> = None;
    loop {
        let mut after_pattern = pattern.clone();
        let mut after_name = name.clone();
        let matched = match (after_pattern.next(), after_name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((after_pattern.clone(), name.clone()));
                pattern = after_pattern;
                continue;
            }
            (Some('?'), Some(character)) => character != '/',
            (Some(expected), Some(character)) => expected == character,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if matched {
            (pattern, name) = (after_pattern, after_name);
            continue;
        }
        let Some((after_star, skipped)) = &mut retry else {
            return false;
        };
        if skipped.next().is_none_or(|character| character == '/') {
            return false;
        }
        (pattern, name) = (after_star.clone(), skipped.clone());
    }
}

/// §4.5: whether the digest of a name begins with a prefix in lowercase hexadecimal digits.
#[inline(never)]
pub(crate) fn hash_matches(prefix: &str, name: &Digest) -> bool {
    let mut prefix = prefix.bytes();
    for byte in name {
        for nibble in [byte >> 4, byte & 15] {
            match prefix.next() {
                None => return true,
                Some(digit) if hex::nibble(digit) == Some(nibble) => {}
                Some(_) => return false,
            }
        }
    }
    prefix.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stay_in_their_folder() {
        for (pattern, name, expected) in [
            ("p_*.release", "p_h_c.release", true),
            ("p_*.release", "p_.release", true),
            ("p_*.release", "q_h_c.release", false),
            ("p_*.release", "p_h_c.rollout", false),
            ("p_*.release", "p_a/b.release", false),
            ("*", "a", true),
            ("*", "", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a/*", "a/", true),
            ("**", "a/b", false),
            ("?", "a", true),
            ("?", "/", false),
            ("?", "", false),
            ("?", "é", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*a*", "bab", true),
            ("", "", true),
            ("", "a", false),
            ("[ab]", "a", false),
            ("[ab]", "[ab]", true),
        ] {
            assert_eq!(glob_matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    /// The rule as other clients write it down: piece by piece, and by recursion.
    fn by_pieces(pattern: &str, name: &str) -> bool {
        fn piece(pattern: &[u8], name: &[u8]) -> bool {
            match (pattern, name) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| piece(rest, &name[skipped..])),
                ([b'?', rest @ ..], [_, after @ ..]) => piece(rest, after),
                ([expected, rest @ ..], [found, after @ ..]) => expected == found && piece(rest, after),
                _ => false,
            }
        }
        let (patterns, names) = (pattern.split('/'), name.split('/'));
        patterns.clone().count() == names.clone().count()
            && patterns
                .zip(names)
                .all(|(pattern, name)| piece(pattern.as_bytes(), name.as_bytes()))
    }

    proptest! {
        #[test]
        fn one_walk_agrees_with_piece_by_piece(pattern in "[ab*?/]{0,8}", name in "[ab/]{0,8}") {
            prop_assert_eq!(glob_matches(&pattern, &name), by_pieces(&pattern, &name));
        }
    }

    #[test]
    fn hash_prefixes_are_lowercase_digits() {
        let digest = hex::decode(&"0a1b2c3d".repeat(8)).unwrap();
        assert!(hash_matches("", &digest));
        assert!(hash_matches("0a1", &digest));
        assert!(!hash_matches("0A1", &digest));
        assert!(!hash_matches("0a2", &digest));
        assert!(!hash_matches(&"0a1b2c3d".repeat(9), &digest));
    }
}
