//! Attacks with the release document: what would be installed, and whether it may be.

use super::row::{Outcome, Prelude, Row};
use super::{AT_DOCUMENT, DOCUMENT, IMAGE, INSTALLED, TO_IMAGE};
use crate::simulator::Simulator;
use crate::simulator::release::Release;
use crate::site::Fault;
use serde_json::{Value, json};

/// What a device trusts anew when the document is refused.
const BEFORE_DOCUMENT: &[&str] = &["timestamp", "snapshot", "lamp"];
/// What a device trusts anew when the document is sound, and its release is not wanted.
const WITH_DOCUMENT: &[&str] = &["timestamp", "snapshot", "lamp", "document"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = bytes();
    rows.extend(contents());
    rows.extend(mismatches());
    rows.extend(decisions());
    rows.extend(memories());
    rows
}

/// Publishes after a change to the release.
fn with(repository: &mut Simulator, change: impl FnOnce(&mut Release)) {
    change(&mut repository.release);
    repository.publish();
}

fn edit(repository: &mut Simulator, change: impl FnOnce(&mut Vec<u8>)) {
    repository.publish();
    repository.site.edit(&repository.document_path(), change);
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("release_of_another_digest", "TUF 5.7.2", |repository| {
            edit(repository, |bytes| bytes[40] ^= 1);
        })
        .refused("DocumentDigest", AT_DOCUMENT, BEFORE_DOCUMENT),
        Row::new("release_truncated", "TUF 5.7.2", |repository| {
            edit(repository, |bytes| bytes.truncate(100));
        })
        .refused("DocumentLength", AT_DOCUMENT, BEFORE_DOCUMENT),
        Row::new("release_extended", "TUF 5.7.2", |repository| {
            edit(repository, |bytes| bytes.push(b' '));
        })
        .refused("DocumentLength", AT_DOCUMENT, BEFORE_DOCUMENT)
        .over_http(Outcome::Transport),
        Row::new("release_endless", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.fault(&repository.document_path(), Fault::EndlessBody);
        })
        .refused("DocumentLength", AT_DOCUMENT, BEFORE_DOCUMENT)
        .over_http(Outcome::Transport),
        Row::new("release_absent", "TUF 5.7.1", |repository| {
            repository.publish();
            repository.site.remove(&repository.document_path());
        })
        .refused("DocumentMissing", AT_DOCUMENT, BEFORE_DOCUMENT),
    ]
}

fn contents() -> Vec<Row> {
    let malformed = |name, attack| {
        Row::new(name, "design 3: one strict schema", attack).refused("DocumentMalformed", AT_DOCUMENT, BEFORE_DOCUMENT)
    };
    vec![
        malformed("release_unknown_field", |repository| {
            with(repository, |release| release.document["extra"] = json!(1));
        }),
        malformed("release_missing_field", |repository| {
            with(repository, |release| remove(&mut release.document, "attempt"));
        }),
        malformed("release_of_another_type", |repository| {
            with(repository, |release| {
                release.document["_type"] = json!("tuffet-rollout")
            });
        }),
        malformed("release_of_another_format", |repository| {
            with(repository, |release| release.document["format"] = json!(1));
        }),
        malformed("release_encrypted", |repository| {
            with(repository, |release| release.document["encryption"] = json!("aes"));
        }),
        malformed("release_with_a_layout", |repository| {
            with(repository, |release| release.document["layout"] = json!("verity"));
        }),
        malformed("release_security_without_advisory", |repository| {
            with(repository, |release| {
                release.make_security();
                release.document["advisory"] = Value::Null;
            });
        }),
        malformed("release_two_images_for_one_hardware", |repository| {
            with(repository, |release| {
                let image = release.image_mut().clone();
                if let Some(images) = release.document["components"][0]["images"].as_array_mut() {
                    images.push(image);
                }
            });
        }),
        malformed("release_negative_length", |repository| {
            with(repository, |release| release.image_mut()["length"] = json!(-1));
        }),
        malformed("release_version_of_two_parts", |repository| {
            with(repository, |release| release.document["version"] = json!("2.0"));
        }),
        malformed("release_image_name_leaves_the_folder", |repository| {
            with(repository, |release| {
                release.image_mut()["file"]["name"] = json!("../../metadata/1.root.json")
            });
        }),
        malformed("release_spaced", |repository| {
            repository.document_form = Some(|document| serde_json::to_vec_pretty(document).unwrap_or_default());
            repository.publish();
        }),
    ]
}

