//! Whether devices will accept a root. The verifier that runs on them says so, not a second one here.

use super::{Refusal, RootFile, sound};
use crate::Error;
use std::convert::Infallible;
use tuffet_tuf::{Answer, ClockPolicy, Limits, Rejected, Session, TargetName, TrustedState, first_root};
use tuffet_wire::UnixSeconds;

impl RootFile {
    /// Checks the root as devices do: at the factory without a `previous` one, and in the field as its successor.
    pub fn check(&self, previous: Option<&Self>, now: UnixSeconds) -> Result<(), Error> {
        sound::check(&self.root, now)?;
        let file = self.bytes()?;
        let refused = |error| Error::from(Refusal::of(error));
        let session = match previous {
            None => {
                let trusted = first_root(&mut file.as_slice(), &Limits::DEFAULT).map_err(refused)?;
                begin(&file, trusted, now).map_err(refused)?
            }
            Some(previous) => {
                let kept = previous.bytes()?;
                let previous_refused = |source| Error::from(Refusal::PreviousNotAccepted { source });
                let trusted = first_root(&mut kept.as_slice(), &Limits::DEFAULT).map_err(previous_refused)?;
                let session = begin(&kept, trusted, now).map_err(previous_refused)?;
                let step = session.receive(Answer::Present(&mut file.as_slice()));
                step.map_err(refused)?.session
            }
        };
        // A device asks whether a root has expired only once no newer one is there.
        session.receive(Answer::<&[u8]>::Absent).map_err(refused)?;
        Ok(())
    }
}

fn begin(root: &[u8], trusted: TrustedState, now: UnixSeconds) -> Result<Session, tuffet_tuf::Error<Infallible>> {
    // Invariant: the name is neither empty nor long. It is never looked up, but a session wants one.
    let wanted = TargetName::new("any").expect("a short name");
    let mut root = root;
    Session::begin(
        &mut root,
        trusted,
        wanted,
        ClockPolicy::Trusted { now },
        &Limits::DEFAULT,
    )
}

impl Refusal {
    fn of(source: tuffet_tuf::Error<Infallible>) -> Self {
        if let tuffet_tuf::Error::Rejected(Rejected::TooFewSignatures { needed, valid, .. }) = source {
            return Self::TooFewSignatures { needed, valid };
        }
        Self::NotAccepted { source }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Keys, NOW, role};
    use super::*;
    use crate::{KeySource as _, SecretKey};
    use tuffet_tuf::RoleVersion;

    fn signed_by(mut file: RootFile, keys: &[&SecretKey]) -> RootFile {
        let canonical = file.canonical().unwrap();
        for key in keys {
            file.signatures.push(key.sign(&canonical).unwrap());
        }
        file.signatures.sort_by_key(|signature| signature.keyid);
        file
    }

    fn first(keys: &Keys) -> RootFile {
        RootFile::create(&keys.plan()).unwrap()
    }

    /// The second root, which replaces one holder.
    fn second(keys: &Keys, replacement: &SecretKey) -> RootFile {
        let mut plan = keys.plan();
        plan.root = role(2, &[&keys.root[0], &keys.root[1], replacement]);
        let mut file = RootFile::create(&plan).unwrap();
        file.root.version = 2;
        file
    }

