//! What happens as time passes.

use crate::{
    candidate::Online,
    create,
    error::Error,
    opinion::Dissent,
    proposal::Proposal,
    publish::{Outcome, publish},
    repository::Published,
    resign::{Resigned, resign},
    testing::{Vendor, product},
    verify::verify,
};

#[test]
fn online_roles_are_signed_again_when_half_of_their_life_is_gone() {
    let vendor = Vendor::new();
    let versions = || {
        let published = Published::load(&vendor.repository).unwrap();
        (published.timestamp.role.version, published.snapshot.role.version)
    };
    let at = |hours: u64| {
        resign(
            &vendor.repository,
            &vendor.online,
            &vendor.lifetimes,
            vendor.now.saturating_add(hours * 3600),
        )
        .unwrap()
    };
    let (timestamp, snapshot) = versions();
    assert_eq!(at(0), Resigned::NotDue);
    assert_eq!(at(35), Resigned::NotDue);
    assert!(matches!(at(37), Resigned::Timestamp { .. }));
    assert_eq!(versions(), (timestamp + 1, snapshot));
    assert_eq!(at(37), Resigned::NotDue);
    // Half of the snapshot's seven days.
    assert!(matches!(at(85), Resigned::Snapshot { .. }));
    assert_eq!(versions(), (timestamp + 2, snapshot + 1));
    verify(&vendor.repository, &vendor.root, vendor.now.saturating_add(86 * 3600)).unwrap();
    // Also after a long night: both have expired.
    assert!(matches!(at(400), Resigned::Snapshot { .. }));
    verify(&vendor.repository, &vendor.root, vendor.now.saturating_add(401 * 3600)).unwrap();
}

#[test]
fn an_expired_repository_is_not_called_good() {
    let vendor = Vendor::new();
    let later = vendor.now.saturating_add_days(4);
    let refused = verify(&vendor.repository, &vendor.root, later);
    assert!(matches!(refused, Err(Error::Dissent(Dissent::Own(_)))), "{refused:?}");
}

/// A forgotten product must not hold back the security release of another one.
#[test]
fn one_expired_product_does_not_stop_the_others() {
    let mut vendor = Vendor::new();
    vendor.now = vendor.now.saturating_add_days(100);
    resign(&vendor.repository, &vendor.online, &vendor.lifetimes, vendor.now).unwrap();
    let kettle = product("kettle", 2);
    let sign = |proposal: &mut Proposal| {
        for key in [
            &vendor.targets,
            &vendor.holders[0],
            &vendor.holders[1],
            &vendor.operator,
        ] {
            let _ = proposal.sign(key);
        }
    };
    let keys = vendor.product_keys();
    let folder = vendor.path("kettle");
    let mut proposal = create::propose_product(
        &vendor.repository,
        &kettle,
        &keys,
        &folder,
        &vendor.lifetimes,
        vendor.now,
    )
    .unwrap();
    sign(&mut proposal);
    vendor.publish(&proposal).unwrap();

    // Now the lamp has expired and the kettle has not.
    let now = vendor.now.saturating_add_days(90);
    let online = Online { now, ..vendor.online() };
    assert!(matches!(
        resign(&vendor.repository, &vendor.online, &vendor.lifetimes, now).unwrap(),
        Resigned::Snapshot { .. }
    ));
    let renew = |role: &str, folder: &str| {
        let folder = vendor.path(folder);
        let mut proposal =
            create::propose_renewal(&vendor.repository, &[role.to_owned()], &folder, &vendor.lifetimes, now).unwrap();
        sign(&mut proposal);
        publish(&vendor.repository, &proposal, online.keys, online.lifetimes, now)
    };
    assert!(matches!(
        renew("kettle", "renew-kettle").unwrap(),
        Outcome::Published { .. }
    ));
    assert!(matches!(
        verify(&vendor.repository, &vendor.root, now),
        Err(Error::Dissent(_))
    ));
    for role in ["lamp", "lamp_files", "lamp_rollout", "kettle_rollout"] {
        renew(role, role).unwrap();
    }
    verify(&vendor.repository, &vendor.root, now).unwrap();
}
