//! Attacks with a product's roles: which document is the release.

use super::row::{Outcome, Row};
use super::{AT_PRODUCT, TO_IMAGE};
use crate::simulator::keys::{Key, Signer};
use crate::simulator::release::POINTER;
use crate::simulator::role::{signed_over_a_prefix, with_more_in_signed};
use crate::simulator::{FILES_ROLE, PRODUCT_ROLE, Simulator, product_keys, rollout_key};
use crate::site::Fault;
use serde_json::json;
use tuffet_no_std_client::tuf::Flaw;

const PRODUCT_FILE: &str = "metadata/2.lamp.json";
/// What a device trusts anew when the product role is refused.
const BEFORE_PRODUCT: &[&str] = &["timestamp", "snapshot"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = signatures();
    rows.extend(unsigned());
    rows.extend(names());
    rows.extend(bytes());
    rows
}

/// Publishes after a change to who signs the product role.
fn signed_by(repository: &mut Simulator, keys: &[Key]) {
    repository.role(PRODUCT_ROLE).sign_with(keys);
    repository.publish();
}

/// Publishes with the pointer in another role than the product's.
fn pointer_in(repository: &mut Simulator, role: &str) {
    repository.publish();
    let mut entry = json!(null);
    if let Some(targets) = repository.role(PRODUCT_ROLE).signed["targets"].as_object_mut() {
        entry = targets.remove(POINTER).unwrap_or_default();
    }
    repository.role(role).signed["targets"][POINTER] = entry;
    repository.publish_roles();
}

fn signatures() -> Vec<Row> {
    vec![
        Row::new("product_expired", "TUF 5.6.5", |repository| {
            let now = repository.now;
            repository.role(PRODUCT_ROLE).expire(now);
            repository.publish();
        })
        .refused("Expired", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_one_signature_twice", "TUF 5.6.3", |repository| {
            let [author, _] = product_keys("lamp");
            signed_by(repository, &[author.clone(), author]);
        })
        .refused("DuplicateSignature", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_signed_by_one_of_two", "TUF 5.6.3", |repository| {
            let [author, _] = product_keys("lamp");
            signed_by(repository, &[author]);
        })
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_signed_by_another_product", "TUF 5.6.3", |repository| {
            signed_by(repository, &product_keys("stove"));
        })
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_signed_by_author_and_rollout_key", "TUF 5.6.3", |repository| {
            let [author, _] = product_keys("lamp");
            signed_by(repository, &[author, rollout_key("lamp")]);
        })
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new(
            "product_more_signatures_than_counted",
            "limits: signatures",
            |repository| {
                let strangers: Vec<Key> = (0..17).map(|number| Key::of(&format!("stranger {number}"))).collect();
                signed_by(repository, &strangers);
            },
        )
        .refused("LimitExceeded", AT_PRODUCT, BEFORE_PRODUCT)
        .lenient_refuses("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_version_differs", "TUF 5.6.4", |repository| {
            repository.publish();
            repository.role(PRODUCT_ROLE).signed["version"] = json!(7);
            let other = repository.role(PRODUCT_ROLE).file();
            repository.snapshot.signed["meta"]["lamp.json"] = crate::simulator::role::pin(2, &other);
            repository.site.put(PRODUCT_FILE, other);
            repository.publish_snapshot();
        })
        .refused("WrongVersion", AT_PRODUCT, BEFORE_PRODUCT),
    ]
}

