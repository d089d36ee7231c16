//! What the client for other people's repositories keeps: torn, edited, older or missing, it is noticed, no version falls, and the
//! next cycle goes on.
//!
//! The repository is a folder, so what is asked for shows in what may be missing from it.

#[path = "../../no-std-client/tuf/tests/repository/mod.rs"]
#[allow(clippy::unwrap_used)]
mod repository;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use repository::foreign::{Foreign, pretty};
use repository::{POINTER, Repository, days};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tuffet_client::foreign::{Foreign as Client, ForeignError};
use tuffet_client::transport::Transport;
use tuffet_tuf::{ClockPolicy, Error, Lenient, Rejected, RoleName, VerifiedTarget};
use tuffet_wire::hex::Hex;

/// What is kept of an update.
const KEPT: [&str; 5] = ["root.json", "timestamp.json", "snapshot.json", "targets.json", "p.json"];
const STATE: &str = "state.bin";

struct Site {
    folder: TempDir,
}

type Files = BTreeMap<String, Vec<u8>>;

impl Site {
    /// A client that was given the first root.
    fn new(repository: &Repository) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.serve(repository);
        Client::init(&site.path("kept"), &repository.served["1.root.json"]).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self, repository: &Repository) {
        write_all(&self.path("metadata"), &repository.served);
    }

    fn kept(&self) -> Files {
        read_all(&self.path("kept"))
    }

    fn keep(&self, files: &Files) {
        write_all(&self.path("kept"), files);
    }

    fn transport(&self, name: &str) -> Transport {
        Transport::open(self.path(name).to_str().unwrap()).unwrap()
    }

    /// One cycle with one search.
    fn update(&self) -> Result<VerifiedTarget<Lenient>, ForeignError> {
        let client = Client::at(&self.path("kept"));
        let metadata = self.transport("metadata");
        let mut refreshed = client.refresh(&metadata, ClockPolicy::Trusted { now: days(1) })?;
        refreshed.find(POINTER)
    }

    /// The same with the download of what is found.
    fn download(&self) -> Result<PathBuf, ForeignError> {
        let client = Client::at(&self.path("kept"));
        let (metadata, targets) = (self.transport("metadata"), self.transport("targets"));
        let mut refreshed = client.refresh(&metadata, ClockPolicy::Trusted { now: days(1) })?;
        let target = refreshed.find(POINTER)?;
        refreshed.download(&target, &targets, &self.path("downloads"))
    }

    /// One cycle for which the server has nothing but these files; what else it would ask for fails it.
    fn update_from(&self, repository: &Repository, names: &[&str]) -> Result<VerifiedTarget<Lenient>, ForeignError> {
        let mut only = repository.clone();
        only.served.retain(|name, _| names.contains(&name.as_str()));
        self.serve(&only);
        let result = self.update();
        self.serve(repository);
        result
    }
}

fn write_all(folder: &Path, files: &Files) {
    let _absent = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn read_all(folder: &Path) -> Files {
    let files = fs::read_dir(folder).unwrap().map(|file| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
    });
    files.collect()
}

/// A repository with its bytes listed, and one that lists versions alone; each before and after a new version of everything.
fn repositories() -> Vec<(Repository, Repository)> {
    let before = Repository::new();
    let mut after = before.clone();
    after.rotate_root(|_| ());
    after.targets.role.version = 2;
    after.delegated.get_mut("p").unwrap().role.version = 2;
    after.publish();
    let other = |repository| Foreign::of(repository).served(pretty);
    vec![(other(&before), other(&after)), (before, after)]
}

/// Every way in which a copy is not what was kept, but for being another honest file.
fn damaged(file: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut edited = file.to_vec();
    edited[file.len() / 2] ^= 1;
    let mut longer = file.to_vec();
    longer.push(b' ');
    let cut = file[..file.len() / 2].to_vec();
    vec![None, Some(Vec::new()), Some(cut), Some(edited), Some(longer)]
}

fn with(files: &Files, name: &str, bytes: Option<Vec<u8>>) -> Files {
    let mut files = files.clone();
    match bytes {
        Some(bytes) => files.insert(name.to_owned(), bytes),
        None => files.remove(name),
    };
    files
}

#[test]
fn what_is_kept_is_enough_without_a_network() {
    for (before, _) in repositories() {
        let site = Site::new(&before);
        let first = site.update().unwrap();
        let client = Client::at(&site.path("kept"));
        let offline = |now| client.offline(ClockPolicy::Trusted { now })?.find(POINTER);
        assert_eq!(offline(days(1)).unwrap(), first);
        // Nothing is waived: what has expired meanwhile has expired.
        let refused = offline(days(100_000)).unwrap_err();
        assert!(refused.to_string().contains("expired"), "{refused}");
        // What is gone is gone.
        fs::remove_file(site.path("kept").join("p.json")).unwrap();
        let refused = offline(days(1)).unwrap_err();
        assert!(refused.to_string().contains("not there"), "{refused}");
    }
}

