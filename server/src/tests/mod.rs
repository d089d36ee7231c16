//! Tests that run through the whole library.

mod cuts;
mod expiry;
mod flow;
mod refusals;
