//! Encoded states of both readings: one spelling for each, and a session that goes on from any of them never goes back.

use std::sync::OnceLock;

use tuffet_tuf::{Lenient, Strict, Trusted, TrustedState};

use super::repository::{DeviceOf, Kept, Repository};

/// Any bytes; also cut, or filled with zeros, to the length of a state.
pub fn run(data: &[u8]) {
    static REPOSITORY: OnceLock<Repository> = OnceLock::new();
    let repository = REPOSITORY.get_or_init(Repository::new);
    let strict = |bytes: &[u8]| <TrustedState>::decode(bytes).ok();
    let lenient = |bytes: &[u8]| Trusted::<Lenient>::from_bytes(bytes).ok();
    check::<Strict>(repository, data, strict, |state| state.encode().to_vec());
    check::<Lenient>(repository, data, lenient, TrustedState::to_bytes);
}

fn check<R: Kept>(
    repository: &Repository,
    data: &[u8],
    decode: impl Fn(&[u8]) -> Option<Trusted<R>>,
    encode: impl Fn(&Trusted<R>) -> Vec<u8>,
) {
    let mut device = DeviceOf::<R>::provisioned(repository);
    let mut exact = data.to_vec();
    exact.resize(encode(&device.trusted).len(), 0);
    for bytes in [data, &exact] {
        let Some(state) = decode(bytes) else { continue };
        assert_eq!(encode(&state), bytes, "two spellings of one state");
        let root = device.trusted.root;
        // As it is it names another root, and then nothing goes on.
        device.trusted = TrustedState { root, ..state };
        let before = device.trusted.clone();
        let _refused_or_found = device.update(repository);
        let after = &device.trusted;
        let versions = |state: &Trusted<R>| {
            let timestamp = state.timestamp.as_ref().map(|known| known.file.version);
            let others = [state.snapshot, state.targets].map(|known| known.map(|file| file.version));
            (timestamp, others[0])
        };
        let (old, new) = (versions(&before), versions(after));
        assert!(new.0 >= old.0 && new.1 >= old.1, "a version fell: {old:?} {new:?}");
        device.trusted.root = root;
    }
}
