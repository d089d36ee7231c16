//! The device: its flash, and who it is.

use super::folder::{Folder, Settings};
use super::http::{Place, Socket, SocketHttpError};
use super::layout::{capacity_bytes, layout};
use super::report::Told;
use super::trouble::Trouble;
use crate::nor::SmallNor;
use std::cell::RefCell;
use std::fs::File;
use std::time::SystemTime;
use tuffet_no_std_client::flash::{Map, Storage, Xip};
use tuffet_no_std_client::http::Http;
use tuffet_no_std_client::patch::Decoder;
use tuffet_no_std_client::poll::Schedule;
use tuffet_no_std_client::release::{Id, Seed};
use tuffet_no_std_client::tuf::Limits;
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{self as client, Client, Intake, Stop};

/// A device that is switched on.
pub struct FlashDevice {
    /// Who it is and how it is set up.
    pub settings: Settings,
    /// Its folder.
    pub folder: Folder,
    /// What lies where in its flash.
    pub map: Map<Xip>,
    identity: client::Device,
    flash: RefCell<SmallNor>,
    _lock: File,
}

/// A driver of this device, for the decoder `D`.
pub type Driver<'d, D> = Client<'d, SmallNor, Xip, D>;

impl FlashDevice {
    /// Switches on a device that was provisioned.
    pub fn open(folder: &Folder) -> Result<Self, Trouble> {
        let settings = folder.settings()?;
        let lock = folder.lock()?;
        let (seed, contents) = (folder.seed()?, folder.read_flash()?);
        let map = map(&settings)?;
        let expected = capacity_bytes(&map);
        if contents.len() != expected {
            return Err(Trouble::FlashLength {
                file: folder.flash(),
                bytes: contents.len(),
                expected,
            });
        }
        Self::new(folder, settings, seed, map, SmallNor::with_contents(contents), lock)
    }

    /// A new device in the factory, in a new folder: its flash is erased. It has no place in a wave before its first boot.
    pub fn blank(folder: &Folder, settings: Settings) -> Result<Self, Trouble> {
        let map = map(&settings)?;
        folder.create()?;
        let lock = folder.lock()?;
        let flash = SmallNor::new(capacity_bytes(&map));
        Self::new(folder, settings, [0; 32], map, flash, lock)
    }

    fn new(
        folder: &Folder,
        settings: Settings,
        seed: [u8; 32],
        map: Map<Xip>,
        flash: SmallNor,
        lock: File,
    ) -> Result<Self, Trouble> {
        settings.trial.first_byte()?;
        let [product, hardware, channel] = settings.identity.ids()?;
        let component = Id::parse("firmware").map_err(|_| client::Failure::Misuse)?;
        let identity = client::Device {
            product,
            hardware,
            channel,
            component,
            slot_bytes: settings.identity.slot_bytes,
            seed: Seed::new(seed),
            limits: Limits::DEFAULT,
            // The images of a product that runs in any slot.
            slot_addresses: None,
            intake: Intake::Streamed(settings.identity.profile.profile()),
            data_budget_bytes: None,
        };
        Ok(Self {
            settings,
            folder: folder.clone(),
            map,
            identity,
            flash: RefCell::new(flash),
            _lock: lock,
        })
    }

    /// Its flash, as drivers want it.
    pub fn storage(&self) -> Storage<'_, SmallNor, Xip> {
        Storage::new(&self.flash, &self.map)
    }

    /// Where its repository is.
    pub fn repository(&self) -> Result<Place, Trouble> {
        Ok(Place::new(&self.settings.repository.address)?)
    }

    /// Its driver.
    pub fn driver<D: Decoder>(&self) -> Result<Driver<'_, D>, Trouble> {
        let settings = client::Settings {
            trial_attempts: self.settings.trial.attempts,
            schedule: Schedule {
                interval_s: self.settings.poll.interval_s,
                ..Schedule::DEFAULT
            },
            ..client::Settings::DEFAULT
        };
        Ok(Client::new(&self.identity, self.storage(), settings, now())?)
    }

    /// Writes down what the flash holds, if anything was done with it.
    pub fn save(&self) -> Result<(), Trouble> {
        let flash = self.flash.borrow();
        if flash.tally().operations() == 0 {
            return Ok(());
        }
        self.folder.write_flash(flash.contents())
    }

    /// Adds what the network and the flash had to do since the device was switched on.
    pub fn with_cost(&self, told: Told, http: &Http<'_, Socket>) -> Told {
        let (received, flash) = (http.received(), self.flash.borrow());
        let wear = flash.tally().whole();
        told.with("bytes", received.body_bytes)
            .with("head_bytes", received.head_bytes)
            .with("requests", received.requests)
            .with("flash_operations", flash.tally().operations())
            .with("erases_max", wear.erases_max)
            .with("bytes_written", wear.bytes_written)
    }
}

/// What lies where in the flash of a device with these settings.
fn map(settings: &Settings) -> Result<Map<Xip>, Trouble> {
    let (profile, slot_bytes) = (settings.identity.profile, settings.identity.slot_bytes);
    layout(slot_bytes, profile.checkpoint_bytes()).map_err(|error| Trouble::Map { slot_bytes, error })
}

/// A driver's answer, with what the transport says about its own failure.
pub fn or_trouble<T>(
    outcome: Result<T, Stop<crate::nor::NorError>>,
    failed: Option<&SocketHttpError>,
) -> Result<T, Trouble> {
    outcome.map_err(|stop| Trouble::of(stop, failed))
}

/// The time of this machine's clock.
pub fn now() -> UnixSeconds {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixSeconds::new(since_1970.map_or(0, |duration| duration.as_secs()))
}
