//! Attacks with patches: what a delta must be before its image may run, and what takes its place when it is not.
//!
//! A delta saves bytes, and nothing hangs on it: whatever is wrong with one, the full image is installed in its place, as far
//! as the data budget allows. Release 2.0.0 is a small step from the running image here.

use super::row::{Outcome, Row};
use super::{AT_DOCUMENT, AT_IMAGE, BEFORE_SLOT, IMAGE};
use crate::simulator::Simulator;
use crate::simulator::patch::{BLOCK_BYTES, chained, encoded, head, header, payload};
use crate::simulator::release::{IMAGE_BYTES, firmware, successor};
use crate::site::Fault;
use sha2::{Digest as _, Sha256};
use tuffet_patch::{Profile, hostile};

/// The labels of the patches of release 2.0.0.
const PATCH: &str = "lamp_2.0.0_c3_large_delta.patch";
const WHOLE: &str = "lamp_2.0.0_c3_large_whole.patch";

/// The requests of a cycle that installs by a delta, and those of one that gives a downloaded delta up.
const TO_PATCH: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.lamp", super::DOCUMENT, PATCH];
const TO_FALLBACK: &[&str] = &[
    "2.root",
    "timestamp",
    "2.snapshot",
    "2.lamp",
    super::DOCUMENT,
    PATCH,
    IMAGE,
];

/// More than a delta takes, and less than the full image.
const BETWEEN_BYTES: u32 = 20_000;

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = offered();
    for more in [
        claims(),
        headers(),
        blocks(),
        streams(),
        sites(),
        streams_on_site(),
        running_slots(),
        budgets(),
    ] {
        rows.extend(more);
    }
    rows
}

/// The image of the release is a small step from the running one; it has no patch yet.
fn step(repository: &mut Simulator) {
    repository.release.carry(successor("2.0.0", &firmware("1.0.0")));
}

/// The same, with the delta.
fn with_delta(repository: &mut Simulator) {
    step(repository);
    repository
        .release
        .add_patch(Some(&firmware("1.0.0")), repository.profile);
}

/// Packs the image so badly that every patch is shorter. For a device that takes no packed image, its patch from nothing is
/// one of many small blocks.
fn pack_badly(repository: &mut Simulator) {
    let packed = zstd::encode_all(repository.release.image.as_slice(), -100);
    repository.release.carry_file(packed.unwrap_or_default());
    if repository.profile != Profile::Large {
        repository.release.add_patch_in_blocks(None, repository.profile, 256);
    }
}

/// A row whose release has a delta before the attack.
fn row(name: &'static str, step: &'static str, attack: fn(&mut Simulator)) -> Row {
    Row::new(name, step, attack).release(with_delta)
}

fn delta(repository: &Simulator) -> Vec<u8> {
    repository.release.patches[0].file.clone()
}

/// Signs this as the delta: digest, length and chain are those of the file.
fn sign(repository: &mut Simulator, file: Vec<u8>) {
    let head = head(&file, BLOCK_BYTES);
    repository.release.carry_patch(0, file, &head, BLOCK_BYTES);
    repository.publish();
}

/// Signs the delta with another payload in a valid chain.
fn sign_payload(repository: &mut Simulator, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = payload(&delta(repository));
    edit(&mut payload);
    sign(repository, chained(&payload, BLOCK_BYTES));
}

/// Signs another file under the head of the delta's chain.
fn sign_blocks(repository: &mut Simulator, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut file = delta(repository);
    let head = head(&file, BLOCK_BYTES);
    edit(&mut file);
    repository.release.carry_patch(0, file, &head, BLOCK_BYTES);
    repository.publish();
}

/// Lets the release carry an image in which nothing repeats: coded byte by byte it takes no more than any other way.
fn carry_noise(repository: &mut Simulator) {
    let noise = (0_u32..).flat_map(|block| Sha256::digest(format!("noise {block}")));
    let release = &mut repository.release;
    release.patches.clear();
    release.image_mut()["patches"] = serde_json::json!([]);
    release.carry(noise.take(IMAGE_BYTES).collect());
    release.add_patch(Some(&firmware("1.0.0")), repository.profile);
}

/// Signs coded bytes of our own behind the delta's header: what they make of the running image and of this one.
fn sign_coded(repository: &mut Simulator, coded: impl FnOnce(Profile, &[u8], &[u8]) -> Vec<u8>) {
    if repository.profile != Profile::Large {
        carry_noise(repository);
    }
    pack_badly(repository);
    let coded = coded(repository.profile, &firmware("1.0.0"), &repository.release.image);
    sign_payload(repository, |payload| {
        payload.truncate(header::BYTES_MIN);
        // It lists no checkpoint then.
        payload[header::BYTES_MIN - 1] = 0;
        payload.extend_from_slice(&coded);
    });
}

