//! The hash of devices, which is another program than that of the host: its rounds are not unrolled.

use sha2::{Digest as _, Sha256};

/// As the tests of the cores are listed.
pub const TESTS: &[super::Test] = &[
    ("sha2", "sha256", "examples_of_the_standard", examples_of_the_standard),
    ("sha2", "sha256", "any_pieces_give_the_same", any_pieces_give_the_same),
];

/// A message, and its digest as words.
const EXAMPLES: [(&[u8], [u32; 8]); 3] = [
    (
        b"",
        [
            0xe3b0c442, 0x98fc1c14, 0x9afbf4c8, 0x996fb924, 0x27ae41e4, 0x649b934c, 0xa495991b, 0x7852b855,
        ],
    ),
    (
        b"abc",
        [
            0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad,
        ],
    ),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        [
            0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1,
        ],
    ),
];

/// A million times the letter a.
const MILLION: [u32; 8] = [
    0xcdc76e5c, 0x9914fb92, 0x81a1c7e2, 0x84d73e67, 0xf1809a48, 0xa497200e, 0x046d39cc, 0xc7112cd0,
];

fn words(digest: &[u8; 32]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn examples_of_the_standard() {
    for (message, digest) in EXAMPLES {
        assert_eq!(words(&Sha256::digest(message).into()), digest, "{message:02x?}");
    }
    let mut hash = Sha256::new();
    for _ in 0..1_000 {
        hash.update([b'a'; 1_000]);
    }
    assert_eq!(words(&hash.finalize().into()), MILLION);
}

fn any_pieces_give_the_same() {
    let mut message = [0; 300];
    for (byte, number) in message.iter_mut().zip(0..u16::MAX) {
        *byte = (number * 7 % 251) as u8;
    }
    for length in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 300] {
        let whole = Sha256::digest(&message[..length]);
        for piece in [1, 3, 4, 63, 64, 65] {
            let mut hash = Sha256::new();
            message[..length].chunks(piece).for_each(|piece| hash.update(piece));
            assert_eq!(hash.finalize(), whole, "{length} bytes by {piece}");
        }
    }
}
