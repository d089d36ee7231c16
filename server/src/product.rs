//! A product: the one file `tuffet.toml`.
//!
//! ```
//! let text = r#"
//! [product]
//! id = "lamp"
//! name = "Desk lamp"
//! hardware = ["c3"]
//! channels = ["beta", "stable"]
//! profile = "standard"
//! instructions = "riscv" # of the images; without this line, what can be seen in them
//! slot_bytes = 1048576
//! threshold = 1
//!
//! [support]
//! updatable = true
//! delivery = "auto"
//! start = 2026-01-01
//! end = 2031-01-01
//! contact = "security@example.com"
//!
//! [bases] # from which older versions a new one gets patches
//! count = 2
//! versions = ["1.0.0"]
//!
//! [slots] # where an image can run; without this table anywhere
//! strategy = "xip"
//! addresses = ["0x00020000", "0x00120000"]
//! "#;
//! let product = tuffet_server::product::Product::parse(text, "tuffet.toml".as_ref())?;
//! assert_eq!(product.id.as_str(), "lamp");
//! assert_eq!(product.slots.addresses().len(), 2);
//! # Ok::<(), tuffet_server::product::ProductError>(())
//! ```

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use tuffet_release::{Address, Id, SupportStatement, Version};
use tuffet_wire::UnixSeconds;

use crate::{
    delta::{self, Architecture},
    error::{Error, Refused},
    storage::{self, Content, RealDisk, StorageError},
    support::{SupportTable, delivery_word},
};

/// Name of the file in a product folder.
pub const FILE_NAME: &str = "tuffet.toml";
/// Longest product file in bytes.
const BYTES_MAX: u64 = 64 * 1024;
/// Characters of a product's name for people.
const NAME_CHARS_MAX: usize = 100;

/// What is the same for all releases of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// Short name in file and role names.
    pub id: Id,
    /// Name for people.
    pub name: String,
    /// The kinds of device it runs on.
    pub hardware: Vec<Id>,
    /// Where releases are offered, `stable` for example.
    pub channels: Vec<Id>,
    /// How much a device has to work with.
    pub profile: Profile,
    /// The instructions in its images. `None`: those that can be seen in them.
    pub instructions: Option<Architecture>,
    /// Size of a firmware slot: no image may be longer.
    pub slot_bytes: u32,
    /// How many holders of product keys have to sign a release.
    pub threshold: u32,
    /// From which older versions a new one gets patches.
    pub bases: Bases,
    /// Where an image of it can run.
    pub slots: Slots,
    /// What buyers are promised.
    pub support: SupportStatement,
}

/// From which older versions a new one gets patches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bases {
    /// How many are chosen: what is offered now, then the newest.
    pub count: u32,
    /// Those by name, besides.
    pub versions: Vec<Version>,
}

impl Default for Bases {
    fn default() -> Self {
        Self {
            count: 3,
            versions: Vec::new(),
        }
    }
}

/// Where an image of a product can run, and so which images a release has for each kind of hardware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slots {
    /// In any slot: one image.
    Any,
    /// At one address, to which the bootloader moves it: one image, linked for that.
    Swap {
        /// The address.
        address: u32,
    },
    /// In place: one image linked for the address of each slot.
    Xip {
        /// The addresses, ascending.
        addresses: [u32; 2],
    },
}

impl Slots {
    /// The addresses for which each kind of hardware gets an image, in the order of a release document.
    pub fn addresses(&self) -> Vec<Address> {
        match self {
            Self::Any => vec![Address::Any],
            Self::Swap { address } => vec![Address::At(*address)],
            Self::Xip { addresses } => addresses.iter().copied().map(Address::At).collect(),
        }
    }

