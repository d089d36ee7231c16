//! The key file: an age file, ASCII-armored and encrypted to a passphrase. `age -d FILE` opens it too.
//!
//! Inside is one JSON object: `{"keytype":"ed25519","private":HEX,"public":HEX,"role":ROLE}`. The private half is the 32-byte
//! seed of RFC 8032. `public` is there so that a damaged private half is noticed before it signs.

use crate::{KeyError, KeyRole, Passphrase};
use age::{DecryptError, Decryptor, armor::ArmoredReader, scrypt};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _,
    io::{self, Read as _},
    path::Path,
    str::FromStr,
};
use tuffet_wire::hex::{self, Hex};
use zeroize::Zeroizing;

/// Longest key file in bytes; a real one has about 600.
pub const BYTES_MAX: u64 = 16 * 1024;
/// Highest work factor that is written or accepted: 1 GiB of memory and some seconds. A file that asks for more would hang.
pub const WORK_FACTOR_MAX: u8 = 20;
const WORK_FACTOR_DEFAULT: u8 = 18;
const WORK_FACTOR_STRONG: u8 = 15;
const ARMOR_BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const KEY_TYPE: &str = "ed25519";
/// Enough for every key file's content, so that a buffer with a secret in it never has to move.
const CONTENT_BYTES_MAX: usize = 512;

/// How much work it is to try one passphrase: scrypt with N = 2^factor, which also takes 2^factor KiB of memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// A factor from 1 to 20. Anything below 15 is for tests.
    pub const fn new(factor: u8) -> Result<Self, BadWorkFactor> {
        if factor == 0 || factor > WORK_FACTOR_MAX {
            return Err(BadWorkFactor);
        }
        Ok(Self(factor))
    }

    /// Whether passphrases can be tried so fast that only a test should use it.
    pub const fn is_weak(self) -> bool {
        self.0 < WORK_FACTOR_STRONG
    }
}

impl Default for WorkFactor {
    /// 18: about a second and 256 MiB, the same that the age tool takes.
    fn default() -> Self {
        Self(WORK_FACTOR_DEFAULT)
    }
}

impl FromStr for WorkFactor {
    type Err = BadWorkFactor;

    fn from_str(text: &str) -> Result<Self, BadWorkFactor> {
        text.parse().map_err(|_| BadWorkFactor).and_then(Self::new)
    }
}

/// Not a work factor.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a work factor is a whole number from 1 to {WORK_FACTOR_MAX}; leave it out for {WORK_FACTOR_DEFAULT}")]
pub struct BadWorkFactor;

/// What a key file holds.
pub struct Content {
    /// The key pair.
    pub signing: SigningKey,
    /// What the key is for.
    pub role: KeyRole,
}

/// Encrypts a key; the result is the text of the key file.
pub fn seal(content: &Content, passphrase: &Passphrase, work_factor: WorkFactor) -> Result<String, KeyError> {
    let encrypt = |source: io::Error| KeyError::Encrypt { source };
    let private = hex_text(content.signing.as_bytes());
    let public = hex_text(content.signing.verifying_key().as_bytes());
    let mut plain = Zeroizing::new(Vec::with_capacity(CONTENT_BYTES_MAX));
    let fields = Fields {
        keytype: KEY_TYPE,
        private: &private,
        public: &public,
        role: &content.role.to_string(),
    };
    serde_json::to_writer(&mut *plain, &fields).map_err(|error| encrypt(error.into()))?;

    let mut recipient = scrypt::Recipient::new(passphrase.secret().clone());
    recipient.set_work_factor(work_factor.0);
    age::encrypt_and_armor(&recipient, &plain).map_err(|error| encrypt(io::Error::other(error)))
}

/// Decrypts the text of a key file. `path` is for the message only.
pub fn open(sealed: &[u8], passphrase: &Passphrase, path: &Path) -> Result<Content, KeyError> {
    let damaged = |what| KeyError::Damaged {
        path: path.to_owned(),
        what,
    };
    if !sealed.starts_with(ARMOR_BEGIN) {
        return Err(damaged("it does not begin like an armored age file"));
    }
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|_| damaged("its head is cut off or edited"))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("it is encrypted to a recipient and not with a passphrase"));
    }
    let mut identity = scrypt::Identity::new(passphrase.secret().clone());
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .map_err(|error| match error {
            DecryptError::ExcessiveWork { required, .. } => KeyError::ExcessiveWork {
                path: path.to_owned(),
                asked: required,
            },
            DecryptError::InvalidHeader | DecryptError::InvalidMac | DecryptError::UnknownFormat => {
                damaged("its head was edited")
            }
            DecryptError::Io(_) => damaged("it is cut off"),
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
                KeyError::WrongPassphrase { path: path.to_owned() }
            }
            _ => damaged("its encryption is of an unknown kind"),
        })?;

    let mut plain = Zeroizing::new(Vec::with_capacity(CONTENT_BYTES_MAX + 1));
    let limit = u64::try_from(CONTENT_BYTES_MAX + 1).unwrap_or(u64::MAX);
    reader
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|_| damaged("its encrypted part is cut off or edited"))?;
    if plain.len() > CONTENT_BYTES_MAX {
        return Err(damaged("it holds more than a key"));
    }
    parse(&plain).ok_or_else(|| damaged("it holds something else than a key, or two halves that do not match"))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    keytype: &'a str,
    private: &'a str,
    public: &'a str,
    role: &'a str,
}