/// Another delta to the same kind of image: right in itself, and not of this release.
fn foreign_delta(profile: Profile) -> Vec<u8> {
    let before = firmware("1.0.0");
    encoded(Some(&before), &successor("6.6.6", &before), profile)
}

/// Which file is taken, when all are as they should be.
fn offered() -> Vec<Row> {
    vec![
        row("patch_healthy_delta", "design 4: the smaller one", Simulator::publish).installs_by("delta", TO_PATCH),
        Row::new("patch_healthy_whole", "design 4: the smaller one", Simulator::publish)
            .release(|repository| {
                step(repository);
                pack_badly(repository);
                if repository.profile == Profile::Large {
                    repository.release.add_patch(None, Profile::Large);
                }
            })
            .installs_by("whole", &[AT_DOCUMENT, &[WHOLE]].concat()),
        Row::new("patch_from_another_base", "design 4: source digest", |repository| {
            pack_badly(repository);
            repository
                .release
                .add_patch(Some(&firmware("0.9.0")), repository.profile);
            repository.publish();
        })
        .release(step)
        .installs_by("file", AT_IMAGE),
        Row::new("patch_for_another_profile", "design 4: profile", |repository| {
            repository
                .release
                .add_patch(Some(&firmware("1.0.0")), Profile::Standard);
            repository.publish();
        })
        .release(step)
        .installs_by("file", AT_IMAGE),
        row(
            "patch_longer_than_the_image_file",
            "design 4: the smaller one",
            |repository| {
                let bytes = repository.release.image.len();
                sign_blocks(repository, |file| file.resize(bytes, 0));
            },
        )
        .installs_by("file", AT_IMAGE),
        row(
            "patch_length_beyond_everything",
            "design 4: the smaller one",
            |repository| {
                repository.release.patch_mut(0)["length"] = u32::MAX.into();
                repository.publish();
            },
        )
        .installs_by("file", AT_IMAGE),
    ]
}

/// The release document says something about the patch that is not so.
fn claims() -> Vec<Row> {
    vec![
        row(
            "patch_from_another_base_called_ours",
            "design 4: source digest",
            |repository| {
                let other = encoded(Some(&firmware("0.9.0")), &repository.release.image, repository.profile);
                // Nothing of 0.9.0 is in the image, so this delta is a long one.
                pack_badly(repository);
                sign(repository, other);
            },
        )
        .falls_back("PatchRefused", TO_FALLBACK),
        row("patch_head_of_another_chain", "design 4: chain", |repository| {
            let file = delta(repository);
            let head = head(&foreign_delta(repository.profile), BLOCK_BYTES);
            repository.release.carry_patch(0, file, &head, BLOCK_BYTES);
            repository.publish();
        })
        .falls_back("PatchRefused", TO_FALLBACK),
        row("patch_block_size_mismatch", "design 4: chain", |repository| {
            // The chain fits the document; the header says another size.
            let file = chained(&payload(&delta(repository)), 512);
            let head = head(&file, 512);
            repository.release.carry_patch(0, file, &head, 512);
            repository.publish();
        })
        .falls_back("PatchRefused", TO_FALLBACK),
        row("patch_block_size_out_of_range", "design 4: chain", |repository| {
            repository.release.patch_mut(0)["block_bytes"] = 0x8000_0000_u32.into();
            repository.publish();
        })
        .falls_back("PatchRefused", TO_FALLBACK)
        .only_with_whole_files(),
        // Found before the file is asked for.
        row(
            "patch_block_size_out_of_range_unasked",
            "design 4: chain",
            |repository| {
                repository.release.patch_mut(0)["block_bytes"] = 0x8000_0000_u32.into();
                repository.publish();
            },
        )
        .falls_back("PatchRefused", AT_IMAGE)
        .only_streaming(),
    ]
}

