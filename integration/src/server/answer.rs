//! What is answered to a request: first as a good server would, then with the site's fault applied.

use super::Request;
use crate::site::{Fault, Site};
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Where an endless body ends after all: far above every limit of a client, far below the memory of a machine.
pub const ENDLESS_BYTES: usize = 64 * 1024 * 1024;
/// The size of one write of a body.
const PIECE_BYTES: usize = 64 * 1024;

/// An answer that is ready to be sent.
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Zeros after the body.
    zeros: usize,
    /// Announced length, when it is not the true one.
    announced: Option<usize>,
    /// Size of a piece and the pause after it.
    drip: Option<(usize, Duration)>,
}

/// The answer to a request.
pub(super) fn to(request: &Request, site: &mut Site) -> Answer {
    if request.method != "GET" {
        return Answer::empty(405);
    }
    let fault = site.next_fault(&request.path);
    if let Some(Fault::Status { code, retry_after_s }) = fault {
        let mut answer = Answer::empty(code);
        answer
            .headers
            .extend(retry_after_s.map(|seconds| ("Retry-After", seconds.to_string())));
        return answer;
    }
    let Some(file) = site.file(&request.path) else {
        return Answer::empty(404);
    };
    let mut tag = entity_tag(file);
    if fault == Some(Fault::WrongTag) {
        tag = entity_tag(&[file, b"?"].concat());
    }
    let mut answer = if fault == Some(Fault::NotModified) || request.if_none_match() == Some(&tag) {
        Answer::empty(304)
    } else {
        answer_file(request, file, &tag, fault)
    };
    answer.headers.push(("ETag", tag));
    answer
}

fn answer_file(request: &Request, file: &[u8], tag: &str, fault: Option<Fault>) -> Answer {
    let same_file = request.header("if-range").is_none_or(|known| known == tag);
    let range = request
        .range_from()
        .filter(|_| same_file && fault != Some(Fault::RangeIgnored));
    let mut answer = match range {
        Some(from) if from >= file.len() => {
            let mut answer = Answer::empty(416);
            answer
                .headers
                .push(("Content-Range", format!("bytes */{}", file.len())));
            return answer;
        }
        Some(from) => ranged(file, from, fault),
        None => Answer {
            body: file.to_vec(),
            ..Answer::empty(200)
        },
    };
    match fault {
        Some(Fault::EndlessBody) => answer.zeros = ENDLESS_BYTES,
        Some(Fault::Extended { bytes }) => answer.body.resize(answer.body.len() + bytes, 0),
        Some(Fault::Truncated { bytes }) => answer.body.truncate(bytes),
        Some(Fault::Reset { bytes }) => {
            answer.announced = Some(answer.body.len());
            answer.body.truncate(bytes);
        }
        Some(Fault::SlowDrip { bytes, pause_ms }) => answer.drip = Some((bytes, Duration::from_millis(pause_ms))),
        // Handled before the body is made.
        Some(
            Fault::RangeIgnored
            | Fault::RangeShifted
            | Fault::RangeFalse
            | Fault::WrongTag
            | Fault::NotModified
            | Fault::Status { .. },
        )
        | None => {}
    }
    answer
}

fn ranged(file: &[u8], from: usize, fault: Option<Fault>) -> Answer {
    let (said, sent) = match fault {
        Some(Fault::RangeShifted) => (from / 2, from / 2),
        Some(Fault::RangeFalse) => (from, 0),
        _ => (from, from),
    };
    let mut answer = Answer {
        body: file[sent..].to_vec(),
        ..Answer::empty(206)
    };
    answer.headers.push((
        "Content-Range",
        format!("bytes {said}-{}/{}", file.len() - 1, file.len()),
    ));
    answer
}

/// The entity tag of a file.
#[must_use]
pub fn entity_tag(file: &[u8]) -> String {
    format!("\"{}\"", &crate::simulator::keys::sha256(file)[..16])
}

impl Answer {
    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            zeros: 0,
            announced: None,
            drip: None,
        }
    }

    /// Sends it. Whether the connection can go on afterwards.
    pub(super) fn send(&self, mut connection: &TcpStream, is_over: &dyn Fn() -> bool) -> io::Result<bool> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is_exact = self.zeros == 0 && self.announced.is_none();
        if self.zeros > 0 {
            // Without a length the body lasts as long as the connection.
            head.push_str("Connection: close\r\n");
        } else if self.status != 304 {
            head.push_str(&format!(
                "Content-Length: {}\r\n",
                self.announced.unwrap_or(self.body.len())
            ));
        }
        head.push_str("\r\n");
        connection.write_all(head.as_bytes())?;
        let (piece, pause) = self.drip.unwrap_or((PIECE_BYTES, Duration::ZERO));
        for bytes in self.body.chunks(piece.max(1)) {
            if is_over() {
                return Ok(false);
            }
            connection.write_all(bytes)?;
            std::thread::sleep(pause);
        }
        let zeros = [0; PIECE_BYTES];
        let mut left = self.zeros;
        while left > 0 && !is_over() {
            let count = left.min(zeros.len());
            connection.write_all(&zeros[..count])?;
            left -= count;
        }
        Ok(is_exact)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        404 => "Not Found",
        _ => "As Told",
    }
}
