use std::fs;

use serde_json::Value;
use tuffet_keys_tool::KeyRole;
use tuffet_release::{Advisory, Class, ReleaseDocument, RolloutState, Rule, Wave};

use crate::{
    create::{self, propose_renewal},
    error::{Error, Refused},
    proposal::Proposal,
    publish::Outcome,
    release::{self, Promotion, propose_promotion},
    repository::Published,
    rollout::{RolloutPlan, propose_rollout},
    testing::{Vendor, copy_tree, id, key, product, tree},
};

#[test]
fn a_release_is_built_signed_published_and_found_good() {
    let vendor = Vendor::new();
    assert_eq!(vendor.verify().unwrap().targets, 0);
    let proposal = vendor.signed("1.0.0");
    assert_eq!(
        vendor.publish(&proposal).unwrap(),
        Outcome::Published { timestamp_version: 3 }
    );
    let verified = vendor.verify().unwrap();
    // Two images, two pointers, the document and the support statement.
    assert_eq!((verified.targets, verified.products), (6, vec!["lamp".to_owned()]));
    let listed = release::list(&vendor.repository).unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|entry| (entry.pointer.as_str(), entry.version.as_str()))
        .collect();
    assert_eq!(
        names,
        [("lamp_c3_beta.release", "1.0.0"), ("lamp_s3_beta.release", "1.0.0")]
    );
    let published = Published::load(&vendor.repository).unwrap();
    let files: Vec<_> = published.delegated["lamp_files"].role.targets.keys().cloned().collect();
    assert_eq!(
        files,
        [
            "lamp_1.0.0.document",
            "lamp_1.0.0_c3.zst",
            "lamp_1.0.0_s3.zst",
            "lamp_support.json"
        ]
    );
    let custom = published.delegated["lamp"].role.targets["lamp_c3_beta.release"]
        .custom
        .clone()
        .unwrap();
    assert_eq!(
        custom,
        serde_json::json!({"class": "feature", "security_version": 1, "version": "1.0.0"})
    );
    vendor.release("1.1.0");
    assert_eq!(vendor.verify().unwrap().targets, 9);
}

#[test]
fn publishing_twice_is_publishing_once() {
    let vendor = Vendor::new();
    let proposal = vendor.release("1.0.0");
    let before = tree(vendor.repository.path());
    assert_eq!(vendor.publish(&proposal).unwrap(), Outcome::WasPublished);
    assert_eq!(tree(vendor.repository.path()), before);
}

#[test]
fn holders_sign_copies_on_their_own_machines() {
    let vendor = Vendor::new();
    let mut first = vendor.build(&vendor.plan("1.0.0"), "first").unwrap();
    copy_tree(first.folder(), &vendor.path("second"));
    let mut second = Proposal::open(&vendor.path("second")).unwrap();
    assert_eq!(first.sign(&vendor.holders[0]).unwrap(), ["lamp", "lamp_files"]);
    assert!(matches!(
        vendor.publish(&first),
        Err(Error::Refused(Refused::SignaturesMissing { .. }))
    ));
    // The same key again is still one holder.
    first.sign(&vendor.holders[0]).unwrap();
    assert_eq!(first.progress().unwrap()[0].missing(), 1);
    second.sign(&vendor.holders[1]).unwrap();
    assert_eq!(first.merge(&second).unwrap(), 2);
    assert_eq!(first.merge(&second).unwrap(), 0);
    let again = Proposal::open(first.folder()).unwrap();
    assert!(again.progress().unwrap().iter().all(|role| role.missing() == 0));
    vendor.publish(&again).unwrap();
    vendor.verify().unwrap();
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let vendor = Vendor::new();
    let plan = vendor.plan("1.0.0");
    vendor.build(&plan, "one").unwrap();
    vendor.build(&plan, "two").unwrap();
    let (one, two) = (tree(&vendor.path("one")), tree(&vendor.path("two")));
    assert_eq!(one, two);
    assert!(one.len() > 8);
    // No leftovers of writing.
    assert!(
        one.keys()
            .all(|path| !path.to_string_lossy().contains(".new-") && path.extension() != Some("part".as_ref()))
    );
}

