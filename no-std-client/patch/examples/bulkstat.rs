use std::{env, fs, time::Instant};
use tuffet_patch::*;
fn main() {
    for dir in env::args().skip(1) {
        let read = |side: &str| fs::read(format!("{dir}/{side}.bin")).unwrap();
        let (old, new) = (read("old"), read("new"));
        let t = Instant::now();
        let mut o = Options::of(Profile::Large);
        o.codec = Some(Codec::Bulk);
        let coded = encode_with(Some(&old), &new, &o);
        let e = t.elapsed();
        match coded {
            Ok(c) => {
                let t = Instant::now();
                let _ = apply(Some(&old), &c.bytes, c.pinned).unwrap();
                let a = t.elapsed();
                println!(
                    "{dir} {} encode {e:?} apply {a:?} {:.1} MB/s",
                    c.bytes.len(),
                    new.len() as f64 / 1e6 / a.as_secs_f64()
                );
            }
            Err(e) => println!("{e:?}"),
        }
    }
}
