//! Attacks through delegations: a role that two others delegate to, and roles that are broken beside the one that counts.
//!
//! - A role is held against the delegation that led to it in this search, and against no other.
//! - What is not on the way to the pointer is not looked at: one broken delegate does not stop the others.

use super::row::{Outcome, Row};
use super::{AT_TARGETS, INSTALLED};
use crate::simulator::keys::Key;
use crate::simulator::release::{OTHER_PRODUCT, POINTER};
use crate::simulator::role::{Role, key_table};
use crate::simulator::{PRODUCT_ROLE, Simulator, delegated_to, product_keys};
use serde_json::{Value, json};

/// The names that the product may sign.
const POINTERS: &str = "lamp_*.release";
/// A role that two others delegate to.
const SHARED: &str = "shared";
const BEFORE_SEARCH: &[&str] = &["timestamp", "snapshot", "targets"];

/// The rows.
pub fn rows() -> Vec<Row> {
    let mut rows = shared();
    rows.extend(beside());
    rows.extend(before());
    rows.extend(long_ways());
    rows
}

/// A key of the shared role, by delegator.
fn key_for(delegator: &str) -> Key {
    Key::of(&format!("shared for {delegator}"))
}

/// Adds a role without targets, signed by these keys.
fn add_role(repository: &mut Simulator, name: &str, signers: &[Key]) {
    let role = Role::new("targets", json!({"targets": {}}), signers, repository.now, 180);
    repository.delegated.insert(name.to_owned(), role);
}

/// Lets the product's role delegate the pointer, and another product's role too, each to its own key of the shared role.
fn delegate_twice(repository: &mut Simulator) {
    for delegator in [PRODUCT_ROLE, OTHER_PRODUCT] {
        let key = key_for(delegator);
        repository.role(delegator).signed["delegations"] = json!({
            "keys": key_table([&key]),
            "roles": [delegated_to(SHARED, std::slice::from_ref(&key), 1, &[POINTERS.to_owned()], false)],
        });
    }
}

/// Takes the pointer out of the product's role and puts it into the shared one.
fn share_pointer(repository: &mut Simulator) {
    repository.publish();
    let mut entry = Value::Null;
    if let Some(targets) = repository.role(PRODUCT_ROLE).signed["targets"].as_object_mut() {
        entry = targets.remove(POINTER).unwrap_or_default();
    }
    repository.role(SHARED).signed["targets"][POINTER] = entry;
    repository.publish_roles();
}

/// Lets the targets trust these roles, in this order, for the pointer.
fn on_the_way(repository: &mut Simulator, names: &[&str]) {
    repository.targets.revise(2, repository.now);
    let roles = repository.targets.signed["delegations"]["roles"].as_array_mut();
    let roles = roles.into_iter().flat_map(|roles| roles.iter_mut());
    for role in roles.filter(|role| [PRODUCT_ROLE, OTHER_PRODUCT].map(Value::from).contains(&role["name"])) {
        let is_named = names.iter().any(|name| role["name"] == *name);
        let pattern = if is_named { POINTERS } else { "nothing" };
        role["paths"] = json!([pattern]);
    }
}

