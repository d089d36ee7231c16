//! The built `tuffet-keys`, run as people and scripts run it.

mod bad_input;
mod ceremony;
mod support;
