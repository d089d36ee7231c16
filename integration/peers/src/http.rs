//! As much of an HTTP/1.1 client as loopback needs: one connection that is kept, `GET`, `Content-Length`.

use crate::Failed;
use std::io::{BufRead, BufReader, Read, Take, Write};
use std::net::TcpStream;

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: u64 = 16 * 1024;

/// One connection to one server.
pub struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

/// The body of an answer; it has to be read to its end before the next request.
pub struct Body<'a> {
    /// Its length in bytes, as the server says.
    pub length: u64,
    /// The body.
    pub bytes: Take<&'a mut BufReader<TcpStream>>,
}

impl Connection {
    /// Connects to the server of an address.
    pub fn to(url: &str) -> Result<Self, Failed> {
        let (host, _) = split(url).ok_or("not an http address with a path")?;
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// The path of an address, if it is on this server.
    #[must_use]
    pub fn path_on_it(&self, url: &str) -> Option<String> {
        split(url)
            .filter(|(host, _)| *host == self.host)
            .map(|(_, path)| format!("/{path}"))
    }

    /// A file, or nothing if the server has none of this name.
    pub fn get(&mut self, path: &str) -> Result<Option<Body<'_>>, Failed> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, length) = self.head()?;
        let mut bytes = (&mut self.stream).take(length);
        match status {
            200 => Ok(Some(Body { length, bytes })),
            404 => {
                std::io::copy(&mut bytes, &mut std::io::sink())?;
                Ok(None)
            }
            other => Err(format!("status {other} for {path}").into()),
        }
    }

    /// Status and length of the body.
    fn head(&mut self) -> Result<(u16, u64), Failed> {
        let mut head = (&mut self.stream).take(HEAD_BYTES_MAX);
        let mut line = String::new();
        head.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut length = None;
        loop {
            line.clear();
            if head.read_line(&mut line)? == 0 {
                return Err("the head does not end".into());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = Some(value.trim().parse()?);
                }
                Some(_) => {}
                None => return Ok((status, length.ok_or("no length")?)),
            }
        }
    }
}

/// Host and path.
fn split(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("http://")?.split_once('/')
}
