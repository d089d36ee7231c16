//! Verifies ed25519 signatures where flash and RAM are small.
//!
//! One signature on a Cortex-M0 (rustc 1.95, `opt-level = "s"`, fat LTO, rounds of SHA-2 not unrolled), SHA-512 and what stands on the
//! stack for the caller included:
//!
//! | | flash, bytes | stack, bytes | instructions, million |
//! | --- | ---: | ---: | ---: |
//! | this | 7,744 | 3,188 | 9.5 |
//! | `ed25519-dalek` 3.0 | 20,308 | 8,508 | 13.0 |
//! | the same with its tables | 28,772 | 7,324 | 11.9 |
//! | `ed25519-compact` 2.6, `opt_size` | 19,568 | 5,780 | 13.6 |
//! | `salty` 0.3 | 12,236 | 9,268 | 190.9 |
//!
//! - **Only for small parts.** Elsewhere `ed25519-dalek` verifies, and the tests hold both to the same verdict: on the
//!   examples of RFC 8032, on keys and `R` of small or mixed order and in every spelling, on `s` past its end, and on
//!   thousands of random and damaged signatures.
//! - **It verifies and nothing else.** Everything that it sees is public, so that it takes its time as it likes: it branches
//!   on values, and must never be made to sign.
//! - **Plain verification**: `R` is compared byte by byte with the encoding of `[s]B - [k]A`, without a cofactor; `s` has to
//!   be below the order of `B`. A key may be spelled in any way that decodes; the bytes are hashed as they came.
//! - **A weak key accepts signatures that anybody can make.** [`check_key`] refuses it, once, where a key is read.
//!   [`Verifier`] does not look for it again.
//! - A signature stands before what it signs, and the message comes in pieces, so that nothing has to be in memory as a whole.
//!
//! `field` is numbers modulo 2^255 - 19, `point` is the curve over them, `scalar` is numbers modulo the order of `B`.
//!
//! ```
//! use ed25519_dalek::{Signer, SigningKey};
//! use tuffet_ed25519::{Verifier, check_key};
//!
//! let secret = SigningKey::from_bytes(&[7; 32]);
//! let signature = secret.sign(b"in two pieces").to_bytes();
//!
//! let public = secret.verifying_key().to_bytes();
//! check_key(&public)?;
//! let mut verifier = Verifier::new(&public, &signature).ok_or("s is too large")?;
//! verifier.update(b"in two ");
//! verifier.update(b"pieces");
//! assert!(verifier.is_valid());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
extern crate std;

mod field;
mod point;
mod scalar;
mod verifier;

pub use verifier::{BadKey, Verifier, check_key};
