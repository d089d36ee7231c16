//! Versions of the board's application.

use super::trouble::Trouble;
use crate::board::{Firmware, address, image};
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;
use tuffet_board_layout::flash::SLOT_BYTES;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;

/// Which version.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What the application says of itself: up to 15 bytes.
    #[arg(long, value_parser = version)]
    version: String,
    /// How it behaves when it runs.
    #[arg(long, value_enum, default_value_t = Word::Good)]
    behaviour: Word,
    /// The folder for the images.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// A behaviour in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    /// As it should.
    Good,
    /// It hangs as soon as it runs.
    Hangs,
    /// It says of itself that it does not work.
    FailsSelfTest,
    /// It finds no network chip.
    FindsNoNetwork,
}

impl Word {
    const fn behaviour(self) -> Behaviour {
        match self {
            Self::Good => Behaviour::Good,
            Self::Hangs => Behaviour::Hangs,
            Self::FailsSelfTest => Behaviour::FailsSelfTest,
            Self::FindsNoNetwork => Behaviour::FindsNoNetwork,
        }
    }
}

/// Writes the images. The last line is a JSON object: the length of a slot, and each image with its address.
pub fn command(arguments: &Arguments) -> Result<(), Trouble> {
    let mut images = Vec::new();
    for (slot, letter) in [(Slot::A, 'a'), (Slot::B, 'b')] {
        let path = arguments.out.join(format!("{}-{letter}.bin", arguments.version));
        let bytes = image::image(
            Firmware::built(),
            slot,
            &arguments.version,
            arguments.behaviour.behaviour(),
        );
        std::fs::write(&path, bytes).map_err(|error| Trouble::storage("write", &path, error))?;
        images.push(json!({"file": path, "address": format!("0x{:08x}", address(slot))}));
    }
    println!("{}", json!({"slot_bytes": SLOT_BYTES, "images": images}));
    Ok(())
}

fn version(text: &str) -> Result<String, &'static str> {
    let fits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a version is 1 to 15 visible characters")
    }
}
