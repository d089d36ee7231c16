//! A heap for tests, which ask for much and give it back: one list of free blocks for each power of two.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

/// The smallest block has room for a place in a list.
const SMALLEST: u32 = 4;
const SIZES: usize = 32;

struct Heap(UnsafeCell<Blocks>);

struct Blocks {
    /// The memory that no block was made of yet; zeros before the first one.
    rest: (usize, usize),
    /// The first free block of each size; it says where the next one is.
    free: [*mut u8; SIZES],
}

// SAFETY: the program has one thread, and no interrupt is on.
unsafe impl Sync for Heap {}

unsafe extern "C" {
    static heap_begin: u8;
    static heap_end: u8;
}

/// All of it is free.
#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Blocks {
    rest: (0, 0),
    free: [ptr::null_mut(); SIZES],
}));

/// Which power of two a block has, and which it lies at a multiple of.
fn size(layout: Layout) -> u32 {
    let bytes = layout.size().max(layout.align()).max(1 << SMALLEST);
    bytes.next_power_of_two().ilog2()
}

// SAFETY: a block is as long as its power of two, lies at a multiple of it, and is either in one list or with one caller.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = size(layout);
        // SAFETY: nobody else is in here; see `Sync`.
        let blocks = unsafe { &mut *self.0.get() };
        let first = blocks.free[size as usize];
        if !first.is_null() {
            // SAFETY: a free block begins with where the next one is, and lies at a multiple of its size.
            blocks.free[size as usize] = unsafe { first.cast::<*mut u8>().read() };
            return first;
        }
        if blocks.rest == (0, 0) {
            blocks.rest = (&raw const heap_begin as usize, &raw const heap_end as usize);
        }
        let (from, end) = blocks.rest;
        let begin = from.next_multiple_of(1 << size);
        match begin.checked_add(1 << size) {
            Some(behind) if behind <= end => {
                blocks.rest = (behind, end);
                begin as *mut u8
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let size = size(layout) as usize;
        // SAFETY: nobody else is in here; the block is the caller's, and has room for a place.
        unsafe {
            let blocks = &mut *self.0.get();
            block.cast::<*mut u8>().write(blocks.free[size]);
            blocks.free[size] = block;
        }
    }
}