/// The header says something that is not so, in a valid chain.
fn headers() -> Vec<Row> {
    let refused =
        |name, attack| row(name, "design 4: source and result", attack).falls_back("PatchRefused", TO_FALLBACK);
    vec![
        refused("patch_header_source_of_another", |repository| {
            sign_payload(repository, |payload| payload[header::SOURCE_DIGEST][7] ^= 1);
        }),
        refused("patch_header_source_length_overflow", |repository| {
            sign_payload(repository, |payload| payload[header::SOURCE_LENGTH].fill(0xFF));
        }),
        refused("patch_header_result_of_another", |repository| {
            sign_payload(repository, |payload| payload[header::RESULT_DIGEST][7] ^= 1);
        }),
        refused("patch_header_result_length_overflow", |repository| {
            sign_payload(repository, |payload| payload[header::RESULT_LENGTH].fill(0xFF));
        }),
        refused("patch_header_result_of_nothing", |repository| {
            sign_payload(repository, |payload| payload[header::RESULT_LENGTH].fill(0));
        }),
        refused("patch_header_version_unknown", |repository| {
            sign_payload(repository, |payload| payload[4] += 1);
        }),
        refused("patch_header_flags_unknown", |repository| {
            sign_payload(repository, |payload| payload[7] = 1);
        }),
        refused("patch_header_profile_of_another", |repository| {
            sign_payload(repository, |payload| payload[6] = (payload[6] + 1) % 3);
        }),
        refused("patch_header_checkpoints_overflow", |repository| {
            sign_payload(repository, |payload| payload[header::BYTES_MIN - 1] = 255);
        }),
        refused("patch_header_truncated", |repository| {
            sign_payload(repository, |payload| payload.truncate(header::BYTES_MIN - 1));
        }),
    ]
}

/// The file is the signed one, and its blocks are not those of the signed chain.
fn blocks() -> Vec<Row> {
    let refused = |name, attack| row(name, "design 4: chain", attack).falls_back("PatchRefused", TO_FALLBACK);
    vec![
        refused("patch_block_edited", |repository| {
            sign_blocks(repository, |file| file[BLOCK_BYTES + 500] ^= 1);
        }),
        refused("patch_last_block_edited", |repository| {
            // A decoder that did not look would hardly notice.
            sign_blocks(repository, |file| {
                let last = file.len() - 1;
                file[last] ^= 1;
            });
        }),
        refused("patch_block_of_another_release", |repository| {
            let block = BLOCK_BYTES..2 * BLOCK_BYTES;
            let foreign = foreign_delta(repository.profile);
            sign_blocks(repository, |file| file[block.clone()].copy_from_slice(&foreign[block]));
        }),
        refused("patch_blocks_swapped", |repository| {
            sign_blocks(repository, |file| {
                let (one, other) = file.split_at_mut(2 * BLOCK_BYTES);
                one[BLOCK_BYTES..].swap_with_slice(&mut other[..BLOCK_BYTES]);
            });
        }),
        refused("patch_last_block_missing", |repository| {
            sign_blocks(repository, |file| {
                let last = (file.len() - 1) / BLOCK_BYTES;
                file.truncate(last * BLOCK_BYTES);
            });
        }),
        refused("patch_last_block_truncated", |repository| {
            sign_blocks(repository, |file| file.truncate(file.len() - 1));
        }),
        refused("patch_extra_block", |repository| {
            sign_blocks(repository, |file| {
                file.resize(file.len().next_multiple_of(BLOCK_BYTES), 0);
                file.extend_from_slice(&[0; BLOCK_BYTES]);
            });
        }),
    ]
}

/// The chain is valid and the header right; what follows is not what an encoder makes of the image.
fn streams() -> Vec<Row> {
    let refused =
        |name, attack| row(name, "design 3: a stolen release key", attack).falls_back("PatchRefused", TO_FALLBACK);
    vec![
        refused("patch_copies_from_outside_the_old_image", |repository| {
            sign_coded(repository, |profile, old, new| {
                hostile::copy_from_old(profile, old, new, 5, IMAGE_BYTES as u32)
            });
        }),
        refused("patch_copies_from_far_outside", |repository| {
            sign_coded(repository, |profile, old, new| {
                hostile::copy_from_old(profile, old, new, 0, u32::MAX)
            });
        }),
        refused("patch_copies_ahead", |repository| {
            // Behind what is written already: there the file ends.
            sign_coded(repository, |profile, old, new| {
                hostile::copy_from_new(profile, old, new, 5_000, 5_000)
            });
        }),
        refused("patch_copies_far_ahead", |repository| {
            sign_coded(repository, |profile, old, new| {
                hostile::copy_from_new(profile, old, new, 7, u32::MAX - 90)
            });
        }),
        refused("patch_ends_early", |repository| {
            // The decoder supplies up to four bytes at the end itself.
            sign_payload(repository, |payload| payload.truncate(payload.len() - 9));
        }),
        refused("patch_ends_in_the_middle", |repository| {
            sign_payload(repository, |payload| payload.truncate(payload.len() / 2));
        }),
        refused("patch_goes_on", |repository| {
            sign_payload(repository, |payload| payload.extend_from_slice(&[7; 300]));
        }),
        row("patch_makes_another_image", "design 4: hash read back", |repository| {
            let promised = payload(&delta(repository))[header::RESULT_DIGEST].to_vec();
            let mut payload = payload(&foreign_delta(repository.profile));
            payload[header::RESULT_DIGEST].copy_from_slice(&promised);
            sign(repository, chained(&payload, BLOCK_BYTES));
        })
        .falls_back("SlotDigest", TO_FALLBACK),
    ]
}

