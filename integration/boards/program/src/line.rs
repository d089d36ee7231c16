//! The lines that firmware writes to its serial port. What they say is the contract in `tuffet_board_layout`.
//!
//! Numbers are written here without `core::fmt`, which a small bootloader would feel.

use core::marker::PhantomData;

/// Where the bytes of lines go.
pub trait Wire {
    /// Whether errors are said by their names too. A program that has no room for the names says their numbers, which the host knows.
    const NAMES_ERRORS: bool = true;

    /// Sends one byte.
    fn send(byte: u8);
}

/// Decimal digits of the largest number.
const DIGITS_MAX: usize = 10;

/// A line. It ends when it is dropped.
pub struct Line<W: Wire>(PhantomData<W>);

impl<W: Wire> Line<W> {
    /// Begins the line of an event.
    pub fn of(event: &str) -> Self {
        text::<W>("tuffet ");
        text::<W>(event);
        Self(PhantomData)
    }

    /// A name and what it is.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.name(name);
        text::<W>(value);
        self
    }

    /// A name and a number.
    pub fn with_number(self, name: &str, value: impl Into<u32>) -> Self {
        self.name(name);
        number::<W>(value.into());
        self
    }

    /// A name and an address, in eight hexadecimal digits.
    pub fn with_address(self, name: &str, address: u32) -> Self {
        self.name(name);
        for shift in (0..u32::BITS).step_by(4).rev() {
            let digit = (address >> shift & 0xF) as u8;
            W::send(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
        self
    }

    /// A name and a version.
    pub fn with_version(self, name: &str, numbers: [u32; 3]) -> Self {
        self.name(name);
        for (index, part) in numbers.into_iter().enumerate() {
            if index > 0 {
                W::send(b'.');
            }
            number::<W>(part);
        }
        self
    }

    fn name(&self, name: &str) {
        W::send(b' ');
        text::<W>(name);
        W::send(b'=');
    }
}

impl<W: Wire> Drop for Line<W> {
    fn drop(&mut self) {
        W::send(b'\n');
    }
}

fn text<W: Wire>(text: &str) {
    text.bytes().for_each(W::send);
}

fn number<W: Wire>(mut value: u32) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut from = DIGITS_MAX;
    loop {
        from -= 1;
        digits[from] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    digits[from..].iter().copied().for_each(W::send);
}
