//! Whatever is wrong before a board is touched: one clear sentence, and the exit code.

use crate::fake::{Fake, Said, lab, project};
use std::path::Path;
use tuffet_integration::lab::board::{BOARDS, Board};

/// What is changed in a good board file, and what is said of it.
const WRONG_BOARDS: &[(&str, &str, &str)] = &[
    (
        "description =",
        "colour = \"red\"\ndescription =",
        "board.toml:2: unknown field `colour`",
    ),
    (
        "adapter = \"command\"",
        "adapter = \"carrier-pigeon\"",
        "board.toml:3: unknown variant `carrier-pigeon`",
    ),
    ("product = \"kettle\"\n", "", "missing field `product`"),
    (
        "product = \"kettle\"",
        "product = \"Kettle!\"",
        "board.toml:7: `product` is \"Kettle!\", and must be",
    ),
    (
        "profile = \"small\"",
        "profile = \"tiny\"",
        "board.toml:10: unknown variant `tiny`",
    ),
    (
        "write_bytes = 4",
        "write_bytes = 3",
        "[flash] `write_bytes` must divide 64",
    ),
    (
        "erase_bytes = 1024",
        "erase_bytes = 1000",
        "[flash] `erase_bytes` must be a multiple of 128",
    ),
    (
        "start = 0x800, bytes",
        "start = 0x400, bytes",
        "[flash] `boot_record` shares bytes with another part",
    ),
    (
        "bytes = 0x2d000",
        "bytes = 0x2c000",
        "[flash] `slots` reaches past `bytes`",
    ),
    (
        "boot_s = 20",
        "boot_s = 0",
        "board.toml:27: `boot_s` is 0, and must be 0.01 to 3600 seconds",
    ),
    (
        "boot_s = 20",
        "boot_s = \"soon\"",
        "board.toml:27: invalid type: string \"soon\"",
    ),
    (
        "[command]",
        "[command]\ntimeouts.flash = -1",
        "`flash` is -1, and must be 0.01 to 3600 seconds",
    ),
    (
        "slots = [",
        "journal = { start = 0, bytes = 0 }\nslots = [",
        "[flash] needs either `slots`, or `running`, `staged` and `journal`",
    ),
    (
        "slots = [{ start = 0xd000, bytes = 0x10000 }, { start = 0x1d000, bytes = 0x10000 }]",
        "running = { start = 0xd000, bytes = 0xc000 }\nstaged = { start = 0x19000, bytes = 0xc000 }\njournal = \
         { start = 0x26000, bytes = 0x2000 }",
        "[flash] `staged` must be an erase unit longer than `running`",
    ),
    (
        "slots = [{ start = 0xd000, bytes = 0x10000 }, { start = 0x1d000, bytes = 0x10000 }]",
        "running = { start = 0xd000, bytes = 0xc000 }\nstaged = { start = 0x19000, bytes = 0xc400 }\njournal = \
         { start = 0x26000, bytes = 0x800 }",
        "[flash] `journal` is shorter than what it must hold",
    ),
    ("reset = \"sh say.sh\"\n", "", "[command] has no `reset`"),
    (
        "{image}",
        "{picture}",
        "`flash` holds `{picture}`, and there are image, base, url, host, port",
    ),
    (
        "[command]",
        "[log]\napp = \"ready\"\n[command]",
        "[log] `app` must hold {version}",
    ),
    (
        "[command]",
        "[log]\nboot = \"{a\"\n[command]",
        "[log] `boot`: a `{` has no `}`",
    ),
    (
        "[command]",
        "[values]\nserial = \"x\"\nport = \"/dev/ttyACM0\"\n[command]",
        "board.toml:33: `port` in [values] is what the lab fills in itself",
    ),
    (
        "[command]",
        "[values]\nhub = \"1\"\nserail = \"x\"\n[command]\ntimeouts.reset = 1\ntools = [\"sh\"]",
        "board.toml:32: `hub` in [values] stands in no line of [command]",
    ),
    (
        "[command]",
        "[network]\nhost = \"lab.example\"\n[command]",
        "board.toml:32: `host` in [network] is for `{host}` and `{url}`, and no line of [command] holds one of them",
    ),
    (
        "[command]",
        "[emulator]\nmachine = \"mps2-an385\"\n[command]",
        "`adapter` is \"command\", and there is an [emulator]",
    ),
    ("[command]", "[commands]", "unknown field `commands`"),
    ("description", "description", ""),
];

