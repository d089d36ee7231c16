//! The server over real sockets, spoken to in raw bytes so that requests can be as odd as strangers make them.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::sync::oneshot;
use tuffet_server::{
    event::{Event, Log},
    http::{Limits, Server, StartError},
};

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A repository folder of made-up bytes: the server does not look into files.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("metadata")).unwrap();
    fs::create_dir(folder.path().join("targets")).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("metadata/timestamp.json", b"{\"version\":1}");
    write("metadata/1.root.json", b"{\"root\":1}");
    write(&format!("targets/{DIGEST}.lamp_c3_stable.release"), b"0123456789");
    write(".lock", b"");
    write("secret", b"secret");
    folder
}

/// A server on a thread of its own; stops when told, or when dropped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    events: Arc<Mutex<Vec<String>>>,
}

struct Recorded(Arc<Mutex<Vec<String>>>);

impl Log for Recorded {
    fn record(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Running {
    fn start(folder: &Path, limits: Limits) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address) = std::sync::mpsc::channel();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::new(Recorded(Arc::clone(&events)));
        let folder = folder.to_owned();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let server = Server::bind(&folder, "127.0.0.1:0", limits, log).await.unwrap();
                ready.send(server.address()).unwrap();
                server
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await;
            });
            runtime.shutdown_background();
        });
        Self {
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
            events,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends bytes on a new connection and reads until the server closes it.
    fn say(&self, request: &str) -> Reply {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Reply::of(bytes)
    }

    fn fetch(&self, method: &str, path: &str, headers: &str) -> Reply {
        self.say(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    fn get(&self, path: &str, headers: &str) -> Reply {
        self.fetch("GET", path, headers)
    }

    /// Asks until a place is free.
    fn get_when_free(&self, path: &str) {
        let started = Instant::now();
        while self.get(path, "").status != 200 {
            assert!(
                started.elapsed() < Duration::from_secs(15),
                "another connection still holds its place"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    fn join(&mut self) {
        self.signal_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn events(&self) -> String {
        self.events.lock().unwrap().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.join();
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn of(bytes: Vec<u8>) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let Some(end) = end else {
            return Self {
                status: 0,
                head: String::from_utf8_lossy(&bytes).into_owned(),
                body: Vec::new(),
            };
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

fn target() -> String {
    format!("/targets/{DIGEST}.lamp_c3_stable.release")
}

#[test]
fn files_come_whole_with_tag_type_and_cache_rule() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let reply = server.get("/metadata/timestamp.json", "");
    assert_eq!(
        (reply.status, reply.body.as_slice()),
        (200, b"{\"version\":1}".as_slice())
    );
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("content-length"), Some("13"));
    assert_eq!(reply.header("accept-ranges"), Some("bytes"));
    assert_eq!(
        reply.header("cache-control"),
        Some("public, max-age=10, must-revalidate")
    );

    let root = server.get("/metadata/1.root.json", "");
    assert_eq!((root.status, root.body.as_slice()), (200, b"{\"root\":1}".as_slice()));
    assert_eq!(
        root.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );

    let target = server.get(&target(), "");
    assert_eq!((target.status, target.body.as_slice()), (200, b"0123456789".as_slice()));
    assert_eq!(target.header("etag"), Some(format!("\"{DIGEST}-10\"").as_str()));
    assert_eq!(target.header("content-type"), Some("application/octet-stream"));
    assert_eq!(
        target.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
}

#[test]
fn head_has_the_length_and_no_body() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    for (path, length) in [(target(), "10"), ("/metadata/timestamp.json".to_owned(), "13")] {
        let reply = server.fetch("HEAD", &path, "Range: bytes=0-1\r\n");
        assert_eq!((reply.status, reply.body.len()), (200, 0));
        assert_eq!(reply.header("content-length"), Some(length));
    }
}

#[test]
fn an_idle_peek_is_a_304_without_body() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let first = server.get("/metadata/timestamp.json", "");
    let etag = first.header("etag").unwrap().to_owned();
    assert!(!etag.starts_with("W/"));
    let peek = server.get("/metadata/timestamp.json", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((peek.status, peek.body.len()), (304, 0));
    assert_eq!(peek.header("etag"), Some(etag.as_str()));
    assert_eq!(
        peek.header("cache-control"),
        Some("public, max-age=10, must-revalidate")
    );

    fs::write(folder.path().join("metadata/timestamp.json"), b"{\"version\":2}").unwrap();
    let news = server.get("/metadata/timestamp.json", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!(
        (news.status, news.body.as_slice()),
        (200, b"{\"version\":2}".as_slice())
    );
    assert_ne!(news.header("etag"), Some(etag.as_str()));
}

#[test]
fn an_unchanged_file_beats_its_range() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let headers = format!("If-None-Match: \"{DIGEST}-10\"\r\nRange: bytes=0-1\r\n");
    assert_eq!(server.get(&target(), &headers).status, 304);
    assert_eq!(server.get(&target(), "If-Match: \"other\"\r\n").status, 412);
}

#[test]
fn one_range_is_a_206() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    for (range, body, content_range) in [
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let reply = server.get(&target(), &format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.body.as_slice()), (206, body.as_bytes()), "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range));
        assert_eq!(reply.header("content-length"), Some(body.len().to_string().as_str()));
    }
    let metadata = server.get("/metadata/timestamp.json", "Range: bytes=2-8\r\n");
    assert_eq!(
        (metadata.status, metadata.body.as_slice()),
        (206, b"version".as_slice())
    );
}

#[test]
fn a_range_behind_the_end_is_a_416() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let reply = server.get(&target(), "Range: bytes=10-\r\n");
    assert_eq!((reply.status, reply.body.len()), (416, 0));
    assert_eq!(reply.header("content-range"), Some("bytes */10"));
}

#[test]
fn odd_ranges_are_answered_whole() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    for headers in [
        "Range: bytes=0-1,3-4\r\n",
        "Range: lines=0-1\r\n",
        "Range: bytes=5-2\r\n",
        "Range: bytes=0-1\r\nRange: bytes=2-3\r\n",
        "Range: bytes=4-\r\nIf-Range: \"older\"\r\n",
        "Range: bytes=4-\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    ] {
        let reply = server.get(&target(), headers);
        assert_eq!(
            (reply.status, reply.body.as_slice()),
            (200, b"0123456789".as_slice()),
            "{headers}"
        );
    }
    let same = format!("Range: bytes=4-\r\nIf-Range: \"{DIGEST}-10\"\r\n");
    assert_eq!(server.get(&target(), &same).status, 206);
}

#[test]
fn the_next_root_is_absent_only_for_a_moment() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let reply = server.get("/metadata/2.root.json", "");
    assert_eq!((reply.status, reply.body.len()), (404, 0));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=10"));
    let other = server.get("/metadata/2.snapshot.json", "");
    assert_eq!((other.status, other.header("cache-control")), (404, Some("no-store")));
}

#[test]
fn nothing_outside_the_two_folders_is_served() {
    let folder = folder();
    fs::write(folder.path().join("metadata/.hidden.json"), "x").unwrap();
    let server = Running::start(folder.path(), Limits::default());
    for path in [
        "/",
        "/secret",
        "/.lock",
        "/metadata",
        "/metadata/",
        "/metadata/.hidden.json",
        "/metadata/../secret",
        "/metadata/%2e%2e/secret",
        "/metadata/..%2fsecret",
        "/targets/../secret",
        "//etc/passwd",
        "/metadata//timestamp.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/metadata/timestamp.json/",
        "/metadata/timestamp.json%00",
    ] {
        let reply = server.get(path, "");
        assert_eq!((reply.status, reply.body.len()), (404, 0), "{path}");
    }
    assert_eq!(server.get("http://x/metadata/timestamp.json", "").status, 200);
    assert_eq!(server.get("/metadata/timestamp.json?now", "").status, 200);
}

#[test]
fn links_and_pipes_are_not_files() {
    let folder = folder();
    let metadata = folder.path().join("metadata");
    std::os::unix::fs::symlink(folder.path().join("secret"), metadata.join("7.root.json")).unwrap();
    fs::create_dir(metadata.join("8.root.json")).unwrap();
    let pipe = metadata.join("9.root.json");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let server = Running::start(folder.path(), Limits::default());
    for version in 7..=9 {
        let reply = server.get(&format!("/metadata/{version}.root.json"), "");
        assert_eq!((reply.status, reply.body.len()), (500, 0), "{version}");
    }
    assert_eq!(server.events().matches("NotAFile").count(), 3);

    let targets = folder.path().join("targets");
    fs::rename(&targets, folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &targets).unwrap();
    assert_eq!(server.get(&target(), "").status, 500);
}

#[test]
fn only_get_and_head_are_methods() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let reply = server.fetch(method, "/metadata/timestamp.json", "Content-Length: 0\r\n");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
}

#[test]
fn request_bodies_are_refused_and_never_taken_for_a_request() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let smuggled = "GET /metadata/1.root.json HTTP/1.1\r\nHost: x\r\n\r\n";
    for framing in [
        format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n",
            smuggled.len()
        ),
        "Content-Length: 99999999999\r\n\r\n".to_owned(),
        "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n".to_owned(),
    ] {
        let reply = server.say(&format!(
            "GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n{framing}"
        ));
        assert_eq!((reply.status, reply.body.len()), (413, 0), "{framing}");
        assert_eq!(reply.header("connection"), Some("close"));
    }
    assert!(!server.events().contains("1.root.json"));
}

