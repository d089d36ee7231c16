//! Simulators and whole-system tests of Tuffet.
//!
//! - [`simulator`] writes repositories, healthy and broken, from plain JSON values: it can say what the product's types
//!   cannot, and shares no code with them.
//! - [`server`] serves them over HTTP, well or badly, and writes down every request.
//!
//! - [`attacks`] is the attack table; [`device`]s are what its rows run on.
//! - [`nor`] is a flash whose power can be cut, anywhere in an update; [`life`] is the life of a device on it, with what must
//!   hold at every moment.
//! - [`endurance`] is what many updates, quiet days and roots wear of such a flash.
//! - [`gateway`] is who stands between such a device and its repository, and lies.
//! - [`flash_device`] is the program `tuffet-flash-device`: a small device on such a flash in a file, over HTTP.
//! - [`board`] is an emulated board with the real firmware of small devices.
//! - [`microbit`] is another one, a smaller part behind a gateway, with a debugger at it.
//! - [`emulated_board`] is the program `tuffet-emulated-board`: such a board, to be watched.
//! - [`lab`] is the program `tuffet-lab`: it puts a release on a board, real or emulated, and proves it there.
//! - [`vendor`] is the other side: the real programs that publish and serve.
//!
//! Nothing here is part of a product; every helper of a whole-system test lives here, once.

pub mod attacks;
pub mod board;
pub mod device;
pub mod emulated_board;
pub mod endurance;
pub mod flash_device;
pub mod gateway;
pub mod lab;
pub mod life;
pub mod microbit;
pub mod nor;
pub mod powercut;
pub mod program;
pub mod server;
pub mod simulator;
pub mod site;
pub mod vendor;
