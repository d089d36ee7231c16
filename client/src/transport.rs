//! How bytes come to the device: over HTTP, or from a folder that holds a copy of the repository.
//!
//! - A transport is not trusted: it moves bytes and enforces the byte limit it is given; the update machine judges them.
//! - 404 and 403 mean "there is no such file" (object stores without list permission answer 403); everything else that is
//!   not a success is an error, with the server's `Retry-After` if it gave one.
//! - A download resumes by range. When a server answers 200 instead of 206, the bytes before the offset are read again
//!   and skipped: the caller always gets the file from the offset on.

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, RANGE, RETRY_AFTER};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest silence of a server in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Every answer must bring at least [`PACE_BYTES_MIN`] in each of these spans, until it ends: so a metadata file takes no
/// longer than a few of them, however a server drips it.
const PACE_WINDOW: Duration = Duration::from_secs(60);
/// The slowest modem still in use brings more.
const PACE_BYTES_MIN: usize = 4_096;

/// What is asked of a transport.
#[derive(Debug, Clone, Copy)]
pub struct Fetch<'a> {
    /// The path below the repository, such as `metadata/timestamp.json`.
    pub path: &'a str,
    /// The most bytes the answer may have; a longer one is an error.
    pub bytes_max: u64,
}

/// A small file, whole.
#[derive(Debug)]
pub struct Fetched {
    /// The bytes, at most as many as allowed.
    pub bytes: Vec<u8>,
    /// The entity tag, if the server gave one.
    pub etag: Option<String>,
}

/// The answer to a conditional request.
#[derive(Debug)]
pub enum Conditional {
    /// The server has something else than the tag names.
    Changed,
    /// What the tag names is still current.
    NotModified,
}

/// A body that is read piece by piece.
pub struct Body {
    starts_at: u64,
    reader: Box<dyn Read>,
    received_bytes: Rc<Cell<u64>>,
    pace: Pace,
}

impl Body {
    /// Reads the next piece; 0 bytes at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TransportError> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    self.received_bytes.set(self.received_bytes.get() + count as u64);
                    self.pace.check(count)?;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Reads and forgets what comes before `offset`.
    fn skip_to(&mut self, offset: u64) -> Result<(), TransportError> {
        let mut piece = [0; 8_192];
        while self.starts_at < offset {
            let wanted = (offset - self.starts_at).min(piece.len() as u64) as usize;
            match self.read(piece.get_mut(..wanted).unwrap_or_default())? {
                0 => {
                    return Err(TransportError::Broken {
                        reason: "the server ended the file early".to_owned(),
                    });
                }
                count => self.starts_at += count as u64,
            }
        }
        Ok(())
    }
}

/// Watches that a server does not hold the device with a drip of bytes.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            bytes: 0,
        }
    }

    fn check(&mut self, bytes: usize) -> Result<(), TransportError> {
        self.bytes += bytes;
        if self.since.elapsed() < PACE_WINDOW {
            return Ok(());
        }
        if self.bytes < PACE_BYTES_MIN {
            let reason = format!(
                "the server sent only {} bytes in {} s",
                self.bytes,
                PACE_WINDOW.as_secs()
            );
            return Err(TransportError::Broken { reason });
        }
        *self = Self::new();
        Ok(())
    }
}

/// Why bytes did not come. All of these may be tried again later.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it ended in the middle.
    #[error("the connection failed: {reason}")]
    Broken {
        /// What the network or file layer said.
        reason: String,
    },
    /// The answer is not one that the update protocol knows.
    #[error("the server answered {status} for {path}")]
    Status {
        /// The HTTP status code.
        status: u16,
        /// The path that was asked for.
        path: String,
        /// Seconds which the server asks to wait.
        retry_after_s: Option<u32>,
    },
    /// A range answer that does not fit what was asked for.
    #[error("the server answered with another range of {path} than the one asked for")]
    WrongRange {
        /// The path that was asked for.
        path: String,
    },
    /// The body is longer than the limit.
    #[error("{path} is longer than the {bytes_max} bytes allowed")]
    TooLong {
        /// The path that was asked for.
        path: String,
        /// The limit in bytes.
        bytes_max: u64,
    },
}

impl TransportError {
    /// Seconds which the server asked to wait before the next request.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Status { retry_after_s, .. } => *retry_after_s,
            Self::Broken { .. } | Self::WrongRange { .. } | Self::TooLong { .. } => None,
        }
    }
}

/// A way to the repository, and what it cost so far.
pub struct Transport {
    place: Place,
    requests: Cell<u64>,
    received_bytes: Rc<Cell<u64>>,
}

/// Where the repository is.
enum Place {
    /// A web server or CDN. One client, so that connections are reused; the address ends in `/`.
    Http { client: Client, base: String },
    /// A folder with the same files.
    Folder(PathBuf),
}

