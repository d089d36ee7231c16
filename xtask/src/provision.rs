//! `cargo xtask provision`: the factory state of one device, ready to be copied to it.
//!
//! The work is the device's own: `tuffet-client provision` verifies the first firmware from the root up, like any update.
//! This command builds the client, finds its arguments in `tuffet.toml`, and runs it.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::process::Tool;
use crate::workspace;

/// Make the factory state of a device.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The product id.
    #[arg(long)]
    product: String,
    /// The hardware id.
    #[arg(long)]
    hardware: String,
    /// The release channel.
    #[arg(long, default_value = "stable")]
    channel: String,
    /// The repository: an address or a folder.
    #[arg(long)]
    repository: String,
    /// Where the device will find its updates, if not there.
    #[arg(long)]
    device_repository: Option<String>,
    /// The first root.
    #[arg(long)]
    root: PathBuf,
    /// The largest image that a slot can hold, in bytes.
    #[arg(long)]
    slot_bytes: Option<u32>,
    /// The new folder for the factory state.
    #[arg(long)]
    out: PathBuf,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// The health check of new firmware: a program and its arguments, to the end of the line.
    #[arg(long, num_args = 1.., allow_hyphen_values = true)]
    health_check: Vec<String>,
}

/// Runs the client's half of provisioning.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = workspace::build_programs()?.join("tuffet-client");
    let device_repository = arguments.device_repository.as_ref().unwrap_or(&arguments.repository);
    let mut tool = Tool::new(client)
        .arg("--device")
        .arg(&arguments.out)
        .args([
            "provision",
            "--product",
            &arguments.product,
            "--hardware",
            &arguments.hardware,
        ])
        .args(["--channel", &arguments.channel, "--repository", device_repository])
        .args(["--factory-repository", &arguments.repository, "--root"])
        .arg(&arguments.root);
    if let Some(slot_bytes) = arguments.slot_bytes {
        tool = tool.args(["--slot-bytes", &slot_bytes.to_string()]);
    }
    if arguments.json {
        tool = tool.arg("--json");
    }
    if !arguments.health_check.is_empty() {
        tool = tool.arg("--health-check").args(&arguments.health_check);
    }
    // The client has said on the terminal what went wrong; its exit code is ours.
    match tool.show_code()? {
        Some(0) => Ok(()),
        code => Err(Failure::passed_on(code, "the device was not provisioned; see above")),
    }
}
