//! Repository library and HTTP server of Tuffet.
//!
//! - [`http`] serves a repository folder read-only.

pub mod event;
pub mod exit;
pub mod http;
