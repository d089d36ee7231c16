//! Every check says no to what it is there for, and then nothing has changed.

use std::{collections::BTreeMap, fs};

use tuffet_keys_tool::{KeyRole, KeySource};
use tuffet_release::{Class, Version};
use tuffet_tuf::model::{Target, Targets};

use crate::{
    candidate::{Candidate, Change},
    check::{self, Depth},
    create,
    error::{Error, Refused},
    exit::Exit,
    opinion::{self, Dissent, Scope},
    proposal::{Draft, Proposal},
    publish::{accept, check_fits},
    release::ReleasePlan,
    repository::{Published, Repository, RepositoryError},
    roles::{BadKeys, Kind, ProductKeys, Signers, TargetsRole},
    signing::sign_and_emit,
    storage::{Content, Facts, StorageError},
    testing::{Vendor, id, key, product, tree},
};

fn refused(vendor: &Vendor, change: impl FnOnce(&mut ReleasePlan)) -> Refused {
    let before = tree(vendor.repository.path());
    let mut plan = vendor.plan("2.0.0");
    change(&mut plan);
    let error = vendor.build(&plan, "refused").unwrap_err();
    assert_eq!(tree(vendor.repository.path()), before);
    assert!(Proposal::open(&vendor.path("refused")).is_err());
    let Error::Refused(refused) = error else {
        panic!("no check said no")
    };
    refused
}

#[test]
fn a_release_that_no_device_should_get_is_not_built() {
    let vendor = Vendor::new();
    vendor.release("1.5.0");
    let security = refused(&vendor, |plan| plan.class = Class::Security);
    assert!(matches!(security, Refused::SecurityWithoutAdvisory));
    let lower = refused(&vendor, |plan| plan.version = Version::parse("1.4.9").unwrap());
    assert!(matches!(lower, Refused::VersionNotNewer { .. }));
    let same = refused(&vendor, |plan| plan.version = Version::parse("1.5.0").unwrap());
    assert!(matches!(same, Refused::VersionNotNewer { .. }));
    for wanted in [0, 1002] {
        let jump = refused(&vendor, |plan| plan.security_version = Some(wanted));
        assert!(matches!(jump, Refused::SecurityVersion { .. }), "{wanted}");
    }
    let hardware = refused(&vendor, |plan| plan.images[0].hardware = id("esp8266"));
    assert!(matches!(hardware, Refused::UnknownHardware { .. }));
    let twice = refused(&vendor, |plan| plan.images[0].hardware = plan.images[1].hardware);
    assert!(matches!(twice, Refused::UnknownHardware { .. }));
    let channel = refused(&vendor, |plan| plan.channels.push(id("nightly")));
    assert!(matches!(channel, Refused::UnknownChannel { .. }));
    let nothing = refused(&vendor, |plan| plan.images.clear());
    assert!(matches!(nothing, Refused::NothingToDo));
    let future = refused(&vendor, |plan| plan.released = vendor.now.saturating_add_days(2));
    assert!(matches!(future, Refused::ReleasedInTheFuture { .. }));
    let (large, empty) = (vendor.path("large"), vendor.path("empty"));
    fs::write(&large, vec![0; 100_001]).unwrap();
    fs::write(&empty, b"").unwrap();
    for image in [large, empty] {
        let refusal = refused(&vendor, |plan| plan.images[0].path = image.clone());
        assert!(matches!(
            refusal,
            Refused::ImageDoesNotFit {
                slot_bytes: 100_000,
                ..
            }
        ));
    }
    let missing = vendor.plan("2.0.0").images[0].path.with_extension("none");
    let mut plan = vendor.plan("2.0.0");
    plan.images[0].path = missing;
    assert!(matches!(
        vendor.build(&plan, "x"),
        Err(Error::Storage(StorageError::NotRead { .. }))
    ));
}

#[test]
fn another_image_under_an_old_version_is_refused() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let other = refused(&vendor, |plan| {
        plan.version = Version::parse("1.0.0").unwrap();
        plan.rollback = true;
        // `images` are those of 2.0.0.
    });
    assert!(matches!(other, Refused::ImageNameTaken { .. }));
}

