//! Keys and ceremonies of Tuffet.