#[test]
fn broken_and_oversized_heads_are_refused() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let long = "a".repeat(20_000);
    assert_eq!(
        server
            .get("/metadata/timestamp.json", &format!("X-Long: {long}\r\n"))
            .status,
        431
    );
    assert!([414, 431].contains(&server.get(&format!("/{long}"), "").status));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(server.get("/metadata/timestamp.json", &many).status, 431);
    for garbage in [
        "\r\n\r\nxx\r\n\r\n",
        "GET\r\n\r\n",
        "GET /a b c HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\r\n\r\n",
    ] {
        assert_eq!(server.say(garbage).status, 400, "{garbage:?}");
    }
    assert_eq!(server.get("/metadata/timestamp.json", "").status, 200);
}

#[test]
fn one_connection_carries_many_requests() {
    let folder = folder();
    let server = Running::start(folder.path(), Limits::default());
    let request = "GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /metadata/1.root.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut stream = server.connect();
    stream
        .write_all(format!("{request}{request}{last}").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
    assert!(text.ends_with("{\"root\":1}"));
}

#[test]
fn a_slow_head_is_cut_off() {
    let folder = folder();
    let limits = Limits {
        head_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = Running::start(folder.path(), limits);
    let started = Instant::now();
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n")
        .unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    assert!(
        (250..5_000).contains(&started.elapsed().as_millis()),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn an_idle_connection_is_closed() {
    let folder = folder();
    let limits = Limits {
        head_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = Running::start(folder.path(), limits);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /metadata/timestamp.json HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 OK"));
    assert!(
        (250..5_000).contains(&started.elapsed().as_millis()),
        "{:?}",
        started.elapsed()
    );
}

/// A target that no socket buffer swallows.
fn large(folder: &Path) -> (String, usize) {
    let length = 64 << 20;
    let name = format!("{DIGEST}.large.zst");
    let bytes: Vec<u8> = (0..length).map(|n: usize| (n / 4096) as u8).collect();
    fs::write(folder.join("targets").join(&name), bytes).unwrap();
    (format!("/targets/{name}"), length)
}

#[test]
fn a_receiver_that_takes_nothing_is_cut_off() {
    let folder = folder();
    let (path, length) = large(folder.path());
    let limits = Limits {
        stall_timeout: Duration::from_millis(1000),
        connections_max: 1,
        ..Limits::default()
    };
    let server = Running::start(folder.path(), limits);
    let mut stream = server.connect();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    // The only connection is taken until the server gives up on it.
    assert_eq!(server.get("/metadata/timestamp.json", "").status, 503);
    server.get_when_free("/metadata/timestamp.json");
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < length);
}

#[test]
fn a_slow_receiver_that_keeps_taking_is_served() {
    let folder = folder();
    let (path, length) = large(folder.path());
    let limits = Limits {
        stall_timeout: Duration::from_millis(1500),
        ..Limits::default()
    };
    let server = Running::start(folder.path(), limits);
    let mut stream = server.connect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let started = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    let (mut total, mut rest_at) = (0, 2 << 20);
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            read => total += read,
        }
        if total > rest_at {
            rest_at += 2 << 20;
            thread::sleep(Duration::from_millis(80));
        }
    }
    assert!(total > length, "{total}");
    // In all it took longer than a receiver may take nothing.
    assert!(started.elapsed() > Duration::from_millis(1500));
}

#[test]
fn one_connection_too_many_is_told_to_come_back() {
    let folder = folder();
    let limits = Limits {
        connections_max: 2,
        ..Limits::default()
    };
    let server = Running::start(folder.path(), limits);
    // Connections are accepted in order, so these two have their places before the third asks.
    let (first, _second) = (server.connect(), server.connect());
    let reply = server.get("/metadata/timestamp.json", "");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("30")));
    drop(first);
    server.get_when_free("/metadata/timestamp.json");
}

