//! The way into a decoder: blocks of the chain, one after the other, and the header in the first of them.

use crate::{
    Authenticated, BlockRange, Chain, Error, Header, Image, Misuse, Pinned, Profile, Refusal, range_decoder::Input,
};
use core::convert::Infallible;

/// What a decoder takes in, and how far it came.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    chain: Option<Chain>,
    container: Container,
    hand: Hand,
    is_running: bool,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Container {
    /// The first block was not read yet. This is what its header must say.
    Awaited {
        source: Image,
        result: Image,
    },
    Read(Header),
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Hand {
    /// The next block is needed.
    Empty,
    /// A block is at hand, and this much of it was taken.
    Holds { index: u32, taken: usize },
}

impl Intake {
    pub(crate) const fn new() -> Self {
        Self {
            chain: None,
            container: Container::Awaited {
                source: Image::NOTHING,
                result: Image::NOTHING,
            },
            hand: Hand::Empty,
            is_running: false,
        }
    }

    pub(crate) fn begin(&mut self, pinned: Pinned, source: Image, result: Image) -> Result<(), Refusal> {
        self.is_running = false;
        self.chain = Some(Chain::new(pinned)?);
        self.container = Container::Awaited { source, result };
        self.hand = Hand::Empty;
        self.is_running = true;
        Ok(())
    }

    pub(crate) fn next_block(&self) -> Option<BlockRange> {
        self.chain.as_ref().and_then(Chain::next_block)
    }

    pub(crate) const fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    pub(crate) const fn header(&self) -> Option<&Header> {
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
        let chain = self
            .chain
            .as_mut()
            .filter(|_| self.is_running)
            .ok_or(Misuse::NotRunning)?;
        if let Hand::Holds { index, .. } = self.hand {
            return Err(Error::Misuse(Misuse::BlockNotAtHand {
                expected: Some(index),
                offered: chain.index(),
            }));
        }
        let authenticated = chain.authenticate(block)?;
        self.hand = Hand::Holds {
            index: authenticated.index(),
            taken: 0,
        };
        Ok(authenticated)
    }

    /// What was not taken of a block. Until [`keep`](Self::keep) says otherwise, the decoder is at its end.
    pub(crate) fn offer<'b>(&mut self, block: &'b Authenticated<'_>) -> Result<Input<'b>, Misuse> {
        let chain = self
            .chain
            .as_ref()
            .filter(|_| self.is_running)
            .ok_or(Misuse::NotRunning)?;
        let (expected, taken) = match self.hand {
            Hand::Empty => (None, 0),
            Hand::Holds { index, taken } => (Some(index), taken),
        };
        if expected != Some(block.index()) || chain.pinned().head != *block.head() {
            return Err(Misuse::BlockNotAtHand {
                expected,
                offered: block.index(),
            });
        }
        self.is_running = false;
        Ok(Input {
            block: block.payload().get(taken..).unwrap_or_default(),
            last: chain.next_block().is_none(),
        })
    }

    /// The decoder goes on. What is left of the block at hand is offered again, unless that is used up.
    pub(crate) fn keep(&mut self, block: &Authenticated<'_>, input: &Input<'_>, is_used_up: bool) {
        self.is_running = true;
        self.hand = match is_used_up {
            true => Hand::Empty,
            false => Hand::Holds {
                index: block.index(),
                taken: block.payload().len().saturating_sub(input.block.len()),
            },
        };
    }

    /// The header: reads it, if this is the first block.
    pub(crate) fn read_header(&mut self, input: &mut Input<'_>, profile: Profile) -> Result<(Header, bool), Refusal> {
        let (source, result) = match self.container {
            Container::Read(header) => return Ok((header, false)),
            Container::Awaited { source, result } => (source, result),
        };
        let (header, rest) = Header::parse(input.block)?;
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
}
