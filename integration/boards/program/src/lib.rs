//! What programs of every board share.
//!
//! - [`Register`] is a word at a fixed address.
//! - [`Line`] is a line of the contract between firmware and host, over whatever sends bytes.
//! - [`report`] writes those that every board writes.
//! - [`Stack`] is the stack, painted; [`Callers`] says who called whom.
#![no_std]

mod line;
mod register;
pub mod report;
mod stack;

pub use line::{Line, Wire};
pub use register::Register;
pub use stack::{Callers, Stack};
