//! Words that mean something, such as the keys of a document.

/// A list of words in one piece, each after its length. A slice of texts takes an address and a length beside every one.
#[derive(Copy, Clone, Debug)]
pub struct Words<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Words<BYTES> {
    /// Packs words of at most 255 bytes; `BYTES` is what they take, [`packed_bytes`].
    #[must_use]
    #[allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "for the compiler, which refuses what does not fit"
    )]
    pub const fn new(words: &[&str]) -> Self {
        let mut packed = [0; BYTES];
        let (mut at, mut next) = (0, 0);
        while next < words.len() {
            let word = words[next].as_bytes();
            assert!(word.len() <= 255, "a word is too long");
            packed[at] = word.len() as u8;
            let mut byte = 0;
            while byte < word.len() {
                packed[at + 1 + byte] = word[byte];
                byte += 1;
            }
            (at, next) = (at + 1 + word.len(), next + 1);
        }
        assert!(at == BYTES, "these words take another length");
        Self(packed)
    }

    /// Which of the words a text is, from 0.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<usize> {
        position(&self.0, text)
    }
}

/// The bytes of so many words in one piece.
#[must_use]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "for the compiler, which refuses what does not fit"
)]
pub const fn packed_bytes(words: &[&str]) -> usize {
    let (mut bytes, mut next) = (0, 0);
    while next < words.len() {
        (bytes, next) = (bytes + 1 + words[next].len(), next + 1);
    }
    bytes
}

#[inline(never)]
fn position(packed: &[u8], text: &str) -> Option<usize> {
    let mut rest = packed;
    let mut position = 0_usize;
    while let Some((length, words)) = rest.split_first() {
        let (word, others) = words.split_at_checked(usize::from(*length))?;
        if word == text.as_bytes() {
            return Some(position);
        }
        (rest, position) = (others, position.saturating_add(1));
    }
    None
}

/// An enum of words with their texts, and `of`, which says which word a text is.
///
/// ```
/// tuffet_wire::words! {
///     /// A colour that is known.
///     #[derive(Copy, Clone, Debug, PartialEq, Eq)]
///     enum Colour {
///         "green" => Green,
///         "red" => Red,
///     }
/// }
///
/// assert_eq!(Colour::of("red"), Some(Colour::Red));
/// assert_eq!(Colour::of("re"), None);
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$word_attribute:meta])* $text:literal => $word:ident,)*
            $(; $($(#[$other_attribute:meta])* $other:ident,)*)?
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $name {
            $($(#[$word_attribute])* $word,)*
            $($($(#[$other_attribute])* $other,)*)?
        }

        impl $name {
            /// The word of this text.
            $visibility fn of(text: &str) -> Option<Self> {
                const TEXTS: &[&str] = &[$($text),*];
                static PACKED: $crate::Words<{ $crate::packed_bytes(TEXTS) }> = $crate::Words::new(TEXTS);
                static WORDS: [$name; TEXTS.len()] = [$($name::$word),*];
                PACKED.position(text).and_then(|position| WORDS.get(position).copied())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_only_so() {
        const TEXTS: &[&str] = &["a", "", "abc", "ab"];
        let words = Words::<{ packed_bytes(TEXTS) }>::new(TEXTS);
        for (position, text) in TEXTS.iter().enumerate() {
            assert_eq!(words.position(text), Some(position));
        }
        for text in ["b", "abcd", "A", "\u{1}a", "c"] {
            assert_eq!(words.position(text), None, "{text}");
        }
    }
}
