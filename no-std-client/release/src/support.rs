//! The support statement of a product (feature `emit`): how its devices are updated, and until when.
//!
//! A device needs only the end of support, which every release document carries.

use crate::{
    Id, Malformed, ModelError, ReadError, UnixSeconds, What,
    read::{FieldCounts, Meaning as _, read},
};
use alloc::{string::String, vec::Vec};
use core::convert::Infallible;
use serde::{Deserialize, Serialize};
use tuffet_wire::{Container, Path, Scalar, Segment::Key, Sink, Text};

/// Longest support statement in bytes.
pub const SUPPORT_BYTES_MAX: u32 = 64 * 1024;

const TYPE: &str = "tuffet-support";
const FIELDS: u8 = 10;

/// A support statement with all it says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SupportStatement {
    /// Whom to ask; not empty.
    pub contact: String,
    /// How updates arrive.
    pub delivery: Delivery,
    /// Last moment of security support.
    pub end: UnixSeconds,
    /// The product.
    pub product: Id,
    /// Why the product cannot be updated; not empty if it cannot.
    pub rationale: String,
    /// First moment of support.
    pub start: UnixSeconds,
    /// What the owner has to do for an update.
    pub steps: String,
    /// Whether devices can be updated at all.
    pub updatable: bool,
}

/// How updates arrive.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// By themselves.
    Auto,
    /// Not at all: the product cannot be updated.
    None,
    /// A professional brings them.
    Professional,
    /// The owner starts them.
    User,
}

impl SupportStatement {
    /// Reads a support statement.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        check(bytes).map_err(ModelError::Read)?;
        let statement: Self = serde_json::from_slice(bytes).map_err(ModelError::Shape)?;
        statement.check_meaning(bytes).map_err(ModelError::Read)?;
        Ok(statement)
    }

    /// The bytes to sign and publish.
    pub fn emit(&self) -> Result<Vec<u8>, ModelError> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(rename = "_type")]
            kind: &'static str,
            format: u8,
            #[serde(flatten)]
            statement: &'a SupportStatement,
        }
        let whole = Whole {
            kind: TYPE,
            format: 0,
            statement: self,
        };
        let bytes = tuffet_wire::emit::wire(&whole).map_err(ModelError::Emit)?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// Support ends after it begins; a product that cannot be updated says why, and any other says how.
    fn check_meaning(&self, bytes: &[u8]) -> Result<(), ReadError<Infallible>> {
        let delivered = self.delivery != Delivery::None;
        let explained = self.updatable || !self.rationale.is_empty();
        if self.start < self.end && delivered == self.updatable && explained && !self.contact.is_empty() {
            return Ok(());
        }
        let at = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Err(ReadError::Malformed(Malformed {
            at,
            what: What::BadValue,
        }))
    }
}

fn check(mut bytes: &[u8]) -> Result<(), ReadError<Infallible>> {
    read(&mut bytes, SUPPORT_BYTES_MAX, &mut SupportReader::default())
}

#[derive(Default)]
struct SupportReader {
    fields: FieldCounts,
}

impl Sink for SupportReader {
    type Refusal = What;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), What> {
        self.fields.open(path);
        match (path.segments(), kind) {
            ([], Container::Object) => Ok(()),
            _ => Err(What::UnknownField),
        }
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), What> {
        self.fields.value(path);
        let [Key(key)] = path.segments() else {
            return Err(What::UnknownField);
        };
        match *key {
            "_type" => value.must_be(TYPE, What::WrongType),
            "contact" | "rationale" | "steps" => match value {
                Scalar::String(Text::Whole(_) | Text::TooLong) => Ok(()),
                Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Negative | Scalar::Null => Err(What::BadValue),
            },
            "delivery" => value.text().map(|_| ()),
            "end" | "start" => value.time().map(|_| ()),
            "format" if value == Scalar::Integer(0) => Ok(()),
            "format" => Err(What::UnknownFormat),
            "product" => value.id().map(|_| ()),
            "updatable" => value.truth().map(|_| ()),
            _ => Err(What::UnknownField),
        }
    }

    fn close(&mut self, path: &Path<'_>, _: Container) -> Result<(), What> {
        if self.fields.of(path) == FIELDS {
            Ok(())
        } else {
            Err(What::MissingField)
        }
    }
}
