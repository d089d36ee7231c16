//! What the tests of the small device share: a transport without a heap, and a device from the factory.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tuffet_boot::{Slot, Why};
use tuffet_integration::device::small::{MAP, capacity};
use tuffet_integration::nor::SmallNor;
use tuffet_integration::simulator::release::successor;
use tuffet_integration::simulator::{Simulator, keys::sha256};
use tuffet_integration::site::{Site, label};
use tuffet_no_std_client::flash::{Storage, Xip};
use tuffet_no_std_client::patch::{Profile, SmallState};
use tuffet_no_std_client::release::Version;
use tuffet_no_std_client::transport::{Ask, Etag, Opened, Path, Transport};
use tuffet_no_std_client::wire::UnixSeconds;
use tuffet_no_std_client::{Client, Device, Settings, bootloader};

pub const NOW: u64 = 1_800_000_000;
pub const REQUESTS_MAX: usize = 64;

pub type SmallClient<'c> = Client<'c, SmallNor, Xip, SmallState>;

/// A transport that allocates nothing: the files of a site, and which of them were asked for.
pub struct Lines<'s> {
    pub site: &'s Site,
    pub open: Option<(&'s [u8], usize)>,
    /// The path of each request, and whether it was conditional; and the bytes that were read.
    pub requests: [Option<(Path, bool)>; REQUESTS_MAX],
    pub count: usize,
    pub bytes: usize,
}

impl<'s> Lines<'s> {
    pub fn to(site: &'s Site) -> Self {
        Self {
            site,
            open: None,
            requests: [None; REQUESTS_MAX],
            count: 0,
            bytes: 0,
        }
    }

    /// The requests so far, a `?` behind a conditional one.
    pub fn words(&self) -> Vec<String> {
        let word = |(path, is_conditional): &(Path, bool)| {
            let mark = if *is_conditional { "?" } else { "" };
            format!("{}{mark}", label(path))
        };
        self.requests.iter().flatten().map(word).collect()
    }

    pub fn tag(file: &[u8]) -> Etag {
        let sum = file
            .iter()
            .fold(17_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let mut tag = Etag::new();
        std::fmt::Write::write_fmt(&mut tag, format_args!("\"{sum:x}\"")).unwrap();
        tag
    }

    pub fn answer(&mut self, ask: &Ask<'_>) -> Opened {
        self.open = None;
        self.requests[self.count] = Some((Path::from(ask.path).unwrap(), ask.unless.is_some()));
        self.count += 1;
        let Some(file) = self.site.file(ask.path) else {
            return Opened::Absent;
        };
        let etag = Self::tag(file);
        if ask.unless == Some(&etag) {
            return Opened::NotModified;
        }
        self.open = Some((file, ask.offset as usize));
        Opened::Present { etag: Some(etag) }
    }

    pub fn bring(&mut self, space: &mut [u8]) -> usize {
        let Some((file, at)) = &mut self.open else { return 0 };
        let rest = file.get(*at..).unwrap_or_default();
        let count = rest.len().min(space.len()).min(333);
        space[..count].copy_from_slice(&rest[..count]);
        *at += count;
        self.bytes += count;
        count
    }
}

impl Transport for Lines<'_> {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        Ok(self.answer(ask))
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        Ok(self.bring(space))
    }
}

/// What waits, awaited: nothing is there at the first asking.
pub struct Slow<T>(pub T);

/// Ready at the second poll.
pub async fn later() {
    let mut is_asked = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_asked, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs a future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

pub fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(NOW + seconds)
}

pub fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

pub fn client<'c>(device: &'c Device, flash: &'c RefCell<SmallNor>, now: UnixSeconds) -> SmallClient<'c> {
    Client::new(device, Storage::new(flash, &MAP), Settings::DEFAULT, now).unwrap()
}

/// A device from the factory, with the firmware that the repository has.
pub fn factory(device: &Device, repository: &Simulator) -> RefCell<SmallNor> {
    let flash = RefCell::new(SmallNor::new(capacity(&MAP)));
    let mut client = client(device, &flash, at(0));
    client
        .provision_root(repository.site.file("metadata/1.root.json").unwrap())
        .unwrap();
    client.provision(&mut Lines::to(&repository.site), at(0)).unwrap();
    flash
}

/// Release 2.0.0, a small step from 1.0.0, with a delta for small devices.
pub fn with_delta(repository: &Simulator) -> Simulator {
    let mut next = repository.clone();
    let before = next.release.image.clone();
    next.stage("2.0.0");
    next.release.carry(successor("2.0.0", &before));
    next.release.add_patch(Some(&before), Profile::Small);
    next.publish();
    next
}

pub fn boots(flash: &RefCell<SmallNor>) -> (Slot, Why) {
    let run = bootloader::choose_slot(&Storage::new(flash, &MAP), &mut || ())
        .unwrap()
        .unwrap();
    (run.placed.slot, run.why)
}

pub fn slot_sha256(flash: &RefCell<SmallNor>, slot: Slot, length: usize) -> String {
    let start = MAP.slots.slot(slot).start as usize;
    sha256(&flash.borrow().contents()[start..start + length])
}
