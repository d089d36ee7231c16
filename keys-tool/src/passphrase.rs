//! Passphrases and where they come from: a file, the environment or a terminal.

use crate::{Error, KeyError, files};
use age::secrecy::{ExposeSecret as _, SecretString};
use std::{
    env, fmt, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The environment variable that may hold the passphrase.
pub const PASSPHRASE_VARIABLE: &str = "TUFFET_PASSPHRASE";
/// Longest passphrase file in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// Permission bits that a passphrase file may not have. A group may read it: that is how secrets are mounted for services.
const WORLD: u32 = 0o007;
const MODE_WANTED: u32 = 0o600;

/// A passphrase of at least one character. It is overwritten in memory when dropped and never shown.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes over the text; an empty one is refused.
    pub fn new(text: String) -> Result<Self, KeyError> {
        let text = SecretString::from(text);
        if text.expose_secret().is_empty() {
            return Err(KeyError::EmptyPassphrase);
        }
        Ok(Self(text))
    }

    pub(crate) const fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Where a passphrase comes from. Never an argument: every user of a machine can list them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// The variable [`PASSPHRASE_VARIABLE`].
    Environment,
    /// The only line of this file.
    File(PathBuf),
    /// Asked for without echo.
    Terminal,
}

impl PassphraseSource {
    /// The file if one is named, else the environment if it is set, else the terminal.
    pub fn choose(file: Option<PathBuf>) -> Self {
        match file {
            Some(path) => Self::File(path),
            // Set but empty counts as set: it is refused, and not silently replaced by a question.
            None if env::var_os(PASSPHRASE_VARIABLE).is_some() => Self::Environment,
            None => Self::Terminal,
        }
    }

    /// Reads the passphrase.
    pub fn read(&self, ask: Ask<'_>) -> Result<Passphrase, Error> {
        match self {
            Self::Environment => from_environment().map_err(Error::from),
            Self::File(path) => from_file(path),
            Self::Terminal => from_terminal(ask, |question| rpassword::prompt_password(question)).map_err(Error::from),
        }
    }
}

/// What to ask on a terminal.
#[derive(Copy, Clone, Debug)]
pub enum Ask<'a> {
    /// A new passphrase, twice.
    ToProtect,
    /// The passphrase of this key file, once.
    ToOpen(&'a Path),
}

fn from_environment() -> Result<Passphrase, KeyError> {
    let text = env::var_os(PASSPHRASE_VARIABLE).unwrap_or_default();
    match text.into_string() {
        Ok(text) => one_line(Zeroizing::new(text), PASSPHRASE_VARIABLE),
        Err(_) => Err(not_one_line(PASSPHRASE_VARIABLE)),
    }
}

fn from_file(path: &Path) -> Result<Passphrase, Error> {
    let file = files::read(path, FILE_BYTES_MAX)?;
    let bytes = Zeroizing::new(file.bytes);
    if file.mode & WORLD != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode: file.mode,
            wanted: MODE_WANTED,
        }
        .into());
    }
    let from = path.display().to_string();
    let text = std::str::from_utf8(&bytes).map_err(|_| not_one_line(&from))?;
    // An editor ends the line; that end is not part of the passphrase.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(one_line(Zeroizing::new(text.to_owned()), &from)?)
}

fn from_terminal(ask: Ask<'_>, mut read: impl FnMut(&str) -> io::Result<String>) -> Result<Passphrase, KeyError> {
    let mut read = |question: &str| {
        read(question)
            .map(Zeroizing::new)
            .map_err(|source| KeyError::NoTerminal { source })
    };
    match ask {
        Ask::ToProtect => {
            let first = read("New passphrase: ")?;
            if first.is_empty() {
                return Err(KeyError::EmptyPassphrase);
            }
            if read("The same again: ")? != first {
                return Err(KeyError::PassphrasesDiffer);
            }
            one_line(first, "the terminal")
        }
        Ask::ToOpen(path) => one_line(read(&format!("Passphrase of {}: ", path.display()))?, "the terminal"),
    }
}

fn one_line(mut text: Zeroizing<String>, from: &str) -> Result<Passphrase, KeyError> {
    if text.contains(['\n', '\r', '\0']) {
        return Err(not_one_line(from));
    }
    Passphrase::new(std::mem::take(&mut *text))
}

fn not_one_line(from: &str) -> KeyError {
    KeyError::NotOneLine { from: from.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn file_with(bytes: &[u8], mode: u32) -> Result<Passphrase, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        PassphraseSource::File(path).read(Ask::ToProtect)
    }

    #[test]
    fn file_ends_with_or_without_a_line_end() {
        for bytes in [b"two words".as_slice(), b"two words\n", b"two words\r\n"] {
            assert_eq!(file_with(bytes, 0o600).unwrap().0.expose_secret(), "two words");
        }
        // Spaces may be meant.
        assert_eq!(file_with(b" x \n", 0o640).unwrap().0.expose_secret(), " x ");
    }

    #[test]
    fn file_without_one_line_of_text_is_refused() {
        for bytes in [b"".as_slice(), b"\n", b"\r\n"] {
            assert!(matches!(
                file_with(bytes, 0o600),
                Err(Error::Key(KeyError::EmptyPassphrase))
            ));
        }
        for bytes in [b"a\nb\n".as_slice(), b"a\n\n", b"\xff\xfe", b"a\0b"] {
            assert!(matches!(
                file_with(bytes, 0o600),
                Err(Error::Key(KeyError::NotOneLine { .. }))
            ));
        }
        assert!(matches!(
            file_with(&[b'a'; 5000], 0o600),
            Err(Error::File(crate::FileError::TooLong { .. }))
        ));
    }

    #[test]
    fn file_that_everybody_may_open_is_refused() {
        for mode in [0o604, 0o602, 0o644] {
            assert!(matches!(
                file_with(b"x", mode),
                Err(Error::Key(KeyError::Exposed { wanted: 0o600, .. }))
            ));
        }
    }

    #[test]
    fn a_named_file_goes_first() {
        let path = PathBuf::from("p");
        assert_eq!(
            PassphraseSource::choose(Some(path.clone())),
            PassphraseSource::File(path)
        );
    }

    fn typed(ask: Ask<'_>, answers: &[&str]) -> (Result<Passphrase, KeyError>, usize) {
        let mut left = answers.iter();
        let result = from_terminal(ask, |_| {
            left.next()
                .map(|text| (*text).to_owned())
                .ok_or(io::ErrorKind::NotFound.into())
        });
        (result, answers.len() - left.len())
    }

    #[test]
    fn terminal_asks_twice_for_a_new_passphrase() {
        let (result, asked) = typed(Ask::ToProtect, &["x", "x"]);
        assert_eq!((result.unwrap().0.expose_secret(), asked), ("x", 2));
        assert!(matches!(
            typed(Ask::ToProtect, &["x", "y"]).0,
            Err(KeyError::PassphrasesDiffer)
        ));
        assert!(matches!(
            typed(Ask::ToProtect, &[""]),
            (Err(KeyError::EmptyPassphrase), 1)
        ));
        assert!(matches!(typed(Ask::ToProtect, &[]).0, Err(KeyError::NoTerminal { .. })));
    }

    #[test]
    fn terminal_asks_once_for_a_known_passphrase() {
        let (result, asked) = typed(Ask::ToOpen(Path::new("k")), &["x", "y"]);
        assert_eq!((result.unwrap().0.expose_secret(), asked), ("x", 1));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Passphrase::new("secret".to_owned()).unwrap()),
            "Passphrase(..)"
        );
    }
}
