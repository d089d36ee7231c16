//! Two devices that read the same files, the one strictly and the other leniently, and must not disagree.
//!
//! - What the strict reading accepts, the lenient one accepts, with the same facts and after the same requests.
//! - What the strict reading refuses for what it means, the lenient one refuses for the same reason.
//! - They may differ where the strict reading refuses a spelling, a size, a key id, a listing without length or digest, or
//!   names without versions.

use super::{DeviceOf, Refused, Repository};
use tuffet_tuf::{
    DelegatedFacts, Every, Flaw, Hashes, Lenient, Limits, Listing, Pinned, Rejected, Resolution, RoleName, Strict,
    Trusted,
};
use tuffet_wire::{Path, Scalar, Sink};

/// A strict device with every algorithm, as the lenient one has them.
pub type StrictDevice = DeviceOf<Strict<Every>>;

/// What the strict reading said, and what the lenient one did.
pub type Verdicts = (
    Result<Resolution<Strict<Every>>, Refused>,
    Result<Resolution<Lenient>, Refused>,
);

/// Both devices.
#[derive(Clone)]
pub struct Pair {
    pub strict: StrictDevice,
    pub lenient: DeviceOf<Lenient>,
}

impl Pair {
    pub fn provisioned(repository: &Repository) -> Self {
        Self {
            strict: DeviceOf::provisioned(repository),
            lenient: DeviceOf::provisioned(repository),
        }
    }

    /// Both begin from what the strict one trusts, and both look for the name; then they are compared.
    pub fn find(&mut self, repository: &Repository, name: &str) -> Verdicts {
        let Self { strict, lenient } = self;
        lenient.trusted = as_lenient(&strict.trusted, &lenient.trusted);
        lenient.root.clone_from(&strict.root);
        lenient.snapshot.clone_from(&strict.snapshot);
        lenient.clock = strict.clock;
        lenient.limits = strict.limits;
        let verdicts = (strict.find(repository, name), lenient.find(repository, name));
        self.check(repository, &verdicts);
        verdicts
    }

    fn check(&self, repository: &Repository, verdicts: &Verdicts) {
        let (strict, lenient) = verdicts;
        match (strict, lenient) {
            (Ok(strict), Ok(lenient)) => {
                assert!(same_resolution(strict, lenient), "{strict:?}\n{lenient:?}");
                self.check_facts();
            }
            // The strict reading does not look at a second digest, the lenient one does.
            (Ok(_), Err(tuffet_tuf::Error::Rejected(_))) if names_sha512(repository) => {}
            (Ok(strict), Err(lenient)) => panic!("only the strict reading accepts: {strict:?}\n{lenient:?}"),
            (Err(strict), _) if may_differ(strict) => {}
            (Err(strict), Err(lenient)) if same_refusal(strict, lenient) => self.check_facts(),
            (Err(_), Err(_)) if self.last_file_is_misspelled(repository) => {}
            (Err(strict), lenient) => panic!("they disagree: {strict:?}\n{lenient:?}"),
        }
    }

    fn check_facts(&self) {
        let (strict, lenient) = (&self.strict.trusted, &self.lenient.trusted);
        assert_eq!(self.strict.requests, self.lenient.requests);
        let expected = as_lenient(strict, lenient);
        assert_eq!(lenient.root, expected.root);
        assert_eq!(
            lenient.timestamp.as_ref().map(|known| known.file),
            expected.timestamp.as_ref().map(|known| known.file)
        );
        assert_eq!(lenient.snapshot, expected.snapshot);
        assert_eq!(lenient.targets, expected.targets);
        assert_eq!(lenient.floor, expected.floor);
        let remembered: &[Option<DelegatedFacts>] = lenient.delegated.as_ref();
        assert_eq!(remembered[..strict.delegated.len()], strict.delegated[..]);
    }

    /// Whether the lenient reading may have stumbled over something that the strict one did not come to.
    fn last_file_is_misspelled(&self, repository: &Repository) -> bool {
        let last = self.strict.requests.last().and_then(|name| repository.served.get(name));
        last.is_some_and(|bytes| tuffet_wire::scan(bytes, &mut Anything).is_err())
    }
}

