//! `cargo xtask bench decoder`: what the patch decoder takes of a microcontroller, pair by pair.
//!
//! - The programs of the boards' package `tuffet-decoder` make the new image of a pair from the old one and a patch, on an emulated
//!   part, and compare what they made. So a wrong result is a failure and no figure.
//! - Code and constants are what such a program has more than the same one without a decoder.
//! - A Cortex-M3 runs what is built for a Cortex-M0: each instruction of that one is one of this one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tuffet_server::delta::{self, Encoded, Profile};

use crate::bare_metal;
use crate::bare_metal::elf::{self, Sections};
use crate::bare_metal::toolchain::{Source, Toolchain};
use crate::bench::delta::pairs::Pair as FolderPair;
use crate::bench::emulator;
use crate::failure::{Blame, Failure, conclude};
use crate::table::{Align, Table};

const PACKAGE: &str = "tuffet-decoder";
const EMPTY: &str = "tuffet-decoder-empty";

/// A part, and the board that has one.
struct Part {
    name: &'static str,
    target: &'static str,
    machine: &'static str,
}

const PARTS: [Part; 2] = [
    Part {
        name: "Cortex-M0",
        target: bare_metal::CORTEX_M0,
        machine: "mps2-an385",
    },
    Part {
        name: "Cortex-M4",
        target: bare_metal::CORTEX_M4,
        machine: "mps2-an386",
    },
];

/// Profiles that a microcontroller has room for, and their programs.
const PROFILES: [(Profile, &str, &str); 2] = [
    (Profile::Small, "small", "tuffet-decoder-small"),
    (Profile::Standard, "standard", "tuffet-decoder-standard"),
];

/// The file that the program finds in the board's memory.
const FILES: &str = "files.bin";
const LOADER: &str = "loader,file=files.bin,addr=0x21000000,force-raw=on";
/// Room for the files, and for the new image.
const FILES_BYTES_MAX: usize = 12 * 1024 * 1024;
const RESULT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Measure the patch decoder on microcontrollers.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Holds `NAME/old.bin` and `NAME/new.bin`, as `cargo xtask corpus` makes it.
    dir: PathBuf,
    /// Only the pair of this name; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Which compiler to use; without it, the first that this machine has or can get.
    #[arg(long, value_enum)]
    toolchain: Option<Source>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Builds, runs and prints.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let pairs = chosen(arguments)?;
    emulator::is_there()?;
    let mut toolchain = None;
    let mut built = Vec::new();
    for part in &PARTS {
        let with = bare_metal::chosen_for(arguments.toolchain, part.target)?;
        built.push(Built::of(part, &with)?);
        toolchain = Some(with);
    }
    let mut decodings = Vec::new();
    for pair in &pairs {
        for (profile, profile_name, program) in PROFILES {
            let (patch, folder) = pair.write(profile)?;
            for built in &built {
                eprintln!("… {} {profile_name} {}", pair.name, built.part.name);
                let said = built.decode(program, folder.path())?;
                decodings.push(Decoding {
                    pair: pair.name.clone(),
                    profile: profile_name,
                    part: built.part.name,
                    patch_bytes: patch.bytes.len(),
                    new_bytes: pair.new.len(),
                    said,
                });
            }
        }
    }
    print!("{}\n{}", code_table(&built), decoding_table(&decodings));
    println!(
        "Code and constants are what the decoder adds to the same program without it. The stack is what `run` takes below its\n\
         caller, without the state."
    );
    let report = arguments
        .json
        .then(|| report(toolchain.as_ref(), &built, &decodings))
        .transpose()?;
    conclude(Ok(()), report)
}

