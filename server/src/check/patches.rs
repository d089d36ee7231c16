//! A patch is what the release document says of it, so that its chain and its TUF digest are about the same bytes.

use tuffet_patch::{Chain, Header, Image};
use tuffet_release::{ImageEntry, PatchEntry};

use crate::{
    delta::{ApplyError, Pinned, Refusal, apply, in_documents},
    storage::Facts,
};

/// What is wrong with a patch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchFault {
    /// It has another block size than the document says.
    #[error("it has blocks of {patch} bytes, not of {document}")]
    BlockBytes {
        /// Bytes in its header.
        patch: u32,
        /// Bytes in the document.
        document: u32,
    },
    /// Its blocks are not those that the head in the document leads to.
    #[error("its blocks are not those that the head leads to ({refusal:?})")]
    Chain {
        /// What the chain says.
        refusal: Refusal,
    },
    /// The decoder does not make an image of it.
    #[error("the decoder of the devices makes no image of it ({error:?})")]
    Decoder {
        /// What the decoder says.
        error: ApplyError,
    },
    /// Length or digest are not those of the document.
    #[error("its bytes are not those with that length and digest")]
    File,
    /// It does not begin as a patch does.
    #[error("it does not begin as a patch does ({refusal:?})")]
    Header {
        /// What the parser says.
        refusal: Refusal,
    },
    /// The image that it starts from is none of the product's.
    #[error("the image that it starts from is in no listed release, so nobody can try it")]
    NoSource,
    /// It is for another decoder.
    #[error("it is for another profile")]
    Profile,
    /// It makes another image.
    #[error("it makes another image")]
    Result,
    /// It starts from another image.
    #[error("it starts from another image")]
    Source,
}

/// A patch file that is the one of the document, all of its blocks authenticated.
pub(crate) struct Authentic {
    bytes: Vec<u8>,
    pinned: Pinned,
}

/// Follows the chain from the head in the document, and compares what the patch says about itself.
pub(crate) fn authenticate(bytes: Vec<u8>, patch: &PatchEntry, image: &ImageEntry) -> Result<Authentic, PatchFault> {
    let facts = Facts {
        length: u64::from(patch.file.length),
        digest: patch.file.digest,
    };
    if Facts::of(&bytes) != facts {
        return Err(PatchFault::File);
    }
    let pinned = Pinned {
        head: patch.head,
        block_bytes: patch.block_bytes,
        length: patch.file.length,
    };
    let first = walk(&bytes, pinned).map_err(|refusal| PatchFault::Chain { refusal })?;
    let (header, _) = Header::parse(first).map_err(|refusal| PatchFault::Header { refusal })?;
    if header.block_bytes != patch.block_bytes {
        return Err(PatchFault::BlockBytes {
            patch: header.block_bytes,
            document: patch.block_bytes,
        });
    }
    if in_documents(header.profile) != patch.profile {
        return Err(PatchFault::Profile);
    }
    // An image that is nothing has no digest: the parser of patches sees to that.
    if header.source.digest != patch.source.unwrap_or(Image::NOTHING.digest) {
        return Err(PatchFault::Source);
    }
    let result = Image {
        length: image.length,
        digest: image.digest,
    };
    if header.result != result {
        return Err(PatchFault::Result);
    }
    Ok(Authentic { bytes, pinned })
}

impl Authentic {
    /// Makes the image with the decoder of the devices, from nothing or from the image that the patch starts from.
    pub fn decode(&self, source: Option<&[u8]>) -> Result<(), PatchFault> {
        // It compares what comes out with the header, which names the image of the document.
        let decoded = apply(source, &self.bytes, self.pinned);
        decoded.map(drop).map_err(|error| PatchFault::Decoder { error })
    }
}

/// Authenticates every block, and that the last one is there. Returns what the first one carries.
fn walk(bytes: &[u8], pinned: Pinned) -> Result<&[u8], Refusal> {
    let mut chain = Chain::new(pinned)?;
    let mut first = None;
    let mut rest = bytes;
    while let Some(range) = chain.next_block() {
        let length = usize::try_from(range.length).unwrap_or(usize::MAX);
        let (block, behind) = rest.split_at(length.min(rest.len()));
        let payload = chain.authenticate(block)?.payload();
        first.get_or_insert(payload);
        rest = behind;
    }
    chain.finish()?;
    match first {
        Some(first) if rest.is_empty() => Ok(first),
        Some(_) | None => Err(Refusal::ExtraBlock),
    }
}
