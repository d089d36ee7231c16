//! Writes the life of one small device as repositories: a folder for each stage, in which every file has its own path.
//!
//! ```text
//! small_stages DIR
//! DIR/factory   the device leaves the factory with 1.0.0
//! DIR/rotated   the root of the same repository has new keys
//! DIR/waiting   2.0.0, of which no wave has begun
//! DIR/delta     2.0.0 for everybody, with a patch from 1.0.0
//! DIR/full      3.0.0, with the full image only
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use tuffet_integration::simulator::keys::{Key, sha256};
use tuffet_integration::simulator::release::{firmware, rollout, successor};
use tuffet_integration::simulator::role::{key_table, role_keys};
use tuffet_integration::simulator::time::DAY_S;
use tuffet_integration::simulator::{Simulator, root_keys, snapshot_key, targets_keys, timestamp_key};
use tuffet_patch::Profile;

/// The clock of the device, which stands still.
const NOW: u64 = 1_800_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: small_stages DIR")?;
    for (name, repository) in stages() {
        write(&repository, &Path::new(&folder).join(name))?;
    }
    Ok(())
}

fn stages() -> [(&'static str, Simulator); 5] {
    let factory = Simulator::healthy(NOW);

    let mut rotated = factory.clone();
    rotate_root_keys(&mut rotated);

    let mut waiting = rotated.clone();
    waiting.stage("2.0.0");
    waiting.release.carry(successor("2.0.0", &firmware("1.0.0")));
    waiting.release.add_patch(Some(&firmware("1.0.0")), Profile::Small);
    waiting.release.require_rollout(14);
    let digest = sha256(&waiting.document_bytes());
    waiting.stage_rollout(Some(rollout(&digest, "active", &[(NOW + DAY_S, 1_000_000)])));
    waiting.publish();

    let mut delta = waiting.clone();
    delta.revise();
    delta.stage_rollout(Some(rollout(&digest, "active", &[(NOW - DAY_S, 1_000_000)])));
    delta.publish();

    let mut full = delta.clone();
    full.stage("3.0.0");
    full.publish();

    [
        ("factory", factory),
        ("rotated", rotated),
        ("waiting", waiting),
        ("delta", delta),
        ("full", full),
    ]
}

/// The next root, with other keys for itself, signed by both sets.
fn rotate_root_keys(repository: &mut Simulator) {
    let [one, two, _] = root_keys();
    let [targets_one, targets_two] = targets_keys();
    let new = ["new root 1", "new root 2"].map(Key::of);
    repository.stage_root();
    let keys = [
        &new[0],
        &new[1],
        &snapshot_key(),
        &timestamp_key(),
        &targets_one,
        &targets_two,
    ];
    repository.root.signed["keys"] = key_table(keys);
    repository.root.signed["roles"]["root"] = role_keys(&new, 2);
    repository.root.sign_with([&one, &two, &new[0], &new[1]]);
    repository.publish_root();
    repository.root.sign_with(&new);
}

fn write(repository: &Simulator, folder: &Path) -> Result<(), Box<dyn Error>> {
    for path in repository.site.paths() {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().ok_or("a path lies in a folder")?)?;
        fs::write(
            file,
            repository.site.file(path).ok_or("a path that is served has a file")?,
        )?;
    }
    Ok(())
}
