use std::{env, fs, time::Instant};
use tuffet_patch::{Options, Profile, encode_with};
const PAIRS: [(&str, f64, f64); 7] = [
    ("pb-movehub", 4211.0, 6825.0),
    ("greatfet", 5830.0, 7166.0),
    ("upy-pybv11", 31231.0, 40827.0),
    ("upy-esp8266", 65927.0, 79926.0),
    ("espboot-c3", 6626.0, 7374.0),
    ("pb-cityhub", 86691.0, 99865.0),
    ("ath9k-htc", 18101.0, 20094.0),
];
fn main() {
    let only = env::args().nth(1);
    for profile in Profile::ALL {
        if only
            .as_ref()
            .is_some_and(|only| !format!("{profile:?}").to_lowercase().starts_with(only))
        {
            continue;
        }
        let started = Instant::now();
        let (mut log, mut mcu, mut worst, mut worst_mcu) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        let mut sizes = Vec::new();
        for (name, peer, mcu_peer) in PAIRS {
            let read = |side: &str| fs::read(format!("/work/corpus/{name}/{side}.bin")).unwrap();
            let size = encode_with(Some(&read("old")), &read("new"), &Options::of(profile))
                .unwrap()
                .bytes
                .len() as f64;
            sizes.push(size);
            log += (size / peer).ln();
            mcu += (size / mcu_peer).ln();
            worst = worst.max(size / peer);
            worst_mcu = worst_mcu.max(size / mcu_peer);
        }
        println!(
            "{profile:?} host mean {:.4} worst {worst:.3} mcu mean {:.4} worst {worst_mcu:.3} {sizes:?} {:.1}s",
            (log / 7.0).exp(),
            (mcu / 7.0).exp(),
            started.elapsed().as_secs_f64()
        );
    }
}
