//! Where a program begins, and how it hands over to another one.

use core::arch::asm;
use core::panic::PanicInfo;

use tuffet_board_layout::ast1030::{may_begin, may_hold_vectors};
use tuffet_emulated::host;

/// Where the processor begins. Interrupts of the board stay off.
#[repr(C)]
struct Vectors {
    stack_top: *const u32,
    reset: extern "C" fn() -> !,
    faults: [extern "C" fn() -> !; 14],
}

// SAFETY: nobody but the processor reads it.
unsafe impl Sync for Vectors {}

unsafe extern "C" {
    static stack_top: u32;
}

unsafe extern "Rust" {
    /// The program.
    safe fn program() -> !;
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
    program()
}

extern "C" fn fault() -> ! {
    host::print(format_args!("tuffet fault"));
    host::exit(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let line = info.location().map_or(0, |location| location.line());
    host::print(format_args!("tuffet panic line={line}"));
    host::exit(false)
}

/// Where the processor looks for the table of vectors.
const VECTOR_TABLE: *mut u32 = 0xE000_ED08 as *mut u32;
/// Takes a reset, with the key that makes it believe.
const RESET_CONTROL: *mut u32 = 0xE000_ED0C as *mut u32;
const RESET_WITH_KEY: u32 = 0x05FA_0004;

/// Leaves this program for the one that stands at `address` in the internal part. Comes back where none can begin.
pub fn leave(address: u32) {
    if !may_hold_vectors(address) {
        return;
    }
    // SAFETY: two words of the internal part, which the boot record's digest covers.
    let [stack, entry] = [0, 4].map(|offset| unsafe { ((address + offset) as *const u32).read() });
    if !may_begin(stack, entry) {
        return;
    }
    // SAFETY: nothing of this program is used any more; the other one begins as after a reset.
    unsafe {
        VECTOR_TABLE.write_volatile(address);
        asm!("dsb", "isb", "msr msp, {stack}", "bx {entry}", stack = in(reg) stack, entry = in(reg) entry, options(noreturn))
    }
}

/// Resets the board.
pub fn restart() -> ! {
    // SAFETY: the register that does so.
    unsafe { RESET_CONTROL.write_volatile(RESET_WITH_KEY) };
    loop {
        core::hint::spin_loop();
    }
}
