//! The boards `mps2-an385` and `mps2-an386`.

use tuffet_emulated::host;

/// What the program says that it runs on.
pub const NAME: &str = "arm";

/// The first serial port.
const PORT: *mut u32 = 0x4000_4000 as *mut u32;
const DATA: usize = 0;
const CONTROL: usize = 2;
const DIVIDER: usize = 4;
const SENDS: u32 = 1;
/// The smallest one that there is.
const FASTEST: u32 = 16;

/// Where the processor begins.
#[repr(C)]
struct Vectors {
    stack_top: *const u32,
    reset: extern "C" fn() -> !,
    /// Whatever goes wrong ends the program.
    faults: [extern "C" fn() -> !; 14],
}

// SAFETY: nobody but the processor reads it.
unsafe impl Sync for Vectors {}

unsafe extern "C" {
    static stack_top: u32;
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
    super::begin()
}

extern "C" fn fault() -> ! {
    super::print(format_args!("FAILED: a fault of the processor"));
    exit(false)
}

/// Lets the port send.
pub fn open() {
    // SAFETY: registers of the port, which nothing else uses.
    unsafe {
        PORT.add(DIVIDER).write_volatile(FASTEST);
        PORT.add(CONTROL).write_volatile(SENDS);
    }
}

/// Sends a byte.
pub fn put(byte: u8) {
    // SAFETY: a register of the port.
    while unsafe { PORT.add(1).read_volatile() } & 1 != 0 {}
    // SAFETY: the same.
    unsafe { PORT.add(DATA).write_volatile(byte.into()) };
}

/// Ends the emulator.
pub fn exit(is_well: bool) -> ! {
    host::exit(is_well)
}
