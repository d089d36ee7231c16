//! A publication that is cut at, or inside, any of its file operations leaves the old state served, and can be run again.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tuffet_keys_tool::{KeyRole, KeySource};

use crate::{
    candidate::Online,
    create,
    error::{Error, Refused},
    product::Profile,
    proposal::Proposal,
    publish::{Outcome, publish_on},
    repository::{Published, Repository, RepositoryError},
    resign::resign_on,
    roles::ProductKeys,
    storage::{Content, Disk, FolderLock, RealDisk, StorageError},
    testing::{Vendor, copy_tree, key, product, tree},
    verify::verify,
};

/// What the cut leaves of the operation it hits, and of names that were not yet brought to the medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// The operation does not happen.
    Before,
    /// Half of the bytes are written; a name is given and the power fails before anybody hears of it.
    Inside,
    /// Like `Inside`, and every name given since the last synchronisation of its folder is lost.
    NamesLost,
    /// Like `NamesLost`, but the newest name survives: a file system may keep names in any order.
    NewestNameKept,
}

const CUTS: [Cut; 4] = [Cut::Before, Cut::Inside, Cut::NamesLost, Cut::NewestNameKept];

/// A disk whose power fails at the operation with a given number. After that nothing works.
struct CutDisk {
    operations: Cell<usize>,
    cut_at: usize,
    cut: Cut,
    /// Names not yet synchronised, with what was there before.
    pending: RefCell<Vec<(PathBuf, Option<Vec<u8>>)>>,
}

impl CutDisk {
    /// Whose power does not fail.
    fn uncut() -> Self {
        Self::new(usize::MAX, Cut::Before)
    }

    fn new(cut_at: usize, cut: Cut) -> Self {
        Self {
            operations: Cell::new(0),
            cut_at,
            cut,
            pending: RefCell::new(Vec::new()),
        }
    }

    /// Whether this operation goes through as usual; else `half` is what still happens of it.
    fn step(&self, half: impl FnOnce()) -> io::Result<()> {
        let number = self.operations.get();
        self.operations.set(number + 1);
        if number < self.cut_at {
            return Ok(());
        }
        if number == self.cut_at {
            if self.cut != Cut::Before {
                half();
            }
            self.lose_names();
        }
        Err(io::Error::other("the power is gone"))
    }

    fn lose_names(&self) {
        let mut pending = self.pending.borrow_mut();
        match self.cut {
            Cut::Before | Cut::Inside => pending.clear(),
            Cut::NamesLost => {}
            Cut::NewestNameKept => {
                pending.pop();
            }
        }
        for (path, before) in pending.drain(..).rev() {
            match before {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
        }
    }

    fn rename_now(&self, from: &Path, to: &Path) {
        self.pending.borrow_mut().push((to.to_owned(), fs::read(to).ok()));
        RealDisk.rename(from, to).unwrap();
    }
}

impl Disk for CutDisk {
    fn write(&self, path: &Path, content: &Content) -> io::Result<()> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::CopyOf { path, .. } => fs::read(path).unwrap(),
        };
        self.step(|| fs::write(path, &bytes[..bytes.len() / 2]).unwrap())?;
        // Without waiting for the medium, which these cuts only imagine: that would take a minute.
        fs::write(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| self.rename_now(from, to))?;
        self.rename_now(from, to);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(|| ())?;
        self.pending
            .borrow_mut()
            .retain(|(path, _)| path.parent() != Some(folder));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|| ())?;
        RealDisk.remove(path)
    }
}

/// A copy of the vendor's repository to cut.
fn copy(vendor: &Vendor) -> (TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    copy_tree(vendor.repository.path(), folder.path());
    let repository = Repository::open(folder.path()).unwrap();
    (folder, repository)
}

fn timestamp_version(repository: &Repository) -> u64 {
    Published::load(repository).unwrap().timestamp.role.version
}

fn operations(run: impl FnOnce(&CutDisk)) -> usize {
    let disk = CutDisk::uncut();
    run(&disk);
    disk.operations.get()
}

fn publish_cut(vendor: &Vendor, proposal: &Proposal, cut_at: usize, cut: Cut, old: u64) -> bool {
    let (_folder, repository) = copy(vendor);
    let disk = CutDisk::new(cut_at, cut);
    let error = publish_on(&disk, &repository, proposal, vendor.online()).expect_err("a cut publication says so");
    // Both verifiers and every rule hold on what is served now, which is the old state or the new one.
    verify(&repository, &vendor.root, vendor.now).unwrap();
    let served = timestamp_version(&repository);
    assert!(served == old || served == old + 1);
    // Before the cut at least, what the error says about what is served is true.
    if cut == Cut::Before {
        let says_served = matches!(error, Error::Storage(StorageError::NotConfirmed { .. }));
        assert_eq!(says_served, served == old + 1, "{error}");
    }
    let disk = CutDisk::uncut();
    let again = publish_on(&disk, &repository, proposal, vendor.online()).unwrap();
    let was_published = again == Outcome::WasPublished;
    // Running it again confirms what the disk had not.
    assert!(!was_published || disk.operations.get() == 1);
    assert_eq!(was_published, served == old + 1, "cut {cut:?} at {cut_at}");
    let verified = verify(&repository, &vendor.root, vendor.now).unwrap();
    assert_eq!(verified.timestamp_version, old + 1);
    assert_eq!(verified.targets, 9);
    if !was_published {
        let left: Vec<_> = tree(repository.path())
            .into_keys()
            .filter(|path| path.to_string_lossy().contains(".new-"))
            .collect();
        assert_eq!(left, Vec::<PathBuf>::new());
    }
    served == old
}