/// Signatures that are none.
fn unsigned() -> Vec<Row> {
    vec![
        Row::new("product_signed_by_nobody", "TUF 5.6.3", |repository| {
            signed_by(repository, &[])
        })
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_signatures_are_empty", "TUF 5.6.3", |repository| {
            let signers = product_keys("lamp").map(|key| Signer::fixed(&key.id(), ""));
            repository.role(PRODUCT_ROLE).signers = signers.to_vec();
            repository.publish();
        })
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new(
            "product_signatures_over_a_prefix",
            "TUF 5.6.3: all of signed",
            |repository| {
                repository.role(PRODUCT_ROLE).rewrite = Some(|file| signed_over_a_prefix(&file, &product_keys("lamp")));
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new(
            "product_with_more_after_what_was_signed",
            "TUF 5.6.3: all of signed",
            |repository| {
                repository.role(PRODUCT_ROLE).rewrite = Some(|file| with_more_in_signed(&file));
                repository.publish();
            },
        )
        .refused("TooFewSignatures", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new(
            "product_signed_by_a_name_too",
            "TUF 4.2: a key id is a digest",
            |repository| {
                // A signature too many harms nobody, but for what it calls its key.
                let [author, operator] = product_keys("lamp");
                let signers = vec![
                    author.signer(),
                    operator.signer(),
                    Key::of("thief 1").signer_as("a thief"),
                ];
                repository.role(PRODUCT_ROLE).signers = signers;
                repository.publish();
            },
        )
        .refused("Malformed", AT_PRODUCT, BEFORE_PRODUCT)
        .flaw(Flaw::NotHex)
        .lenient_accepts(&["lamp"]),
    ]
}

fn names() -> Vec<Row> {
    // The search finds nothing, and nothing is installed: a name that its role is not trusted for does not exist.
    vec![
        Row::new("product_signs_another_products_name", "TUF 5.6.7.2", |repository| {
            pointer_in(repository, "stove");
        })
        .expects(Outcome::NoRelease, AT_PRODUCT, &["timestamp", "snapshot", "lamp"]),
        Row::new("files_role_signs_a_pointer", "TUF 5.6.7.2", |repository| {
            pointer_in(repository, FILES_ROLE);
        })
        .expects(Outcome::NoRelease, AT_PRODUCT, &["timestamp", "snapshot", "lamp"]),
        Row::new("rollout_role_signs_a_pointer", "TUF 5.6.7.2", |repository| {
            repository.stage_rollout(None);
            pointer_in(repository, "lamp_rollout");
        })
        .expects(Outcome::NoRelease, AT_PRODUCT, &["timestamp", "snapshot", "lamp"]),
        Row::new(
            "product_delegates_the_pointer_away",
            "TUF 5.6.7: pre-order",
            |repository| {
                // The product's own entry comes before whatever it delegates.
                repository.publish();
                let thief = Key::of("thief 1");
                repository.role(PRODUCT_ROLE).signed["delegations"] = json!({
                    "keys": {thief.id(): thief.object()},
                    "roles": [crate::simulator::delegated_to("stove", &[thief], 1, &["*".to_owned()], false)],
                });
                repository.publish_roles();
            },
        )
        .expects(
            Outcome::Installed,
            TO_IMAGE,
            &["timestamp", "snapshot", "lamp", "document", "boot record", "spare slot"],
        ),
        Row::new("product_pointer_without_facts", "design 3: custom", |repository| {
            repository.release.custom = json!({"class": "feature", "version": "2.0.0"});
            repository.publish();
        })
        .refused("PointerCustom", AT_PRODUCT, &["timestamp", "snapshot", "lamp"]),
        Row::new(
            "product_pointer_to_a_huge_document",
            "limits: release document",
            |repository| {
                repository.publish();
                repository.role(PRODUCT_ROLE).signed["targets"][POINTER]["length"] = json!(1_000_000_000);
                repository.publish_roles();
            },
        )
        .refused("DocumentTooLong", AT_PRODUCT, &["timestamp", "snapshot", "lamp"]),
        Row::new("product_pointer_without_a_digest", "TUF 4.5", |repository| {
            repository.publish();
            repository.role(PRODUCT_ROLE).signed["targets"][POINTER]["hashes"] = json!({});
            repository.publish_roles();
        })
        .refused("Malformed", AT_PRODUCT, BEFORE_PRODUCT),
    ]
}

fn bytes() -> Vec<Row> {
    vec![
        Row::new("product_edited", "TUF 5.6.2", |repository| {
            repository.publish();
            repository.site.edit(PRODUCT_FILE, |bytes| bytes[100] ^= 1);
        })
        .refused("WrongDigest", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_truncated", "TUF 5.6.2", |repository| {
            repository.publish();
            repository.site.fault(PRODUCT_FILE, Fault::Truncated { bytes: 64 });
        })
        .refused("WrongLength", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_extended", "TUF 5.6.2", |repository| {
            repository.publish();
            repository.site.fault(PRODUCT_FILE, Fault::Extended { bytes: 64 });
        })
        .refused("WrongLength", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_absent", "TUF 5.6.1", |repository| {
            repository.publish();
            repository.site.remove(PRODUCT_FILE);
        })
        .refused("Absent", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new("product_of_yesterday", "TUF 5.6.2", |repository| {
            let old = Simulator::healthy(repository.now).role(PRODUCT_ROLE).file();
            repository.publish();
            repository.site.put(PRODUCT_FILE, old);
        })
        .refused("WrongDigest", AT_PRODUCT, BEFORE_PRODUCT),
        Row::new(
            "product_redirected",
            "TUF 5.6.1: a redirect is not followed",
            |repository| {
                repository.publish();
                repository.site.fault(
                    PRODUCT_FILE,
                    Fault::Status {
                        code: 302,
                        retry_after_s: None,
                    },
                );
            },
        )
        .expects(Outcome::Transport, AT_PRODUCT, BEFORE_PRODUCT)
        .only_over_http(),
    ]
}
