//! Simulators and whole-system tests of Tuffet.
