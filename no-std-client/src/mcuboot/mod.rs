//! A device that keeps MCUboot as its bootloader.
//!
//! - MCUboot decides what runs, by the trailers of its two slots and by its own signature. The boot record stays what is true of
//!   digests, counter, trials and failures: [`start`] reads what MCUboot did, and tells the record.
//! - Images are what `imgtool sign` writes, without `--pad` and without encryption: header and signature are MCUboot's, and to us
//!   bytes like others. The client installs into the secondary slot, whichever of our two slots that is.
//! - Nobody but these functions writes trailers while the application runs. A second agent that confirms images would do so
//!   without a self test of this one.
//! - MCUboot is built for swapping by scratch or move, with erased flash that reads 0xFF. Swapping by offset wants the image one
//!   sector further on, where this does not put it. Overwriting keeps nothing to go
//!   back to, and is no trial.
//!
//! An application calls
//!
//! - [`start`] when it starts, and after an [installation](crate::Outcome::Installed): a trial is marked there. It says whether
//!   to reset, to test itself, or neither.
//! - [`confirm`] or [`fail`] after its self test, and after `fail` it resets.
//!
//! The facts about MCUboot are those of its `docs/design.md` ("Image Trailer", "Image Trailers", "Image Swapping") and of its
//! public header `bootutil_public.h`.
//!
//! # What a cut leaves
//!
//! Each of the two sides is written by itself, so a cut may come between them. In this order it costs at most an attempt:
//!
//! | write, in this order | a cut before it | inside it | after it |
//! | --- | --- | --- | --- |
//! | boot record: trial, by the client | the confirmed image; installed again | one or the other | `start` marks it |
//! | boot record: an attempt | `start` does it again | one or the other | counted, not marked: `start` counts another |
//! | secondary: trailer erased, if it is not blank | the same | a magic that is not good: MCUboot swaps nothing | the same |
//! | secondary: swap type | the same | the same | the same: MCUboot looks at the magic |
//! | secondary: magic, last | the same | a magic that is not good: the trailer is erased and written again | MCUboot swaps at the reset |
//! | MCUboot swaps | not yet | MCUboot's own: it goes on | the image is on trial until the next reset |
//! | primary: `image_ok`, after the self test | MCUboot reverts; another attempt | not set: MCUboot reverts. Anything else: MCUboot keeps it, and `start` confirms | MCUboot keeps it, and `start` confirms |
//! | boot record: confirmed, with the counter | `start` confirms | one or the other | confirmed |
//! | MCUboot cannot go back: the image before is damaged. It sets `image_ok` itself | - | - | `start` finds no image to go back to, and has the self test done |
//! | boot record: failed, after a self test that failed | MCUboot reverts; another attempt | one or the other | MCUboot reverts; the digest is remembered |
//! | secondary: trailer erased, when the last attempt is over | still marked | a magic that is not good | not marked |
//! | boot record: failed, then | `start` does it again | one or the other | the digest is remembered |
//!
//! So MCUboot never swaps in an image that the record does not have on trial, and the counter never rises above what MCUboot keeps.

mod standing;
mod strategy;
mod trailer;

pub use standing::{Attempt, Standing, confirm, fail, start};
pub use strategy::McuBoot;
pub use trailer::{Flag, INFO_BYTES, Magic, MaxAlign, SwapType, Trailer, next_swap};