    /// Which strategy it is.
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::Any => Strategy::Any,
            Self::Swap { .. } => Strategy::Swap,
            Self::Xip { .. } => Strategy::Xip,
        }
    }

    /// Slots of a strategy, when these are the addresses that it needs.
    pub fn new(strategy: Strategy, addresses: &[u32], slot_bytes: u32) -> Result<Self, Fault> {
        match (strategy, addresses) {
            (Strategy::Any, []) => Ok(Self::Any),
            (Strategy::Swap, [address]) => Ok(Self::Swap { address: *address }),
            (Strategy::Xip, [one, other]) => {
                let (first, second) = (*one.min(other), *one.max(other));
                if second - first < slot_bytes {
                    return Err(Fault::SlotsOverlap {
                        first: Address::At(first),
                        second: Address::At(second),
                        slot_bytes,
                    });
                }
                let addresses = [first, second];
                Ok(Self::Xip { addresses })
            }
            (Strategy::Any | Strategy::Swap | Strategy::Xip, _) => Err(Fault::SlotAddresses {
                strategy,
                there: addresses.len(),
            }),
        }
    }
}

/// How firmware gets to where it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// It runs wherever it lies.
    #[default]
    Any,
    /// The bootloader moves it to the one address where it runs.
    Swap,
    /// It runs in place, linked for the slot's address.
    Xip,
}

impl Strategy {
    /// The word in `tuffet.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Swap => "swap",
            Self::Xip => "xip",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Any, Self::Swap, Self::Xip]
            .into_iter()
            .find(|strategy| strategy.as_str() == text)
    }

    /// How many addresses it needs.
    fn addresses(self) -> usize {
        match self {
            Self::Any => 0,
            Self::Swap => 1,
            Self::Xip => 2,
        }
    }
}

/// How much a device has to work with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Linux, megabytes of RAM.
    Linux,
    /// Microcontroller, from 64 KiB of RAM.
    Standard,
    /// Microcontroller, 16 KiB of RAM.
    Small,
}

impl Profile {
    /// The word in `tuffet.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Small => "small",
            Self::Standard => "standard",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Linux, Self::Small, Self::Standard]
            .into_iter()
            .find(|profile| profile.as_str() == text)
    }

    /// Whose decoder takes its patches.
    pub fn patches(self) -> tuffet_patch::Profile {
        match self {
            Self::Linux => tuffet_patch::Profile::Large,
            Self::Small => tuffet_patch::Profile::Small,
            Self::Standard => tuffet_patch::Profile::Standard,
        }
    }
}

/// The file is wrong. The vendor edits it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct ProductError {
    path: PathBuf,
    what: Box<Fault>,
}

/// What is wrong with a product file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No name, or more than one line of it.
    #[error("product.name must be one line of 1 to {NAME_CHARS_MAX} characters")]
    BadName,
    /// An id occurs twice.
    #[error("{list} names {id} twice")]
    Duplicate {
        /// Which list.
        list: &'static str,
        /// The id.
        id: Id,
    },
    /// A version occurs twice.
    #[error("bases.versions names {version} twice")]
    DuplicateVersion {
        /// The version.
        version: Version,
    },
    /// A list without an entry.
    #[error("{list} is empty; name at least one")]
    Empty {
        /// Which list.
        list: &'static str,
    },
    /// Instructions that no decoder of the profile follows.
    #[error(
        "product.instructions \"{instructions}\" are those of machines with an operating system, and devices of profile \"{}\" do not follow them in patches; leave the line out",
        profile.as_str()
    )]
    Instructions {
        /// Those of the images.
        instructions: Architecture,
        /// The profile.
        profile: Profile,
    },
    /// Too many or too few addresses for a strategy.
    #[error(
        "slots.strategy \"{}\" goes with {} addresses in slots.addresses, and {there} are given",
        strategy.as_str(), strategy.addresses()
    )]
    SlotAddresses {
        /// The strategy.
        strategy: Strategy,
        /// How many are given.
        there: usize,
    },
    /// Two slots share memory, or are one.
    #[error("the slots at {first} and {second} overlap, because each has product.slot_bytes ({slot_bytes}) bytes")]
    SlotsOverlap {
        /// The lower address.
        first: Address,
        /// The higher one.
        second: Address,
        /// Size of each in bytes.
        slot_bytes: u32,
    },
    /// It can be updated, but no way is named, or the other way round.
    #[error(
        "support.updatable and support.delivery contradict each other; delivery is \"none\" exactly when the product cannot be updated"
    )]
    SupportContradiction,
    /// The support period ends before it starts.
    #[error("support.end ({end}) is not after support.start ({start})")]
    SupportEndsFirst {
        /// Start of the period.
        start: UnixSeconds,
        /// End of the period.
        end: UnixSeconds,
    },
    /// The words that must be there are not.
    #[error("support.{field} is missing: {why}")]
    SupportWords {
        /// Which field.
        field: &'static str,
        /// What it is needed for.
        why: &'static str,
    },
    /// Not TOML, or not these fields.
    #[error("{0}")]
    Syntax(toml::de::Error),
    /// Zero where at least one is needed.
    #[error("product.{field} must be at least 1")]
    Zero {
        /// Which field.
        field: &'static str,
    },
}

