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
    /// What the header says, once it was read; before that the images that it must name.
    header: Header<()>,
    has_header: bool,
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
enum Hand {
    /// The next block is needed; its first bytes were taken before a checkpoint.
    Empty { taken: u32 },
    /// A block is at hand, and this much of it was taken.
    Holds { index: u32, taken: u32 },
}

/// How long the images are.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    pub(crate) source_bytes: u32,
    pub(crate) result_bytes: u32,
    /// Whether the header was read just now.
    pub(crate) is_first: bool,
}

impl Read {
    const fn of(header: &Header<()>, is_first: bool) -> Self {
        Self {
            source_bytes: header.source.length,
            result_bytes: header.result.length,
            is_first,
        }
    }
}

/// Where a decoder stands that is saved.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing<'i> {
    pub(crate) pinned: &'i Pinned,
    pub(crate) header: &'i Header<()>,
    /// Hash and index of the block at hand, and how much of it was taken.
    pub(crate) digest: &'i Digest,
    pub(crate) index: u32,
    pub(crate) taken: u32,
}

impl Intake {
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::Ended,
            chain: None,
            header: Header::BLANK,
            has_header: false,
            hand: Hand::Empty { taken: 0 },
            digest: [0; 32],
        }
    }

    pub(crate) fn begin(&mut self, pinned: &Pinned, [source, result]: [&Image; 2]) -> Result<(), Refusal> {
        self.end();
        pinned.check()?;
        (self.header.source, self.header.result) = (*source, *result);
        self.has_header = false;
        self.stand(pinned, 0, &pinned.head, 0);
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
        if self.has_header { Some(&self.header) } else { None }
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
    #[inline(never)]
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

    /// What the header says, which is read in the first block, with the layout.
    pub(crate) fn read_header(
        &mut self,
        input: &mut Input<'_>,
        profile: Profile,
        codec: Codec,
        layout: &mut Layout,
    ) -> Result<Read, Refusal> {
        if let Some(header) = self.header() {
            return Ok(Read::of(header, false));
        }
        let mut header = Header::BLANK;
        header.read(&mut input.block, layout)?;
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
        if header.source != self.header.source {
            return Err(Refusal::WrongSource);
        }
        if header.result != self.header.result {
            return Err(Refusal::WrongResult);
        }
        (self.header, self.has_header) = (header, true);
        Ok(Read::of(&header, true))
    }

    /// Where the decoder stands, if that is a checkpoint.
    pub(crate) fn standing(&self) -> Option<Standing<'_>> {
        let (Phase::AtCheckpoint, Some(chain), Some(header), Hand::Holds { index, taken }) =
            (self.phase, &self.chain, self.header(), self.hand)
        else {
            return None;
        };
        Some(Standing {
            pinned: chain.pinned(),
            header,
            digest: &self.digest,
            index,
            taken,
        })
    }

    /// What was read again is not the patch that was begun: there is no header.
    #[inline(never)]
    pub(crate) fn forget_header(&mut self) {
        self.has_header = false;
    }

    /// A header for whoever reads it again.
    pub(crate) const fn blank_header(&mut self) -> &mut Header<()> {
        (self.header, self.has_header) = (Header::BLANK, true);
        &mut self.header
    }

    /// Goes on in front of the block with this index and hash, of which so much was taken.
    #[inline(never)]
    pub(crate) fn stand(&mut self, pinned: &Pinned, index: u32, digest: &Digest, taken: u32) {
        self.chain = Some(Chain::at(pinned, index, digest));
        self.hand = Hand::Empty { taken };
        self.digest = *digest;
        self.phase = Phase::Running;
    }
}