fn with_fault(repository: &mut Simulator, fault: Fault) {
    repository.publish();
    repository.site.fault(&repository.patch_path(), fault);
}

fn edit_on_site(repository: &mut Simulator) {
    repository.publish();
    repository.site.edit(&repository.patch_path(), |file| file[700] ^= 1);
}

/// What is served is not the signed file. A device that keeps the whole file hashes it before it opens it.
fn sites() -> Vec<Row> {
    let mut rows = vec![
        row("patch_edited", "TUF 5.7.2", edit_on_site).falls_back("ImageFileDigest", TO_FALLBACK),
        row("patch_of_another_release", "TUF 5.7.2", |repository| {
            repository.publish();
            let foreign = foreign_delta(repository.profile);
            repository.site.edit(&repository.patch_path(), |file| {
                let length = file.len();
                *file = foreign;
                file.resize(length, 0);
            });
        })
        .falls_back("ImageFileDigest", TO_FALLBACK),
        row("patch_truncated", "TUF 5.7.2", |repository| {
            // It asks for the rest, and there is none: that may be better another time.
            repository.publish();
            repository
                .site
                .edit(&repository.patch_path(), |file| file.truncate(1_000));
        })
        .expects(Outcome::Transport, &[TO_PATCH, &[PATCH]].concat(), BEFORE_SLOT),
        row("patch_and_image_absent", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.remove(&repository.patch_path());
            repository.site.remove(&repository.image_path());
        })
        .refused("ImageMissing", TO_FALLBACK, BEFORE_SLOT),
        row("patch_and_image_edited", "TUF 5.7.2", |repository| {
            edit_on_site(repository);
            repository.site.edit(&repository.image_path(), |file| file[700] ^= 1);
        })
        .refused("ImageFileDigest", TO_FALLBACK, BEFORE_SLOT),
        row("patch_refused_and_image_edited", "TUF 5.7.2", |repository| {
            // The slot was begun then; nothing is changed over to it.
            sign_payload(repository, |payload| payload.truncate(payload.len() / 2));
            repository.site.edit(&repository.image_path(), |file| file[700] ^= 1);
        })
        .refused("ImageFileDigest", TO_FALLBACK, &[BEFORE_SLOT, &["spare slot"]].concat()),
    ];
    rows = rows.into_iter().map(Row::only_with_whole_files).collect();
    rows.extend(common_sites());
    rows
}

/// It does not matter here whether the file is hashed whole or block by block.
fn common_sites() -> Vec<Row> {
    vec![
        row("patch_extended", "TUF 5.7.1: up to the signed length", |repository| {
            with_fault(repository, Fault::Extended { bytes: 1 });
        })
        .installs_by("delta", TO_PATCH),
        row("patch_endless", "TUF 5.7.1: up to the signed length", |repository| {
            with_fault(repository, Fault::EndlessBody);
        })
        .installs_by("delta", TO_PATCH),
        row("patch_absent", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.remove(&repository.patch_path());
        })
        .falls_back("ImageMissing", TO_FALLBACK),
    ]
}

