//! Writes a repository as one file, for a device that has it in flash.
//!
//! ```text
//! small_repository FILE
//! root 1, root 2, timestamp, snapshot, targets, product
//! ```
//!
//! Root 1 and root 2 need three of five keys, of which none is in both. The product role is as long as it may be. Before each
//! file stands its length (4 bytes, the lowest first); behind it zeros up to a multiple of four.

use std::error::Error;
use std::fs;

use tuffet_integration::simulator::keys::Key;
use tuffet_integration::simulator::release::PRODUCT;
use tuffet_integration::simulator::role::{key_table, role_keys};
use tuffet_integration::simulator::{PRODUCT_ROLE, Simulator, snapshot_key, targets_keys, timestamp_key};

/// The clock of the device, which stands still.
const NOW: u64 = 1_800_000_000;

/// The longest product role that a device reads.
const PRODUCT_ROLE_BYTES_MAX: usize = 8 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: small_repository FILE")?;
    let repository = repository();
    let mut bytes = Vec::new();
    for name in [
        "1.root",
        "2.root",
        "timestamp",
        "1.snapshot",
        "1.targets",
        &format!("1.{PRODUCT_ROLE}"),
    ] {
        let file = repository.site.file(&format!("metadata/{name}.json"));
        let file = file.ok_or("a role was not published")?;
        eprintln!("{} {name}", file.len());
        bytes.extend(u32::try_from(file.len())?.to_le_bytes());
        bytes.extend(file);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    fs::write(path, bytes)?;
    Ok(())
}

fn repository() -> Simulator {
    let mut repository = Simulator::healthy(NOW);
    let old = five_keys("root");
    list_root_keys(&mut repository, &old);
    repository.root.sign_with(&old[..3]);
    repository.publish_root();

    let new = five_keys("new root");
    repository.stage_root();
    list_root_keys(&mut repository, &new);
    repository.root.sign_with(old[..3].iter().chain(&new[..3]));
    repository.publish_root();

    // Releases for other hardware, as many as there is room for.
    let product = repository.role(PRODUCT_ROLE);
    for hardware in 0.. {
        let before = product.clone();
        product.list(&format!("{PRODUCT}_h{hardware}_stable.release"), b"", None);
        if product.file().len() > PRODUCT_ROLE_BYTES_MAX {
            *product = before;
            break;
        }
    }
    repository.publish_roles();
    repository
}

fn five_keys(label: &str) -> Vec<Key> {
    (1..=5).map(|number| Key::of(&format!("{label} {number}"))).collect()
}

fn list_root_keys(repository: &mut Simulator, keys: &[Key]) {
    let others = [targets_keys().to_vec(), vec![snapshot_key(), timestamp_key()]].concat();
    repository.root.signed["keys"] = key_table(keys.iter().chain(&others));
    repository.root.signed["roles"]["root"] = role_keys(keys, 3);
}
