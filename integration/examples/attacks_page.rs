//! Prints `docs/attacks.md`.

fn main() {
    print!("{}", tuffet_integration::attacks::page());
}