#[test]
fn what_is_kept_is_not_asked_for() {
    for (before, _) in repositories() {
        let site = Site::new(&before);
        let first = site.update().unwrap();
        assert_eq!(site.kept().keys().map(String::as_str).collect::<Vec<_>>(), {
            let mut all = [&KEPT[..], &[STATE, ".lock"]].concat();
            all.sort_unstable();
            all
        });
        let again = site.update_from(&before, &["timestamp.json"]);
        assert_eq!(again.unwrap(), first);
    }
}

#[test]
fn damaged_copy_is_noticed_and_costs_its_download() {
    for (before, _) in repositories() {
        let site = Site::new(&before);
        let first = site.update().unwrap();
        let kept = site.kept();
        for name in KEPT {
            for bytes in damaged(&kept[name]) {
                site.keep(&with(&kept, name, bytes));
                let served_as = format!("1.{name}");
                let needed = ["timestamp.json", &served_as];
                if name != "timestamp.json" {
                    // The copy is not used: without the server's there is nothing.
                    assert!(site.update_from(&before, &["timestamp.json"]).is_err(), "{name}");
                }
                assert_eq!(site.update_from(&before, &needed).unwrap(), first, "{name}");
                assert!(site.kept()[STATE] == kept[STATE], "the state changed for {name}");
            }
        }
    }
}

/// The root's copy is written again at once. That of another role is when the role has something new; until then each cycle
/// downloads it.
#[test]
fn damaged_copy_is_replaced_by_the_next_version() {
    for (before, after) in repositories() {
        let site = Site::new(&before);
        site.update().unwrap();
        let old = site.kept();
        site.serve(&after);
        site.update().unwrap();
        let new = site.kept();
        for name in KEPT {
            for bytes in damaged(&old[name]) {
                site.keep(&with(&old, name, bytes));
                site.serve(&before);
                site.update().unwrap();
                assert!(name != "root.json" || site.kept() == old, "{name}");
                site.serve(&after);
                site.update().unwrap();
                assert!(site.kept() == new, "{name}");
            }
        }
    }
}

#[test]
fn damaged_state_is_refused_and_nothing_is_asked_for() {
    let (before, _) = repositories().remove(0);
    let site = Site::new(&before);
    let first = site.update().unwrap();
    let kept = site.kept();
    let state = &kept[STATE];
    let mut all = damaged(state);
    for place in (0..state.len()).step_by(97) {
        let mut edited = state.clone();
        edited[place] ^= 0x10;
        all.push(Some(edited));
        all.push(Some(state[..place].to_vec()));
    }
    for bytes in all {
        let files = with(&kept, STATE, bytes);
        site.keep(&files);
        let refused = site.update();
        assert!(matches!(refused, Err(ForeignError::DamagedState { .. })), "{refused:?}");
        assert!(site.kept() == files, "something was written");
    }
    // A new beginning mends it.
    Client::init(&site.path("kept"), &before.served["1.root.json"]).unwrap();
    assert_eq!(site.update().unwrap(), first);
}

#[test]
fn state_of_other_layouts_and_readings_is_refused() {
    let (before, _) = repositories().remove(0);
    let site = Site::new(&before);
    let kept = site.kept();
    let strict = repository::Device::provisioned(&Repository::new()).trusted.encode();
    let mut newer = kept[STATE][32..].to_vec();
    newer[0] = 0x82;
    for state in [strict.to_vec(), newer, Vec::new()] {
        let record = [&Sha256::digest(&state)[..], &state].concat();
        site.keep(&with(&kept, STATE, Some(record)));
        assert!(matches!(site.update(), Err(ForeignError::DamagedState { .. })));
    }
}

#[test]
fn older_files_rightly_signed_never_lower_a_version() {
    for (before, after) in repositories() {
        let site = Site::new(&before);
        site.update().unwrap();
        let old = site.kept();
        site.serve(&after);
        let newest = site.update().unwrap();
        let new = site.kept();
        for name in KEPT {
            assert_ne!(old[name], new[name], "{name} is the same in both");
            site.keep(&with(&new, name, Some(old[name].clone())));
            assert_eq!(site.update().unwrap(), newest, "{name}");
            assert!(site.kept()[STATE] == new[STATE], "{name}");
        }
        // All of them, and the server goes back as well: then only the state remembers.
        let mut replayed = old.clone();
        replayed.insert(STATE.to_owned(), new[STATE].clone());
        site.keep(&replayed);
        let mut older = after.clone();
        older
            .served
            .insert("timestamp.json".to_owned(), before.served["timestamp.json"].clone());
        site.serve(&older);
        let refused = site.update();
        let is_rollback = matches!(
            refused,
            Err(ForeignError::Tuf(Error::Rejected(Rejected::Rollback { .. })))
        );
        assert!(is_rollback, "{refused:?}");
        assert!(site.kept()[STATE] == new[STATE]);
        site.serve(&after);
        assert_eq!(site.update().unwrap(), newest);
    }
}

