//! The read-only HTTP server of one repository folder.
//!
//! # Rules
//!
//! - Only names which a repository itself writes exist: `metadata/timestamp.json`, `metadata/N.ROLE.json` and
//!   `targets/SHA256.NAME`. Everything else, dotfiles and temporary files too, is 404. No directory is listed.
//! - A file is opened once and the whole answer comes from that handle. No symbolic link is followed. A file that is
//!   changed in place while it is sent ends the connection: the receiver sees a short body, never a mix.
//! - Only GET and HEAD, no request bodies, one range at most.
//! - Every resource a stranger can hold is bounded by a field of [`Limits`].
//! - No client address is stored or logged.
//!
//! ```no_run
//! # fn main() -> Result<(), tuffet_server::http::StartError> {
//! use std::{path::Path, sync::Arc};
//! use tuffet_server::{event::Silent, http::{Limits, Server}};
//!
//! let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
//! runtime.block_on(async {
//!     let server = Server::bind(Path::new("repository"), "127.0.0.1:0", Limits::default(), Arc::new(Silent)).await?;
//!     println!("listening on http://{}", server.address());
//!     server.run(std::future::pending()).await;
//!     Ok(())
//! })
//! # }
//! ```

mod answer;
mod body;
mod conditional;
mod folder;
mod limits;
mod range;
mod route;
mod serve;
mod stall;

pub use folder::{ServedFileError, ServedFolder};
pub use limits::Limits;
pub use serve::{Server, StartError};
