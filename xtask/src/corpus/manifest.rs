//! What each pair of the corpus is, to the byte.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::corpus::NoPair;
use crate::failure::Failure;

/// One pair of the corpus.
#[derive(Debug)]
pub struct Entry {
    /// Its name, and its folder's.
    pub name: &'static str,
    /// What size of device it belongs to.
    pub class: &'static str,
    /// What its code is for.
    pub architecture: &'static str,
    /// The earlier release.
    pub old: File,
    /// The later release.
    pub new: File,
}

/// A pinned file.
#[derive(Debug)]
pub struct File {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it, in lowercase hexadecimal.
    pub sha256: &'static str,
}

/// The pair of this name.
pub fn entry(name: &str) -> Result<&'static Entry, NoPair> {
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| NoPair::Unknown { name: name.to_owned() })
}

impl File {
    /// Is the file at `path` this one?
    pub fn check(&self, path: &Path) -> Result<(), NoPair> {
        let bytes = std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
        let differs = |what: String| NoPair::Differs {
            file: path.to_path_buf(),
            what,
        };
        if u64::try_from(bytes.len()) != Ok(self.bytes) {
            return Err(differs(format!(
                "it has {} B, pinned are {} B",
                bytes.len(),
                self.bytes
            )));
        }
        let digest = hex(&Sha256::digest(&bytes));
        if digest != self.sha256 {
            return Err(differs(format!("its SHA-256 is {digest}, pinned is {}", self.sha256)));
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All pairs, from the smallest part to the largest image of each kind.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "upy-esp8266",
        class: "mcu",
        architecture: "xtensa-lx106",
        old: File {
            bytes: 604_872,
            sha256: "4dc1317a65b3d9b5a856fff2ba8a46d974d3088482e4674770009f04f3fa0521",
        },
        new: File {
            bytes: 615_388,
            sha256: "5f52137297f7dbbb3a301998ad710d8f33bef070395991081c95937ee2c56137",
        },
    },
    Entry {
        name: "upy-pybv11",
        class: "mcu",
        architecture: "cortex-m4",
        old: File {
            bytes: 318_368,
            sha256: "5c341726691cac39360697124e4854bba5e6b8515ff3269452280b24410eee97",
        },
        new: File {
            bytes: 320_016,
            sha256: "c3c1c159efe01dd86549281d835cd00e729200d2d9ab15c2b9f2446288906c17",
        },
    },
    Entry {
        name: "greatfet",
        class: "mcu",
        architecture: "cortex-m4",
        old: File {
            bytes: 118_640,
            sha256: "bd4b75e92f8e91d1ba44108447df9a08feaf2347e684d09c18c26e2289266c8b",
        },
        new: File {
            bytes: 119_700,
            sha256: "062c5f7414d51592d2d7fb862cec5eec57dc612217a60a9addd83e42145e2af3",
        },
    },
    Entry {
        name: "pb-movehub",
        class: "mcu",
        architecture: "cortex-m0",
        old: File {
            bytes: 102_232,
            sha256: "849ecc23b5ab8ed532cf3d442b6825b84c6248bc8ea496f375f8818be59be040",
        },
        new: File {
            bytes: 102_432,
            sha256: "a7a4c4f78c369a66a20e150e44bfd7c96d7ba7ed60f2ecce4d27001a9bddd7fb",
        },
    },
    Entry {
        name: "pb-cityhub",
        class: "mcu",
        architecture: "cortex-m0",
        old: File {
            bytes: 188_744,
            sha256: "19ea492928ca8e40ea4b0137ffc8eae25c98eb0eee900ca69799858b0e301c17",
        },
        new: File {
            bytes: 187_176,
            sha256: "54b34fb2035cc22f57eaec48e54b9a38d6772e563f0bfcf9b084e45a88d073f3",
        },
    },
    Entry {
        name: "espboot-c3",
        class: "mcu",
        architecture: "riscv32",
        old: File {
            bytes: 20_832,
            sha256: "1064c7662a06a1a9099a4a9900c711f2ff567aa82d0ddb72a36278d762347374",
        },
        new: File {
            bytes: 20_560,
            sha256: "7c04141e1fd8da5a391e8004ffe3d8ee8e20eeb5baf9bd3abc05c03a17b1ed09",
        },
    },
    Entry {
        name: "ath9k-htc",
        class: "mcu",
        architecture: "xtensa-lx-be",
        old: File {
            bytes: 51_008,
            sha256: "6ce17132c3dda25fa509ac57259d97241137f2a79335b3b23137034442f0aa4e",
        },
        new: File {
            bytes: 51_008,
            sha256: "ce1a71a81d743a9e8d9e98b89fec845978143a00fc7ed9e83509eaef15801bd5",
        },
    },
    Entry {
        name: "uboot-rpi",
        class: "small",
        architecture: "aarch64",
        old: File {
            bytes: 602_504,
            sha256: "570601fb7cd1d52ad9a0078fbb26b5bef3ec68e5e0c40b7480af9ca51a99d22b",
        },
        new: File {
            bytes: 681_256,
            sha256: "ec5a73ac3f8774445260d50acb60c43e581a2bc7036c2c8b3c8760f80f0fdffb",
        },
    },
    Entry {
        name: "edk2-a64",
        class: "medium",
        architecture: "aarch64",
        old: File {
            bytes: 2_097_152,
            sha256: "22f0082ee5fccf5cddc443e570171b6dbc1783b20ca7bcaf946e4965fe552116",
        },
        new: File {
            bytes: 2_097_152,
            sha256: "1794df260f8a1b1c938b5cee48f277327d8ce901a07ff44d2cd86ca043dae96a",
        },
    },
    Entry {
        name: "linux-a64",
        class: "medium",
        architecture: "aarch64",
        old: File {
            bytes: 27_236_288,
            sha256: "0c108326902b8cb9161796c4759fcfe6f182fa50d5cb569a70267979da7fef2c",
        },
        new: File {
            bytes: 27_236_288,
            sha256: "af92c2435bf2f20ae3cb8829469c5e1d6c96e4fd9f5ee9f1821cb28fc03a6aff",
        },
    },
    Entry {
        name: "rootfs-raw",
        class: "large",
        architecture: "aarch64",
        old: File {
            bytes: 180_264_960,
            sha256: "54c123433aa107796ac6a719e7e777d160d055bac1b72e41eb5ca015672d845e",
        },
        new: File {
            bytes: 180_555_776,
            sha256: "8be89ba4a6276f732a89984efc8c15fa73ca48ab6fea4d5d50d87c40541660da",
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_or_another_byte_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let pinned = File {
            bytes: 3,
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        std::fs::write(&path, b"abc").unwrap();
        pinned.check(&path).unwrap();
        for forged in [b"abcd".as_slice(), b"abd"] {
            std::fs::write(&path, forged).unwrap();
            assert!(matches!(pinned.check(&path), Err(NoPair::Differs { .. })));
        }
    }

    #[test]
    fn names_and_digests_are_well_formed() {
        for entry in ENTRIES {
            assert_eq!(
                ENTRIES.iter().filter(|other| other.name == entry.name).count(),
                1,
                "{}",
                entry.name
            );
            for file in [&entry.old, &entry.new] {
                assert_eq!(file.sha256.len(), 64);
                assert!(
                    file.sha256
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                );
            }
        }
    }
}
