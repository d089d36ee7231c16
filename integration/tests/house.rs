//! The arrows of the house: which crate of the workspace may know which.
//!
//! - Shell knows core, never the other way round; cores do not know each other; only a core's listed friends from
//!   outside come in, and what allocates comes in by a feature.
//! - A new arrow is a decision: it is made in the tables below, in a commit that says why.
//! - Read from what `cargo metadata` says about the manifests, so that a dependency behind a feature or for another
//!   target counts like any other.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A crate → the crates of the workspace that it may use, in its library, its programs and its build script.
const ARROWS: &[(&str, &[&str])] = &[
    ("tuffet-wire", &[]),
    ("tuffet-ed25519", &[]),
    ("tuffet-tuf", &["tuffet-ed25519", "tuffet-wire"]),
    ("tuffet-release", &["tuffet-wire"]),
    ("tuffet-patch", &[]),
    ("tuffet-boot", &[]),
    (
        "tuffet-no-std-client",
        &[
            "tuffet-boot",
            "tuffet-patch",
            "tuffet-release",
            "tuffet-tuf",
            "tuffet-wire",
        ],
    ),
    // What firmware and host say only once; the other boards' crates are a workspace of their own.
    ("tuffet-board-layout", &["tuffet-no-std-client"]),
    ("tuffet-client", &["tuffet-no-std-client"]),
    ("tuffet-keys-tool", &["tuffet-tuf", "tuffet-wire"]),
    (
        "tuffet-server",
        &[
            "tuffet-keys-tool",
            "tuffet-patch",
            "tuffet-release",
            "tuffet-tuf",
            "tuffet-wire",
        ],
    ),
    (
        "tuffet-xtask",
        &["tuffet-keys-tool", "tuffet-no-std-client", "tuffet-server"],
    ),
    (
        "tuffet-integration",
        &[
            "tuffet-board-layout",
            "tuffet-boot",
            "tuffet-client",
            "tuffet-keys-tool",
            "tuffet-no-std-client",
            "tuffet-patch",
            "tuffet-release",
            "tuffet-server",
            "tuffet-tuf",
            "tuffet-wire",
        ],
    ),
];

/// What the tests of a crate may use beside that, with the reason. A crate may always name itself, to test with a
/// feature of its own.
const TEST_ARROWS: &[(&str, &[&str])] = &[];

/// What a core, or what stands on them without a heap, may use from outside the workspace: always, and only behind a
/// feature, because it allocates or because few need it.
const FRIENDS: &[(&str, &[&str], &[&str])] = &[
    ("tuffet-wire", &["sha2"], &["serde", "serde_json"]),
    ("tuffet-ed25519", &["sha2"], &[]),
    (
        "tuffet-tuf",
        &["arrayvec", "ed25519-dalek", "sha2"],
        &["p256", "rsa", "serde", "serde_json"],
    ),
    ("tuffet-release", &["arrayvec"], &["serde", "serde_json"]),
    ("tuffet-patch", &["embedded-storage", "sha2"], &["divsufsort"]),
    ("tuffet-boot", &["embedded-storage"], &[]),
    (
        "tuffet-no-std-client",
        &[
            "arrayvec",
            "embedded-io",
            "embedded-io-async",
            "embedded-storage",
            "sha2",
        ],
        &["embedded-storage-async"],
    ),
];

