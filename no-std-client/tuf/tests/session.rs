//! Whole sessions that end well.

mod repository;

use repository::{Device, POINTER, ROLLOUT, Repository, SIGNED_AT, days, targets_of};
use tuffet_tuf::{
    Answer, ClockPolicy, Error, Misuse, Rejected, Resolution, RoleName, Session, TargetName, TrustedState,
};

#[test]
fn first_update_finds_the_pointer_and_remembers_every_file() {
    let repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    let Resolution::Found(target) = device.update(&repository).unwrap() else {
        panic!("not found")
    };

    assert_eq!(target.name().as_str(), POINTER);
    assert_eq!(target.length(), POINTER.len() as u64);
    assert_eq!(target.role().as_str(), "p");
    assert_eq!(target.delegator(), &RoleName::Targets);
    assert_eq!(target.custom().version(), Some("1.2.3"));
    assert_eq!(target.custom().security_version(), Some(7));
    assert_eq!(target.custom().class(), Some("feature"));
    assert_eq!(
        device.requests,
        [
            "2.root.json",
            "timestamp.json",
            "1.snapshot.json",
            "1.targets.json",
            "1.p.json"
        ]
    );
    assert!(device.trusted.timestamp.is_some() && device.trusted.snapshot.is_some());
    assert_eq!(device.trusted.delegated[0].unwrap().role.as_str(), "p");
}

#[test]
fn unchanged_repository_is_read_again_and_stores_nothing() {
    let repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let (before, stored) = (device.trusted, device.stored.get());

    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted, before);
    assert_eq!(device.stored.get(), stored);
    // The kept snapshot is as good as a download.
    assert_eq!(
        device.requests,
        ["2.root.json", "timestamp.json", "1.targets.json", "1.p.json"]
    );
}

#[test]
fn timestamp_of_the_same_version_changes_nothing() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let before = device.trusted;

    // Rightly signed, another snapshot and a longer life, but the version is not newer.
    repository.publish_snapshot();
    repository.timestamp.role.version -= 1;
    repository.timestamp.role.expires = days(300);
    let file = repository.timestamp.file();
    repository.serve("timestamp.json", file);
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
    assert_eq!(device.trusted, before);
}

#[test]
fn newer_release_is_found_and_its_versions_are_remembered() {
    let mut repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();

    let product = repository.delegated.get_mut("p").unwrap();
    product.role.version = 5;
    product.role.targets.get_mut(POINTER).unwrap().length = 77;
    repository.publish();
    let Resolution::Found(target) = device.update(&repository).unwrap() else {
        panic!("not found")
    };
    assert_eq!(target.length(), 77);
    assert_eq!(device.trusted.timestamp.unwrap().file.version.as_u64(), 2);
    assert_eq!(device.trusted.snapshot.unwrap().version.as_u64(), 2);
    assert_eq!(device.trusted.targets.unwrap().version.as_u64(), 1);
    assert_eq!(device.trusted.delegated[0].unwrap().file.version.as_u64(), 5);
}

#[test]
fn facts_are_those_of_the_served_files() {
    let repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    device.update(&repository).unwrap();
    let trusted = device.trusted;
    for (name, facts, expires) in [
        ("1.root.json", trusted.root, days(730)),
        ("timestamp.json", trusted.timestamp.unwrap().file, days(3)),
        ("1.snapshot.json", trusted.snapshot.unwrap(), days(7)),
        ("1.targets.json", trusted.targets.unwrap(), days(365)),
        ("1.p.json", trusted.delegated[0].unwrap().file, days(180)),
    ] {
        assert!(
            facts.pinned().matches(&mut &repository.served[name][..]).unwrap(),
            "{name}"
        );
        assert_eq!((facts.expires, facts.signed_at), (expires, SIGNED_AT), "{name}");
    }
    assert!(trusted.timestamp.unwrap().snapshot == trusted.snapshot.unwrap().pinned());
}

