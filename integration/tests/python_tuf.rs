//! python-tuf, the reference client, on the simulated repository: the simulator speaks TUF and not a dialect of its own,
//! and the command that holds our server to python-tuf really fails when something is wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{POINTER, SUPPORT};

/// Runs the command as `cargo xtask test` does, on a repository that is served as it is.
fn check(repository: &Simulator) -> Output {
    let server = Server::start(repository.site.clone()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let root = out.path().join("trusted.root.json");
    std::fs::write(&root, repository.site.file("metadata/1.root.json").unwrap()).unwrap();
    Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/check_repository.py"))
        .args(["--repository", &server.url(), "--pointer", POINTER])
        .args([
            Path::new("--root"),
            &root,
            Path::new("--out"),
            out.path(),
            Path::new("--venv"),
            &environment(),
        ])
        .arg(SUPPORT)
        .output()
        .unwrap()
}

/// Beside the other things that are built once.
fn environment() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-tuf")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

// One test, because both halves make the same environment.
#[test]
#[ignore = "needs python3 and, the first time, a Python package registry; `cargo xtask test` runs it"]
fn python_tuf_takes_the_healthy_repository_and_refuses_an_edited_one() {
    let mut repository = Simulator::healthy(now());
    repository.stage("2.0.0");
    repository.publish();
    let output = check(&repository);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.contains("lamp_2.0.0_c3.zst: ") && said.contains(SUPPORT) && said.contains(POINTER),
        "{said}"
    );

    let path = repository.image_path();
    repository.site.edit(&path, |bytes| bytes[100] ^= 1);
    let output = check(&repository);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("LengthOrHashMismatch"), "{said}");
}
