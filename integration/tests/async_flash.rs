//! A flash driver that is async, under the driver of small devices.

mod small;

use embedded_storage::nor_flash::{ErrorType, NorFlash as _, ReadNorFlash as _};
use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};
use small::*;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tuffet_integration::device::small::{MAP, capacity, identity};
use tuffet_integration::nor::{NorError, SmallNor};
use tuffet_integration::simulator::Simulator;
use tuffet_no_std_client::flash::{Polled, Storage, Xip};
use tuffet_no_std_client::patch::SmallState;
use tuffet_no_std_client::{Client, Outcome, Settings};

/// The flash model behind an async driver: every operation is pending for some polls.
struct Slow(SmallNor);

/// Polls that found an operation pending.
static IDLE: AtomicUsize = AtomicUsize::new(0);

async fn later() {
    let mut polls_left = 3;
    std::future::poll_fn(|_| {
        polls_left -= 1;
        if polls_left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

impl ErrorType for Slow {
    type Error = NorError;
}

impl ReadNorFlash for Slow {
    const READ_SIZE: usize = SmallNor::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        later().await;
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Slow {
    const WRITE_SIZE: usize = SmallNor::WRITE_SIZE;
    const ERASE_SIZE: usize = SmallNor::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        later().await;
        self.0.erase(from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorError> {
        later().await;
        self.0.write(offset, bytes)
    }
}

fn note_idle() {
    IDLE.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn polled_it_does_the_very_same() {
    let healthy = Simulator::healthy(NOW);
    let next = with_delta(&healthy);
    let device = identity();
    let waiting = factory(&device, &healthy);
    let contents = waiting.borrow().contents().to_vec();
    assert_eq!(contents.len(), capacity(&MAP));
    let polled = RefCell::new(Polled::with_idle(Slow(SmallNor::with_contents(contents)), note_idle));
    let mut other =
        Client::<_, Xip, SmallState>::new(&device, Storage::new(&polled, &MAP), Settings::DEFAULT, at(0)).unwrap();
    let outcome = client(&device, &waiting, at(0)).update(&mut Lines::to(&next.site), at(0));
    assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{outcome:?}");
    assert_eq!(other.update(&mut Lines::to(&next.site), at(0)), outcome);
    let polled = polled.into_inner().into_inner().0;
    assert!(polled.contents() == waiting.borrow().contents());
    let operations = polled.tally().operations();
    assert!(
        IDLE.load(Ordering::Relaxed) >= 2 * operations,
        "the operations were never pending"
    );
}