#[test]
fn a_security_release_raises_the_security_version_and_carries_its_advisory() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let mut plan = vendor.plan("1.0.1");
    plan.class = Class::Security;
    let advisory = Advisory {
        cves: vec!["CVE-2026-12345".to_owned()],
        risk: "high".to_owned(),
        text: "Update soon.".to_owned(),
    };
    plan.advisory = Some(advisory.clone());
    plan.rule = Rule::Required { wait_max_days: 14 };
    let sbom = vendor.path("sbom.json");
    fs::write(&sbom, b"{\"bomFormat\":\"CycloneDX\"}").unwrap();
    plan.sbom = Some(sbom);
    let mut proposal = vendor.build(&plan, "fix").unwrap();
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    let document = ReleaseDocument::parse(&fs::read(vendor.path("fix/release.json")).unwrap()).unwrap();
    assert_eq!((document.security_version, document.advisory), (2, Some(advisory)));
    assert_eq!(document.sbom.unwrap().name.as_str(), "lamp_1.0.1_sbom.json");
}

#[test]
fn an_operator_goes_back_with_a_signed_release() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    vendor.release("2.0.0");
    let mut plan = vendor.plan("1.0.0");
    plan.rollback = true;
    let mut proposal = vendor.build(&plan, "back").unwrap();
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    assert_eq!(release::list(&vendor.repository).unwrap()[0].version, "1.0.0");
    // The image file is the one of the first time; the document is another one.
    let published = Published::load(&vendor.repository).unwrap();
    let files: Vec<_> = published.delegated["lamp_files"]
        .role
        .targets
        .keys()
        .filter(|name| name.contains("1.0.0"))
        .cloned()
        .collect();
    assert_eq!(
        files,
        [
            "lamp_1.0.0.document",
            "lamp_1.0.0_2.document",
            "lamp_1.0.0_c3.zst",
            "lamp_1.0.0_s3.zst"
        ]
    );
}

#[test]
fn a_second_attempt_ships_the_same_version_again() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let mut plan = vendor.plan("1.0.0");
    plan.attempt = 2;
    let mut proposal = vendor.build(&plan, "again").unwrap();
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
}

#[test]
fn promotion_signs_the_same_document() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let promotion = Promotion {
        from: id("beta"),
        to: id("stable"),
        hardware: vec![id("c3")],
    };
    let folder = vendor.path("promotion");
    let mut proposal = propose_promotion(
        &vendor.repository,
        &vendor.product,
        &promotion,
        &folder,
        &vendor.lifetimes,
        vendor.now,
    )
    .unwrap();
    assert_eq!(proposal.sign(&vendor.holders[0]).unwrap(), ["lamp"]);
    proposal.sign(&vendor.holders[1]).unwrap();
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    let listed = release::list(&vendor.repository).unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|entry| entry.document == listed[0].document));
    // Again there is nothing new.
    let again = propose_promotion(
        &vendor.repository,
        &vendor.product,
        &promotion,
        &vendor.path("x"),
        &vendor.lifetimes,
        vendor.now,
    );
    assert!(matches!(again, Err(Error::Refused(Refused::NothingToDo))));
}

