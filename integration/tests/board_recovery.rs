//! The emulated board boots nothing, and takes its image again over the serial line.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use tuffet_board_layout::flash::MAP;
use tuffet_boot::{Slot, crc32};
use tuffet_integration::board::{Board, Emulator, Firmware, Product, Serial, factory, range, settings};
use tuffet_integration::device::OnBoard;
use tuffet_integration::device::small::Network;
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::firmware_of;
use tuffet_no_std_client::flash::Xip;
use tuffet_no_std_client::recovery::{RecoveryNak, SendError, Unwilling, ask, send};

const NOW: u64 = 1_800_000_000;
/// Half seconds that the device may be silent.
const SILENCES_MAX: u32 = 40;

/// A board in recovery, since slot A has one wrong bit, and what the slot held.
struct Rotten {
    board: Board,
    image: Vec<u8>,
    _server: Server,
}

impl Rotten {
    /// The image is the application.
    fn application() -> Self {
        let product = Product::new(NOW);
        let server = Server::start(product.repository.site.clone()).unwrap();
        let board = product.board(Emulator::An385, &server);
        Self::with(board, product.image(), server)
    }

    /// The image is a few kilobytes, and the application that runs for it stands outside the slots.
    fn short() -> Self {
        OnBoard::<Xip>::begin_firmware();
        let repository = Simulator::healthy_with(NOW, |release| release.carry(firmware_of("1.0.0", 8 * 1024)));
        let server = Server::start(repository.site.clone()).unwrap();
        let settings = settings(server.address());
        let root = repository.site.file("metadata/1.root.json").unwrap();
        let flash = factory::provision(&settings, root, &mut Network::to(repository.site.clone()), NOW);
        let board = Board::with_resident(Firmware::built(), Emulator::An385, &flash);
        Self::with(board, &repository.release.image, server)
    }

    fn with(mut board: Board, image: &[u8], server: Server) -> Self {
        let mut flash = board.memory().flash().unwrap();
        flash[range(MAP.slots.slot(Slot::A)).start + 5_000] ^= 1;
        board.memory().write_flash(&flash).unwrap();
        board.power_on(None);
        board.expect("recovery why=mismatch slot=A");
        Self {
            board,
            image: image.to_vec(),
            _server: server,
        }
    }
}

fn slot_a(board: &Board, bytes: usize) -> Vec<u8> {
    let start = range(MAP.slots.slot(Slot::A)).start;
    board.memory().flash().unwrap()[start..start + bytes].to_vec()
}

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn rotten_slot_is_brought_back_over_the_serial_line() {
    let Rotten {
        mut board,
        image,
        _server,
    } = Rotten::application();
    let offer = ask(board.serial(), SILENCES_MAX).unwrap();
    assert_eq!(offer.reason, Unwilling::Mismatch);
    assert_eq!(offer.digest[..], Sha256::digest(&image)[..]);
    send(board.serial(), &image, SILENCES_MAX, &mut |_| ()).unwrap();
    board.expect("recovered");
    board.expect("boot slot=A why=confirmed");
    board.expect("app version=1.0.0 slot=A");
    board.wait_for("update outcome=up-to-date");
    board.power_off();
    assert!(slot_a(&board, image.len()) == image);
}

/// A cut in the middle of the recovery is recovery again.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn killed_recovery_is_recovery_again() {
    let Rotten {
        mut board,
        image,
        _server,
    } = Rotten::short();
    let half = image.len() as u32 / 2;
    let mut line = Broken {
        serial: board.serial(),
        bytes_left: half,
    };
    let stalled = send(&mut line, &image, 1, &mut |_| ());
    assert!(matches!(stalled, Err(SendError::Stalled { .. })), "{stalled:?}");
    board.power_off();
    board.power_on(None);
    board.expect("recovery why=mismatch slot=A");
    send(board.serial(), &image, SILENCES_MAX, &mut |_| ()).unwrap();
    board.expect("recovered");
    board.expect("boot slot=A why=confirmed");
}

