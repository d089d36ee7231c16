//! Where a program begins, and how it hands over to another one.

use crate::serial::{self, Line};
use core::arch::{asm, global_asm};
use tuffet_board_layout::flash::{may_begin, may_hold_vectors};
use tuffet_emulated::host;
use tuffet_program::Callers;

use tuffet_program::Register;

/// Where the processor begins. It stands at the start of a program, and has as many entries as the processor knows without
/// the board's interrupts, which stay off.
#[repr(C)]
pub struct Vectors {
    stack_top: *const u32,
    reset: unsafe extern "C" fn() -> !,
    /// The watchdog's warning.
    not_maskable: extern "C" fn() -> !,
    faults: [extern "C" fn() -> !; 13],
}

// SAFETY: nobody but the processor reads it.
unsafe impl Sync for Vectors {}

unsafe extern "C" {
    static stack_top: u32;
    fn reset() -> !;
}

// SAFETY: the section that the linker puts first; no other item of the program has this name.
#[unsafe(link_section = ".vectors")]
#[unsafe(no_mangle)]
#[used]
static VECTORS: Vectors = Vectors {
    stack_top: &raw const stack_top,
    reset,
    not_maskable: wait_for_reset,
    faults: [fault; 13],
};

// Before statics have their values nothing but this may run. Then it calls the program.
global_asm!(
    ".section .text.reset",
    ".global reset",
    ".thumb_func",
    "reset:",
    "ldr r0, =zeroed_start",
    "ldr r1, =zeroed_end",
    "movs r2, #0",
    "1: cmp r0, r1",
    "bhs 2f",
    "stmia r0!, {{r2}}",
    "b 1b",
    "2: ldr r0, =data_start",
    "ldr r1, =data_end",
    "ldr r2, =data_values",
    "3: cmp r0, r1",
    "bhs 4f",
    "ldmia r2!, {{r3}}",
    "stmia r0!, {{r3}}",
    "b 3b",
    "4: bl program",
    "udf #0",
    ".pool",
);

/// Makes a function the program.
#[macro_export]
macro_rules! start_with {
    ($body:path) => {
        // SAFETY: what stands behind a reset calls it by this name, which no other item of the program has.
        #[unsafe(no_mangle)]
        extern "C" fn program() -> ! {
            $crate::serial::start();
            $body()
        }
    };
}

/// Puts the block of an image where the host finds it, right behind the vectors; answers it as the host left it.
#[macro_export]
macro_rules! image_block {
    () => {{
        // SAFETY: the section that the linker puts there; nothing else of the program is in it.
        #[unsafe(link_section = ".image")]
        #[used]
        static BLOCK: ::tuffet_board_layout::image::Block = ::tuffet_board_layout::image::Block::linked();
        // The compiler may not know what it was linked as.
        ::core::hint::black_box(&BLOCK)
    }};
}

/// Where this program begins.
pub fn own_address() -> u32 {
    &raw const VECTORS as u32
}

/// Where the table of vectors is looked for.
// SAFETY: a register of the processor.
const VECTOR_TABLE: Register = unsafe { Register::at(0xE000_ED08) };
/// Takes a reset, with the key that makes it believe.
// SAFETY: a register of the processor.
const RESET_CONTROL: Register = unsafe { Register::at(0xE000_ED0C) };
const RESET_WITH_KEY: u32 = 0x05FA_0004;

/// Leaves this program for the one that stands at `address`. Where none can begin it says so, and waits for the watchdog.
pub fn leave(address: u32) -> ! {
    if may_hold_vectors(address) {
        // SAFETY: two words of the flash, which the boot record's digest covers.
        let [stack, entry] = [0, 4].map(|offset| unsafe { Register::at(address as usize + offset) }.read());
        if may_begin(stack, entry) {
            VECTOR_TABLE.write(address);
            // SAFETY: nothing of this program is used any more; the other one sets its own memory up.
            unsafe {
                asm!("dsb", "isb", "msr msp, {stack}", "bx {entry}", stack = in(reg) stack, entry = in(reg) entry, options(noreturn))
            }
        }
    }
    Line::of("recovery").with("why", "vectors");
    wait_for_reset()
}

/// Resets the board.
pub fn restart() -> ! {
    RESET_CONTROL.write(RESET_WITH_KEY);
    wait_for_reset()
}

/// Does nothing until the watchdog bites.
pub extern "C" fn wait_for_reset() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

extern "C" fn fault() -> ! {
    // It may have come in the middle of a line.
    serial::send(b'\n');
    Line::of("fault");
    wait_for_reset()
}

/// Lets a program that panics say which functions it was in, and wait for the watchdog. The text of a panic and its line in the
/// source would stand in flash for every place that may panic, with the code that hands them over: nine thousand bytes of an
/// application, for what an address says too.
#[macro_export]
macro_rules! tell_panics {
    () => {
        #[panic_handler]
        fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::start::panicked(true)
        }
    };
}

/// The same for a program that has to be small: it says only that it panicked.
#[macro_export]
macro_rules! shorten_panics {
    () => {
        #[panic_handler]
        fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
            $crate::start::panicked(false)
        }
    };
}

/// Says that the program panicked, and where if it `tells`, and waits for the watchdog.
#[inline(always)]
pub fn panicked(tells: bool) -> ! {
    serial::send(b'\n');
    let mut line = Line::of("panic");
    if tells {
        for address in Callers::of_this() {
            line = line.with_address("in", address);
        }
    }
    drop(line);
    wait_for_reset()
}

/// Ends the emulator.
pub fn power_off() -> ! {
    host::exit(true)
}
