//! Dividing numbers of 32 bits, for a program that has to be small, on a processor that has no instruction for it.

/// Divides numbers of 32 bits in few bytes of flash, bit by bit: the function of the compiler's library is faster, and takes four
/// hundred. For a program that divides them now and then.
#[macro_export]
macro_rules! small_division {
    () => {
        // The processor's interface gives it these names: r0 divided by r1, the quotient in r0, the rest in r1.
        ::core::arch::global_asm!(
            ".section .text.division",
            ".global __aeabi_uidiv, __aeabi_uidivmod",
            ".thumb_func\n__aeabi_uidiv:",
            ".thumb_func\n__aeabi_uidivmod:",
            "movs r2, #0",
            "movs r3, #32",
            // The dividend moves up bit by bit into the rest. The quotient moves in below.
            "1: adds r0, r0, r0",
            "adcs r2, r2",
            // A bit that moved out above: the rest is larger than any divisor.
            "bcs 2f",
            "cmp r2, r1",
            "blo 3f",
            "2: subs r2, r2, r1",
            "adds r0, #1",
            "3: subs r3, #1",
            "bne 1b",
            "movs r1, r2",
            "bx lr",
        );
    };
}
