//! Firmware that was really released, when `TUFFET_CORPUS` names the folder where `cargo xtask corpus` put it. Then each pair must
//! stay at least as small as it is now against the best decoder of its class.

use std::{path::Path, time::Instant};
use tuffet_patch::{Profile, encode};

/// Pairs, and the smallest patch that another decoder of a few KiB of RAM reads (heatshrink, tinyuz, tamp).
const PAIRS: [(&str, usize); 8] = [
    ("espboot-c3", 7_374),
    ("ath9k-htc", 20_094),
    ("pb-movehub", 6_825),
    ("greatfet", 7_166),
    ("pb-cityhub", 99_865),
    ("upy-pybv11", 40_827),
    ("upy-esp8266", 79_926),
    ("uboot-rpi", 213_220),
];

#[test]
fn real_pairs_are_smaller_than_those_of_peers() {
    let Some(folder) = std::env::var_os("TUFFET_CORPUS") else {
        println!("skipped: TUFFET_CORPUS names no folder with pairs");
        return;
    };
    let only = std::env::var("TUFFET_PAIRS").ok();
    let mut found = 0;
    for (pair, peer) in PAIRS {
        if only
            .as_ref()
            .is_some_and(|only| !only.split(',').any(|name| name == pair))
        {
            continue;
        }
        let read = |name| std::fs::read(Path::new(&folder).join(pair).join(name));
        let (Ok(old), Ok(new)) = (read("old.bin"), read("new.bin")) else {
            println!("{pair}: skipped, not there");
            continue;
        };
        found += 1;
        let length = |old, profile| encode(old, &new, profile).unwrap().bytes.len();
        let start = Instant::now();
        let small = length(Some(&old[..]), Profile::Small);
        let seconds = start.elapsed().as_secs_f64();
        let standard = length(Some(&old[..]), Profile::Standard);
        let full = length(None, Profile::Small);
        println!(
            "{pair}: small {small}, standard {standard}, from nothing {full}, of {} ({seconds:.2} s)",
            new.len()
        );
        assert!(small < peer && small < full && full < new.len());
    }
    assert!(found > 0, "TUFFET_CORPUS has no pair");
}