    fn refusal(result: Result<(), Error>) -> Refusal {
        match result {
            Err(Error::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn first_root_needs_its_threshold() {
        let keys = Keys::new();
        let [a, b, c] = &keys.root;
        for signers in [&[a, b][..], &[b, c], &[a, b, c]] {
            signed_by(first(&keys), signers).check(None, NOW).unwrap();
        }
        for (signers, counted) in [
            (&[][..], 0),
            (&[a], 1),
            (&[a, &keys.targets], 1),
            (&[a, &Keys::new().root[0]], 1),
        ] {
            let file = signed_by(first(&keys), signers);
            assert!(matches!(
                refusal(file.check(None, NOW)),
                Refusal::TooFewSignatures { needed: 2, valid } if valid == counted
            ));
        }
    }

    #[test]
    fn same_holder_signs_twice() {
        let keys = Keys::new();
        let file = signed_by(first(&keys), &[&keys.root[0], &keys.root[0]]);
        assert!(matches!(
            refusal(file.check(None, NOW)),
            Refusal::NotAccepted {
                source: tuffet_tuf::Error::Rejected(Rejected::DuplicateSignature { .. })
            }
        ));
    }

    #[test]
    fn signature_over_other_bytes() {
        let keys = Keys::new();
        let mut file = signed_by(first(&keys), &[&keys.root[0], &keys.root[1]]);
        file.root.expires = file.root.expires.saturating_add(1);
        assert!(matches!(
            refusal(file.check(None, NOW)),
            Refusal::TooFewSignatures { needed: 2, valid: 0 }
        ));
    }

    #[test]
    fn successor_needs_the_thresholds_of_both() {
        let keys = Keys::new();
        let newcomer = &Keys::new().root[0];
        let [a, b, c] = &keys.root;
        let old = signed_by(first(&keys), &[a, b]);
        let check = |signers: &[&SecretKey]| signed_by(second(&keys, newcomer), signers).check(Some(&old), NOW);
        check(&[a, b]).unwrap();
        check(&[a, c, newcomer]).unwrap();
        // Two of the new holders, one of the old; and the other way round.
        for signers in [[a, newcomer], [a, c]] {
            assert!(matches!(
                refusal(check(&signers)),
                Refusal::TooFewSignatures { needed: 2, valid: 1 }
            ));
        }
    }

    #[test]
    fn successor_has_the_next_version() {
        let keys = Keys::new();
        let [a, b, c] = &keys.root;
        let old = signed_by(first(&keys), &[a, b]);
        for version in [1, 3] {
            let mut file = second(&keys, c);
            file.root.version = version;
            assert!(matches!(
                refusal(signed_by(file, &[a, b]).check(Some(&old), NOW)),
                Refusal::NotAccepted {
                    source: tuffet_tuf::Error::Rejected(Rejected::WrongVersion { expected, offered, .. })
                } if Some(expected) == RoleVersion::new(2) && Some(offered) == RoleVersion::new(version)
            ));
        }
    }

    #[test]
    fn previous_root_has_to_hold_but_may_have_expired() {
        let keys = Keys::new();
        let [a, b, c] = &keys.root;
        let new = signed_by(second(&keys, c), &[a, b]);
        assert!(matches!(
            refusal(new.check(Some(&signed_by(first(&keys), &[a])), NOW)),
            Refusal::PreviousNotAccepted { .. }
        ));
        let mut expired = first(&keys);
        expired.root.expires = NOW.saturating_sub(1);
        expired.root.signed_at = NOW.saturating_sub(100);
        new.check(Some(&signed_by(expired, &[a, b])), NOW).unwrap();
    }

    #[test]
    fn expired_root_is_refused() {
        let keys = Keys::new();
        let file = signed_by(first(&keys), &[&keys.root[0], &keys.root[1]]);
        file.check(None, NOW.saturating_add_days(729)).unwrap();
        assert!(matches!(
            refusal(file.check(None, NOW.saturating_add_days(730))),
            Refusal::Expired { .. }
        ));
    }

    /// Devices never go back behind the time that the previous root was signed at, whatever this machine's clock says.
    #[test]
    fn successor_that_devices_take_for_expired_is_refused() {
        let keys = Keys::new();
        let [a, b, _] = &keys.root;
        let mut old = first(&keys);
        old.root.signed_at = NOW.saturating_add_days(100);
        let old = signed_by(old, &[a, b]);
        let mut new = first(&keys);
        new.root.version = 2;
        new.root.expires = NOW.saturating_add_days(50);
        assert!(matches!(
            refusal(signed_by(new, &[a, b]).check(Some(&old), NOW)),
            Refusal::NotAccepted {
                source: tuffet_tuf::Error::Rejected(Rejected::Expired { .. })
            }
        ));
    }

    #[test]
    fn longest_root_that_can_be_created_is_accepted() {
        let keys = Keys::new();
        let more: Vec<SecretKey> = (0..6)
            .map(|_| SecretKey::generate(crate::KeyRole::Root).unwrap())
            .collect();
        let holders: Vec<&SecretKey> = keys.root.iter().chain(&more).collect();
        let mut plan = keys.plan();
        plan.root = role(5, &holders);
        let file = RootFile::create(&plan).unwrap();
        assert_eq!(file.root.keys.len(), tuffet_tuf::limits::ROOT_KEYS_MAX);
        signed_by(file, &holders).check(None, NOW).unwrap();
    }
}
