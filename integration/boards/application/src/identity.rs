//! Who the device is: what the factory wrote into the settings page, and what the firmware knows of itself.

use embedded_storage::nor_flash::ReadNorFlash as _;
use tuffet_board_layout::flash::SETTINGS;
use tuffet_board_layout::{BadSettings, Settings};
use tuffet_mps2::Nor;
use tuffet_no_std_client::poll::Schedule;
use tuffet_no_std_client::{self as client, DeviceClock};

/// Reads the settings page.
pub fn settings(flash: &mut Nor) -> Result<Settings, BadSettings> {
    let mut page = [0; Settings::BYTES];
    let Ok(()) = flash.read(SETTINGS.start, &mut page);
    Settings::decode(&page)
}

/// How the device updates itself.
pub fn client_settings(settings: &Settings, clock: DeviceClock) -> client::Settings {
    client::Settings {
        trial_attempts: settings.trial_attempts,
        schedule: Schedule {
            interval_s: settings.interval_s,
            backoff_first_s: settings.backoff_s,
            ..Schedule::DEFAULT
        },
        clock,
    }
}
