//! The host's end of the board's serial line: a gateway that can be pulled out, and what the board says beside its frames.

use crate::device::small::Network;
use crate::site::Site;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tuffet_no_std_client::link::{BUFFER_BYTES, Forwarded, Gateway};
use tuffet_no_std_client::transport::{Ask, Opened, Transport};

/// How long a silence of the line is for the gateway.
const SILENCE: Duration = Duration::from_millis(50);

/// What the thread of a line shares with the board.
#[derive(Default)]
struct Shared {
    /// The repository behind the gateway; without one the gateway is not there.
    site: Option<Site>,
    /// The site is another one than the gateway has.
    is_new: bool,
    /// The gateway dies when it has sent so many more bytes.
    bytes_left: Option<usize>,
    forwarded: Vec<Forwarded>,
}

/// The line.
pub struct Line {
    shared: Arc<Mutex<Shared>>,
    /// Lines of text; closed with the line.
    pub(super) texts: Receiver<String>,
}

/// The repository of a gateway that is there.
struct Plug(Network);

impl Transport for Plug {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.0.open(ask)
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        self.0.read(space)
    }
}

impl Line {
    /// Begins to listen. No gateway is there.
    pub(super) fn over(socket: UnixStream) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (sender, texts) = channel();
        let of_thread = Arc::clone(&shared);
        // It ends with the emulator.
        std::thread::spawn(move || listen(socket, &of_thread, &sender));
        Self { shared, texts }
    }

    /// Puts a gateway to this repository at the end of the line: a new one, which knows nothing of what was asked before.
    pub fn plug_in(&self, site: Site) {
        let mut shared = lock(&self.shared);
        (shared.site, shared.is_new, shared.bytes_left) = (Some(site), true, None);
    }

    /// The gateway is gone.
    pub fn pull_out(&self) {
        lock(&self.shared).site = None;
    }

    /// The gateway will be gone when it has sent so many more bytes, frames included: in the middle of one.
    pub fn pull_out_after(&self, bytes: usize) {
        lock(&self.shared).bytes_left = Some(bytes);
    }

    /// Whether a gateway is there.
    #[must_use]
    pub fn is_plugged_in(&self) -> bool {
        lock(&self.shared).site.is_some()
    }

    /// What was forwarded since the last call.
    #[must_use]
    pub fn take_forwarded(&self) -> Vec<Forwarded> {
        std::mem::take(&mut lock(&self.shared).forwarded)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(mut socket: UnixStream, shared: &Mutex<Shared>, texts: &Sender<String>) {
    let mut buffer = [0; BUFFER_BYTES];
    let mut gateway = Gateway::new(Plug(Network::to(Site::default())), &mut buffer);
    let mut line = Vec::new();
    let mut space = [0; 4_096];
    if socket.set_read_timeout(Some(SILENCE)).is_err() {
        return;
    }
    loop {
        let count = match socket.read(&mut space) {
            Ok(count @ 1..) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                gateway.silent();
                0
            }
            Ok(_) | Err(_) => break,
        };
        for byte in space[..count].iter().map(|byte| Some(*byte)).chain([None]) {
            byte.into_iter().for_each(|byte| gateway.push(byte));
            while let Some(asked) = gateway.asked(&mut |byte| say(&mut line, byte, texts)) {
                let mut shared = lock(shared);
                if std::mem::take(&mut shared.is_new)
                    && let Some(site) = shared.site.clone()
                {
                    gateway.leave(&mut |_| ());
                    *gateway.transport() = Plug(Network::to(site));
                }
                if shared.site.is_none() {
                    continue;
                }
                let (mut frames, mut forwarded) = (Vec::new(), Vec::new());
                gateway.answer(&asked, &mut |frame| frames.extend(frame), &mut |file| {
                    forwarded.push(file)
                });
                shared.forwarded.extend(forwarded);
                let mut sent = frames.len();
                if let Some(left) = shared.bytes_left {
                    sent = sent.min(left);
                    shared.bytes_left = Some(left - sent);
                    if left == sent {
                        shared.site = None;
                    }
                }
                // An emulator that is gone is noticed by the next read.
                let _ = socket.write_all(&frames[..sent]);
            }
        }
    }
    if !line.is_empty() {
        say(&mut line, b'\n', texts);
    }
}

/// Puts a line of text together. Whoever does not want it any more is gone.
fn say(line: &mut Vec<u8>, byte: u8, texts: &Sender<String>) {
    if byte == b'\n' {
        let _ = texts.send(String::from_utf8_lossy(line).into_owned());
        line.clear();
    } else {
        line.push(byte);
    }
}
