use super::*;
use crate::transport::{Ask, AsyncTransport, Etag, Opened, Transport};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use proptest::prelude::*;
use std::string::String;
use std::vec;
use std::vec::Vec;

/// A stream that says what it is told to, in pieces of some length, and keeps what it hears.
#[derive(Clone)]
struct Script {
    answer: Vec<u8>,
    /// Most bytes that a read brings.
    piece_bytes: usize,
    /// Reads fail behind the answer, instead of ending.
    breaks: bool,
    said_bytes: usize,
    heard: String,
    is_open: bool,
    is_ready: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Gone;

impl core::fmt::Display for Gone {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("gone")
    }
}

impl core::error::Error for Gone {}

impl embedded_io::Error for Gone {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::ConnectionReset
    }
}

impl Script {
    fn of(answer: &[u8], piece_bytes: usize) -> Self {
        Self {
            answer: answer.to_vec(),
            piece_bytes,
            breaks: false,
            said_bytes: 0,
            heard: String::new(),
            is_open: false,
            is_ready: false,
        }
    }

    /// Pending at every first asking.
    async fn later(&mut self) {
        core::future::poll_fn(|_| {
            self.is_ready = !self.is_ready;
            if self.is_ready { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl ErrorType for Script {
    type Error = Gone;
}

impl embedded_io::Read for Script {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Gone> {
        let left = &self.answer[self.said_bytes..];
        if !self.is_open || left.is_empty() && self.breaks {
            return Err(Gone);
        }
        let count = left.len().min(space.len()).min(self.piece_bytes);
        space[..count].copy_from_slice(&left[..count]);
        self.said_bytes += count;
        Ok(count)
    }
}

impl embedded_io::Write for Script {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        let count = bytes.len().min(self.piece_bytes);
        self.heard.push_str(core::str::from_utf8(&bytes[..count]).unwrap());
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

impl Connect for Script {
    fn connect(&mut self) -> Result<(), Gone> {
        (self.said_bytes, self.is_open) = (0, true);
        Ok(())
    }

    fn close(&mut self) {
        self.is_open = false;
    }
}

impl embedded_io_async::Read for Script {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Gone> {
        self.later().await;
        embedded_io::Read::read(self, space)
    }
}

impl embedded_io_async::Write for Script {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        self.later().await;
        embedded_io::Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}

impl AsyncConnect for Script {
    async fn connect(&mut self) -> Result<(), Gone> {
        self.later().await;
        Connect::connect(self)
    }

    fn close(&mut self) {
        self.is_open = false;
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

fn ask(offset: u32) -> Ask<'static> {
    Ask {
        path: "metadata/1.root.json",
        offset,
        bytes_max: 100,
        unless: None,
    }
}

/// What came of one request: what was opened, the bytes, and the error.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    opened: Option<Opened>,
    bytes: Vec<u8>,
    failed: Option<HttpError<Gone>>,
    received: Received,
    heard: String,
}

fn outcome(http: &Http<'_, Script>, opened: Result<Opened, ()>, bytes: Vec<u8>) -> Outcome {
    // Whatever the end was, the server is not kept waiting.
    assert!(!http.stream().is_open, "the connection is left open");
    Outcome {
        opened: opened.ok(),
        bytes,
        failed: http.failed().copied(),
        received: http.received(),
        heard: http.stream().heard.clone(),
    }
}

fn fetch(script: Script, buffer_bytes: usize, space_bytes: usize, ask: &Ask<'_>) -> Outcome {
    let (mut buffer, mut space, mut bytes) = (vec![0; buffer_bytes], std::vec![0; space_bytes], Vec::new());
    let mut http = Http::new(script, "updates.example", "/lamp/", &mut buffer);
    let opened = Transport::open(&mut http, ask);
    while matches!(opened, Ok(Opened::Present { .. }))
        && let Ok(count @ 1..) = Transport::read(&mut http, &mut space)
    {
        bytes.extend_from_slice(&space[..count]);
    }
    outcome(&http, opened, bytes)
}

fn fetch_awaited(script: Script, buffer_bytes: usize, space_bytes: usize, ask: &Ask<'_>) -> Outcome {
    let (mut buffer, mut space, mut bytes) = (vec![0; buffer_bytes], std::vec![0; space_bytes], Vec::new());
    let mut http = Http::new(script, "updates.example", "/lamp/", &mut buffer);
    let opened = wait(AsyncTransport::open(&mut http, ask));
    while matches!(opened, Ok(Opened::Present { .. }))
        && let Ok(count @ 1..) = wait(AsyncTransport::read(&mut http, &mut space))
    {
        bytes.extend_from_slice(&space[..count]);
    }
    outcome(&http, opened, bytes)
}

fn fetch_once(answer: &str, offset: u32) -> Outcome {
    fetch(Script::of(answer.as_bytes(), 7), 16, 5, &ask(offset))
}

#[test]
fn request_says_no_more_than_is_needed() {
    let answer = "HTTP/1.1 304 Not Modified\r\n\r\n";
    assert_eq!(
        fetch_once(answer, 0).heard,
        "GET /lamp/metadata/1.root.json HTTP/1.1\r\nHost: updates.example\r\nUser-Agent: tuffet\r\nConnection: close\r\n\r\n"
    );
    let etag = Etag::from("\"a\"").unwrap();
    let full = Ask {
        unless: Some(&etag),
        ..ask(u32::MAX)
    };
    let heard = fetch(Script::of(answer.as_bytes(), 3), 1, 1, &full).heard;
    assert!(
        heard.ends_with("close\r\nRange: bytes=4294967295-\r\nIf-None-Match: \"a\"\r\n\r\n"),
        "{heard}"
    );
}

#[test]
fn answer_that_only_announces_one_is_passed_over() {
    let answer = "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(fetch_once(answer, 0).bytes, b"ab");
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(400);
    assert_eq!(fetch_once(&endless, 0).failed, Some(HttpError::HeadTooLong));
}

#[test]
fn headers_that_nobody_asked_for_may_be_long() {
    let answer = std::format!(
        "HTTP/1.1 200 {0}\r\nServer: {0}\r\nContent-Length: 1\r\n\r\nx",
        "y".repeat(1_000)
    );
    assert_eq!(fetch_once(&answer, 0).bytes, b"x");
}

#[test]
fn headers_that_are_used_are_not_guessed() {
    let cases = [
        ("Content-Length:", Unclear::Length),
        ("Content-Length: 1, 1", Unclear::Length),
        ("Content-Length : 1", Unclear::Header),
        (" folded: 1", Unclear::Header),
        (": 1", Unclear::Header),
        ("Transfer-Encoding: gzip, chunked", Unclear::Encoding),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            Unclear::Encoding,
        ),
        ("Content-Encoding: gzip", Unclear::Encoding),
    ];
    for (header, unclear) in cases {
        let answer = std::format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\nx");
        assert_eq!(
            fetch_once(&answer, 0).failed,
            Some(HttpError::Unclear(unclear)),
            "{header}"
        );
    }
    let long = std::format!("HTTP/1.1 200 OK\r\nContent-Length: {}1\r\n\r\nx", "0".repeat(200));
    assert_eq!(fetch_once(&long, 0).failed, Some(HttpError::Unclear(Unclear::Length)));
    for status in [
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 099",
        "HTTP/2 200",
        "ICY 200 OK",
        "",
    ] {
        let failed = fetch_once(&std::format!("{status}\r\n\r\n"), 0).failed;
        assert_eq!(failed, Some(HttpError::Unclear(Unclear::Status)), "{status}");
    }
}

#[test]
fn length_beyond_32_bits_is_as_long_as_it_gets() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc";
    let outcome = fetch_once(answer, 0);
    assert_eq!(
        (&outcome.bytes[..], outcome.failed),
        (&b"abc"[..], Some(HttpError::EndedEarly))
    );
}

#[test]
fn file_that_ends_at_or_before_the_offset_is_present_without_bytes() {
    for answer in [
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */3\r\nContent-Length: 4\r\n\r\nnone",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nabc",
    ] {
        for offset in [3, 4] {
            let outcome = fetch_once(answer, offset);
            assert_eq!(outcome.opened, Some(Opened::Present { etag: None }), "{answer}");
            assert_eq!((outcome.bytes.len(), outcome.failed), (0, None), "{answer}");
        }
    }
    assert!(matches!(
        fetch_once("HTTP/1.1 416 Range Not Satisfiable\r\n\r\n", 0).failed,
        Some(HttpError::Status { status: 416, .. })
    ));
}

#[test]
fn another_range_than_asked_for_is_refused() {
    for range in ["", "Content-Range: bytes 3-9/10\r\n", "Content-Range: lines 4-9/10\r\n"] {
        let answer = std::format!("HTTP/1.1 206 Partial Content\r\n{range}\r\nx");
        assert_eq!(fetch_once(&answer, 4).failed, Some(HttpError::WrongRange), "{range}");
    }
    let nobody_asked = [
        ("206 Partial Content", 206),
        ("304 Not Modified", 304),
        ("301 Moved", 301),
    ];
    for (line, status) in nobody_asked {
        let failed = fetch_once(&std::format!("HTTP/1.1 {line}\r\n\r\n"), 0).failed;
        let retry_after_s = None;
        assert_eq!(failed, Some(HttpError::Status { status, retry_after_s }), "{line}");
    }
}

#[test]
fn head_and_frames_are_bounded() {
    let bytes_max = usize::from(HEAD_BYTES_MAX);
    let long = |bytes: usize| std::format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    let lines = |lines: usize| std::format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(lines));
    let most = usize::from(HEADERS_MAX);
    for (answer, is_short) in [
        (long(bytes_max - 24), true),
        (long(bytes_max - 23), false),
        (lines(most - 2), true),
        (lines(most - 1), false),
    ] {
        let failed = (!is_short).then_some(HttpError::HeadTooLong);
        assert_eq!(fetch_once(&answer, 0).failed, failed, "{} bytes", answer.len());
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for frame in [
        std::format!("3;{}", "x".repeat(bytes_max)),
        std::format!("0\r\n{}", "x".repeat(bytes_max + 1)),
    ] {
        let failed = fetch_once(&std::format!("{chunked}{frame}"), 0).failed;
        assert_eq!(failed, Some(HttpError::HeadTooLong));
    }
}

#[test]
fn chunks_that_are_not_understood_are_refused() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, failed) in [
        ("-1\r\n", HttpError::Unclear(Unclear::ChunkLength)),
        ("\r\n", HttpError::Unclear(Unclear::ChunkLength)),
        ("100000000\r\n", HttpError::Unclear(Unclear::ChunkLength)),
        ("3\r\nabcdef\r\n", HttpError::Unclear(Unclear::ChunkEnd)),
        ("3\r\nabc\r\r\n0\r\n\r\n", HttpError::Unclear(Unclear::ChunkEnd)),
        ("3\r\nabc\r\n0\r\n", HttpError::EndedEarly),
    ] {
        assert_eq!(
            fetch_once(&std::format!("{chunked}{body}"), 0).failed,
            Some(failed),
            "{body}"
        );
    }
}

#[test]
fn tag_that_could_not_go_back_as_it_came_is_none() {
    for (tag, kept) in [
        ("\"a\"", true),
        ("W/\"a\"", true),
        ("\"a\rb\"", false),
        ("\"a b\"", false),
        ("\"\u{e9}\"", false),
    ] {
        let answer = std::format!("HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: 0\r\n\r\n");
        let Some(Opened::Present { etag }) = fetch_once(&answer, 0).opened else {
            panic!("{tag}")
        };
        assert_eq!(etag.as_ref().map(Etag::as_str), kept.then_some(tag));
    }
}

/// The bytes that one read of a file brings of which the caller wants no more, and whether the connection is closed behind it.
fn read_once(answer: &str, ask: &Ask<'_>) -> [(usize, bool); 2] {
    let (script, mut buffer, mut space) = (Script::of(answer.as_bytes(), usize::MAX), [0; 16], [0; 8]);
    let mut http = Http::new(script.clone(), "updates.example", "/lamp/", &mut buffer);
    assert!(matches!(Transport::open(&mut http, ask), Ok(Opened::Present { .. })));
    let count = if ask.bytes_max > 0 {
        Transport::read(&mut http, &mut space).unwrap()
    } else {
        0
    };
    let waited = (count, !http.stream().is_open);
    if waited.1 {
        assert_eq!(Transport::read(&mut http, &mut space), Ok(0), "{answer}");
    }
    let mut buffer = [0; 16];
    let mut http = Http::new(script, "updates.example", "/lamp/", &mut buffer);
    assert!(matches!(
        wait(AsyncTransport::open(&mut http, ask)),
        Ok(Opened::Present { .. })
    ));
    let count = if ask.bytes_max > 0 {
        wait(AsyncTransport::read(&mut http, &mut space)).unwrap()
    } else {
        0
    };
    [waited, (count, !http.stream().is_open)]
}

#[test]
fn connection_closes_behind_the_last_byte_that_is_wanted() {
    let sized = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde";
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0;the buffer does not hold this\r\n\r\n";
    let until_close = "HTTP/1.1 200 OK\r\n\r\nabcdefgh";
    let nothing = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (answer, bytes_max, is_closed) in [
        // At the end of the file, though nobody asks whether more comes.
        (sized, 6, true),
        (sized, 5, true),
        // The file is longer than what was signed.
        (sized, 3, true),
        (chunked, 3, true),
        (chunked, 6, true),
        (chunked, 7, false),
        (until_close, 8, true),
        (until_close, 9, false),
        (sized, 0, true),
        (nothing, 1, true),
    ] {
        let wanted = Ask { bytes_max, ..ask(0) };
        let came = if answer == nothing {
            0
        } else if answer == sized {
            bytes_max.min(5)
        } else if answer == chunked {
            bytes_max.min(6)
        } else {
            bytes_max.min(8)
        };
        let said = (came as usize, is_closed);
        assert_eq!(read_once(answer, &wanted), [said; 2], "{answer}: {bytes_max}");
    }
    // What is dropped in front of the offset is none of the bytes that are wanted.
    let wanted = Ask { bytes_max: 2, ..ask(2) };
    assert_eq!(read_once(sized, &wanted), [(2, true); 2]);
}

#[test]
fn stream_that_fails_is_said_so() {
    let mut script = Script::of(b"HTTP/1.1 200 OK\r\n\r\nabc", 7);
    script.breaks = true;
    let outcome = fetch(script, 16, 5, &ask(0));
    assert_eq!(
        (&outcome.bytes[..], outcome.failed),
        (&b"abc"[..], Some(HttpError::Stream(Gone)))
    );
}

#[test]
fn stream_that_takes_nothing_is_at_its_end() {
    let deaf = || Script::of(b"HTTP/1.1 200 OK\r\n\r\n", 0);
    let waited = fetch(deaf(), 16, 5, &ask(0));
    assert_eq!(waited.failed, Some(HttpError::EndedEarly));
    assert_eq!(fetch_awaited(deaf(), 16, 5, &ask(0)), waited);
}

#[test]
fn misuse_is_an_error() {
    assert_eq!(
        fetch(Script::of(b"", 1), 0, 1, &ask(0)).failed,
        Some(HttpError::NoBuffer)
    );
    let mut buffer = [0; 8];
    let mut http = Http::new(Script::of(b"", 1), "h", "/", &mut buffer);
    assert_eq!(Transport::read(&mut http, &mut [0]), Err(()));
    assert_eq!(http.failed(), Some(&HttpError::NotOpen));
}

#[test]
fn codes_and_names_are_frozen() {
    let status = HttpError::Status {
        status: 500,
        retry_after_s: None,
    };
    let frozen: [(HttpError<Gone>, u16, &str); 8] = [
        (HttpError::Stream(Gone), 501, "Stream"),
        (HttpError::EndedEarly, 502, "EndedEarly"),
        (HttpError::HeadTooLong, 503, "HeadTooLong"),
        (HttpError::Unclear(Unclear::Status), 504, "Unclear"),
        (HttpError::WrongRange, 505, "WrongRange"),
        (status, 506, "Status"),
        (HttpError::NotOpen, 507, "NotOpen"),
        (HttpError::NoBuffer, 508, "NoBuffer"),
    ];
    for (error, code, name) in frozen {
        assert_eq!((error.code(), error.name()), (code, name));
    }
}

/// Answers that begin well, so that chance gets behind the head; then noise at some place.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        6 => Just("200 OK"),
        2 => Just("206 Partial Content\r\nContent-Range: bytes 2-9/10"),
        1 => Just("416 No"),
        1 => Just("503 Busy\r\nRetry-After: 7"),
        1 => Just("103 Soon\r\n\r\nHTTP/1.1 200 OK"),
    ];
    let header = prop_oneof![
        2 => Just("Transfer-Encoding: chunked\r\n"),
        2 => Just("Content-Length: 5\r\n"),
        1 => Just("ETag: \"tag\"\r\n"),
    ];
    let body = prop_oneof![
        4 => Just("3\r\nabc\r\n"),
        2 => Just("0\r\n\r\n"),
        1 => Just("a;b\r\n0123456789\n"),
        1 => Just("3\r\nabcd"),
    ];
    let parts = |part, count| proptest::collection::vec(part, count).prop_map(|parts: Vec<&str>| parts.concat());
    let text = (status, parts(header.boxed(), 0..2), parts(body.boxed(), 0..5));
    let noise = proptest::option::of(proptest::collection::vec(any::<u8>(), 1..9));
    (text, noise, any::<prop::sample::Index>()).prop_map(|((status, headers, body), noise, at)| {
        let mut text = std::format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}").into_bytes();
        let at = at.index(text.len());
        text.splice(at..at, noise.unwrap_or_default());
        text
    })
}

proptest! {
    /// Whatever comes: no panic, the same in all pieces, in all buffers, and awaited.
    #[test]
    fn any_answer_is_the_same_in_all_pieces_and_awaited(
        answer in answers(), pieces in 1_usize..40, buffer in 1_usize..40, space in 1_usize..9, offset in 0_u32..4,
    ) {
        let whole = fetch(Script::of(&answer, usize::MAX), 4_096, 4_096, &ask(offset));
        let script = Script::of(&answer, pieces);
        let pieced = fetch(script.clone(), buffer, space, &ask(offset));
        prop_assert_eq!(&pieced, &whole);
        prop_assert_eq!(fetch_awaited(script, buffer, space, &ask(offset)), pieced);
    }
}