#[test]
fn a_published_image_that_is_lost_or_damaged_is_not_called_another_one() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let mut plan = vendor.plan("1.0.0");
    plan.rollback = true;
    let again = || match vendor.build(&plan, "again") {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    };
    let targets = vendor.repository.path().join("targets");
    let image = |path: &std::path::PathBuf| path.to_string_lossy().ends_with("lamp_1.0.0_c3.zst");
    let image = targets.join(tree(&targets).into_keys().find(image).unwrap());
    let mut bytes = fs::read(&image).unwrap();
    bytes[20] ^= 1;
    fs::write(&image, bytes).unwrap();
    assert!(matches!(again(), Refused::FileDiffers { name, .. } if name == "lamp_1.0.0_c3.zst"));
    fs::remove_file(&image).unwrap();
    assert!(matches!(again(), Refused::FileDiffers { name, .. } if name == "lamp_1.0.0_c3.zst"));
}

#[test]
fn a_product_that_is_not_in_the_repository_has_no_releases() {
    let mut vendor = Vendor::new();
    vendor.product = product("kettle", 2);
    assert!(matches!(refused(&vendor, |_| ()), Refused::NoSuchProduct { .. }));
}

#[test]
fn a_proposal_that_was_overtaken_is_refused() {
    let vendor = Vendor::new();
    let (first, second) = (vendor.signed("1.0.0"), vendor.signed("1.1.0"));
    vendor.publish(&second).unwrap();
    assert!(matches!(
        check_fits(&vendor.repository, &first),
        Err(Error::Refused(Refused::Stale { .. }))
    ));
    let before = tree(vendor.repository.path());
    let stale = vendor.publish(&first);
    assert!(
        matches!(
            stale,
            Err(Error::Refused(Refused::Stale {
                published: 2,
                proposed: 2,
                ..
            }))
        ),
        "{stale:?}"
    );
    assert_eq!(tree(vendor.repository.path()), before);
}

#[test]
fn a_tampered_proposal_is_neither_signed_nor_published() {
    let vendor = Vendor::new();
    let mut proposal = vendor.signed("1.0.0");
    let image = proposal.folder().join("targets/lamp_1.0.0_c3.zst");
    let bytes = fs::read(&image).unwrap();
    let before = tree(vendor.repository.path());
    fs::write(&image, &bytes[1..]).unwrap();
    assert!(matches!(
        proposal.sign(&vendor.holders[0]),
        Err(Error::Refused(Refused::TargetDiffers { .. }))
    ));
    assert!(matches!(
        vendor.publish(&proposal),
        Err(Error::Refused(Refused::TargetDiffers { .. }))
    ));
    fs::remove_file(&image).unwrap();
    assert!(matches!(
        proposal.sign(&vendor.holders[0]),
        Err(Error::Refused(Refused::TargetMissing { .. }))
    ));
    assert!(matches!(
        vendor.publish(&proposal),
        Err(Error::Refused(Refused::TargetMissing { .. }))
    ));
    fs::write(&image, &bytes).unwrap();

    // Metadata edited after it was signed: the signatures no longer count.
    let metadata = proposal.folder().join("metadata/lamp.json");
    let text = fs::read_to_string(&metadata).unwrap();
    fs::write(
        &metadata,
        text.replace("\"security_version\":1", "\"security_version\":9"),
    )
    .unwrap();
    let edited = Proposal::open(proposal.folder()).unwrap();
    let missing = vendor.publish(&edited);
    assert!(
        matches!(missing, Err(Error::Refused(Refused::SignaturesMissing { .. }))),
        "{missing:?}"
    );
    assert!(matches!(
        proposal.merge(&edited),
        Err(Error::Refused(Refused::OtherProposal { .. }))
    ));
    assert_eq!(tree(vendor.repository.path()), before);
}

/// Whoever writes the proposal can name any keys in it; the repository's own count.
#[test]
fn keys_that_only_the_proposal_names_do_not_count() {
    let vendor = Vendor::new();
    let published = Published::load(&vendor.repository).unwrap();
    let role = TargetsRole::of(&vendor.product.id, Kind::Pointers);
    let thief = key(KeyRole::Product("lamp".to_owned()));
    let signers = Signers {
        keys: BTreeMap::from([(thief.public_key().id(), thief.public_key().key().clone())]),
        threshold: 1,
    };
    let new = create::next(&vendor.repository, &published, &role, &vendor.lifetimes, vendor.now).unwrap();
    let roles = BTreeMap::from([("lamp".to_owned(), (new, signers))]);
    let draft = Draft {
        title: String::new(),
        published: &published,
        roles,
        targets: BTreeMap::new(),
    };
    let mut proposal = draft.write(&vendor.path("theft")).unwrap();
    proposal.sign(&thief).unwrap();
    assert!(matches!(
        vendor.publish(&proposal),
        Err(Error::Refused(Refused::SignaturesMissing { .. }))
    ));
}

