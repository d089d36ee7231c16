//! The program `tuffet-flash-device`: the driver of small devices over HTTP, each command a process of its own.

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::{Outcome, Taken};
use tuffet_integration::device::{Said, scratch_folder};
use tuffet_integration::flash_device::recovery::Line;
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{HARDWARE, PRODUCT, SLOT_BYTES, firmware, successor};
use tuffet_integration::site::{Fault, label};
use tuffet_no_std_client::recovery::{SendError, send};
use tuffet_patch::Profile;

const DELTA: &str = "lamp_2.0.0_c3_small_delta.patch";
const WHOLE: &str = "lamp_2.0.0_c3_small_whole.patch";
const TIMESTAMP: &str = "metadata/timestamp.json";

/// A device, and the repository that it asks.
struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    repository: Simulator,
}

impl Scene {
    /// A device of the small profile in its factory state: it runs release 1.0.0, which begins with an l.
    fn new() -> Self {
        let repository = Simulator::healthy(now());
        let scene = Self::unprovisioned(repository);
        let said = scene.provision(&["--first-byte", "6c", "--poll-interval", "1"]);
        assert_eq!(said.exit, 0, "{}", said.everything);
        assert_eq!(said.result["version"], "1.0.0", "{}", said.everything);
        scene.server.forget_requests();
        scene
    }

    fn unprovisioned(repository: Simulator) -> Self {
        let server = Server::start(repository.site.clone()).unwrap();
        let folder = scratch_folder();
        let root = repository.site.file("metadata/1.root.json").unwrap();
        std::fs::write(folder.path().join("root.json"), root).unwrap();
        Self {
            folder,
            server,
            repository,
        }
    }

    fn provision(&self, more: &[&str]) -> Said {
        let (url, slot_bytes) = (self.server.url(), SLOT_BYTES.to_string());
        let root = self.folder.path().join("root.json").display().to_string();
        let place = ["provision", "--repository", &url, "--root", &root];
        let identity = [
            "--product",
            PRODUCT,
            "--hardware",
            HARDWARE,
            "--slot-bytes",
            &slot_bytes,
        ];
        self.device(&[&place[..], &identity, more].concat())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuffet-flash-device"));
        command.args(["--json", "--device"]);
        command.arg(self.folder.path().join("device")).args(arguments);
        command
    }

    fn device(&self, arguments: &[&str]) -> Said {
        Said::of(&mut self.command(arguments))
    }

    /// Publishes a release with a delta from the image before it.
    fn publish(&mut self, version: &str, image: Vec<u8>, profile: Profile) {
        let before = self.repository.release.image.clone();
        self.repository.stage(version);
        self.repository.release.carry(image);
        self.repository.release.add_patch(Some(&before), profile);
        self.repository.publish();
        self.serve();
    }

    /// Release 2.0.0 is a small step from 1.0.0.
    fn publish_second(&mut self) {
        let image = successor("2.0.0", &self.repository.release.image);
        self.publish("2.0.0", image, Profile::Small);
    }

    fn serve(&self) {
        self.server.serve(self.repository.site.clone());
        self.server.forget_requests();
    }

    /// What came of a boot, from which slot, and what stands there.
    fn boot(&self) -> (String, String, Vec<u8>) {
        let said = self.device(&["boot"]);
        assert_eq!(said.exit, 0, "{}", said.everything);
        let text = |key: &str| said.result[key].as_str().unwrap().to_owned();
        let number = |key: &str| said.result[key].as_u64().unwrap() as usize;
        let flash = std::fs::read(text("file")).unwrap();
        let image = flash[number("offset")..][..number("length")].to_vec();
        (text("outcome"), text("slot"), image)
    }

    fn assert_boots(&self, outcome: &str, slot: &str, image: &[u8]) {
        let booted = self.boot();
        assert_eq!((booted.0.as_str(), booted.1.as_str()), (outcome, slot));
        assert!(booted.2 == image, "another image is in slot {slot}");
    }

    /// From where on a file was asked for, request by request.
    fn offsets(&self, name: &str) -> Vec<usize> {
        let requests = self.server.requests();
        let asked = requests.iter().filter(|request| label(&request.path) == name);
        asked.map(|request| request.range_from().unwrap_or(0)).collect()
    }

