//! Where a program begins, and how it hands over to another one.
//!
//! This processor looks for its table of vectors at address 0 and nowhere else, which is where the bootloader lies. So all entries of
//! the bootloader's table but the first two lead to a few instructions that look into one word of RAM,
//! [`FORWARD_WORD`]: there stands the address of the table of the program that runs, and they go on where that table says. The
//! registers are as the processor left them for the entry, so the program's functions notice nothing.

use crate::clock;
use crate::serial::{self, Line};
use core::arch::{asm, global_asm};
use core::ops::Range;
pub use tuffet_board_layout::image::Block;
use tuffet_board_layout::microbit::{FORWARD_WORD, MAP, VECTORS, may_begin};
use tuffet_program::{Callers, Register};

/// The entries of a table behind the stack and the reset.
const ENTRIES: usize = VECTORS - 2;
/// The entries of the processor itself, in front of those of the board.
const EXCEPTIONS: usize = 16;

/// Where the processor begins: a table at the start of a program.
#[repr(C)]
pub struct Vectors {
    stack_top: *const u32,
    reset: unsafe extern "C" fn() -> !,
    entries: [unsafe extern "C" fn(); ENTRIES],
}

// SAFETY: nobody but the processor reads it.
unsafe impl Sync for Vectors {}

unsafe extern "C" {
    static stack_top: u32;
    static vectors_start: u32;
    static place_end: u32;
    fn reset() -> !;
    fn forward();
}

impl Vectors {
    /// The table of the bootloader: it forwards.
    pub const fn of_bootloader() -> Self {
        Self {
            stack_top: &raw const stack_top,
            reset,
            entries: [forward; ENTRIES],
        }
    }

    /// The table of an application: it knows the interrupt of the clock, and whatever else comes is a fault.
    pub const fn of_application() -> Self {
        let mut entries: [unsafe extern "C" fn(); ENTRIES] = [fault; ENTRIES];
        entries[EXCEPTIONS - 2 + clock::INTERRUPT] = clock::tick;
        Self {
            stack_top: &raw const stack_top,
            reset,
            entries,
        }
    }
}

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

// The processor has put the registers that this changes on the stack, and the link register says how to come back.
global_asm!(
    ".section .text.forward",
    ".global forward",
    ".thumb_func",
    "forward:",
    "ldr r0, =forward_word",
    "ldr r0, [r0]",
    "cmp r0, #0",
    // The bootloader itself runs, and has no interrupts.
    "beq 1f",
    "mrs r1, ipsr",
    "lsls r1, r1, #2",
    "ldr r0, [r0, r1]",
    "bx r0",
    "1: ldr r0, ={fault}",
    "bx r0",
    ".pool",
    fault = sym fault,
);

/// Makes a function the program of the bootloader, or of an application: the word in front says which. An application has the
/// block of an image right behind its vectors, and is lent it as the host left it.
#[macro_export]
macro_rules! start_with {
    (bootloader $body:path) => {
        $crate::start_with!(@ of_bootloader, $body());
    };
    (application $body:path) => {
        // SAFETY: the section that the linker puts there; nothing else of the program is in it.
        #[unsafe(link_section = ".image")]
        #[used]
        static BLOCK: $crate::start::Block = $crate::start::Block::linked();
        // The compiler may not know what it was linked as.
        $crate::start_with!(@ of_application, $body(::core::hint::black_box(&BLOCK)));
    };
    (@ $table:ident, $body:expr) => {
        // SAFETY: the section that the linker puts first; no other item of the program has this name.
        #[unsafe(link_section = ".vectors")]
        #[unsafe(no_mangle)]
        #[used]
        static VECTORS: $crate::start::Vectors = $crate::start::Vectors::$table();

        // SAFETY: what stands behind a reset calls it by this name, which no other item of the program has.
        #[unsafe(no_mangle)]
        extern "C" fn program() -> ! {
            $crate::serial::start();
            $body
        }
    };
}

/// The place of this program, up to the end of what it may take.
pub(crate) fn own_place() -> Range<u32> {
    own_address()..&raw const place_end as u32
}

/// Where this program begins.
pub fn own_address() -> u32 {
    &raw const vectors_start as u32
}

/// Why the part began, as its power supply says: bits that stay until they are written; none for a power-up. The emulator says 1,
/// which on a part is the pin.
pub fn reset_reason() -> u32 {
    // SAFETY: a register of the power supply.
    unsafe { Register::at(0x4000_0400) }.read()
}

/// Takes a reset, with the key that makes it believe.
// SAFETY: a register of the processor.
const RESET_CONTROL: Register = unsafe { Register::at(0xE000_ED0C) };
const RESET_WITH_KEY: u32 = 0x05FA_0004;

/// The word by which interrupts are forwarded.
// SAFETY: no program has anything else in it.
const FORWARD: Register = unsafe { Register::at(FORWARD_WORD as usize) };

/// Keeps interrupts in the bootloader, which has none: a fault of its own is not to go to a program that ran before.
pub fn forward_nothing() {
    FORWARD.write(0);
}

/// Leaves the bootloader for the program in a slot. Where none can begin it says so, and waits for the watchdog.
pub fn leave(slot: usize) -> ! {
    let address = MAP.slots.addresses()[slot];
    // SAFETY: two words of the flash, which the boot record's digest covers.
    let [stack, entry] = [0, 4].map(|offset| unsafe { Register::at(address as usize + offset) }.read());
    if may_begin(stack, entry) {
        FORWARD.write(address);
        // SAFETY: nothing of this program is used any more; the other one sets its own memory up.
        unsafe {
            asm!("msr msp, {stack}", "bx {entry}", stack = in(reg) stack, entry = in(reg) entry, options(noreturn))
        }
    }
    Line::of("recovery").with("why", "vectors");
    wait_for_reset()
}

/// Resets the part.
pub fn restart() -> ! {
    RESET_CONTROL.write(RESET_WITH_KEY);
    wait_for_reset()
}

/// Does nothing until the watchdog bites.
pub fn wait_for_reset() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

unsafe extern "C" fn fault() {
    // It may have come in the middle of a line.
    serial::send(b'\n');
    Line::of("fault");
    wait_for_reset()
}

/// Lets a program that panics say which functions it was in, and wait for the watchdog. The texts of panics would take more of
/// the flash than they are worth: an address says the same.
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