fn parse(plain: &[u8]) -> Option<Content> {
    let fields: Fields<'_> = serde_json::from_slice(plain).ok()?;
    if fields.keytype != KEY_TYPE {
        return None;
    }
    let private: Zeroizing<[u8; 32]> = Zeroizing::new(hex::decode(fields.private)?);
    let signing = SigningKey::from_bytes(&private);
    let public: [u8; 32] = hex::decode(fields.public)?;
    if signing.verifying_key().as_bytes() != &public {
        return None;
    }
    Some(Content {
        signing,
        role: fields.role.parse().ok()?,
    })
}

fn hex_text(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    // Writing to a string does not fail.
    let _ = write!(text, "{}", Hex(bytes));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::{Encryptor, armor, x25519};
    use std::io::Write as _;

    const LOW: WorkFactor = WorkFactor(1);

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    fn content() -> Content {
        Content {
            signing: SigningKey::from_bytes(&[7; 32]),
            role: KeyRole::Root,
        }
    }

    fn sealed() -> String {
        seal(&content(), &passphrase("p"), LOW).unwrap()
    }

    fn opened(sealed: &[u8]) -> Result<Content, KeyError> {
        open(sealed, &passphrase("p"), Path::new("k"))
    }

    /// A file with any content, rightly encrypted.
    fn sealed_around(plain: &[u8]) -> String {
        let mut recipient = scrypt::Recipient::new(passphrase("p").secret().clone());
        recipient.set_work_factor(1);
        age::encrypt_and_armor(&recipient, plain).unwrap()
    }

    #[test]
    fn what_was_sealed_opens() {
        let text = sealed();
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(u64::try_from(text.len()).unwrap() < BYTES_MAX);
        let content = opened(text.as_bytes()).unwrap();
        assert_eq!(content.signing.to_bytes(), [7; 32]);
        assert_eq!(content.role, KeyRole::Root);
    }

    #[test]
    fn wrong_passphrase() {
        assert!(matches!(
            open(sealed().as_bytes(), &passphrase("q"), Path::new("k")),
            Err(KeyError::WrongPassphrase { .. })
        ));
    }

    #[test]
    fn every_truncation_is_refused() {
        let text = sealed();
        // Without the line end after the last line the file still says everything.
        for length in 0..text.trim_end().len() {
            assert!(opened(&text.as_bytes()[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn every_edited_byte_is_refused() {
        let text = sealed();
        for at in 0..text.trim_end().len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(opened(&bytes).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_would_take_hours_is_refused_at_once() {
        let binary = {
            let mut binary = Vec::new();
            ArmoredReader::new(sealed().as_bytes())
                .read_to_end(&mut binary)
                .unwrap();
            binary
        };
        let at = binary.windows(3).position(|window| window == b" 1\n").unwrap();
        for factor in [WORK_FACTOR_MAX + 1, 63] {
            let edited = [&binary[..=at], factor.to_string().as_bytes(), &binary[at + 2..]].concat();
            let mut writer = armor::ArmoredWriter::wrap_output(Vec::new(), armor::Format::AsciiArmor).unwrap();
            writer.write_all(&edited).unwrap();
            assert!(matches!(
                opened(&writer.finish().unwrap()),
                Err(KeyError::ExcessiveWork { asked, .. }) if asked == factor
            ));
        }
    }

    #[test]
    fn encryption_to_a_recipient_is_refused() {
        let recipient = x25519::Identity::generate().to_public();
        let text = age::encrypt_and_armor(&recipient, b"x").unwrap();
        assert!(matches!(opened(text.as_bytes()), Err(KeyError::Damaged { .. })));
    }

    #[test]
    fn unarmored_file_is_refused() {
        let mut recipient = scrypt::Recipient::new(passphrase("p").secret().clone());
        recipient.set_work_factor(1);
        let mut writer = Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            .unwrap()
            .wrap_output(Vec::new())
            .unwrap();
        writer.write_all(b"{}").unwrap();
        assert!(matches!(
            opened(&writer.finish().unwrap()),
            Err(KeyError::Damaged { .. })
        ));
    }

    #[test]
    fn content_that_is_no_key_is_refused() {
        let private = "07".repeat(32);
        let public = Hex(content().signing.verifying_key().as_bytes()).to_string();
        let good = format!(r#"{{"keytype":"ed25519","private":"{private}","public":"{public}","role":"root"}}"#);
        assert!(opened(sealed_around(good.as_bytes()).as_bytes()).is_ok());
        for plain in [
            String::new(),
            "{}".to_owned(),
            good.replacen("07", "08", 1),
            good.replacen("ed25519", "rsa", 1),
            good.replacen("root", "../root", 1),
            good.replacen("\"role\"", "\"x\":1,\"role\"", 1),
            format!("{good} x"),
            "x".repeat(CONTENT_BYTES_MAX + 1),
        ] {
            assert!(
                matches!(
                    opened(sealed_around(plain.as_bytes()).as_bytes()),
                    Err(KeyError::Damaged { .. })
                ),
                "{plain}"
            );
        }
    }

    #[test]
    fn work_factors_out_of_range() {
        for text in ["0", "21", "-1", "", "x", "18.0", "256"] {
            assert_eq!(text.parse::<WorkFactor>(), Err(BadWorkFactor), "{text}");
        }
        assert_eq!("18".parse(), Ok(WorkFactor::default()));
    }
}
