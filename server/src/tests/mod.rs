//! Tests that run through the whole library.

mod cuts;
mod deltas;
mod expiry;
mod flow;
mod refusals;
