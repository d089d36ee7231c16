//! What the tests of the emulated board share.

use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::board::{Board, Built, Emulator, Product};
use tuffet_integration::server::Server;

pub const NOW: u64 = 1_800_000_000;

/// A product at release 1.0.0 for slots of a strategy, its server, and a board that runs it.
pub struct Scene<S> {
    pub product: Product<S>,
    pub server: Server,
    pub board: Board,
}

impl<S: Built> Scene<S> {
    pub fn on(emulator: Emulator) -> Self {
        let product = Product::of(NOW);
        let server = Server::start(product.repository.site.clone()).unwrap();
        let board = product.board(emulator, &server);
        Self { product, server, board }
    }

    /// Publishes the next release, with a delta from the newest.
    pub fn release(&mut self, version: &str, slot: Slot, behaviour: Behaviour) {
        let before = self.product.image().to_vec();
        self.product.release(version, slot, behaviour, &before);
        self.server.serve(self.product.repository.site.clone());
    }
}