/// The host refuses another image before it sends any of it. One that forges what the device asked for is refused by the device.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn other_image_is_refused_by_the_device_with_its_code() {
    let Rotten {
        mut board,
        image,
        _server,
    } = Rotten::short();
    let mut other = image.clone();
    other[6_000] ^= 1;
    let refused = send(board.serial(), &other, SILENCES_MAX, &mut |_| ());
    assert!(matches!(refused, Err(SendError::WrongImage { .. })), "{refused:?}");

    let mut line = Forged {
        serial: board.serial(),
        digest: Sha256::digest(&other).into(),
        came: VecDeque::new(),
    };
    let refused = send(&mut line, &other, SILENCES_MAX, &mut |_| ());
    let Err(SendError::Refused { code }) = refused else {
        panic!("{refused:?}")
    };
    let named = RecoveryNak::ALL.into_iter().find(|nak| nak.code() == code);
    assert_eq!((code, named.map(RecoveryNak::name)), (605, Some("Digest")));

    send(board.serial(), &image, SILENCES_MAX, &mut |_| ()).unwrap();
    board.expect("recovered");
    board.expect("boot slot=A why=confirmed");
}

/// What no image can mend is said, and nothing is taken.
#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn board_without_a_boot_record_takes_nothing() {
    let Rotten {
        mut board,
        image,
        _server,
    } = Rotten::short();
    board.power_off();
    let mut flash = board.memory().flash().unwrap();
    flash[range(MAP.boot_record)].fill(0xFF);
    board.memory().write_flash(&flash).unwrap();
    board.power_on(None);
    board.expect("recovery why=unprovisioned");
    let refused = send(board.serial(), &image, SILENCES_MAX, &mut |_| ());
    let reason = Unwilling::Unprovisioned;
    assert_eq!(refused, Err(SendError::TakesNothing { reason }));
}

/// A line that breaks after so many bytes.
struct Broken<'b> {
    serial: &'b mut Serial,
    bytes_left: u32,
}

impl ErrorType for Broken<'_> {
    type Error = ErrorKind;
}

impl Read for Broken<'_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        self.serial.read(space)
    }
}

impl Write for Broken<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u32);
        if self.bytes_left == 0 {
            return Ok(bytes.len());
        }
        self.serial.write(bytes)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.serial.flush()
    }
}

/// A line on which the device's offer names another image: the host's own check is passed by.
struct Forged<'b> {
    serial: &'b mut Serial,
    digest: [u8; 32],
    came: VecDeque<u8>,
}

/// How an offer begins, where in it the digest is, and where its checksum.
const OFFER_START: [u8; 3] = [b'T', b'r', 0x81];
const OFFER_DIGEST: usize = 18;
const OFFER_CHECKSUM: usize = 50;

impl Forged<'_> {
    fn byte(&mut self) -> Result<u8, ErrorKind> {
        let mut byte = [0];
        self.serial.read(&mut byte)?;
        Ok(byte[0])
    }
}

impl ErrorType for Forged<'_> {
    type Error = ErrorKind;
}

impl Read for Forged<'_> {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, ErrorKind> {
        // What may begin an offer is held back until it is known whether it does, or nothing follows.
        while self.came.len() < OFFER_START.len() && OFFER_START.starts_with(self.came.make_contiguous()) {
            match self.byte() {
                Ok(byte) => self.came.push_back(byte),
                Err(error) if self.came.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        if self.came.make_contiguous() == OFFER_START {
            while self.came.len() < OFFER_CHECKSUM + 4 {
                let byte = self.byte()?;
                self.came.push_back(byte);
            }
            let offer = self.came.make_contiguous();
            offer[OFFER_DIGEST..OFFER_CHECKSUM].copy_from_slice(&self.digest);
            let checksum = crc32(&offer[..OFFER_CHECKSUM]);
            offer[OFFER_CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        }
        space[0] = self.came.pop_front().ok_or(ErrorKind::TimedOut)?;
        Ok(1)
    }
}

impl Write for Forged<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.serial.write(bytes)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.serial.flush()
    }
}
