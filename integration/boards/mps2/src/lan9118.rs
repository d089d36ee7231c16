//! The network chip LAN9118, asked and never interrupting, as `smoltcp` wants a device.
//!
//! A frame that comes or goes stands in a buffer of this driver, so no frame of any function is as long as one.

use smoltcp::phy::{self, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use tuffet_program::Register;

const CHIP: usize = 0x4020_0000;

const fn register(offset: usize) -> Register {
    // SAFETY: the registers of the chip.
    unsafe { Register::at(CHIP + offset) }
}

const RECEIVED_DATA: Register = register(0x00);
const SENT_DATA: Register = register(0x20);
const RECEIVED_STATUS: Register = register(0x40);
const SENT_STATUS: Register = register(0x48);
const IDENTITY: Register = register(0x50);
const BYTE_TEST: Register = register(0x64);
const SEND_CONFIGURATION: Register = register(0x70);
const HARDWARE_CONFIGURATION: Register = register(0x74);
const RECEIVED_COUNT: Register = register(0x7C);
const SENT_COUNT: Register = register(0x80);
const MAC_COMMAND: Register = register(0xA4);
const MAC_VALUE: Register = register(0xA8);

const BYTE_TEST_VALUE: u32 = 0x8765_4321;
const IDENTITY_VALUE: u32 = 0x0118;
const SOFT_RESET: u32 = 1;
/// 5 KiB for frames that go, and a bit that must be one.
const FIFO_SHARES: u32 = 5 << 16 | 1 << 20;
const SEND_ON: u32 = 1 << 1;
/// First and last segment of a frame, in the first word of the command that sends it.
const WHOLE_FRAME: u32 = 1 << 13 | 1 << 12;

const MAC_BUSY: u32 = 1 << 31;
const MAC_READ: u32 = 1 << 30;
const MAC_CONTROL: u32 = 1;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;
/// Full duplex, and both directions on.
const MAC_ON: u32 = 1 << 20 | 1 << 3 | 1 << 2;

/// Longest frame in bytes, without its checksum.
const FRAME_BYTES_MAX: usize = 1514;
const CHECKSUM_BYTES: usize = 4;
const FRAME_WORDS: usize = (FRAME_BYTES_MAX + CHECKSUM_BYTES).div_ceil(4);

type Frame = [u8; FRAME_WORDS * 4];

/// The chip.
pub struct Lan9118 {
    address: [u8; 6],
    received: Frame,
    sent: Frame,
}

/// A frame that came.
pub struct Received<'c>(&'c [u8]);

/// Room for a frame that goes.
pub struct Sent<'c>(&'c mut Frame);

impl Lan9118 {
    /// Starts the chip; `None` if it is another one.
    pub fn start() -> Option<Self> {
        if BYTE_TEST.read() != BYTE_TEST_VALUE || IDENTITY.read() >> 16 != IDENTITY_VALUE {
            return None;
        }
        HARDWARE_CONFIGURATION.write(SOFT_RESET);
        while HARDWARE_CONFIGURATION.read() & SOFT_RESET != 0 {}
        HARDWARE_CONFIGURATION.write(FIFO_SHARES);
        SEND_CONFIGURATION.write(SEND_ON);
        let [a, b, c, d] = mac_read(MAC_ADDRESS_LOW).to_le_bytes();
        let [e, f, ..] = mac_read(MAC_ADDRESS_HIGH).to_le_bytes();
        mac_write(MAC_CONTROL, MAC_ON);
        Some(Self {
            address: [a, b, c, d, e, f],
            received: [0; FRAME_WORDS * 4],
            sent: [0; FRAME_WORDS * 4],
        })
    }

    /// Its address.
    pub const fn address(&self) -> [u8; 6] {
        self.address
    }
}

fn mac_read(index: u32) -> u32 {
    MAC_COMMAND.write(MAC_BUSY | MAC_READ | index);
    while MAC_COMMAND.read() & MAC_BUSY != 0 {}
    MAC_VALUE.read()
}

fn mac_write(index: u32, value: u32) {
    MAC_VALUE.write(value);
    MAC_COMMAND.write(MAC_BUSY | index);
    while MAC_COMMAND.read() & MAC_BUSY != 0 {}
}

impl Device for Lan9118 {
    type RxToken<'c> = Received<'c>;
    type TxToken<'c> = Sent<'c>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Sent<'_>)> {
        let waiting = RECEIVED_COUNT.read() >> 16 & 0xFF;
        if waiting == 0 {
            return None;
        }
        let bytes = (RECEIVED_STATUS.read() >> 16 & 0x3FFF) as usize;
        let (places, _) = self.received.as_chunks_mut::<4>();
        for index in 0..bytes.div_ceil(4) {
            let word = RECEIVED_DATA.read();
            // What is longer than a frame is taken out of the chip, and not kept.
            if let Some(place) = places.get_mut(index) {
                *place = word.to_le_bytes();
            }
        }
        let frame_bytes = bytes.saturating_sub(CHECKSUM_BYTES).min(FRAME_BYTES_MAX);
        Some((Received(&self.received[..frame_bytes]), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_BYTES_MAX;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(self.0)
    }
}

impl phy::TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, work: F) -> R {
        let result = work(&mut self.0[..bytes]);
        let length = bytes as u32;
        SENT_DATA.write(WHOLE_FRAME | length);
        SENT_DATA.write(length);
        let (words, _) = self.0.as_chunks::<4>();
        for word in &words[..bytes.div_ceil(4)] {
            SENT_DATA.write(u32::from_le_bytes(*word));
        }
        // What became of it nobody asks; the chip has room for so many answers only.
        while SENT_COUNT.read() >> 16 & 0xFF != 0 {
            SENT_STATUS.read();
        }
        result
    }
}
