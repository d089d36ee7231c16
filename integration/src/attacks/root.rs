//! Attacks with the root role: who may sign what.

use super::row::{Outcome, Row};
use super::{AT_ROOT, DOCUMENT, IMAGE};
use crate::simulator::keys::{Key, Signer, WEAK_PUBLIC, key_id};
use crate::simulator::role::{key_table, role_keys};
use crate::simulator::{PRODUCT_ROLE, Simulator, root_keys, snapshot_key, timestamp_key};
use crate::site::Fault;
use serde_json::{Value, json};
use tuffet_no_std_client::tuf::Flaw;

const NEW_ROOT: &str = "metadata/2.root.json";
/// The requests of a cycle that takes a new root and ends at the timestamp.
const AT_TIMESTAMP_OF_NEW_ROOT: &[&str] = &["2.root", "3.root", "timestamp"];
/// The requests of a cycle that takes a new root and installs, and what it changes.
const TO_IMAGE_OF_NEW_ROOT: [&str; 7] = ["2.root", "3.root", "timestamp", "2.snapshot", "2.lamp", DOCUMENT, IMAGE];
const INSTALLED_WITH_ROOT: [&str; 7] = [
    "root",
    "timestamp",
    "snapshot",
    "lamp",
    "document",
    "boot record",
    "spare slot",
];
/// The requests for metadata of such a cycle, and what it changes of it.
const WITH_ROOT: [&str; 5] = ["2.root", "3.root", "timestamp", "2.snapshot", "2.lamp"];
const WITH_ROOT_CHANGED: [&str; 4] = ["root", "timestamp", "snapshot", "lamp"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = signatures();
    rows.extend(weak_keys());
    rows.extend(versions());
    rows.extend(contents());
    rows.extend(keys());
    rows.extend(key_objects());
    rows.extend(rotations());
    rows.extend(fast_forwards());
    rows.extend(bytes());
    rows
}

/// Publishes a next root after a change to it.
fn next_root(repository: &mut Simulator, change: impl FnOnce(&mut Simulator)) {
    repository.stage_root();
    change(repository);
    repository.publish_root();
    repository.publish();
}

