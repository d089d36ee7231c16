// A NOR flash in RAM which can be cut.
//
// It is also the specification of what a cut may leave:
// - writing can only clear bits, is aligned, and happens once per write unit and erase (else the model panics: that is a bug of
//   the code under test, not an error to handle);
// - a write that is cut leaves whole bytes up to some point, or any subset of the bits it was to clear;
// - an erase that is cut leaves part of the region erased, or any subset of the bits set;
// - after a cut every call fails until `power_on`.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// Two erase units make the smallest page, so that an erase can stop between them.
pub const ERASE_BYTES: usize = 512;

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct PowerIsOff;

impl NorFlashError for PowerIsOff {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// How the operation that is cut ends.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Tear {
    /// Nothing happened.
    Before,
    /// The first bytes are done, the rest is as before.
    Prefix(usize),
    /// The last bytes are done, the first ones are as before.
    Suffix(usize),
    /// Each bit is done or not, by a random sequence.
    Bits(u64),
    /// Everything is done, but the caller never hears of it.
    After,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Number of writes and erases that are done before.
    pub operation: usize,
    pub tear: Tear,
}

/// What was done, for counting and for choosing tears.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    Erase { bytes: usize },
    Write { bytes: usize },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RamFlash<const WRITE_BYTES: usize> {
    pub bytes: Vec<u8>,
    pub operations: Vec<Operation>,
    pub cut: Option<Cut>,
    power: bool,
}

impl<const WRITE_BYTES: usize> RamFlash<WRITE_BYTES> {
    /// Two pages of this many bytes, erased.
    pub fn new(page_bytes: usize) -> Self {
        Self::with(vec![0xFF; 2 * page_bytes])
    }

    pub fn with(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            operations: Vec::new(),
            cut: None,
            power: true,
        }
    }

    /// The same contents after a reset; nothing is cut any more.
    pub fn power_on(self) -> Self {
        Self::with(self.bytes)
    }

    /// Changes `from..` to `done`, or to what a cut leaves of it.
    fn apply(&mut self, operation: Operation, from: usize, done: &[u8]) -> Result<(), PowerIsOff> {
        assert!(self.power, "the caller goes on after a cut");
        let cut = self.cut.filter(|cut| cut.operation == self.operations.len());
        self.operations.push(operation);
        let old = self.bytes[from..from + done.len()].to_vec();
        let new = match cut.map(|cut| cut.tear) {
            None | Some(Tear::After) => done.to_vec(),
            Some(Tear::Before) => old,
            Some(Tear::Prefix(bytes)) => [&done[..bytes], &old[bytes..]].concat(),
            Some(Tear::Suffix(bytes)) => {
                let kept = done.len() - bytes;
                [&old[..kept], &done[kept..]].concat()
            }
            Some(Tear::Bits(seed)) => {
                let mut random = Random(seed);
                let mixed = old.iter().zip(done).map(|(old, done)| {
                    let mask = random.next() as u8;
                    (old & !mask) | (done & mask)
                });
                mixed.collect()
            }
        };
        self.bytes[from..from + done.len()].copy_from_slice(&new);
        if cut.is_some() {
            self.power = false;
            return Err(PowerIsOff);
        }
        Ok(())
    }
}

impl<const WRITE_BYTES: usize> ErrorType for RamFlash<WRITE_BYTES> {
    type Error = PowerIsOff;
}

impl<const WRITE_BYTES: usize> ReadNorFlash for RamFlash<WRITE_BYTES> {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerIsOff> {
        let offset = offset as usize;
        assert!(
            offset.is_multiple_of(Self::READ_SIZE) && bytes.len().is_multiple_of(Self::READ_SIZE),
            "unaligned read"
        );
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        if self.power { Ok(()) } else { Err(PowerIsOff) }
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE_BYTES: usize> NorFlash for RamFlash<WRITE_BYTES> {
    const WRITE_SIZE: usize = WRITE_BYTES;
    const ERASE_SIZE: usize = ERASE_BYTES;

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerIsOff> {
        let offset = offset as usize;
        assert!(
            offset.is_multiple_of(WRITE_BYTES) && bytes.len().is_multiple_of(WRITE_BYTES),
            "unaligned write"
        );
        let old = &self.bytes[offset..offset + bytes.len()];
        assert!(
            old.iter().all(|byte| *byte == 0xFF),
            "second write to {offset:#x} without an erase"
        );
        let done: Vec<u8> = old.iter().zip(bytes).map(|(old, new)| old & new).collect();
        self.apply(Operation::Write { bytes: bytes.len() }, offset, &done)
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerIsOff> {
        let (from, to) = (from as usize, to as usize);
        assert!(
            from.is_multiple_of(ERASE_BYTES) && to.is_multiple_of(ERASE_BYTES) && from < to,
            "unaligned erase"
        );
        self.apply(Operation::Erase { bytes: to - from }, from, &vec![0xFF; to - from])
    }
}

/// xorshift64*: the same seed gives the same run everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
