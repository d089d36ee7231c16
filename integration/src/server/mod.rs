//! An HTTP/1.1 server on loopback that serves a [`Site`], well or badly, and writes down every request.
//!
//! - It knows what a plain file server knows: `GET`, ranges, entity tags, keep-alive. What goes wrong is said by the
//!   site's faults, one path at a time.
//! - It is bounded: in connections, in the size of a request, in the bytes of an endless body, in time. It stops when it
//!   is dropped.
//! - It is for tests: unless it is told another address, it listens on 127.0.0.1 only, on a port that the system picks.
//!
//! ```
//! use std::io::{Read, Write};
//! use tuffet_integration::{server::Server, site::Site};
//!
//! let mut site = Site::default();
//! site.put("metadata/timestamp.json", b"{}".to_vec());
//! let server = Server::start(site)?;
//! let mut connection = std::net::TcpStream::connect(server.address())?;
//! connection.write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! connection.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n{}"));
//! assert_eq!(server.requests()[0].path, "metadata/timestamp.json");
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod request;

use crate::site::Site;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use answer::entity_tag;
pub use request::Request;

/// Connections that may be open at the same time; more are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// The longest silence of a client before its connection is closed.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server lives at most, even if a test forgets it.
const LIFETIME_MAX: Duration = Duration::from_secs(300);

/// A running server.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

/// What the threads of a server have in common.
struct Shared {
    site: Mutex<Site>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
    ends_at: Instant,
}

impl Server {
    /// Starts to serve a site.
    ///
    /// # Errors
    ///
    /// When the system gives no port.
    pub fn start(site: Site) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), site, LIFETIME_MAX)
    }

    /// The same at an address of one's own choosing, for this long.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn start_at(address: SocketAddr, site: Site, lifetime_max: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            site: Mutex::new(site),
            requests: Mutex::default(),
            connections: Mutex::default(),
            stopping: AtomicBool::new(false),
            ends_at: Instant::now() + lifetime_max,
        });
        let listening = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || listen(&listener, &shared))
        };
        Ok(Self {
            address,
            shared,
            listening: Some(listening),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the repository folder.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves another site from now on.
    pub fn serve(&self, site: Site) {
        *lock(&self.shared.site) = site;
    }

    /// All requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for connection in lock(&self.shared.connections).iter() {
            // It may be closed already; then there is nothing left to do.
            let _ = connection.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then sees the flag.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            // A panic in there would have failed the test by the missing answer.
            let _ = listening.join();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stopping.load(Ordering::SeqCst) || Instant::now() > self.ends_at
    }
}

/// A thread that panicked with the lock held fails its test by itself; the others may read on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for connection in listener.incoming() {
        if shared.is_over() {
            break;
        }
        threads.retain(|thread| !thread.is_finished());
        let Ok(connection) = connection else { continue };
        let Ok(handle) = connection.try_clone() else { continue };
        if threads.len() >= CONNECTIONS_MAX {
            continue;
        }
        lock(&shared.connections).push(handle);
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || {
            // The client may hang up at any moment, and often should: what it made of the answer is what tests look at.
            let _ = converse(&connection, &shared);
            let _ = connection.shutdown(Shutdown::Both);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Answers the requests of one connection, one after the other.
fn converse(connection: &TcpStream, shared: &Shared) -> io::Result<()> {
    connection.set_read_timeout(Some(READ_TIMEOUT))?;
    connection.set_write_timeout(Some(READ_TIMEOUT))?;
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    while !shared.is_over() {
        let Some(request) = request::read(&mut reader)? else {
            return Ok(());
        };
        lock(&shared.requests).push(request.clone());
        let answer = answer::to(&request, &mut lock(&shared.site));
        let keep_alive = answer.send(connection, &|| shared.is_over())? && !request.wants_close();
        if !keep_alive {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
