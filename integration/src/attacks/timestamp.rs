//! Attacks with the timestamp role: which snapshot is the newest.

use super::AT_TIMESTAMP;
use super::row::{Outcome, Row};
use crate::simulator::keys::{Key, Signer};
use crate::simulator::role::{signed_over_a_prefix, with_more_in_signed};
use crate::simulator::{Simulator, snapshot_key, timestamp_key};
use crate::site::Fault;
use serde_json::json;

const TIMESTAMP: &str = "metadata/timestamp.json";

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = versions();
    rows.extend(signatures());
    rows.extend(bytes());
    rows
}

/// Publishes once more without a new release: version 2 of snapshot and timestamp.
fn once_more(repository: &mut Simulator) {
    repository.revise();
    repository.publish();
}

/// Publishes, after a change to the timestamp that still pins the new snapshot.
fn with_timestamp(repository: &mut Simulator, change: impl FnOnce(&mut Simulator)) {
    repository.publish();
    change(repository);
    repository.publish_timestamp();
}

fn versions() -> Vec<Row> {
    vec![
        Row::new("timestamp_version_rollback", "TUF 5.4.3.1", |repository| {
            // Yesterday's timestamp, rightly signed and not expired, over the same snapshot.
            repository.site = Simulator::healthy(repository.now).site;
        })
        .before(|repository| {
            repository.timestamp.revise(2, repository.now);
            repository.publish_timestamp();
        })
        .refused("Rollback", AT_TIMESTAMP, &[]),
        Row::new("timestamp_version_equal", "TUF 5.4.3.1", |repository| {
            // The version the device has, over another snapshot: dropped without a word, the old one stays.
            with_timestamp(repository, |repository| {
                repository.timestamp.signed["version"] = json!(1)
            });
        })
        .expects(Outcome::UpToDate, AT_TIMESTAMP, &[]),
        Row::new("timestamp_snapshot_version_rollback", "TUF 5.4.3.2", |repository| {
            repository.snapshot.revise(1, repository.now);
            repository.publish();
        })
        .before(once_more)
        .refused("Rollback", AT_TIMESTAMP, &[]),
        Row::new("timestamp_expired", "TUF 5.4.4", |repository| {
            with_timestamp(repository, |repository| repository.timestamp.expire(repository.now));
        })
        .refused("Expired", AT_TIMESTAMP, &[]),
        Row::new("timestamp_absent", "TUF 5.4.1", |repository| {
            repository.publish();
            repository.site.remove(TIMESTAMP);
        })
        .refused("Absent", AT_TIMESTAMP, &[]),
        Row::new("timestamp_lists_no_snapshot", "TUF 4.6", |repository| {
            with_timestamp(repository, |repository| repository.timestamp.signed["meta"] = json!({}));
        })
        .refused("Malformed", AT_TIMESTAMP, &[]),
        Row::new("timestamp_pins_a_huge_snapshot", "limits: snapshot", |repository| {
            with_timestamp(repository, |repository| {
                repository.timestamp.signed["meta"]["snapshot.json"]["length"] = json!(4_000_000_000_u64);
            });
        })
        .refused("WrongLength", super::AT_SNAPSHOT, &["timestamp"]),
    ]
}

