//! Where the files come from: a web server, or a folder that holds a copy of the repository.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, ETAG, IF_NONE_MATCH, RANGE, RETRY_AFTER};
use tuffet_no_std_client::transport::{Ask, Etag, Opened, Transport};

use crate::failure::{Blame, Failure};

/// The longest wait for a server: a device asks again for some twelve seconds, and then gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A repository.
pub struct Source {
    place: Place,
    /// What is open.
    body: Option<Box<dyn Read>>,
    retry_after_s: Option<u32>,
    trouble: String,
}

/// Where it is.
enum Place {
    /// A web server; the address ends in `/`.
    Web { client: Client, base: String },
    /// A folder with the same files.
    Folder(PathBuf),
}

/// A file did not come; [`Source::trouble`] says why.
#[derive(Debug)]
pub struct Broken;

impl Source {
    /// The repository at an address or in a folder.
    pub fn open(repository: &str) -> Result<Self, Failure> {
        let place = if repository.starts_with("http://") || repository.starts_with("https://") {
            let bad = |error: String| Failure::new(Blame::Usage, format!("`{repository}` is no address: {error}"));
            let slash = if repository.ends_with('/') { "" } else { "/" };
            let base = format!("{repository}{slash}");
            reqwest::Url::parse(&base).map_err(|error| bad(error.to_string()))?;
            let client = Client::builder()
                .connect_timeout(PATIENCE)
                // Of the blocking client this is the limit of each wait, not of the whole answer.
                .timeout(PATIENCE)
                // A repository is a fixed place: a redirect to elsewhere is a mistake, or an attack on privacy.
                .redirect(reqwest::redirect::Policy::none())
                .user_agent("tuffet-gateway")
                .build()
                .map_err(|error| bad(error.to_string()))?;
            Place::Web { client, base }
        } else {
            let folder = PathBuf::from(repository);
            std::fs::read_dir(&folder).map_err(|error| Failure::file("cannot read the repository", &folder, &error))?;
            Place::Folder(folder)
        };
        Ok(Self {
            place,
            body: None,
            retry_after_s: None,
            trouble: String::new(),
        })
    }

    /// Why a file did not come.
    pub fn trouble(&self) -> &str {
        &self.trouble
    }

    fn fail(&mut self, trouble: impl Into<String>) -> Broken {
        self.trouble = trouble.into();
        Broken
    }

    fn of_folder(&mut self, path: PathBuf, ask: &Ask<'_>) -> Result<Opened, Broken> {
        match open_file(&path, ask) {
            Ok((Some(etag), _)) if ask.unless == Some(&etag) => Ok(Opened::NotModified),
            Ok((etag, file)) => {
                self.body = Some(Box::new(file));
                Ok(Opened::Present { etag })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Opened::Absent),
            Err(error) => Err(self.fail(error.to_string())),
        }
    }

    fn of_web(&mut self, request: reqwest::blocking::RequestBuilder, ask: &Ask<'_>) -> Result<Opened, Broken> {
        let mut request = request;
        if let Some(etag) = ask.unless {
            request = request.header(IF_NONE_MATCH, etag.as_str());
        }
        if ask.offset > 0 {
            request = request.header(RANGE, format!("bytes={}-", ask.offset));
        }
        let response = request.send().map_err(|error| self.fail(innermost(&error)))?;
        let etag = header(&response, ETAG.as_str()).and_then(|tag| Etag::from(&tag).ok());
        match response.status() {
            StatusCode::OK => {
                // The server does no ranges: what is there already has to come once more.
                let mut body = response;
                io::copy(&mut body.by_ref().take(ask.offset.into()), &mut io::sink())
                    .map_err(|error| self.fail(innermost(&error)))?;
                self.body = Some(Box::new(body));
                Ok(Opened::Present { etag })
            }
            StatusCode::PARTIAL_CONTENT if ask.offset > 0 => {
                let range = header(&response, CONTENT_RANGE.as_str()).unwrap_or_default();
                if !range.starts_with(&format!("bytes {}-", ask.offset)) {
                    return Err(self.fail("the server answered with another range than the one asked for"));
                }
                self.body = Some(Box::new(response));
                Ok(Opened::Present { etag })
            }
            // There is nothing behind the end.
            StatusCode::RANGE_NOT_SATISFIABLE if ask.offset > 0 => Ok(Opened::Present { etag }),
            StatusCode::NOT_MODIFIED => Ok(Opened::NotModified),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(Opened::Absent),
            status => {
                self.retry_after_s =
                    header(&response, RETRY_AFTER.as_str()).and_then(|seconds| seconds.trim().parse().ok());
                Err(self.fail(format!("the server answered {}", status.as_u16())))
            }
        }
    }
}

impl Transport for Source {
    type Error = Broken;

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, Broken> {
        (self.body, self.retry_after_s) = (None, None);
        if !is_plain(ask.path) {
            return Ok(Opened::Absent);
        }
        match &self.place {
            Place::Folder(folder) => self.of_folder(folder.join(ask.path), ask),
            Place::Web { client, base } => self.of_web(client.get(format!("{base}{}", ask.path)), ask),
        }
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, Broken> {
        let Some(body) = &mut self.body else {
            return Ok(0);
        };
        loop {
            match body.read(space) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let trouble = innermost(&error);
                    return Err(self.fail(trouble));
                }
            }
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }
}

/// A file from an offset on, with a tag: the file is another one when its length or its time is.
fn open_file(path: &Path, ask: &Ask<'_>) -> io::Result<(Option<Etag>, File)> {
    let mut file = File::open(path)?;
    let known = file.metadata()?;
    if !known.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    file.seek(SeekFrom::Start(ask.offset.into()))?;
    let changed = known.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let etag = Etag::from(&format!("\"{:x}-{:x}\"", known.len(), changed.as_nanos())).ok();
    Ok((etag, file))
}

/// Whether a path leads to a file of the repository, and not out of it. A device may be anybody's.
fn is_plain(path: &str) -> bool {
    let is_text = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#', '\\']);
    let leads_down = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    is_text && leads_down && !path.is_empty() && !path.to_ascii_lowercase().contains("%2e%2e")
}

fn header(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// The innermost cause says what really happened ("connection refused"); the outer ones repeat the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
