//! Debian packages for arm64, from the archive that this machine uses, with more of its suites.
//!
//! apt keeps its state in a folder of ours, so that neither the machine's package lists nor its settings change. Versions
//! leave the archive at point releases; then the pair is skipped with apt's own words.

use std::path::{Path, PathBuf};

use crate::corpus::NoPair;
use crate::corpus::package::{DOWNLOAD_LIMIT, only_file};
use crate::failure::Failure;
use crate::process::Tool;

/// Suites of the main archive that the pairs come from.
const SUITES: [&str; 4] = ["bookworm", "bookworm-updates", "bookworm-backports", "trixie"];

/// The suite of the security archive.
const SECURITY_SUITE: &str = "bookworm-security";

/// apt with a state of its own.
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Reads the package lists of the suites.
    pub fn open(folder: &Path) -> Result<Archive, NoPair> {
        for part in ["lists/partial", "cache/archives/partial", "etc", "dpkg"] {
            let part = folder.join(part);
            std::fs::create_dir_all(&part).map_err(|error| Failure::file("cannot make", &part, &error))?;
        }
        let archive = Archive {
            folder: folder.to_path_buf(),
        };
        archive.write("dpkg/status", "")?;
        let sources = sources(&machine_archives()).ok_or(NoPair::NoDebianArchive)?;
        archive.write("etc/sources.list", &sources)?;
        archive.apt_get().arg("update").read()?;
        Ok(archive)
    }

    /// Downloads one version of a package (once), and unpacks it.
    pub fn unpack(&self, name: &str, version: &str, into: &Path) -> Result<(), NoPair> {
        let download = self.folder.join("packages").join(format!("{name}-{version}"));
        std::fs::create_dir_all(&download).map_err(|error| Failure::file("cannot make", &download, &error))?;
        if only_file(&download, "deb").is_err() {
            self.apt_get()
                .arg("download")
                .arg(format!("{name}={version}"))
                .folder(&download)
                .read()?;
        }
        Tool::new("dpkg-deb")
            .arg("--extract")
            .arg(only_file(&download, "deb")?)
            .arg(into)
            .read()?;
        Ok(())
    }

    fn write(&self, file: &str, text: &str) -> Result<(), NoPair> {
        let path = self.folder.join(file);
        Ok(std::fs::write(&path, text).map_err(|error| Failure::file("cannot write", &path, &error))?)
    }

    fn apt_get(&self) -> Tool {
        let folder = self.folder.display();
        let options = [
            format!("Dir::Etc::sourcelist={folder}/etc/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::State::status={folder}/dpkg/status"),
            format!("Dir::Cache={folder}/cache"),
            "APT::Architecture=arm64".to_owned(),
            "APT::Architectures::=arm64".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ];
        let options = options.iter().flat_map(|option| ["-o", option.as_str()]);
        Tool::new("apt-get").args(options).limit(DOWNLOAD_LIMIT)
    }
}

/// The addresses that apt of this machine uses, in both forms of its source files.
fn machine_archives() -> Vec<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(parts) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(parts.flatten().map(|part| part.path()));
    }
    let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap_or_default();
    files
        .iter()
        .filter(|file| is_source(file))
        .flat_map(|file| addresses(&read(file)))
        .collect()
}

/// apt reads `*.list` and `*.sources`, and nothing else that lies there.
fn is_source(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "list" || extension == "sources")
}

fn addresses(text: &str) -> Vec<String> {
    let in_line = |line: &str| {
        let mut words = line.split_whitespace();
        match words.next()? {
            "URIs:" => words.next().map(str::to_owned),
            "deb" => words.find(|word| word.contains("://")).map(str::to_owned),
            _ => None,
        }
    };
    text.lines().filter_map(in_line).collect()
}

/// The sources that the pairs need, on the machine's own archive.
fn sources(archives: &[String]) -> Option<String> {
    let ending = |end: &str| {
        archives
            .iter()
            .map(|archive| archive.trim_end_matches('/'))
            .find(|archive| archive.ends_with(end))
    };
    let main = ending("/debian")?;
    let security = ending("/debian-security");
    let lines = SUITES
        .iter()
        .map(|suite| (main, *suite))
        .chain(security.map(|archive| (archive, SECURITY_SUITE)));
    Some(
        lines
            .map(|(archive, suite)| format!("deb [arch=arm64] {archive} {suite} main\n"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_sources_are_read() {
        let deb822 = "Types: deb\n# URIs: http://gone/debian\nURIs: http://mirror/debian\nSuites: bookworm\n";
        let one_line =
            "# deb http://gone/debian x main\ndeb [arch=amd64 signed-by=/k] http://mirror/debian-security/ x main\n";
        assert_eq!(addresses(deb822), ["http://mirror/debian"]);
        assert_eq!(addresses(one_line), ["http://mirror/debian-security/"]);
    }

    #[test]
    fn suites_stand_on_the_archive_of_the_machine() {
        let archives = [
            "http://mirror/debian-security/".to_owned(),
            "http://mirror/debian".to_owned(),
        ];
        let sources = sources(&archives).unwrap();
        assert!(
            sources.contains("deb [arch=arm64] http://mirror/debian trixie main\n"),
            "{sources}"
        );
        assert!(sources.contains("deb [arch=arm64] http://mirror/debian-security bookworm-security main\n"));
        assert_eq!(sources.lines().count(), 5);
    }

    #[test]
    fn another_distribution_has_no_archive() {
        assert_eq!(sources(&["http://mirror/ubuntu".to_owned()]), None);
    }
}