#[test]
fn a_file_replaced_while_it_is_sent_stays_the_old_one() {
    let folder = folder();
    let (path, length) = large(folder.path());
    let server = Running::start(folder.path(), Limits::default());
    let mut stream = server.connect();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = vec![0; 1024];
    stream.read_exact(&mut received).unwrap();
    let fresh = folder.path().join("fresh");
    fs::write(&fresh, vec![0xEE; length]).unwrap();
    fs::rename(&fresh, folder.path().join(&path[1..])).unwrap();
    stream.read_to_end(&mut received).unwrap();
    let reply = Reply::of(received);
    assert_eq!(reply.body.len(), length);
    assert!(reply.body.iter().enumerate().all(|(n, byte)| *byte == (n / 4096) as u8));
}

#[test]
fn a_file_written_to_while_it_is_sent_ends_short() {
    let folder = folder();
    let (path, length) = large(folder.path());
    let server = Running::start(folder.path(), Limits::default());
    for truncate in [false, true] {
        let mut stream = server.connect();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut received = vec![0; 1024];
        stream.read_exact(&mut received).unwrap();
        let file = fs::OpenOptions::new()
            .write(true)
            .open(folder.path().join(&path[1..]))
            .unwrap();
        if truncate {
            file.set_len(1 << 20).unwrap();
        } else {
            (&file).write_all(&vec![0xEE; length]).unwrap();
        }
        let _ = stream.read_to_end(&mut received);
        let body = Reply::of(received).body;
        assert!(body.len() < length);
        assert!(
            body.iter()
                .enumerate()
                .all(|(n, byte)| truncate || *byte == (n / 4096) as u8)
        );
    }
    assert_eq!(server.events().matches("Changed").count(), 2);
}

