//! Repository library of Tuffet.
