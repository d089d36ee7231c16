use std::{env, fs};
use tuffet_patch::*;
fn main() {
    let dir = env::args().nth(1).unwrap();
    let read = |side: &str| fs::read(format!("{dir}/{side}.bin")).unwrap();
    let (old, new) = (read("old"), read("new"));
    for profile in Profile::ALL {
        for a in [None, Some(Architecture::Xtensa), Some(Architecture::Unknown)] {
            let mut o = Options::of(profile);
            o.layout = Some(layout(a, &old, &new));
            println!(
                "{profile:?} {a:?} {:?} {}",
                o.layout,
                encode_with(Some(&old), &new, &o).unwrap().bytes.len()
            );
        }
    }
}