#[test]
fn wrong_board_files_are_named_by_key_and_line() {
    for (from, to, expected) in WRONG_BOARDS {
        let fake = Fake::talking();
        fake.edit(from, to);
        let said = Said::of(lab(&["check", "--json", "--board"]).arg(fake.path("board.toml")));
        assert!(said.text.contains(expected), "{to}: {}", said.text);
        // The last row is the file as it is.
        assert_eq!(
            said.exit,
            if expected.is_empty() { 0 } else { 2 },
            "{to}: {}",
            said.text
        );
        assert_eq!(said.object["ok"], expected.is_empty(), "{to}");
        assert!(!fake.path("power").exists(), "{to}: the board was touched");
    }
}

/// An emulated board has no lines, and finds the lab by itself.
#[test]
fn what_an_emulated_board_does_not_use_is_refused() {
    let text = std::fs::read_to_string(format!("{BOARDS}/mps2-an385.toml")).unwrap();
    for (more, expected) in [
        (
            "[values]\nport2 = \"x\"\n",
            ":36: `port2` in [values] stands in no line: the adapter is \"emulator\"",
        ),
        ("[network]\nhost = \"lab\"\n", ":36: `host` in [network] is not used"),
        (
            "[command]\nreset = \"x\"\n",
            ":2: `adapter` is \"emulator\", and there is a [command]",
        ),
    ] {
        let refused = Board::parse(Path::new("b.toml"), &format!("{text}{more}"), &[]).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        assert_eq!(refused.exit_code(), 2);
    }
}

#[test]
fn firmware_of_another_board_is_refused() {
    let good = 0x0000_d009_u32;
    let vectors = |handler: u32| [&0x2000_4000_u32.to_le_bytes()[..], &handler.to_le_bytes(), b"kettle-k7"].concat();
    let cases: [(Vec<u8>, &str); 8] = [
        (Vec::new(), "it is empty"),
        (vec![7; 65_537], "it has 65537 bytes, and a slot holds 65536"),
        (b"\x7fELF\x01".to_vec(), "it is an ELF file; `objcopy -O binary`"),
        (b":10000000".to_vec(), "it is an Intel HEX file"),
        (
            vec![7; 100],
            "it is for other hardware: every image of k7 holds the text `kettle-k7`",
        ),
        (b"kettle-k7".to_vec(), "is no address of a reset handler"),
        (
            vectors(0x0001_d101),
            "its reset handler is at 0x0001d101, and slot A is at 0x0000d000",
        ),
        (vectors(good), ""),
    ];
    for (image, expected) in cases {
        let fake = Fake::talking();
        fake.edit("linked = false", "linked = true");
        fake.edit(
            "[command]",
            "[firmware]\nprocessor = \"cortex-m\"\nmark = \"kettle-k7\"\n[command]",
        );
        let text = std::fs::read_to_string(fake.path("board.toml")).unwrap();
        let board = Board::parse(&fake.path("board.toml"), &text, &[]).unwrap();
        let [a, b] = ["a.bin", "b.bin"].map(|name| fake.path(name));
        std::fs::write(&a, &image).unwrap();
        std::fs::write(&b, vectors(0x0001_d009)).unwrap();
        let read = tuffet_integration::lab::firmware::Firmware::read(&board, "--old", "1.0.0", &[a, b]);
        match read {
            Ok(firmware) => assert!(expected.is_empty() && firmware.image(0) == image, "{expected}"),
            Err(trouble) => {
                assert!(
                    !expected.is_empty() && trouble.to_string().contains(expected),
                    "{trouble}"
                );
                assert_eq!(trouble.exit_code(), 1, "{trouble}");
            }
        }
    }
}

