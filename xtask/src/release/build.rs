use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use tuffet_server::{
    Address, Advisory, Class, Id, Rule, UnixSeconds, Version, clock,
    product::Product,
    release::{self, Fate, ImageFile, PatchReport, ReleasePlan},
    repository::Repository,
    roles::Lifetimes,
};

use crate::failure::{Blame, Failure};
use crate::vendor::{self, Output};

/// Builds that are to be repeatable state their time here, in seconds since 1970.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The product's folder.
    product: PathBuf,
    /// The repository: what is published there decides which version may follow.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// Version of the release.
    #[arg(long, value_parser = vendor::version)]
    version: Version,
    /// An image for one kind of hardware, which may be linked for the address of a slot; may be given more than once.
    #[arg(long, required = true, value_name = "HARDWARE[@ADDRESS]=FILE", value_parser = image)]
    image: Vec<ImageFile>,
    /// Where it is offered; may be given more than once. Needed when the product has several channels.
    #[arg(long, value_parser = vendor::id)]
    channel: Vec<Id>,
    /// What it is for: feature or security.
    #[arg(long, default_value = "feature", value_parser = class)]
    class: Class,
    /// What the devices' counter becomes; else as it was, or one more for a security release.
    #[arg(long, value_name = "N")]
    security_version: Option<u32>,
    /// Text file that says what the release closes and what the owner should know. A security release needs one.
    #[arg(long, value_name = "FILE")]
    advisory: Option<PathBuf>,
    /// How bad it is, in a word.
    #[arg(long, default_value = "", requires = "advisory")]
    risk: String,
    /// CVE number that it closes; may be given more than once.
    #[arg(long, requires = "advisory")]
    cve: Vec<String>,
    /// Which attempt to ship this version this is; a higher one lets devices try again that have failed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    attempt: u32,
    /// Let it replace a higher version.
    #[arg(long)]
    rollback: bool,
    /// Days that a security release waits for its rollout at most. Without this nobody waits for a rollout.
    #[arg(long, value_name = "DAYS")]
    rollout_required: Option<u16>,
    /// Version that a device must have reached before; may be given more than once.
    #[arg(long, value_name = "VERSION", value_parser = vendor::version)]
    stepping_stone: Vec<Version>,
    /// By when it should be installed.
    #[arg(long, value_name = "TIME", value_parser = vendor::time)]
    install_by: Option<UnixSeconds>,
    /// How long a device is away while it restarts, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    interruption_seconds: u32,
    /// The software bill of materials, a JSON file.
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
    /// When it is released: else SOURCE_DATE_EPOCH, else now. The same time and input give the same bytes.
    #[arg(long, value_name = "TIME", value_parser = vendor::time)]
    released: Option<UnixSeconds>,
    /// New folder for the proposal, instead of PRODUCT/releases/VERSION.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let product = Product::load(&arguments.product)?;
    let repository = Repository::open(&arguments.repo)?;
    let plan = plan(arguments, &product)?;
    let usual = arguments.product.join("releases").join(arguments.version.to_string());
    let folder = arguments.out.clone().unwrap_or(usual);
    let mut patches = Vec::new();
    let mut since = Instant::now();
    let proposal = release::build(
        &repository,
        &product,
        &plan,
        &folder,
        &Lifetimes::default(),
        clock::now(),
        &mut |report| {
            let seconds = since.elapsed().as_secs_f64();
            arguments
                .output
                .progress(&format!("{} in {seconds:.1} s", sentence(report)));
            if let Some(packed) = report.packed {
                arguments.output.progress(&format!("note: {packed}"));
            }
            patches.push(described(report, seconds));
            since = Instant::now();
        },
    )?;
    let text = format!(
        "built: {} in {}; now its holders sign it",
        proposal.title(),
        folder.display()
    );
    let files: Vec<&str> = proposal.new_targets().map(|(name, _)| name).collect();
    let result = json!({"proposal": folder, "title": proposal.title(), "version": arguments.version.to_string(), "files": files, "patches": patches});
    arguments.output.print(&text, result);
    Ok(())
}

/// What became of a patch.
fn sentence(report: &PatchReport) -> String {
    let name = report.name;
    let base = report
        .base
        .map_or_else(|| "nothing".to_owned(), |base| base.to_string());
    let from = match report.base_address {
        Some(Address::At(_)) => report.base_address.map(|address| format!(" at {address}")),
        Some(Address::Any) | None => None,
    };
    let place = match report.address {
        Address::At(_) => format!("{} at {}", report.hardware, report.address),
        Address::Any => report.hardware.to_string(),
    };
    let between = format!("{place}, from {base}{}", from.unwrap_or_default());
    match report.fate {
        Fate::Made { bytes } => format!("patch {name}: {bytes} bytes ({between})"),
        Fate::Kept { bytes } => format!("patch {name}: {bytes} bytes, as released before ({between})"),
        Fate::NotShorter { bytes, full_bytes } => {
            format!("left out {name}: {bytes} bytes, and the full image takes {full_bytes} ({between})")
        }
        Fate::ImageTooLong { bytes, bytes_max } => {
            format!("left out {name}: an image has {bytes} bytes, and patches are made of {bytes_max} ({between})")
        }
    }
}

