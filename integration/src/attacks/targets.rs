//! Attacks with the top-level targets: whom they trust for which names.

use super::AT_TARGETS;
use super::row::{Outcome, Row};
use crate::simulator::keys::{Signer, WEAK_PUBLIC, key_id, key_object};
use crate::simulator::{PRODUCT_ROLE, Simulator, delegated_to, product_keys, targets_keys};
use crate::site::Fault;
use serde_json::{Value, json};
use tuffet_no_std_client::tuf::Flaw;

/// The requests of a cycle that takes the new targets and ends at the product role.
const AT_PRODUCT: &[&str] = &["2.root", "timestamp", "2.snapshot", "2.targets", "2.lamp"];
const TARGETS: &str = "metadata/2.targets.json";
/// What changes before a search begins. The client of other repositories keeps the top-level roles before that, so a fault
/// in a delegation costs it the search and nothing else.
const BEFORE_SEARCH: &[&str] = &["timestamp", "snapshot", "targets"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = signatures();
    rows.extend(delegations());
    rows.extend(searches());
    rows.extend(keys());
    rows.extend(key_objects());
    rows.extend(bytes());
    rows
}

/// Publishes version 2 of the targets after a change to it.
fn with_targets(repository: &mut Simulator, change: impl FnOnce(&mut Simulator)) {
    repository.targets.revise(2, repository.now);
    change(repository);
    repository.publish();
}

/// Publishes targets that list the author's key twice, once changed, and a product role signed by both of its ids.
fn with_alias(repository: &mut Simulator, change: fn(&mut Value)) {
    with_targets(repository, |repository| {
        let [author, _] = product_keys("lamp");
        let mut object = author.object();
        change(&mut object);
        let alias = key_id(&object);
        repository.targets.signed["delegations"]["keys"][&alias] = object;
        repository.delegation(PRODUCT_ROLE)["keyids"] = json!([author.id(), alias]);
        repository.role(PRODUCT_ROLE).signers = vec![author.signer(), author.signer_as(&alias)];
    });
}

fn signatures() -> Vec<Row> {
    vec![
        Row::new("targets_one_signature_twice", "TUF 5.6.3", |repository| {
            let [one, _] = targets_keys();
            with_targets(repository, |repository| repository.targets.sign_with([&one, &one]));
        })
        .refused("DuplicateSignature", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_signed_by_one_of_two", "TUF 5.6.3", |repository| {
            let [one, _] = targets_keys();
            with_targets(repository, |repository| repository.targets.sign_with([&one]));
        })
        .refused("TooFewSignatures", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_signed_by_nobody", "TUF 5.6.3", |repository| {
            with_targets(repository, |repository| repository.targets.sign_with([]));
        })
        .refused("TooFewSignatures", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_signed_by_the_product", "TUF 5.6.3", |repository| {
            with_targets(repository, |repository| {
                repository.targets.sign_with(&product_keys("lamp"))
            });
        })
        .refused("TooFewSignatures", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_version_differs", "TUF 5.6.4", |repository| {
            with_targets(repository, |_| {});
            repository.targets.signed["version"] = json!(3);
            let other = repository.targets.file();
            repository.snapshot.signed["meta"]["targets.json"] = crate::simulator::role::pin(2, &other);
            repository.site.put(TARGETS, other);
            repository.publish_snapshot();
        })
        .refused("WrongVersion", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_expired", "TUF 5.6.5", |repository| {
            with_targets(repository, |repository| repository.targets.expire(repository.now));
        })
        .refused("Expired", AT_TARGETS, &["timestamp", "snapshot"]),
    ]
}

