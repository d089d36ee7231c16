//! Other people's patches, and other people's ways to pack a full image.

use std::ffi::OsString;
use std::time::Duration;

use super::job::{Files, Job, Outcome, Reason};
use super::tools::Tools;
use crate::bench::measure::Gauge;
use crate::failure::Failure;

/// The longest image for which a job has the short limit.
const SHORT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The longest image for tools whose memory is many times the image, or whose time grows faster than that: they were not seen to end
/// with a root filesystem of 180 MB.
const HEAVY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a job may take, for images up to that size and above.
const LIMITS: [Duration; 2] = [Duration::from_secs(120), Duration::from_secs(600)];

/// With whose time ours is compared.
pub const TIMED: &str = "HDiffPatch, LZMA2";

/// Which decoder a patch asks for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Decoder {
    /// Megabytes of memory.
    Host,
    /// Kilobytes: a microcontroller has it.
    Microcontroller,
}

/// A tool in one mode.
#[derive(Debug)]
pub struct Peer {
    /// As the tables have it.
    pub name: &'static str,
    /// Who can decode what it makes.
    pub decoder: Decoder,
    way: Way,
}

/// How a tool is called.
#[derive(Debug)]
enum Way {
    /// The script's method of this name.
    Script(&'static str),
    /// The script's method of this name and of the format of the images.
    ScriptWithFormat(&'static str),
    /// A program that makes the patch and one that applies it; the words OLD, NEW, PATCH and OUT stand for files.
    Programs([&'static [&'static str]; 2]),
}

/// Those that make patches.
pub const PATCHES: &[Peer] = &[
    Peer {
        name: "HPatchLite, tinyuz 4 KiB",
        decoder: Decoder::Microcontroller,
        way: Way::Script("hpatchlite-tinyuz"),
    },
    Peer {
        name: "detools, heatshrink 8/7",
        decoder: Decoder::Microcontroller,
        way: Way::Script("detools-heatshrink"),
    },
    Peer {
        name: "detools, LZMA",
        decoder: Decoder::Host,
        way: Way::Script("detools-lzma"),
    },
    Peer {
        name: "detools, LZMA, data format",
        decoder: Decoder::Host,
        way: Way::ScriptWithFormat("detools-lzma"),
    },
    Peer {
        name: "detools, HDiffPatch, LZMA",
        decoder: Decoder::Host,
        way: Way::Script("detools-hdiffpatch"),
    },
    Peer {
        name: TIMED,
        decoder: Decoder::Host,
        way: Way::Script("hdiffpatch"),
    },
    Peer {
        name: "HPatchLite, LZMA2",
        decoder: Decoder::Host,
        way: Way::Script("hpatchlite-lzma2"),
    },
    Peer {
        name: "bsdiff",
        decoder: Decoder::Host,
        way: Way::Programs([&["bsdiff", "OLD", "NEW", "PATCH"], &["bspatch", "OLD", "OUT", "PATCH"]]),
    },
    Peer {
        name: "xdelta3 -9, LZMA",
        decoder: Decoder::Host,
        way: Way::Programs([
            &["xdelta3", "-e", "-9", "-S", "lzma", "-f", "-s", "OLD", "NEW", "PATCH"],
            &["xdelta3", "-d", "-f", "-s", "OLD", "PATCH", "OUT"],
        ]),
    },
    Peer {
        name: "zstd --patch-from",
        decoder: Decoder::Host,
        way: Way::Programs([
            &[
                "zstd",
                "-q",
                "-f",
                "-19",
                "--ultra",
                "-22",
                "--long=31",
                "--patch-from",
                "OLD",
                "NEW",
                "-o",
                "PATCH",
            ],
            &[
                "zstd",
                "-q",
                "-f",
                "-d",
                "--long=31",
                "--patch-from",
                "OLD",
                "PATCH",
                "-o",
                "OUT",
            ],
        ]),
    },
];

/// Those that pack a full image.
pub const IMAGES: &[Peer] = &[
    Peer {
        name: "heatshrink 12/4",
        decoder: Decoder::Microcontroller,
        way: Way::Script("heatshrink"),
    },
    Peer {
        name: "xz -9e",
        decoder: Decoder::Host,
        way: Way::Programs([
            &["sh", "-c", "exec xz -9e --stdout \"$1\" >\"$2\"", "sh", "NEW", "PATCH"],
            &["sh", "-c", "exec xz -d --stdout <\"$1\" >\"$2\"", "sh", "PATCH", "OUT"],
        ]),
    },
    Peer {
        name: "zstd -19",
        decoder: Decoder::Host,
        way: Way::Programs([
            &["zstd", "-q", "-f", "-19", "NEW", "-o", "PATCH"],
            &["zstd", "-q", "-f", "-d", "PATCH", "-o", "OUT"],
        ]),
    },
];

impl Peer {
    /// Makes and applies a patch; `format` is what detools calls the images' instructions.
    pub fn measure(
        &self,
        (gauge, tools): (&Gauge, &Tools),
        files: &Files,
        image_bytes: u64,
        format: Option<&str>,
    ) -> Result<Outcome, Failure> {
        if image_bytes > HEAVY_BYTES_MAX && !self.is_for_any_size() {
            let bytes_max = HEAVY_BYTES_MAX;
            return Ok(Err(Reason::Large { bytes_max }));
        }
        match self.job(tools, files, format) {
            Ok(job) => job.run(gauge, files, limit(image_bytes)),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn is_for_any_size(&self) -> bool {
        self.name == TIMED || matches!(self.way, Way::Programs([[program, ..], _]) if *program != "bsdiff")
    }

    fn job(&self, tools: &Tools, files: &Files, format: Option<&str>) -> Result<Job, Reason> {
        let with_method = |method: &str| {
            let line = |action, names: [&str; 3]| {
                let mut line = tools.script(&[action, method]);
                line.extend(names.iter().map(|name| word(name, files)));
                line
            };
            Job {
                encode: line("encode", ["OLD", "NEW", "PATCH"]),
                apply: line("apply", ["OLD", "PATCH", "OUT"]),
            }
        };
        match self.way {
            Way::Script(method) => Ok(with_method(method)),
            Way::ScriptWithFormat(method) => match format {
                Some(format) => Ok(with_method(&format!("{method}-{format}"))),
                None => Err(Reason::NoMode {
                    what: "detools has no data format for these instructions, or nobody knows them",
                }),
            },
            Way::Programs(lines) => {
                let [encode, apply] = lines.map(|line| line.iter().map(|name| word(name, files)).collect());
                Ok(Job { encode, apply })
            }
        }
    }
}

/// A word of a command line, or the file that it stands for.
fn word(name: &str, files: &Files) -> OsString {
    match name {
        "NEW" => files.new.clone().into(),
        "OLD" => files.old.clone().into(),
        "OUT" => files.out.clone().into(),
        "PATCH" => files.patch.clone().into(),
        word => word.into(),
    }
}

/// What detools calls the instructions of a pair: by what the corpus says, else by what our encoder found out.
pub fn format(known: Option<&str>, found: Option<&str>) -> Option<&'static str> {
    match known.or(found)? {
        "aarch64" => Some("aarch64"),
        "thumb" => Some("arm-cortex-m4"),
        "xtensa" | "xtensa-lx106" => Some("xtensa-lx106"),
        cortex if cortex.starts_with("cortex-m") => Some("arm-cortex-m4"),
        _ => None,
    }
}

fn limit(image_bytes: u64) -> Duration {
    let [short, long] = LIMITS;
    if image_bytes <= SHORT_BYTES_MAX { short } else { long }
}

impl Decoder {
    /// As the tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Decoder::Host => "host",
            Decoder::Microcontroller => "MCU",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_by_name_first_and_there_is_not_always_one() {
        let cases = [
            (Some("cortex-m0"), Some("unknown"), Some("arm-cortex-m4")),
            (Some("xtensa-lx106"), None, Some("xtensa-lx106")),
            // Its words have the other end in front.
            (Some("xtensa-lx-be"), Some("xtensa"), None),
            (Some("riscv32"), Some("riscv"), None),
            (None, Some("thumb"), Some("arm-cortex-m4")),
            (None, Some("aarch64"), Some("aarch64")),
            (None, Some("unknown"), None),
            (None, None, None),
        ];
        for (known, found, expected) in cases {
            assert_eq!(format(known, found), expected, "{known:?} {found:?}");
        }
    }