#[test]
fn folders_that_are_no_proposal_are_named() {
    let vendor = Vendor::new();
    let open = |name: &str| match Proposal::open(&vendor.path(name)) {
        Err(Error::Refused(Refused::NotAProposal { what, .. })) => what,
        other => panic!("{other:?}"),
    };
    assert!(open("nowhere").contains("there is no proposal.json"));
    vendor.build(&vendor.plan("1.0.0"), "p").unwrap();
    assert!(matches!(
        vendor.build(&vendor.plan("1.0.0"), "p"),
        Err(Error::Refused(Refused::ProposalThere { .. }))
    ));
    let header = vendor.path("p/proposal.json");
    let text = fs::read_to_string(&header).unwrap();
    for (from, to, what) in [
        ("\"format\":0", "\"format\":1", "another version"),
        ("lamp_1.0.0_c3.zst", "../lamp_1.0.0_c3.zst", "outside its folder"),
        ("{", "", "damaged"),
    ] {
        fs::write(&header, text.replacen(from, to, 1)).unwrap();
        assert!(open("p").contains(what), "{to}");
    }
}

/// A candidate made as the library would, except for one role file, which is signed as it should be.
fn forged(vendor: &Vendor, role: &str, edit: impl FnOnce(&mut Targets)) -> Candidate {
    let published = Published::load(&vendor.repository).unwrap();
    let role = TargetsRole::parse(role).unwrap();
    let mut new = published.role(&role).unwrap().role.clone();
    new.version += 1;
    edit(&mut new);
    let signers = published.signers(&role).unwrap();
    let keys = [
        &vendor.targets,
        &vendor.holders[0],
        &vendor.holders[1],
        &vendor.operator,
    ];
    let bytes = sign_and_emit(&new, "forged", &keys, &signers).unwrap();
    let change = Change {
        roles: BTreeMap::from([(role.name().to_owned(), (new.version, bytes))]),
        ..Change::default()
    };
    Candidate::new(
        &vendor.repository,
        Some(&published),
        &published.root.role,
        change,
        vendor.online(),
    )
    .unwrap()
}

