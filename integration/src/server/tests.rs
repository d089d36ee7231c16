use super::*;
use crate::site::Fault;
use std::io::{Read, Write};

const FILE: &[u8] = b"0123456789";

fn serve(fault: Option<Fault>) -> Server {
    let mut site = Site::default();
    site.put("f", FILE.to_vec());
    if let Some(fault) = fault {
        site.fault("f", fault);
    }
    Server::start(site).unwrap()
}

/// The whole answer to one request with these headers.
fn ask(server: &Server, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut connection = TcpStream::connect(server.address()).unwrap();
    write!(connection, "GET /{path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    // A reset connection gives what came before it.
    let _ = connection.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap(), body)
}

#[test]
fn serves_files_ranges_and_tags() {
    let server = serve(None);
    let (head, body) = ask(&server, "f", "");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == FILE, "{head}");
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("ETag: "))
        .unwrap()
        .to_owned();
    let (head, body) = ask(&server, "f", &format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{head}");
    let (head, body) = ask(&server, "f", "Range: bytes=4-\r\n");
    assert!(head.starts_with("HTTP/1.1 206 ") && body == FILE[4..], "{head}");
    assert!(head.contains("Content-Range: bytes 4-9/10"), "{head}");
    assert!(ask(&server, "f", "Range: bytes=10-\r\n").0.starts_with("HTTP/1.1 416 "));
    assert!(
        ask(&server, "f", "Range: bytes=4-\r\nIf-Range: \"x\"\r\n")
            .0
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(ask(&server, "g", "").0.starts_with("HTTP/1.1 404 "));
    let requests = server.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(requests[2].range_from(), Some(4));
    assert_eq!(requests[1].if_none_match(), Some(tag.as_str()));
}

#[test]
fn each_fault_shows() {
    let body = |fault, headers: &str| ask(&serve(Some(fault)), "f", headers).1;
    let head = |fault, headers: &str| ask(&serve(Some(fault)), "f", headers).0;
    let range = "Range: bytes=4-\r\n";
    assert_eq!(body(Fault::Truncated { bytes: 3 }, ""), &FILE[..3]);
    assert!(head(Fault::Truncated { bytes: 3 }, "").contains("Content-Length: 3\r\n"));
    assert_eq!(body(Fault::Reset { bytes: 3 }, ""), &FILE[..3]);
    assert!(head(Fault::Reset { bytes: 3 }, "").contains("Content-Length: 10\r\n"));
    assert_eq!(body(Fault::Extended { bytes: 2 }, ""), [FILE, &[0, 0]].concat());
    assert_eq!(body(Fault::EndlessBody, "").len(), FILE.len() + answer::ENDLESS_BYTES);
    assert_eq!(body(Fault::RangeIgnored, range), FILE);
    assert!(head(Fault::RangeShifted, range).contains("Content-Range: bytes 2-9/10"));
    assert_eq!(body(Fault::RangeShifted, range), &FILE[2..]);
    assert!(head(Fault::RangeFalse, range).contains("Content-Range: bytes 4-9/10"));
    assert_eq!(body(Fault::RangeFalse, range), FILE);
    assert!(!head(Fault::WrongTag, "").contains(&entity_tag(FILE)));
    assert!(head(Fault::NotModified, "").starts_with("HTTP/1.1 304 "));
    let unavailable = head(
        Fault::Status {
            code: 503,
            retry_after_s: Some(7),
        },
        "",
    );
    assert!(
        unavailable.starts_with("HTTP/1.1 503 ") && unavailable.contains("Retry-After: 7"),
        "{unavailable}"
    );
    let started_at = Instant::now();
    assert_eq!(body(Fault::SlowDrip { bytes: 5, pause_ms: 30 }, ""), FILE);
    assert!(started_at.elapsed() >= Duration::from_millis(60));
}

#[test]
fn connection_is_kept_for_the_next_request() {
    let server = serve(None);
    let mut connection = TcpStream::connect(server.address()).unwrap();
    for _ in 0..2 {
        write!(connection, "GET /f HTTP/1.1\r\n\r\n").unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(FILE) {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn drop_ends_open_connections() {
    let server = serve(None);
    let mut idle = TcpStream::connect(server.address()).unwrap();
    write!(idle, "GET /f HTTP/1.1\r\n\r\n").unwrap();
    idle.read_exact(&mut [0]).unwrap();
    let started_at = Instant::now();
    drop(server);
    assert!(started_at.elapsed() < Duration::from_secs(5));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
}
