//! Dividing numbers of 64 bits, for a program that has to be small.

/// Divides numbers of 64 bits in few bytes of flash, bit by bit: the function of the compiler's library is faster, and takes nine
/// hundred. For a program that divides them now and then.
#[macro_export]
macro_rules! small_division {
    () => {
        // The processor's interface gives it this name: r1:r0 divided by r3:r2, the quotient in r1:r0, the rest in r3:r2.
        ::core::arch::global_asm!(
            ".section .text.division",
            ".global __aeabi_uldivmod",
            ".thumb_func\n__aeabi_uldivmod:",
            "push {{r4, r5, r6, lr}}",
            "movs r4, #0",
            "movs r5, #0",
            "movs r6, #64",
            // The dividend moves up bit by bit into the rest r5:r4. The quotient moves in below.
            "1: adds r0, r0, r0",
            "adcs r1, r1",
            "adcs r4, r4",
            "adcs r5, r5",
            // A bit that moved out above: the rest is larger than any divisor.
            "bcs 2f",
            "cmp r4, r2",
            "sbcs r12, r5, r3",
            "blo 3f",
            "2: subs r4, r4, r2",
            "sbcs r5, r3",
            "adds r0, #1",
            "3: subs r6, #1",
            "bne 1b",
            "mov r2, r4",
            "mov r3, r5",
            "pop {{r4, r5, r6, pc}}",
        );
    };
}
