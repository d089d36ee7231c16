//! Where a program on an MPS2 board begins and ends.

/// The start of a program: runs the function, which answers `None` if something did not come to what it is here for, and ends. A
/// panic or a fault of the processor is a bad end.
#[macro_export]
macro_rules! start_with {
    ($body:ident) => {
        mod start {
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
            #[used]
            static VECTORS: Vectors = Vectors {
                stack_top: &raw const stack_top,
                reset,
                faults: [fault; 14],
            };

            // SAFETY: no other item of the program has this name.
            #[unsafe(no_mangle)]
            extern "C" fn reset() -> ! {
                $crate::timer::start();
                let is_well = super::$body().is_some();
                $crate::host::exit(is_well)
            }

            extern "C" fn fault() -> ! {
                $crate::host::print(format_args!("wrong: a fault of the processor"));
                $crate::host::exit(false)
            }

            #[panic_handler]
            fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
                let line = info.location().map_or(0, |location| location.line());
                $crate::host::print(format_args!("wrong: a panic in line {line}"));
                $crate::host::exit(false)
            }
        }
    };
}
