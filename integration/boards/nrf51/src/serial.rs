//! The serial port, and the lines that are written to it. What they say is the contract in `tuffet_board_layout`.

use tuffet_program::{Register, Wire};

const UART: usize = 0x4000_2000;
const GPIO: usize = 0x5000_0000;
const CLOCK: usize = 0x4000_0000;

const fn register(offset: usize) -> Register {
    // SAFETY: the registers of the port.
    unsafe { Register::at(UART + offset) }
}

const START_RECEIVING: Register = register(0x000);
const START_SENDING: Register = register(0x008);
const RECEIVED: Register = register(0x108);
const SENT: Register = register(0x11C);
const ENABLE: Register = register(0x500);
const SENDING_PIN: Register = register(0x50C);
const RECEIVING_PIN: Register = register(0x514);
const RECEIVED_DATA: Register = register(0x518);
const SENT_DATA: Register = register(0x51C);
const BAUD_RATE: Register = register(0x524);

// SAFETY: a register of the pins.
const PINS_HIGH: Register = unsafe { Register::at(GPIO + 0x508) };
// SAFETY: as above.
const PINS_OUT: Register = unsafe { Register::at(GPIO + 0x518) };
// SAFETY: a register of the clock.
const START_CRYSTAL: Register = unsafe { Register::at(CLOCK) };
// SAFETY: as above.
const CRYSTAL_RUNS: Register = unsafe { Register::at(CLOCK + 0x100) };

/// The pins of the board that lead to its USB chip.
const SENDING: u32 = 24;
const RECEIVING: u32 = 25;
const ON: u32 = 4;
/// 115,200 baud.
const BAUDS: u32 = 0x01D7_E000;

/// Switches the port on.
pub fn start() {
    // The clock that the part begins with is not exact enough for a line.
    START_CRYSTAL.write(1);
    while CRYSTAL_RUNS.read() == 0 {}
    PINS_HIGH.write(1 << SENDING);
    PINS_OUT.write(1 << SENDING);
    SENDING_PIN.write(SENDING);
    RECEIVING_PIN.write(RECEIVING);
    BAUD_RATE.write(BAUDS);
    ENABLE.write(ON);
    START_SENDING.write(1);
    START_RECEIVING.write(1);
}

/// Sends one byte, and waits until it is on its way.
#[inline(never)]
pub fn send(byte: u8) {
    SENT.write(0);
    SENT_DATA.write(u32::from(byte));
    while SENT.read() == 0 {}
}

/// A byte that came, if one did. The port holds six; what comes while it is full is lost.
pub fn receive() -> Option<u8> {
    if RECEIVED.read() == 0 {
        return None;
    }
    RECEIVED.write(0);
    Some(RECEIVED_DATA.read().to_le_bytes()[0])
}

/// The port as lines are written to it.
pub struct Uart(());

impl Wire for Uart {
    const NAMES_ERRORS: bool = false;

    fn send(byte: u8) {
        send(byte);
    }
}

/// A line on this port.
pub type Line = tuffet_program::Line<Uart>;
