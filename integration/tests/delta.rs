//! Deltas on the client over HTTP: what is said of them, how they resume, and what is left of one that is given up.

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::device::{Device, Process, Said, client_binary};
use tuffet_integration::simulator::Simulator;
use tuffet_integration::simulator::release::{firmware, successor};
use tuffet_integration::site::{Fault, label};
use tuffet_patch::Profile;

const PATCH: &str = "lamp_2.0.0_c3_large_delta.patch";
const IMAGE: &str = "lamp_2.0.0_c3.zst";
/// Where the downloads of these tests break off.
const PATCH_BROKEN_AT: usize = 1_500;
const IMAGE_BROKEN_AT: usize = 10_000;

/// A device that runs release 1.0.0 while 2.0.0 is published with a delta.
struct Scene {
    device: Process,
    repository: Simulator,
}

impl Scene {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut repository = Simulator::healthy(now);
        let device = Process::factory(&repository);
        let running = firmware("1.0.0");
        repository.stage("2.0.0");
        repository.release.carry(successor("2.0.0", &running));
        repository.release.add_patch(Some(&running), Profile::Large);
        repository.publish();
        let mut scene = Self { device, repository };
        scene.serve();
        scene
    }

    fn serve(&mut self) {
        self.device.serve(&self.repository);
        self.device.server().forget_requests();
    }

    fn install(&self) -> Said {
        self.device.server().forget_requests();
        self.device.client(&["install"])
    }

    /// From where on a file was asked for, request by request.
    fn offsets(&self, name: &str) -> Vec<usize> {
        let requests = self.device.server().requests();
        let asked = requests.iter().filter(|request| label(&request.path) == name);
        asked.map(|request| request.range_from().unwrap_or(0)).collect()
    }

    /// The lengths of the parts of downloads in the device folder.
    fn parts(&self) -> Vec<usize> {
        let folder = self.device.device_folder().join("download");
        let parts = std::fs::read_dir(folder).into_iter().flatten();
        parts
            .map(|part| std::fs::read(part.unwrap().path()).unwrap().len())
            .collect()
    }

    /// The trial runs the very image of the release, it came so, and nothing of the downloads is left.
    fn assert_installed(&mut self, said: &Said, way: &str, fell_back: Option<&str>) {
        let told = (said.result["outcome"].as_str(), said.result["way"].as_str());
        assert_eq!(told, (Some("installed"), Some(way)), "{}", said.everything);
        assert_eq!(said.result["fell_back"].as_str(), fell_back, "{}", said.everything);
        assert_eq!(self.device.files()["spare slot"], self.repository.release.image);
        assert_eq!(self.parts(), [] as [usize; 0]);
        self.device.try_out(true);
    }
}

#[test]
fn delta_is_announced_and_told() {
    let mut scene = Scene::new();
    let delta_bytes = scene.repository.release.patches[0].file.len();
    let check = scene.device.client(&["check"]);
    assert_eq!(check.result["way"], "delta", "{}", check.everything);
    assert_eq!(check.result["download_bytes"], delta_bytes, "{}", check.everything);
    let said = scene.install();
    assert!(said.result["fell_back"].is_null(), "{}", said.everything);
    assert_eq!(scene.offsets(PATCH), [0]);
    assert_eq!(scene.offsets(IMAGE), [] as [usize; 0]);
    scene.assert_installed(&said, "delta", None);
}

#[test]
fn broken_delta_goes_on_by_range() {
    let mut scene = Scene::new();
    let path = scene.repository.patch_path();
    scene
        .repository
        .site
        .fault_once(&path, Fault::Reset { bytes: PATCH_BROKEN_AT });
    scene.serve();
    let said = scene.install();
    assert_eq!(scene.offsets(PATCH), [0, PATCH_BROKEN_AT]);
    scene.assert_installed(&said, "delta", None);
}