fn shared() -> Vec<Row> {
    vec![
        // A client that knows roles by their name alone would take the copy that it verified yesterday.
        Row::new(
            "delegate_kept_under_another_delegator",
            "TUF 5.6.7: the delegator of this search",
            |repository| {
                // The same file, with the same version, is now reached through another role, which trusts another key.
                on_the_way(repository, &[OTHER_PRODUCT]);
                repository.publish();
            },
        )
        .before(|repository| {
            delegate_twice(repository);
            add_role(repository, SHARED, &[key_for(PRODUCT_ROLE)]);
            share_pointer(repository);
        })
        .refused(
            "TooFewSignatures",
            &["2.root", "timestamp", "2.snapshot", "2.targets", "1.stove"],
            &["timestamp", "snapshot", "targets", "stove"],
        ),
        Row::new(
            "delegate_signed_for_another_delegator",
            "TUF 5.6.7: the delegator of this search",
            |repository| {
                delegate_twice(repository);
                add_role(repository, SHARED, &[key_for(OTHER_PRODUCT)]);
                share_pointer(repository);
            },
        )
        .refused(
            "TooFewSignatures",
            &["2.root", "timestamp", "2.snapshot", "2.lamp", "1.shared"],
            &["timestamp", "snapshot", "lamp"],
        ),
        Row::new(
            "delegate_signed_for_its_delegator",
            "TUF 5.6.7: the delegator of this search",
            |repository| {
                delegate_twice(repository);
                add_role(repository, SHARED, &[key_for(PRODUCT_ROLE)]);
                share_pointer(repository);
            },
        )
        .expects(
            Outcome::Installed,
            &[
                "2.root",
                "timestamp",
                "2.snapshot",
                "2.lamp",
                "1.shared",
                super::DOCUMENT,
                super::IMAGE,
            ],
            &[&["shared"], INSTALLED].concat(),
        ),
    ]
}

/// Where a delegation is put.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Place {
    BeforeTheProduct,
    AfterTheProduct,
}

/// Publishes targets that trust one more role for the pointer.
fn with_delegate(repository: &mut Simulator, place: Place, is_terminating: bool, change: fn(&mut Simulator)) {
    let key = Key::of("delegate");
    let delegation = delegated_to(
        "delegate",
        std::slice::from_ref(&key),
        1,
        &[POINTERS.to_owned()],
        is_terminating,
    );
    repository.targets.revise(2, repository.now);
    repository.targets.signed["delegations"]["keys"][key.id()] = key.object();
    if let Some(roles) = repository.targets.signed["delegations"]["roles"].as_array_mut() {
        let at = if place == Place::BeforeTheProduct {
            0
        } else {
            roles.len()
        };
        roles.insert(at, delegation);
    }
    add_role(repository, "delegate", &[key]);
    change(repository);
    repository.publish();
}

fn unsigned(repository: &mut Simulator) {
    repository.role("delegate").sign_with([]);
}

fn expired(repository: &mut Simulator) {
    let now = repository.now;
    repository.role("delegate").expire(now);
}

/// One role that nobody needs is broken: the pointer was found before it.
fn beside() -> Vec<Row> {
    let installs = |name, attack| {
        Row::new(name, "TUF 5.6.7: pre-order", attack).expects(
            Outcome::Installed,
            &[AT_TARGETS, &["2.lamp", super::DOCUMENT, super::IMAGE]].concat(),
            &[&["targets"], INSTALLED].concat(),
        )
    };
    vec![
        installs("delegate_unsigned_after_the_product", |repository| {
            with_delegate(repository, Place::AfterTheProduct, false, unsigned);
        }),
        installs("delegate_expired_after_the_product", |repository| {
            with_delegate(repository, Place::AfterTheProduct, false, expired);
        }),
        installs("delegate_absent_after_the_product", |repository| {
            with_delegate(repository, Place::AfterTheProduct, false, |_| {});
            repository.site.remove("metadata/1.delegate.json");
        }),
        Row::new("delegate_lists_what_it_may_not", "TUF 5.6.7.2", |repository| {
            // Another product's role lists names that are not its own: its list counts for its own names only.
            repository.role(OTHER_PRODUCT).list(POINTER, b"not the release", None);
            repository
                .role(OTHER_PRODUCT)
                .list("lamp_c3_beta.release", b"not the release", None);
            repository.publish();
        })
        .expects(Outcome::Installed, super::TO_IMAGE, INSTALLED),
    ]
}

