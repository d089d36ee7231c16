//! The decoders behind one name, for drivers that are written once.

use crate::{
    Authenticated, BadCheckpoint, BlockRange, BulkState, Chain, Error, Image, LargeState, PIECE_BYTES, Pinned, Profile,
    Progress, Refusal, SmallState, SmallThumbState, SnapshotError, StandardState,
};
use core::convert::Infallible;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};

/// What is done with any decoder once there is one. Every method is the one of [`State`](crate::State) with the same name.
pub trait Drive {
    /// Starts a patch.
    fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal>;

    /// The block that must come next.
    fn next_block(&self) -> Option<BlockRange>;

    /// The place in the chain.
    fn chain(&self) -> Option<&Chain>;

    /// Bytes of the result that are known.
    fn position(&self) -> u32;

    /// Hashes a block.
    fn authenticate<'b>(&mut self, block: &'b [u8]) -> Result<Authenticated<'b>, Error<Infallible, Infallible>>;

    /// Decodes until something is needed.
    fn run<O: ReadNorFlash, N: NorFlash>(
        &mut self,
        block: &Authenticated<'_>,
        old: &mut O,
        new: &mut N,
    ) -> Result<Progress, Error<O::Error, N::Error>>;
}

/// A decoder of one profile with the mixing codec, and the buffer for one block of its default size. Every method is the one of
/// [`State`](crate::State) with the same name.
///
/// There is one for each profile and no other: the trait cannot be implemented outside this crate.
pub trait Decoder: Drive + sealed::Sealed {
    /// The profile whose patches it decodes.
    const PROFILE: Profile;
    /// Bytes of a checkpoint record.
    const SNAPSHOT_BYTES: usize;
    /// Room for one block of [`Profile::block_bytes`].
    type Block: AsRef<[u8]> + AsMut<[u8]>;

    /// A decoder that has nothing to do yet.
    fn new() -> Self;

    /// An empty buffer for blocks.
    fn block() -> Self::Block;

    /// Takes up a checkpoint record.
    fn resume<E>(
        &mut self,
        read: impl FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>,
        pinned: Pinned,
        source: Image,
        result: Image,
    ) -> Result<(), BadCheckpoint<E>>;

    /// Writes a checkpoint record.
    fn snapshot<E>(&mut self, write: impl FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>) -> Result<(), SnapshotError<E>>;
}

mod sealed {
    pub trait Sealed {}
}

/// The drive of a type by its own methods of the same names.
macro_rules! driven {
    ($($state:ty),*) => {$(
        impl Drive for $state {
            fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
                <$state>::begin(self, pinned, source, result)
            }

            fn next_block(&self) -> Option<BlockRange> {
                <$state>::next_block(self)
            }

            fn chain(&self) -> Option<&Chain> {
                <$state>::chain(self)
            }

            fn position(&self) -> u32 {
                <$state>::position(self)
            }

            fn authenticate<'b>(&mut self, block: &'b [u8]) -> Result<Authenticated<'b>, Error<Infallible, Infallible>> {
                <$state>::authenticate(self, block)
            }

            fn run<O: ReadNorFlash, N: NorFlash>(
                &mut self,
                block: &Authenticated<'_>,
                old: &mut O,
                new: &mut N,
            ) -> Result<Progress, Error<O::Error, N::Error>> {
                <$state>::run(self, block, old, new)
            }
        }
    )*};
}

driven!(SmallState, SmallThumbState, StandardState, LargeState, BulkState<'_>);

macro_rules! decoders {
    ($($state:ident: $block_bytes:literal;)*) => {$(
        const _: () = assert!($state::PROFILE.block_bytes() == $block_bytes);

        impl sealed::Sealed for $state {}

        impl Decoder for $state {
            const PROFILE: Profile = $state::PROFILE;
            const SNAPSHOT_BYTES: usize = $state::SNAPSHOT_BYTES;
            type Block = [u8; $block_bytes];

            fn new() -> Self {
                $state::new()
            }

            fn block() -> Self::Block {
                [0; $block_bytes]
            }

            fn resume<E>(
                &mut self,
                read: impl FnMut(&mut [u8; PIECE_BYTES]) -> Result<(), E>,
                pinned: Pinned,
                source: Image,
                result: Image,
            ) -> Result<(), BadCheckpoint<E>> {
                $state::resume(self, read, pinned, source, result)
            }

            fn snapshot<E>(
                &mut self,
                write: impl FnMut(&[u8; PIECE_BYTES]) -> Result<(), E>,
            ) -> Result<(), SnapshotError<E>> {
                $state::snapshot(self, write)
            }
        }
    )*};
}

decoders! {
    SmallState: 1_024;
    SmallThumbState: 1_024;
    StandardState: 4_096;
    LargeState: 65_536;
}
