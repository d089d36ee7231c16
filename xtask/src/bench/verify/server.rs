//! A file server on loopback: what it serves is in memory, so that no client waits for a disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::failure::{Blame, Failure};

/// Bytes of a request.
const REQUEST_BYTES_MAX: u64 = 16 * 1024;

/// The longest silence of a client.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// By path, with the slash before it.
type Files = BTreeMap<String, Vec<u8>>;

/// Serves all files of a folder until this program ends, and answers the address; it has no slash at its end.
pub fn serve(folder: &Path) -> Result<String, Failure> {
    let mut files = Files::new();
    read_into(&mut files, folder, "")?;
    let no_port = |error| Failure::new(Blame::Network, format!("no port to serve on: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
    let address = listener.local_addr().map_err(no_port)?;
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            // A client may hang up at any moment; what it lacks then, it says itself.
            std::thread::spawn(move || drop(converse(&connection, &files)));
        }
    });
    Ok(format!("http://{address}"))
}

fn read_into(files: &mut Files, folder: &Path, below: &str) -> Result<(), Failure> {
    let not_read = |error| Failure::file("cannot read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(not_read)? {
        let entry = entry.map_err(not_read)?;
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_into(files, &entry.path(), &path)?;
        } else {
            files.insert(path, super::read(&entry.path())?);
        }
    }
    Ok(())
}

/// Answers the requests of one connection, one after the other.
fn converse(connection: &TcpStream, files: &Files) -> std::io::Result<()> {
    connection.set_read_timeout(Some(SILENCE_MAX))?;
    connection.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(connection), connection);
    while let Some(path) = read_request(&mut (&mut reader).take(REQUEST_BYTES_MAX))? {
        let (status, body) = match files.get(&path) {
            Some(file) => ("200 OK", &file[..]),
            None => ("404 Not Found", &[][..]),
        };
        let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        writer.write_all(&answer)?;
    }
    Ok(())
}

/// The path of a request; nothing when the client is done.
fn read_request(from: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let (mut line, mut path) = (String::new(), None);
    while from.read_line(&mut line)? > 0 {
        if line.trim_end().is_empty() {
            return Ok(path);
        }
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        line.clear();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_served_on_one_connection() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("metadata")).unwrap();
        std::fs::write(folder.path().join("metadata/timestamp.json"), "{}").unwrap();
        let url = serve(folder.path()).unwrap();
        let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        for path in ["/metadata/2.root.json", "/metadata/timestamp.json"] {
            write!(connection, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        }
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answers = String::new();
        connection.read_to_string(&mut answers).unwrap();
        let expected =
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(answers, expected);
    }
}