/// What is broken stands on the way to the pointer: whether it lists the pointer is not known.
fn before() -> Vec<Row> {
    let at_delegate = [AT_TARGETS, &["1.delegate"]].concat();
    let broken =
        |name, step, refusal, attack| Row::new(name, step, attack).refused(refusal, &at_delegate, BEFORE_SEARCH);
    vec![
        broken(
            "delegate_unsigned_before_the_product",
            "TUF 5.6.3",
            "TooFewSignatures",
            |repository| with_delegate(repository, Place::BeforeTheProduct, false, unsigned),
        ),
        broken(
            "delegate_expired_before_the_product",
            "TUF 5.6.5",
            "Expired",
            |repository| with_delegate(repository, Place::BeforeTheProduct, false, expired),
        ),
        broken(
            "delegate_absent_before_the_product",
            "TUF 5.6.1",
            "Absent",
            |repository| {
                with_delegate(repository, Place::BeforeTheProduct, false, |_| {});
                repository.site.remove("metadata/1.delegate.json");
            },
        ),
        Row::new(
            "delegate_terminating_before_the_product",
            "TUF 5.6.7.2: terminating",
            |repository| with_delegate(repository, Place::BeforeTheProduct, true, |_| {}),
        )
        .expects(
            Outcome::NoRelease,
            &at_delegate,
            &[BEFORE_SEARCH, &["delegate"]].concat(),
        ),
    ]
}

/// Ways that do not end, or not soon.
fn long_ways() -> Vec<Row> {
    vec![
        Row::new("delegates_in_a_circle", "TUF 5.6.7.1", |repository| {
            repository.publish();
            let [author, operator] = product_keys(PRODUCT_ROLE);
            for (from, to) in [(PRODUCT_ROLE, "delegate"), ("delegate", PRODUCT_ROLE)] {
                if from == "delegate" {
                    add_role(repository, from, &[author.clone(), operator.clone()]);
                }
                let keys = [author.clone(), operator.clone()];
                repository.role(from).signed["delegations"] = json!({
                    "keys": key_table(&keys),
                    "roles": [delegated_to(to, &keys, 2, &["*".to_owned()], false)],
                });
            }
            if let Some(targets) = repository.role(PRODUCT_ROLE).signed["targets"].as_object_mut() {
                targets.remove(POINTER);
            }
            repository.publish_roles();
        })
        .expects(
            Outcome::NoRelease,
            &["2.root", "timestamp", "2.snapshot", "2.lamp", "1.delegate"],
            &["timestamp", "snapshot", "lamp", "delegate"],
        ),
        Row::new("delegates_more_than_are_visited", "TUF 5.6.7.1", |repository| {
            repository.targets.revise(2, repository.now);
            let key = Key::of("delegate");
            repository.targets.signed["delegations"]["keys"][key.id()] = key.object();
            for name in MANY.iter().rev() {
                let keys = std::slice::from_ref(&key);
                let delegation = delegated_to(name, keys, 1, &[POINTERS.to_owned()], false);
                if let Some(roles) = repository.targets.signed["delegations"]["roles"].as_array_mut() {
                    roles.insert(0, delegation);
                }
                add_role(repository, name, keys);
            }
            repository.publish();
        })
        .expects(
            Outcome::NoRelease,
            &[AT_TARGETS, &MANY_FILES[..8]].concat(),
            &[BEFORE_SEARCH, &MANY[..8]].concat(),
        )
        .lenient_accepts_after(
            &[AT_TARGETS, &MANY_FILES[..], &["2.lamp"]].concat(),
            &["early-8", "lamp"],
        ),
    ]
}

/// One more than a device visits.
const MANY: [&str; 9] = [
    "early-0", "early-1", "early-2", "early-3", "early-4", "early-5", "early-6", "early-7", "early-8",
];
const MANY_FILES: [&str; 9] = [
    "1.early-0",
    "1.early-1",
    "1.early-2",
    "1.early-3",
    "1.early-4",
    "1.early-5",
    "1.early-6",
    "1.early-7",
    "1.early-8",
];
