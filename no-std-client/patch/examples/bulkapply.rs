use std::{env, fs, time::Instant};
use tuffet_patch::*;
fn main() {
    let dir = env::args().nth(1).unwrap();
    let path = format!("/tmp/patch-{}", dir.replace('/', "_"));
    if !fs::exists(&path).unwrap() || env::args().nth(2).is_some() {
        let read = |side: &str| fs::read(format!("{dir}/{side}.bin")).unwrap();
        let (old, new) = (read("old"), read("new"));
        let mut o = Options::of(Profile::Large);
        o.codec = Some(Codec::Bulk);
        fs::write(&path, encode_with(Some(&old), &new, &o).unwrap().bytes).unwrap();
        return;
    }
    let patch = fs::read(&path).unwrap();
    let pinned = unauthenticated(&patch).unwrap();
    drop(patch);
    let t = Instant::now();
    let out = fs::File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open("/tmp/applied")
        .unwrap();
    let r = apply_files(
        Some(&fs::File::open(format!("{dir}/old.bin")).unwrap()),
        &fs::File::open(&path).unwrap(),
        &out,
        pinned,
    )
    .unwrap();
    let a = t.elapsed();
    println!(
        "{} state {} apply {a:?} {:.1} MB/s",
        r.header.result.length,
        r.state_bytes,
        r.header.result.length as f64 / 1e6 / a.as_secs_f64()
    );
}