/// A pair of images.
struct Pair {
    name: String,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// The pairs of the folder, or those that were named.
fn chosen(arguments: &Arguments) -> Result<Vec<Pair>, Failure> {
    let mut pairs = Vec::new();
    for pair in FolderPair::in_folder(&arguments.dir, &arguments.only)? {
        let read = |path: &Path| std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error));
        // Besides both images and the patch there are digests and lengths.
        let needed = pair.old_bytes + 2 * pair.new_bytes + 1024;
        if needed > FILES_BYTES_MAX as u64 || pair.new_bytes > RESULT_BYTES_MAX as u64 {
            eprintln!("{} is left out: the board has not the memory for it", pair.name);
            continue;
        }
        let (old, new) = (read(&pair.old)?, read(&pair.new)?);
        let name = pair.name;
        pairs.push(Pair { name, old, new });
    }
    let is_there = |name: &&String| pairs.iter().any(|pair| pair.name == **name);
    if let Some(missing) = arguments.only.iter().find(|name| !is_there(name)) {
        let text = format!(
            "{} holds no pair {missing} that the board has room for",
            arguments.dir.display()
        );
        return Err(Failure::new(Blame::Usage, text));
    }
    Ok(pairs)
}

impl Pair {
    /// Makes the patch, and writes what the program needs into a folder of its own.
    fn write(&self, profile: Profile) -> Result<(Encoded, tempfile::TempDir), Failure> {
        let patch = delta::encode(Some(&self.old), &self.new, profile);
        let patch = patch.map_err(|error| Failure::refused(format!("{}: no patch was made: {error}", self.name)))?;
        let folder = tempfile::Builder::new().prefix("tuffet-decoder-").tempdir();
        let folder = folder.map_err(|error| Failure::new(Blame::Storage, format!("cannot make a folder: {error}")))?;
        let file = folder.path().join(FILES);
        std::fs::write(&file, self.files(&patch)).map_err(|error| Failure::file("cannot write", &file, &error))?;
        Ok((patch, folder))
    }

    /// What the program finds, in its order: each piece behind its length, at a multiple of four.
    fn files(&self, patch: &Encoded) -> Vec<u8> {
        let pieces: [&[u8]; 7] = [
            &patch.pinned.head,
            &patch.pinned.block_bytes.to_le_bytes(),
            &patch.header.source.digest,
            &patch.header.result.digest,
            &self.old,
            &patch.bytes,
            &self.new,
        ];
        let mut files = Vec::new();
        for piece in pieces {
            // The pieces fit the board's memory.
            files.extend((piece.len() as u32).to_le_bytes());
            files.extend(piece);
            files.resize(files.len().next_multiple_of(4), 0);
        }
        files
    }
}

/// The programs of a part.
struct Built {
    part: &'static Part,
    folder: PathBuf,
    /// What the decoder of each profile adds.
    decoders: Vec<(&'static str, Sections)>,
}

impl Built {
    fn of(part: &'static Part, toolchain: &Toolchain) -> Result<Self, Failure> {
        let folder = bare_metal::build_boards_for(toolchain, part.target, ["--package", PACKAGE, "--bins"])?;
        let empty = elf::sections(&folder.join(EMPTY))?;
        let mut decoders = Vec::new();
        for (_, profile, program) in PROFILES {
            decoders.push((profile, elf::sections(&folder.join(program))?.more_than(&empty)));
        }
        Ok(Self { part, folder, decoders })
    }

    fn decode(&self, program: &str, folder: &Path) -> Result<Said, Failure> {
        let board = ["-machine", self.part.machine, "-device", LOADER];
        let (printed, is_well) = emulator::run(&board, &self.folder.join(program), folder)?;
        let said = Said::parse(&printed).filter(|_| is_well);
        said.ok_or_else(|| {
            let printed = printed.trim_end();
            Failure::refused(format!("the device did not make the new image:\n{printed}"))
        })
    }
}

/// What the program said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    state: u64,
    stack: u64,
    instructions: u64,
}

impl Said {
    /// Reads `decoded STATE STACK INSTRUCTIONS`; anything else is no answer.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim_end().strip_prefix("decoded ")?.split(' ');
        let mut number = || parts.next()?.parse().ok();
        let said = Self {
            state: number()?,
            stack: number()?,
            instructions: number()?,
        };
        parts.next().is_none().then_some(said)
    }
}

