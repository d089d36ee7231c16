//! How each pair is taken out of packages.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use crate::corpus::debian::Archive;
use crate::corpus::package::{self, Package};
use crate::corpus::{NoPair, Pair, archive, rootfs};
use crate::failure::Failure;

/// A folder to fetch and unpack in, on the file system of the corpus; it is gone when the command ends.
pub struct Workshop {
    folder: tempfile::TempDir,
    archive: OnceCell<Archive>,
}

/// Where the two files of a pair are.
enum Recipe {
    /// Each file stands in a package as it is.
    Files([(Package, &'static str); 2]),
    /// Each file stands in a zip archive inside a package.
    Zipped([(Package, &'static str); 2], &'static str),
    /// The pair is the kernel of two Debian packages, which may be gzipped.
    Kernel([(Package, &'static str); 2]),
    /// The pair is a root filesystem, packed from many Debian packages.
    RootFilesystem,
}

const DETOOLS: Package = Package::PythonSource {
    name: "detools",
    version: "0.53.0",
};

const fn pybricks(version: &'static str) -> Package {
    Package::Npm {
        scope: "@pybricks",
        name: "firmware",
        version,
    }
}

const fn espflash(version: &'static str) -> Package {
    Package::Crate {
        name: "espflash",
        version,
    }
}

const fn greatfet(version: &'static str) -> Package {
    Package::PythonWheel {
        name: "greatfet",
        version,
    }
}

const fn debian(name: &'static str, version: &'static str) -> Package {
    Package::Debian { name, version }
}

fn recipe(name: &str) -> Option<Recipe> {
    Some(match name {
        "upy-esp8266" => Recipe::Files([
            (DETOOLS, "tests/files/micropython/esp8266-20180511-v1.9.4.bin"),
            (DETOOLS, "tests/files/micropython/esp8266-20190125-v1.10.bin"),
        ]),
        "upy-pybv11" => Recipe::Files([
            (DETOOLS, "tests/files/pybv11/v1.10/firmware1.bin"),
            (DETOOLS, "tests/files/pybv11/1f5d945af/firmware1.bin"),
        ]),
        "greatfet" => Recipe::Files(
            ["2021.2.1", "2024.0.0"].map(|version| (greatfet(version), "greatfet/assets/greatfet_usb.bin")),
        ),
        "pb-movehub" => hub(["7.27.0", "7.28.0"], "build/movehub.zip"),
        "pb-cityhub" => hub(["7.22.0", "7.27.0"], "build/cityhub.zip"),
        "espboot-c3" => Recipe::Files(
            ["4.0.1", "4.7.0"].map(|version| (espflash(version), "resources/bootloaders/esp32c3-bootloader.bin")),
        ),
        "ath9k-htc" => Recipe::Files([
            (
                debian("firmware-ath9k-htc", "1.4.0-108-gd856466+dfsg1-1.3+deb12u1"),
                "lib/firmware/ath9k_htc/htc_9271-1.4.0.fw",
            ),
            (
                debian("firmware-ath9k-htc", "1.4.0-110-ge888634+dfsg1-0.1"),
                "usr/lib/firmware/ath9k_htc/htc_9271-1.4.0.fw",
            ),
        ]),
        "uboot-rpi" => Recipe::Files(
            ["2023.01+dfsg-2+deb12u3", "2025.01-3+deb13u1"]
                .map(|version| (debian("u-boot-rpi", version), "usr/lib/u-boot/rpi_arm64/u-boot.bin")),
        ),
        "edk2-a64" => Recipe::Files(["2022.11-6+deb12u1", "2022.11-6+deb12u2"].map(|version| {
            (
                debian("qemu-efi-aarch64", version),
                "usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
            )
        })),
        "linux-a64" => Recipe::Kernel([
            (rootfs::OLD_KERNEL, "boot/vmlinuz-6.1.0-50-cloud-arm64"),
            (rootfs::NEW_KERNEL, "boot/vmlinuz-6.1.0-51-cloud-arm64"),
        ]),
        "rootfs-raw" => Recipe::RootFilesystem,
        _ => return None,
    })
}

fn hub(versions: [&'static str; 2], member: &'static str) -> Recipe {
    Recipe::Zipped(versions.map(|version| (pybricks(version), member)), "firmware-base.bin")
}

impl Workshop {
    /// A new workshop inside the corpus folder, which is made when it is missing.
    pub fn new(corpus: &Path) -> Result<Workshop, NoPair> {
        std::fs::create_dir_all(corpus).map_err(|error| Failure::file("cannot make", corpus, &error))?;
        let corpus = corpus
            .canonicalize()
            .map_err(|error| Failure::file("cannot read", corpus, &error))?;
        let folder = tempfile::Builder::new().prefix(".work-").tempdir_in(&corpus);
        let folder = folder.map_err(|error| Failure::file("cannot write in", &corpus, &error))?;
        Ok(Workshop {
            folder,
            archive: OnceCell::new(),
        })
    }

    /// Fetches both files of a pair; they stay in the workshop.
    pub fn fetch(&self, name: &str) -> Result<Pair, NoPair> {
        let recipe = recipe(name).ok_or_else(|| NoPair::Unknown { name: name.to_owned() })?;
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file("cannot make", &folder, &error))?;
        let pair = Pair {
            old: folder.join("old"),
            new: folder.join("new"),
        };
        match recipe {
            Recipe::Files(members) => self.each(members, &pair, copy)?,
            Recipe::Zipped(members, member) => {
                self.each(members, &pair, |zip, to| archive::take_from_zip(zip, member, to))?;
            }
            Recipe::Kernel(members) => self.each(members, &pair, archive::gunzip)?,
            Recipe::RootFilesystem => rootfs::pack(self, &folder, &pair)?,
        }
        Ok(pair)
    }

    /// The folder of an unpacked package; unpacked once.
    pub fn unpacked(&self, package: Package) -> Result<PathBuf, NoPair> {
        let folder = self.folder.path().join(package.folder_name());
        if !folder.is_dir() {
            // Unpacked beside, so that a package that failed halfway is not taken for one that is there.
            let half = self.folder.path().join(format!("{}.half", package.folder_name()));
            std::fs::create_dir_all(&half).map_err(|error| Failure::file("cannot make", &half, &error))?;
            package::unpack(package, &half, self)?;
            std::fs::rename(&half, &folder).map_err(|error| Failure::file("cannot write", &folder, &error))?;
        }
        Ok(folder)
    }

    /// Debian's archive with its older suites; read once.
    pub fn archive(&self) -> Result<&Archive, NoPair> {
        if let Some(archive) = self.archive.get() {
            return Ok(archive);
        }
        let archive = Archive::open(&self.folder.path().join("apt"))?;
        Ok(self.archive.get_or_init(|| archive))
    }

    fn each(
        &self,
        members: [(Package, &'static str); 2],
        pair: &Pair,
        take: impl Fn(&Path, &Path) -> Result<(), NoPair>,
    ) -> Result<(), NoPair> {
        for ((package, member), to) in members.into_iter().zip([&pair.old, &pair.new]) {
            let from = self.unpacked(package)?.join(member);
            if !from.is_file() {
                return Err(NoPair::Absent {
                    file: PathBuf::from(member),
                });
            }
            take(&from, to)?;
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), NoPair> {
    std::fs::copy(from, to).map_err(|error| Failure::file("cannot copy to", to, &error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::manifest;

    #[test]
    fn every_pair_has_a_recipe() {
        for entry in manifest::ENTRIES {
            assert!(recipe(entry.name).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn workshop_leaves_nothing_behind() {
        let corpus = tempfile::tempdir().unwrap();
        let workshop = Workshop::new(corpus.path()).unwrap();
        std::fs::write(workshop.folder.path().join("file"), b"x").unwrap();
        drop(workshop);
        assert_eq!(std::fs::read_dir(corpus.path()).unwrap().count(), 0);
    }
}
