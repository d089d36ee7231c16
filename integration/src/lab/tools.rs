//! Programs that boards need: are they there, and where do they come from?

use super::trouble::Trouble;
use std::path::Path;

/// A program, and what to do where it is not.
const SOURCES: &[(&str, &str)] = &[
    ("JLinkExe", "SEGGER's J-Link software has it"),
    ("nrfjprog", "Nordic's nRF Command Line Tools have it"),
    ("nrfutil", "Nordic's nRF Util has it"),
    ("openocd", "Debian's package openocd has it"),
    ("picocom", "Debian's package picocom has it"),
    ("probe-rs", "`cargo install probe-rs-tools` installs it"),
    ("qemu-system-arm", "Debian's package qemu-system-arm has it"),
    ("st-flash", "Debian's package stlink-tools has it"),
    ("stty", "Debian's package coreutils has it"),
    ("uhubctl", "Debian's package uhubctl has it"),
    ("usbrelay", "Debian's package usbrelay has it"),
];

/// Refuses to begin when one of these programs is not there.
///
/// # Errors
///
/// When one is missing.
pub fn check<'p>(programs: impl IntoIterator<Item = &'p str>) -> Result<(), Trouble> {
    for program in programs {
        if !is_there(program) {
            return Err(Trouble::ToolMissing {
                program: program.to_owned(),
                remedy: remedy(program),
            });
        }
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn remedy(program: &str) -> String {
    let source = SOURCES.iter().find(|(name, _)| *name == program);
    source.map_or_else(
        || "install it, or change the board file".to_owned(),
        |(_, source)| (*source).to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_is_named_with_its_source() {
        assert!(check(["sh"]).is_ok());
        let missing = check(["sh", "tuffet-no-such-program"]).unwrap_err().to_string();
        assert!(missing.contains("`tuffet-no-such-program`"), "{missing}");
        assert!(remedy("openocd").contains("package openocd"));
        assert!(SOURCES.is_sorted(), "{SOURCES:?}");
    }
}
