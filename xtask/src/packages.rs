//! Debian's packages, for what a step needs and a machine does not have.

use std::time::Duration;

use crate::failure::{Blame, Failure};
use crate::process::{Tool, is_on_path};

/// How long a download may take.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Installs packages where we may, and says how where we may not.
pub fn install(packages: &[&str]) -> Result<(), Failure> {
    let line = format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if !is_on_path("apt-get") {
        return Err(Failure::new(
            Blame::Storage,
            format!("no apt-get here; on a Debian machine: {line}"),
        ));
    }
    let user = Tool::new("id").arg("-u").read()?;
    if user.output.trim() != "0" {
        return Err(Failure::new(Blame::Storage, format!("needs packages; as root: {line}")));
    }
    eprintln!("{line}");
    Tool::new("apt-get")
        .args(["update", "--quiet"])
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    let apt = Tool::new("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages);
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .limit(DOWNLOAD_LIMIT)
        .read()?;
    Ok(())
}
