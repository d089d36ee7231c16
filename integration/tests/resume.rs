//! Downloads that break off: what the client asks for then, and that nothing but the signed bytes is ever installed.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tuffet_integration::attacks::{Edit, Outcome};
use tuffet_integration::device::{Device, Process};
use tuffet_integration::simulator::Simulator;
use tuffet_integration::site::{Fault, label};

/// Where the downloads of these tests break off.
const BROKEN_AT: usize = 10_000;

/// A device that runs release 1.0.0 while 2.0.0 is published.
struct Scene {
    device: Process,
    repository: Simulator,
    image: String,
}

impl Scene {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut repository = Simulator::healthy(now);
        let device = Process::factory(&repository);
        repository.stage("2.0.0");
        repository.publish();
        let image = repository.image_path();
        Self {
            device,
            repository,
            image,
        }
    }

    /// Updates while the image is served with these faults, one a request, and the last one for ever if it is lasting.
    fn update(&mut self, once: &[Fault], lasting: Option<Fault>) -> Outcome {
        self.repository.site.clear_faults();
        for fault in once {
            self.repository.site.fault_once(&self.image, *fault);
        }
        if let Some(fault) = lasting {
            self.repository.site.fault(&self.image, fault);
        }
        self.device.serve(&self.repository);
        self.device.server().forget_requests();
        self.device.update()
    }

    /// From where on the image was asked for, request by request.
    fn offsets(&self) -> Vec<usize> {
        let requests = self.device.server().requests();
        let images = requests
            .iter()
            .filter(|request| label(&request.path) == "lamp_2.0.0_c3.zst");
        images.map(|request| request.range_from().unwrap_or(0)).collect()
    }

    /// The parts of downloads in the device folder.
    fn parts(&self) -> Vec<PathBuf> {
        let folder = self.device.device_folder().join("download");
        std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |parts| parts.map(|part| part.unwrap().path()).collect())
    }

    /// The trial runs the very image of the release, and nothing of the download is left.
    fn assert_installed(&mut self) {
        assert_eq!(self.device.files()["spare slot"], self.repository.release.image);
        assert_eq!(self.parts(), [] as [PathBuf; 0]);
        self.device.try_out(true);
    }
}

fn broken_once() -> [Fault; 1] {
    [Fault::Reset { bytes: BROKEN_AT }]
}

fn refused(name: &str) -> Outcome {
    Outcome::Refused(name.to_owned())
}

#[test]
fn broken_download_goes_on_by_range() {
    let mut scene = Scene::new();
    assert_eq!(scene.update(&broken_once(), None), Outcome::Installed);
    assert_eq!(scene.offsets(), [0, BROKEN_AT]);
    scene.assert_installed();
}

#[test]
fn broken_download_goes_on_in_the_next_process() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.update(&broken_once(), Some(Fault::Reset { bytes: 0 })),
        Outcome::Transport
    );
    assert_eq!(scene.offsets(), [0, BROKEN_AT]);
    assert_eq!(scene.update(&[], None), Outcome::Installed);
    assert_eq!(scene.offsets(), [BROKEN_AT]);
    scene.assert_installed();
}

#[test]
fn whole_file_instead_of_the_range_is_understood() {
    let mut scene = Scene::new();
    let faults = [Fault::Reset { bytes: BROKEN_AT }, Fault::RangeIgnored];
    assert_eq!(scene.update(&faults, None), Outcome::Installed);
    assert_eq!(scene.offsets(), [0, BROKEN_AT]);
    scene.assert_installed();
}

#[test]
fn another_range_than_asked_for_is_not_used() {
    let mut scene = Scene::new();
    let faults = [Fault::Reset { bytes: BROKEN_AT }, Fault::RangeShifted];
    assert_eq!(scene.update(&faults, Some(Fault::RangeShifted)), Outcome::Transport);
    assert_eq!(scene.update(&[], None), Outcome::Installed);
    assert_eq!(scene.offsets(), [BROKEN_AT]);
    scene.assert_installed();
}

#[test]
fn whole_file_called_a_range_is_refused_and_forgotten() {
    let mut scene = Scene::new();
    let faults = [Fault::Reset { bytes: BROKEN_AT }, Fault::RangeFalse];
    assert_eq!(scene.update(&faults, None), refused("ImageFileDigest"));
    assert_eq!(scene.update(&[], None), Outcome::Installed);
    assert_eq!(scene.offsets(), [0]);
    scene.assert_installed();
}

#[test]
fn edited_part_is_refused_and_forgotten() {
    let edits: [(Edit, &str); 2] = [
        (|part| part[77] ^= 1, "ImageFileDigest"),
        (|part| part.resize(1_000_000, 0), "ImageFileTooLong"),
    ];
    for (edit, name) in edits {
        let mut scene = Scene::new();
        assert_eq!(
            scene.update(&broken_once(), Some(Fault::Reset { bytes: 0 })),
            Outcome::Transport
        );
        let [part] = &scene.parts()[..] else {
            panic!("there is one part")
        };
        let mut bytes = std::fs::read(part).unwrap();
        assert_eq!(bytes.len(), BROKEN_AT);
        edit(&mut bytes);
        std::fs::write(part, bytes).unwrap();
        assert_eq!(scene.update(&[], None), refused(name));
        assert_eq!(scene.update(&[], None), Outcome::Installed);
        assert_eq!(scene.offsets(), [0]);
        scene.assert_installed();
    }
}

#[test]
fn part_of_an_older_release_is_not_taken_up() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.update(&broken_once(), Some(Fault::Reset { bytes: 0 })),
        Outcome::Transport
    );
    scene.repository.stage("3.0.0");
    scene.repository.publish();
    assert_eq!(scene.update(&[], None), Outcome::Installed);
    let requests = scene.device.server().requests();
    let image = requests
        .iter()
        .find(|request| label(&request.path) == "lamp_3.0.0_c3.zst")
        .unwrap();
    assert_eq!(image.range_from(), None);
    scene.assert_installed();
}

#[test]
fn slow_server_is_borne_while_it_moves() {
    let mut scene = Scene::new();
    let drip = Fault::SlowDrip {
        bytes: 1_000,
        pause_ms: 10,
    };
    assert_eq!(scene.update(&[], Some(drip)), Outcome::Installed);
    assert_eq!(scene.offsets(), [0]);
    scene.assert_installed();
}