#[test]
fn second_search_finds_another_role_over_the_same_files() {
    let mut repository = Repository::new();
    repository.sign_at(days(2));
    repository.delegated.get_mut("p_rollout").unwrap().role.signed_at = days(100);
    repository.publish();
    let mut device = Device::provisioned(&repository);
    device.clock = ClockPolicy::Trusted { now: days(3) };
    let session = device.begin().unwrap();
    let session = device.run(&repository, session).unwrap();
    let floor = session.trusted().floor;
    assert_eq!(floor, days(2));

    device.requests.clear();
    let session = session.search(TargetName::new(ROLLOUT).unwrap()).unwrap();
    assert!(session.resolution().is_none());
    let session = device.run(&repository, session).unwrap();
    let Some(Resolution::Found(rollout)) = session.resolution() else {
        panic!("not found")
    };
    assert_eq!(
        (rollout.role().as_str(), rollout.delegator()),
        ("p_rollout", &RoleName::Targets)
    );
    assert_eq!(rollout.signed_at(), days(100));
    assert_eq!(device.requests, ["1.targets.json", "1.p_rollout.json"]);
    // The rollout role says that it is day 100, and nobody believes it.
    assert_eq!(session.trusted().floor, floor);
    assert_eq!(session.trusted().delegated.iter().flatten().count(), 2);
}

#[test]
fn expired_rollout_role_is_told_apart_and_leaves_the_state() {
    let mut repository = Repository::new();
    repository.delegated.get_mut("p_rollout").unwrap().role.expires = days(1);
    repository.publish();
    let mut device = Device::provisioned(&repository);
    let session = device.begin().unwrap();
    let session = device.run(&repository, session).unwrap();
    let before = *session.trusted();
    let session = session.search(TargetName::new(ROLLOUT).unwrap()).unwrap();
    let role = RoleName::new("p_rollout").unwrap();
    let expected = Rejected::Expired {
        role,
        expires: days(1),
        started_at: days(1),
    };
    assert_eq!(device.run(&repository, session).unwrap_err(), Error::Rejected(expected));
    assert_eq!(device.trusted, before);
    assert!(matches!(device.update(&repository), Ok(Resolution::Found(_))));
}

#[test]
fn name_that_nobody_lists_is_not_found() {
    let mut repository = Repository::new();
    repository.delegated.get_mut("p").unwrap().role.targets.clear();
    repository.publish();
    let mut device = Device::provisioned(&repository);
    assert_eq!(device.update(&repository), Ok(Resolution::NotFound));
    // An incomplete cycle proves nothing about the time.
    assert_eq!(device.trusted.floor, SIGNED_AT);
}

#[test]
fn targets_itself_may_list_the_name() {
    let mut repository = Repository::new();
    repository.targets.role.targets = targets_of(&[POINTER]).targets;
    repository.publish();
    let mut device = Device::provisioned(&repository);
    let Resolution::Found(target) = device.update(&repository).unwrap() else {
        panic!("not found")
    };
    assert_eq!(
        (target.role(), target.delegator()),
        (&RoleName::Targets, &RoleName::Root)
    );
}

#[test]
fn sessions_do_not_depend_on_the_pieces_a_file_comes_in() {
    let repository = Repository::new();
    let mut states = Vec::new();
    for piece in [1, 7, 64, 100_000] {
        let mut device = Device::provisioned(&repository);
        device.piece = piece;
        let resolution = device.update(&repository).unwrap();
        states.push((device.trusted, resolution));
    }
    assert!(states.iter().all(|state| *state == states[0]));
}

#[test]
fn session_used_out_of_turn_is_misuse() {
    let repository = Repository::new();
    let mut device = Device::provisioned(&repository);
    let session = device.begin().unwrap();
    assert_eq!(
        session.search(TargetName::new(ROLLOUT).unwrap()).unwrap_err(),
        Misuse::NotResolved
    );
    let session = device.begin().unwrap();
    let session = device.run(&repository, session).unwrap();
    let answer = session.receive(Answer::<&[u8]>::Absent);
    assert_eq!(answer.unwrap_err(), Error::Misuse(Misuse::NothingRequested));
}

#[test]
fn memory_of_a_session_is_bounded() {
    // A microcontroller holds one session and, while it moves on, the next; see the limits in ARCHITECTURE.md.
    assert!(size_of::<Session>() <= 2600, "{}", size_of::<Session>());
    assert!(size_of::<TrustedState>() <= 920, "{}", size_of::<TrustedState>());
}
