//! What the processor sees where.
//!
//! ```text
//! 0x0000_0000  bootloader: 16 KiB, as in a ROM that is written in the factory
//! 0x0010_0000  the application for boards whose images hold something else than programs
//! 0x2000_0000  RAM: 64 KiB
//! 0x2100_0000  16 MiB that outlive a reset, the emulator, and its sudden death: a file of the host
//!              offset 0                   the flash: the map of the module `flash`
//!              offset CONTROL_OFFSET      the control block
//!              offset TRACE_OFFSET        the trace of flash operations, up to the end
//! ```

/// Where the bootloader lies.
pub const BOOTLOADER_ADDRESS: u32 = 0;
/// Flash that a bootloader may take, in bytes.
pub const BOOTLOADER_BYTES_MAX: u32 = 16 * 1024;

/// Where the application lies that runs for images which are no programs: their vectors lead here.
pub const RESIDENT_ADDRESS: u32 = 0x0010_0000;
/// Bytes of the table of vectors, at the beginning of every program.
pub const VECTORS_BYTES: usize = 64;

/// A processor looks for such a table at multiples of this.
pub const VECTORS_ALIGN: u32 = 128;

/// Where RAM begins.
pub const RAM_ADDRESS: u32 = 0x2000_0000;
/// RAM that a program may take, stack and statics, in bytes.
pub const RAM_BYTES_MAX: u32 = 64 * 1024;
/// Flash that an application may take, network stack included, in bytes.
pub const APPLICATION_BYTES_MAX: u32 = 128 * 1024;

/// Where the memory begins that is a file of the host.
pub const PSRAM_ADDRESS: u32 = 0x2100_0000;
/// Its length in bytes.
pub const PSRAM_BYTES: u32 = 16 * 1024 * 1024;

/// Where in it the control block lies.
pub const CONTROL_OFFSET: u32 = 8 * 1024 * 1024;
/// Where in it the trace lies.
pub const TRACE_OFFSET: u32 = CONTROL_OFFSET + 4 * 1024;
