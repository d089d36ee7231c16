//! Copying and filling memory, for a program that has to be small.

/// Copies and fills memory in few bytes of flash, byte by byte: those of the compiler's library are faster, and take three
/// thousand.
#[macro_export]
macro_rules! small_memory {
    () => {
        // What the compiler calls by these names: the arguments of C, and for the second group those of the processor's interface.
        ::core::arch::global_asm!(
            ".section .text.memory_copy",
            ".global memcpy, memmove",
            ".global __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8",
            ".global __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8",
            ".thumb_func\nmemcpy:",
            ".thumb_func\nmemmove:",
            ".thumb_func\n__aeabi_memcpy:",
            ".thumb_func\n__aeabi_memcpy4:",
            ".thumb_func\n__aeabi_memcpy8:",
            ".thumb_func\n__aeabi_memmove:",
            ".thumb_func\n__aeabi_memmove4:",
            ".thumb_func\n__aeabi_memmove8:",
            "mov r3, r0",
            "cmp r1, r0",
            // What overlaps is copied from the end that nothing is written over before it was read.
            "blo 2f",
            "1: subs r2, #1",
            "bmi 3f",
            "ldrb r12, [r1], #1",
            "strb r12, [r3], #1",
            "b 1b",
            "2: subs r2, #1",
            "bmi 3f",
            "ldrb r12, [r1, r2]",
            "strb r12, [r3, r2]",
            "b 2b",
            "3: bx lr",
            ".section .text.memory_fill",
            ".global memset",
            ".global __aeabi_memset, __aeabi_memset4, __aeabi_memset8",
            ".global __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8",
            ".thumb_func\nmemset:",
            "mov r3, r1",
            "mov r1, r2",
            "mov r2, r3",
            "b 1f",
            ".thumb_func\n__aeabi_memclr:",
            ".thumb_func\n__aeabi_memclr4:",
            ".thumb_func\n__aeabi_memclr8:",
            "movs r2, #0",
            ".thumb_func\n__aeabi_memset:",
            ".thumb_func\n__aeabi_memset4:",
            ".thumb_func\n__aeabi_memset8:",
            "1: mov r3, r0",
            "2: subs r1, #1",
            "bmi 3f",
            "strb r2, [r3], #1",
            "b 2b",
            "3: bx lr",
        );
    };
}