#[test]
fn a_publication_cut_anywhere_leaves_the_old_state_and_can_be_run_again() {
    let mut vendor = Vendor::new();
    vendor.product.profile = Profile::Small;
    vendor.product.bases.count = 1;
    // One kind of hardware is enough, and makes a quarter fewer operations to cut.
    let one_image = |version: &str, image: &[u8]| {
        let mut plan = vendor.plan(version);
        plan.images.truncate(1);
        fs::write(&plan.images[0].path, image).unwrap();
        let mut proposal = vendor.build(&plan, version).unwrap();
        for holder in &vendor.holders {
            proposal.sign(holder).unwrap();
        }
        proposal
    };
    let noise = |number: u32| (number.wrapping_mul(2_654_435_761) >> 13) as u8;
    let old_image: Vec<u8> = (0..1500).map(noise).collect();
    let mut new_image = old_image.clone();
    new_image[400..420].fill(1);
    vendor.publish(&one_image("1.0.0", &old_image)).unwrap();
    let proposal = one_image("1.1.0", &new_image);
    let patches = proposal.new_targets().filter(|(name, _)| name.ends_with(".patch"));
    assert_eq!(patches.count(), 2);
    let old = timestamp_version(&vendor.repository);
    let (_folder, repository) = copy(&vendor);
    let count = operations(|disk| {
        publish_on(disk, &repository, &proposal, vendor.online()).unwrap();
    });
    // Five new target files, three metadata files, the timestamp: written, named, synchronised.
    assert_eq!(count, 9 * 3);
    for cut in CUTS {
        for cut_at in 0..count {
            let old_is_served = publish_cut(&vendor, &proposal, cut_at, cut, old);
            // The one name that makes it public is given by the last operation but one.
            if cut_at < count - 2 {
                assert!(old_is_served, "cut {cut:?} at {cut_at}");
            }
        }
    }
}

#[test]
fn a_new_repository_cut_anywhere_can_be_made_again() {
    let vendor = Vendor::without_product();
    let init =
        |disk: &dyn Disk, path: &Path| create::init_on(disk, path, &vendor.root, &[&vendor.targets], vendor.online());
    let count = operations(|disk| {
        init(disk, &vendor.path("whole")).unwrap();
    });
    assert_eq!(count, 4 * 3);
    for cut in CUTS {
        for cut_at in 0..count - 2 {
            let path = vendor.path(&format!("{cut:?}-{cut_at}"));
            init(&CutDisk::new(cut_at, cut), &path).unwrap_err();
            assert!(Repository::open(&path).is_err());
            let repository = init(&CutDisk::uncut(), &path).unwrap();
            verify(&repository, &vendor.root, vendor.now).unwrap();
        }
    }
}

#[test]
fn signing_again_cut_anywhere_leaves_a_valid_repository() {
    let vendor = Vendor::new();
    let online = Online {
        now: vendor.now.saturating_add_days(4),
        ..vendor.online()
    };
    let (_folder, repository) = copy(&vendor);
    let count = operations(|disk| {
        resign_on(disk, &repository, online).unwrap();
    });
    assert_eq!(count, 2 * 3);
    for cut in CUTS {
        for cut_at in 0..count {
            let (_folder, repository) = copy(&vendor);
            resign_on(&CutDisk::new(cut_at, cut), &repository, online).unwrap_err();
            verify(&repository, &vendor.root, vendor.now).unwrap();
            resign_on(&CutDisk::uncut(), &repository, online).unwrap();
            verify(&repository, &vendor.root, online.now).unwrap();
        }
    }
}

#[test]
fn a_name_never_gets_other_content() {
    let vendor = Vendor::new();
    let proposal = vendor.signed("1.0.0");
    let (_folder, repository) = copy(&vendor);
    let metadata = repository.path().join("metadata");
    // Cut right before the timestamp: the new snapshot is there, and nobody names it.
    let count = operations(|disk| {
        let (_folder, repository) = copy(&vendor);
        publish_on(disk, &repository, &proposal, vendor.online()).unwrap();
    });
    publish_on(
        &CutDisk::new(count - 3, Cut::Before),
        &repository,
        &proposal,
        vendor.online(),
    )
    .unwrap_err();
    let left = fs::read(metadata.join("3.snapshot.json")).unwrap();
    let later = Online {
        now: vendor.now.saturating_add(60),
        ..vendor.online()
    };
    publish_on(&CutDisk::uncut(), &repository, &proposal, later).unwrap();
    assert_eq!(fs::read(metadata.join("3.snapshot.json")).unwrap(), left);
    assert_eq!(Published::load(&repository).unwrap().snapshot.role.version, 4);
}

