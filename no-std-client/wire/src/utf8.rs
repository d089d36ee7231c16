//! UTF-8, checked byte by byte: a character may be cut in two by the end of a chunk.

/// Where in a character the text stands. It fits one word, which is moved as such.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(align(4))]
pub(crate) struct Utf8 {
    /// Continuation bytes that must still come.
    pending: u8,
    /// Smallest and largest byte allowed next, which rules out overlong forms, surrogates and values above U+10FFFF.
    next: (u8, u8),
}

impl Utf8 {
    pub const START: Self = Self {
        pending: 0,
        next: (0x80, 0xbf),
    };

    /// Whether the text may end here.
    pub fn is_between_characters(self) -> bool {
        self.pending == 0
    }

    /// The state after `byte`, or nothing if no character continues so.
    pub fn push(self, byte: u8) -> Option<Self> {
        let continuation = (0x80, 0xbf);
        if let Some(pending) = self.pending.checked_sub(1) {
            let (low, high) = self.next;
            return (low..=high).contains(&byte).then_some(Self {
                pending,
                next: continuation,
            });
        }
        let (pending, next) = match byte {
            0x00..=0x7f => (0, continuation),
            0xc2..=0xdf => (1, continuation),
            0xe0 => (2, (0xa0, 0xbf)),
            0xed => (2, (0x80, 0x9f)),
            0xe1..=0xef => (2, continuation),
            0xf0 => (3, (0x90, 0xbf)),
            0xf1..=0xf3 => (3, continuation),
            0xf4 => (3, (0x80, 0x8f)),
            0x80..=0xc1 | 0xf5..=0xff => return None,
        };
        Some(Self { pending, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(bytes: &[u8]) -> bool {
        let mut state = Utf8::START;
        for byte in bytes {
            match state.push(*byte) {
                Some(next) => state = next,
                None => return false,
            }
        }
        state.is_between_characters()
    }

    #[test]
    fn agrees_with_the_standard_library() {
        // Every pair of lead and second byte, completed by plain continuation bytes of every count.
        for lead in 0..=0xffu8 {
            for second in 0..=0xffu8 {
                for length in 1..=4 {
                    let bytes = [lead, second, 0x80, 0xbf];
                    let bytes = &bytes[..length];
                    assert_eq!(is_valid(bytes), core::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
                }
            }
        }
    }
}
