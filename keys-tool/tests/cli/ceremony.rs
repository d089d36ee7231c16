//! What holders do, from the first key to a root that enough of them have signed.

use crate::support::{Desk, PASSPHRASE, Ran, TOOL};
use std::{fs, os::unix::fs::PermissionsExt as _};

const P: [&str; 2] = ["--passphrase-file", "passphrase"];

fn mode(desk: &Desk, name: &str) -> u32 {
    fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_protected_from_the_start() {
    let desk = Desk::with_keys();
    assert_eq!(mode(&desk, "keys"), 0o700);
    for name in ["root-1", "root-2", "root-3", "targets-1", "snapshot-1", "timestamp-1"] {
        let secret = format!("keys/{name}.key");
        assert_eq!(mode(&desk, &secret), 0o600, "{secret}");
        let text = fs::read_to_string(desk.path(&secret)).unwrap();
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{secret}");
        let public = fs::read_to_string(desk.path(&format!("keys/{name}.pub"))).unwrap();
        assert!(
            public.starts_with(r#"{"keytype":"ed25519","keyval":{"public":""#),
            "{public}"
        );
    }
    // Nothing else: no temporary file was left.
    assert_eq!(fs::read_dir(desk.path("keys")).unwrap().count(), 12);
}

#[test]
fn two_of_three_holders_sign_a_root() {
    let desk = Desk::with_keys();
    let created = desk.json(&[
        "root",
        "create",
        "--keys-dir",
        "keys",
        "--root-threshold",
        "2",
        "--out",
        "root.json",
    ]);
    assert_eq!(created["root"]["signatures_valid"], 0);
    assert_eq!(created["root"]["version"], 1);
    assert_eq!(created["warnings"].as_array().unwrap().len(), 0);

    let sign = |key: &str| desk.json(&[&["root", "sign", "root.json", "--key", key], &P[..]].concat());
    assert_eq!(sign("keys/root-3.key")["added"], true);
    let once = fs::read(desk.path("root.json")).unwrap();
    assert_eq!(sign("keys/root-3.key")["added"], false);
    assert_eq!(fs::read(desk.path("root.json")).unwrap(), once);
    let too_few = desk.run(&["root", "check", "root.json"]);
    assert_eq!(too_few.code, 1, "{too_few:?}");
    assert!(too_few.err.contains("1 of 2 needed signatures hold"), "{too_few:?}");

    assert_eq!(sign("keys/root-1.key")["root"]["signatures_valid"], 2);
    let checked = desk.json(&["root", "check", "root.json"]);
    assert_eq!(checked["root"]["signatures_valid"], 2);

    let shown = desk.json(&["root", "show", "root.json"]);
    assert_eq!(shown["root"]["signatures_valid"], 2);
    // A day is over as soon as a second of it is.
    assert!([729, 730].contains(&shown["root"]["days_left"].as_u64().unwrap()));
    let ids: Vec<_> = ["keys/root-1.pub", "keys/root-2.pub", "keys/root-3.pub"]
        .map(|name| desk.json(&["key", "show", name])["id"].clone())
        .into();
    let named = shown["root"]["roles"][0]["keys"].as_array().unwrap();
    assert!(ids.iter().all(|id| named.contains(id)), "{shown}");
    assert_eq!(mode(&desk, "root.json"), 0o644);
}

#[test]
fn keys_can_be_named_one_by_one_and_online_roles_share_one() {
    let desk = Desk::with_keys();
    let created = desk.json(&[
        "root",
        "create",
        "--root",
        "keys/root-1.pub",
        "keys/root-2.pub",
        "--root-threshold",
        "1",
        "--targets",
        "keys/targets-1.pub",
        "--snapshot",
        "keys/timestamp-1.pub",
        "--timestamp",
        "keys/timestamp-1.pub",
        "--expires-days",
        "10",
        "--out",
        "root.json",
    ]);
    assert_eq!(created["root"]["days_left"], 10);
    assert_eq!(created["root"]["roles"][2]["keys"], created["root"]["roles"][3]["keys"]);
}

#[test]
fn a_root_without_a_spare_key_is_warned_about() {
    let desk = Desk::with_keys();
    let create = [
        "root",
        "create",
        "--keys-dir",
        "keys",
        "--root-threshold",
        "3",
        "--out",
        "root.json",
    ];
    let refused = desk.run(&create);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("--allow-no-spare") && !desk.path("root.json").exists(),
        "{refused:?}"
    );
    let ran = desk.run(&[&create[..], &["--allow-no-spare"]].concat());
    assert_eq!(ran.code, 0);
    assert!(
        ran.err.starts_with("warning: ") && ran.err.contains("one lost key ends"),
        "{ran:?}"
    );
}

#[test]
fn passphrase_comes_from_file_or_environment_and_the_file_goes_first() {
    let desk = Desk::with_keys();
    desk.write("wrong", b"wrong\n", 0o600);
    let check = ["key", "check", "keys/targets-1.key"];
    let with_variable = |value: &str, more: &[&str]| {
        let mut command = desk.command(TOOL, &[&check[..], more].concat());
        Ran::of(command.env("TUFFET_PASSPHRASE", value).output().unwrap()).code
    };
    assert_eq!(with_variable(PASSPHRASE, &[]), 0);
    assert_eq!(with_variable("wrong", &[]), 4);
    assert_eq!(with_variable("", &[]), 4);
    assert_eq!(with_variable("wrong", &P), 0);
    assert_eq!(with_variable(PASSPHRASE, &["--passphrase-file", "wrong"]), 4);
}

#[test]
fn key_check_compares_with_the_public_key() {
    let desk = Desk::with_keys();
    let check = |more: &[&str]| desk.run(&[&["key", "check", "keys/root-1.key"], &P[..], more].concat());
    assert_eq!(check(&[]).code, 0);
    assert_eq!(check(&["--public", "keys/root-1.pub"]).code, 0);
    let ran = check(&["--public", "keys/root-2.pub"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("is not the public half of"), "{ran:?}");
}

#[test]
fn exit_codes_and_commands_are_in_the_help() {
    let ran = Desk::new().run(&["--help"]);
    assert_eq!(ran.code, 0);
    for line in [
        "  0  done",
        "  1  refused: ",
        "  2  usage: ",
        "  3  a file or folder ",
        "  4  a key or a passphrase ",
        "TUFFET_PASSPHRASE",
    ] {
        assert!(ran.out.contains(line), "{line}");
    }
}
