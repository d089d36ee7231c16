//! The command line.

use clap::{Args, Parser, Subcommand};
use std::{num::NonZeroU8, path::PathBuf};
use tuffet_keys_tool::{KeyRole, PassphraseSource, WorkFactor};

const AFTER_HELP: &str = "\
Passphrases come from --passphrase-file FILE, else from the variable TUFFET_PASSPHRASE, else they are asked for on the
terminal. They are never arguments. Secret keys are age files (`age -d FILE` opens them) with mode 600.

A first root, step by step:
  tuffet-keys generate --role root --count 3 --out keys        (better: each holder on a machine of their own)
  tuffet-keys generate --role targets --out keys
  tuffet-keys generate --role snapshot --out keys
  tuffet-keys generate --role timestamp --out keys
  tuffet-keys root create --keys-dir keys --root-threshold 2 --out root.json
  tuffet-keys root sign root.json --key keys/root-1.key        (each holder, on any day)
  tuffet-keys root check root.json

Exit codes:
  0  done
  1  refused: a check said no
  2  usage: the arguments make no sense
  3  a file or folder could not be read or written
  4  a key or a passphrase is wrong, damaged or not protected";

/// Make, check and use the keys of a Tuffet repository, and its first root.
#[derive(Debug, Parser)]
#[command(name = "tuffet-keys", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Print one JSON object instead of text, also for an error.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make new keys: ROLE-1.key (secret, encrypted) and ROLE-1.pub, and so on.
    Generate(Generate),
    /// Show a public key, or check a secret one.
    #[command(subcommand)]
    Key(Key),
    /// Write, sign, show and check the root.
    #[command(subcommand)]
    Root(Root),
}

/// `generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// root, targets, snapshot, timestamp, a product id, or PRODUCT_rollout.
    #[arg(long)]
    pub role: KeyRole,
    /// How many keys. All of them get the same passphrase.
    #[arg(long, value_name = "N", default_value = "1")]
    pub count: NonZeroU8,
    /// Folder for the files; made if its parent is there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Work to try one passphrase, 1 to 20: scrypt with N = 2^factor. Below 15 only for tests.
    #[arg(long, value_name = "N", default_value = "18")]
    pub work_factor: WorkFactor,
    #[command(flatten)]
    pub passphrase: PassphraseArguments,
}

/// `key …`
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show a public key and its id.
    Show {
        /// A .pub file.
        #[arg(value_name = "FILE.pub")]
        public: PathBuf,
    },
    /// Check that the passphrase opens a secret key and that the public key belongs to it.
    Check {
        /// A .key file.
        #[arg(value_name = "FILE.key")]
        secret: PathBuf,
        /// Its public key; the .pub file beside it if this is left out.
        #[arg(long, value_name = "FILE.pub")]
        public: Option<PathBuf>,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
}

/// `root …`
#[derive(Debug, Subcommand)]
pub enum Root {
    /// Write the first root, without signatures.
    Create(Box<RootCreate>),
    /// Add the signature of one root key to a root.
    Sign {
        /// The root file; it is changed in place.
        root: PathBuf,
        /// The secret root key.
        #[arg(long, value_name = "FILE.key")]
        key: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Show what a root says and who signed it. Says nothing about whether to trust it.
    Show {
        /// The root file.
        root: PathBuf,
    },
    /// Check as a device does that a root is signed by enough holders, and follows from the one before.
    Check {
        /// The root file.
        root: PathBuf,
        /// The root that devices have now.
        #[arg(long, value_name = "ROOT")]
        previous: Option<PathBuf>,
    },
}

/// `root create`
#[derive(Debug, Args)]
pub struct RootCreate {
    /// Folder with root-*.pub, targets-*.pub, snapshot-*.pub and timestamp-*.pub, for each role not named below.
    #[arg(long, value_name = "DIR")]
    pub keys_dir: Option<PathBuf>,
    /// Public keys of the root holders.
    #[arg(long, value_name = "FILE.pub", num_args = 1.., required_unless_present = "keys_dir")]
    pub root: Vec<PathBuf>,
    /// How many root holders have to sign.
    #[arg(long, value_name = "M")]
    pub root_threshold: u32,
    /// Public keys of those who delegate to products. Offline.
    #[arg(long, value_name = "FILE.pub", num_args = 1.., required_unless_present = "keys_dir")]
    pub targets: Vec<PathBuf>,
    /// How many targets keys have to sign.
    #[arg(long, value_name = "M", default_value = "1")]
    pub targets_threshold: u32,
    /// Public keys for snapshots. Online.
    #[arg(long, value_name = "FILE.pub", num_args = 1.., required_unless_present = "keys_dir")]
    pub snapshot: Vec<PathBuf>,
    /// Public keys for timestamps. Online; may be the snapshot key.
    #[arg(long, value_name = "FILE.pub", num_args = 1.., required_unless_present = "keys_dir")]
    pub timestamp: Vec<PathBuf>,
    /// Days until the root expires, 1 to 3650.
    #[arg(long, value_name = "N", default_value = "730")]
    pub expires_days: u32,
    /// Accept that one lost root key ends the repository for good.
    #[arg(long)]
    pub allow_no_spare: bool,
    /// The root file to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Where the passphrase is.
#[derive(Debug, Args)]
pub struct PassphraseArguments {
    /// File with the passphrase in its only line; refused if everybody may read it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    /// The file, else the environment, else the terminal.
    pub fn source(&self) -> PassphraseSource {
        PassphraseSource::choose(self.passphrase_file.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory as _;

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }
}