impl Transport {
    /// Makes the transport for an address: `http://…`, `https://…`, or the path of a folder.
    pub fn open(address: &str) -> Result<Self, TransportError> {
        if !address.starts_with("http://") && !address.starts_with("https://") {
            let folder = PathBuf::from(address.strip_prefix("file://").unwrap_or(address));
            return Ok(Self::at(Place::Folder(folder)));
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // Of the blocking client this is the limit of each wait, not of the whole answer.
            .timeout(READ_TIMEOUT)
            // A repository is a fixed place; a redirect to elsewhere is a configuration mistake or an attack on privacy.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("tuffet")
            .build()
            .map_err(broken)?;
        let slash = if address.ends_with('/') { "" } else { "/" };
        Ok(Self::at(Place::Http {
            client,
            base: format!("{address}{slash}"),
        }))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            requests: Cell::new(0),
            received_bytes: Rc::new(Cell::new(0)),
        }
    }

    /// How many requests were made.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// How many bytes of bodies came.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes.get()
    }

    fn body(&self, starts_at: u64, reader: impl Read + 'static) -> Body {
        Body {
            starts_at,
            reader: Box::new(reader),
            received_bytes: Rc::clone(&self.received_bytes),
            pace: Pace::new(),
        }
    }

    /// Fetches a small file whole; `None` when there is none.
    pub fn fetch(&self, fetch: Fetch<'_>) -> Result<Option<Fetched>, TransportError> {
        self.requests.set(self.requests.get() + 1);
        let (mut body, etag) = match &self.place {
            Place::Folder(folder) => match open_file(folder, fetch.path)? {
                None => return Ok(None),
                Some(file) => (self.body(0, file), None),
            },
            Place::Http { client, base } => {
                let request = client.get(format!("{base}{}", fetch.path));
                let response = request.send().map_err(broken)?;
                match response.status() {
                    StatusCode::OK => {
                        let etag = header(response.headers(), ETAG.as_str());
                        (self.body(0, response), etag)
                    }
                    StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(None),
                    _ => return Err(status(&response, fetch.path)),
                }
            }
        };
        Ok(Some(Fetched {
            bytes: read_bounded(&mut body, fetch)?,
            etag,
        }))
    }

    /// Asks whether a file is still the one that `etag` names. One request, no body when nothing changed.
    pub fn peek(&self, path: &str, etag: &str) -> Result<Conditional, TransportError> {
        self.requests.set(self.requests.get() + 1);
        match &self.place {
            Place::Folder(_) => Ok(Conditional::Changed),
            Place::Http { client, base } => {
                let request = client.get(format!("{base}{path}")).header(IF_NONE_MATCH, etag);
                let response = request.send().map_err(broken)?;
                match response.status() {
                    StatusCode::NOT_MODIFIED => Ok(Conditional::NotModified),
                    StatusCode::OK => Ok(Conditional::Changed),
                    _ => Err(status(&response, path)),
                }
            }
        }
    }

    /// Opens a large file at an offset; `None` when there is none.
    pub fn download(&self, path: &str, offset: u64) -> Result<Option<Body>, TransportError> {
        self.requests.set(self.requests.get() + 1);
        match &self.place {
            Place::Folder(folder) => {
                let Some(mut file) = open_file(folder, path)? else {
                    return Ok(None);
                };
                file.seek(SeekFrom::Start(offset)).map_err(broken)?;
                Ok(Some(self.body(offset, file)))
            }
            Place::Http { client, base } => {
                let mut request = client.get(format!("{base}{path}"));
                if offset > 0 {
                    request = request.header(RANGE, format!("bytes={offset}-"));
                }
                let response = request.send().map_err(broken)?;
                match response.status() {
                    StatusCode::OK => {
                        // The server does not do ranges: what is here already has to come once more.
                        let mut body = self.body(0, response);
                        body.skip_to(offset)?;
                        Ok(Some(body))
                    }
                    StatusCode::PARTIAL_CONTENT if offset > 0 => {
                        let range = header(response.headers(), CONTENT_RANGE.as_str()).unwrap_or_default();
                        if !range.starts_with(&format!("bytes {offset}-")) {
                            return Err(TransportError::WrongRange { path: path.to_owned() });
                        }
                        Ok(Some(self.body(offset, response)))
                    }
                    StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
                    _ => Err(status(&response, path)),
                }
            }
        }
    }
}

fn open_file(folder: &Path, path: &str) -> Result<Option<File>, TransportError> {
    match File::open(folder.join(path)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TransportError::Broken {
            reason: format!("{}: {error}", folder.join(path).display()),
        }),
    }
}

/// Reads a whole body, one byte more than allowed at most: enough to know that it is too long.
fn read_bounded(body: &mut Body, fetch: Fetch<'_>) -> Result<Vec<u8>, TransportError> {
    let mut bytes = Vec::new();
    let mut piece = [0; 8_192];
    loop {
        let count = body.read(&mut piece)?;
        let Some(received) = piece.get(..count).filter(|received| !received.is_empty()) else {
            return Ok(bytes);
        };
        bytes.extend_from_slice(received);
        if bytes.len() as u64 > fetch.bytes_max {
            return Err(TransportError::TooLong {
                path: fetch.path.to_owned(),
                bytes_max: fetch.bytes_max,
            });
        }
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn status(response: &Response, path: &str) -> TransportError {
    TransportError::Status {
        status: response.status().as_u16(),
        path: path.to_owned(),
        retry_after_s: header(response.headers(), RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()),
    }
}

fn broken(error: impl std::error::Error) -> TransportError {
    // The innermost cause says what really happened ("connection refused"); the outer ones repeat the address.
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    TransportError::Broken {
        reason: innermost.to_string(),
    }
}
