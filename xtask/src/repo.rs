//! `cargo xtask repo`: a repository is made, gets products, is renewed, verified and listed.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use tuffet_keys_tool::{KeyRole, Passphrase, root::RootFile};
use tuffet_server::{
    clock, create,
    key_folder::KeyFolder,
    online::OnlineKeys,
    product::Product,
    publish::publish,
    release,
    repository::Repository,
    roles::{Lifetimes, ProductKeys},
    verify::verify,
};

use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::vendor::{self, Lock, Output};

/// Make, extend, renew, verify or list a repository.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a repository under a signed root.
    Init(Init),
    /// Add a product: delegate to its keys.
    AddProduct(AddProduct),
    /// Make role files valid for longer; signed and published like a release.
    Renew(Renew),
    /// Verify everything, with both verifiers and file by file.
    Verify(Verify),
    /// List what is published for which devices.
    List(List),
}

/// Keys by the names that `tuffet-keys generate` gives them.
#[derive(Debug, clap::Args)]
struct Keys {
    /// Folder with the key files of targets, snapshot, timestamp and the products.
    #[arg(long, value_name = "FOLDER")]
    keys: PathBuf,
    #[command(flatten)]
    lock: Lock,
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The new repository.
    folder: PathBuf,
    /// The first root, signed by its holders.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// Folder of a product to add; may be given more than once.
    #[arg(long, value_name = "FOLDER")]
    product: Vec<PathBuf>,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct AddProduct {
    /// The repository.
    folder: PathBuf,
    /// The product's folder. Should a holder be missing, the proposal waits in its folder `setup`.
    #[arg(long, value_name = "FOLDER")]
    product: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Renew {
    /// The repository.
    folder: PathBuf,
    /// Role to renew: targets, PRODUCT, PRODUCT_files or PRODUCT_rollout; may be given more than once.
    #[arg(long, required = true)]
    role: Vec<String>,
    /// New folder for the proposal, to be signed and published with `release sign` and `release publish`.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The repository.
    folder: PathBuf,
    /// The root that devices are given.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The repository.
    folder: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs one of the commands.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Init(arguments) => init(arguments),
        Command::AddProduct(arguments) => add_product(arguments),
        Command::Renew(arguments) => renew(arguments),
        Command::Verify(arguments) => verify_all(arguments),
        Command::List(arguments) => list(arguments),
    }
}

fn init(arguments: &Init) -> Result<(), Failure> {
    let root = RootFile::load(&arguments.root).map_err(vendor::keys_failure)?;
    let products = arguments.product.iter().map(|folder| Product::load(folder));
    let products = products.collect::<Result<Vec<_>, _>>()?;
    let opened = Opened::open(&arguments.keys)?;
    let targets = opened.folder.secret_keys(&KeyRole::Targets, &opened.passphrase)?;
    let (lifetimes, now) = (Lifetimes::default(), clock::now());
    let signing = vendor::signing(&targets);
    let repository = create::init(&arguments.folder, &root, &signing, &opened.online, &lifetimes, now)?;
    for (product, folder) in products.iter().zip(&arguments.product) {
        opened.add(&repository, product, folder)?;
    }
    let ids: Vec<String> = products.iter().map(|product| product.id.to_string()).collect();
    let text = format!(
        "made the repository {} with {} products",
        arguments.folder.display(),
        ids.len()
    );
    arguments
        .output
        .print(&text, json!({"repository": arguments.folder, "products": ids}));
    Ok(())
}

fn add_product(arguments: &AddProduct) -> Result<(), Failure> {
    let repository = Repository::open(&arguments.folder)?;
    let product = Product::load(&arguments.product)?;
    Opened::open(&arguments.keys)?.add(&repository, &product, &arguments.product)?;
    let text = format!("added the product {} to {}", product.id, arguments.folder.display());
    arguments.output.print(
        &text,
        json!({"repository": arguments.folder, "product": product.id.to_string()}),
    );
    Ok(())
}

/// A key folder with its passphrase and the online keys in it.
struct Opened {
    folder: KeyFolder,
    online: OnlineKeys,
    passphrase: Passphrase,
}

impl Opened {
    fn open(keys: &Keys) -> Result<Self, Failure> {
        let folder = KeyFolder::open(&keys.keys)?;
        let passphrase = keys.lock.passphrase(&keys.keys)?;
        let online = OnlineKeys::load(&keys.keys, &passphrase)?;
        Ok(Self {
            folder,
            online,
            passphrase,
        })
    }

    /// Proposes a product, signs with all keys at hand and publishes. A proposal that waits from an earlier run is taken up.
    fn add(&self, repository: &Repository, product: &Product, product_folder: &Path) -> Result<(), Failure> {
        let (holders, operators) = roles_of(product);
        let (lifetimes, now) = (Lifetimes::default(), clock::now());
        let folder = product_folder.join("setup");
        let mut proposal = if let Some(waiting) = create::waiting_product(repository, product, &folder)? {
            waiting
        } else {
            let public = |role| self.folder.public_keys(role);
            let keys = ProductKeys::new(public(&holders)?, product.threshold, public(&operators)?);
            let keys =
                keys.map_err(|error| tuffet_server::error::Error::from(tuffet_server::error::Refused::from(error)))?;
            create::propose_product(repository, product, &keys, &folder, &lifetimes, now)?
        };
        for role in [&KeyRole::Targets, &holders, &operators] {
            for key in self.folder.secret_keys(role, &self.passphrase)? {
                proposal.sign(&key)?;
            }
        }
        publish(repository, &proposal, &self.online, &lifetimes, now)?;
        Ok(())
    }
}

fn roles_of(product: &Product) -> (KeyRole, KeyRole) {
    let id = product.id.to_string();
    (KeyRole::Product(id.clone()), KeyRole::Rollout(id))
}

fn renew(arguments: &Renew) -> Result<(), Failure> {
    let repository = Repository::open(&arguments.folder)?;
    let (lifetimes, now) = (Lifetimes::default(), clock::now());
    let proposal = create::propose_renewal(&repository, &arguments.role, &arguments.out, &lifetimes, now)?;
    let text = format!("proposed to {} in {}", proposal.title(), arguments.out.display());
    arguments
        .output
        .print(&text, json!({"proposal": arguments.out, "roles": arguments.role}));
    Ok(())
}

fn verify_all(arguments: &Verify) -> Result<(), Failure> {
    let repository = Repository::open(&arguments.folder)?;
    let root = RootFile::load(&arguments.root).map_err(vendor::keys_failure)?;
    let verified = verify(&repository, &root, clock::now())?;
    let text = format!(
        "good: root {}, timestamp {}, {} products, {} files ({} bytes); the first role expires at {}",
        verified.root_version,
        verified.timestamp_version,
        verified.products.len(),
        verified.targets,
        verified.targets_bytes,
        verified.expires_first
    );
    arguments.output.print(&text, json!(verified));
    Ok(())
}

fn list(arguments: &List) -> Result<(), Failure> {
    let releases = release::list(&Repository::open(&arguments.folder)?)?;
    let mut table = Table::new(&[
        ("pointer", Align::Left),
        ("version", Align::Left),
        ("class", Align::Left),
        ("security version", Align::Right),
        ("released", Align::Left),
        ("support end", Align::Left),
    ]);
    for release in &releases {
        table.row([
            release.pointer.clone(),
            release.version.clone(),
            release.class.clone(),
            release.security_version.to_string(),
            release.released.to_string(),
            release.support_end.to_string(),
        ]);
    }
    arguments
        .output
        .print(table.to_string().trim_end(), json!({"releases": releases}));
    Ok(())
}
