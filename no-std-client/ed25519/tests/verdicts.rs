//! The verifier here and `ed25519-dalek` say the same of everything.

use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};
use tuffet_ed25519::{BadKey, Verifier, check_key};

/// The order of the base point, bytes from low to high.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Every spelling that decodes to a point of small order: eight points, those with y = 0, 1 or -1 in several ways.
const SMALL_ORDER: [&str; 14] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// Key, message and signature of the examples in RFC 8032 7.1.
const RFC_8032: [(&str, &str, &str); 4] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let pairs = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    [*r, *s].concat().try_into().unwrap()
}

/// Holds both verifiers against each other, and says what they say.
fn verdict(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_bytes(public);
    let strength = match &key {
        Err(_) => Err(BadKey::NotAPoint),
        Ok(key) if key.is_weak() => Err(BadKey::Weak),
        Ok(_) => Ok(()),
    };
    assert_eq!(check_key(public), strength, "key {public:02x?}");
    let theirs = key.is_ok_and(|key| {
        let verifier = key.verify_stream(&Signature::from_bytes(signature));
        verifier.is_ok_and(|mut verifier| {
            verifier.update(message);
            verifier.finalize_and_verify().is_ok()
        })
    });
    let ours = Verifier::new(public, signature).is_some_and(|mut verifier| {
        let (first, rest) = message.split_at(message.len() / 3);
        verifier.update(first);
        verifier.update(rest);
        verifier.is_valid()
    });
    assert_eq!(
        ours, theirs,
        "key {public:02x?} message {message:02x?} signature {signature:02x?}"
    );
    ours
}

#[test]
fn examples_of_the_rfc_are_valid() {
    for (public, message, signature) in RFC_8032 {
        let (public, message, signature) = (array(public), bytes(message), array(signature));
        assert!(verdict(&public, &message, &signature));
        assert!(!verdict(&public, &[&message[..], b"."].concat(), &signature));
    }
}

#[test]
fn small_orders_in_every_spelling_are_weak_and_verify_alike() {
    let mut valid = 0;
    for public in SMALL_ORDER {
        assert_eq!(check_key(&array(public)), Err(BadKey::Weak), "{public}");
        for r in SMALL_ORDER {
            for s in [[0; 32], ORDER] {
                // The hash decides which multiple of the key comes in, so that some messages are needed.
                for message in 0..8u8 {
                    valid += u32::from(verdict(&array(public), &[message], &joined(&array(r), &s)));
                }
            }
        }
    }
    // With s = 0, one R in eight is the right one, and it has one spelling that counts.
    assert!(valid > 50, "{valid}");
}

#[test]
fn r_of_small_order_under_an_honest_key_is_refused() {
    let public = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    for r in SMALL_ORDER {
        assert!(!verdict(&public, b"message", &joined(&array(r), &[0; 32])));
    }
}

/// The 19 values of y that have a second spelling, and those below and above them.
fn around_p() -> impl Iterator<Item = [u8; 32]> {
    (0xd0..=0xff).flat_map(|lowest| {
        [0x7f, 0xff].map(|highest| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (lowest, highest);
            bytes
        })
    })
}

#[test]
fn second_spellings_verify_alike() {
    let honest = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    let mut points = 0;
    for public in around_p() {
        points += u32::from(check_key(&public).is_ok());
        for r in around_p().step_by(3) {
            verdict(&public, b"message", &joined(&r, &[0; 32]));
        }
        assert!(!verdict(&honest, b"message", &joined(&public, &[0; 32])));
    }
    assert!(points > 20, "{points}");
}

#[test]
fn s_past_its_end_is_refused() {
    let key = SigningKey::from_bytes(&[1; 32]);
    let public = key.verifying_key().to_bytes();
    let signature = key.sign(b"message").to_bytes();
    assert!(verdict(&public, b"message", &signature));

    // s + l is as good in the equation.
    let mut larger = signature;
    let mut carry = 0;
    for (place, order) in larger[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*place) + u16::from(order) + carry;
        (*place, carry) = (sum as u8, sum >> 8);
    }
    assert!(!verdict(&public, b"message", &larger));
    assert!(Verifier::new(&public, &larger).is_none());

    let mut below = ORDER;
    below[0] -= 1;
    let r = signature.first_chunk().unwrap();
    assert!(Verifier::new(&public, &joined(r, &below)).is_some());
    for s in [below, ORDER, [0xff; 32]] {
        assert!(!verdict(&public, b"message", &joined(r, &s)));
    }
}

/// A signature by the book, but with a part of small order in the key, in `R`, or in both.
fn sign_mixed(seed: u8, in_key: usize, in_r: usize, message: &[u8]) -> ([u8; 32], [u8; 64]) {
    let number = |label: &[u8]| Scalar::from_bytes_mod_order_wide(&Sha512::digest([&[seed], label].concat()).into());
    let (a, nonce) = (number(b"a"), number(b"r"));
    let public = (EdwardsPoint::mul_base(&a) + EIGHT_TORSION[in_key])
        .compress()
        .to_bytes();
    let r = (EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[in_r])
        .compress()
        .to_bytes();
    let hash = Sha512::new().chain_update(r).chain_update(public).chain_update(message);
    let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * a;
    (public, joined(&r, &s.to_bytes()))
}

/// Whether such a signature is valid follows from the hash, which is taken modulo the order first.
#[test]
fn mixed_orders_verify_alike() {
    let mut verdicts = [0; 2];
    for seed in 0..8 {
        for in_key in 0..8 {
            for in_r in 0..8 {
                let (public, signature) = sign_mixed(seed, in_key, in_r, b"message");
                verdicts[usize::from(verdict(&public, b"message", &signature))] += 1;
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count > 50), "{verdicts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn honest_signatures_are_valid(seed: [u8; 32], message in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = SigningKey::from_bytes(&seed);
        prop_assert!(verdict(key.verifying_key().as_bytes(), &message, &key.sign(&message).to_bytes()));
    }

    #[test]
    fn damaged_signatures_are_refused_alike(seed: [u8; 32], message: [u8; 40], place in 0..(32 + 40 + 64) * 8usize) {
        let key = SigningKey::from_bytes(&seed);
        let (mut public, mut message, mut signature) =
            (key.verifying_key().to_bytes(), message, key.sign(&message).to_bytes());
        let mut whole: Vec<&mut u8> = public.iter_mut().chain(&mut message).chain(&mut signature).collect();
        *whole[place / 8] ^= 1 << (place % 8);
        prop_assert!(!verdict(&public, &message, &signature));
    }

    #[test]
    fn random_bytes_are_refused_alike(public: [u8; 32], message: [u8; 8], r: [u8; 32], mut s: [u8; 32]) {
        s[31] &= 0x1f;
        verdict(&public, &message, &joined(&r, &s));
    }
}
