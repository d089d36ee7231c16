//! The same program without a decoder: what the others have more is what the decoder takes.
#![no_std]
#![no_main]

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use tuffet_decoder::{Files, measured};

tuffet_emulated::start_with!(live);

fn live() -> Option<()> {
    let mut files = Files::find()?;
    measured(&mut files, 0, &mut |files| {
        // The slots and all files are used, as they are by a decoder.
        let mut buffer = [0; 128];
        let digests = [files.head, files.source_digest, files.result_digest, files.patch];
        let bytes: usize = digests.iter().map(|file| file.len()).sum();
        files.old.read(files.block_bytes, &mut buffer).ok()?;
        files.new.read(0, &mut buffer).ok()?;
        files.new.write(0, &buffer).ok()?;
        (bytes > 0).then_some(())
    })
}
