//! The programs here start at `start` and run nowhere: they are linked only to be measured.
fn main() {
    println!("cargo::rustc-link-arg-bins=--entry=start");
}