fn rule(vendor: &Vendor, candidate: &Candidate) -> Refused {
    match accept(candidate, vendor.now) {
        Err(Error::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rightly_signed_nonsense_breaks_a_rule() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let pointer = "lamp_c3_beta.release";
    let own = forged(&vendor, "lamp", |_| ());
    accept(&own, vendor.now).unwrap();

    let foreign = forged(&vendor, "lamp", |role| {
        let target = role.targets[pointer].clone();
        role.targets.insert("kettle_c3_beta.release".to_owned(), target);
    });
    assert!(matches!(rule(&vendor, &foreign), Refused::ForeignName { .. }));
    let absent = forged(&vendor, "lamp_files", |role| {
        role.targets
            .insert("lamp_9.9.9_c3.zst".to_owned(), Target::of(b"never written", None));
    });
    assert!(matches!(rule(&vendor, &absent), Refused::FileDiffers { .. }));
    let lying = forged(&vendor, "lamp", |role| {
        let custom = &mut role.targets.get_mut(pointer).unwrap().custom;
        *custom = Some(serde_json::json!({"class": "security", "security_version": 1, "version": "1.0.0"}));
    });
    assert!(matches!(rule(&vendor, &lying), Refused::PointerDiffers { .. }));
    let unlisted = forged(&vendor, "lamp_files", |role| {
        role.targets.remove("lamp_1.0.0_c3.zst");
    });
    assert!(matches!(rule(&vendor, &unlisted), Refused::FilesDisagree { .. }));
    let undocumented = forged(&vendor, "lamp_files", |role| {
        role.targets.remove("lamp_1.0.0.document");
    });
    assert!(matches!(rule(&vendor, &undocumented), Refused::PointerDiffers { .. }));
    let twice = forged(&vendor, "targets", |role| {
        let roles = &mut role.delegations.as_mut().unwrap().roles;
        roles.push(roles[0].clone());
    });
    assert!(matches!(rule(&vendor, &twice), Refused::RoleTwice { .. }));
    let wide = forged(&vendor, "targets", |role| {
        role.delegations.as_mut().unwrap().roles[0].paths = Some(vec!["*".to_owned()]);
    });
    assert!(matches!(rule(&vendor, &wide), Refused::ForeignPatterns { .. }));
    let top = forged(&vendor, "targets", |role| {
        role.targets.insert("lamp_x".to_owned(), Target::of(b"x", None));
    });
    assert!(matches!(rule(&vendor, &top), Refused::ForeignName { .. }));
    let undelegated = forged(&vendor, "targets", |role| {
        role.delegations.as_mut().unwrap().roles.pop();
    });
    assert!(matches!(rule(&vendor, &undelegated), Refused::NoSuchRole { .. }));
}

/// What the rules do not see the verifiers do, each alone.
#[test]
fn both_verifiers_refuse_what_is_wrongly_signed() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let published = Published::load(&vendor.repository).unwrap();
    let path = vendor.repository.path().join(format!(
        "metadata/{}.lamp.json",
        published.delegated["lamp"].role.version
    ));
    let good = fs::read(&path).unwrap();
    // One holder of the two, in a file that the snapshot then pins.
    let mut file = published.delegated["lamp"].clone();
    file.role.version += 1;
    let bytes = tuffet_tuf::emit::signed_bytes(&file.role).unwrap();
    file.signatures = vec![vendor.holders[0].sign(&bytes).unwrap()];
    let bytes = tuffet_tuf::emit::file(&file.role, &file.signatures).unwrap();
    let change = Change {
        roles: BTreeMap::from([("lamp".to_owned(), (file.role.version, bytes))]),
        ..Change::default()
    };
    let candidate = Candidate::new(
        &vendor.repository,
        Some(&published),
        &published.root.role,
        change,
        vendor.online(),
    )
    .unwrap();
    let after = Published::from_source(&candidate).unwrap();
    check::repository(&candidate, &after, Depth::Only(&[])).unwrap();
    let own = opinion::both(&candidate, &after, candidate.scope(), vendor.now);
    assert!(matches!(own, Err(Dissent::Own(_))), "{own:?}");
    let second = opinion::second_alone(&candidate, &after, candidate.scope(), vendor.now);
    assert!(
        second.is_err() && (cfg!(not(feature = "second-opinion")) || matches!(second, Err(Dissent::Second { .. })))
    );

    // A served file that was edited.
    for edited in [
        good[1..].to_vec(),
        [&good[..], b"\n"].concat(),
        good.iter().map(|byte| byte ^ 1).collect(),
    ] {
        fs::write(&path, &edited).unwrap();
        assert!(opinion::second_alone(&vendor.repository, &published, Scope::All(&[]), vendor.now).is_err());
        assert!(opinion::both(&vendor.repository, &published, Scope::All(&[]), vendor.now).is_err());
        assert!(vendor.verify().is_err());
    }
}

#[test]
fn verify_reads_every_file() {
    let vendor = Vendor::new();
    vendor.release("1.0.0");
    let targets = vendor.repository.path().join("targets");
    vendor.verify().unwrap();
    for (path, bytes) in tree(&targets) {
        let path = targets.join(path);
        let mut edited = bytes.clone();
        edited[bytes.len() / 2] ^= 1;
        for bad in [Some(edited), Some(bytes[1..].to_vec()), None] {
            match bad {
                Some(bad) => fs::write(&path, bad).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = vendor.verify().unwrap_err();
            assert_eq!(error.exit(), Exit::Refused, "{error}");
        }
        fs::write(&path, bytes).unwrap();
    }
    vendor.verify().unwrap();
    let other = Vendor::without_product();
    let another_root = crate::verify::verify(&vendor.repository, &other.root, vendor.now);
    assert!(matches!(another_root, Err(Error::Refused(Refused::OtherRoot { .. }))));
}

#[test]
fn folders_that_cannot_become_a_repository_are_named() {
    let vendor = Vendor::new();
    let init = |path| {
        create::init(
            path,
            &vendor.root,
            &[&vendor.targets],
            &vendor.online,
            &vendor.lifetimes,
            vendor.now,
        )
    };
    let there = init(vendor.repository.path());
    assert!(matches!(
        there,
        Err(Error::Repository(RepositoryError::AlreadyThere { .. }))
    ));
    fs::create_dir(vendor.path("used")).unwrap();
    fs::write(vendor.path("used/letter.txt"), "x").unwrap();
    assert!(matches!(
        init(&vendor.path("used")),
        Err(Error::Repository(RepositoryError::NotEmpty { .. }))
    ));
    assert_eq!(tree(&vendor.path("used")).len(), 1);
    let absent = Repository::open(&vendor.path("nowhere"));
    assert!(matches!(
        absent,
        Err(Error::Repository(RepositoryError::NotThere { .. }))
    ));
    // A key that the root does not name for targets.
    let wrong = create::init(
        &vendor.path("new"),
        &vendor.root,
        &[&vendor.operator],
        &vendor.online,
        &vendor.lifetimes,
        vendor.now,
    );
    assert!(matches!(
        wrong,
        Err(Error::Refused(Refused::KeysMissing {
            role: "targets",
            needed: 1,
            have: 0
        }))
    ));
    assert!(!vendor.path("new").exists());
    // Online keys of another repository.
    let other = Vendor::without_product();
    let wrong = create::init(
        &vendor.path("new"),
        &vendor.root,
        &[&vendor.targets],
        &other.online,
        &vendor.lifetimes,
        vendor.now,
    );
    assert!(matches!(
        wrong,
        Err(Error::Refused(Refused::KeysMissing { role: "snapshot", .. }))
    ));
    assert!(other.online.check(vendor.root.root()).is_err() && vendor.online.check(vendor.root.root()).is_ok());
}

#[test]
fn keys_that_cannot_sign_for_a_product_are_refused() {
    let public = |role| key(role).public_key().clone();
    let holder = || public(KeyRole::Product("lamp".to_owned()));
    let operator = || public(KeyRole::Rollout("lamp".to_owned()));
    let one = holder();
    let bad = |keys, threshold, rollout| ProductKeys::new(keys, threshold, rollout).unwrap_err();
    assert_eq!(
        bad(vec![one.clone(), one.clone()], 1, vec![operator()]),
        BadKeys::KeyTwice
    );
    assert_eq!(
        bad(vec![one.clone()], 2, vec![operator()]),
        BadKeys::Threshold { threshold: 2, keys: 1 }
    );
    assert_eq!(
        bad(vec![one.clone()], 0, vec![operator()]),
        BadKeys::Threshold { threshold: 0, keys: 1 }
    );
    assert_eq!(bad(vec![one.clone()], 1, vec![]), BadKeys::NoRolloutKey);
    assert_eq!(bad(vec![one.clone()], 1, vec![one]), BadKeys::RolloutKeySignsReleases);
}

#[test]
fn a_product_is_added_once_and_with_its_own_threshold() {
    let vendor = Vendor::new();
    let propose = |product, keys: &ProductKeys, folder: &str| {
        let folder = vendor.path(folder);
        create::propose_product(
            &vendor.repository,
            product,
            keys,
            &folder,
            &vendor.lifetimes,
            vendor.now,
        )
    };
    let again = propose(&vendor.product, &vendor.product_keys(), "again");
    assert!(matches!(again, Err(Error::Refused(Refused::ProductThere { .. }))));
    let other = propose(&product("kettle", 1), &vendor.product_keys(), "other");
    assert!(matches!(
        other,
        Err(Error::Refused(Refused::OtherThreshold { file: 1, given: 2 }))
    ));
}

#[test]
fn files_that_no_small_device_reads_are_not_published() {
    let vendor = Vendor::new();
    let published = Published::load(&vendor.repository).unwrap();
    let role = TargetsRole::of(&vendor.product.id, Kind::Pointers);
    let mut new = create::next(&vendor.repository, &published, &role, &vendor.lifetimes, vendor.now).unwrap();
    let mut files = BTreeMap::new();
    for number in 0..60 {
        let name = format!("lamp_hardware-{number}_beta.release");
        new.targets.insert(name.clone(), Target::of(b"x", None));
        files.insert(name, Some(Content::Bytes(b"x".to_vec())));
    }
    let roles = BTreeMap::from([("lamp".to_owned(), (new, published.signers(&role).unwrap()))]);
    let mut proposal = Draft {
        title: String::new(),
        published: &published,
        roles,
        targets: files,
    }
    .write(&vendor.path("long"))
    .unwrap();
    for holder in &vendor.holders {
        proposal.sign(holder).unwrap();
    }
    let long = vendor.publish(&proposal);
    assert!(
        matches!(long, Err(Error::Refused(Refused::TooLong { bytes_max: 8192, .. }))),
        "{long:?}"
    );
}

#[test]
fn a_proposal_folder_appears_whole_or_not_at_all() {
    let vendor = Vendor::new();
    let published = Published::load(&vendor.repository).unwrap();
    let role = TargetsRole::of(&vendor.product.id, Kind::Pointers);
    let draft = |content| {
        let new = create::next(&vendor.repository, &published, &role, &vendor.lifetimes, vendor.now).unwrap();
        Draft {
            title: String::new(),
            published: &published,
            roles: BTreeMap::from([("lamp".to_owned(), (new, published.signers(&role).unwrap()))]),
            targets: BTreeMap::from([("lamp_c3_beta.release".to_owned(), Some(content))]),
        }
    };
    let (folder, fresh) = (vendor.path("draft"), vendor.path(".new-draft"));
    // Something that a cut left there, which the next attempt removes.
    fs::create_dir_all(fresh.join("metadata")).unwrap();
    fs::write(fresh.join("metadata/lamp.json"), "half").unwrap();
    let lost = Content::CopyOf {
        path: vendor.path("lost"),
        facts: Facts::of(b"x"),
    };
    draft(lost).write(&folder).unwrap_err();
    assert!(!folder.exists() && !fresh.exists());
    draft(Content::Bytes(b"x".to_vec())).write(&folder).unwrap();
    Proposal::open(&folder).unwrap();
    assert_eq!(tree(&folder).len(), 3);
    assert!(!fresh.exists());
    let used = vendor.path("used");
    fs::create_dir(&used).unwrap();
    fs::write(used.join("letter.txt"), "x").unwrap();
    let taken = draft(Content::Bytes(b"x".to_vec())).write(&used);
    assert!(
        matches!(&taken, Err(Error::Refused(Refused::ProposalPlaceTaken { found, .. })) if found == "letter.txt"),
        "{taken:?}"
    );
}

#[test]
fn a_waiting_product_is_taken_up_by_its_own_repository_only() {
    let (vendor, other) = (Vendor::without_product(), Vendor::without_product());
    let folder = vendor.path("setup");
    let waiting = |vendor: &Vendor, product| create::waiting_product(&vendor.repository, product, &folder);
    let lamp = &vendor.product;
    assert!(waiting(&vendor, lamp).unwrap().is_none());
    let keys = vendor.product_keys();
    let proposed = create::propose_product(&vendor.repository, lamp, &keys, &folder, &vendor.lifetimes, vendor.now);
    let mut proposal = proposed.unwrap();
    assert!(waiting(&vendor, lamp).unwrap().is_some());
    // Both are at version 1 of targets, so only the content tells them apart.
    let foreign = waiting(&other, lamp);
    assert!(
        matches!(&foreign, Err(Error::Refused(Refused::OtherRepository { role, .. })) if role == "targets"),
        "{foreign:?}"
    );
    let kettle = product("kettle", 2);
    let kettle = waiting(&vendor, &kettle);
    assert!(
        matches!(kettle, Err(Error::Refused(Refused::OtherProduct { .. }))),
        "{kettle:?}"
    );
    for key in [
        &vendor.targets,
        &vendor.holders[0],
        &vendor.holders[1],
        &vendor.operator,
    ] {
        proposal.sign(key).unwrap();
    }
    let before = tree(other.repository.path());
    assert!(other.publish(&proposal).is_err());
    assert_eq!(tree(other.repository.path()), before);
    vendor.publish(&proposal).unwrap();
    // Run again after it was published: still no obstacle.
    assert!(waiting(&vendor, lamp).unwrap().is_some());
}

/// Scripts rely on these numbers: if this fails, the code is wrong, not the test.
#[test]
fn exit_codes_are_frozen() {
    let codes = [
        Exit::Ok,
        Exit::Refused,
        Exit::Usage,
        Exit::Io,
        Exit::Key,
        Exit::Network,
        Exit::WrongState,
    ];
    assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5, 6]);
    let path = || std::path::PathBuf::from("x");
    let storage = StorageError::Busy { path: path() };
    for (error, exit) in [
        (Error::from(Dissent::Second { why: String::new() }), Exit::Refused),
        (Refused::SecurityWithoutAdvisory.into(), Exit::Refused),
        (Refused::NothingToDo.into(), Exit::Usage),
        (storage.into(), Exit::Io),
        (Refused::NoKeys { path: path() }.into(), Exit::Key),
        (
            tuffet_keys_tool::Error::from(tuffet_keys_tool::KeyError::EmptyPassphrase).into(),
            Exit::Key,
        ),
        (RepositoryError::NotThere { path: path() }.into(), Exit::WrongState),
    ] {
        assert_eq!(error.exit(), exit, "{error}");
    }
}
