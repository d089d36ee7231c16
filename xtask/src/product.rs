//! `cargo xtask product`: the one file that describes a product.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use tuffet_server::{
    Address, Delivery, Id, SupportStatement, UnixSeconds, Version,
    delta::{self, Architecture},
    product::{Bases, FILE_NAME, Product, Profile, Slots, Strategy},
};

use crate::failure::{Blame, Failure};
use crate::vendor::{self, Output};

/// Describe a product.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new tuffet.toml.
    Init(Box<Init>),
    /// Read a tuffet.toml and say what is wrong with it.
    Check(Check),
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The product's folder; made if it is not there.
    folder: PathBuf,
    /// Short name in file and role names: 1 to 24 of a-z, 0-9 and -.
    #[arg(long, value_parser = vendor::id)]
    id: Id,
    /// Name for people.
    #[arg(long)]
    name: String,
    /// A kind of device it runs on; may be given more than once.
    #[arg(long, required = true, value_parser = vendor::id)]
    hardware: Vec<Id>,
    /// Where releases are offered; may be given more than once.
    #[arg(long, default_value = "stable", value_parser = vendor::id)]
    channel: Vec<Id>,
    /// How much a device has to work with: linux, standard or small.
    #[arg(long, default_value = "standard", value_parser = profile)]
    profile: Profile,
    /// The instructions in its images: aarch64, riscv, thumb, x86_64, xtensa, xtensa-be or unknown. If it is not said, they are what can be
    /// seen in each image.
    #[arg(long, value_parser = delta::architecture)]
    instructions: Option<Architecture>,
    /// Size of a firmware slot in bytes.
    #[arg(long)]
    slot_bytes: u32,
    /// How many holders of product keys have to sign a release.
    #[arg(long, default_value_t = 1)]
    threshold: u32,
    /// How updates arrive: auto, user, professional, or none if the product cannot be updated.
    #[arg(long, default_value = "auto", value_parser = delivery)]
    delivery: Delivery,
    /// First day of support.
    #[arg(long, value_parser = vendor::time)]
    support_start: UnixSeconds,
    /// The day on which support has ended.
    #[arg(long, value_parser = vendor::time)]
    support_end: UnixSeconds,
    /// Where to report a weakness.
    #[arg(long)]
    contact: String,
    /// What the owner has to do for an update.
    #[arg(long, default_value = "")]
    steps: String,
    /// Why the product cannot be updated.
    #[arg(long, default_value = "")]
    rationale: String,
    /// From how many older versions a new one gets patches: what is offered, then the newest.
    #[arg(long, default_value_t = 3)]
    bases: u32,
    /// A version from which every new one gets patches besides; may be given more than once.
    #[arg(long, value_name = "VERSION", value_parser = vendor::version)]
    base_version: Vec<Version>,
    /// How firmware gets to where it runs: any (it runs in both slots), swap (moved to one address), xip (linked for each slot).
    #[arg(long, value_name = "STRATEGY", default_value = "any", value_parser = strategy)]
    slots: Strategy,
    /// Address of a slot, like 0x08010000: two for xip, one for swap.
    #[arg(long, value_name = "ADDRESS", value_parser = vendor::address)]
    slot_address: Vec<u32>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The product's folder.
    folder: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs one of the commands.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Init(arguments) => init(arguments),
        Command::Check(arguments) => check(arguments),
    }
}

fn init(arguments: &Init) -> Result<(), Failure> {
    let slots = Slots::new(arguments.slots, &arguments.slot_address, arguments.slot_bytes)
        .map_err(|fault| Failure::new(Blame::Usage, fault.to_string()))?;
    let product = Product {
        id: arguments.id,
        name: arguments.name.clone(),
        hardware: arguments.hardware.clone(),
        channels: arguments.channel.clone(),
        profile: arguments.profile,
        instructions: arguments.instructions,
        slot_bytes: arguments.slot_bytes,
        threshold: arguments.threshold,
        bases: Bases {
            count: arguments.bases,
            versions: arguments.base_version.clone(),
        },
        slots,
        support: SupportStatement {
            contact: arguments.contact.clone(),
            delivery: arguments.delivery,
            end: arguments.support_end,
            product: arguments.id,
            rationale: arguments.rationale.clone(),
            start: arguments.support_start,
            steps: arguments.steps.clone(),
            updatable: arguments.delivery != Delivery::None,
        },
    };
    product.create(&arguments.folder)?;
    let path = arguments.folder.join(FILE_NAME);
    let text = format!("wrote {}", path.display());
    arguments
        .output
        .print(&text, json!({"file": path, "product": product.id.to_string()}));
    Ok(())
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let product = Product::load(&arguments.folder)?;
    let ids = |ids: &[Id]| ids.iter().map(Id::to_string).collect::<Vec<_>>();
    let (hardware, channels) = (ids(&product.hardware), ids(&product.channels));
    let addresses: Vec<String> = product.slots.addresses().iter().map(Address::to_string).collect();
    let versions: Vec<String> = product.bases.versions.iter().map(Version::to_string).collect();
    let besides = if versions.is_empty() {
        String::new()
    } else {
        format!(" and {}", versions.join(", "))
    };
    let text = format!(
        "{} ({}): {} on {}, slots of {} bytes ({}: {}), patches from {} older versions{besides}, {} signatures, supported until {}",
        product.id,
        product.name,
        hardware.join(", "),
        channels.join(", "),
        product.slot_bytes,
        product.slots.strategy().as_str(),
        addresses.join(", "),
        product.bases.count,
        product.threshold,
        product.support.end
    );
    let result = json!({
        "product": product.id.to_string(), "hardware": hardware, "channels": channels, "profile": product.profile.as_str(),
        "instructions": product.instructions.map(|instructions| instructions.to_string()),
        "slot_bytes": product.slot_bytes, "slots": product.slots.strategy().as_str(), "addresses": addresses,
        "bases": product.bases.count, "base_versions": versions, "threshold": product.threshold, "support_end": product.support.end.to_string(),
    });
    arguments.output.print(&text, result);
    Ok(())
}

fn profile(text: &str) -> Result<Profile, &'static str> {
    Profile::parse(text).ok_or("a profile is linux, standard or small")
}

fn strategy(text: &str) -> Result<Strategy, &'static str> {
    Strategy::parse(text).ok_or("a strategy is any, swap or xip")
}

fn delivery(text: &str) -> Result<Delivery, &'static str> {
    match text {
        "auto" => Ok(Delivery::Auto),
        "none" => Ok(Delivery::None),
        "professional" => Ok(Delivery::Professional),
        "user" => Ok(Delivery::User),
        _ => Err("updates arrive by: auto, user, professional, or none"),
    }
}
