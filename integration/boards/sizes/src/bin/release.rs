//! The release document, the rollout and the decision.
#![no_std]
#![no_main]

use core::hint::black_box;

use tuffet_release::{Device, Gate, Id, Pointer, Profile, Release, RolloutExtract, Seed, Version, Wanted, decide};
use tuffet_wire::UnixSeconds;

tuffet_sizes::start_with!(run);

fn run() {
    let (Ok(product), Ok(hardware)) = (Id::parse(tuffet_sizes::text()), Id::parse(tuffet_sizes::text())) else {
        return;
    };
    let mut document = tuffet_sizes::input();
    let Ok(release) = Release::parse(&mut document, &Wanted::firmware(hardware, Profile::Small)) else {
        return;
    };
    let Ok(rollout) = RolloutExtract::parse(&mut document) else {
        return;
    };
    let Some(rollout) = RolloutExtract::decode(black_box(&rollout.encode())) else {
        return;
    };
    let digest = tuffet_sizes::digest();
    let device = Device {
        product: &product,
        version: Version::ZERO,
        digest: &digest,
        counter: black_box(1),
        security_version_jump_max: black_box(1_000),
        failed: &[],
        slot_bytes: black_box(95 * 1024),
        seed: &Seed::new(digest),
    };
    let Some(pointer) = Pointer::parse(digest, tuffet_sizes::text(), black_box(1), tuffet_sizes::text()) else {
        return;
    };
    let now = UnixSeconds::new(black_box(0));
    black_box(decide(&device, &pointer, &release, Gate::Present(&rollout), now));
}
