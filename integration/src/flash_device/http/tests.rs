use super::*;
use crate::server::{Server, entity_tag};
use crate::site::{Fault, Site};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use tuffet_no_std_client::http::{HEAD_BYTES_MAX, HEADERS_MAX, Received, Unclear};
use tuffet_no_std_client::transport::{Ask, Etag, Opened, Transport as _};

const FILE: &[u8] = b"0123456789";

/// A server that answers one request with these bytes, and closes.
fn once(answer: &[u8]) -> Place {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.to_vec();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        // The client may have heard enough.
        let _ = (&stream).write_all(&answer);
    });
    Place::new(&format!("http://{address}")).unwrap()
}

fn ask(offset: u32) -> Ask<'static> {
    Ask {
        path: "f",
        offset,
        bytes_max: 100,
        unless: None,
    }
}

/// All that comes of a file; what is wrong with it, else.
fn fetch(http: &mut Http<'_, Socket>, ask: &Ask<'_>) -> Result<Option<Vec<u8>>, SocketHttpError> {
    let outcome = http.open(ask).and_then(|opened| {
        let mut bytes = Vec::new();
        if !matches!(opened, Opened::Present { .. }) {
            return Ok(None);
        }
        loop {
            // Not a divisor of anything.
            let mut piece = [0; 7];
            match http.read(&mut piece)? {
                0 => return Ok(Some(bytes)),
                count => bytes.extend_from_slice(&piece[..count]),
            }
        }
    });
    outcome.map_err(|()| http.failed().unwrap().clone())
}

fn fetch_once(answer: &str, offset: u32) -> Result<Option<Vec<u8>>, SocketHttpError> {
    fetch(&mut once(answer.as_bytes()).http(), &ask(offset))
}

fn unclear(fault: Unclear) -> Result<Option<Vec<u8>>, SocketHttpError> {
    Err(HttpError::Unclear(fault))
}

fn is_broken(outcome: &Result<Option<Vec<u8>>, SocketHttpError>) -> bool {
    matches!(outcome, Err(HttpError::EndedEarly | HttpError::Stream(_)))
}

fn site() -> Site {
    let mut site = Site::default();
    site.put("f", FILE.to_vec());
    site
}

/// A server with a fault, and the way to it.
fn faulty(fault: Fault) -> (Server, Place) {
    let mut site = site();
    site.fault("f", fault);
    let server = Server::start(site).unwrap();
    let place = Place::new(&server.url()).unwrap();
    (server, place)
}

