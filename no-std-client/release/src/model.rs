//! Whole documents, for those who write or show them (feature `emit`).
//!
//! `parse` and `emit` are inverses, and both run the strict parser of the devices over the bytes: what is written here, every
//! device reads, and what no device reads is not read here.

use crate::{
    Address, Class, Digest, FileRef, Id, IdError, Name, Profile, ReadError, RolloutExtract, RolloutState, Rule,
    SupportFacts, UnixSeconds, Version, Wave, document,
};
use alloc::{
    borrow::Cow,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{convert::Infallible, fmt};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

/// A release document with all it says. `_type`, `format`, `encryption` and `layout` have one permitted value and no field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReleaseDocument {
    /// What a security release closes; any other may have one.
    pub advisory: Option<Advisory>,
    /// Which attempt to ship these images this is, from 1.
    pub attempt: u32,
    /// What the release is for.
    pub class: Class,
    /// Components, names ascending.
    pub components: Vec<Component>,
    /// By when it should be installed.
    #[serde(with = "or_empty")]
    pub install_by: Option<UnixSeconds>,
    /// How long a device is away.
    pub interruption: Interruption,
    /// The product.
    pub product: Id,
    /// When it was signed.
    pub released: UnixSeconds,
    /// Whether it may replace a higher version.
    pub rollback: bool,
    /// Who is asked before it is installed. A [`Rule::Unknown`] can be read and not written.
    pub rollout: Rule,
    /// The software bill of materials.
    #[serde(with = "or_empty")]
    pub sbom: Option<FileRef>,
    /// What the counter becomes.
    pub security_version: u32,
    /// Versions that a device must have reached before, ascending.
    pub stepping_stones: Vec<Version>,
    /// How long the product is supported.
    pub support: SupportFacts,
    /// Its version.
    pub version: Version,
}

/// What a release closes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Advisory {
    /// CVE numbers.
    pub cves: Vec<String>,
    /// How bad it is, in a word.
    pub risk: String,
    /// What the owner should know; not empty.
    pub text: String,
}

/// One part of a device's software.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Component {
    /// Images, hardware and then address ascending (`0x…` before `any`).
    pub images: Vec<ImageEntry>,
    /// Its name; `firmware` is the one that every product has.
    pub name: Id,
}

/// One image of a component.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageEntry {
    /// Where it has to lie.
    pub address: Address,
    /// Digest of the image as it lies in the slot.
    #[serde(with = "hex_digest")]
    pub digest: Digest,
    /// The file that holds it, compressed.
    pub file: FileRef,
    /// The hardware it is for.
    pub hardware: Id,
    /// Its length in bytes.
    pub length: u32,
    /// The patches that make it, source and then profile ascending.
    pub patches: Vec<PatchEntry>,
}

/// One patch to an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PatchEntry {
    /// Bytes of every block but the last.
    pub block_bytes: u32,
    /// The file.
    #[serde(flatten)]
    pub file: FileRef,
    /// SHA-256 of the first block.
    #[serde(with = "hex_digest")]
    pub head: Digest,
    /// Whose decoder takes it.
    pub profile: Profile,
    /// Digest of the image that it starts from; `None`: from nothing.
    #[serde(with = "digest_or_empty")]
    pub source: Option<Digest>,
}

/// How long a device is away while it restarts.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Interruption {
    /// Seconds.
    pub seconds: u32,
}

/// A rollout file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RolloutFile {
    /// Digest of the one release document that it is about.
    #[serde(with = "hex_digest")]
    pub release: Digest,
    /// Whether it runs.
    pub state: RolloutState,
    /// Waves, starts ascending, shares not falling.
    pub waves: Vec<Wave>,
}

/// Why a document was not read or not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// It has no canonical form.
    Emit(tuffet_wire::emit::EmitError),
    /// The strict parser of the devices refuses it.
    Read(ReadError<Infallible>),
    /// The strict parser takes it, and the model does not fit it.
    Shape(serde_json::Error),
}

impl ReleaseDocument {
    /// Reads a release document.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::check(bytes)?;
        serde_json::from_slice(bytes).map_err(ModelError::Shape)
    }

    /// The bytes to sign and publish: canonical, at most [`DOCUMENT_BYTES_MAX`](crate::DOCUMENT_BYTES_MAX), and readable by every device.
    pub fn emit(&self) -> Result<Vec<u8>, ModelError> {
        /// The document with the fields that have one permitted value.
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(rename = "_type")]
            kind: &'static str,
            encryption: &'static str,
            format: u8,
            layout: &'static str,
            #[serde(flatten)]
            document: &'a ReleaseDocument,
        }
        let whole = Whole {
            kind: "tuffet-release",
            encryption: "",
            format: 0,
            layout: "",
            document: self,
        };
        let bytes = tuffet_wire::emit::wire(&whole).map_err(ModelError::Emit)?;
        Self::check(&bytes)?;
        Ok(bytes)
    }

    fn check(mut bytes: &[u8]) -> Result<(), ModelError> {
        document::read_release(&mut bytes, None, &mut crate::Release::nothing()).map_err(ModelError::Read)
    }
}

