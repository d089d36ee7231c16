//! Patches: the words of `tuffet-patch`, for this crate and for tools that measure.
//!
//! [`build`](crate::release::build) makes those of a release and lists them; the rules of publishing decode each again.

pub use tuffet_patch::{
    Applied, ApplyError, Architecture, BLOCK_BYTES_MAX, Chain, Codec, Effort, EncodeError, Encoded, FilesError,
    IMAGE_BYTES_MAX, Info, Layout, MIXING_BYTES_MAX, Options, Packed, Pinned, Profile, Refusal, Step, apply,
    apply_files, encode, encode_watched, encode_with, info, packed, unauthenticated,
};
pub use tuffet_wire::{Digest, hex};

/// Reads the word for an architecture, that in `tuffet.toml` and in the options of commands. The error says which words there are.
pub fn architecture(text: &str) -> Result<Architecture, &'static str> {
    let known = Architecture::ALL.into_iter().find(|known| known.to_string() == text);
    known.ok_or("an architecture is aarch64, riscv, thumb, x86_64, xtensa, xtensa-be or unknown")
}

/// How a release document calls a profile.
pub(crate) fn in_documents(profile: Profile) -> tuffet_release::Profile {
    match profile {
        Profile::Large => tuffet_release::Profile::Large,
        Profile::Small => tuffet_release::Profile::Small,
        Profile::Standard => tuffet_release::Profile::Standard,
    }
}