impl ProductError {
    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.what
    }
}

impl Product {
    /// Reads `tuffet.toml` in a product folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        let bytes = storage::read(&path, BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(Self::parse(&text, &path)?)
    }

    /// Writes `tuffet.toml` into a product folder that has none yet.
    pub fn create(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE_NAME);
        if path.exists() {
            return Err(Refused::ProductFileThere { path }.into());
        }
        let text = self.to_toml();
        // What cannot be read again is not written.
        Self::parse(&text, &path)?;
        std::fs::create_dir_all(folder).map_err(StorageError::not_written(folder))?;
        Ok(storage::replace(&RealDisk, &path, &Content::Bytes(text.into_bytes()))?)
    }

    /// The text of a product file that says this.
    pub fn to_toml(&self) -> String {
        let ids = |ids: &[Id]| toml::Value::from(ids.iter().map(Id::to_string).collect::<Vec<_>>());
        let mut text = String::from("# One product of this vendor; `cargo xtask product check` reads it.\n");
        let mut table = |name: &str, entries: &[(&str, toml::Value)]| {
            text.push_str(&format!("\n[{name}]\n"));
            for (key, value) in entries {
                text.push_str(&format!("{key} = {value}\n"));
            }
        };
        let number = |number: u32| toml::Value::from(i64::from(number));
        let mut entries = vec![
            ("id", self.id.to_string().into()),
            ("name", self.name.as_str().into()),
            ("hardware", ids(&self.hardware)),
            ("channels", ids(&self.channels)),
            ("profile", self.profile.as_str().into()),
            ("slot_bytes", number(self.slot_bytes)),
            ("threshold", number(self.threshold)),
        ];
        if let Some(instructions) = self.instructions {
            entries.push(("instructions", instructions.to_string().into()));
        }
        table("product", &entries);
        let support = &self.support;
        table(
            "support",
            &[
                ("updatable", support.updatable.into()),
                ("delivery", delivery_word(support.delivery).into()),
                ("start", support.start.to_string().into()),
                ("end", support.end.to_string().into()),
                ("contact", support.contact.as_str().into()),
                ("steps", support.steps.as_str().into()),
                ("rationale", support.rationale.as_str().into()),
            ],
        );
        let texts = |texts: Vec<String>| toml::Value::from(texts);
        let versions = self.bases.versions.iter().map(Version::to_string).collect();
        table(
            "bases",
            &[("count", number(self.bases.count)), ("versions", texts(versions))],
        );
        let linked = |address: &Address| matches!(address, Address::At(_));
        let addresses = self
            .slots
            .addresses()
            .iter()
            .filter(|address| linked(address))
            .map(Address::to_string)
            .collect();
        table(
            "slots",
            &[
                ("strategy", self.slots.strategy().as_str().into()),
                ("addresses", texts(addresses)),
            ],
        );
        text
    }

    /// Reads the text of a product file; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProductError> {
        let wrong = |what| ProductError {
            path: path.to_owned(),
            what: Box::new(what),
        };
        let file: ProductFile = toml::from_str(text).map_err(|error| wrong(Fault::Syntax(error)))?;
        let product = file.into_product().map_err(wrong)?;
        product.check().map_err(wrong)?;
        Ok(product)
    }

    fn check(&self) -> Result<(), Fault> {
        let name_chars = self.name.chars().count();
        if name_chars == 0 || name_chars > NAME_CHARS_MAX || self.name.chars().any(char::is_control) {
            return Err(Fault::BadName);
        }
        for (list, ids) in [
            ("product.hardware", &self.hardware),
            ("product.channels", &self.channels),
        ] {
            let mut seen = BTreeSet::new();
            if ids.is_empty() {
                return Err(Fault::Empty { list });
            }
            if let Some(id) = ids.iter().find(|id| !seen.insert(id.as_str())) {
                return Err(Fault::Duplicate { list, id: *id });
            }
        }
        let mut seen = BTreeSet::new();
        if let Some(version) = self.bases.versions.iter().find(|version| !seen.insert(**version)) {
            return Err(Fault::DuplicateVersion { version: *version });
        }
        if let Some(instructions) = self.instructions
            && !self.profile.patches().follows(instructions)
        {
            return Err(Fault::Instructions {
                instructions,
                profile: self.profile,
            });
        }
        for (field, value) in [("slot_bytes", self.slot_bytes), ("threshold", self.threshold)] {
            if value == 0 {
                return Err(Fault::Zero { field });
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductFile {
    product: ProductTable,
    support: SupportTable,
    #[serde(default)]
    bases: BasesTable,
    #[serde(default)]
    slots: SlotsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductTable {
    #[serde(deserialize_with = "id")]
    id: Id,
    name: String,
    #[serde(deserialize_with = "ids")]
    hardware: Vec<Id>,
    #[serde(deserialize_with = "ids")]
    channels: Vec<Id>,
    profile: Profile,
    #[serde(default, deserialize_with = "instructions")]
    instructions: Option<Architecture>,
    slot_bytes: u32,
    threshold: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BasesTable {
    count: u32,
    #[serde(deserialize_with = "versions")]
    versions: Vec<Version>,
}

impl Default for BasesTable {
    fn default() -> Self {
        let Bases { count, versions } = Bases::default();
        Self { count, versions }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SlotsTable {
    strategy: Strategy,
    #[serde(deserialize_with = "addresses")]
    addresses: Vec<u32>,
}

impl ProductFile {
    fn into_product(self) -> Result<Product, Fault> {
        let Self {
            product,
            support,
            bases,
            slots,
        } = self;
        Ok(Product {
            id: product.id,
            name: product.name,
            hardware: product.hardware,
            channels: product.channels,
            profile: product.profile,
            instructions: product.instructions,
            slot_bytes: product.slot_bytes,
            threshold: product.threshold,
            bases: Bases {
                count: bases.count,
                versions: bases.versions,
            },
            slots: Slots::new(slots.strategy, &slots.addresses, product.slot_bytes)?,
            support: support.statement(product.id)?,
        })
    }
}

const ID_RULE: &str = "an id is 1 to 24 of a-z, 0-9 and -, and not root, targets, snapshot or timestamp";

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    let text = String::deserialize(deserializer)?;
    Id::parse(&text).map_err(|_| D::Error::custom(format_args!("{text:?} is not an id: {ID_RULE}")))
}

fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Id>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read =
        |text: &String| Id::parse(text).map_err(|_| D::Error::custom(format_args!("{text:?} is not an id: {ID_RULE}")));
    texts.iter().map(read).collect()
}

fn instructions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Architecture>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match delta::architecture(&text) {
        Ok(known) => Ok(Some(known)),
        Err(rule) => Err(D::Error::custom(format_args!("{text:?} are no instructions: {rule}"))),
    }
}

fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Version>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| {
        let wrong = || {
            D::Error::custom(format_args!(
                "{text:?} is not a version: that is three numbers, like \"1.2.3\""
            ))
        };
        Version::parse(text).ok_or_else(wrong)
    };
    texts.iter().map(read).collect()
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: &String| match Address::parse(text) {
        Some(Address::At(address)) => Ok(address),
        Some(Address::Any) | None => Err(D::Error::custom(format_args!(
            "{text:?} is not an address: that is 0x and eight lowercase digits, like \"0x08010000\""
        ))),
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuffet_release::Delivery;

    const GOOD: &str = r#"
[product]
id = "lamp"
name = "Desk lamp"
hardware = ["c3", "s3"]
channels = ["beta", "stable"]
profile = "small"
slot_bytes = 97280
threshold = 2

[support]
updatable = true
delivery = "auto"
start = 2026-01-01T00:00:00Z
end = "2031-01-01"
contact = "security@example.com"
"#;

    fn parse(text: &str) -> Result<Product, ProductError> {
        Product::parse(text, Path::new("lamp/tuffet.toml"))
    }

    #[test]
    fn a_good_file_is_read() {
        let product = parse(GOOD).unwrap();
        assert_eq!(
            (product.profile, product.slot_bytes, product.threshold, product.slots),
            (Profile::Small, 97_280, 2, Slots::Any)
        );
        assert_eq!(product.bases, Bases::default());
        assert_eq!(product.support.end, UnixSeconds::parse("2031-01-01T00:00:00Z").unwrap());
        assert_eq!(product.hardware.len(), 2);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let mut product = parse(GOOD).unwrap();
        assert_eq!(parse(&product.to_toml()).unwrap(), product);
        product.name = "A \"quoted\" \\ lamp = 1 # [x]".to_owned();
        product.support.steps = "First\nthen \"\"\" that".to_owned();
        product.support.delivery = Delivery::User;
        product.bases = Bases {
            count: 0,
            versions: vec![Version::parse("1.0.0").unwrap(), Version::parse("0.9.12").unwrap()],
        };
        product.slots = Slots::Xip {
            addresses: [0x0801_0000, 0x0803_0000],
        };
        assert_eq!(parse(&product.to_toml()).unwrap(), product, "{}", product.to_toml());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lamp");
        product.create(&path).unwrap();
        assert_eq!(Product::load(&path).unwrap(), product);
        assert!(matches!(
            product.create(&path),
            Err(Error::Refused(Refused::ProductFileThere { .. }))
        ));
        product.slot_bytes = 0;
        assert!(product.create(&folder.path().join("other")).is_err());
        assert!(!folder.path().join("other").exists());
    }

    #[test]
    fn instructions_are_those_that_the_profile_follows() {
        let with = |line: &str| parse(&GOOD.replace("slot_bytes", &format!("{line}\nslot_bytes")));
        assert_eq!(parse(GOOD).unwrap().instructions, None);
        let thumb = with("instructions = \"thumb\"").unwrap();
        assert_eq!(thumb.instructions, Some(Architecture::Thumb));
        assert_eq!(parse(&thumb.to_toml()).unwrap(), thumb, "{}", thumb.to_toml());
        let of_hosts = with("instructions = \"aarch64\"").unwrap_err();
        assert!(matches!(of_hosts.fault(), Fault::Instructions { .. }), "{of_hosts}");
        let unknown = with("instructions = \"arm\"").unwrap_err().to_string();
        assert!(
            unknown.contains("\"arm\" are no instructions") && unknown.contains("xtensa-be"),
            "{unknown}"
        );
    }

    #[test]
    fn slots_are_read_with_what_their_strategy_needs() {
        let slots = |table: &str| parse(&format!("{GOOD}\n[slots]\n{table}")).map(|product| product.slots);
        let at = Address::At;
        assert_eq!(slots("").unwrap(), Slots::Any);
        assert_eq!(slots("strategy = \"any\"").unwrap().addresses(), [Address::Any]);
        let swap = slots("strategy = \"swap\"\naddresses = [\"0x08010000\"]").unwrap();
        assert_eq!(swap.addresses(), [at(0x0801_0000)]);
        let xip = slots("strategy = \"xip\"\naddresses = [\"0x08030000\", \"0x08010000\"]").unwrap();
        assert_eq!(xip.addresses(), [at(0x0801_0000), at(0x0803_0000)]);
        for (table, says) in [
            (
                "strategy = \"xip\"",
                "\"xip\" goes with 2 addresses in slots.addresses, and 0 are given",
            ),
            ("strategy = \"xip\"\naddresses = [\"0x08010000\"]", "and 1 are given"),
            ("strategy = \"swap\"", "\"swap\" goes with 1 addresses"),
            ("addresses = [\"0x08010000\"]", "\"any\" goes with 0 addresses"),
            (
                "strategy = \"xip\"\naddresses = [\"0x08010000\", \"0x08010000\"]",
                "0x08010000 and 0x08010000 overlap",
            ),
            (
                "strategy = \"xip\"\naddresses = [\"0x08010000\", \"0x08011000\"]",
                "overlap, because each has product.slot_bytes (97280)",
            ),
            ("strategy = \"ring\"", "unknown variant `ring`"),
            ("addresses = [\"8010000\"]", "is not an address"),
            ("addresses = [\"any\"]", "is not an address"),
        ] {
            let error = slots(table).unwrap_err().to_string();
            assert!(error.contains(says), "{table}: {error}");
        }
    }

    #[test]
    fn faults_name_file_line_and_rule() {
        for (from, to, says) in [
            ("name =", "nmae =", "line 4"),
            ("name =", "nmae =", "unknown field `nmae`"),
            ("id = \"lamp\"\n", "", "missing field `id`"),
            ("\"lamp\"", "\"Lamp_1\"", "is not an id"),
            ("\"lamp\"", "\"root\"", "is not an id"),
            ("\"small\"", "\"tiny\"", "unknown variant `tiny`"),
            ("97280", "-1", "line 8"),
            ("97280", "0", "product.slot_bytes must be at least 1"),
            ("threshold = 2", "threshold = 0", "product.threshold must be at least 1"),
            ("[\"c3\", \"s3\"]", "[]", "product.hardware is empty"),
            ("[\"c3\", \"s3\"]", "[\"c3\", \"c3\"]", "names c3 twice"),
            ("Desk lamp", "", "product.name"),
            ("\"2031-01-01\"", "\"2031-02-30\"", "expected a date"),
            ("\"2031-01-01\"", "7", "expected a date"),
            ("\"2031-01-01\"", "\"2025-01-01\"", "is not after support.start"),
            ("security@example.com", "", "support.contact is missing"),
            ("\"auto\"", "\"professional\"", "support.steps is missing"),
            ("updatable = true", "updatable = false", "contradict each other"),
            (
                "true\ndelivery = \"auto\"",
                "false\ndelivery = \"none\"",
                "support.rationale is missing",
            ),
            ("[product]", "[product", "line 2"),
            ("[support]", "[support]\nextra = 1", "unknown field `extra`"),
            (
                "[support]",
                "[bases]\nversions = [\"1.0\"]\n[support]",
                "is not a version",
            ),
            (
                "[support]",
                "[bases]\nversions = [\"1.0.0\", \"1.0.0\"]\n[support]",
                "bases.versions names 1.0.0 twice",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = parse(&text).unwrap_err().to_string();
            assert!(
                error.starts_with("lamp/tuffet.toml: ") && error.contains(says),
                "{to}: {error}"
            );
        }
    }
}
