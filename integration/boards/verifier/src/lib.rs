//! The board of the measured programs: a start, a clock, the repository in flash, and steps that are measured.
//!
//! - The program with the verifier and the one without it are the same but for what they do in a step.
//! - What a step takes of RAM is all that the board has had in use: from the top of the memory down to the deepest byte of the
//!   stack, so that what stands in the frames above the step is in it.
#![no_std]

use core::panic::PanicInfo;

use tuffet_emulated::{gauge, host};

unsafe extern "C" {
    static stack_top: u32;
    static stack_bottom: u32;
    static files: u8;
    static files_end: u8;
}

/// Where the processor begins.
#[repr(C)]
struct Vectors {
    stack_top: *const u32,
    reset: extern "C" fn() -> !,
    /// Whatever goes wrong ends the program; a stack that is too large is one of these.
    faults: [extern "C" fn() -> !; 14],
}

// SAFETY: nobody but the processor reads it.
unsafe impl Sync for Vectors {}

unsafe extern "Rust" {
    /// The program: it runs all steps. `None`: one did not come to what it is here for.
    safe fn live() -> Option<()>;
}

// SAFETY: the section that the linker puts first; no other item of the program has this name.
#[unsafe(link_section = ".vectors")]
#[unsafe(no_mangle)]
#[used]
static VECTORS: Vectors = Vectors {
    stack_top: &raw const stack_top,
    reset,
    faults: [fault; 14],
};

// SAFETY: no other item of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    timer::start();
    host::exit(live().is_some())
}

extern "C" fn fault() -> ! {
    host::print(format_args!("wrong: a fault of the processor"));
    host::exit(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let line = info.location().map_or(0, |location| location.line());
    host::print(format_args!("wrong: a panic in line {line}"));
    host::exit(false)
}

/// The file at this place of the repository: before each stands its length, and each begins at a multiple of four.
pub fn file(place: usize) -> Option<&'static [u8]> {
    let (begin, end) = (&raw const files as usize, &raw const files_end as usize);
    // SAFETY: the emulator loaded the repository there, and nothing writes to it.
    let mut rest = unsafe { core::slice::from_raw_parts(begin as *const u8, end - begin) };
    for _ in 0..place {
        let (length, files_on) = rest.split_first_chunk()?;
        rest = files_on.get(u32::from_le_bytes(*length).next_multiple_of(4) as usize..)?;
    }
    let (length, rest) = rest.split_first_chunk()?;
    rest.get(..u32::from_le_bytes(*length) as usize)
}

/// Runs and measures one step.
pub fn step(name: &str, work: &mut dyn FnMut() -> Option<()>) -> Option<()> {
    let bottom = &raw const stack_bottom as usize;
    let mut is_well = false;
    // SAFETY: the linker puts nothing between the statics and the stack.
    let taken = unsafe { gauge::measure(bottom, timer::ticks, &mut || is_well = work().is_some()) };
    match taken {
        Some(taken) if is_well => {
            let ram = &raw const stack_top as usize - taken.deepest;
            let instructions = timer::instructions(taken.ticks);
            host::print(format_args!("step {ram} {} {instructions} {name}", taken.stack()));
            Some(())
        }
        Some(_) => {
            host::print(format_args!("wrong: {name} came to something else"));
            None
        }
        None => {
            host::print(format_args!("wrong: {name} needs more stack than there is"));
            None
        }
    }
}

/// Says how many bytes a value has.
pub fn size(name: &str, bytes: usize) {
    host::print(format_args!("size {bytes} {name}"));
}

/// The one timer of the part that counts in 32 bits.
mod timer {
    const TIMER: usize = 0x4000_8000;
    const START: usize = 0x000;
    const CAPTURE: usize = 0x040;
    const BIT_MODE: usize = 0x508;
    const PRESCALER: usize = 0x510;
    const CAPTURED: usize = 0x540;

    const BITS_32: u32 = 3;

    fn write(register: usize, value: u32) {
        // SAFETY: these are the registers of the timer, which nothing else uses.
        unsafe { ((TIMER + register) as *mut u32).write_volatile(value) };
    }

    /// Lets it count at 16 MHz.
    pub fn start() {
        write(BIT_MODE, BITS_32);
        write(PRESCALER, 0);
        write(START, 1);
    }

    pub fn ticks() -> u32 {
        write(CAPTURE, 1);
        // SAFETY: a register of the timer; reading it changes nothing.
        unsafe { ((TIMER + CAPTURED) as *const u32).read_volatile() }
    }

    /// The emulator counts a nanosecond for each instruction, so that a tick is 62.5 of them.
    pub fn instructions(ticks: u32) -> u64 {
        u64::from(ticks) * 125 / 2
    }
}
