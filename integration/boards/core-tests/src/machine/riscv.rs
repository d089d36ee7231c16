//! The board `virt` with a processor of 32 bits.

use core::arch::{asm, global_asm};

/// What the program says that it runs on.
pub const NAME: &str = "riscv32";

/// The serial port, a 16550: what is written to its first register is sent.
const PORT: *mut u8 = 0x1000_0000 as *mut u8;

/// Where a program ends the emulator, and what it writes there.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const WELL: u32 = 0x5555;
const BADLY: u32 = 1 << 16 | 0x3333;

// The processor begins here, with nothing set. Where it goes with what it refuses lies at a multiple of four.
global_asm!(
    ".section .start, \"ax\"",
    ".global _start",
    "_start:",
    "la sp, stack_top",
    "la t0, 1f",
    "csrw mtvec, t0",
    "j {begin}",
    ".balign 4",
    "1:",
    "j {fault}",
    begin = sym super::begin,
    fault = sym fault,
);

/// Whatever the processor refuses ends the program.
extern "C" fn fault() -> ! {
    let (cause, at): (usize, usize);
    // SAFETY: reads two registers.
    unsafe { asm!("csrr {}, mcause", "csrr {}, mepc", out(reg) cause, out(reg) at) };
    super::print(format_args!("FAILED: the processor stopped at {at:#x}, cause {cause}"));
    exit(false)
}

/// The port needs nothing.
pub fn open() {}

/// Sends a byte.
pub fn put(byte: u8) {
    // SAFETY: a register of the port, which nothing else uses; the emulated one is always ready.
    unsafe { PORT.write_volatile(byte) };
}

/// Ends the emulator.
pub fn exit(is_well: bool) -> ! {
    // SAFETY: the register of the finisher.
    unsafe { FINISHER.write_volatile(if is_well { WELL } else { BADLY }) };
    loop {
        core::hint::spin_loop();
    }
}
