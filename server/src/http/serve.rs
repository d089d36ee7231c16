use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, Response, body::Body, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{
    answer::{self, RETRY_AFTER_S},
    body::AnswerBody,
    folder::{ServedFileError, ServedFolder},
    limits::Limits,
    stall::StallGuard,
};
use crate::{
    event::{Event, Log},
    exit::Exit,
};

/// How long to wait when the system has no file descriptor for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A repository folder behind a listening socket.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Why serving did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another process listens there.
    #[error(
        "{address} is in use by another process; stop it or choose another port with --listen (port 0 takes a free one)"
    )]
    AddressInUse {
        /// What was asked for.
        address: String,
    },
    /// The address is not one of this machine, or needs rights which this user does not have.
    #[error("cannot listen on {address}: {source}")]
    AddressUnusable {
        /// What was asked for.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing there.
    #[error("no folder at {}; make a repository with `cargo xtask repo init`", path.display())]
    FolderMissing {
        /// What was asked for.
        path: PathBuf,
    },
    /// The folder cannot be read by this user.
    #[error("cannot read {}: {source}", path.display())]
    FolderUnreadable {
        /// The folder, or a part of it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else is there.
    #[error("{} is not a repository: it has no metadata folder; make one with `cargo xtask repo init`", path.display())]
    NotARepository {
        /// What was asked for.
        path: PathBuf,
    },
    /// The system gives no threads or signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl StartError {
    /// The exit code of a command that could not start serving.
    pub fn exit(&self) -> Exit {
        match self {
            Self::AddressInUse { .. } | Self::AddressUnusable { .. } => Exit::Network,
            Self::FolderMissing { .. }
            | Self::FolderUnreadable { .. }
            | Self::NotARepository { .. }
            | Self::Runtime(_) => Exit::Io,
        }
    }
}

struct Shared {
    folder: ServedFolder,
    limits: Limits,
    log: Arc<dyn Log>,
}

impl Server {
    /// Checks the folder and takes the address (`HOST:PORT`; port 0 takes a free one).
    pub async fn bind(folder: &Path, address: &str, limits: Limits, log: Arc<dyn Log>) -> Result<Self, StartError> {
        let folder = ServedFolder::open(folder)?;
        let unusable = |source: io::Error| {
            let address = address.to_owned();
            if source.kind() == io::ErrorKind::AddrInUse {
                StartError::AddressInUse { address }
            } else {
                StartError::AddressUnusable { address, source }
            }
        };
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok(Self {
            listener,
            address,
            shared: Arc::new(Shared { folder, limits, log }),
        })
    }

    /// The address it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then lets the answers that are on their way finish, for a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            listener,
            address,
            shared,
        } = self;
        shared.log.record(&Event::Listening { address });
        let free = Arc::new(Semaphore::new(shared.limits.connections_max));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                // The address is dropped here, on purpose.
                Ok((stream, _)) => match Arc::clone(&free).try_acquire_owned() {
                    Ok(permit) => {
                        let (shared, watcher) = (Arc::clone(&shared), graceful.watcher());
                        tokio::spawn(async move {
                            converse(stream, shared, watcher).await;
                            drop(permit);
                        });
                    }
                    Err(_) => turn_away(stream, &shared).await,
                },
                Err(error) => {
                    shared.log.record(&Event::AcceptFailed { error: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        let connections = graceful.count();
        shared.log.record(&Event::Stopping { connections });
        let drained = tokio::time::timeout(shared.limits.drain_timeout, graceful.shutdown()).await;
        let still_open = shared.limits.connections_max - free.available_permits();
        let cut_off = if drained.is_ok() { 0 } else { still_open };
        shared.log.record(&Event::Stopped { cut_off });
    }
}

/// All requests of one connection.
async fn converse(stream: TcpStream, shared: Arc<Shared>, watcher: Watcher) {
    configure(&stream, &shared.limits);
    let guarded = TokioIo::new(StallGuard::new(stream, shared.limits.stall_timeout));
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head_timeout)
        .max_header_size(shared.limits.head_bytes_max)
        .serve_connection(guarded, service);
    let Err(error) = watcher.watch(connection).await else {
        return;
    };
    // Whatever else ends a connection early is the client's affair.
    let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<ServedFileError>());
    if let Some(error) = cause {
        shared.log.record(&Event::FileFailed { error });
    }
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<AnswerBody>, ServedFileError> {
    let files = Arc::clone(&shared);
    let (parts, _unread) = request.into_parts();
    let head = Request::from_parts(parts, ());
    let answered = tokio::task::spawn_blocking(move || {
        let (response, error) = answer::answer(&files.folder, &files.limits, &head);
        (head, response, error)
    });
    let Ok((head, response, error)) = answered.await else {
        // Only when the runtime stops before the read began.
        return Ok(answer::status(hyper::StatusCode::SERVICE_UNAVAILABLE));
    };
    if let Some(error) = &error {
        shared.log.record(&Event::FileFailed { error });
    }
    shared.log.record(&Event::Request {
        method: head.method(),
        path: head.uri().path(),
        status: response.status(),
        bytes: response.body().size_hint().exact().unwrap_or(0),
    });
    Ok(response)
}

/// One connection too many: an honest answer, without waiting for the request.
async fn turn_away(mut stream: TcpStream, shared: &Shared) {
    shared.log.record(&Event::Busy {
        connections_max: shared.limits.connections_max,
    });
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_AFTER_S}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    // The socket is new, so its buffer is empty and takes this at once; if not, the client sees a closed connection.
    let _ = tokio::time::timeout(Duration::from_millis(50), stream.write_all(answer.as_bytes())).await;
}

/// Failures here only mean that the system's own, longer, timeouts stay.
fn configure(stream: &TcpStream, limits: &Limits) {
    let _ = stream.set_nodelay(true);
    // Covers what our own timer cannot see: bytes that the kernel took and the receiver never acknowledged.
    #[cfg(target_os = "linux")]
    {
        let milliseconds = u32::try_from(limits.stall_timeout.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = limits;
}
