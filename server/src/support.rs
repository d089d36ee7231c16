//! What buyers are promised: how updates arrive, until when, and what to do then.
//!
//! Signed as `PRODUCT_support.json`; every release document carries its digest and the end of the period, so that each device
//! knows that date offline.

use serde::{Deserialize, Deserializer, de::Error as _};
use tuffet_release::{Delivery, Id, SupportStatement};
use tuffet_wire::UnixSeconds;

use crate::{clock, product::Fault};

/// The table `[support]` of `tuffet.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupportTable {
    updatable: bool,
    delivery: Delivery,
    #[serde(deserialize_with = "time")]
    start: UnixSeconds,
    #[serde(deserialize_with = "time")]
    end: UnixSeconds,
    contact: String,
    #[serde(default)]
    steps: String,
    #[serde(default)]
    rationale: String,
}

impl SupportTable {
    /// The statement, when it says all that a buyer must know.
    pub(crate) fn statement(self, product: Id) -> Result<SupportStatement, Fault> {
        let Self {
            updatable,
            delivery,
            start,
            end,
            contact,
            steps,
            rationale,
        } = self;
        if end <= start {
            return Err(Fault::SupportEndsFirst { start, end });
        }
        if updatable != (delivery != Delivery::None) {
            return Err(Fault::SupportContradiction);
        }
        let missing = |field, why| Err(Fault::SupportWords { field, why });
        if contact.trim().is_empty() {
            return missing("contact", "say where a weakness can be reported");
        }
        if matches!(delivery, Delivery::User | Delivery::Professional) && steps.trim().is_empty() {
            return missing(
                "steps",
                "updates do not arrive by themselves, so say what has to be done",
            );
        }
        if !updatable && rationale.trim().is_empty() {
            return missing("rationale", "the product cannot be updated, so say why");
        }
        Ok(SupportStatement {
            contact,
            delivery,
            end,
            product,
            rationale,
            start,
            steps,
            updatable,
        })
    }
}

/// How updates arrive, in a word.
pub(crate) fn delivery_word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Auto => "auto",
        Delivery::None => "none",
        Delivery::Professional => "professional",
        Delivery::User => "user",
    }
}

/// A TOML date, a TOML time in UTC, or either as a string. A date alone is its first second in UTC.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixSeconds, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let text = match &value {
        toml::Value::Datetime(time) => time.to_string(),
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => String::new(),
    };
    clock::parse(&text)
        .ok_or_else(|| D::Error::custom("expected a date like 2031-01-31, or a time in UTC like 2031-01-31T12:00:00Z"))
}
