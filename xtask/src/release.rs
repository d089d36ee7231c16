//! `cargo xtask release`: a release is built, signed by its holders, published, promoted and rolled out.
//!
//! - Nothing is signed and published in one go by accident: what is built waits in a folder, its *proposal*, which travels
//!   from holder to holder.
//! - A release's proposal is `PRODUCT/releases/VERSION`. `--proposal` names any other.

mod build;
mod place;
mod rollout;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use tuffet_keys_tool::{SecretKey, root::RootFile};
use tuffet_server::{
    Id, ReleaseDocument, clock,
    online::OnlineKeys,
    product::Product,
    proposal::Proposal,
    publish::{self, Outcome},
    release::{Promotion, propose_promotion},
    repository::Repository,
    roles::Lifetimes,
    verify::check_root,
};

use crate::failure::Failure;
use crate::release::place::Place;
use crate::vendor::{self, Lock, Output};

/// Build, sign, publish, show, promote or roll out a release.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a release: images, release document, and what has to be signed.
    Build(Box<build::Arguments>),
    /// Sign what waits, with one holder's keys.
    Sign(Sign),
    /// Publish what has all its signatures.
    Publish(Publish),
    /// Show what waits, and who has signed.
    Show(Show),
    /// Propose the release of one channel for another one.
    Promote(Promote),
    /// Steer who gets a release when.
    #[command(subcommand)]
    Rollout(rollout::Command),
}

#[derive(Debug, clap::Args)]
struct Sign {
    #[command(flatten)]
    place: Place,
    /// The holder's key; may be given more than once.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Another copy of the proposal folder, to take its signatures over.
    #[arg(long, value_name = "FOLDER", required_unless_present = "key")]
    from: Vec<PathBuf>,
    /// The repository, to see before signing that nothing else was published in between.
    #[arg(long, value_name = "FOLDER")]
    repo: Option<PathBuf>,
    #[command(flatten)]
    lock: Lock,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Publish {
    #[command(flatten)]
    place: Place,
    /// The repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// Folder with the keys of snapshot and timestamp.
    #[arg(long, value_name = "FOLDER")]
    online_keys: PathBuf,
    /// The root that devices are given, to see that this is their repository.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    #[command(flatten)]
    lock: Lock,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Promote {
    /// The product's folder.
    product: PathBuf,
    /// The repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// Channel where the release is.
    #[arg(long, value_parser = vendor::id)]
    from: Id,
    /// Channel where it shall be too.
    #[arg(long, value_parser = vendor::id)]
    to: Id,
    /// Only for this hardware; may be given more than once.
    #[arg(long, value_parser = vendor::id)]
    hardware: Vec<Id>,
    /// New folder for the proposal.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs one of the commands.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Build(arguments) => build::run(arguments),
        Command::Sign(arguments) => sign(arguments),
        Command::Publish(arguments) => publish_it(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Promote(arguments) => promote(arguments),
        Command::Rollout(command) => rollout::run(command),
    }
}

fn sign(arguments: &Sign) -> Result<(), Failure> {
    let mut proposal = Proposal::open(&arguments.place.folder()?)?;
    if let Some(repository) = &arguments.repo {
        publish::check_fits(&Repository::open(repository)?, &proposal)?;
    }
    let mut taken_over = 0;
    for copy in &arguments.from {
        taken_over += proposal.merge(&Proposal::open(copy)?)?;
    }
    let mut signed = BTreeSet::new();
    for path in &arguments.key {
        let passphrase = arguments.lock.passphrase(path)?;
        let key = SecretKey::load(path, &passphrase).map_err(vendor::keys_failure)?;
        signed.extend(proposal.sign(&key)?);
    }
    let missing: u32 = proposal.progress()?.iter().map(|role| role.missing()).sum();
    let what = if signed.is_empty() {
        "nothing new".to_owned()
    } else {
        signed.iter().cloned().collect::<Vec<String>>().join(", ")
    };
    let rest = match missing {
        0 => "all signatures are there; publish it with `release publish`".to_owned(),
        missing => format!("{missing} signatures are still missing"),
    };
    let text = format!("signed {what}, took {taken_over} signatures over; {rest}");
    let result =
        json!({"signed": signed, "taken_over": taken_over, "missing": missing, "progress": proposal.progress()?});
    arguments.output.print(&text, result);
    Ok(())
}

fn publish_it(arguments: &Publish) -> Result<(), Failure> {
    let repository = Repository::open(&arguments.repo)?;
    if let Some(root) = &arguments.root {
        check_root(&repository, &RootFile::load(root).map_err(vendor::keys_failure)?)?;
    }
    let proposal = Proposal::open(&arguments.place.folder()?)?;
    let passphrase = arguments.lock.passphrase(&arguments.online_keys)?;
    let keys = OnlineKeys::load(&arguments.online_keys, &passphrase)?;
    let outcome = publish::publish(&repository, &proposal, &keys, &Lifetimes::default(), clock::now())?;
    print_outcome(&arguments.output, proposal.title(), outcome);
    Ok(())
}

fn print_outcome(output: &Output, title: &str, outcome: Outcome) {
    let (text, version) = match outcome {
        Outcome::Published { timestamp_version } => (
            format!("published: {title} (timestamp {timestamp_version})"),
            Some(timestamp_version),
        ),
        Outcome::WasPublished => (format!("was published before: {title}"), None),
    };
    output.print(
        &text,
        json!({"title": title, "published": version.is_some(), "timestamp_version": version}),
    );
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let proposal = Proposal::open(&arguments.place.folder()?)?;
    let progress = proposal.progress()?;
    let mut text = proposal.title().to_owned();
    for role in &progress {
        let by: Vec<String> = role.signed_by.iter().map(ToString::to_string).collect();
        text += &format!(
            "\n{}: {} of {} signatures {}",
            role.role,
            by.len(),
            role.threshold,
            by.join(" ")
        );
    }
    for (name, path) in proposal.new_targets() {
        let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
        text += &format!("\n{name}: {bytes} bytes");
    }
    let document = std::fs::read(proposal.folder().join("release.json")).ok();
    let document = document.and_then(|bytes| ReleaseDocument::parse(&bytes).ok());
    if let Some(advisory) = document.as_ref().and_then(|document| document.advisory.as_ref()) {
        text += &format!(
            "\nadvisory ({}): {} {}",
            advisory.risk,
            advisory.text,
            advisory.cves.join(" ")
        );
    }
    let files: Vec<&str> = proposal.new_targets().map(|(name, _)| name).collect();
    let result = json!({"title": proposal.title(), "progress": progress, "files": files, "document": document});
    arguments.output.print(&text, result);
    Ok(())
}

fn promote(arguments: &Promote) -> Result<(), Failure> {
    let product = Product::load(&arguments.product)?;
    let repository = Repository::open(&arguments.repo)?;
    let promotion = Promotion {
        from: arguments.from,
        to: arguments.to,
        hardware: arguments.hardware.clone(),
    };
    let (lifetimes, now) = (Lifetimes::default(), clock::now());
    let proposal = propose_promotion(&repository, &product, &promotion, &arguments.out, &lifetimes, now)?;
    let text = format!("proposed to {} in {}", proposal.title(), arguments.out.display());
    arguments.output.print(&text, json!({"proposal": arguments.out}));
    Ok(())
}
