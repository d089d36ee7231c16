//! What is said on the serial line of the board `microbit` while it updates itself, from its factory to its confirmed new image.
//!
//! The whole of it is written beside the firmware. `docs/microbit-session.md` is one run of it; with `TUFFET_WRITE_PAGE` set, it is this one.

use std::path::Path;
use tuffet_board_layout::image::Behaviour;
use tuffet_boot::Slot;
use tuffet_integration::microbit::Product;
use tuffet_integration::microbit::session::{heard, sequence, shortened};

const NOW: u64 = 1_800_000_000;
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/microbit-session.md");
/// What stands around the lines of the session.
const FENCE: &str = "```text\n";
const END: &str = "\n```\n";

#[test]
#[ignore = "needs an emulator and a compiler for bare metal: cargo xtask test --only board"]
fn page_has_the_requests_and_the_lines_of_a_session() {
    let mut product = Product::new(NOW);
    let mut board = product.board();
    product.release("2.0.0", Slot::B, Behaviour::Good);
    board.power_on_and_wait();
    board.line().plug_in(product.repository.site.clone());
    board.line().record();
    board.go();
    board.wait_for("update outcome=installed version=2.0.0 way=delta");
    board.wait_for("confirmed");
    board.wait_for("update outcome=up-to-date");
    let said = heard(&board.line().take_recorded());
    board.power_off();

    let whole: Vec<String> = said.iter().map(ToString::to_string).collect();
    if let Some(folder) = std::env::var_os("TUFFET_BOARDS") {
        let path = Path::new(&folder).join("microbit-session.txt");
        std::fs::write(&path, whole.join("\n")).unwrap();
        println!("{} lines are in {}", whole.len(), path.display());
    }
    let lines = shortened(&said);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(FENCE).unwrap();
    let (written, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("TUFFET_WRITE_PAGE").is_some() {
        std::fs::write(PAGE, [head, FENCE, &lines.join("\n"), END, tail].concat()).unwrap();
        return;
    }
    let now = sequence(lines.iter().map(String::as_str));
    assert_eq!(
        sequence(written.lines()),
        now,
        "docs/microbit-session.md is another session; write it again with TUFFET_WRITE_PAGE=1"
    );
}