/// One dependency as a manifest states it.
#[derive(Clone, Debug)]
struct Dependency {
    of: String,
    on: String,
    kind: Kind,
    optional: bool,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Of the library, of the programs, or of the build script.
    Built,
    /// Of the tests.
    Tested,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Violation {
    /// An arrow that the house does not have.
    Arrow { from: String, to: String },
    /// A core uses a crate from outside that is not its friend.
    Stranger { core: String, on: String },
    /// A core uses a friend always that may come in by a feature only.
    Unconditional { core: String, on: String },
    /// A crate of the workspace that no table names.
    Unknown { package: String },
    /// The tests of a crate use one that they may not.
    TestArrow { from: String, to: String },
}

#[test]
fn workspace_has_only_the_arrows_of_the_house() {
    let (members, dependencies) = read_workspace();
    assert_eq!(
        members.len(),
        ARROWS.len(),
        "a crate left the workspace but not the table: {members:?}"
    );
    assert!(
        dependencies
            .iter()
            .any(|dependency| dependency.of == "tuffet-tuf" && dependency.on == "tuffet-wire")
    );
    assert_eq!(violations(&members, &dependencies), []);
}

#[test]
fn shell_below_a_core_is_found() {
    let forged = [built("tuffet-tuf", "tuffet-server"), built("tuffet-tuf", "tuffet-wire")];
    let found = Violation::Arrow {
        from: "tuffet-tuf".into(),
        to: "tuffet-server".into(),
    };
    assert_eq!(violations(&members(), &forged), [found]);
}

#[test]
fn core_beside_a_core_is_found() {
    let forged = [built("tuffet-release", "tuffet-tuf")];
    let found = Violation::Arrow {
        from: "tuffet-release".into(),
        to: "tuffet-tuf".into(),
    };
    assert_eq!(violations(&members(), &forged), [found]);
}

#[test]
fn test_arrow_is_told_from_a_built_one() {
    let test = Dependency {
        kind: Kind::Tested,
        ..built("tuffet-tuf", "tuffet-integration")
    };
    let itself = Dependency {
        kind: Kind::Tested,
        ..built("tuffet-tuf", "tuffet-tuf")
    };
    let found = Violation::TestArrow {
        from: "tuffet-tuf".into(),
        to: "tuffet-integration".into(),
    };
    assert_eq!(violations(&members(), &[test, itself]), [found]);
}

#[test]
fn stranger_in_a_core_is_found() {
    let forged = [built("tuffet-boot", "rand"), built("tuffet-server", "rand")];
    let found = Violation::Stranger {
        core: "tuffet-boot".into(),
        on: "rand".into(),
    };
    assert_eq!(violations(&members(), &forged), [found]);
}

#[test]
fn allocating_friend_without_a_feature_is_found() {
    let optional = Dependency {
        optional: true,
        ..built("tuffet-tuf", "serde")
    };
    assert_eq!(violations(&members(), &[optional]), []);
    let found = Violation::Unconditional {
        core: "tuffet-tuf".into(),
        on: "serde".into(),
    };
    assert_eq!(violations(&members(), &[built("tuffet-tuf", "serde")]), [found]);
}

#[test]
fn crate_without_a_place_is_found() {
    let mut members = members();
    members.insert("tuffet-shed".into());
    assert_eq!(
        violations(&members, &[]),
        [Violation::Unknown {
            package: "tuffet-shed".into()
        }]
    );
}

fn violations(members: &BTreeSet<String>, dependencies: &[Dependency]) -> Vec<Violation> {
    let known = |package: &String| ARROWS.iter().any(|(name, _)| name == package);
    let unknown = members.iter().filter(|package| !known(package));
    let unknown = unknown.map(|package| Violation::Unknown {
        package: package.clone(),
    });
    let wrong = dependencies.iter().filter_map(|dependency| {
        if members.contains(&dependency.on) {
            wrong_arrow(dependency)
        } else {
            wrong_friend(dependency)
        }
    });
    unknown.chain(wrong).collect()
}

fn wrong_arrow(dependency: &Dependency) -> Option<Violation> {
    let Dependency {
        of,
        on,
        kind,
        optional: _,
    } = dependency;
    let named = |table: &[(&str, &[&str])]| {
        table
            .iter()
            .any(|(from, targets)| from == of && targets.contains(&on.as_str()))
    };
    match kind {
        Kind::Built if named(ARROWS) => None,
        Kind::Built => Some(Violation::Arrow {
            from: of.clone(),
            to: on.clone(),
        }),
        Kind::Tested if of == on || named(ARROWS) || named(TEST_ARROWS) => None,
        Kind::Tested => Some(Violation::TestArrow {
            from: of.clone(),
            to: on.clone(),
        }),
    }
}

/// What tests use from outside is theirs to choose, and a shell's friends are no concern of the house.
fn wrong_friend(dependency: &Dependency) -> Option<Violation> {
    let Dependency { of, on, kind, optional } = dependency;
    let (_, always, by_feature) = FRIENDS.iter().find(|(core, _, _)| core == of)?;
    if *kind == Kind::Tested || always.contains(&on.as_str()) {
        return None;
    }
    match (by_feature.contains(&on.as_str()), optional) {
        (true, true) => None,
        (true, false) => Some(Violation::Unconditional {
            core: of.clone(),
            on: on.clone(),
        }),
        (false, _) => Some(Violation::Stranger {
            core: of.clone(),
            on: on.clone(),
        }),
    }
}

fn built(of: &str, on: &str) -> Dependency {
    Dependency {
        of: of.into(),
        on: on.into(),
        kind: Kind::Built,
        optional: false,
    }
}

fn members() -> BTreeSet<String> {
    ARROWS.iter().map(|(package, _)| (*package).to_owned()).collect()
}

/// The crates of the workspace, and what their manifests name.
fn read_workspace() -> (BTreeSet<String>, Vec<Dependency>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();

    let mut members = BTreeSet::new();
    let mut dependencies = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let of = package["name"].as_str().unwrap().to_owned();
        for dependency in package["dependencies"].as_array().unwrap() {
            dependencies.push(Dependency {
                of: of.clone(),
                on: dependency["name"].as_str().unwrap().to_owned(),
                kind: if dependency["kind"] == "dev" {
                    Kind::Tested
                } else {
                    Kind::Built
                },
                optional: dependency["optional"].as_bool().unwrap(),
            });
        }
        members.insert(of);
    }
    (members, dependencies)
}
