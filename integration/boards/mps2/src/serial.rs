//! The serial port, and the lines that are written to it. What they say is the contract in `tuffet_board_layout`.

use tuffet_program::{Register, Wire};

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

/// The port as lines are written to it.
pub struct Uart(());

impl Wire for Uart {
    fn send(byte: u8) {
        send(byte);
    }
}

/// A line on this port.
pub type Line = tuffet_program::Line<Uart>;
