//! A device that runs one patch after the other, and holds the decoder to what it promises.

use super::{
    Figures, Script,
    hostile::{self, Patch},
    slot::{ERASE_BYTES, Slot},
};
use embedded_storage::nor_flash::NorFlash as _;
use std::convert::Infallible;
use tuffet_patch::{
    BadCheckpoint, CHECKPOINTS_MAX, Decoder, Drive, Encoded, Error, PIECE_BYTES, Pinned, Progress, Refusal,
};

type Stopped = Error<Infallible, Infallible>;

/// What is read for each byte, at most: some windows of the large profile.
const READ_BYTES_MAX: u64 = 4 * 4_096;

#[derive(Clone, Copy)]
pub struct Device<'a> {
    old: &'a [u8],
    new: &'a [u8],
    encoded: &'a Encoded,
    pub figures: Figures,
}

impl<'a> Device<'a> {
    pub fn new(old: &'a [u8], new: &'a [u8], encoded: &'a Encoded) -> Self {
        Self {
            old,
            new,
            encoded,
            figures: Figures {
                pairs: 1,
                ..Figures::default()
            },
        }
    }

    /// The patch as it was made.
    pub fn honest<const UNIT: usize>(&mut self, decoder: &mut impl Drive) {
        let slot = self.whole::<UNIT, _>(decoder, |_, _| {});
        assert!(slot.bytes[..self.new.len()] == *self.new, "another image");
    }

    /// Decodes the patch as it was made; each checkpoint is shown.
    fn whole<const UNIT: usize, D: Drive>(
        &mut self,
        decoder: &mut D,
        at_checkpoint: impl FnMut(&mut D, u32),
    ) -> Slot<UNIT> {
        let header = &self.encoded.header;
        decoder
            .begin(self.encoded.pinned, header.source, header.result)
            .unwrap();
        let slot = Slot::old(self.new.len());
        let lengths = (header.source.length, header.result.length);
        let (end, slot) = self.finish(decoder, slot, &self.encoded.bytes, lengths, at_checkpoint);
        assert_eq!(end, Ok(()));
        slot
    }

    /// What a stolen key signed.
    pub fn hostile<const UNIT: usize>(&mut self, decoder: &mut impl Drive, patch: &Patch) {
        if decoder.begin(patch.pinned, patch.source, patch.result).is_err() {
            self.figures.decoded += 1;
            self.figures.refused += 1;
            return;
        }
        let slot = Slot::<UNIT>::old(self.new.len().max(4_096));
        let _end = self.finish(
            decoder,
            slot,
            &patch.file,
            (patch.source.length, patch.result.length),
            |_, _| {},
        );
    }

    /// The patch as it was made, on an image that is not what the caller took it for: every decision is another one from there on.
    pub fn astray<const UNIT: usize>(&mut self, decoder: &mut impl Drive, script: &mut Script<'_>) {
        let header = &self.encoded.header;
        let mut other = self.old.to_vec();
        let (from, every) = (
            script.number() * other.len() / (1 << 16),
            1 + usize::from(script.byte() % 64),
        );
        let mut random = script.random();
        for byte in other[from..].iter_mut().step_by(every) {
            *byte = random.next() as u8;
        }
        decoder
            .begin(self.encoded.pinned, header.source, header.result)
            .unwrap();
        let lengths = (header.source.length, header.result.length);
        let mut device = Device { old: &other, ..*self };
        let _end = device.finish(
            decoder,
            Slot::<UNIT>::old(self.new.len()),
            &self.encoded.bytes,
            lengths,
            |_, _| {},
        );
        self.figures = device.figures;
    }

    /// Cuts the power at each checkpoint, and goes on from its record; then from one that was edited.
    pub fn taken_up<D: Decoder, const UNIT: usize>(&mut self, decoder: &mut D, script: &mut Script<'_>) {
        if self.encoded.header.checkpoints.positions().next().is_none() {
            return;
        }
        let mut records = Vec::new();
        let whole = self.whole::<UNIT, D>(decoder, |decoder, position| {
            let mut record = Vec::new();
            let saved = decoder.snapshot(|piece| {
                record.extend_from_slice(piece);
                Ok::<_, Infallible>(())
            });
            assert_eq!((saved, record.len()), (Ok(()), D::SNAPSHOT_BYTES));
            records.push((position, record));
        });
        let edited = script.below(records.len());
        for (index, (position, record)) in records.iter_mut().enumerate() {
            self.resume::<D, UNIT>(decoder, record)
                .expect("its own record is taken up");
            let (end, slot) = self.go_on::<D, UNIT>(decoder, &whole, *position);
            assert_eq!(end, Ok(()));
            assert!(
                slot.bytes[..self.new.len()] == *self.new,
                "another image from {position} on"
            );
            if index == edited {
                self.edited::<D, UNIT>(decoder, script, &whole, record);
            }
        }
    }

