//! Releases: built from images, proposed, promoted from channel to channel, listed.

mod build;
pub(crate) mod image;
mod list;
mod promote;

pub use build::{ReleasePlan, SECURITY_VERSION_JUMP_MAX, build};
pub use image::packed_bytes;
pub use list::{Listed, list};
pub use promote::{Promotion, propose_promotion};