#[test]
fn only_the_operator_signs_a_rollout() {
    let vendor = Vendor::new();
    let plan = RolloutPlan {
        channel: id("beta"),
        hardware: Vec::new(),
        state: RolloutState::Active,
        waves: vec![
            Wave {
                share_ppm: 100_000,
                start: vendor.now,
            },
            Wave {
                share_ppm: 1_000_000,
                start: vendor.now.saturating_add_days(2),
            },
        ],
    };
    let propose = |folder: &str| {
        propose_rollout(
            &vendor.repository,
            &vendor.product,
            &plan,
            &vendor.path(folder),
            &vendor.lifetimes,
            vendor.now,
        )
    };
    assert!(matches!(
        propose("early"),
        Err(Error::Refused(Refused::NothingReleased { .. }))
    ));
    vendor.release("1.0.0");
    let mut proposal = propose("rollout").unwrap();
    assert!(matches!(
        proposal.sign(&vendor.holders[0]),
        Err(Error::Refused(Refused::KeySignsNothing { .. }))
    ));
    proposal.sign(&vendor.operator).unwrap();
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    let published = Published::load(&vendor.repository).unwrap();
    let names: Vec<_> = published.delegated["lamp_rollout"]
        .role
        .targets
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["lamp_c3_beta.rollout", "lamp_s3_beta.rollout"]);
    let mut backwards = plan.clone();
    backwards.waves.reverse();
    let wrong = propose_rollout(
        &vendor.repository,
        &vendor.product,
        &backwards,
        &vendor.path("w"),
        &vendor.lifetimes,
        vendor.now,
    );
    assert!(matches!(wrong, Err(Error::Refused(Refused::BadRollout { .. }))));
}

#[test]
fn a_renewal_changes_dates_only() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let before = Published::load(&vendor.repository).unwrap();
    let later = vendor.now.saturating_add(3600);
    let roles = ["lamp".to_owned(), "targets".to_owned()];
    let mut proposal = propose_renewal(
        &vendor.repository,
        &roles,
        &vendor.path("renewal"),
        &vendor.lifetimes,
        later,
    )
    .unwrap();
    for key in [&vendor.holders[0], &vendor.holders[1], &vendor.targets] {
        proposal.sign(key).unwrap();
    }
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    let after = Published::load(&vendor.repository).unwrap();
    let (old, new) = (&before.delegated["lamp"].role, &after.delegated["lamp"].role);
    assert_eq!(
        (old.targets.clone(), old.version + 1),
        (new.targets.clone(), new.version)
    );
    assert!(new.expires > old.expires);
}

#[test]
fn six_products_live_in_one_repository_and_a_seventh_does_not() {
    let vendor = Vendor::without_product();
    let add = |number: usize| {
        let product = product(&format!("a-product-with-long-id-{number}"), 2);
        let folder = vendor.path(&format!("setup-{number}"));
        let keys = vendor.product_keys();
        let mut proposal = create::propose_product(
            &vendor.repository,
            &product,
            &keys,
            &folder,
            &vendor.lifetimes,
            vendor.now,
        )?;
        for key in [
            &vendor.targets,
            &vendor.holders[0],
            &vendor.holders[1],
            &vendor.operator,
        ] {
            proposal.sign(key).unwrap();
        }
        vendor.publish(&proposal)
    };
    for number in 1..=6 {
        add(number).unwrap();
    }
    assert_eq!(vendor.verify().unwrap().products.len(), 6);
    assert!(matches!(
        add(7),
        Err(Error::Refused(Refused::TooManyProducts { there: 6 }))
    ));
}

#[test]
fn every_file_served_is_compact_and_sorted() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    for (path, bytes) in tree(&vendor.repository.path().join("metadata")) {
        assert!(bytes.starts_with(b"{\"signatures\":[{\"keyid\":"), "{path:?}");
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(tuffet_wire::emit::wire(&value).unwrap(), bytes, "{path:?}");
    }
}

#[test]
fn keys_of_other_products_do_not_count() {
    let vendor = Vendor::new();
    let mut proposal = vendor.build(&vendor.plan("1.0.0"), "x").unwrap();
    let stranger = key(KeyRole::Product("lamp".to_owned()));
    assert!(matches!(
        proposal.sign(&stranger),
        Err(Error::Refused(Refused::KeySignsNothing { .. }))
    ));
}