    #[test]
    fn some_tools_are_for_images_of_any_size() {
        let peers = PATCHES.iter().chain(IMAGES);
        let names: Vec<&str> = peers
            .filter(|peer| peer.is_for_any_size())
            .map(|peer| peer.name)
            .collect();
        let expected = [TIMED, "xdelta3 -9, LZMA", "zstd --patch-from", "xz -9e", "zstd -19"];
        assert_eq!(names, expected);
    }

    #[test]
    fn large_images_have_more_time() {
        assert_eq!(limit(SHORT_BYTES_MAX), LIMITS[0]);
        assert_eq!(limit(SHORT_BYTES_MAX + 1), LIMITS[1]);
    }

    #[test]
    fn file_words_become_files_and_nothing_else_does() {
        let files = Files {
            old: "/a".into(),
            new: "/b".into(),
            patch: "/p".into(),
            out: "/o".into(),
        };
        let words = ["OLD", "NEW", "PATCH", "OUT", "--patch-from", "-f"].map(|name| word(name, &files));
        assert_eq!(words, ["/a", "/b", "/p", "/o", "--patch-from", "-f"]);
    }

    #[test]
    fn time_is_compared_with_a_peer_that_is_run() {
        assert!(PATCHES.iter().any(|peer| peer.name == TIMED));
    }
}
