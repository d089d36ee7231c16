//! The way into a decoder: blocks of the chain, one after the other, and the header in the first of them.

use crate::{
    Authenticated, BlockRange, Chain, Codec, Digest, Error, Header, Image, Layout, Misuse, Pinned, Profile, Progress,
    Refusal, range_decoder::Input,
};
use core::convert::Infallible;

/// What a decoder takes in, and how far it came.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    phase: Phase,
    chain: Option<Chain>,
    container: Container,
    hand: Hand,
    /// Hash of the block at hand, or of the next one.
    digest: Digest,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// Stands at a reported checkpoint.
    AtCheckpoint,
    /// Ended, well or badly, or never began.
    Ended,
    Running,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Container {
    /// The first block was not read yet. This is what its header must say.
    Awaited {
        source: Image,
        result: Image,
    },
    Read(Header<()>),
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Hand {
    /// The next block is needed; its first bytes were taken before a checkpoint.
    Empty { taken: u32 },
    /// A block is at hand, and this much of it was taken.
    Holds { index: u32, taken: u32 },
}

/// Where a decoder stands that is saved.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    pub(crate) pinned: Pinned,
    pub(crate) header: Header<()>,
    /// Hash and index of the block at hand, and how much of it was taken.
    pub(crate) digest: Digest,
    pub(crate) index: u32,
    pub(crate) taken: u32,
}

impl Intake {
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::Ended,
            chain: None,
            container: Container::Awaited {
                source: Image::NOTHING,
                result: Image::NOTHING,
            },
            hand: Hand::Empty { taken: 0 },
            digest: [0; 32],
        }
    }

    pub(crate) fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
        self.end();
        self.chain = Some(Chain::new(pinned)?);
        self.container = Container::Awaited { source, result };
        self.hand = Hand::Empty { taken: 0 };
        self.digest = pinned.head;
        self.phase = Phase::Running;
        Ok(())
    }

    /// Nothing is decoded before another beginning.
    pub(crate) const fn end(&mut self) {
        self.phase = Phase::Ended;
    }

    pub(crate) fn next_block(&self) -> Option<BlockRange> {
        self.chain.as_ref().and_then(Chain::next_block)
    }

    pub(crate) const fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    pub(crate) const fn header(&self) -> Option<&Header<()>> {
        match &self.container {
            Container::Awaited { .. } => None,
            Container::Read(header) => Some(header),
        }
    }

    /// Hashes a block.
    pub(crate) fn authenticate<'b>(
        &mut self,
        block: &'b [u8],
    ) -> Result<Authenticated<'b>, Error<Infallible, Infallible>> {
        let chain = self.chain.as_mut().ok_or(Misuse::NotRunning)?;
        if self.phase == Phase::Ended {
            return Err(Misuse::NotRunning.into());
        }
        match self.hand {
            Hand::Holds { index, .. } => Err(Error::Misuse(Misuse::BlockNotAtHand {
                expected: Some(index),
                offered: chain.index(),
            })),
            Hand::Empty { taken } => {
                let digest = *chain.next_digest();
                let authenticated = chain.authenticate(block)?;
                self.digest = digest;
                let index = authenticated.index();
                self.hand = Hand::Holds { index, taken };
                Ok(authenticated)
            }
        }
    }

    /// What was not taken of a block, if it is the one at hand. Until [`keep`](Self::keep) the decoder is at its end.
    pub(crate) fn offer<'b>(&mut self, block: &'b Authenticated<'_>) -> Result<Input<'b>, Misuse> {
        let chain = self.chain.as_ref().ok_or(Misuse::NotRunning)?;
        if self.phase == Phase::Ended {
            return Err(Misuse::NotRunning);
        }
        let offered = block.index();
        let (expected, taken) = match self.hand {
            Hand::Empty { .. } => (None, 0),
            Hand::Holds { index, taken } => (Some(index), taken),
        };
        if expected != Some(offered) || chain.pinned().head != *block.head() {
            return Err(Misuse::BlockNotAtHand { expected, offered });
        }
        let last = chain.next_block().is_none();
        self.end();
        let skip = usize::try_from(taken).unwrap_or(usize::MAX);
        Ok(Input {
            // Invariant: `taken` is at most the length of this payload; a checkpoint's was compared with the chain.
            block: block.payload().get(skip..).unwrap_or_default(),
            last,
        })
    }

    /// The decoder goes on as `progress` says; what is left of the block at hand is offered again.
    pub(crate) fn keep(&mut self, block: &Authenticated<'_>, input: &Input<'_>, progress: Progress) {
        let taken = block.payload().len().saturating_sub(input.block.len());
        self.hand = Hand::Holds {
            index: block.index(),
            // Invariant: no block is longer than 32 bits tell.
            taken: u32::try_from(taken).unwrap_or(u32::MAX),
        };
        self.phase = match progress {
            Progress::Checkpoint { .. } => Phase::AtCheckpoint,
            Progress::Done => Phase::Ended,
            Progress::NeedsErase { .. } => Phase::Running,
            Progress::NeedsBlock => {
                self.hand = Hand::Empty { taken: 0 };
                Phase::Running
            }
        };
    }

    /// The header, and whether it was just read, with the layout: that is so in the first block.
    pub(crate) fn read_header(
        &mut self,
        input: &mut Input<'_>,
        profile: Profile,
        codec: Codec,
        layout: &mut Layout,
    ) -> Result<(Header<()>, bool), Refusal> {
        let (source, result) = match self.container {
            Container::Read(header) => return Ok((header, false)),
            Container::Awaited { source, result } => (source, result),
        };
        let (header, rest) = Header::parts(input.block, layout)?;
        let pinned = self.chain.as_ref().map_or(0, |chain| chain.pinned().block_bytes);
        if header.block_bytes != pinned {
            return Err(Refusal::BlockSizeMismatch {
                pinned,
                header: header.block_bytes,
            });
        }
        if header.profile != profile {
            return Err(Refusal::WrongProfile {
                decoder: profile,
                patch: header.profile,
            });
        }
        if header.codec != codec {
            let codec = header.codec.code();
            return Err(Refusal::UnknownCodec { codec });
        }
        if header.source != source {
            return Err(Refusal::WrongSource);
        }
        if header.result != result {
            return Err(Refusal::WrongResult);
        }
        input.block = rest;
        self.container = Container::Read(header);
        Ok((header, true))
    }

    /// Where the decoder stands, if that is a checkpoint.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let (Phase::AtCheckpoint, Some(chain), Container::Read(header), Hand::Holds { index, taken }) =
            (self.phase, &self.chain, &self.container, self.hand)
        else {
            return None;
        };
        Some(Standing {
            pinned: *chain.pinned(),
            header: *header,
            digest: self.digest,
            index,
            taken,
        })
    }

    /// Goes on from where a decoder stood, with the chain as it was there.
    pub(crate) fn take_up(&mut self, chain: Chain, standing: &Standing) {
        self.chain = Some(chain);
        self.container = Container::Read(standing.header);
        self.hand = Hand::Empty { taken: standing.taken };
        self.digest = standing.digest;
        self.phase = Phase::Running;
    }
}