    /// The requests in a word each; `?` marks a conditional one.
    fn words(&self) -> Vec<String> {
        let requests = self.server.requests();
        let word = |request: &tuffet_integration::server::Request| {
            let mark = if request.if_none_match().is_some() { "?" } else { "" };
            format!("{}{mark}", label(&request.path))
        };
        requests.iter().map(word).collect()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn assert_installed(said: &Said, version: &str, way: &str) {
    assert_eq!(said.outcome(), Outcome::Installed, "{}", said.everything);
    let taken = Taken {
        way: way.to_owned(),
        fell_back: None,
    };
    assert_eq!(said.taken(), Some(taken), "{}", said.everything);
    assert_eq!(said.result["version"], version, "{}", said.everything);
}

fn refused(name: &str) -> Outcome {
    Outcome::Refused(name.to_owned())
}

#[test]
fn device_updates_by_delta_and_reverts_a_bad_release() {
    let mut scene = Scene::new();
    let first = firmware("1.0.0");
    scene.assert_boots("confirmed", "a", &first);

    scene.publish_second();
    let second = scene.repository.release.image.clone();
    assert_installed(&scene.device(&["install"]), "2.0.0", "delta");
    assert_eq!(scene.device(&["confirm"]).result["outcome"], "reboot-due");
    assert_eq!(scene.device(&["install"]).outcome(), refused("TrialOpen"));
    scene.assert_boots("trial", "b", &second);
    let confirmed = scene.device(&["confirm"]);
    assert_eq!(confirmed.result["outcome"], "confirmed", "{}", confirmed.everything);
    assert_eq!(scene.device(&["confirm"]).result["outcome"], "no-trial");
    scene.assert_boots("confirmed", "b", &second);
    assert_eq!(scene.device(&["install"]).outcome(), Outcome::UpToDate);

    let mut third = successor("3.0.0", &second);
    third[0] = 0;
    scene.publish("3.0.0", third.clone(), Profile::Small);
    assert_installed(&scene.device(&["install"]), "3.0.0", "delta");
    scene.assert_boots("trial", "a", &third);
    let failed = scene.device(&["confirm"]);
    assert_eq!(failed.exit, 1, "{}", failed.everything);
    assert_eq!(failed.result["name"], "HealthCheck", "{}", failed.everything);
    scene.assert_boots("confirmed", "b", &second);
    assert_eq!(scene.device(&["install"]).outcome(), refused("FailedBefore"));
    let status = scene.device(&["status"]).result;
    assert_eq!(status["confirmed"], "2.0.0", "{status}");
    assert_eq!(status["failed"], 1, "{status}");
}

#[test]
fn what_a_delta_costs_is_told() {
    let mut scene = Scene::new();
    scene.publish_second();
    let said = scene.device(&["install"]);
    assert_installed(&said, "2.0.0", "delta");
    let number = |key: &str| said.result[key].as_u64().unwrap() as usize;
    let patches = &scene.repository.release.for_all_devices().patches;
    let [delta, whole] = [0, 1].map(|index| patches[index].file.len());
    assert!(
        number("bytes") > delta && number("bytes") < whole,
        "{}",
        said.everything
    );
    assert_eq!(number("requests"), scene.server.requests().len(), "{}", said.everything);
    assert!(number("head_bytes") > 0, "{}", said.everything);
    // The image, at most eight checkpoints of less than 8 KiB, and some metadata.
    let image = scene.repository.release.image.len();
    assert!(
        number("bytes_written") > image && number("bytes_written") < image + 80 * 1024,
        "{}",
        said.everything
    );
    assert!(
        number("flash_operations") > 100 && number("erases_max") < 10,
        "{}",
        said.everything
    );
}

#[test]
fn device_of_the_standard_profile_updates_by_delta() {
    let mut repository = Simulator::healthy(now());
    repository.stage("1.1.0");
    repository.release.add_patch(None, Profile::Standard);
    repository.publish();
    let mut scene = Scene::unprovisioned(repository);
    let said = scene.provision(&["--profile", "standard"]);
    assert_eq!(said.exit, 0, "{}", said.everything);
    let image = successor("2.0.0", &scene.repository.release.image);
    scene.publish("2.0.0", image.clone(), Profile::Standard);
    assert_installed(&scene.device(&["install"]), "2.0.0", "delta");
    scene.assert_boots("trial", "b", &image);
    assert_eq!(scene.device(&["confirm"]).result["version"], "2.0.0");
}

#[test]
fn trial_that_is_never_confirmed_is_reverted() {
    let mut scene = Scene::new();
    let first = firmware("1.0.0");
    scene.publish_second();
    assert_installed(&scene.device(&["install"]), "2.0.0", "delta");
    for _ in 0..3 {
        assert_eq!(scene.boot().0, "trial");
    }
    scene.assert_boots("reverted", "a", &first);
    assert_eq!(scene.device(&["install"]).outcome(), refused("FailedBefore"));
}

#[test]
fn idle_peek_is_one_conditional_request_without_a_body() {
    let scene = Scene::new();
    let cycle = scene.device(&["run", "--tasks", "1"]);
    assert_eq!(cycle.outcome(), Outcome::UpToDate);
    let (alone, bytes) = (scene.words(), cycle.result["bytes"].clone());
    scene.server.forget_requests();
    let said = scene.device(&["run", "--tasks", "4"]);
    assert_eq!(said.outcome(), Outcome::UpToDate, "{}", said.everything);
    let peeks = ["timestamp?"; 3].map(str::to_owned);
    assert_eq!(scene.words(), [&alone[..], &peeks].concat());
    assert_eq!(said.result["bytes"], bytes, "a peek brings a body: {}", said.everything);
}

#[test]
fn poll_loop_installs_what_a_peek_finds_and_ends() {
    let mut scene = Scene::new();
    let mut running = scene
        .command(&["run", "--tasks", "9"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let peeks = || scene.words().iter().filter(|word| *word == "timestamp?").count();
    for _ in 0..200 {
        if peeks() > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(peeks() > 0, "no peek within 10 s: {:?}", scene.words());
    scene.publish_second();
    let status = running.wait().unwrap();
    assert!(status.success(), "{status}");
    let words = scene.words();
    assert_eq!(words.first().map(String::as_str), Some("timestamp?"), "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some(DELTA), "{words:?}");
    assert_eq!(scene.device(&["run"]).result["outcome"], "reboot-due");
    scene.assert_boots("trial", "b", &scene.repository.release.image);
    // The loop begins with the self test.
    let said = scene.device(&["run", "--tasks", "1"]);
    assert!(
        said.everything.contains("version 2.0.0 is confirmed"),
        "{}",
        said.everything
    );
}

#[test]
fn broken_patch_goes_on_by_range_in_the_same_process() {
    let mut scene = Scene::new();
    scene.publish_second();
    let (path, broken_at) = (scene.repository.patch_path(), 1_500);
    scene
        .repository
        .site
        .fault_once(&path, Fault::Reset { bytes: broken_at });
    scene.serve();
    assert_installed(&scene.device(&["run", "--tasks", "1"]), "2.0.0", "delta");
    assert_eq!(scene.offsets(DELTA), [0, broken_at]);
    assert_eq!(scene.offsets(WHOLE), [] as [usize; 0]);
    scene.assert_boots("trial", "b", &scene.repository.release.image);
}

#[test]
fn broken_patch_goes_on_at_a_checkpoint_in_the_next_process() {
    let mut scene = Scene::new();
    // News all over the image, so that every part of it takes some blocks.
    let (mut image, news) = (firmware("1.0.0"), firmware("news"));
    for place in [5_000, 25_000, 45_000, 65_000, 85_000] {
        image[place..place + 3_000].copy_from_slice(&news[place..place + 3_000]);
    }
    scene.publish("2.0.0", image, Profile::Small);
    let path = scene.repository.patch_path();
    let broken_at = scene.repository.release.patches[0].file.len() - 100;
    scene
        .repository
        .site
        .fault_once(&path, Fault::Reset { bytes: broken_at });
    scene.repository.site.fault(&path, Fault::Reset { bytes: 0 });
    scene.serve();
    // The network failed, not the delta: the whole image does not take its place.
    assert_eq!(scene.device(&["install"]).outcome(), Outcome::Transport);
    let offsets = scene.offsets(DELTA);
    assert!(
        offsets.len() > 1 && offsets[1..].iter().all(|offset| *offset == broken_at),
        "{offsets:?}"
    );
    scene.repository.site.clear_faults();
    scene.serve();
    assert_installed(&scene.device(&["install"]), "2.0.0", "delta");
    let [resumed_at] = scene.offsets(DELTA)[..] else {
        panic!("it asks more than once: {:?}", scene.offsets(DELTA))
    };
    assert!(
        resumed_at > 0 && resumed_at < broken_at,
        "it goes on at {resumed_at} of {broken_at}"
    );
    scene.assert_boots("trial", "b", &scene.repository.release.image);
}

#[test]
fn old_timestamp_changes_nothing_that_is_trusted() {
    let mut scene = Scene::new();
    let old = scene.repository.site.file(TIMESTAMP).unwrap().to_vec();
    scene.publish_second();
    assert_installed(&scene.device(&["install"]), "2.0.0", "delta");
    assert_eq!(scene.boot().0, "trial");
    assert_eq!(scene.device(&["confirm"]).exit, 0);
    let trusted = scene.device(&["status"]).result["trusted"].clone();
    assert!(trusted.is_string());
    scene.repository.site.put(TIMESTAMP, old);
    scene.serve();
    assert_eq!(scene.device(&["install"]).outcome(), refused("Rollback"));
    assert_eq!(scene.device(&["status"]).result["trusted"], trusted);
}

#[test]
fn image_that_is_gone_comes_back_over_a_line() {
    let scene = Scene::new();
    let image = scene.repository.release.image.clone();
    let (flash, socket) = (
        scene.folder.path().join("device/flash.bin"),
        scene.folder.path().join("line"),
    );
    let recovering = |patience: &str| {
        let listen = socket.to_str().unwrap();
        let mut command = scene.command(&["recover", "--listen", listen, "--patience", patience]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    assert_eq!(
        scene.device(&["recover", "--listen", "unused"]).result["outcome"],
        "bootable"
    );
    let mut contents = std::fs::read(&flash).unwrap();
    let at = contents.windows(64).position(|window| *window == image[..64]).unwrap();
    contents[at..at + 1_024].fill(0xFF);
    std::fs::write(&flash, contents).unwrap();
    let left = recovering("1").wait_with_output().unwrap();
    assert_eq!(left.status.code(), Some(6));
    let mut device = recovering("60");
    let mut line = loop {
        if let Ok(line) = UnixStream::connect(&socket) {
            break Line::over(line).unwrap();
        }
        assert!(device.try_wait().unwrap().is_none(), "the device did not wait");
        std::thread::sleep(Duration::from_millis(20));
    };
    let other = send(&mut line, &image[1..], 200, &mut |_| ());
    assert!(matches!(other, Err(SendError::WrongImage { .. })), "{other:?}");
    assert_eq!(send(&mut line, &image, 200, &mut |_| ()), Ok(()));
    assert!(device.wait().unwrap().success());
    scene.assert_boots("confirmed", "a", &image);
}

#[test]
fn every_trouble_has_its_exit_code() {
    let scene = Scene::unprovisioned(Simulator::healthy(now()));
    let ends = |said: Said, exit: i32, name: &str| {
        let told = (said.exit, said.result["name"].as_str());
        assert_eq!(told, (exit, Some(name)), "{}", said.everything);
    };
    ends(scene.device(&["install"]), 6, "NotProvisioned");
    ends(scene.provision(&["--first-byte", "e"]), 2, "BadSetting");
    std::fs::remove_dir_all(scene.folder.path().join("device")).unwrap();
    ends(scene.provision(&["--channel", "Beta"]), 2, "BadSetting");
    std::fs::remove_dir_all(scene.folder.path().join("device")).unwrap();
    ends(scene.provision(&["--channel", "beta"]), 1, "NothingToProvision");
    ends(scene.provision(&[]), 6, "ProvisionedAlready");
    std::fs::remove_dir_all(scene.folder.path().join("device")).unwrap();
    assert_eq!(scene.provision(&[]).exit, 0);
    ends(scene.provision(&[]), 6, "ProvisionedAlready");

    let lock = std::fs::File::create(scene.folder.path().join("device/.lock")).unwrap();
    lock.lock().unwrap();
    ends(scene.device(&["boot"]), 6, "Busy");
    drop(lock);

    let flash = scene.folder.path().join("device/flash.bin");
    let contents = std::fs::read(&flash).unwrap();
    std::fs::write(&flash, &contents[1_024..]).unwrap();
    ends(scene.device(&["boot"]), 6, "FlashLength");
    let mut edited = contents.clone();
    edited[2 * 1_024..4 * 1_024].fill(0xFF);
    std::fs::write(&flash, edited).unwrap();
    ends(scene.device(&["install"]), 6, "DamagedStore");
    std::fs::remove_file(&flash).unwrap();
    ends(scene.device(&["boot"]), 3, "Storage");
    std::fs::write(&flash, contents).unwrap();

    let settings = scene.folder.path().join("device/device.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let set = |from: &str, to: &str| std::fs::write(&settings, text.replace(from, to)).unwrap();
    set("http://", "https://");
    ends(scene.device(&["install"]), 2, "BadSetting");
    set("slot_bytes = 262144", "slot_bytes = 262145");
    ends(scene.device(&["install"]), 2, "Map");
    set("[trial]", "[tryal]");
    ends(scene.device(&["install"]), 2, "BadSettings");
    set("", "");
    scene.device(&["boot"]);
    let Scene { folder, server, .. } = scene;
    drop(server);
    let mut install = Command::new(env!("CARGO_BIN_EXE_tuffet-flash-device"));
    install
        .args(["--json", "--device"])
        .arg(folder.path().join("device"))
        .arg("install");
    ends(Said::of(&mut install), 5, "Transport");
}