fn delegations() -> Vec<Row> {
    vec![
        Row::new(
            "targets_repeats_a_role",
            "design 3: a delegation that repeats a role name",
            |repository| {
                // Twice the same name with different keys: whose signature would count?
                with_targets(repository, |repository| {
                    let mut second = repository.delegation("stove").clone();
                    second["name"] = json!(PRODUCT_ROLE);
                    push_delegation(repository, second);
                });
            },
        )
        .refused("DuplicateDelegation", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new(
            "targets_repeats_a_role_far_apart",
            "design 3: a delegation that repeats a role name",
            |repository| {
                // A device with little memory compares the names in portions.
                with_targets(repository, |repository| {
                    for number in (0..40).chain([39]) {
                        push_delegation(repository, delegated_to(&format!("zone{number}"), &[], 1, &[], false));
                    }
                });
            },
        )
        .refused("DuplicateDelegation", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_delegates_to_an_unlisted_role", "TUF 5.6.1", |repository| {
            with_targets(repository, |repository| {
                let unlisted = delegated_to("ghost", &product_keys("lamp"), 2, &["lamp_*".to_owned()], false);
                if let Some(roles) = repository.targets.signed["delegations"]["roles"].as_array_mut() {
                    roles.insert(0, unlisted);
                }
            });
        })
        .refused("NotInSnapshot", AT_TARGETS, &["timestamp", "snapshot", "targets"]),
        Row::new("targets_delegates_to_root", "design 3: reserved names", |repository| {
            with_targets(repository, |repository| {
                let reserved = delegated_to("root", &product_keys("lamp"), 2, &["lamp_*.release".to_owned()], false);
                push_delegation(repository, reserved);
            });
        })
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_delegates_with_threshold_zero", "TUF 4.5", |repository| {
            with_targets(repository, |repository| {
                repository.delegation(PRODUCT_ROLE)["threshold"] = json!(0)
            });
        })
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"]),
    ]
}

/// Delegations that are sound, and not what a device looks for.
fn searches() -> Vec<Row> {
    vec![
        Row::new("targets_delegates_to_hundreds", "limits: targets", |repository| {
            with_targets(repository, |repository| {
                for number in 0..300 {
                    let name = format!("role-{number}");
                    push_delegation(
                        repository,
                        delegated_to(&name, &product_keys("lamp"), 2, std::slice::from_ref(&name), false),
                    );
                }
            });
        })
        .refused("TooLong", AT_TARGETS, &["timestamp", "snapshot"])
        .over_http(Outcome::Transport)
        .lenient_accepts_after(AT_PRODUCT, &["targets", "lamp"]),
        Row::new("targets_forgets_the_product", "TUF 5.6.7", |repository| {
            with_targets(repository, |repository| {
                if let Some(roles) = repository.targets.signed["delegations"]["roles"].as_array_mut() {
                    roles.retain(|role| role["name"] != PRODUCT_ROLE);
                }
            });
        })
        .expects(Outcome::NoRelease, AT_TARGETS, &["timestamp", "snapshot", "targets"]),
    ]
}

