//! Attacks with the image: the bytes that would run.

use super::row::{Outcome, Row};
use super::{AT_DOCUMENT, AT_IMAGE, BEFORE_SLOT, IMAGE, INSTALLED};
use crate::simulator::Simulator;
use crate::simulator::release::{IMAGE_BYTES, firmware};
use crate::site::Fault;

/// The files at rest that change when a wrong image was unpacked. The boot record says already that the slot is empty.
const UNPACKED: &[&str] = &["timestamp", "snapshot", "lamp", "document", "spare slot"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = files();
    rows.extend(slots());
    rows.into_iter().map(Row::only_with_whole_files).collect()
}

fn with_fault(repository: &mut Simulator, fault: Fault) {
    repository.publish();
    repository.site.fault(&repository.image_path(), fault);
}

/// Publishes an image file that unpacks to `image`, which is not what the document describes.
fn unpacking_to(repository: &mut Simulator, image: &[u8]) {
    repository
        .release
        .carry_file(zstd::encode_all(image, 3).unwrap_or_default());
    repository.publish();
}

/// What is served is not the signed file. The spare slot is not touched: the file is judged first.
fn files() -> Vec<Row> {
    vec![
        Row::new("image_edited", "TUF 5.7.2", |repository| {
            repository.publish();
            repository
                .site
                .edit(&repository.image_path(), |bytes| bytes[5_000] ^= 1);
        })
        .refused("ImageFileDigest", AT_IMAGE, BEFORE_SLOT),
        Row::new("image_of_yesterday", "TUF 5.7.2", |repository| {
            let mut old = Simulator::healthy(repository.now).release.image_file;
            repository.publish();
            repository.site.edit(&repository.image_path(), |bytes| {
                old.resize(bytes.len(), 0);
                *bytes = old;
            });
        })
        .refused("ImageFileDigest", AT_IMAGE, BEFORE_SLOT),
        Row::new("image_truncated", "TUF 5.7.2", |repository| {
            // It asks for the rest, and there is none.
            repository.publish();
            repository
                .site
                .edit(&repository.image_path(), |bytes| bytes.truncate(10_000));
        })
        .expects(Outcome::Transport, &[AT_IMAGE, &[IMAGE]].concat(), BEFORE_SLOT),
        // What follows the signed bytes is never read.
        Row::new("image_extended", "TUF 5.7.1: up to the signed length", |repository| {
            with_fault(repository, Fault::Extended { bytes: 1 });
        })
        .expects(Outcome::Installed, AT_IMAGE, INSTALLED),
        Row::new("image_endless", "TUF 5.7.1: up to the signed length", |repository| {
            with_fault(repository, Fault::EndlessBody);
        })
        .expects(Outcome::Installed, AT_IMAGE, INSTALLED),
        Row::new("image_absent", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.remove(&repository.image_path());
        })
        .refused("ImageMissing", AT_IMAGE, BEFORE_SLOT),
        Row::new("image_over_the_budget", "design 4: data budget", Simulator::publish)
            .budget(10_000)
            .refused("OverBudget", AT_DOCUMENT, BEFORE_SLOT),
    ]
}

/// The file is signed and does not hold the signed image. It is unpacked; nothing is changed over to it.
fn slots() -> Vec<Row> {
    vec![
        Row::new("image_not_packed", "design 4: image", |repository| {
            repository.release.carry_file(firmware("2.0.0"));
            repository.publish();
        })
        .refused("Unpack", AT_IMAGE, UNPACKED),
        Row::new("image_unpacks_to_another", "design 4: hash read back", |repository| {
            unpacking_to(repository, &firmware("6.6.6"));
        })
        .refused("SlotDigest", AT_IMAGE, UNPACKED),
        Row::new("image_unpacks_to_less", "design 4: hash read back", |repository| {
            unpacking_to(repository, &firmware("2.0.0")[..IMAGE_BYTES - 1]);
        })
        .refused("Unpack", AT_IMAGE, UNPACKED),
        Row::new("image_unpacks_to_more", "limits: slot", |repository| {
            // A few KiB that become 64 MiB.
            unpacking_to(repository, &vec![0; 64 * 1024 * 1024]);
        })
        .refused("Unpack", AT_IMAGE, UNPACKED),
    ]
}
