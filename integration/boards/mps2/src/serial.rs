//! The serial port, and the lines that are written to it. What they say is the contract in `tuffet_board_layout`.
//!
//! Numbers are written here without `core::fmt`, which a bootloader of 16 KiB would feel.

use crate::register::Register;

/// A UART of the CMSDK: data, state, control, and the divider of its clock.
const UART: usize = 0x4000_4000;
// SAFETY: the registers of the first UART.
const DATA: Register = unsafe { Register::at(UART) };
// SAFETY: as above.
const STATE: Register = unsafe { Register::at(UART + 0x04) };
// SAFETY: as above.
const CONTROL: Register = unsafe { Register::at(UART + 0x08) };
// SAFETY: as above.
const DIVIDER: Register = unsafe { Register::at(UART + 0x10) };

const SENDS_NO_MORE: u32 = 1;
const HAS_RECEIVED: u32 = 2;
const SEND_AND_RECEIVE: u32 = 3;
/// The smallest that the port takes: the emulator sends at once in any case.
const FASTEST: u32 = 16;

/// Decimal digits of the largest number.
const DIGITS_MAX: usize = 10;

/// Switches the port on.
pub fn start() {
    DIVIDER.write(FASTEST);
    CONTROL.write(SEND_AND_RECEIVE);
}

/// Sends one byte.
pub fn send(byte: u8) {
    while STATE.read() & SENDS_NO_MORE != 0 {}
    DATA.write(u32::from(byte));
}

/// A byte that came, if one did.
pub fn receive() -> Option<u8> {
    (STATE.read() & HAS_RECEIVED != 0).then(|| DATA.read().to_le_bytes()[0])
}

/// A line. It ends when it is dropped.
pub struct Line(());

impl Line {
    /// Begins the line of an event.
    pub fn of(event: &str) -> Self {
        text("tuffet ");
        text(event);
        Self(())
    }

    /// A name and what it is.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.name(name);
        text(value);
        self
    }

    /// A name and a number.
    pub fn with_number(self, name: &str, value: impl Into<u32>) -> Self {
        self.name(name);
        number(value.into());
        self
    }

    /// A name and an address, in eight hexadecimal digits.
    pub fn with_address(self, name: &str, address: u32) -> Self {
        self.name(name);
        for shift in (0..u32::BITS).step_by(4).rev() {
            let digit = (address >> shift & 0xF) as u8;
            send(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
        }
        self
    }

    /// A name and a version.
    pub fn with_version(self, name: &str, numbers: [u32; 3]) -> Self {
        self.name(name);
        for (index, part) in numbers.into_iter().enumerate() {
            if index > 0 {
                send(b'.');
            }
            number(part);
        }
        self
    }

    fn name(&self, name: &str) {
        send(b' ');
        text(name);
        send(b'=');
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        send(b'\n');
    }
}

fn text(text: &str) {
    text.bytes().for_each(send);
}

fn number(mut value: u32) {
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
    digits[from..].iter().copied().for_each(send);
}
