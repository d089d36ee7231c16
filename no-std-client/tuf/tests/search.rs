//! The order in which delegated roles are visited.

mod repository;

use repository::{Device, POINTER, Repository, Signed, delegation, key_map, targets_of};
use std::collections::BTreeMap;
use tuffet_tuf::{Error, Limit, Rejected, Resolution, RoleName, model::Delegations};

/// A repository whose roles delegate as told: `(delegator, role, terminating)`, all for every name, all signed by one key.
///
/// `listing` are the roles that list the pointer.
fn tree(edges: &[(&str, &str, bool)], listing: &[&str]) -> Repository {
    let mut repository = Repository::new();
    repository.delegated.clear();
    repository.snapshot.role.meta = BTreeMap::new();
    let below = |role: &str| {
        let roles: Vec<_> = edges
            .iter()
            .filter(|(delegator, ..)| *delegator == role)
            .map(|(_, name, terminating)| {
                let mut delegation = delegation(name, &[50], 1, &["*"]);
                delegation.terminating = *terminating;
                delegation
            })
            .collect();
        (!roles.is_empty()).then(|| Delegations {
            keys: key_map(&[50]),
            roles,
        })
    };
    repository.targets.role.delegations = below("targets");
    for (_, name, _) in edges {
        let mut role = targets_of(if listing.contains(name) { &[POINTER] } else { &[] });
        role.delegations = below(name);
        repository.delegated.insert(
            name.to_string(),
            Signed {
                role,
                signers: vec![50],
            },
        );
    }
    repository.snapshot.role.version = 0;
    repository.publish();
    repository
}

/// The roles fetched in order, and the role that lists the pointer.
fn visit(repository: &Repository) -> (Vec<String>, Option<(RoleName, RoleName)>) {
    let mut device = Device::provisioned(repository);
    let resolution = device.update(repository).unwrap();
    let mut visited: Vec<String> = Vec::new();
    for name in &device.requests {
        let role = name
            .strip_prefix("1.")
            .and_then(|name| name.strip_suffix(".json"))
            .unwrap_or("");
        // A delegator that is read again is not visited again.
        if role.len() == 1 && !visited.iter().any(|visited| visited == role) {
            visited.push(role.to_string());
        }
    }
    let found = match resolution {
        Resolution::Found(target) => Some((*target.role(), *target.delegator())),
        _ => None,
    };
    (visited, found)
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

#[test]
fn children_come_before_siblings() {
    let edges = [
        ("targets", "a", false),
        ("targets", "b", false),
        ("a", "c", false),
        ("a", "d", false),
        ("c", "e", false),
        ("b", "f", false),
    ];
    let (visited, found) = visit(&tree(&edges, &[]));
    assert_eq!((visited.join(""), found), ("acedbf".to_string(), None));
    let (visited, found) = visit(&tree(&edges, &["d", "f"]));
    assert_eq!(
        (visited.join(""), found),
        ("aced".to_string(), Some((role("d"), role("a"))))
    );
    let (visited, found) = visit(&tree(&edges, &["f"]));
    assert_eq!(
        (visited.join(""), found),
        ("acedbf".to_string(), Some((role("f"), role("b"))))
    );
}

#[test]
fn terminating_delegation_ends_the_search_at_every_level() {
    let edges = [
        ("targets", "a", false),
        ("targets", "b", false),
        ("a", "c", true),
        ("a", "d", false),
        ("c", "e", false),
    ];
    let (visited, found) = visit(&tree(&edges, &["b", "d"]));
    assert_eq!((visited.join(""), found), ("ace".to_string(), None));
    // Below it the search goes on.
    let (visited, found) = visit(&tree(&edges, &["e", "b"]));
    assert_eq!(
        (visited.join(""), found),
        ("ace".to_string(), Some((role("e"), role("c"))))
    );
    let edges = [("targets", "a", true), ("targets", "b", false)];
    assert_eq!(visit(&tree(&edges, &["b"])).1, None);
}

#[test]
fn roles_are_visited_once_even_in_a_circle() {
    let edges = [
        ("targets", "a", false),
        ("a", "b", false),
        ("b", "a", false),
        ("b", "c", false),
        ("targets", "c", false),
    ];
    let (visited, found) = visit(&tree(&edges, &[]));
    assert_eq!((visited.join(""), found), ("abc".to_string(), None));
}

#[test]
fn role_is_held_against_the_delegator_of_this_search() {
    // `a` and `b` both delegate to `c`, and trust other keys for it. The search comes by way of `a`.
    let edges = [
        ("targets", "a", false),
        ("targets", "b", false),
        ("a", "c", false),
        ("b", "c", false),
    ];
    let mut repository = tree(&edges, &["c"]);
    let below_a = repository
        .delegated
        .get_mut("a")
        .unwrap()
        .role
        .delegations
        .as_mut()
        .unwrap();
    below_a.keys = key_map(&[51]);
    below_a.roles[0].keyids = key_map(&[51]).into_keys().collect();
    repository.publish();
    let expected = Rejected::TooFewSignatures {
        role: role("c"),
        needed: 1,
        valid: 0,
    };
    assert_eq!(
        Device::provisioned(&repository).update(&repository),
        Err(Error::Rejected(expected))
    );
    repository.delegated.get_mut("c").unwrap().signers = vec![51];
    repository.publish();
    assert_eq!(visit(&repository).1, Some((role("c"), role("a"))));
}

#[test]
fn after_too_many_roles_the_name_counts_as_not_found() {
    let names: Vec<String> = ('a'..='j').map(String::from).collect();
    let edges: Vec<(&str, &str, bool)> = names.iter().map(|name| ("targets", name.as_str(), false)).collect();
    let (visited, found) = visit(&tree(&edges, &["h"]));
    assert_eq!(
        (visited.join(""), found),
        ("abcdefgh".to_string(), Some((role("h"), RoleName::Targets)))
    );
    let (visited, found) = visit(&tree(&edges, &["i"]));
    assert_eq!((visited.join(""), found), ("abcdefgh".to_string(), None));

    // Whatever the limit says, memory ends a search.
    let names: Vec<String> = ('a'..='z').map(String::from).collect();
    let mut edges = vec![("targets", "a", false)];
    edges.extend(names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str(), false)));
    let repository = tree(&edges, &["z"]);
    let mut device = Device::provisioned(&repository);
    device.limits.delegations_visited_max = u32::MAX;
    assert_eq!(device.update(&repository), Ok(Resolution::NotFound));
    assert!(device.requests.contains(&"1.p.json".to_string()) && !device.requests.contains(&"1.q.json".to_string()));
}