/// The same on devices that decode a patch while it comes: each block is authenticated before it is decoded, and what was
/// written of the slot by then is written over.
fn streams_on_site() -> Vec<Row> {
    let refused = |name, attack| {
        row(name, "design 4: each block before a byte of it is decoded", attack)
            .falls_back("PatchRefused", TO_FALLBACK)
            .only_streaming()
    };
    vec![
        refused("patch_first_block_edited_on_the_way", edit_on_site),
        refused("patch_later_block_edited_on_the_way", |repository| {
            repository.publish();
            repository
                .site
                .edit(&repository.patch_path(), |file| file[2 * BLOCK_BYTES + 1] ^= 1);
        }),
        refused("patch_last_byte_edited_on_the_way", |repository| {
            repository.publish();
            repository.site.edit(&repository.patch_path(), |file| {
                let last = file.len() - 1;
                file[last] ^= 1;
            });
        }),
        refused("patch_of_another_release_on_the_way", |repository| {
            repository.publish();
            let foreign = foreign_delta(repository.profile);
            repository.site.edit(&repository.patch_path(), |file| *file = foreign);
        }),
        // It asks for the rest some times, and there is none.
        refused("patch_truncated_on_the_way", |repository| {
            repository.publish();
            repository
                .site
                .edit(&repository.patch_path(), |file| file.truncate(BLOCK_BYTES + 10));
        }),
        refused("patch_emptied_on_the_way", |repository| {
            repository.publish();
            repository.site.edit(&repository.patch_path(), Vec::clear);
        }),
        row("patch_whole_edited_on_the_way", "design 4: chain", |repository| {
            repository.publish();
            repository.site.edit(&repository.whole_path(), |file| file[700] ^= 1);
        })
        .release(step)
        .refused("PatchRefused", AT_IMAGE, BEFORE_SLOT)
        .only_streaming(),
        row("patch_and_whole_absent", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.remove(&repository.patch_path());
            repository.site.remove(&repository.whole_path());
        })
        .refused("ImageMissing", TO_FALLBACK, BEFORE_SLOT)
        .only_streaming(),
        row("patch_without_a_whole_one", "design 4: one decoder", |repository| {
            // The release has packed images only: nothing that this device can use.
            repository.release.document["components"][0]["images"][0]["patches"] = serde_json::json!([]);
            repository.publish_as_it_is();
        })
        .release(step)
        .refused("NoWay", AT_DOCUMENT, BEFORE_SLOT)
        .only_streaming(),
        row(
            "patch_fallback_over_the_budget_on_the_way",
            "design 4: data budget",
            edit_on_site,
        )
        .budget(BETWEEN_BYTES)
        .refused("FallbackOverBudget", TO_PATCH, BEFORE_SLOT)
        .only_streaming(),
        row("patch_over_the_budget", "design 4: data budget", Simulator::publish)
            .budget(1_000)
            .refused("OverBudget", AT_DOCUMENT, BEFORE_SLOT)
            .only_streaming(),
    ]
}

/// The image that runs is not the one that the boot record names. The delta is not even asked for.
fn running_slots() -> Vec<Row> {
    let tampered = |name, edit| {
        row(name, "design 4: source digest from the slot", Simulator::publish)
            .tamper("running slot", edit)
            .falls_back("SourceDigest", AT_IMAGE)
    };
    vec![
        tampered("patch_running_slot_edited", |image| image[50_000] ^= 1),
        tampered("patch_running_slot_truncated", |image| image.truncate(50_000)),
        tampered("patch_running_slot_emptied", Vec::clear),
    ]
}

/// The owner pays for what is downloaded.
fn budgets() -> Vec<Row> {
    let budget = "design 4: data budget";
    vec![
        row("patch_within_the_budget", budget, Simulator::publish)
            .budget(BETWEEN_BYTES)
            .installs_by("delta", TO_PATCH),
        row("patch_fallback_over_the_budget", budget, edit_on_site)
            .budget(BETWEEN_BYTES)
            .refused("FallbackOverBudget", TO_PATCH, BEFORE_SLOT)
            .only_with_whole_files(),
        row("patch_fallback_over_what_is_left", budget, |repository| {
            // The file alone would be within the budget; the delta was paid for already.
            edit_on_site(repository);
        })
        .budget(51_000)
        .refused("FallbackOverBudget", TO_PATCH, BEFORE_SLOT)
        .only_with_whole_files(),
        row("patch_fallback_within_the_budget", budget, edit_on_site)
            .budget(100_000)
            .falls_back("ImageFileDigest", TO_FALLBACK)
            .only_with_whole_files(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the rows rely on.
    #[test]
    fn the_delta_has_some_blocks_and_is_much_shorter_than_the_file() {
        let mut repository = Simulator::healthy(1_800_000_000);
        repository.stage("2.0.0");
        with_delta(&mut repository);
        let (delta, file) = (delta(&repository).len(), repository.release.image_file.len());
        assert!(delta > 3 * BLOCK_BYTES && delta < BETWEEN_BYTES as usize, "{delta}");
        assert!(
            file > BETWEEN_BYTES as usize && file < 51_000 && file + delta > 51_000,
            "{file} + {delta}"
        );
    }
}
