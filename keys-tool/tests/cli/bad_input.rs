//! Every wrong file, argument, key and passphrase: one clear error, its exit code, and nothing changed on disk.

use crate::support::{Desk, Ran, TOOL};
use std::{fs::File, os::unix::fs::symlink};

const REFUSED: i32 = 1;
const USAGE: i32 = 2;
const IO: i32 = 3;
const KEY: i32 = 4;

/// Runs in both forms; each has to fail alike, say the same, and change nothing.
#[track_caller]
fn fails(desk: &Desk, arguments: &str, code: i32, says: &str) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let before = desk.snapshot();
    let ran = desk.run(&arguments);
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(says), "expected {says:?}: {ran:?}");
    assert!(ran.out.is_empty(), "{ran:?}");

    let ran = desk.run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(ran.code, code, "{ran:?}");
    let object = ran.object();
    assert_eq!(
        (&object["ok"], &object["exit_code"]),
        (&false.into(), &code.into()),
        "{object}"
    );
    assert!(object["error"].as_str().unwrap().contains(says), "{object}");
    assert!(desk.snapshot() == before, "the disk was changed by {arguments:?}");
}

#[test]
fn arguments() {
    let desk = Desk::with_keys();
    for (arguments, says) in [
        ("", "Usage:"),
        ("rot show root.json", "unrecognized subcommand"),
        ("generate --role root", "--out"),
        ("generate --role Root --out new", "not a role"),
        ("generate --role ../x --out new", "not a role"),
        ("generate --role kettle_files --out new", "not a role"),
        ("generate --role root --count 0 --out new", "--count"),
        ("generate --role root --count 256 --out new", "--count"),
        ("generate --role root --work-factor 21 --out new", "from 1 to 20"),
        ("generate --role root --work-factor x --out new", "from 1 to 20"),
        ("generate --role root --passphrase secret --out new", "--passphrase"),
        ("key check keys/root-1.key --work-factor 2", "--work-factor"),
        ("root create --root-threshold 1 --out root.json", "--root"),
        ("root create --keys-dir keys --root-threshold -1 --out root.json", "-1"),
        ("root create --keys-dir keys --root-threshold 2", "--out"),
        ("root sign root.json", "--key"),
    ] {
        fails(&desk, arguments, USAGE, says);
    }
}

#[test]
fn files_that_are_missing_or_in_the_way() {
    let desk = Desk::with_keys();
    desk.write("file", b"", 0o600);
    symlink("nowhere", desk.path("keys/kettle-2.key")).unwrap();
    for (arguments, says) in [
        ("key show nothing.pub", "cannot read nothing.pub"),
        ("key show keys", "not a regular file"),
        (
            "key check nothing.key --public keys/root-1.pub --passphrase-file passphrase",
            "cannot read nothing.key",
        ),
        (
            "key check nothing.key --passphrase-file passphrase",
            "cannot read nothing.pub",
        ),
        (
            "key check keys/root-1.key --passphrase-file nothing",
            "cannot read nothing",
        ),
        ("root show nothing.json", "cannot read nothing.json"),
        (
            "root sign nothing.json --key keys/root-1.key",
            "cannot read nothing.json",
        ),
        (
            "root create --keys-dir nothing --root-threshold 2 --out root.json",
            "cannot read nothing",
        ),
        (
            "root create --keys-dir . --root-threshold 2 --out root.json",
            "has no root-*.pub",
        ),
        (
            "root create --keys-dir keys --root-threshold 2 --out file",
            "exists and is not overwritten",
        ),
        (
            "root create --keys-dir keys --root-threshold 2 --out a/b/root.json",
            "cannot write a/b/root.json",
        ),
        (
            "generate --role root --out keys",
            "keys/root-1.key exists and is not overwritten",
        ),
        (
            "generate --role kettle --count 2 --out keys",
            "keys/kettle-2.key exists",
        ),
        (
            "generate --role root --out a/b --passphrase-file passphrase",
            "cannot write a/b",
        ),
        ("generate --role root --out file --passphrase-file passphrase", "file"),
    ] {
        fails(&desk, arguments, IO, says);
    }
}

