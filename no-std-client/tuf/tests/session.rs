//! Whole sessions that end well.

mod repository;

use repository::{Device, POINTER, Repository};
use tuffet_tuf::{Resolution, RoleName};

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
