//! No step of an update on a small device touches the heap. A test alone in its process: the allocator counts for all threads.

mod small;

use small::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region as Allocations, StatsAlloc};
use std::alloc::System;
use tuffet_boot::Why;
use tuffet_integration::device::small::{MAP, identity};
use tuffet_integration::simulator::Simulator;
use tuffet_no_std_client::flash::Storage;
use tuffet_no_std_client::{Outcome, Way};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn no_step_of_an_update_touches_the_heap() {
    let healthy = Simulator::healthy(NOW);
    let by_delta = with_delta(&healthy);
    let mut whole = by_delta.clone();
    whole.stage("3.0.0");
    whole.publish();
    let device = identity();
    let flash = factory(&device, &healthy);
    let region = Allocations::new(ALLOCATOR);
    let untouched = |step: &str| {
        let change = region.change();
        let used = change.allocations + change.reallocations + change.deallocations;
        assert_eq!(used, 0, "{step}: {change:?}");
    };

    let mut client = client(&device, &flash, at(0));
    let mut lines = Lines::to(&healthy.site);
    assert_eq!(client.turn(&mut lines, at(0), 0), Ok(Outcome::UpToDate));
    untouched("a cycle");
    assert_eq!(client.turn(&mut lines, client.due_at(), 0), Ok(Outcome::UpToDate));
    untouched("a peek, and the decision again");
    for (repository, expected) in [(&by_delta, Way::Delta), (&whole, Way::Whole)] {
        let mut lines = Lines::to(&repository.site);
        let Ok(Outcome::Installed { way, .. }) = client.update(&mut lines, at(0)) else {
            panic!("nothing is installed");
        };
        assert_eq!(way, expected);
        untouched("an installation");
        assert!(matches!(boots(&flash).1, Why::Trial { .. }));
        untouched("a boot");
        Storage::new(&flash, &MAP).boot_records().unwrap().confirm().unwrap();
        untouched("a confirmation");
    }
    // The counter counts at all.
    let something = Vec::from([lines.bytes]);
    assert_ne!(region.change().allocations, 0);
    drop(something);
}
