//! `cargo xtask provision`: the factory state of one device, ready to be copied to it.
//!
//! The work is the device's own: `tuffet-client provision` verifies the first firmware from the root up, like any update.
//! This command builds the client and runs it. Given a product's folder, it takes the id and the size of a slot from
//! `tuffet.toml`, and refuses a hardware or a channel which the product does not have.

use std::path::{Path, PathBuf};

use tuffet_server::{
    Id,
    error::{Error, Refused},
    product::{FILE_NAME, Product},
};

use crate::failure::{Blame, Failure};
use crate::process::Tool;
use crate::{vendor, workspace};

/// Make the factory state of a device.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The product's folder; or its id, if no such folder has a tuffet.toml.
    #[arg(long, value_name = "FOLDER or ID")]
    product: String,
    /// The hardware id.
    #[arg(long, value_parser = vendor::id)]
    hardware: Id,
    /// The release channel.
    #[arg(long, default_value = "stable", value_parser = vendor::id)]
    channel: Id,
    /// The repository: an address or a folder.
    #[arg(long, default_value = "repository")]
    repository: String,
    /// Where the device will find its updates, if not there.
    #[arg(long)]
    device_repository: Option<String>,
    /// The first root.
    #[arg(long, default_value = "root.json")]
    root: PathBuf,
    /// The largest image that a slot can hold, in bytes; else as tuffet.toml says.
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
    let device = Device::of(arguments)?;
    let client = workspace::build_programs()?.join("tuffet-client");
    let device_repository = arguments.device_repository.as_ref().unwrap_or(&arguments.repository);
    let mut tool = Tool::new(client)
        .arg("--device")
        .arg(&arguments.out)
        .args([
            "provision",
            "--product",
            device.product.as_str(),
            "--hardware",
            arguments.hardware.as_str(),
        ])
        .args([
            "--channel",
            arguments.channel.as_str(),
            "--repository",
            device_repository,
        ])
        .args(["--factory-repository", &arguments.repository, "--root"])
        .arg(&arguments.root);
    if let Some(slot_bytes) = device.slot_bytes {
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

/// What a device is told of its product.
#[derive(PartialEq, Eq, Debug)]
struct Device {
    product: Id,
    slot_bytes: Option<u32>,
}

impl Device {
    /// From the product's file where there is one, else from the arguments alone.
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let folder = Path::new(&arguments.product);
        if !folder.join(FILE_NAME).is_file() {
            let neither = |error| {
                let text = format!(
                    "{} is neither a folder with a {FILE_NAME} nor a product id: {error}",
                    arguments.product
                );
                Failure::new(Blame::Usage, text)
            };
            return Ok(Self {
                product: vendor::id(&arguments.product).map_err(neither)?,
                slot_bytes: arguments.slot_bytes,
            });
        }
        let product = Product::load(folder)?;
        let names = |ids: &[Id]| ids.iter().map(Id::to_string).collect();
        let (hardware, channel) = (arguments.hardware, arguments.channel);
        if !product.hardware.contains(&hardware) {
            let known = names(&product.hardware);
            return Err(Error::from(Refused::UnknownHardware { hardware, known }).into());
        }
        if !product.channels.contains(&channel) {
            let known = names(&product.channels);
            return Err(Error::from(Refused::UnknownChannel { channel, known }).into());
        }
        Ok(Self {
            product: product.id,
            slot_bytes: Some(arguments.slot_bytes.unwrap_or(product.slot_bytes)),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    const TUFFET_TOML: &str = r#"
[product]
id = "lamp"
name = "A lamp"
hardware = ["c3", "s3"]
channels = ["beta", "stable"]
profile = "standard"
slot_bytes = 4096
threshold = 1

[support]
updatable = true
delivery = "auto"
start = 2026-01-01
end = 2036-01-01
contact = "security@example.org"
"#;

    fn device(product: &str, more: &[&str]) -> Result<Device, Failure> {
        let always = [
            "provision",
            "--product",
            product,
            "--repository",
            "r",
            "--root",
            "root.json",
            "--out",
            "device",
        ];
        let line = Line::try_parse_from(always.iter().chain(more)).unwrap();
        Device::of(&line.arguments)
    }

    #[test]
    fn a_product_folder_says_id_and_slot_bytes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), TUFFET_TOML).unwrap();
        let path = folder.path().to_str().unwrap();
        let lamp = |slot_bytes| Device {
            product: vendor::id("lamp").unwrap(),
            slot_bytes,
        };
        assert_eq!(device(path, &["--hardware", "c3"]).unwrap(), lamp(Some(4096)));
        let larger = ["--hardware", "s3", "--channel", "beta", "--slot-bytes", "8192"];
        assert_eq!(device(path, &larger).unwrap(), lamp(Some(8192)));
        // Nothing is known of a product of which only the id is.
        assert_eq!(device("lamp", &["--hardware", "x1"]).unwrap(), lamp(None));
    }

    #[test]
    fn what_the_product_does_not_have_is_refused_with_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), TUFFET_TOML).unwrap();
        let path = folder.path().to_str().unwrap();
        let none = folder.path().join("none");
        for (product, more, says) in [
            (path, &["--hardware", "x1"][..], "runs on c3, s3"),
            (
                path,
                &["--hardware", "c3", "--channel", "nightly"],
                "lists beta, stable",
            ),
            (
                none.to_str().unwrap(),
                &["--hardware", "c3"],
                "neither a folder with a tuffet.toml",
            ),
        ] {
            let failure = device(product, more).unwrap_err().to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