fn mismatches() -> Vec<Row> {
    let mismatch = |name, attack| {
        Row::new(name, "design 3: pointer and document agree", attack).refused(
            "PointerMismatch",
            AT_DOCUMENT,
            WITH_DOCUMENT,
        )
    };
    vec![
        mismatch("release_pointer_names_another_version", |repository| {
            with(repository, |release| release.custom["version"] = json!("2.0.1"));
        }),
        mismatch("release_pointer_names_another_security_version", |repository| {
            with(repository, |release| release.custom["security_version"] = json!(2));
        }),
        mismatch("release_pointer_names_another_class", |repository| {
            with(repository, |release| release.custom["class"] = json!("security"));
        }),
        mismatch("release_of_another_product", |repository| {
            // A sound document of the stove under the pointer of the lamp.
            with(repository, |release| {
                release.document["product"] = json!("stove");
                release.document["support"]["name"] = json!("stove_support.json");
                release.image_mut()["file"]["name"] = json!("stove_2.0.0_c3.zst");
            });
        }),
        Row::new("release_with_another_products_files", "design 3: names", |repository| {
            with(repository, |release| {
                release.image_mut()["file"]["name"] = json!("stove_2.0.0_c3.zst")
            });
        })
        .refused("DocumentMalformed", AT_DOCUMENT, BEFORE_DOCUMENT),
        Row::new("release_for_other_hardware", "design 3: hardware", |repository| {
            with(repository, |release| release.image_mut()["hardware"] = json!("c6"));
        })
        .refused("WrongHardware", AT_DOCUMENT, WITH_DOCUMENT),
    ]
}

fn decisions() -> Vec<Row> {
    vec![
        Row::new("release_lower_version", "design 3: no rollback unsaid", |repository| {
            with(repository, |release| release.set_version("0.9.9"));
        })
        .refused("LowerVersion", AT_DOCUMENT, WITH_DOCUMENT),
        Row::new(
            "release_lower_version_by_decision",
            "design 4: operator's decision",
            |repository| {
                with(repository, |release| {
                    release.set_version("0.9.9");
                    release.document["rollback"] = json!(true);
                });
            },
        )
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED),
        Row::new("release_below_the_counter", "design 4: attack", |repository| {
            with(repository, |release| release.set_security_version(4));
        })
        .before(counter_of_five)
        .refused("BelowCounter", AT_DOCUMENT, WITH_DOCUMENT),
        Row::new(
            "release_below_the_counter_by_decision",
            "design 4: never below the counter",
            |repository| {
                with(repository, |release| {
                    release.set_version("0.9.9");
                    release.set_security_version(4);
                    release.document["rollback"] = json!(true);
                });
            },
        )
        .before(counter_of_five)
        .refused("BelowCounter", AT_DOCUMENT, WITH_DOCUMENT),
        Row::new(
            "release_jumps_the_counter",
            "design 4: jump of more than 1,000",
            |repository| {
                with(repository, |release| release.set_security_version(1_002));
            },
        )
        .refused("CounterJump", AT_DOCUMENT, WITH_DOCUMENT),
        Row::new(
            "release_jumps_as_far_as_allowed",
            "design 4: jump of 1,000",
            |repository| {
                with(repository, |release| release.set_security_version(1_001));
            },
        )
        .expects(Outcome::Installed, TO_IMAGE, INSTALLED),
        Row::new("release_too_large_for_the_slot", "limits: slot", |repository| {
            with(repository, |release| {
                release.carry(vec![7; crate::simulator::release::SLOT_BYTES as usize + 1])
            });
        })
        .refused("TooLargeForSlot", AT_DOCUMENT, WITH_DOCUMENT),
        Row::new(
            "release_skips_a_stepping_stone",
            "design 3: stepping stones",
            |repository| {
                with(repository, |release| {
                    release.document["stepping_stones"] = json!(["1.5.0"])
                });
            },
        )
        .refused("SteppingStone", AT_DOCUMENT, WITH_DOCUMENT),
    ]
}

fn memories() -> Vec<Row> {
    vec![
        Row::new(
            "release_during_a_trial",
            "design 4: no erase while a trial is open",
            Simulator::publish,
        )
        .prelude(Prelude::OpenTrial)
        .refused("TrialOpen", &[], &[])
        .for_good(),
        Row::new("release_failed_before", "design 4: failed digests", Simulator::publish)
            .prelude(Prelude::FailedTrial)
            .refused(
                "FailedBefore",
                &["2.root", "timestamp", "3.snapshot", "3.lamp", DOCUMENT],
                WITH_DOCUMENT,
            ),
        Row::new(
            "release_failed_before_signed_again",
            "design 4: a higher attempt",
            |repository| {
                with(repository, |release| release.document["attempt"] = json!(2));
            },
        )
        .prelude(Prelude::FailedTrial)
        .expects(
            Outcome::Installed,
            &["2.root", "timestamp", "3.snapshot", "3.lamp", DOCUMENT, IMAGE],
            // The spare slot holds that very image already.
            &["timestamp", "snapshot", "lamp", "document", "boot record"],
        ),
    ]
}

fn counter_of_five(repository: &mut Simulator) {
    repository.release.set_security_version(5);
    repository.publish();
}

fn remove(value: &mut Value, field: &str) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove(field);
    }
}
