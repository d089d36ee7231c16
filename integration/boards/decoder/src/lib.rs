//! What the measured programs share: the files of the host, the two slots, and the measurement itself.
//!
//! - The programs with a decoder and the one without are the same but for what they do in [`measured`].
//! - The result is compared with the image that the host wants, byte for byte: a wrong one is a bad end.
//! - The flash drivers do no more than copy, so that the decoder is what is measured.
#![no_std]

use core::convert::Infallible;
use core::hint::black_box;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use tuffet_emulated::{gauge, host, timer};

unsafe extern "C" {
    #[link_name = "files"]
    static files_begin: u8;
    static files_end: u8;
}

/// How much of the memory of files is for the result, at its end.
const RESULT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much of the stack is looked at.
const STACK_BYTES_MAX: usize = 256 * 1024;

/// What the host put there, and where the result comes.
pub struct Files {
    /// The digest that the chain of the patch begins with.
    pub head: &'static [u8],
    pub block_bytes: u32,
    pub source_digest: &'static [u8],
    pub result_digest: &'static [u8],
    pub old: Old,
    pub patch: &'static [u8],
    /// What the result must be.
    pub wanted: &'static [u8],
    pub new: New,
}

impl Files {
    /// Reads what the host put there: each piece begins with its length, at a multiple of four.
    pub fn find() -> Option<Self> {
        let (begin, end) = (&raw const files_begin as usize, &raw const files_end as usize);
        let result = end - RESULT_BYTES_MAX;
        // SAFETY: the emulator loaded the files there, and nothing writes to them.
        let mut rest = unsafe { core::slice::from_raw_parts(begin as *const u8, result - begin) };
        // SAFETY: nothing else names this memory, and this function is called once.
        let cells = unsafe { core::slice::from_raw_parts_mut(result as *mut u8, RESULT_BYTES_MAX) };
        let mut next = || {
            let (length, behind) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(*length) as usize;
            rest = behind.get(length.next_multiple_of(4)..)?;
            behind.get(..length)
        };
        Some(Self {
            head: next()?,
            block_bytes: u32::from_le_bytes(next()?.try_into().ok()?),
            source_digest: next()?,
            result_digest: next()?,
            old: Old(next()?),
            patch: next()?,
            wanted: next()?,
            new: New(cells),
        })
    }
}

/// Runs the function, says what it took, and compares what it made. `state_bytes` stand in the caller's frame.
pub fn measured(files: &mut Files, state_bytes: usize, work: &mut dyn FnMut(&mut Files) -> Option<()>) -> Option<()> {
    let mut is_well = false;
    let bottom = gauge::stack_pointer() - STACK_BYTES_MAX;
    // SAFETY: the board has megabytes below the stack that nothing uses, and a stack pointer is a multiple of four.
    let taken = unsafe { gauge::measure(bottom, timer::ticks, &mut || is_well = work(files).is_some()) };
    let Some(taken) = taken.filter(|_| is_well) else {
        host::print(format_args!("wrong: no image was made"));
        return None;
    };
    if files.new.0.get(..files.wanted.len()) != Some(files.wanted) {
        host::print(format_args!("wrong: another image was made"));
        return None;
    }
    let instructions = u64::from(taken.ticks) * timer::INSTRUCTIONS_PER_TICK;
    host::print(format_args!("decoded {state_bytes} {} {instructions}", taken.stack()));
    Some(())
}

/// The slot with the old image.
pub struct Old(pub &'static [u8]);

impl ErrorType for Old {
    type Error = Infallible;
}

impl ReadNorFlash for Old {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

/// The slot for the new image.
pub struct New(&'static mut [u8]);

impl ErrorType for New {
    type Error = Infallible;
}

impl ReadNorFlash for New {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for New {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        // A write takes the place of what was there.
        black_box((from, to));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        self.0[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// The program of one profile.
#[macro_export]
macro_rules! decode_with {
    ($state:ident) => {
        tuffet_emulated::start_with!(live);

        fn live() -> Option<()> {
            let mut files = $crate::Files::find()?;
            let mut state = tuffet_patch::$state::new();
            let state_bytes = size_of_val(&state);
            $crate::measured(&mut files, state_bytes, &mut |files| decode(&mut state, files))
        }

        /// Not inlined: the state stands in the frame above.
        #[inline(never)]
        fn decode(state: &mut tuffet_patch::$state, files: &mut $crate::Files) -> Option<()> {
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
            let pinned = tuffet_patch::Pinned {
                head: files.head.try_into().ok()?,
                block_bytes: files.block_bytes,
                length: length(files.patch)?,
            };
            let source = tuffet_patch::Image {
                length: length(files.old.0)?,
                digest: files.source_digest.try_into().ok()?,
            };
            let result = tuffet_patch::Image {
                length: length(files.wanted)?,
                digest: files.result_digest.try_into().ok()?,
            };
            state.begin(pinned, source, result).ok()?;
            while let Some(range) = state.next_block() {
                let block = files
                    .patch
                    .get(range.offset as usize..)?
                    .get(..range.length as usize)?;
                let block = state.authenticate(block).ok()?;
                loop {
                    match state.run(&block, &mut files.old, &mut files.new).ok()? {
                        tuffet_patch::Progress::Done => return Some(()),
                        tuffet_patch::Progress::NeedsBlock => break,
                        tuffet_patch::Progress::NeedsErase { .. } | tuffet_patch::Progress::Checkpoint { .. } => {}
                    }
                }
            }
            None
        }
    };
}
