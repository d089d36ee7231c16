//! `tuffet-lab`: proves a release on a board; `cargo xtask lab` runs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tuffet_integration::lab::main())
}
