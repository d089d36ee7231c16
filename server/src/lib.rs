//! Repository library and HTTP server of Tuffet.
//!
//! - A [`product`] is one file. A [`repository`] is a folder; [`create`] makes one and adds products to it.
//! - Everything offline keys sign is a [`proposal`] first: a folder that travels from holder to holder. [`release`] and [`rollout`]
//!   make proposals, [`publish`] puts one into the repository, atomically, after two verifiers have accepted the result.
//! - [`resign`] keeps snapshot and timestamp valid with the online keys; [`verify`] looks at a whole repository.
//! - [`http`] serves the folder read-only.
//! - Times are values: only [`clock`] asks the system. Errors are grouped by who must act ([`error::Error::exit`]).

pub mod clock;
pub mod create;
pub mod delta;
pub mod error;
pub mod event;
pub mod exit;
pub mod http;
pub mod key_folder;
pub mod online;
pub mod product;
pub mod proposal;
pub mod publish;
pub mod release;
pub mod repository;
pub mod resign;
pub mod roles;
pub mod rollout;
pub mod verify;

mod candidate;
mod check;
mod opinion;
mod refused;
mod signing;
mod storage;
mod support;

pub use opinion::{Dissent, Refusal};
// The words of this library's interface, so that whoever calls it needs no other crate.
pub use signing::NotEmitted;
pub use storage::{FolderLock, StorageError};
pub use tuffet_release::{
    Address, Advisory, Class, Delivery, Id, ReleaseDocument, RolloutState, Rule, SupportStatement, Version, Wave,
};
pub use tuffet_wire::UnixSeconds;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
