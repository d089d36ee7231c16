//! The host's end of the board's serial line: a gateway that can be pulled out, and what the board says beside its frames.

use super::noise::{Noise, Noisy};
use super::session::{Recorded, Side};
use crate::device::small::Network;
use crate::site::{Site, label};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tuffet_no_std_client::link::{BUFFER_BYTES, Forwarded, Gateway};
use tuffet_no_std_client::transport::{Ask, Opened, Transport};

/// How long a silence of the line is for the gateway.
const SILENCE: Duration = Duration::from_millis(50);

/// What a gateway brings files from.
pub type Repository = Box<dyn Transport<Error = ()> + Send>;

/// What the thread of a line shares with the board.
#[derive(Default)]
struct Shared {
    /// A gateway is there.
    is_there: bool,
    /// The repository of a new one.
    new: Option<Repository>,
    /// What becomes of its frames.
    noise: Noise,
    /// The gateway is gone as soon as the board says a line that begins so.
    until: Option<String>,
    /// Files that were asked for, at their beginning.
    asked: Vec<String>,
    /// The gateway dies when it has sent so many more bytes.
    bytes_left: Option<usize>,
    forwarded: Vec<Forwarded>,
    /// What was said, if somebody wants to know.
    recorded: Option<Recorded>,
}

/// The line.
pub struct Line {
    shared: Arc<Mutex<Shared>>,
    /// Lines of text; closed with the line.
    pub(super) texts: Receiver<String>,
}

/// The repository of a gateway that is there.
struct Plug(Repository, Arc<Mutex<Shared>>);

impl Transport for Plug {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        if ask.offset == 0 || ask.path.ends_with(".patch") {
            lock(&self.1).asked.push(label(ask.path).to_owned());
        }
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
        self.plug_in_to(Box::new(Network::to(site)), Noise::None);
    }

    /// The same for a gateway that brings whatever it likes, over a line that does this to its frames.
    pub fn plug_in_to(&self, repository: Repository, noise: Noise) {
        let mut shared = lock(&self.shared);
        (shared.is_there, shared.new) = (true, Some(repository));
        (shared.bytes_left, shared.noise, shared.until) = (None, noise, None);
    }

    /// The gateway will be gone when the board has said a line that begins so: nothing that is asked behind it is answered.
    pub fn pull_out_behind(&self, words: &str) {
        lock(&self.shared).until = Some(words.to_owned());
    }

    /// The labels of the files that were asked for since the last call. What is asked for again from somewhere in its middle counts
    /// only if it is a patch.
    #[must_use]
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared).asked)
    }

    /// Keeps what both sides say from now on.
    pub fn record(&self) {
        lock(&self.shared).recorded = Some(Recorded::new());
    }

    /// What both sides said since [`record`](Self::record).
    #[must_use]
    pub fn take_recorded(&self) -> Recorded {
        lock(&self.shared).recorded.take().unwrap_or_default()
    }

    /// The gateway is gone.
    pub fn pull_out(&self) {
        lock(&self.shared).is_there = false;
    }

    /// The gateway will be gone when it has sent so many more bytes, frames included: in the middle of one.
    pub fn pull_out_after(&self, bytes: usize) {
        lock(&self.shared).bytes_left = Some(bytes);
    }

    /// Whether a gateway is there.
    #[must_use]
    pub fn is_plugged_in(&self) -> bool {
        lock(&self.shared).is_there
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

fn listen(mut socket: UnixStream, shared: &Arc<Mutex<Shared>>, texts: &Sender<String>) {
    let mut buffer = [0; BUFFER_BYTES];
    let nothing: Repository = Box::new(Network::to(Site::default()));
    let mut gateway = Gateway::new(Plug(nothing, Arc::clone(shared)), &mut buffer);
    let mut line = Vec::new();
    let mut space = [0; 4_096];
    let mut noisy = Noisy::default();
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
        record(shared, Side::Board, &space[..count]);
        for byte in space[..count].iter().map(|byte| Some(*byte)).chain([None]) {
            byte.into_iter().for_each(|byte| gateway.push(byte));
            while let Some(asked) = gateway.asked(&mut |byte| say(&mut line, byte, texts, shared)) {
                let Some(noise) = is_there(&mut gateway, shared) else {
                    continue;
                };
                let (mut frames, mut forwarded) = (Vec::new(), Vec::new());
                gateway.answer(&asked, &mut |frame| frames.push(frame.to_vec()), &mut |file| {
                    forwarded.push(file);
                });
                let frames = noisy.heard(noise, frames);
                let sent = sent(&frames, forwarded, shared);
                record(shared, Side::Gateway, &frames[..sent]);
                // An emulator that is gone is noticed by the next read.
                let _ = socket.write_all(&frames[..sent]);
            }
        }
    }
    if !line.is_empty() {
        say(&mut line, b'\n', texts, shared);
    }
}

fn record(shared: &Mutex<Shared>, side: Side, bytes: &[u8]) {
    if let Some(recorded) = &mut lock(shared).recorded
        && !bytes.is_empty()
    {
        recorded.push((side, bytes.to_vec()));
    }
}

/// Whether a gateway is there, and then what becomes of its frames. A new one takes the place of the one before it.
fn is_there(gateway: &mut Gateway<'_, Plug>, shared: &Arc<Mutex<Shared>>) -> Option<Noise> {
    let mut locked = lock(shared);
    if let Some(repository) = locked.new.take() {
        gateway.leave(&mut |_| ());
        *gateway.transport() = Plug(repository, Arc::clone(shared));
    }
    locked.is_there.then_some(locked.noise)
}

/// How many bytes of these frames the gateway sends before it dies.
fn sent(frames: &[u8], forwarded: Vec<Forwarded>, shared: &Mutex<Shared>) -> usize {
    let mut shared = lock(shared);
    shared.forwarded.extend(forwarded);
    let Some(left) = shared.bytes_left else {
        return frames.len();
    };
    let sent = frames.len().min(left);
    shared.bytes_left = Some(left - sent);
    if left == sent {
        shared.is_there = false;
    }
    sent
}

/// Puts a line of text together. Whoever does not want it any more is gone.
fn say(line: &mut Vec<u8>, byte: u8, texts: &Sender<String>, shared: &Mutex<Shared>) {
    if byte != b'\n' {
        line.push(byte);
        return;
    }
    let text = String::from_utf8_lossy(line).into_owned();
    let mut shared = lock(shared);
    if shared.until.as_ref().is_some_and(|until| text.starts_with(until)) {
        (shared.is_there, shared.until) = (false, None);
    }
    let _ = texts.send(text);
    line.clear();
}
