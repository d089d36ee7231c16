//! What the test files of the cores name of the standard library, and what is behind it on an emulated part: a heap, and lines of text.
//!
//! The program calls this crate `std`, and also `proptest`, whose cases stay on the host.
#![no_std]

extern crate alloc;

mod heap;
pub mod machine;

pub use alloc::{borrow, boxed, collections, fmt, format, rc, slice, str, string, vec};
pub use core::{array, cell, cmp, convert, hash, iter, mem, num, ops, ptr, result};

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {
        $crate::machine::print(format_args!($($text)*))
    };
}

/// Cases of chance are the host's.
#[macro_export]
macro_rules! proptest {
    ($($cases:tt)*) => {};
}

pub mod prelude {
    //! What the test files take from `proptest`.

    pub use crate::proptest;

    pub mod in_scope {
        //! What a program with a standard library has in scope.

        pub use crate::println;
        pub use alloc::borrow::ToOwned;
        pub use alloc::boxed::Box;
        pub use alloc::string::{String, ToString};
        pub use alloc::vec::Vec;
        pub use alloc::{format, vec};
    }
}

pub mod fs {
    //! There are no files: what is written is shown.

    use core::convert::Infallible;

    /// Shows what would be in the file.
    pub fn write(path: &str, text: &str) -> Result<(), Infallible> {
        println!("{path}:");
        for line in text.lines() {
            println!("{line}");
        }
        Ok(())
    }
}

pub mod sync {
    //! Statics of a program that has one thread.

    use core::cell::LazyCell;
    use core::ops::Deref;

    /// A value that is made when it is first looked at.
    pub struct LazyLock<T>(LazyCell<T>);

    impl<T> LazyLock<T> {
        /// Makes it by this, later.
        pub const fn new(make: fn() -> T) -> Self {
            Self(LazyCell::new(make))
        }
    }

    impl<T> Deref for LazyLock<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    // SAFETY: the program has one thread, and no interrupt is on.
    unsafe impl<T> Sync for LazyLock<T> {}
}