fn signatures() -> Vec<Row> {
    vec![
        Row::new("root_one_signature_twice", "TUF 5.3.4", |repository| {
            let [one, ..] = root_keys();
            next_root(repository, |repository| repository.root.sign_with([&one, &one]));
        })
        .refused("DuplicateSignature", AT_ROOT, &[]),
        Row::new("root_one_key_under_a_false_id", "TUF 5.3.4", |repository| {
            let [one, two, _] = root_keys();
            next_root(repository, |repository| {
                repository.root.signers = vec![one.signer(), one.signer_as(&two.id())];
            });
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signed_by_one_of_two", "TUF 5.3.4", |repository| {
            let [one, ..] = root_keys();
            next_root(repository, |repository| repository.root.sign_with([&one]));
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signed_by_nobody", "TUF 5.3.4", |repository| {
            next_root(repository, |repository| repository.root.sign_with([]));
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signed_by_strangers", "TUF 5.3.4", |repository| {
            next_root(repository, |repository| repository.root.sign_with(&thieves()));
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signed_by_new_keys_only", "TUF 5.3.4", |repository| {
            next_root(repository, |repository| {
                repository.set_root_keys("root", &thieves(), 2);
                repository.root.sign_with(&thieves());
            });
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signed_by_old_keys_only", "TUF 5.3.4", |repository| {
            next_root(repository, |repository| repository.set_root_keys("root", &thieves(), 2));
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_edited_after_signing", "TUF 5.3.4", |repository| {
            next_root(repository, |_| {});
            replace(
                repository,
                NEW_ROOT,
                "\"consistent_snapshot\":true,\"expires\":\"2",
                "\"consistent_snapshot\":true,\"expires\":\"3",
            );
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new("root_signature_is_empty", "TUF 5.3.4", |repository| {
            let [one, two, _] = root_keys();
            next_root(repository, |repository| {
                repository.root.signers = vec![one.signer(), Signer::fixed(&two.id(), "")];
            });
        })
        .refused("TooFewSignatures", AT_ROOT, &[]),
        Row::new(
            "root_one_key_id_in_capitals",
            "TUF 5.3.4: a key counts once",
            |repository| {
                let [one, ..] = root_keys();
                next_root(repository, |repository| {
                    repository.root.signers = vec![one.signer(), one.signer_as(&one.id().to_uppercase())];
                });
            },
        )
        .refused("Malformed", AT_ROOT, &[])
        .flaw(Flaw::NotHex)
        .lenient_refuses("TooFewSignatures", AT_ROOT, &[]),
    ]
}

fn weak_keys() -> Vec<Row> {
    vec![
        Row::new(
            "root_signed_by_a_weak_key",
            "limits: no key of small order",
            |repository| {
                next_root(repository, |repository| {
                    repository.add_root_key_object("timestamp", WEAK_PUBLIC);
                });
                repository.timestamp.signers = vec![Signer::weak()];
                repository.publish_timestamp();
            },
        )
        .refused("WeakKey", AT_ROOT, &[]),
        weak("root_key_of_order_two", ORDER_TWO),
        weak("root_key_of_order_four", ORDER_FOUR),
        weak("root_key_of_order_eight", ORDER_EIGHT),
        weak("root_key_is_no_point", NO_POINT),
    ]
}

/// Public halves for which anybody can sign, and one for which nobody can.
const ORDER_TWO: fn(&mut Simulator) =
    |r| with_key(r, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
const ORDER_FOUR: fn(&mut Simulator) =
    |r| with_key(r, "0000000000000000000000000000000000000000000000000000000000000000");
const ORDER_EIGHT: fn(&mut Simulator) =
    |r| with_key(r, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
const NO_POINT: fn(&mut Simulator) =
    |r| with_key(r, "0200000000000000000000000000000000000000000000000000000000000000");

/// Publishes a next root that lists this key beside the timestamp's.
fn with_key(repository: &mut Simulator, public: &str) {
    next_root(repository, |repository| {
        repository.add_root_key_object("timestamp", public);
    });
}

fn weak(name: &'static str, attack: fn(&mut Simulator)) -> Row {
    Row::new(name, "limits: no key of small order", attack).refused("WeakKey", AT_ROOT, &[])
}

fn versions() -> Vec<Row> {
    vec![
        Row::new("root_version_skipped", "TUF 5.3.5", |repository| {
            repository.stage_root();
            repository.stage_root();
            repository.publish_root_as(2);
            repository.publish();
        })
        .refused("WrongVersion", AT_ROOT, &[]),
        Row::new("root_version_repeated", "TUF 5.3.5", |repository| {
            repository.publish_root_as(2);
            repository.publish();
        })
        .refused("WrongVersion", AT_ROOT, &[]),
        Row::new("root_version_zero", "TUF 5.3.5", |repository| {
            next_root(repository, |_| {});
            repository.root.signed["version"] = json!(0);
            repository.publish_root_as(2);
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new("root_expired", "TUF 5.3.10", |repository| {
            let now = repository.now;
            next_root(repository, |repository| repository.root.expire(now));
        })
        .refused("Expired", &["2.root", "3.root"], &["root"]),
    ]
}

fn contents() -> Vec<Row> {
    vec![
        Row::new("root_of_another_type", "TUF 4.3", |repository| {
            next_root(repository, |repository| {
                repository.root.signed["_type"] = json!("targets")
            });
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new("root_of_another_specification", "TUF 4.2", |repository| {
            next_root(repository, |repository| {
                repository.root.signed["spec_version"] = json!("2.0.0")
            });
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new(
            "root_without_consistent_snapshots",
            "design: consistent snapshots only",
            |repository| {
                next_root(repository, |repository| {
                    repository.root.signed["consistent_snapshot"] = json!(false)
                });
            },
        )
        .refused("Malformed", AT_ROOT, &[])
        .flaw(Flaw::ConsistentSnapshotOff)
        // There the files have other names.
        .lenient_refuses(
            "Absent",
            &["2.root", "3.root", "timestamp", "snapshot"],
            &["root", "timestamp"],
        ),
        Row::new("root_threshold_zero", "TUF 4.3", |repository| {
            next_root(repository, |repository| {
                repository.root.signed["roles"]["timestamp"]["threshold"] = json!(0)
            });
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new("root_threshold_out_of_reach", "TUF 4.3", |repository| {
            // Nobody can sign a timestamp until the next root, which every device follows.
            next_root(repository, |repository| {
                repository.set_root_keys("timestamp", &[timestamp_key()], 2)
            });
        })
        .refused("TooFewSignatures", AT_TIMESTAMP_OF_NEW_ROOT, &["root"]),
        Row::new("root_lacks_the_snapshot_role", "TUF 4.3", |repository| {
            next_root(repository, |repository| {
                if let Some(roles) = repository.root.signed["roles"].as_object_mut() {
                    roles.remove("snapshot");
                }
            });
        })
        .refused("Malformed", AT_ROOT, &[]),
    ]
}

fn keys() -> Vec<Row> {
    vec![
        Row::new("root_with_more_keys_than_kept", "limits: keys", |repository| {
            next_root(repository, |repository| {
                for number in 0..13 {
                    let key = Key::of(&format!("spare {number}"));
                    repository.root.signed["keys"][key.id()] = key.object();
                }
            });
        })
        .refused("LimitExceeded", AT_ROOT, &[])
        .lenient_accepts_after(&WITH_ROOT, &WITH_ROOT_CHANGED),
        Row::new("root_gives_a_key_id_to_another_key", "TUF 4.2", |repository| {
            next_root(repository, |repository| {
                let object = Key::of("new timestamp").object();
                repository.root.signed["keys"][timestamp_key().id()] = object;
            });
        })
        .refused("Malformed", AT_ROOT, &[])
        .flaw(Flaw::KeyId)
        // The root's word counts: by this id it now means another key, and the old one signs no more.
        .lenient_refuses("TooFewSignatures", AT_TIMESTAMP_OF_NEW_ROOT, &["root"]),
        Row::new(
            "root_one_key_under_two_ids",
            "TUF 5.3.4: a key counts once",
            |repository| {
                // The same point twice: once more under an object that differs in a field of no meaning.
                next_root(repository, |repository| {
                    let [one, ..] = root_keys();
                    let mut object = one.object();
                    object["x"] = json!("y");
                    let alias = key_id(&object);
                    repository.root.signed["keys"][&alias] = object;
                    repository.root.signed["roles"]["root"]["keyids"] = json!([one.id(), alias]);
                    repository.root.signers.push(one.signer_as(&alias));
                });
            },
        )
        .refused("TooFewSignatures", AT_ROOT, &[]),
    ]
}

/// Ids and keys as other implementations have them.
fn key_objects() -> Vec<Row> {
    vec![
        // TAP 12 takes any id; a device holds it against the key.
        Row::new("root_key_id_of_no_key", "TUF 4.2: a key id is a digest", |repository| {
            with_timestamp_key_id(repository, &"ab".repeat(32));
        })
        .refused("Malformed", AT_ROOT, &[])
        .flaw(Flaw::KeyId)
        .lenient_accepts_after(&WITH_ROOT, &WITH_ROOT_CHANGED),
        Row::new("root_key_id_is_a_name", "TUF 4.2: a key id is a digest", |repository| {
            with_timestamp_key_id(repository, "the timestamp's key");
        })
        .refused("Malformed", AT_ROOT, &[])
        .flaw(Flaw::NotHex)
        .lenient_accepts_after(&WITH_ROOT, &WITH_ROOT_CHANGED),
        Row::new(
            "root_with_a_key_of_unknown_type",
            "TUF 4.2: an unused key",
            |repository| {
                next_root(repository, |repository| {
                    let unknown = unknown_key("sphincs", "sphincs-shake-128s");
                    list_key(repository, &unknown, &[timestamp_key().id(), key_id(&unknown)]);
                });
            },
        )
        .expects(Outcome::Installed, &TO_IMAGE_OF_NEW_ROOT, &INSTALLED_WITH_ROOT),
        Row::new(
            "root_with_only_a_key_of_unknown_type",
            "TUF 4.2: an unused key",
            |repository| {
                only_unknown(repository, "sphincs", "sphincs-shake-128s");
            },
        )
        .refused("TooFewSignatures", AT_TIMESTAMP_OF_NEW_ROOT, &["root"]),
        Row::new(
            "root_with_only_a_key_of_unknown_scheme",
            "TUF 4.2: an unused key",
            |repository| {
                only_unknown(repository, "ed25519", "ed25519ph");
            },
        )
        .refused("TooFewSignatures", AT_TIMESTAMP_OF_NEW_ROOT, &["root"]),
    ]
}

/// Publishes a next root in which the timestamp's key goes by this id.
fn with_timestamp_key_id(repository: &mut Simulator, id: &str) {
    repository.timestamp.signers = vec![timestamp_key().signer_as(id)];
    next_root(repository, |repository| {
        if let Some(keys) = repository.root.signed["keys"].as_object_mut() {
            keys.remove(&timestamp_key().id());
            keys.insert(id.to_owned(), timestamp_key().object());
        }
        repository.root.signed["roles"]["timestamp"]["keyids"] = json!([id]);
    });
}

/// A key of the timestamp's bytes that says that it is something else.
fn unknown_key(kind: &str, scheme: &str) -> Value {
    let mut object = timestamp_key().object();
    object["keytype"] = json!(kind);
    object["scheme"] = json!(scheme);
    object
}

/// Lets the root list a key object, and these keys for the timestamp.
fn list_key(repository: &mut Simulator, object: &Value, ids: &[String]) {
    repository.root.signed["keys"][key_id(object)] = object.clone();
    repository.root.signed["roles"]["timestamp"]["keyids"] = json!(ids);
}

/// Publishes a next root whose one key for the timestamp is of a kind that nobody knows.
fn only_unknown(repository: &mut Simulator, kind: &str, scheme: &str) {
    let unknown = unknown_key(kind, scheme);
    repository.timestamp.signers = vec![timestamp_key().signer_as(&key_id(&unknown))];
    next_root(repository, |repository| {
        list_key(repository, &unknown, &[key_id(&unknown)])
    });
}

fn rotations() -> Vec<Row> {
    vec![
        Row::new("root_takes_the_timestamp_key_away", "TUF 5.3.11", |repository| {
            next_root(repository, |repository| {
                repository.set_root_keys("timestamp", &[Key::of("new timestamp")], 1)
            });
        })
        .refused("TooFewSignatures", AT_TIMESTAMP_OF_NEW_ROOT, &["root"]),
        Row::new(
            "root_keys_all_rotated",
            "TUF 5.3.4: both thresholds are met",
            |repository| {
                let [one, two, _] = root_keys();
                let new = ["new root 1", "new root 2"].map(Key::of);
                next_root(repository, |repository| {
                    repository.root.signed["keys"] = key_table([&new[0], &new[1], &snapshot_key(), &timestamp_key()]);
                    for key in crate::simulator::targets_keys() {
                        repository.root.signed["keys"][key.id()] = key.object();
                    }
                    repository.root.signed["roles"]["root"] = role_keys(&new, 2);
                    repository.root.sign_with([&one, &two, &new[0], &new[1]]);
                });
            },
        )
        .expects(Outcome::Installed, &TO_IMAGE_OF_NEW_ROOT, &INSTALLED_WITH_ROOT),
    ]
}

/// A thief of the online keys made every device trust versions that no honest file will ever reach. A root with new online
/// keys ends that.
fn fast_forwards() -> Vec<Row> {
    let ends = |name, before| {
        let row = Row::new(name, "TUF 5.3.11", with_new_online_keys).before(before);
        row.expects(Outcome::Installed, &TO_IMAGE_OF_NEW_ROOT, &INSTALLED_WITH_ROOT)
    };
    vec![
        ends("root_ends_a_fast_forward_of_the_timestamp", |repository| {
            repository.timestamp.revise(FAR, repository.now);
            repository.publish_timestamp();
        }),
        ends("root_ends_a_fast_forward_of_the_snapshot", |repository| {
            repository.snapshot.revise(FAR, repository.now);
            repository.publish();
        }),
        ends("root_ends_a_fast_forward_of_the_product", |repository| {
            let now = repository.now;
            repository.role(PRODUCT_ROLE).revise(FAR, now);
            repository.publish();
        }),
        Row::new(
            "root_without_new_online_keys_ends_nothing",
            "TUF 5.3.11",
            |repository| {
                next_root(repository, |_| {});
                back_to_version_two(repository);
                repository.publish();
            },
        )
        .before(|repository| {
            repository.timestamp.revise(FAR, repository.now);
            repository.publish_timestamp();
        })
        .refused("Rollback", AT_TIMESTAMP_OF_NEW_ROOT, &["root"])
        .for_good(),
    ]
}

/// A version that no honest file will ever reach.
const FAR: u64 = 1_000_000_000;

fn back_to_version_two(repository: &mut Simulator) {
    let now = repository.now;
    for role in [&mut repository.timestamp, &mut repository.snapshot] {
        role.revise(2, now);
    }
    repository.role(PRODUCT_ROLE).revise(2, now);
}

fn with_new_online_keys(repository: &mut Simulator) {
    let (timestamp, snapshot) = ([Key::of("new timestamp")], [Key::of("new snapshot")]);
    next_root(repository, |repository| {
        repository.set_root_keys("timestamp", &timestamp, 1);
        repository.set_root_keys("snapshot", &snapshot, 1);
    });
    repository.timestamp.sign_with(&timestamp);
    repository.snapshot.sign_with(&snapshot);
    back_to_version_two(repository);
    repository.publish();
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("root_endless", "TUF 5.3.3", |repository| {
            next_root(repository, |_| {});
            repository.site.fault(NEW_ROOT, Fault::EndlessBody);
        })
        .refused("TooLong", AT_ROOT, &[])
        .over_http(Outcome::Transport),
        Row::new("root_million_signatures", "TUF 5.3.3", |repository| {
            next_root(repository, |repository| {
                repository.root.rewrite = Some(with_many_signatures::<100_000>)
            });
        })
        .refused("TooLong", AT_ROOT, &[])
        .over_http(Outcome::Transport),
        Row::new("root_truncated", "TUF 4.3", |repository| {
            next_root(repository, |_| {});
            repository.site.edit(NEW_ROOT, |bytes| bytes.truncate(bytes.len() - 1));
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new("root_empty", "TUF 4.3", |repository| {
            next_root(repository, |_| {});
            repository.site.edit(NEW_ROOT, Vec::clear);
        })
        .refused("Malformed", AT_ROOT, &[]),
        Row::new("root_extended", "TUF 4.3", |repository| {
            next_root(repository, |_| {});
            repository.site.edit(NEW_ROOT, |bytes| bytes.push(b'\n'));
        })
        .refused("Malformed", AT_ROOT, &[])
        .lenient_accepts_after(&WITH_ROOT, &WITH_ROOT_CHANGED),
        Row::new("root_reset_midway", "a cut is no refusal", |repository| {
            next_root(repository, |_| {});
            // So early that a device which goes on where it was cut does not come to the end, either.
            repository.site.fault(NEW_ROOT, Fault::Reset { bytes: 100 });
        })
        .expects(Outcome::Transport, AT_ROOT, &[])
        .only_over_http(),
        Row::new(
            "root_server_in_trouble",
            "a failing server is not an absent file",
            |repository| {
                next_root(repository, |_| {});
                repository.site.fault(
                    NEW_ROOT,
                    Fault::Status {
                        code: 500,
                        retry_after_s: None,
                    },
                );
            },
        )
        .expects(Outcome::Transport, AT_ROOT, &[])
        .only_over_http(),
    ]
}

/// Keys that nobody ever trusted.
fn thieves() -> [Key; 2] {
    ["thief 1", "thief 2"].map(Key::of)
}

/// Replaces a text in a served file.
fn replace(repository: &mut Simulator, path: &str, from: &str, to: &str) {
    repository.site.edit(path, |bytes| {
        let text = String::from_utf8_lossy(bytes).replacen(from, to, 1);
        *bytes = text.into_bytes();
    });
}

/// The file with so many further signatures in front of its own.
fn with_many_signatures<const COUNT: usize>(file: Vec<u8>) -> Vec<u8> {
    const START: &[u8] = b"{\"signatures\":[";
    let one = format!("{{\"keyid\":\"{}\",\"sig\":\"{}\"}},", "0".repeat(64), "0".repeat(128));
    [START, one.as_bytes().repeat(COUNT).as_slice(), &file[START.len()..]].concat()
}
