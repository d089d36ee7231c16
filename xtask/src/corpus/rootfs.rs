//! A root filesystem of an arm64 gateway, before and after a year of updates, as uncompressed squashfs.

use std::path::{Path, PathBuf};

use crate::corpus::package::Package;
use crate::corpus::recipe::Workshop;
use crate::corpus::{NoPair, Pair};
use crate::failure::Failure;
use crate::process::Tool;

/// The kernel package of the earlier image.
pub const OLD_KERNEL: Package = Package::Debian {
    name: "linux-image-6.1.0-50-cloud-arm64",
    version: "6.1.176-1",
};

/// The kernel package of the later image.
pub const NEW_KERNEL: Package = Package::Debian {
    name: "linux-image-6.1.0-51-cloud-arm64",
    version: "6.1.177-1",
};

/// Package, version in the earlier image, version in the later one.
const PACKAGES: &[(&str, &str, &str)] = &[
    ("libssl3", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2"),
    ("openssl", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2"),
    ("perl-base", "5.36.0-7+deb12u3", "5.36.0-7+deb12u4"),
    ("libpython3.11-stdlib", "3.11.2-6+deb12u8", "3.11.2-6+deb12u9"),
    ("libpython3.11-minimal", "3.11.2-6+deb12u8", "3.11.2-6+deb12u9"),
    ("nginx", "1.22.1-9+deb12u9", "1.22.1-9+deb12u11"),
    ("libc6", "2.36-9+deb12u7", "2.36-9+deb12u14"),
    ("systemd", "252.38-1~deb12u1", "252.39-1~deb12u2"),
    ("udev", "252.38-1~deb12u1", "252.39-1~deb12u2"),
    ("openssh-server", "1:9.2p1-2+deb12u7", "1:9.2p1-2+deb12u10"),
    ("libcurl4", "7.88.1-10+deb12u5", "7.88.1-10+deb12u15"),
    ("libxml2", "2.9.14+dfsg-1.3~deb12u4", "2.9.14+dfsg-1.3~deb12u6"),
    ("bluez", "5.66-1+deb12u1", "5.66-1+deb12u2"),
    ("wpasupplicant", "2:2.10-12+deb12u2", "2:2.10-12+deb12u3"),
    ("sudo", "1.9.13p3-1+deb12u2", "1.9.13p3-1+deb12u4"),
    ("git", "1:2.39.5-0+deb12u2", "1:2.39.5-0+deb12u3"),
    ("busybox-static", "1:1.35.0-4+deb12u1+b1", "1:1.35.0-4+deb12u1+b1"),
    ("libgnutls30", "3.7.9-2+deb12u7", "3.7.9-2+deb12u7"),
];

/// What a device would not carry.
const LEFT_OUT: &[&str] = &["usr/share/doc", "usr/share/locale", "usr/share/man", "usr/lib/git-core"];

/// What a gateway's kernel would not carry, below each kernel version.
const MODULES_LEFT_OUT: &[&str] = &["kernel/drivers", "kernel/sound"];

/// The time that every file and the image itself carry, so that the same packages give the same bytes.
const IMAGE_TIME: &str = "1700000000";

/// Packs both images.
pub fn pack(workshop: &Workshop, folder: &Path, pair: &Pair) -> Result<(), NoPair> {
    // Asked first: what follows downloads 100 MB for nothing when the tool is not there.
    Tool::new("mksquashfs").arg("-version").capture()?;
    let old = PACKAGES
        .iter()
        .map(|(name, old, _)| Package::Debian { name, version: old });
    let new = PACKAGES
        .iter()
        .map(|(name, _, new)| Package::Debian { name, version: new });
    pack_one(
        workshop,
        &folder.join("old-tree"),
        std::iter::once(OLD_KERNEL).chain(old),
        &pair.old,
    )?;
    pack_one(
        workshop,
        &folder.join("new-tree"),
        std::iter::once(NEW_KERNEL).chain(new),
        &pair.new,
    )
}

fn pack_one(
    workshop: &Workshop,
    tree: &Path,
    packages: impl Iterator<Item = Package>,
    image: &Path,
) -> Result<(), NoPair> {
    std::fs::create_dir_all(tree).map_err(|error| Failure::file("cannot make", tree, &error))?;
    for package in packages {
        if let Package::Debian { name, version } = package {
            workshop.archive()?.unpack(name, version, tree)?;
        }
    }
    let mut left_out: Vec<PathBuf> = LEFT_OUT.iter().map(|path| tree.join(path)).collect();
    let modules = tree.join("lib/modules");
    let kernels = std::fs::read_dir(&modules).map_err(|error| Failure::file("cannot read", &modules, &error))?;
    for kernel in kernels.flatten() {
        left_out.extend(MODULES_LEFT_OUT.iter().map(|path| kernel.path().join(path)));
    }
    for path in left_out.iter().filter(|path| path.is_dir()) {
        std::fs::remove_dir_all(path).map_err(|error| Failure::file("cannot delete", path, &error))?;
    }
    let squash = Tool::new("mksquashfs").arg(tree).arg(image);
    let squash = squash.args([
        "-noI",
        "-noD",
        "-noF",
        "-noX",
        "-noappend",
        "-quiet",
        "-no-progress",
        "-all-root",
    ]);
    let squash = squash.args(["-all-time", IMAGE_TIME, "-mkfs-time", IMAGE_TIME, "-processors", "1"]);
    squash.env_remove("SOURCE_DATE_EPOCH").read()?;
    Ok(())
}