/// One pair, decoded.
struct Decoding {
    pair: String,
    profile: &'static str,
    part: &'static str,
    patch_bytes: usize,
    new_bytes: usize,
    said: Said,
}

impl Decoding {
    fn per_byte(&self) -> u64 {
        self.said.instructions / (self.new_bytes as u64).max(1)
    }
}

fn code_table(built: &[Built]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        ("part", Align::Left),
        ("profile", Align::Left),
        right("code"),
        right("constants"),
        right("both"),
    ]);
    for built in built {
        for (profile, sections) in &built.decoders {
            let numbers = [sections.code, sections.constants, sections.code + sections.constants];
            let names = [built.part.name, profile].map(str::to_owned);
            table.row(names.into_iter().chain(numbers.map(|number| number.to_string())));
        }
    }
    table
}

fn decoding_table(decodings: &[Decoding]) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new(&[
        ("pair", Align::Left),
        ("profile", Align::Left),
        ("part", Align::Left),
        right("new"),
        right("patch"),
        right("state"),
        right("stack"),
        right("instructions"),
        right("per byte"),
    ]);
    for decoding in decodings {
        let Said {
            state,
            stack,
            instructions,
        } = decoding.said;
        let names = [&decoding.pair, decoding.profile, decoding.part].map(str::to_owned);
        let bytes = [decoding.new_bytes, decoding.patch_bytes].map(|bytes| bytes.to_string());
        let numbers = [state, stack, instructions, decoding.per_byte()].map(|number| number.to_string());
        table.row(names.into_iter().chain(bytes).chain(numbers));
    }
    table
}

fn report(toolchain: Option<&Toolchain>, built: &[Built], decodings: &[Decoding]) -> Result<Value, Failure> {
    let compiler = toolchain.map(Toolchain::version).transpose()?;
    let decoders: Vec<Value> = built
        .iter()
        .flat_map(|built| built.decoders.iter().map(|decoder| (built.part.name, decoder)))
        .map(|(part, (profile, sections))| {
            json!({"part": part, "profile": profile, "code": sections.code, "constants": sections.constants})
        })
        .collect();
    let decodings: Vec<Value> = decodings
        .iter()
        .map(|decoding| {
            json!({
                "pair": decoding.pair, "profile": decoding.profile, "part": decoding.part,
                "new_bytes": decoding.new_bytes, "patch_bytes": decoding.patch_bytes, "state": decoding.said.state,
                "stack": decoding.said.stack, "instructions": decoding.said.instructions,
                "instructions_per_byte": decoding.per_byte(),
            })
        })
        .collect();
    Ok(json!({
        "toolchain": toolchain.map(Toolchain::source), "compiler": compiler, "decoders": decoders, "decodings": decodings,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_is_read_and_a_failure_is_not() {
        let said = Said {
            state: 7_000,
            stack: 900,
            instructions: 1_000_040,
        };
        assert_eq!(Said::parse("decoded 7000 900 1000040\n"), Some(said));
        assert_eq!(Said::parse("wrong: another image was made\n"), None);
        assert_eq!(Said::parse("decoded 7000 900\n"), None);
        assert_eq!(Said::parse("decoded 7000 900 1 2\n"), None);
    }

    #[test]
    fn pieces_begin_with_their_lengths_at_multiples_of_four() {
        let pair = Pair {
            name: "pair".to_owned(),
            old: b"old".to_vec(),
            new: b"newer".to_vec(),
        };
        let (patch, folder) = pair.write(Profile::Small).unwrap();
        let files = std::fs::read(folder.path().join(FILES)).unwrap();
        assert!(files.len().is_multiple_of(4));
        assert_eq!(
            (&files[..4], &files[4..36]),
            (&[32, 0, 0, 0][..], &patch.pinned.head[..])
        );
        assert_eq!(files[files.len() - 12..], *b"\x05\0\0\0newer\0\0\0");
    }
}
