//! What each kind of pass over a metadata file costs: `tuffet-passes FILE`.
//!
//! One line for each on standard output: nanoseconds of processor time for a thousand bytes (the best of several passes), and its name. A verification is
//! made of such passes, so this says where its time goes.

use sha2::{Digest, Sha256, Sha512};
use std::convert::Infallible;
use std::hint::black_box;
use std::process::ExitCode;
use tuffet_peers::Failed;
use tuffet_peers::arguments::ended;
use tuffet_peers::cpu;
use tuffet_peers::pieces::{PIECE_BYTES, Pieces};
use tuffet_wire::{Document as _, Path, Scalar, Scanner, Sink};

const REPEATED: usize = 7;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match &arguments[..] {
        [file] => passes(std::path::Path::new(file)),
        _ => Err("usage: tuffet-passes FILE".into()),
    })
}

fn passes(file: &std::path::Path) -> Result<(), Failed> {
    let bytes = std::fs::read(file)?;
    let print = |name: &str, pass: &mut dyn FnMut() -> Result<(), Failed>| {
        let mut best = u128::MAX;
        for _ in 0..REPEATED {
            let before = cpu();
            pass()?;
            best = best.min(cpu().saturating_sub(before).as_nanos());
        }
        println!("{} {name}", best * 1000 / (bytes.len() as u128).max(1));
        Ok::<(), Failed>(())
    };
    print("SHA-256, for the digest", &mut || hash::<Sha256>(&bytes))?;
    print("SHA-512, for a signature", &mut || hash::<Sha512>(&bytes))?;
    print("strict reader, taking nothing out", &mut || {
        let mut scanner = Scanner::new();
        for piece in bytes.chunks(PIECE_BYTES) {
            scanner
                .push(piece, &mut Nothing)
                .map_err(|error| format!("{error:?}"))?;
        }
        Ok(scanner.finish::<Infallible>().map_err(|error| format!("{error:?}"))?)
    })?;
    print("reading the file in pieces of 4 KiB", &mut || {
        let mut pieces = Pieces::open(file)?.ok_or("the file is gone")?;
        let mut at = 0;
        while at < pieces.length() {
            at += u32::try_from(pieces.chunk(at)?.len())?;
        }
        Ok(())
    })
}

fn hash<D: Digest>(bytes: &[u8]) -> Result<(), Failed> {
    let mut hash = D::new();
    bytes.chunks(PIECE_BYTES).for_each(|piece| hash.update(piece));
    black_box(hash.finalize());
    Ok(())
}

/// Takes nothing out.
struct Nothing;

impl Sink for Nothing {
    type Refusal = Infallible;

    fn value(&mut self, path: &Path<'_>, _value: Scalar<'_>) -> Result<(), Infallible> {
        black_box(path);
        Ok(())
    }
}