fn signatures() -> Vec<Row> {
    vec![
        Row::new("timestamp_signed_by_a_stranger", "TUF 5.4.2", |repository| {
            repository.timestamp.sign_with([&Key::of("thief 1")]);
            repository.publish();
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new("timestamp_signed_by_the_snapshot_key", "TUF 5.4.2", |repository| {
            repository.timestamp.sign_with([&snapshot_key()]);
            repository.publish();
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new("timestamp_signed_by_nobody", "TUF 5.4.2", |repository| {
            repository.timestamp.sign_with([]);
            repository.publish();
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new("timestamp_signature_is_empty", "TUF 5.4.2", |repository| {
            repository.timestamp.signers = vec![Signer::fixed(&timestamp_key().id(), "")];
            repository.publish();
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new(
            "timestamp_signature_over_a_prefix",
            "TUF 5.4.2: all of signed",
            |repository| {
                repository.timestamp.rewrite = Some(|file| signed_over_a_prefix(&file, &[timestamp_key()]));
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new(
            "timestamp_with_more_after_what_was_signed",
            "TUF 5.4.2: all of signed",
            |repository| {
                repository.timestamp.rewrite = Some(|file| with_more_in_signed(&file));
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new("timestamp_key_id_of_another", "TUF 5.4.2", |repository| {
            repository.timestamp.signers = vec![Key::of("thief 1").signer_as(&timestamp_key().id())];
            repository.publish();
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
        Row::new("timestamp_is_a_snapshot", "TUF 4.6", |repository| {
            // Signed with the timestamp's own key: only the type tells them apart.
            repository.timestamp.signed["_type"] = json!("snapshot");
            repository.publish();
        })
        .refused("Malformed", AT_TIMESTAMP, &[]),
        Row::new("timestamp_edited_after_signing", "TUF 5.4.2", |repository| {
            repository.publish();
            let honest = repository.timestamp.file();
            repository.timestamp.signed["version"] = json!(9);
            let edited = repository.timestamp.file();
            // The signatures of the one, the content of the other.
            let middle = |bytes: &[u8]| {
                bytes
                    .windows(8)
                    .position(|window| window == b"\"signed\"")
                    .unwrap_or_default()
            };
            let (head, tail) = (&honest[..middle(&honest)], &edited[middle(&edited)..]);
            repository.site.put(TIMESTAMP, [head, tail].concat());
        })
        .refused("TooFewSignatures", AT_TIMESTAMP, &[]),
    ]
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("timestamp_endless", "TUF 5.4.1", |repository| {
            repository.publish();
            repository.site.fault(TIMESTAMP, Fault::EndlessBody);
        })
        .refused("TooLong", AT_TIMESTAMP, &[])
        .over_http(Outcome::Transport),
        Row::new("timestamp_truncated", "TUF 4.6", |repository| {
            repository.publish();
            repository.site.fault(TIMESTAMP, Fault::Truncated { bytes: 200 });
        })
        .refused("Malformed", AT_TIMESTAMP, &[]),
        Row::new("timestamp_extended", "TUF 4.6", |repository| {
            repository.publish();
            repository.site.fault(TIMESTAMP, Fault::Extended { bytes: 1 });
        })
        .refused("Malformed", AT_TIMESTAMP, &[]),
        Row::new(
            "timestamp_with_another_tag",
            "an entity tag proves nothing",
            |repository| {
                once_more(repository);
                repository.site = Simulator::healthy(repository.now).site;
                repository.site.fault(TIMESTAMP, Fault::WrongTag);
            },
        )
        .before(once_more)
        .refused("Rollback", AT_TIMESTAMP, &[])
        .only_over_http(),
        Row::new("timestamp_gone", "410 is not an answer of a repository", |repository| {
            repository.publish();
            repository.site.fault(
                TIMESTAMP,
                Fault::Status {
                    code: 410,
                    retry_after_s: None,
                },
            );
        })
        .expects(Outcome::Transport, AT_TIMESTAMP, &[])
        .only_over_http(),
        Row::new(
            "timestamp_forbidden",
            "object stores answer 403 for absent files",
            |repository| {
                repository.publish();
                repository.site.fault(
                    TIMESTAMP,
                    Fault::Status {
                        code: 403,
                        retry_after_s: None,
                    },
                );
            },
        )
        .refused("Absent", AT_TIMESTAMP, &[])
        .only_over_http(),
        Row::new(
            "timestamp_not_modified_unasked",
            "304 answers only a peek",
            |repository| {
                repository.publish();
                repository.site.fault(TIMESTAMP, Fault::NotModified);
            },
        )
        .expects(Outcome::Transport, AT_TIMESTAMP, &[])
        .only_over_http(),
    ]
}
