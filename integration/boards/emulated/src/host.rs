//! What the emulator does for a program: files, text, an end. These are the semihosting calls of Arm.

use core::arch::asm;
use core::ffi::CStr;
use core::fmt;

const OPEN: usize = 0x01;
const CLOSE: usize = 0x02;
const WRITE_TEXT: usize = 0x04;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0A;
const EXIT: usize = 0x18;

/// The mode `rb` of the call that opens.
const READ_BYTES: usize = 1;
/// The mode `r+b`.
const EDIT_BYTES: usize = 3;
/// An end as it should be, and one that is not.
const EXIT_WELL: usize = 0x2_0026;
const EXIT_BADLY: usize = 0x2_0023;

/// Bytes of a line of output.
const LINE_BYTES: usize = 160;

/// Asks the emulator for something.
fn call(what: usize, argument: usize) -> usize {
    let answer;
    // SAFETY: the emulator takes the breakpoint as a call, reads and writes what the argument points to and nothing else,
    // and changes only the first register. Each caller below passes what the call is specified to take.
    unsafe {
        asm!("bkpt #0xAB", inlateout("r0") what => answer, in("r1") argument, options(nostack));
    }
    answer
}

fn call_with<const COUNT: usize>(what: usize, arguments: [usize; COUNT]) -> usize {
    call(what, arguments.as_ptr() as usize)
}

/// An open file of the host.
pub struct File(usize);

impl File {
    /// Opens a file, from this offset on; `None` if there is none.
    pub fn open(path: &CStr, offset: u32) -> Option<Self> {
        let mut file = Self::open_as(path, READ_BYTES)?;
        file.seek(offset);
        Some(file)
    }

    /// Opens a file to be read and written; `None` if there is none.
    pub fn edit(path: &CStr) -> Option<Self> {
        Self::open_as(path, EDIT_BYTES)
    }

    fn open_as(path: &CStr, mode: usize) -> Option<Self> {
        let handle = call_with(OPEN, [path.as_ptr() as usize, mode, path.count_bytes()]);
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Goes on at this offset.
    pub fn seek(&mut self, offset: u32) {
        call_with(SEEK, [self.0, offset as usize]);
    }

    /// Writes, and says whether all went.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        call_with(WRITE, [self.0, bytes.as_ptr() as usize, bytes.len()]) == 0
    }

    /// Reads, and says how many bytes there were.
    pub fn read(&mut self, space: &mut [u8]) -> usize {
        let missing = call_with(READ, [self.0, space.as_mut_ptr() as usize, space.len()]);
        space.len() - missing
    }
}

impl Drop for File {
    fn drop(&mut self) {
        call_with(CLOSE, [self.0]);
    }
}

/// Prints one line.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; LINE_BYTES],
        used: 0,
    };
    // A line that is too long shows where it was cut.
    let _ = fmt::write(&mut line, text);
    line.bytes[line.used] = b'\n';
    call(WRITE_TEXT, line.bytes.as_ptr() as usize);
}

/// Ends the program.
pub fn exit(is_well: bool) -> ! {
    call(EXIT, if is_well { EXIT_WELL } else { EXIT_BADLY });
    panic!("the emulator goes on after the end")
}

/// Text with a zero behind it.
struct Line {
    bytes: [u8; LINE_BYTES],
    used: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        // Room for the end of the line and the zero.
        if end + 2 > LINE_BYTES {
            return Err(fmt::Error);
        }
        self.bytes[self.used..end].copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}
