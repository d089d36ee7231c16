//! A command that fails says why to a person, and to a script that asked for JSON.

use std::process::{Command, Output};

use serde_json::Value;

fn xtask(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuffet-xtask"));
    command.args(arguments).output().unwrap()
}

#[test]
fn last_line_of_a_failed_command_is_an_object_with_its_exit_code() {
    let cases: [(&[&str], i32, &str); 5] = [
        (&["delta", "info", "/no/such/patch"], 3, "/no/such/patch"),
        (&["delta", "info"], 2, "required"),
        (&["bench", "delta", "/no/such/folder"], 3, "/no/such/folder"),
        (&["repo", "list", "/no/such/folder"], 6, "/no/such/folder"),
        (&["test", "--only", "no-such-step"], 2, "no-such-step"),
    ];
    for (arguments, exit_code, part) in cases {
        let said = xtask(&[arguments, &["--json"]].concat());
        let (out, err) = (
            String::from_utf8(said.stdout).unwrap(),
            String::from_utf8(said.stderr).unwrap(),
        );
        assert_eq!(said.status.code(), Some(exit_code), "{arguments:?}: {err}");
        let object: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&object["ok"], &object["exit_code"]),
            (&false.into(), &exit_code.into())
        );
        assert!(object["error"].as_str().unwrap().contains(part), "{object}");
        assert!(err.contains(part), "{err}");

        let said = xtask(arguments);
        assert_eq!((said.status.code(), said.stdout.len()), (Some(exit_code), 0));
    }
}

#[test]
fn help_is_no_failure() {
    for arguments in [["--help", "--json"], ["--version", "--json"]] {
        let said = xtask(&arguments);
        assert_eq!(said.status.code(), Some(0));
        assert!(!String::from_utf8(said.stdout).unwrap().contains("\"ok\""));
    }
}
