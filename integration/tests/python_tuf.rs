//! python-tuf, the reference client, on our repositories: on the one that the real programs publish and serve, and on the
//! simulated one, to show that the simulator speaks TUF and not a dialect of its own, and that this command can fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{POINTER, SUPPORT, firmware};
use tuffet_integration::vendor::{self, Vendor};

/// Updates with python-tuf: the pointer, the image that its document names, and the support statement.
fn check(url: &str, first_root: &Path) -> Output {
    let out = tempfile::tempdir().unwrap();
    Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/check_repository.py"))
        .args(["--repository", url, "--pointer", POINTER])
        .args([
            Path::new("--root"),
            first_root,
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

fn assert_updated(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for name in ["lamp_2.0.0_c3.zst", SUPPORT, POINTER] {
        assert!(said.contains(&format!("{name}: ")), "{said}");
    }
}

fn simulated() -> Simulator {
    let mut repository = Simulator::healthy(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    repository.stage("2.0.0");
    repository.publish();
    repository
}

fn write(site: &tuffet_integration::site::Site, folder: &Path) {
    for path in site.paths() {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, site.file(path).unwrap()).unwrap();
    }
}

// One test, because its parts make the same environment.
#[test]
#[ignore = "needs python3 and, the first time, a Python package registry; `cargo xtask test` runs it"]
fn python_tuf_updates_from_our_repositories_and_refuses_an_edited_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut repository = simulated();
    write(&repository.site, folder.path());
    let first_root = folder.path().join("metadata/1.root.json");
    assert_updated(&check(
        &Server::start(repository.site.clone()).unwrap().url(),
        &first_root,
    ));

    let path = repository.image_path();
    repository.site.edit(&path, |bytes| bytes[100] ^= 1);
    let output = check(&Server::start(repository.site.clone()).unwrap().url(), &first_root);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("LengthOrHashMismatch"), "{said}");

    let vendor = Vendor::set_up();
    vendor.publish("1.0.0", &firmware("1.0.0"));
    vendor.publish("2.0.0", &firmware("2.0.0"));
    assert_updated(&check(vendor.serve().url(), &vendor.path("root.json")));
}

#[test]
#[ignore = "builds the publisher with its second TUF client; `cargo xtask test` runs it"]
fn both_verifiers_of_the_publisher_take_the_simulated_repository() {
    let folder = tempfile::tempdir().unwrap();
    write(&simulated().site, &folder.path().join("repository"));
    let verify = "repo verify repository --root repository/metadata/1.root.json";
    vendor::run(folder.path(), "tuffet-xtask", "tuffet-xtask", verify);
}