#[test]
fn broken_delta_goes_on_in_the_next_process() {
    let mut scene = Scene::new();
    let path = scene.repository.patch_path();
    scene
        .repository
        .site
        .fault_once(&path, Fault::Reset { bytes: PATCH_BROKEN_AT });
    scene.repository.site.fault(&path, Fault::Reset { bytes: 0 });
    scene.serve();
    // The network failed, not the delta: the full image does not take its place.
    let said = scene.install();
    assert_eq!(said.result["name"], "Transport", "{}", said.everything);
    assert_eq!(scene.parts(), [PATCH_BROKEN_AT]);
    scene.repository.site.clear_faults();
    scene.serve();
    let said = scene.install();
    assert_eq!(scene.offsets(PATCH), [PATCH_BROKEN_AT]);
    scene.assert_installed(&said, "delta", None);
}

#[test]
fn part_of_the_full_image_outlives_a_delta_that_fails_again() {
    let mut scene = Scene::new();
    let (patch, image) = (scene.repository.patch_path(), scene.repository.image_path());
    scene.repository.site.edit(&patch, |file| file[700] ^= 1);
    scene
        .repository
        .site
        .fault_once(&image, Fault::Reset { bytes: IMAGE_BROKEN_AT });
    scene.repository.site.fault(&image, Fault::Reset { bytes: 0 });
    scene.serve();
    let said = scene.install();
    assert_eq!(said.result["name"], "Transport", "{}", said.everything);
    let note = "the delta cannot be used (the downloaded file is not the one that was signed; it was discarded); \
                taking the full image";
    assert!(said.everything.contains(note), "{}", said.everything);
    // The delta's part is gone, that of the full image stays.
    assert_eq!(scene.parts(), [IMAGE_BROKEN_AT]);
    scene.repository.site.clear_faults();
    scene.serve();
    let said = scene.install();
    assert_eq!(scene.offsets(PATCH), [0]);
    assert_eq!(scene.offsets(IMAGE), [IMAGE_BROKEN_AT]);
    scene.assert_installed(&said, "file", Some("ImageFileDigest"));
}

#[test]
fn factory_installs_by_a_patch_from_nothing() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut repository = Simulator::healthy(now);
    repository.stage("1.5.0");
    // It is packed so badly that the patch is shorter; and it is not even there.
    let packed = zstd::encode_all(repository.release.image.as_slice(), -100).unwrap();
    repository.release.carry_file(packed);
    repository.release.add_patch(None, Profile::Large);
    repository.publish();
    repository.site.remove(&repository.image_path());
    let device = Process::factory(&repository);
    assert_eq!(device.files()["running slot"], repository.release.image);
    assert_eq!(device.client(&["boot"]).result["outcome"], "confirmed");
}

#[test]
fn refusal_for_the_budget_names_both_sides() {
    let mut scene = Scene::new();
    scene.device.limit_data(Some(2_000));
    let before = scene.device.files()["boot record"].clone();
    let said = scene.install();
    let told = (said.exit, said.result["name"].as_str(), said.result["code"].as_u64());
    assert_eq!(told, (1, Some("OverBudget"), Some(408)), "{}", said.everything);
    let delta_bytes = scene.repository.release.patches[0].file.len();
    for number in [delta_bytes.to_string(), "2000".to_owned()] {
        assert!(said.everything.contains(&number), "{}", said.everything);
    }
    assert_eq!(scene.device.files()["boot record"], before);
    assert!(!scene.device.files().contains_key("spare slot"));
}

#[test]
fn data_budget_is_set_in_the_factory_and_does_not_count_there() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    let client = |arguments: &[&str]| {
        let mut command = Command::new(client_binary());
        command.arg("--json").arg("--device").arg(&device).args(arguments);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or("null").to_owned();
        (
            output.status.code(),
            serde_json::from_str::<serde_json::Value>(&last).unwrap(),
        )
    };
    let root: PathBuf = scene.device.device_folder().join("metadata/root.json");
    let root = root.display().to_string();
    let url = scene.device.server().url();
    let provision = ["provision", "--repository", &url, "--root", &root, "--product", "lamp"];
    let with_budget = |budget| [&provision[..], &["--hardware", "c3", "--data-budget", budget]].concat();
    assert_eq!(client(&with_budget("0")).0, Some(2));
    let (exit, result) = client(&with_budget("100"));
    let told = (exit, result["way"].as_str(), result["fell_back"].is_null());
    assert_eq!(told, (Some(0), Some("file"), true), "{result}");
    let (_, status) = client(&["status"]);
    assert_eq!(status["data_budget_bytes"], 100, "{status}");
}