#[test]
fn passphrases() {
    let desk = Desk::with_keys();
    desk.write("empty", b"\n", 0o600);
    desk.write("exposed", b"correct horse", 0o644);
    desk.write("two-lines", b"correct\nhorse\n", 0o600);
    desk.write("wrong", b"Correct horse", 0o600);
    for (file, says) in [
        ("empty", "the passphrase is empty"),
        ("exposed", "run: chmod 600 exposed"),
        ("two-lines", "not one line"),
    ] {
        fails(
            &desk,
            &format!("generate --role kettle --out new --work-factor 2 --passphrase-file {file}"),
            KEY,
            says,
        );
        fails(
            &desk,
            &format!("key check keys/root-1.key --passphrase-file {file}"),
            KEY,
            says,
        );
    }
    fails(
        &desk,
        "key check keys/root-1.key --passphrase-file wrong",
        KEY,
        "does not open keys/root-1.key",
    );
}

#[test]
fn nobody_to_ask_for_a_passphrase() {
    let desk = Desk::new();
    // Its own session has no terminal, wherever the tests run.
    let mut command = desk.command(
        "setsid",
        &["--wait", TOOL, "generate", "--role", "root", "--out", "keys"],
    );
    let ran = Ran::of(command.output().expect("setsid of util-linux is needed"));
    assert_eq!(ran.code, KEY, "{ran:?}");
    assert!(
        ran.err.contains("give --passphrase-file FILE or set TUFFET_PASSPHRASE"),
        "{ran:?}"
    );
    assert!(!desk.path("keys").exists());
}

#[test]
fn damaged_or_exposed_keys() {
    let desk = Desk::with_keys();
    let secret = std::fs::read(desk.path("keys/root-1.key")).unwrap();
    let edited = {
        let mut edited = secret.clone();
        let at = edited.len() - 60;
        edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
        edited
    };
    desk.write("keys/exposed.key", &secret, 0o640);
    desk.write("keys/truncated.key", &secret[..200], 0o600);
    desk.write("keys/edited.key", &edited, 0o600);
    desk.write("keys/empty.key", b"", 0o600);
    desk.write("keys/long.key", &vec![b'A'; 20_000], 0o600);
    desk.write("keys/bad.pub", b"{}", 0o644);
    for (key, code, says) in [
        ("exposed", KEY, "run: chmod 600 keys/exposed.key"),
        ("truncated", KEY, "keys/truncated.key is not an intact key file"),
        ("edited", KEY, "keys/edited.key is not an intact key file"),
        ("empty", KEY, "keys/empty.key is not an intact key file"),
        ("long", IO, "keys/long.key is longer than"),
    ] {
        let check = format!("key check keys/{key}.key --public keys/root-1.pub --passphrase-file passphrase");
        fails(&desk, &check, code, says);
    }
    fails(
        &desk,
        "key show keys/bad.pub",
        KEY,
        "keys/bad.pub is not a usable public key",
    );
    fails(
        &desk,
        "key show keys/root-1.key",
        KEY,
        "keys/root-1.key is not a usable public key",
    );
}

#[test]
fn roots_that_are_refused() {
    let desk = Desk::with_keys();
    let create = "root create --keys-dir keys --out root.json";
    for (arguments, says) in [
        ("--root-threshold 0", "asks for 0 signatures"),
        ("--root-threshold 4", "asks for 4 signatures and names 3 keys"),
        ("--root-threshold 3", "--allow-no-spare"),
        (
            "--root-threshold 2 --targets-threshold 2",
            "asks for 2 signatures and names 1 keys",
        ),
        (
            "--root-threshold 2 --targets keys/root-1.pub",
            "is named for root and for targets",
        ),
        (
            "--root-threshold 2 --timestamp keys/targets-1.pub",
            "is named for targets and for timestamp",
        ),
        (
            "--root-threshold 2 --root keys/root-1.pub keys/root-1.pub keys/root-2.pub",
            "twice",
        ),
        ("--root-threshold 2 --expires-days 0", "expired at"),
        ("--root-threshold 2 --expires-days 3651", "give at most 3650 days"),
        ("--root-threshold 2 --expires-days 4294967295", "give at most 3650 days"),
    ] {
        fails(&desk, &format!("{create} {arguments}"), REFUSED, says);
    }
    fails(&desk, "root show passphrase", REFUSED, "passphrase is not a root file");
    desk.json(&[
        "root",
        "create",
        "--keys-dir",
        "keys",
        "--root-threshold",
        "2",
        "--out",
        "root.json",
    ]);
    fails(
        &desk,
        "root sign root.json --key keys/targets-1.key --passphrase-file passphrase",
        REFUSED,
        "is not one of this root's root keys",
    );
}