#[test]
fn only_this_machine_is_reached() {
    for good in [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/",
        "http://127.0.0.1/a/b",
        "http://[::1]:80/",
    ] {
        assert!(Place::new(good).is_ok(), "{good}");
    }
    for bad in [
        "https://127.0.0.1/",
        "http://192.0.2.1:8080/",
        "127.0.0.1:8080",
        "http://",
        "http://127.0.0.1:x/",
        "/tmp/repository",
    ] {
        assert!(Place::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn whole_file_comes_with_its_tag_and_is_counted() {
    let server = Server::start(site()).unwrap();
    let mut place = Place::new(&server.url()).unwrap();
    let mut http = place.http();
    let Ok(Opened::Present { etag: Some(etag) }) = http.open(&ask(0)) else {
        panic!("the file is there: {:?}", http.failed())
    };
    assert_eq!(etag.as_str(), entity_tag(FILE));
    assert_eq!(fetch(&mut http, &ask(0)).unwrap().unwrap(), FILE);
    let received = http.received();
    assert_eq!((received.requests, received.body_bytes), (2, 10));
    assert!(received.head_bytes > 100, "{received:?}");
}

#[test]
fn what_did_not_change_comes_without_a_body() {
    let server = Server::start(site()).unwrap();
    let mut place = Place::new(&server.url()).unwrap();
    let mut http = place.http();
    let etag = Etag::from(&entity_tag(FILE)).unwrap();
    let unless = Ask {
        unless: Some(&etag),
        ..ask(0)
    };
    assert_eq!(http.open(&unless), Ok(Opened::NotModified));
    assert_eq!(http.received().body_bytes, 0);
    // Nobody asked on a condition: this is no answer.
    let status = |status| HttpError::Status {
        status,
        retry_after_s: None,
    };
    assert_eq!(
        fetch_once("HTTP/1.1 304 Not Modified\r\n\r\n", 0).unwrap_err(),
        status(304)
    );
    assert_eq!(
        fetch_once("HTTP/1.1 206 Partial Content\r\n\r\n", 0).unwrap_err(),
        status(206)
    );
}

#[test]
fn file_goes_on_by_range() {
    let server = Server::start(site()).unwrap();
    let mut place = Place::new(&server.url()).unwrap();
    let mut http = place.http();
    assert_eq!(fetch(&mut http, &ask(4)).unwrap().unwrap(), &FILE[4..]);
    assert_eq!(server.requests()[0].range_from(), Some(4));
    assert_eq!(http.received().body_bytes, 6);
}

#[test]
fn whole_file_instead_of_a_range_is_cut_in_front() {
    let (_server, mut place) = faulty(Fault::RangeIgnored);
    let mut http = place.http();
    assert_eq!(fetch(&mut http, &ask(4)).unwrap().unwrap(), &FILE[4..]);
    assert_eq!(http.received().body_bytes, 10);
    // It ends before the offset: there are no bytes behind it.
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(fetch_once(short, 4).unwrap().unwrap(), b"");
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
    assert!(is_broken(&fetch_once(cut, 4)));
}

#[test]
fn another_range_than_asked_for_is_refused() {
    let (_server, mut place) = faulty(Fault::RangeShifted);
    let mut http = place.http();
    assert_eq!(fetch(&mut http, &ask(4)), Err(HttpError::WrongRange));
    let without = "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx";
    assert!(matches!(fetch_once(without, 4), Err(HttpError::WrongRange)));
}

#[test]
fn file_that_ends_early_is_broken_and_not_short() {
    let (_server, mut place) = faulty(Fault::Reset { bytes: 3 });
    let mut http = place.http();
    assert!(is_broken(&fetch(&mut http, &ask(0))));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in ["", "5\r\nabc", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n"] {
        assert!(is_broken(&fetch_once(&format!("{chunked}{body}"), 0)), "{body}");
    }
    for head in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"] {
        assert!(is_broken(&fetch_once(head, 0)), "{head}");
    }
}

#[test]
fn chunks_are_put_together() {
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n\
                  3\r\nabc\r\nA;note=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nbehind";
    assert_eq!(fetch_once(answer, 0).unwrap().unwrap(), b"abc0123456789");
    assert_eq!(fetch_once(answer, 2).unwrap().unwrap(), b"c0123456789");
}

#[test]
fn body_without_a_length_lasts_as_long_as_the_connection() {
    assert_eq!(fetch_once("HTTP/1.0 200 OK\r\n\r\nabc", 0).unwrap().unwrap(), b"abc");
}

#[test]
fn absent_is_404_or_403_and_nothing_else() {
    for status in [404, 403] {
        let (_server, mut place) = faulty(Fault::Status {
            code: status,
            retry_after_s: None,
        });
        let mut http = place.http();
        assert_eq!(fetch(&mut http, &ask(0)), Ok(None));
    }
    for code in [301, 410, 416, 500] {
        let (_server, mut place) = faulty(Fault::Status {
            code,
            retry_after_s: None,
        });
        let mut http = place.http();
        let outcome = fetch(&mut http, &ask(0));
        assert!(
            matches!(outcome, Err(HttpError::Status { status, .. }) if status == code),
            "{outcome:?}"
        );
    }
}

#[test]
fn server_that_asks_to_be_left_alone_is_heard() {
    let (server, mut place) = faulty(Fault::Status {
        code: 503,
        retry_after_s: Some(7),
    });
    let mut http = place.http();
    assert_eq!(http.open(&ask(0)), Err(()));
    assert_eq!(http.retry_after_s(), Some(7));
    // It counts for the failure that it came with.
    server.serve(site());
    assert!(http.open(&ask(0)).is_ok());
    assert_eq!(http.retry_after_s(), None);
    let date = "HTTP/1.1 503 Busy\r\nRetry-After: Wed, 01 Jan 2031 00:00:00 GMT\r\n\r\n";
    let mut place = once(date.as_bytes());
    let mut http = place.http();
    assert_eq!(http.open(&ask(0)), Err(()));
    assert_eq!(http.retry_after_s(), None);
}

#[test]
fn answers_that_are_not_understood_are_refused() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let cases = [
        ("HTTP/2 200\r\n\r\n".to_owned(), Unclear::Status),
        (format!("{ok}nothing\r\n\r\n"), Unclear::Header),
        (format!("{ok}Content-Length: +3\r\n\r\n"), Unclear::Length),
        (
            format!("{ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
            Unclear::TwoLengths,
        ),
        (
            format!("{ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Unclear::TwoLengths,
        ),
        (format!("{ok}Transfer-Encoding: gzip\r\n\r\n"), Unclear::Encoding),
        (
            format!("{ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
            Unclear::ChunkLength,
        ),
        (
            format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n"),
            Unclear::ChunkEnd,
        ),
    ];
    for (answer, fault) in cases {
        assert_eq!(fetch_once(&answer, 0), unclear(fault), "{answer}");
    }
}

#[test]
fn head_is_bounded() {
    let bytes_max = usize::from(HEAD_BYTES_MAX);
    let long = |bytes: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    assert_eq!(fetch_once(&long(bytes_max - 100), 0).unwrap().unwrap(), b"");
    let outcome = fetch_once(&long(bytes_max), 0);
    assert!(matches!(outcome, Err(HttpError::HeadTooLong)), "{outcome:?}");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(usize::from(HEADERS_MAX)));
    assert!(matches!(fetch_once(&many, 0), Err(HttpError::HeadTooLong)));
}

#[test]
fn tag_that_is_too_long_to_keep_is_none() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nETag: \"{}\"\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(100)
    );
    assert_eq!(
        once(answer.as_bytes()).http().open(&ask(0)),
        Ok(Opened::Present { etag: None })
    );
}

#[test]
fn server_that_is_gone_is_an_error() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut place = Place::new(&format!("http://{address}/")).unwrap();
    let mut http = place.http();
    assert!(is_broken(&fetch(&mut http, &ask(0))));
    assert_eq!(http.received(), Received::default());
}
