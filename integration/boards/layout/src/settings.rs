//! The settings of a device, in one page of flash.
//!
//! ```text
//! 0     MAGIC (8)
//! 8     product, hardware, channel, component: 25 bytes each, a length and so many bytes of text
//! 108   address of the repository's server: IPv4 (4), port (2, little-endian)
//! 114   boots that a new image has to be confirmed (1), zero (1)
//! 116   seconds between two polls (4), and to wait after a failure (4)
//! 124   most bytes that one installation may download (4); all ones: as many as it takes
//! 128   seed of the device (32)
//! 160   seconds for which a new image tries to reach the repository in one boot (4)
//! 164   SHA-256 of all that (32)
//! ```

use crate::flash::Mapped;
use tuffet_no_std_client::flash::{Map, Strategy};
use tuffet_no_std_client::release::{Id, Profile, Seed};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::wire::sha256;
use tuffet_no_std_client::{Device, Intake};

const MAGIC: [u8; 8] = *b"tuffet-0";
const ID_BYTES: usize = 25;
const SEALED_BYTES: usize = 164;
const NO_LIMIT: u32 = u32::MAX;

/// Who a device is, and where its repository is.
#[derive(Clone)]
pub struct Settings {
    /// The product id.
    pub product: Id,
    /// The hardware id.
    pub hardware: Id,
    /// The release channel.
    pub channel: Id,
    /// The component that is updated.
    pub component: Id,
    /// The server's address.
    pub server: [u8; 4],
    /// The server's port.
    pub port: u16,
    /// How many boots a new image has to be confirmed.
    pub trial_attempts: u8,
    /// Seconds between two polls.
    pub interval_s: u32,
    /// Seconds to wait after the first failure.
    pub backoff_s: u32,
    /// Most bytes that one installation may download; `None`: there is no limit.
    pub data_budget_bytes: Option<u32>,
    /// The seed for waves.
    pub seed: [u8; 32],
    /// For how many seconds of one boot a new image tries to reach the repository.
    pub self_test_s: u32,
}

/// Why a page holds no settings.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BadSettings {
    /// It is not what was written.
    Checksum,
    /// A name is not an id.
    Id,
    /// Nothing of the kind was ever written there.
    Magic,
}

impl BadSettings {
    /// A word for the serial line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checksum => "Checksum",
            Self::Id => "Id",
            Self::Magic => "Magic",
        }
    }
}

impl Settings {
    /// The device that a board with these settings and slots of this strategy is.
    #[must_use]
    pub fn device<S: Mapped>(&self) -> Device {
        self.device_over(S::MAP)
    }

    /// The same for a board with this map.
    #[must_use]
    pub fn device_over<S: Strategy>(&self, map: &Map<S>) -> Device {
        Device {
            product: self.product,
            hardware: self.hardware,
            channel: self.channel,
            component: self.component,
            slot_bytes: map.slots.slot_bytes(),
            seed: Seed::new(self.seed),
            limits: Limits::DEFAULT,
            slot_addresses: Some(map.slots.addresses()),
            intake: Intake::Streamed(Profile::Small),
            data_budget_bytes: self.data_budget_bytes,
        }
    }

    /// Bytes of a page that are used.
    pub const BYTES: usize = SEALED_BYTES + 32;

    /// Writes the page.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut page = [0; Self::BYTES];
        page[..8].copy_from_slice(&MAGIC);
        let ids = [&self.product, &self.hardware, &self.channel, &self.component];
        for (place, id) in page[8..].chunks_exact_mut(ID_BYTES).zip(ids) {
            let text = id.as_str().as_bytes();
            place[0] = text.len() as u8;
            place[1..=text.len()].copy_from_slice(text);
        }
        page[108..112].copy_from_slice(&self.server);
        page[112..114].copy_from_slice(&self.port.to_le_bytes());
        page[114] = self.trial_attempts;
        page[116..120].copy_from_slice(&self.interval_s.to_le_bytes());
        page[120..124].copy_from_slice(&self.backoff_s.to_le_bytes());
        page[124..128].copy_from_slice(&self.data_budget_bytes.unwrap_or(NO_LIMIT).to_le_bytes());
        page[128..160].copy_from_slice(&self.seed);
        page[160..164].copy_from_slice(&self.self_test_s.to_le_bytes());
        let seal = sha256(&[&page[..SEALED_BYTES]]);
        page[SEALED_BYTES..].copy_from_slice(&seal);
        page
    }

    /// Reads the page.
    pub fn decode(page: &[u8; Self::BYTES]) -> Result<Self, BadSettings> {
        if page[..8] != MAGIC {
            return Err(BadSettings::Magic);
        }
        if sha256(&[&page[..SEALED_BYTES]])[..] != page[SEALED_BYTES..] {
            return Err(BadSettings::Checksum);
        }
        let id = |index: usize| {
            let place = &page[8 + index * ID_BYTES..][..ID_BYTES];
            let text = place.get(1..=usize::from(place[0])).ok_or(BadSettings::Id)?;
            let text = core::str::from_utf8(text).map_err(|_| BadSettings::Id)?;
            Id::parse(text).map_err(|_| BadSettings::Id)
        };
        let number = |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        let mut seed = [0; 32];
        seed.copy_from_slice(&page[128..160]);
        Ok(Self {
            product: id(0)?,
            hardware: id(1)?,
            channel: id(2)?,
            component: id(3)?,
            server: [page[108], page[109], page[110], page[111]],
            port: u16::from_le_bytes([page[112], page[113]]),
            trial_attempts: page[114],
            interval_s: number(116),
            backoff_s: number(120),
            data_budget_bytes: Some(number(124)).filter(|bytes| *bytes != NO_LIMIT),
            seed,
            self_test_s: number(160),
        })
    }
}