#[test]
fn stopping_lets_an_answer_finish() {
    let folder = folder();
    let (path, length) = large(folder.path());
    let mut server = Running::start(folder.path(), Limits::default());
    let mut stream = server.connect();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    let mut received = vec![0; 1024];
    stream.read_exact(&mut received).unwrap();
    let idle = server.connect();
    server.signal_stop();
    thread::sleep(Duration::from_millis(200));
    assert!(
        TcpStream::connect(server.address).is_err(),
        "a stopping server takes no new connection"
    );
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(Reply::of(received).body.len(), length);
    drop(idle);
    server.join();
    assert!(
        server.events().ends_with("Stopped { cut_off: 0 }"),
        "{}",
        server.events()
    );
}

#[test]
fn stopping_waits_only_so_long() {
    let folder = folder();
    let (path, _) = large(folder.path());
    let limits = Limits {
        drain_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut server = Running::start(folder.path(), limits);
    let mut stream = server.connect();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .unwrap();
    stream.read_exact(&mut [0; 1024]).unwrap();
    let started = Instant::now();
    server.join();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        server.events().ends_with("Stopped { cut_off: 1 }"),
        "{}",
        server.events()
    );
    stream.shutdown(Shutdown::Both).unwrap();
}

#[test]
fn no_client_address_is_recorded() {
    let folder = folder();
    let mut server = Running::start(
        folder.path(),
        Limits {
            connections_max: 1,
            ..Limits::default()
        },
    );
    let held = server.connect();
    let from = held.local_addr().unwrap();
    server.get("/metadata/timestamp.json", "X-Forwarded-For: 203.0.113.9\r\n");
    drop(held);
    server.get_when_free("/metadata/timestamp.json");
    server.get("/metadata/timestamp.json", "X-Forwarded-For: 203.0.113.9\r\n");
    server.join();
    let events = server.events();
    assert!(events.contains("Request") && events.contains("Busy"));
    assert!(!events.contains("203.0.113.9") && !events.contains(&format!(":{}", from.port())));
}

#[test]
fn wrong_folders_and_addresses_are_named() {
    let good = folder();
    let bind = |folder: &Path, address: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let bound = runtime.block_on(Server::bind(
            folder,
            address,
            Limits::default(),
            Arc::new(tuffet_server::event::Silent),
        ));
        bound.err().expect("serving must not begin")
    };
    let missing = bind(&good.path().join("none"), "127.0.0.1:0");
    assert!(matches!(missing, StartError::FolderMissing { .. }), "{missing}");
    assert!(matches!(
        bind(&good.path().join("targets"), "127.0.0.1:0"),
        StartError::NotARepository { .. }
    ));
    assert!(matches!(
        bind(&good.path().join("secret"), "127.0.0.1:0"),
        StartError::NotARepository { .. }
    ));
    let server = Running::start(good.path(), Limits::default());
    let in_use = bind(good.path(), &server.address.to_string());
    assert!(matches!(in_use, StartError::AddressInUse { .. }), "{in_use}");
    assert!(matches!(
        bind(good.path(), "192.0.2.1:80"),
        StartError::AddressUnusable { .. }
    ));
    assert!(matches!(
        bind(good.path(), "nonsense"),
        StartError::AddressUnusable { .. }
    ));
}