fn described(report: &PatchReport, seconds: f64) -> Value {
    let (fate, bytes, full_bytes) = match report.fate {
        Fate::Made { bytes } => ("made", Some(bytes), None),
        Fate::Kept { bytes } => ("kept", Some(bytes), None),
        Fate::NotShorter { bytes, full_bytes } => ("not_shorter", Some(bytes), Some(full_bytes)),
        Fate::ImageTooLong { .. } => ("image_too_long", None, None),
    };
    json!({
        "name": report.name.as_str(),
        "hardware": report.hardware.as_str(),
        "address": report.address.to_string(),
        "base": report.base.map(|base| base.to_string()),
        "base_address": report.base_address.map(|address| address.to_string()),
        "fate": fate,
        "bytes": bytes,
        "full_bytes": full_bytes,
        "packed_bytes": report.packed.map(|packed| packed.bytes),
        "seconds": seconds,
    })
}

fn plan(arguments: &Arguments, product: &Product) -> Result<ReleasePlan, Failure> {
    let channels = match (arguments.channel.as_slice(), product.channels.as_slice()) {
        ([], [only]) => vec![*only],
        ([], several) => {
            let names: Vec<&str> = several.iter().map(Id::as_str).collect();
            let text = format!(
                "the product has several channels; say with --channel which: {}",
                names.join(", ")
            );
            return Err(Failure::new(Blame::Usage, text));
        }
        (chosen, _) => chosen.to_vec(),
    };
    Ok(ReleasePlan {
        version: arguments.version,
        class: arguments.class,
        advisory: advisory(arguments)?,
        channels,
        images: arguments.image.clone(),
        security_version: arguments.security_version,
        attempt: arguments.attempt,
        rollback: arguments.rollback,
        rule: match arguments.rollout_required {
            None => Rule::None,
            Some(wait_max_days) => Rule::Required { wait_max_days },
        },
        stepping_stones: arguments.stepping_stone.clone(),
        install_by: arguments.install_by,
        interruption_s: arguments.interruption_seconds,
        sbom: arguments.sbom.clone(),
        released: released(arguments.released)?,
    })
}

fn advisory(arguments: &Arguments) -> Result<Option<Advisory>, Failure> {
    let Some(path) = &arguments.advisory else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    Ok(Some(Advisory {
        cves: arguments.cve.clone(),
        risk: arguments.risk.clone(),
        text: text.trim().to_owned(),
    }))
}

fn released(given: Option<UnixSeconds>) -> Result<UnixSeconds, Failure> {
    let epoch = match given {
        Some(time) => return Ok(time),
        None => std::env::var_os(SOURCE_DATE_EPOCH),
    };
    let Some(epoch) = epoch else {
        return Ok(clock::now());
    };
    let seconds = epoch.to_str().and_then(|text| text.parse().ok());
    let wrong = || {
        Failure::new(
            Blame::Usage,
            format!("{SOURCE_DATE_EPOCH} is not a number of seconds since 1970"),
        )
    };
    seconds.map(UnixSeconds::new).ok_or_else(wrong)
}

fn image(text: &str) -> Result<ImageFile, String> {
    let (place, path) = text
        .split_once('=')
        .ok_or("expected HARDWARE=FILE, or HARDWARE@ADDRESS=FILE")?;
    let (hardware, address) = match place.split_once('@') {
        Some((hardware, address)) => (hardware, Address::At(vendor::address(address)?)),
        None => (place, Address::Any),
    };
    Ok(ImageFile {
        hardware: vendor::id(hardware)?,
        address,
        path: PathBuf::from(path),
    })
}

fn class(text: &str) -> Result<Class, &'static str> {
    Class::parse(text).ok_or("a release is of class feature or security")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_for_a_hardware_and_perhaps_an_address() {
        let read = |text| image(text).map(|image| (image.hardware.to_string(), image.address, image.path));
        let (hardware, path) = ("rev-a".to_owned(), PathBuf::from("a=b@c.bin"));
        assert_eq!(
            read("rev-a=a=b@c.bin"),
            Ok((hardware.clone(), Address::Any, path.clone()))
        );
        assert_eq!(
            read("rev-a@0x08010000=a=b@c.bin"),
            Ok((hardware, Address::At(0x0801_0000), path))
        );
        for wrong in ["rev-a", "rev-a@any=x", "rev-a@0x8010000=x", "rev-a@=x", "rev_a=x", "=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
