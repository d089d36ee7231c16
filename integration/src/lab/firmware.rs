//! The vendor's firmware files, held against the board before anything is flashed.

use super::board::{Board, Processor};
use super::flash_map::StrategyMap;
use super::trouble::Trouble;
use std::path::{Path, PathBuf};
use tuffet_no_std_client::release::Version;

/// What files are that are no plain images, by how they begin.
const OTHER_FORMATS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF file; `objcopy -O binary` makes a plain image of it"),
    (
        b":10",
        "an Intel HEX file; `objcopy -I ihex -O binary` makes a plain image of it",
    ),
    (
        b":02000004",
        "an Intel HEX file; `objcopy -I ihex -O binary` makes a plain image of it",
    ),
    (
        b"S0",
        "a file of S-records; `objcopy -I srec -O binary` makes a plain image of it",
    ),
    (
        b"UF2\n",
        "a UF2 file; the lab needs the plain image that it was made of",
    ),
];

/// One version of the firmware: one image that runs anywhere, or one for each slot.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Its version.
    pub version: String,
    /// Its images: of slot A and slot B, or the only one.
    pub images: Vec<Vec<u8>>,
}

impl Firmware {
    /// Reads the files of a version.
    ///
    /// # Errors
    ///
    /// When they are not for this board.
    pub fn read(board: &Board, option: &str, version: &str, files: &[PathBuf]) -> Result<Self, Trouble> {
        Self::check_version(version)?;
        let needed = board.flash.images();
        if files.len() != needed {
            let slots = match (needed, &board.flash.map) {
                (2, _) => "two times: its images are linked for slot A and for slot B",
                (_, StrategyMap::Swap(_)) => "once: its images run in one place",
                (_, StrategyMap::Xip(_)) => "once: its images run in any slot",
            };
            return Err(Trouble::Usage(format!(
                "the board {} needs {option} {slots}; it was given {} times",
                board.name,
                files.len()
            )));
        }
        let images: Result<Vec<_>, _> = files
            .iter()
            .enumerate()
            .map(|(slot, file)| image(board, slot, file))
            .collect();
        Ok(Self {
            version: version.to_owned(),
            images: images?,
        })
    }

    /// Refuses what is no version.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn check_version(version: &str) -> Result<(), Trouble> {
        if Version::parse(version).is_some() {
            return Ok(());
        }
        Err(Trouble::Usage(format!(
            "`{version}` is no version: three numbers with dots between them, as in 1.4.0"
        )))
    }

    /// The image for a slot.
    #[must_use]
    pub fn image(&self, slot: usize) -> &[u8] {
        self.images.get(slot).or(self.images.first()).map_or(&[], Vec::as_slice)
    }
}

fn image(board: &Board, slot: usize, path: &Path) -> Result<Vec<u8>, Trouble> {
    let image = std::fs::read(path).map_err(|error| Trouble::file("read the firmware", path, error))?;
    match fault(board, slot, &image) {
        None => Ok(image),
        Some(reason) => Err(Trouble::Firmware {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// What is wrong with an image for this slot.
fn fault(board: &Board, slot: usize, image: &[u8]) -> Option<String> {
    let slot_bytes = board.flash.slot_bytes() as usize;
    if image.is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some((_, what)) = OTHER_FORMATS.iter().find(|(start, _)| image.starts_with(start)) {
        return Some(format!("it is {what}"));
    }
    if image.len() > slot_bytes {
        return Some(format!(
            "it has {} bytes, and a slot holds {slot_bytes}; make it smaller, or the slots of the board larger",
            image.len()
        ));
    }
    if let Some(mark) = &board.firmware.mark
        && !image.windows(mark.len().max(1)).any(|window| window == mark.as_bytes())
    {
        return Some(format!(
            "it is for other hardware: every image of {} holds the text `{mark}`, and this one does not",
            board.names.hardware
        ));
    }
    match board.firmware.processor {
        Some(Processor::CortexM) => wrong_vectors(board, slot, image),
        None => None,
    }
}

/// The reset handler of an image lies in the image, wherever that is linked.
fn wrong_vectors(board: &Board, slot: usize, image: &[u8]) -> Option<String> {
    let Some(vectors) = image.first_chunk::<8>() else {
        return Some("it is too short for a vector table".to_owned());
    };
    let [_, _, _, _, a, b, c, d] = *vectors;
    let handler = u32::from_le_bytes([a, b, c, d]);
    if handler & 1 == 0 {
        return Some(format!(
            "its second word, {handler:#010x}, is no address of a reset handler; is it an image for a Cortex-M?"
        ));
    }
    let addresses = board.flash.addresses()?;
    let start = *addresses.get(slot)?;
    let end = start.saturating_add(image.len() as u32);
    if (start..end).contains(&handler) {
        return None;
    }
    if matches!(board.flash.map, StrategyMap::Swap(_)) {
        return Some(format!(
            "its reset handler is at {handler:#010x}, and images run at {start:#010x}: it is linked for another address"
        ));
    }
    let letter = if slot == 0 { 'A' } else { 'B' };
    Some(format!(
        "its reset handler is at {handler:#010x}, and slot {letter} is at {start:#010x}: it is linked for another address. The \
         first file is the one for slot A, the second the one for slot B"
    ))
}