fn keys() -> Vec<Row> {
    vec![
        Row::new("targets_gives_a_key_id_to_another_key", "TUF 4.2", |repository| {
            with_targets(repository, |repository| {
                let [author, operator] = product_keys("lamp");
                repository.targets.signed["delegations"]["keys"][author.id()] = operator.object();
            });
        })
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"])
        .flaw(Flaw::KeyId)
        .lenient_refuses("TooFewSignatures", AT_PRODUCT, BEFORE_SEARCH),
        Row::new(
            "targets_key_under_two_ids",
            "TUF 5.6.3: a key counts once",
            |repository| {
                // The same point under an object that differs in a field of no meaning.
                with_alias(repository, |object| object["x"] = json!("y"));
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, &["timestamp", "snapshot", "targets"]),
        Row::new(
            "targets_key_in_capitals",
            "TUF 5.6.3: a key counts once",
            |repository| {
                with_alias(repository, |object| {
                    object["keyval"]["public"] = json!(object["keyval"]["public"].as_str().map(str::to_uppercase));
                });
            },
        )
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"])
        .flaw(Flaw::NotHex)
        .lenient_refuses("Malformed", AT_TARGETS, BEFORE_SEARCH),
        Row::new(
            "targets_delegates_to_a_weak_key",
            "limits: no key of small order",
            |repository| {
                with_targets(repository, |repository| {
                    let object = key_object(WEAK_PUBLIC);
                    let id = key_id(&object);
                    repository.targets.signed["delegations"]["keys"][&id] = object;
                    repository.delegation(PRODUCT_ROLE)["keyids"] = json!([id]);
                    repository.delegation(PRODUCT_ROLE)["threshold"] = json!(1);
                    repository.role(PRODUCT_ROLE).signers = vec![Signer::weak()];
                });
            },
        )
        .refused("WeakKey", AT_TARGETS, &["timestamp", "snapshot"])
        .lenient_refuses("WeakKey", AT_TARGETS, BEFORE_SEARCH),
    ]
}

/// Ids and keys as other implementations have them.
fn key_objects() -> Vec<Row> {
    vec![
        Row::new(
            "targets_key_id_of_no_key",
            "TUF 4.2: a key id is a digest",
            |repository| {
                with_author_id(repository, &"ab".repeat(32));
            },
        )
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"])
        .flaw(Flaw::KeyId)
        .lenient_accepts_after(AT_PRODUCT, &["targets", "lamp"]),
        Row::new(
            "targets_key_id_is_a_name",
            "TUF 4.2: a key id is a digest",
            |repository| {
                with_author_id(repository, "the author's key");
            },
        )
        .refused("Malformed", AT_TARGETS, &["timestamp", "snapshot"])
        .flaw(Flaw::NotHex)
        .lenient_accepts_after(AT_PRODUCT, &["targets", "lamp"]),
        Row::new("targets_key_of_unknown_type", "TUF 4.2: an unused key", |repository| {
            // Two of the three have to sign, and one of the two who sign is of a kind that nobody knows.
            with_targets(repository, |repository| {
                let [author, operator] = product_keys("lamp");
                let mut unknown = operator.object();
                unknown["keytype"] = json!("sphincs");
                unknown["scheme"] = json!("sphincs-shake-128s");
                let id = key_id(&unknown);
                repository.targets.signed["delegations"]["keys"][&id] = unknown;
                repository.delegation(PRODUCT_ROLE)["keyids"] = json!([author.id(), operator.id(), id]);
                repository.role(PRODUCT_ROLE).signers = vec![author.signer(), operator.signer_as(&id)];
            });
        })
        .refused("TooFewSignatures", AT_PRODUCT, &["timestamp", "snapshot", "targets"]),
    ]
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("targets_edited", "TUF 5.6.2", |repository| {
            with_targets(repository, |_| {});
            repository.site.edit(TARGETS, |bytes| bytes[300] ^= 1);
        })
        .refused("WrongDigest", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_truncated", "TUF 5.6.2", |repository| {
            with_targets(repository, |_| {});
            repository.site.edit(TARGETS, |bytes| bytes.truncate(10));
        })
        .refused("WrongLength", AT_TARGETS, &["timestamp", "snapshot"]),
        Row::new("targets_endless", "TUF 5.6.1", |repository| {
            with_targets(repository, |_| {});
            repository.site.fault(TARGETS, Fault::EndlessBody);
        })
        .refused("TooLong", AT_TARGETS, &["timestamp", "snapshot"])
        .over_http(Outcome::Transport),
        Row::new("targets_absent", "TUF 5.6.1", |repository| {
            with_targets(repository, |_| {});
            repository.site.remove(TARGETS);
        })
        .refused("Absent", AT_TARGETS, &["timestamp", "snapshot"]),
    ]
}

/// Publishes targets in which the author's key goes by this id.
fn with_author_id(repository: &mut Simulator, id: &str) {
    with_targets(repository, |repository| {
        let [author, operator] = product_keys("lamp");
        if let Some(keys) = repository.targets.signed["delegations"]["keys"].as_object_mut() {
            keys.remove(&author.id());
            keys.insert(id.to_owned(), author.object());
        }
        repository.delegation(PRODUCT_ROLE)["keyids"] = json!([id, operator.id()]);
        repository.delegation("lamp_files")["keyids"] = json!([id, operator.id()]);
        repository.role(PRODUCT_ROLE).signers = vec![author.signer_as(id), operator.signer()];
    });
}

fn push_delegation(repository: &mut Simulator, delegation: Value) {
    if let Some(roles) = repository.targets.signed["delegations"]["roles"].as_array_mut() {
        roles.push(delegation);
    }
}
