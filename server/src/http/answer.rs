use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};
use tuffet_wire::hex::Hex;

use super::{
    body::AnswerBody,
    conditional::{self, Outcome},
    folder::{ServedFile, ServedFileError, ServedFolder},
    limits::Limits,
    range::{self, Wanted},
    route::{Kind, Route},
};

/// Metadata is read whole, so that its tag is its hash. Ten years of one product's files are about 1 MiB.
const METADATA_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long a client should stay away when the machine has no file descriptor left, in seconds.
pub const RETRY_AFTER_S: &str = "30";

/// Answers one request. Blocks on the file system.
///
/// An error comes with the answer that the client gets instead; the caller tells the operator.
pub fn answer<B>(
    folder: &ServedFolder,
    limits: &Limits,
    request: &Request<B>,
) -> (Response<AnswerBody>, Option<ServedFileError>) {
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        let refused = status(StatusCode::METHOD_NOT_ALLOWED);
        return (with(closing(refused), header::ALLOW, "GET, HEAD"), None);
    }
    if announces_body(request.headers()) {
        return (closing(status(StatusCode::PAYLOAD_TOO_LARGE)), None);
    }
    let Some(route) = Route::parse(request.uri().path()) else {
        return (
            with(status(StatusCode::NOT_FOUND), header::CACHE_CONTROL, "no-store"),
            None,
        );
    };
    match folder
        .file(&route)
        .and_then(|file| file.map(|file| Content::of(file, &route)).transpose())
    {
        Ok(Some(content)) => (found(content, &route, limits, request), None),
        Ok(None) => {
            let absent = status(StatusCode::NOT_FOUND);
            (with(absent, header::CACHE_CONTROL, &route.cache_absent(limits)), None)
        }
        Err(error) => (failed(&error), Some(error)),
    }
}

/// An answer without body.
pub fn status(code: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = code;
    response
}

/// A file's bytes, or the way to them, with the strong entity tag.
struct Content {
    length: u64,
    etag: String,
    place: Place,
}

/// Where the bytes are until they are sent.
enum Place {
    InMemory(Vec<u8>),
    OnDisk(ServedFile),
}

impl Content {
    fn of(file: ServedFile, route: &Route) -> Result<Self, ServedFileError> {
        let length = file.length();
        if route.kind() == Kind::Target {
            // The digest in the name is the publisher's promise; the length shows a file that was cut short and later mended.
            let etag = format!("\"{}-{length}\"", route.digest().unwrap_or_default());
            return Ok(Self {
                length,
                etag,
                place: Place::OnDisk(file),
            });
        }
        if length > METADATA_BYTES_MAX {
            return Err(ServedFileError::TooLong {
                name: route.name().to_owned(),
                bytes_max: METADATA_BYTES_MAX,
            });
        }
        let bytes = file.read(0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let etag = format!("\"{}\"", Hex(&Sha256::digest(&bytes)));
        Ok(Self {
            length,
            etag,
            place: Place::InMemory(bytes),
        })
    }

    fn part(self, first: u64, length: u64) -> AnswerBody {
        match self.place {
            Place::OnDisk(file) => AnswerBody::file(file, first, length),
            Place::InMemory(bytes) => {
                // Invariant: `first + length` is at most the length, which fits a `usize` because the bytes are in memory.
                let (first, length) = (first as usize, length as usize);
                AnswerBody::Whole(hyper::body::Bytes::from(bytes).slice(first..first + length))
            }
        }
    }
}

fn found<B>(content: Content, route: &Route, limits: &Limits, request: &Request<B>) -> Response<AnswerBody> {
    let headers = request.headers();
    let (etag, length) = (content.etag.clone(), content.length);
    let response = match conditional::evaluate(headers, &etag) {
        Outcome::Failed => status(StatusCode::PRECONDITION_FAILED),
        Outcome::Unchanged => status(StatusCode::NOT_MODIFIED),
        Outcome::Send => match wanted_part(request, &etag, length) {
            Wanted::Unsatisfiable => {
                let refused = status(StatusCode::RANGE_NOT_SATISFIABLE);
                with(refused, header::CONTENT_RANGE, &format!("bytes */{length}"))
            }
            Wanted::Whole => sent(request.method(), route, content, 0, length),
            Wanted::Part { first, length: part } => {
                let mut response = sent(request.method(), route, content, first, part);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let last = first + part - 1;
                with(
                    response,
                    header::CONTENT_RANGE,
                    &format!("bytes {first}-{last}/{length}"),
                )
            }
        },
    };
    let response = with(response, header::ETAG, &etag);
    let response = with(response, header::ACCEPT_RANGES, "bytes");
    with(response, header::CACHE_CONTROL, &route.cache_found(limits))
}

/// RFC 9110 §14.2: only GET has ranges. Two `Range` headers are none.
fn wanted_part<B>(request: &Request<B>, etag: &str, length: u64) -> Wanted {
    let mut ranges = request.headers().get_all(header::RANGE).iter();
    let (Some(range), None, true) = (ranges.next(), ranges.next(), *request.method() == Method::GET) else {
        return Wanted::Whole;
    };
    if !conditional::range_counts(request.headers(), etag) {
        return Wanted::Whole;
    }
    range
        .to_str()
        .map_or(Wanted::Whole, |range| range::parse(range, length))
}

fn sent(method: &Method, route: &Route, content: Content, first: u64, length: u64) -> Response<AnswerBody> {
    let body = if *method == Method::HEAD {
        AnswerBody::empty()
    } else {
        content.part(first, length)
    };
    let response = with(Response::new(body), header::CONTENT_LENGTH, &length.to_string());
    let response = with(response, header::CONTENT_TYPE, route.content_type());
    with(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// The client learns only that it is not its fault. Without file descriptors a later try may succeed.
fn failed(error: &ServedFileError) -> Response<AnswerBody> {
    if error.is_exhaustion() {
        return with(
            status(StatusCode::SERVICE_UNAVAILABLE),
            header::RETRY_AFTER,
            RETRY_AFTER_S,
        );
    }
    with(
        status(StatusCode::INTERNAL_SERVER_ERROR),
        header::CACHE_CONTROL,
        "no-store",
    )
}

/// A body that nobody reads would be taken for the next request, so the connection ends with the answer.
fn closing(response: Response<AnswerBody>) -> Response<AnswerBody> {
    with(response, header::CONNECTION, "close")
}

fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0")
}

fn with(mut response: Response<AnswerBody>, name: HeaderName, value: &str) -> Response<AnswerBody> {
    // Every value made here is printable ASCII; should one ever not be, the answer goes out without it.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