#[test]
fn more_delegations_than_fit_are_refused() {
    let names: Vec<String> = ('a'..='q').map(String::from).collect();
    let edges: Vec<(&str, &str, bool)> = names.iter().map(|name| ("targets", name.as_str(), false)).collect();
    let repository = tree(&edges, &[]);
    let expected = Rejected::LimitExceeded {
        role: RoleName::Targets,
        limit: Limit::Delegations,
    };
    assert_eq!(
        Device::provisioned(&repository).update(&repository),
        Err(Error::Rejected(expected))
    );

    // Four nested files, each with a delegation that still waits.
    let edges = [
        ("targets", "a", false),
        ("targets", "w", false),
        ("a", "b", false),
        ("a", "x", false),
        ("b", "c", false),
        ("b", "y", false),
        ("c", "d", false),
        ("c", "z", false),
    ];
    let repository = tree(&edges, &[]);
    let expected = Rejected::LimitExceeded {
        role: role("c"),
        limit: Limit::Delegators,
    };
    assert_eq!(
        Device::provisioned(&repository).update(&repository),
        Err(Error::Rejected(expected))
    );
    // A chain takes no room, however long.
    let edges = [
        ("targets", "a", false),
        ("a", "b", false),
        ("b", "c", false),
        ("c", "d", false),
        ("d", "e", false),
        ("e", "f", false),
    ];
    assert_eq!(visit(&tree(&edges, &["f"])).1, Some((role("f"), role("e"))));
}

#[test]
fn hash_prefixes_lead_to_a_role_as_paths_do() {
    // SHA-256 of `p_h_c.release`, as python's hashlib gives it.
    let digest = "e4416a80882068805041a841dd0f22ebfbbadcde8e761376d1f09c51c9cbc461";
    for (prefixes, expected) in [
        (vec![&digest[..2]], true),
        (vec!["00", &digest[..5]], true),
        (vec!["00"], false),
    ] {
        let mut repository = tree(&[("targets", "a", false)], &["a"]);
        let delegation = &mut repository.targets.role.delegations.as_mut().unwrap().roles[0];
        delegation.paths = None;
        delegation.path_hash_prefixes = Some(prefixes.iter().map(|prefix| prefix.to_string()).collect());
        repository.publish();
        assert_eq!(visit(&repository).1.is_some(), expected, "{prefixes:?}");
    }
}

#[test]
fn unusual_role_names_are_fetched_under_an_encoded_name() {
    let mut repository = Repository::new();
    let name = "../ö\n\"";
    repository.delegated.clear();
    repository.targets.role.delegations = Some(Delegations {
        keys: key_map(&[50]),
        roles: vec![delegation(name, &[50], 1, &["p_?_c.release"])],
    });
    repository.delegated.insert(
        name.to_string(),
        Signed {
            role: targets_of(&[POINTER]),
            signers: vec![50],
        },
    );
    repository.snapshot.role.meta = BTreeMap::new();
    repository.publish();
    let file = repository.served.remove(&format!("1.{name}.json")).unwrap();
    repository.serve("1...%2F%C3%B6%0A%22.json", file);
    let mut device = Device::provisioned(&repository);
    let Ok(Resolution::Found(target)) = device.update(&repository) else {
        panic!("not found")
    };
    assert_eq!(target.role().as_str(), name);
}