    /// A record that somebody wrote to flash who can compute a checksum.
    fn edited<D: Decoder, const UNIT: usize>(
        &mut self,
        decoder: &mut D,
        script: &mut Script<'_>,
        whole: &Slot<UNIT>,
        record: &mut [u8],
    ) {
        hostile::edit_record(script, record);
        match self.resume::<D, UNIT>(decoder, record) {
            Err(_) => self.figures.records_refused += 1,
            Ok(()) => {
                let position = decoder.position();
                assert!(position as usize <= self.new.len());
                if (position as usize).is_multiple_of(ERASE_BYTES) {
                    let _ = self.go_on::<D, UNIT>(decoder, whole, position);
                }
            }
        }
    }

    fn resume<D: Decoder, const UNIT: usize>(
        &mut self,
        decoder: &mut D,
        record: &[u8],
    ) -> Result<(), BadCheckpoint<()>> {
        let mut pieces = record.chunks_exact(PIECE_BYTES);
        let read = |piece: &mut [u8; PIECE_BYTES]| {
            piece.copy_from_slice(pieces.next().ok_or(())?);
            Ok(())
        };
        self.figures.resumed += 1;
        let header = &self.encoded.header;
        decoder.resume(read, self.encoded.pinned, header.source, header.result)
    }

    /// Decodes the rest of the patch as it was made.
    fn go_on<D: Decoder, const UNIT: usize>(
        &mut self,
        decoder: &mut D,
        whole: &Slot<UNIT>,
        position: u32,
    ) -> (Result<(), Stopped>, Slot<UNIT>) {
        let mut slot = Slot::old(self.new.len());
        slot.bytes.clone_from(&whole.bytes);
        slot.go_on_at(position as usize);
        let lengths = (self.old.len() as u32, self.new.len() as u32);
        self.finish(decoder, slot, &self.encoded.bytes, lengths, |_, _| {})
    }

    /// Decodes from where the decoder stands to an end.
    fn finish<const UNIT: usize, D: Drive>(
        &mut self,
        decoder: &mut D,
        mut new: Slot<UNIT>,
        file: &[u8],
        (source_bytes, result_bytes): (u32, u32),
        mut at_checkpoint: impl FnMut(&mut D, u32),
    ) -> (Result<(), Stopped>, Slot<UNIT>) {
        let mut old = Slot::<UNIT>::holding(self.old);
        // The caller says that there is such an image, if it fits the slot at all.
        let source_bytes = (source_bytes as usize).next_multiple_of(UNIT);
        old.readable = source_bytes.min(old.bytes.len());
        let calls_max = calls_max(file.len(), decoder.chain().unwrap().pinned(), new.bytes.len());
        let mut calls = 0;
        let end = feed(decoder, file, &mut |decoder: &mut D, block| {
            calls += 1;
            assert!(calls <= calls_max, "more than {calls_max} calls");
            let progress = decoder.run(block, &mut old, &mut new)?;
            match progress {
                Progress::NeedsErase { from, to } => new.erase(from, to).unwrap(),
                Progress::Checkpoint { position } => {
                    assert_eq!(position as usize, new.written);
                    at_checkpoint(decoder, position);
                }
                Progress::NeedsBlock | Progress::Done => {}
            }
            Ok(progress)
        });
        if end.is_ok() {
            let written = (result_bytes as usize).next_multiple_of(UNIT);
            assert_eq!(new.written, written, "done with another length");
        }
        assert!(new.written <= (result_bytes as usize).next_multiple_of(UNIT));
        self.figures.decoded += 1;
        self.figures.refused += u64::from(end.is_err());
        self.figures.bytes += u64::from(decoder.position());
        let bytes = (self.old.len() + new.written) as u64 + 1;
        let read = old.read + new.read;
        assert!(read <= (bytes + 64) * READ_BYTES_MAX, "{read} bytes are read");
        self.figures.reads_max = self.figures.reads_max.max(read / (bytes + 4_096));
        (end, new)
    }
}

/// Each block is used up once, each erase unit is asked for once, and each checkpoint is said once; and one call says how it ends.
fn calls_max(file_bytes: usize, pinned: &Pinned, slot_bytes: usize) -> usize {
    let blocks = file_bytes.div_ceil(pinned.block_bytes as usize);
    blocks + slot_bytes / ERASE_BYTES + CHECKPOINTS_MAX + 1
}

/// Offers block after block.
fn feed<D: Drive>(
    decoder: &mut D,
    file: &[u8],
    run: &mut dyn FnMut(&mut D, &tuffet_patch::Authenticated<'_>) -> Result<Progress, Stopped>,
) -> Result<(), Stopped> {
    while let Some(range) = decoder.next_block() {
        let rest = file.get(range.offset as usize..).unwrap_or_default();
        let block = decoder.authenticate(&rest[..rest.len().min(range.length as usize)])?;
        loop {
            match run(decoder, &block)? {
                Progress::NeedsErase { .. } | Progress::Checkpoint { .. } => {}
                Progress::NeedsBlock => break,
                Progress::Done => return Ok(()),
            }
        }
    }
    Err(Error::Refused(Refusal::Truncated))
}
