//! A plugin of the emulator: how often each instruction of the flash was executed, in a file that others read meanwhile.
//!
//! - The file is mapped: a number of 64 bits for each two bytes of flash, in the order of the host. `counts=FILE` names it; its length says how
//!   much flash is looked at.
//! - The emulator counts by itself; nothing is called while the program runs.
//! - `integration/src/microbit/instructions.rs` builds it with `rustc`, and reads the file. It is used with the
//!   versions 7 and 8 of the emulator, whose plugins have this interface.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::OpenOptions;
use std::os::fd::AsRawFd as _;
use std::sync::OnceLock;

type Id = u64;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, called: extern "C" fn(Id, *mut c_void));
    fn qemu_plugin_tb_n_insns(block: *const c_void) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const c_void, index: usize) -> *mut c_void;
    fn qemu_plugin_insn_vaddr(instruction: *const c_void) -> u64;
    fn qemu_plugin_register_vcpu_insn_exec_inline(
        instruction: *mut c_void,
        operation: c_int,
        at: *mut u64,
        number: u64,
    );
    fn mmap(at: *mut c_void, bytes: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

const ADD: c_int = 0;
const READ_WRITE: c_int = 3;
const SHARED: c_int = 1;

/// The interface that this is for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = 1;

/// Where the numbers are, and how many.
static COUNTS: OnceLock<(usize, usize)> = OnceLock::new();

/// Called once by the emulator. 0: well.
#[unsafe(no_mangle)]
pub extern "C" fn qemu_plugin_install(
    id: Id,
    _: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    if count != 1 {
        return 1;
    }
    // SAFETY: the emulator has so many arguments, each a text that ends with a zero.
    let argument = unsafe { CStr::from_ptr(*arguments) }.to_string_lossy();
    let Some(counts) = argument.strip_prefix("counts=").and_then(map) else {
        return 1;
    };
    if COUNTS.set(counts).is_err() {
        return 1;
    }
    // SAFETY: the function is as the interface has it.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

fn map(path: &str) -> Option<(usize, usize)> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let bytes = usize::try_from(file.metadata().ok()?.len()).ok()?;
    // SAFETY: a new place of its own for a file that is so long. It stays for as long as the emulator does.
    let at = unsafe { mmap(std::ptr::null_mut(), bytes, READ_WRITE, SHARED, file.as_raw_fd(), 0) };
    (at as isize != -1).then_some((at as usize, bytes / size_of::<u64>()))
}

extern "C" fn translated(_: Id, block: *mut c_void) {
    let Some((counts, length)) = COUNTS.get() else { return };
    // SAFETY: the block is the emulator's, and so are its instructions.
    for index in 0..unsafe { qemu_plugin_tb_n_insns(block) } {
        // SAFETY: as above.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        // SAFETY: as above.
        let place = unsafe { qemu_plugin_insn_vaddr(instruction) } / 2;
        if let Ok(place) = usize::try_from(place)
            && place < *length
        {
            // SAFETY: the number is one of those that are mapped, and one processor adds to it.
            unsafe {
                qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD, (*counts as *mut u64).add(place), 1)
            };
        }
    }
}