/// A cut leaves any file of the new cycle with the state before it; and a restored backup any file beside any state.
#[test]
fn every_mixture_of_two_cycles_goes_on() {
    for (before, after) in repositories() {
        let site = Site::new(&before);
        site.update().unwrap();
        let old = site.kept();
        site.serve(&after);
        let newest = site.update().unwrap();
        let new = site.kept();
        for choice in 0..1u32 << KEPT.len() {
            for state in [&old, &new] {
                let mut files = Files::from([(STATE.to_owned(), state[STATE].clone())]);
                for (index, name) in KEPT.into_iter().enumerate() {
                    let from = if choice >> index & 1 == 0 { &old } else { &new };
                    files.insert(name.to_owned(), from[name].clone());
                }
                site.keep(&files);
                assert_eq!(site.update().unwrap(), newest, "{choice:b}");
                assert!(site.kept()[STATE] == new[STATE], "{choice:b}");
            }
        }
    }
}

/// A cycle that ends at every file in turn: what was accepted before stays, and the next one goes on from it.
#[test]
fn every_broken_off_cycle_is_gone_on_with() {
    for (before, after) in repositories() {
        for missing in ["timestamp.json", "2.snapshot.json", "2.targets.json", "2.p.json"] {
            let site = Site::new(&before);
            site.update().unwrap();
            let mut broken = after.clone();
            assert!(broken.served.remove(missing).is_some(), "{missing}");
            site.serve(&broken);
            assert!(site.update().is_err(), "{missing}");
            site.serve(&after);
            let found = site.update().unwrap();
            assert_eq!(found.length(), POINTER.len() as u64);
            site.update_from(&after, &["timestamp.json"]).unwrap();
        }
    }
}

fn target_file() -> String {
    format!("{}.{POINTER}", Hex(&Sha256::digest(POINTER)))
}

fn serve_target(site: &Site, bytes: &[u8]) {
    write_all(&site.path("targets"), &Files::from([(target_file(), bytes.to_vec())]));
}

/// What the entry of the repository describes: a file that holds its own name.
#[test]
fn wrong_target_leaves_nothing_behind_and_the_old_file_whole() {
    let (repository, _) = repositories().remove(0);
    let site = Site::new(&repository);
    let good = POINTER.as_bytes();
    let mut edited = good.to_vec();
    edited[0] ^= 1;
    let longer = [good, b"x"].concat();
    let endless = vec![b'x'; 1 << 20];
    let cut = &good[..good.len() - 1];
    for bytes in [&edited[..], &longer, cut, b"", &endless] {
        serve_target(&site, bytes);
        for old in [None, Some(&b"what was there before"[..])] {
            let before = old.map(|old| (POINTER.to_owned(), old.to_vec()));
            write_all(&site.path("downloads"), &before.clone().into_iter().collect());
            let refused = site.download();
            assert!(matches!(refused, Err(ForeignError::WrongTarget { .. })), "{refused:?}");
            assert_eq!(read_all(&site.path("downloads")), before.into_iter().collect());
        }
    }
    write_all(&site.path("targets"), &Files::new());
    assert!(matches!(site.download(), Err(ForeignError::TargetAbsent { .. })));

    serve_target(&site, good);
    let place = site.download().unwrap();
    assert_eq!(fs::read(&place).unwrap(), good);
    assert_eq!(read_all(&site.path("downloads")).len(), 1);
    // It is there, so it is not asked for; edited, it is.
    write_all(&site.path("targets"), &Files::new());
    assert_eq!(site.download().unwrap(), place);
    fs::write(&place, &edited).unwrap();
    assert!(matches!(site.download(), Err(ForeignError::TargetAbsent { .. })));
    serve_target(&site, good);
    site.download().unwrap();
    assert_eq!(fs::read(&place).unwrap(), good);
}

/// Without versions in names the old snapshot is served no more: only the kept copy shows whether the new one goes back.
/// Without it there is no way on but a new beginning, and the refusal says so every time.
#[test]
fn lost_snapshot_of_a_repository_without_versions_in_names() {
    let mut foreign = Foreign::of(&Repository::new());
    foreign.signed("1.root.json")["consistent_snapshot"] = false.into();
    for role in ["snapshot", "targets", "p"] {
        let file = foreign.files.remove(&format!("1.{role}.json")).unwrap();
        foreign.files.insert(format!("{role}.json"), file);
    }
    let first = foreign.served(pretty);
    let site = Site::new(&first);
    let found = site.update().unwrap();
    let kept = with(&site.kept(), "snapshot.json", None);
    site.keep(&kept);
    // As long as it is the newest one, the server's is as good.
    assert_eq!(site.update().unwrap(), found);

    site.keep(&kept);
    foreign.signed("timestamp.json")["version"] = 2.into();
    foreign.signed("timestamp.json")["meta"]["snapshot.json"]["version"] = 2.into();
    foreign.signed("snapshot.json")["version"] = 2.into();
    site.serve(&foreign.served(pretty));
    for _ in 0..2 {
        let refused = site.update();
        let role = RoleName::Snapshot;
        let is_refused = matches!(refused, Err(ForeignError::Tuf(Error::Rejected(Rejected::WrongDigest { role: of }))) if of == role);
        assert!(is_refused, "{refused:?}");
    }
    Client::init(&site.path("kept"), &first.served["1.root.json"]).unwrap();
    assert_eq!(site.update().unwrap().length(), found.length());
}