/// Cut right before the timestamp: all other files are there, and nobody names the new ones.
fn publish_up_to_the_timestamp(vendor: &Vendor, proposal: &Proposal) {
    let count = operations(|disk| {
        let (_folder, repository) = copy(vendor);
        publish_on(disk, &repository, proposal, vendor.online()).unwrap();
    });
    let disk = CutDisk::new(count - 3, Cut::Before);
    publish_on(&disk, &vendor.repository, proposal, vendor.online()).unwrap_err();
}

fn metadata(repository: &Repository) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = tree(&repository.path().join("metadata"));
    files.retain(|path, _| path != Path::new("timestamp.json"));
    files
}

#[test]
fn a_proposal_does_not_take_the_names_of_one_that_was_cut() {
    let vendor = Vendor::new();
    let (first, second) = (vendor.signed("1.0.0"), vendor.signed("1.1.0"));
    publish_up_to_the_timestamp(&vendor, &first);
    let left = metadata(&vendor.repository);
    assert!(left.contains_key(Path::new("2.lamp.json")));
    let taken = vendor.publish(&second);
    assert!(
        matches!(&taken, Err(Error::Refused(Refused::NameTaken { file })) if file == "2.lamp.json"),
        "{taken:?}"
    );
    assert_eq!(metadata(&vendor.repository), left);
    // Built again it takes the next version.
    let third = vendor.signed("1.2.0");
    assert_eq!(third.roles()["lamp"].role.version, 3);
    let (_folder, repository) = copy(&vendor);
    publish_on(&CutDisk::uncut(), &repository, &third, vendor.online()).unwrap();
    verify(&repository, &vendor.root, vendor.now).unwrap();
    let after = metadata(&repository);
    assert!(left.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
    // Or the first one is published after all; then the third would take it back.
    vendor.publish(&first).unwrap();
    vendor.verify().unwrap();
    let stale = vendor.publish(&third);
    assert!(matches!(stale, Err(Error::Refused(Refused::Stale { .. }))), "{stale:?}");
}

#[test]
fn a_cut_publication_can_be_run_again_with_more_signatures() {
    let vendor = Vendor::new();
    let holders = [(); 2].map(|()| key(KeyRole::Product("kettle".to_owned())));
    let operator = key(KeyRole::Rollout("kettle".to_owned()));
    let public = holders.each_ref().map(|key| key.public_key().clone());
    let keys = ProductKeys::new(public.into(), 1, vec![operator.public_key().clone()]).unwrap();
    let kettle = product("kettle", 1);
    let folder = vendor.path("kettle");
    let proposed = create::propose_product(
        &vendor.repository,
        &kettle,
        &keys,
        &folder,
        &vendor.lifetimes,
        vendor.now,
    );
    let mut proposal = proposed.unwrap();
    for key in [&vendor.targets, &holders[0], &operator] {
        proposal.sign(key).unwrap();
    }
    publish_up_to_the_timestamp(&vendor, &proposal);
    let left = metadata(&vendor.repository);
    proposal.sign(&holders[1]).unwrap();
    vendor.publish(&proposal).unwrap();
    vendor.verify().unwrap();
    let after = metadata(&vendor.repository);
    assert!(left.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
}

#[test]
fn a_new_repository_does_not_take_the_names_of_one_that_was_cut() {
    let vendor = Vendor::without_product();
    let path = vendor.path("cut");
    let init = |disk: &dyn Disk, root, targets, online| create::init_on(disk, &path, root, &[targets], online);
    init(
        &CutDisk::new(9, Cut::Before),
        &vendor.root,
        &vendor.targets,
        vendor.online(),
    )
    .unwrap_err();
    let left = tree(&path.join("metadata"));
    assert_eq!(left.len(), 3);
    let other = Vendor::without_product();
    let taken = init(&RealDisk, &other.root, &other.targets, other.online());
    assert!(
        matches!(&taken, Err(Error::Refused(Refused::NameTaken { file })) if file == "1.root.json"),
        "{taken:?}"
    );
    let later = Online {
        now: vendor.now.saturating_add(60),
        ..vendor.online()
    };
    let repository = init(&RealDisk, &vendor.root, &vendor.targets, later).unwrap();
    verify(&repository, &vendor.root, later.now).unwrap();
    let after = metadata(&repository);
    assert!(left.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
}

#[test]
fn a_new_repository_is_looked_at_under_the_lock() {
    let vendor = Vendor::without_product();
    let path = vendor.path("raced");
    fs::create_dir(&path).unwrap();
    let lock = FolderLock::take(&path, Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let (root, targets) = (&vendor.root, &vendor.targets);
            create::init_on(&RealDisk, &path, root, &[targets], vendor.online())
        });
        // Longer than it takes to come to the lock.
        std::thread::sleep(Duration::from_millis(300));
        copy_tree(vendor.repository.path(), &path);
        drop(lock);
        let refused = second.join().unwrap();
        assert!(
            matches!(refused, Err(Error::Repository(RepositoryError::AlreadyThere { .. }))),
            "{refused:?}"
        );
    });
}