#[test]
fn wrong_arguments_are_said_before_the_board_is_touched() {
    let fake = Fake::talking();
    let board = fake.path("board.toml").display().to_string();
    let [old, new] = ["old.bin", "new.bin"].map(|name| fake.path(name).display().to_string());
    let run = ["run", "--json", "--board", &board, "--suite", "smoke"];
    let both = ["--old", &old, "--new", &new];
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (
            vec!["run", "--json", "--board", "no-such-board", "--suite", "smoke"],
            2,
            "there is no board `no-such-board`",
        ),
        (
            vec!["run", "--json", "--board", "no/such.toml", "--suite", "smoke"],
            3,
            "cannot read the board file no/such.toml",
        ),
        (
            vec!["run", "--json", "--board", &board, "--suite", "love"],
            2,
            "[possible values: smoke, update, power, attack]",
        ),
        (
            run.to_vec(),
            2,
            "needs --old once: its images run in any slot; it was given 0 times",
        ),
        (
            [&run[..], &["--old", &old, "--new", "absent.bin"]].concat(),
            3,
            "cannot read the firmware absent.bin",
        ),
        ([&run[..], &both, &["--new", &new]].concat(), 2, "needs --new once"),
        (
            [&run[..], &["--old", &old, "--new", &old]].concat(),
            2,
            "an image of --old is one of --new, too",
        ),
        (
            [&run[..], &both, &["--old-version", "1.0"]].concat(),
            2,
            "`1.0` is no version",
        ),
        (
            [&run[..], &both, &["--new-version", "1.0.0"]].concat(),
            2,
            "both versions are 1.0.0",
        ),
        (
            [&run[..], &both, &["--html", "/no/such/folder/x"]].concat(),
            3,
            "cannot write /no/such/folder/x",
        ),
        ([&run[..], &both, &["--set", "x"]].concat(), 2, "expected NAME=VALUE"),
        (
            [&run[..], &both, &["--set", "seriel=x"]].concat(),
            2,
            "--set seriel: no line of [command] in the board file uses `seriel`",
        ),
        (
            [&run[..], &both, &["--set", "url=x"]].concat(),
            2,
            "--set url: the lab fills that in itself",
        ),
    ];
    for (arguments, exit, expected) in cases {
        let said = Said::of(&mut lab(&arguments));
        assert_eq!(said.exit, exit, "{arguments:?}: {}", said.text);
        assert!(said.text.contains(expected), "{arguments:?}: {}", said.text);
        assert_eq!(said.object["ok"], false, "{arguments:?}: {}", said.text);
        assert!(
            said.object["error"].as_str().is_some_and(|error| !error.is_empty()),
            "{}",
            said.text
        );
        assert!(!fake.path("power").exists(), "{arguments:?}: the board was touched");
    }
}

#[test]
fn values_are_given_in_place_of_those_of_the_file() {
    let fake = Fake::talking();
    fake.edit("cp {image} flashed", "cp {image} flashed; echo {serial} {hub} > used");
    fake.edit("[command]", "[values]\nserial = \"of the file\"\n[command]");
    let said = fake.run("smoke", &["--set", "serial=given", "--set", "hub=7"]);
    assert_eq!(said.exit, 0, "{}", said.text);
    assert_eq!(std::fs::read_to_string(fake.path("used")).unwrap(), "given 7\n");
}

/// Two runs have one lock, from wherever they are started.
#[test]
fn lock_lies_beside_the_board_file() {
    let fake = Fake::talking();
    let text = std::fs::read_to_string(fake.path("board.toml")).unwrap();
    let absolute = fake.path("lock").display().to_string();
    let text = text.replace(&absolute, "relay.lock");
    let board = Board::parse(&fake.path("board.toml"), &text, &[]).unwrap();
    assert_eq!(board.lock, Some(fake.path("relay.lock")));
}

#[test]
fn missing_tool_is_named_with_its_source() {
    let fake = Fake::talking();
    fake.edit("[command]", "[command]\ntools = [\"tuffet-no-such-program\"]");
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 3, "{}", said.text);
    assert!(
        said.text
            .contains("`tuffet-no-such-program`, which the board file calls, is not on this machine"),
        "{}",
        said.text
    );
}

#[test]
fn address_that_cannot_be_had_is_said() {
    let fake = Fake::talking();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("[network]\nlisten = \"{}\"\n[command]", taken.local_addr().unwrap());
    fake.edit("[command]", &listen);
    let said = fake.run("smoke", &[]);
    assert_eq!(said.exit, 5, "{}", said.text);
    assert!(said.text.contains("Change `listen` in [network]"), "{}", said.text);
}

/// The board files in the docs are right, but for the programs that this machine may not have.
#[test]
fn example_boards_are_right() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(project("docs/lab")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let board = Board::parse(Path::new(&path), &text, &[]).unwrap_or_else(|trouble| panic!("{trouble}"));
        assert!(
            board.flash.is_linked && board.flash.slot_bytes() > 0x4_0000,
            "{}",
            board.name
        );
        names.push(board.name);
    }
    names.sort();
    assert_eq!(names, ["nrf52840-dk", "nucleo-l476rg"]);
    let page = std::fs::read_to_string(project("docs/lab.md")).unwrap();
    for name in names {
        assert!(
            page.contains(&format!("docs/lab/{name}.toml")),
            "docs/lab.md does not name {name}"
        );
    }
}

#[test]
fn boards_and_suites_are_listed() {
    let said = Said::of(&mut lab(&["list", "--json"]));
    assert_eq!(said.exit, 0, "{}", said.text);
    let suites = said.object["suites"].as_array().unwrap();
    let names: Vec<&str> = suites.iter().filter_map(|suite| suite["name"].as_str()).collect();
    assert_eq!(names, ["smoke", "update", "power", "attack"]);
    let boards = said.object["boards"].as_array().unwrap();
    let names: Vec<&str> = boards.iter().filter_map(|board| board["name"].as_str()).collect();
    assert_eq!(names, ["mps2-an385", "mps2-an385-swap", "mps2-an386"]);
}
