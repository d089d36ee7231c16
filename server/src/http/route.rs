use super::limits::Limits;

/// Longest file name served, in bytes. A digest, a dot and a target name of 96 bytes are 161.
const NAME_BYTES_MAX: usize = 200;

/// What a name in the repository promises about its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `timestamp.json`: the one name whose content changes.
    Timestamp,
    /// `N.root.json`: never changes once it is there, and clients ask for the next one before it is.
    Root,
    /// `N.ROLE.json`: never changes.
    Versioned,
    /// `SHA256.NAME`: never changes.
    Target,
}

/// A place in the repository which a request names. Only [`Route::parse`] makes one, so its name has no separator, no
/// leading dot and nothing that a file system gives a meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    kind: Kind,
    name: String,
}

impl Route {
    /// Reads the path of a request. `None` means that no such name can exist in a repository.
    pub fn parse(path: &str) -> Option<Self> {
        let (folder, name) = path.strip_prefix('/')?.split_once('/')?;
        let name = percent_decoded(name)?;
        if name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name_byte) {
            return None;
        }
        let kind = match folder {
            "metadata" => metadata_kind(&name)?,
            "targets" => target_kind(&name)?,
            _ => return None,
        };
        Some(Self { kind, name })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The folder inside the repository.
    pub fn folder(&self) -> &'static str {
        match self.kind {
            Kind::Timestamp | Kind::Root | Kind::Versioned => "metadata",
            Kind::Target => "targets",
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest in the name of a target.
    pub fn digest(&self) -> Option<&str> {
        match self.kind {
            Kind::Target => self.name.split_once('.').map(|(digest, _)| digest),
            Kind::Timestamp | Kind::Root | Kind::Versioned => None,
        }
    }

    pub fn content_type(&self) -> &'static str {
        match self.kind {
            Kind::Timestamp | Kind::Root | Kind::Versioned => "application/json",
            Kind::Target => "application/octet-stream",
        }
    }

    /// `Cache-Control` of an answer that carries the file, or says that it is unchanged.
    pub fn cache_found(&self, limits: &Limits) -> String {
        match self.kind {
            Kind::Timestamp => format!("public, max-age={}, must-revalidate", limits.timestamp_max_age_s),
            Kind::Root | Kind::Versioned | Kind::Target => "public, max-age=31536000, immutable".to_owned(),
        }
    }

    /// `Cache-Control` of a 404. The next root is asked for by every device in every cycle and does not exist on almost all
    /// days, so caches may answer that, but only as briefly as they may keep a timestamp: a rotation must not be delayed.
    pub fn cache_absent(&self, limits: &Limits) -> String {
        match self.kind {
            Kind::Root => format!("public, max-age={}", limits.timestamp_max_age_s),
            Kind::Timestamp | Kind::Versioned | Kind::Target => "no-store".to_owned(),
        }
    }
}

fn metadata_kind(name: &str) -> Option<Kind> {
    if name == "timestamp.json" {
        return Some(Kind::Timestamp);
    }
    let (version, role) = name.strip_suffix(".json")?.split_once('.')?;
    let is_version = !version.is_empty() && !version.starts_with('0') && version.bytes().all(|b| b.is_ascii_digit());
    match (is_version, role) {
        (false, _) | (true, "") => None,
        (true, "root") => Some(Kind::Root),
        (true, _) => Some(Kind::Versioned),
    }
}

fn target_kind(name: &str) -> Option<Kind> {
    let (digest, rest) = name.split_once('.')?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_digest && !rest.is_empty()).then_some(Kind::Target)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Decodes `%XX` once. Some clients escape `_` and `.`, which RFC 3986 calls equal.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_of_a_repository_are_served() {
        let kind = |path: &str| Route::parse(path).map(|route| route.kind());
        assert_eq!(kind("/metadata/timestamp.json"), Some(Kind::Timestamp));
        assert_eq!(kind("/metadata/1.root.json"), Some(Kind::Root));
        assert_eq!(kind("/metadata/12.lamp_files.json"), Some(Kind::Versioned));
        assert_eq!(kind("/metadata/12.lamp%5Ffiles%2ejson"), Some(Kind::Versioned));
        assert_eq!(
            kind(&format!("/targets/{DIGEST}.lamp_c3_stable.release")),
            Some(Kind::Target)
        );
    }

    #[test]
    fn nothing_else_is_served() {
        let upper = DIGEST.to_uppercase();
        let long = "a".repeat(200);
        for path in [
            "",
            "/",
            "//",
            "/metadata",
            "/metadata/",
            "/targets/",
            "metadata/timestamp.json",
            "/metadata//timestamp.json",
            "/./metadata/timestamp.json",
            "/metadata/./timestamp.json",
            "/metadata/../metadata/timestamp.json",
            "/metadata/%2e%2e/metadata/timestamp.json",
            "/metadata/..%2Ftimestamp.json",
            "/metadata/%2e%2e%2f.lock",
            "/.lock",
            "/metadata/.lock",
            "/metadata/.1.root.json.tmp",
            "/metadata/root.json",
            "/metadata/0.root.json",
            "/metadata/01.root.json",
            "/metadata/1.root.json.bak",
            "/metadata/1..json",
            "/metadata/1.json",
            "/metadata/x.root.json",
            "/metadata/1.root.json%00",
            "/metadata/1.root%2",
            "/metadata/1.root.json%zz",
            "/metadata/1.ro%C3%A9t.json",
            "/metadata/1.a\\b.json",
            "/targets/firmware.zst",
            "/targets/.hidden",
            &format!("/targets/{DIGEST}"),
            &format!("/targets/{DIGEST}."),
            &format!("/targets/{upper}.x"),
            &format!("/targets/sub/{DIGEST}.x"),
            &format!("/targets/{DIGEST}.{long}"),
            &format!("/metadata/{DIGEST}.x"),
            "/targets/timestamp.json",
            "/keys/online.key",
            "/metadata%2ftimestamp.json",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