#[test]
fn full_disk_leaves_nothing() {
    let desk = Desk::with_keys();
    desk.json(&[
        "root",
        "create",
        "--keys-dir",
        "keys",
        "--root-threshold",
        "2",
        "--out",
        "root.json",
    ]);
    let before = desk.snapshot();
    for arguments in [
        "generate --role kettle --count 2 --out new --work-factor 2 --passphrase-file passphrase",
        "generate --role kettle --count 2 --out keys --work-factor 2 --passphrase-file passphrase",
        "root create --keys-dir keys --root-threshold 2 --out other.json",
        "root sign root.json --key keys/root-1.key --passphrase-file passphrase",
    ] {
        // No file may grow beyond 0 blocks; the signal that usually says so is ignored, so that the write fails.
        let script = format!("trap '' XFSZ; ulimit -f 0; exec '{TOOL}' {arguments}");
        let ran = Ran::of(desk.command("sh", &["-c", &script]).output().unwrap());
        assert_eq!(ran.code, IO, "{ran:?}");
        assert!(
            ran.err.contains("cannot write") && ran.err.contains("nothing was changed"),
            "{ran:?}"
        );
        assert!(desk.snapshot() == before, "the disk was changed by {arguments}");
    }
}

#[test]
fn output_that_cannot_be_printed_is_an_error() {
    let desk = Desk::with_keys();
    for arguments in [
        &["key", "show", "keys/root-1.pub"][..],
        &["key", "show", "keys/root-1.pub", "--json"],
        &["--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(desk.command(TOOL, arguments).stdout(full).output().unwrap());
        assert_eq!(ran.code, IO, "{ran:?}");
        assert!(ran.err.contains("standard output could not take the result"), "{ran:?}");
    }
}

#[test]
fn roots_that_do_not_hold() {
    let desk = Desk::with_keys();
    let create = "root create --keys-dir keys --root-threshold 1 --out";
    for name in ["signed.json", "unsigned.json"] {
        desk.json(&create.split(' ').chain([name]).collect::<Vec<_>>());
    }
    let sign = "root sign signed.json --key keys/root-1.key --passphrase-file passphrase";
    desk.json(&sign.split(' ').collect::<Vec<_>>());
    let signed = std::fs::read_to_string(desk.path("signed.json")).unwrap();
    let edited = signed.replacen("\"version\":1,", "\"version\":2,", 1);
    assert_ne!(edited, signed);
    desk.write("edited.json", edited.as_bytes(), 0o644);

    fails(
        &desk,
        "root check unsigned.json",
        REFUSED,
        "0 of 1 needed signatures hold",
    );
    fails(
        &desk,
        "root check edited.json",
        REFUSED,
        "0 of 1 needed signatures hold",
    );
    fails(
        &desk,
        "root check edited.json --previous signed.json",
        REFUSED,
        "0 of 1 needed signatures hold",
    );
    fails(
        &desk,
        "root check signed.json --previous unsigned.json",
        REFUSED,
        "the previous root does not hold",
    );
    fails(
        &desk,
        "root check signed.json --previous signed.json",
        REFUSED,
        "devices would refuse this root",
    );
    fails(
        &desk,
        "root check signed.json --previous nothing.json",
        IO,
        "cannot read nothing.json",
    );
}