impl RolloutFile {
    /// Reads a rollout file.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, ModelError> {
        RolloutExtract::parse(&mut bytes)
            .map(|extract| Self::of(&extract))
            .map_err(ModelError::Read)
    }

    /// The bytes to sign and publish.
    pub fn emit(&self) -> Result<Vec<u8>, ModelError> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(rename = "_type")]
            kind: &'static str,
            format: u8,
            #[serde(flatten)]
            file: &'a RolloutFile,
        }
        let whole = Whole {
            kind: "tuffet-rollout",
            format: 0,
            file: self,
        };
        let bytes = tuffet_wire::emit::wire(&whole).map_err(ModelError::Emit)?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    fn of(extract: &RolloutExtract) -> Self {
        Self {
            release: extract.release,
            state: extract.state,
            waves: extract.waves.to_vec(),
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit(error) => error.fmt(f),
            Self::Read(error) => error.fmt(f),
            Self::Shape(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ModelError {}

/// A digest as lowercase hexadecimal text.
pub(crate) mod hex_digest {
    use super::{Cow, Deserialize, Deserializer, Digest, Serializer};
    use serde::de::Error as _;
    use tuffet_wire::hex;

    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::Hex(digest))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        hex::decode(&text).ok_or_else(|| D::Error::custom("expected 64 lowercase hexadecimal digits"))
    }
}

/// A digest, or the empty string for none.
mod digest_or_empty {
    use super::{Cow, Deserialize, Deserializer, Digest, Serializer, hex_digest};
    use serde::de::Error as _;
    use tuffet_wire::hex;

    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => hex_digest::serialize(digest, serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let digest = hex::decode(&text);
        digest
            .map(Some)
            .ok_or_else(|| D::Error::custom("expected 64 lowercase hexadecimal digits, or nothing"))
    }
}

/// A value, or the empty string for none.
mod or_empty {
    use super::{Deserialize, Deserializer, Serialize, Serializer, String};
    use serde::de::Error as _;

    pub(super) fn serialize<S, T>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: Serialize,
    {
        match value {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Either<T> {
            Value(T),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Value(value) => Ok(Some(value)),
            Either::Text(text) if text.is_empty() => Ok(None),
            Either::Text(_) => Err(D::Error::custom("expected a value or an empty string")),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (rule, wait_max_days) = match self {
            Self::None => ("none", None),
            Self::Required { wait_max_days } => ("required", Some(*wait_max_days)),
            Self::Unknown => return Err(S::Error::custom("a rollout rule of other software cannot be written")),
        };
        RuleFields {
            rule: rule.into(),
            wait_max_days,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            rule: String,
            #[serde(default)]
            wait_max_days: Option<serde_json::Value>,
        }
        let Named { rule, wait_max_days } = Named::deserialize(deserializer)?;
        match rule.as_str() {
            "none" => Ok(Self::None),
            "required" => {
                let days = wait_max_days.and_then(|days| u16::try_from(days.as_u64()?).ok());
                let wait_max_days = days.ok_or_else(|| D::Error::missing_field("wait_max_days"))?;
                Ok(Self::Required { wait_max_days })
            }
            _ => Ok(Self::Unknown),
        }
    }
}

#[derive(Serialize)]
struct RuleFields {
    rule: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_max_days: Option<u16>,
}

/// Types that are one text in a document.
macro_rules! as_text {
    ($($name:ident: $parse:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                $parse(&text).map_err(|error: String| D::Error::custom(error))
            }
        }
    )*};
}

as_text! {
    Address: |text: &str| Address::parse(text).ok_or_else(|| "expected `any` or an address".into());
    Class: |text: &str| Class::parse(text).ok_or_else(|| "expected `feature` or `security`".into());
    Id: |text: &str| Id::parse(text).map_err(|error: IdError| error.to_string());
    Profile: |text: &str| Profile::parse(text).ok_or_else(|| "expected `large`, `small` or `standard`".into());
    Name: |text: &str| Name::parse(text).ok_or_else(|| "expected the name of a file".into());
    Version: |text: &str| Version::parse(text).ok_or_else(|| "expected a version like 1.2.3".into());
}