/// The first root of a device in both readings.
pub fn first_root_verdicts(root: &[u8]) -> (Result<StrictDevice, Refused>, Result<DeviceOf<Lenient>, Refused>) {
    let strict = StrictDevice::of_root(root, &Limits::DEFAULT);
    let lenient = DeviceOf::<Lenient>::of_root(root, &Limits::DEFAULT);
    match (&strict, &lenient) {
        (Ok(strict), Ok(lenient)) => {
            assert_eq!(strict.trusted.root, lenient.trusted.root);
            assert_eq!(strict.trusted.floor, lenient.trusted.floor);
        }
        (Ok(_), Err(lenient)) => panic!("only the strict reading accepts: {lenient:?}"),
        (Err(strict), _) if may_differ(strict) => {}
        (Err(strict), Err(lenient)) => {
            let is_misspelled = tuffet_wire::scan(root, &mut Anything).is_err();
            assert!(
                same_refusal(strict, lenient) || is_misspelled,
                "{strict:?}\n{lenient:?}"
            );
        }
        (Err(strict), Ok(_)) => panic!("only the lenient reading accepts: {strict:?}"),
    }
    (strict, lenient)
}

fn same_resolution(strict: &Resolution<Strict<Every>>, lenient: &Resolution<Lenient>) -> bool {
    match (strict, lenient) {
        (Resolution::NotFound, Resolution::NotFound) => true,
        (Resolution::Found(strict), Resolution::Found(lenient)) => {
            strict.name().as_str() == lenient.name()
                && strict.length() == lenient.length()
                && lenient.digests().sha256 == Some(*strict.digest())
                && strict.custom() == lenient.custom()
                && strict.role() == lenient.role()
                && strict.delegator() == lenient.delegator()
                && strict.signed_at() == lenient.signed_at()
        }
        _ => false,
    }
}

/// The same, except for where in the file.
pub fn same_refusal(strict: &Refused, lenient: &Refused) -> bool {
    match (malformed(strict), malformed(lenient)) {
        (None, None) => strict == lenient,
        (strict, lenient) => strict == lenient,
    }
}

/// Whose file is malformed, and how.
fn malformed(refused: &Refused) -> Option<(RoleName, Flaw)> {
    let Refused::Rejected(Rejected::Malformed { role, what, .. }) = *refused else {
        return None;
    };
    Some((role, what))
}

/// Whether the lenient reading may take what the strict one refused.
pub fn may_differ(strict: &Refused) -> bool {
    if let Refused::Rejected(Rejected::LimitExceeded { .. }) = strict {
        return true;
    }
    matches!(
        malformed(strict),
        Some((
            _,
            Flaw::ConsistentSnapshotOff | Flaw::KeyId | Flaw::NotHex | Flaw::Spelling(_) | Flaw::TextTooLong
        ))
        // Length and digest of a listing.
        | Some((RoleName::Snapshot | RoleName::Timestamp, Flaw::Missing))
    )
}

fn names_sha512(repository: &Repository) -> bool {
    let mut served = repository.served.values();
    served.any(|bytes| bytes.windows(6).any(|window| window == b"sha512"))
}

/// What a strict device trusts, as a lenient one remembers it.
pub fn as_lenient(strict: &Trusted<Strict<Every>>, any: &Trusted<Lenient>) -> Trusted<Lenient> {
    let mut lenient = any.clone();
    lenient.root = strict.root;
    lenient.timestamp = strict.timestamp.map(|known| tuffet_tuf::TimestampFacts {
        file: known.file,
        snapshot: listing(known.snapshot),
    });
    lenient.snapshot = strict.snapshot;
    lenient.targets = strict.targets;
    lenient.floor = strict.floor;
    let places: &mut [Option<DelegatedFacts>] = lenient.delegated.as_mut();
    places.fill(None);
    for (place, known) in places.iter_mut().zip(strict.delegated) {
        *place = known;
    }
    lenient
}

fn listing(pinned: Pinned) -> Listing {
    Listing {
        version: pinned.version,
        length: Some(pinned.length),
        hashes: Hashes {
            sha256: Some(pinned.digest),
            sha512: None,
        },
    }
}

/// Takes every strict document.
pub struct Anything;

impl Sink for Anything {
    type Refusal = ();

    fn value(&mut self, _path: &Path<'_>, _value: Scalar<'_>) -> Result<(), ()> {
        Ok(())
    }
}
