//! Signatures are checked while a file comes in, in pieces. The verdict is the one over the whole message.

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _};
use sha2::{Digest as _, Sha256};
use tuffet_integration::attacks::Verdict;
use tuffet_integration::device::{Core, Driven, Follower};
use tuffet_integration::simulator::keys::{Signer, WEAK_PUBLIC, hex};
use tuffet_integration::simulator::release::POINTER;
use tuffet_integration::simulator::{Simulator, timestamp_key, writing};
use tuffet_no_std_client::tuf::{Every, Lenient, Strict};

const NOW: u64 = 1_800_000_000;

/// The order of the group, little-endian: `s` and `s` plus this mean the same, and only one of them is a signature.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The timestamp's key, as the simulator makes it of its label.
fn signing_key() -> SigningKey {
    let key = SigningKey::from_bytes(&Sha256::digest("timestamp").into());
    let public = hex(key.verifying_key().as_bytes());
    assert_eq!(timestamp_key().object()["keyval"]["public"], public);
    key
}

/// A repository whose newest timestamp has this signature.
fn signed_so(signature: &[u8; 64]) -> Simulator {
    let mut repository = Simulator::healthy(NOW);
    repository.stage("2.0.0");
    repository.timestamp.signers = vec![Signer::fixed(&timestamp_key().id(), &hex(signature))];
    repository.publish();
    repository
}

/// The bytes that the newest timestamp signs.
fn message() -> Vec<u8> {
    writing::canonical(&signed_so(&[0; 64]).timestamp.signed)
}

fn accepts<R: Driven>(repository: &Simulator) -> bool {
    let mut device = Core::<R>::trusting(&Simulator::healthy(NOW));
    device.serve(repository);
    let verdict = device.follow(&[POINTER]);
    let refused = Verdict::Refused("TooFewSignatures".to_owned());
    assert!([Verdict::Found, refused].contains(&verdict), "{verdict:?}");
    verdict == Verdict::Found
}

fn plus_order(signature: &[u8; 64]) -> [u8; 64] {
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (total.to_le_bytes()[0], total >> 8);
    }
    sum
}

/// Signatures of all kinds, one of them honest.
fn signatures(message: &[u8]) -> Vec<[u8; 64]> {
    let key = signing_key();
    let honest = key.sign(message).to_bytes();
    let mut neutral = honest;
    neutral[..32].fill(0);
    neutral[0] = 1;
    assert_eq!(hex(&neutral[..32]), WEAK_PUBLIC);
    let mut without_s = honest;
    without_s[32..].fill(0);
    let mut signatures = vec![
        honest,
        plus_order(&honest),
        neutral,
        without_s,
        [0; 64],
        [0xff; 64],
        key.sign(&message[1..]).to_bytes(),
        key.sign(&message[..message.len() - 1]).to_bytes(),
        key.sign(b"").to_bytes(),
        SigningKey::from_bytes(&[7; 32]).sign(message).to_bytes(),
    ];
    for place in 0..64 {
        let mut flipped = honest;
        flipped[place] ^= 1 << (place % 8);
        signatures.push(flipped);
    }
    signatures
}

#[test]
fn streamed_and_whole_message_verification_agree() {
    let (message, key) = (message(), signing_key().verifying_key());
    let mut valid = 0;
    for signature in signatures(&message) {
        let is_valid = key.verify(&message, &Signature::from_bytes(&signature)).is_ok();
        let repository = signed_so(&signature);
        let verdicts = [
            accepts::<Strict>(&repository),
            accepts::<Strict<Every>>(&repository),
            accepts::<Lenient>(&repository),
        ];
        assert_eq!(verdicts, [is_valid; 3], "{}", hex(&signature));
        valid += usize::from(is_valid);
    }
    assert_eq!(valid, 1, "one signature is honest");
}
