//! Keys of a Tuffet repository: made, kept encrypted, and used to sign. Also the first root.
//!
//! - A secret key is never on disk in the clear, never readable by others, and never overwritten by another one.
//! - A passphrase comes from a file, the environment or a terminal, never from an argument: others can read arguments.
//! - Whatever signs is a [`KeySource`]. The server library signs through it and does not care where the key lives.
//! - Every error says what is wrong and what to do; [`Error::exit`] maps it to the exit code of `tuffet-keys`.
//! - A command that fails leaves the disk as it was.
//!
//! It needs a Unix: the protection of a key file is its mode.
//!
//! # Exit codes of `tuffet-keys`
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | refused: a check said no |
//! | 2 | usage: the arguments make no sense |
//! | 3 | a file or folder could not be read or written |
//! | 4 | a key or a passphrase is wrong, damaged or not protected |
//!
//! # Example
//!
//! ```
//! use tuffet_keys_tool::{KeyRole, KeySource, Passphrase, SecretKey, WorkFactor};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("timestamp-1.key");
//! let passphrase = Passphrase::new("correct horse battery staple".to_owned())?;
//!
//! // A low work factor keeps the example fast; the default takes about a second.
//! let work_factor = WorkFactor::new(2)?;
//! let key = SecretKey::generate(KeyRole::Timestamp)?;
//! key.save(&path, &passphrase, work_factor)?;
//!
//! let loaded = SecretKey::load(&path, &passphrase)?;
//! let signature = loaded.sign(b"the canonical bytes of a file")?;
//! assert_eq!(signature.keyid, key.public_key().id());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod files;
mod generate;
mod key_file;
mod key_folder;
mod key_source;
mod passphrase;
mod public_key;
mod role;
pub mod root;
mod secret_key;

pub use error::{Error, Exit, FileError, KeyError};
pub use generate::{GeneratedKey, generate};
pub use key_file::{BadWorkFactor, WorkFactor};
pub use key_folder::public_keys_in;
pub use key_source::KeySource;
pub use passphrase::{Ask, PASSPHRASE_VARIABLE, Passphrase, PassphraseSource};
pub use public_key::{PublicKey, UnusableKey};
pub use role::{BadRole, KeyRole};
pub use secret_key::SecretKey;
