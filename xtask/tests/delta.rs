//! `cargo xtask delta`, run as a vendor runs it: what it says about each bad input, its exit code, and that nothing on the disk
//! has changed then.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const OLD_BYTES: usize = 20_000;

/// A folder with images and the patch between them.
struct Scene {
    folder: tempfile::TempDir,
    /// How a release pins the patch.
    head: String,
}

/// What a command said.
struct Said {
    exit_code: i32,
    out: Value,
    err: String,
}

/// Bytes that nobody can guess, so that a patch has several blocks.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(step).collect()
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let old: Vec<u8> = (0..OLD_BYTES).map(|n| (n * 7 % 251) as u8).collect();
        let mut new = old.clone();
        new.splice(9_000..9_100, noise(5_000));
        let mut scene = Self {
            folder,
            head: String::new(),
        };
        scene.write("old", &old);
        scene.write("new", &new);
        scene.write("empty", b"");
        let said = scene.run("encode old new patch --profile small");
        assert_eq!(said.exit_code, 0, "{}", said.err);
        scene.head = said.out["head"].as_str().unwrap().to_owned();
        let patch = scene.read("patch");
        assert!(patch.len() > 4 * 1024, "{} bytes", patch.len());
        let edited = |at: usize| {
            let mut patch = patch.clone();
            patch[at] ^= 1;
            patch
        };
        scene.write("cut", &patch[..2_000]);
        scene.write("cut-between", &patch[..2_048]);
        scene.write("cut-early", &patch[..50]);
        scene.write("edited", &edited(patch.len() - 1));
        scene.write("edited-version", &edited(4));
        scene.write("longer", &[&patch[..], b"!"].concat());
        let said = scene.run("encode /dev/null new from-nothing --profile small");
        assert_eq!(said.exit_code, 0, "{}", said.err);
        scene
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    /// Every name in the folder, and what stands there; of a huge file only its length.
    fn at_rest(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path()).unwrap().map(Result::unwrap);
        let with_bytes = entries.map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let length = entry.metadata().unwrap().len();
            let is_small = entry.path().is_file() && length < 1 << 20;
            let bytes = if is_small {
                self.read(&name)
            } else {
                length.to_le_bytes().to_vec()
            };
            (name, bytes)
        });
        with_bytes.collect()
    }

    /// Runs the words of a line in the folder; `HEAD` is the head of the patch.
    fn run(&self, line: &str) -> Said {
        let words = line.split(' ').map(|word| word.replace("HEAD", &self.head));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuffet-xtask"));
        command.current_dir(self.path()).arg("delta").args(words).arg("--json");
        let output = command.output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        Said {
            exit_code: output.status.code().unwrap(),
            out: serde_json::from_str(out.lines().last().unwrap()).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs lines that must fail: with this exit code, saying all of these parts, and changing nothing.
    fn fails(&self, cases: &[(&str, i32, &[&str])]) {
        for (line, exit_code, parts) in cases {
            let before = self.at_rest();
            let said = self.run(line);
            assert_eq!(said.exit_code, *exit_code, "{line}: {}", said.err);
            assert_eq!(
                (&said.out["ok"], &said.out["exit_code"]),
                (&false.into(), &(*exit_code).into())
            );
            let text = said.out["error"].as_str().unwrap();
            for part in *parts {
                assert!(text.contains(part), "{line}: `{text}` does not say `{part}`");
            }
            assert!(said.err.contains(text.lines().next().unwrap()), "{}", said.err);
            assert_eq!(before, self.at_rest(), "{line}");
        }
    }
}

#[test]
fn a_patch_leads_to_the_image_with_and_without_a_head() {
    let scene = Scene::new();
    for (line, is_authenticated) in [
        ("apply old patch out --head HEAD", true),
        ("apply old patch out", false),
        ("apply empty from-nothing out", false),
        ("apply /dev/null from-nothing out", false),
    ] {
        let _ = fs::remove_file(scene.path().join("out"));
        let said = scene.run(line);
        assert_eq!(said.exit_code, 0, "{}", said.err);
        assert_eq!(said.out["authenticated"], is_authenticated, "{line}");
        assert_eq!(said.err.contains("nothing was authenticated"), !is_authenticated);
        assert_eq!(scene.read("out"), scene.read("new"), "{line}");
    }
    let info = scene.run("info patch").out;
    assert_eq!((&info["ok"], &info["profile"]), (&true.into(), &"small".into()));
    assert_eq!(info["source"]["length"], OLD_BYTES);
}

#[test]
fn another_old_image_is_named_with_both_digests() {
    let scene = Scene::new();
    let info = scene.run("info patch").out;
    let (source, result) = (
        info["source"]["digest"].as_str().unwrap(),
        info["result"]["digest"].as_str().unwrap(),
    );
    let parts = [
        "patch starts from another image than new",
        source,
        result,
        "20000 bytes",
        "24900 bytes",
    ];
    scene.fails(&[
        ("apply new patch out --head HEAD", 1, &parts),
        ("apply new patch out", 1, &parts),
        (
            "apply empty patch out",
            1,
            &["starts from another image", source, "empty: it is empty"],
        ),
        ("apply old from-nothing out", 1, &["from nothing", "/dev/null"]),
    ]);
}

#[test]
fn a_damaged_patch_is_refused_in_words() {
    let scene = Scene::new();
    scene.fails(&[
        (
            "apply old cut out --head HEAD",
            1,
            &["cut: block 1 has 976 bytes instead of 1024", "cut"],
        ),
        ("apply old cut out", 1, &["cut: block 1", "changed or cut"]),
        (
            "apply old cut-between out --head HEAD",
            1,
            &["ends before block 2", "cut"],
        ),
        (
            "apply old cut-between out",
            1,
            &["ends before the new image is complete: it was cut"],
        ),
        ("apply old cut-early out --head HEAD", 1, &["block 0 has 50 bytes"]),
        (
            "apply old cut-early out",
            1,
            &["cut-early is not a patch: 50 bytes are too few"],
        ),
        ("apply old edited out --head HEAD", 1, &["edited: block", "was changed"]),
        ("apply old edited out", 1, &["edited: block", "was changed"]),
        (
            "apply old longer out --head HEAD",
            1,
            &["longer: bytes follow the last block"],
        ),
        // With a head it was edited; without one it may be a patch of a later day.
        (
            "apply old edited-version out --head HEAD",
            1,
            &["block 0 is not the one that the head names"],
        ),
        (
            "apply old edited-version out",
            1,
            &["layout version 0", "make the patch again"],
        ),
        ("apply old new out --head HEAD", 1, &["block 0 is not the one"]),
        ("apply old new out", 1, &["new is not a patch: it does not begin"]),
        ("apply old empty out", 1, &["empty is not a patch: 0 bytes"]),
        ("info new", 1, &["new is not a patch: it does not begin"]),
        ("info cut-early", 1, &["cut-early is not a patch: 50 bytes"]),
        ("info edited-version", 1, &["layout version 0", "make the patch again"]),
    ]);
}

#[test]
fn a_wrong_head_is_refused_and_a_malformed_one_is_wrong_usage() {
    let scene = Scene::new();
    let parts: Vec<&str> = scene.head.split(':').collect();
    let [digest, block, length] = parts[..] else {
        panic!("{}", scene.head);
    };
    let other = "a".repeat(64);
    let line = |head: String| format!("apply old patch out --head {head}");
    scene.fails(&[
        (
            &line(format!("{other}:{block}:{length}")),
            1,
            &["block 0 is not the one that the head names"],
        ),
        (&line(format!("{digest}:{block}:900")), 1, &["block 0 is not the one"]),
        (&line(format!("{digest}:2048:{length}")), 1, &["block 0 is not the one"]),
        (&line(format!("{digest}:{block}:99999")), 1, &["instead of 1024", "cut"]),
        (
            &line(format!("{digest}:1000:{length}")),
            2,
            &["a block of 1000 bytes is not possible"],
        ),
        (&line(format!("{digest}:{block}")), 2, &["DIGEST:BLOCK:LENGTH"]),
        (&line(format!("{digest}00:{block}:{length}")), 2, &["64 lowercase"]),
        ("encode old new other --profile tiny", 2, &["small, standard or large"]),
    ]);
}

#[test]
fn an_image_that_makes_no_sense_is_refused() {
    let scene = Scene::new();
    let huge = fs::File::create(scene.path().join("huge")).unwrap();
    huge.set_len((1 << 30) + 1).unwrap();
    let limit = "huge: 1073741825 bytes, and patches are made for images of at most 1073741824";
    scene.fails(&[
        ("encode old empty other", 1, &["empty is empty", "was it built?"]),
        ("encode old /dev/null other", 1, &["/dev/null is empty"]),
        ("encode huge new other", 1, &[limit]),
        ("encode old huge other", 1, &[limit]),
        ("apply huge patch out", 1, &[limit]),
    ]);
    huge.set_len((1 << 31) + 1).unwrap();
    scene.fails(&[
        ("apply old huge out", 1, &["no patch has more"]),
        ("info huge", 1, &["no patch has more"]),
    ]);
}

#[test]
fn a_patch_between_equal_images_is_made_and_said_to_be_needless() {
    let scene = Scene::new();
    let said = scene.run("encode old old other --profile small");
    assert_eq!(said.exit_code, 0, "{}", said.err);
    assert!(said.err.contains("needs no patch"), "{}", said.err);
    assert!(said.out["bytes"].as_u64().unwrap() < 200, "{}", said.out);
    let [seconds, proof_seconds] = ["seconds", "proof_seconds"].map(|name| said.out[name].as_f64().unwrap());
    assert!(0.0 < proof_seconds && proof_seconds < seconds, "{}", said.out);
    let said = scene.run("encode old new other --profile small");
    assert_eq!(said.err, "");
}

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let scene = Scene::new();
    scene.fails(&[
        (
            "encode old new other --codec bulk",
            2,
            &["profile standard", "codec bulk", "say --profile large"],
        ),
        (
            "encode old new other --profile small --arch x86_64",
            2,
            &["profile small", "x86_64", "take the large one"],
        ),
    ]);
    let said = scene.run("encode old new other --profile large --codec bulk --search");
    assert_eq!(said.exit_code, 0, "{}", said.err);
    assert!(said.err.contains("--search changed nothing"), "{}", said.err);
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let scene = Scene::new();
    fs::create_dir(scene.path().join("folder")).unwrap();
    scene.fails(&[
        ("apply missing patch out", 3, &["cannot read missing"]),
        ("apply old missing out", 3, &["cannot read missing"]),
        ("apply folder patch out", 3, &["cannot read folder: it is a folder"]),
        ("apply old folder out", 3, &["cannot read folder: it is a folder"]),
        ("encode folder new other", 3, &["cannot read folder: it is a folder"]),
        ("info folder", 3, &["cannot read folder: it is a folder"]),
        ("encode missing new other", 3, &["cannot read missing"]),
        ("encode old missing other", 3, &["cannot read missing"]),
        ("info missing", 3, &["cannot read missing"]),
        (
            "encode old new none/other",
            3,
            &["cannot write none/other: there is no folder none; make it"],
        ),
        (
            "apply old patch none/out",
            3,
            &["cannot write none/out: there is no folder none; make it"],
        ),
        ("encode old new folder", 3, &["cannot write folder: it is a folder"]),
        ("apply old patch folder", 3, &["cannot write folder: it is a folder"]),
        ("encode old new old/other", 3, &["cannot write old/other"]),
        ("apply old patch /proc/out", 3, &["cannot write /proc/out"]),
    ]);
    let pipe = scene.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || fs::OpenOptions::new().write(true).open(pipe).map(drop));
    scene.fails(&[("apply pipe patch out", 3, &["cannot read pipe", "write it into one"])]);
    writer.join().unwrap().unwrap();
}

#[test]
fn an_input_is_never_written_over() {
    let scene = Scene::new();
    symlink("old", scene.path().join("link")).unwrap();
    scene.fails(&[
        (
            "encode old new old",
            2,
            &["the output old is the input old", "another file"],
        ),
        ("encode old new ./new", 2, &["the output ./new is the input new"]),
        ("encode old new link", 2, &["the output link is the input old"]),
        (
            "apply old patch old --head HEAD",
            2,
            &["the output old is the input old"],
        ),
        ("apply link patch old", 2, &["the output old is the input link"]),
        ("apply old patch patch", 2, &["the output patch is the input patch"]),
    ]);
}

#[test]
fn an_output_is_replaced_whole_as_what_it_was() {
    let scene = Scene::new();
    scene.write("out", b"what stood here");
    scene.fails(&[
        ("apply old edited out", 1, &["edited"]),
        ("encode old empty out", 1, &["empty"]),
    ]);
    symlink("out", scene.path().join("link")).unwrap();
    assert_eq!(scene.run("apply old patch link").exit_code, 0);
    assert!(scene.path().join("link").is_symlink());
    assert_eq!(scene.read("out"), scene.read("new"));
    // Others may read it as far as they may read any new file.
    let mode = |name: &str| fs::metadata(scene.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("out"), mode("new"));
    // What is no file stays what it is. Not tried with /dev/null: a failing test must not replace that.
    let pipe = scene.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    assert_eq!(scene.run("apply old patch pipe").exit_code, 0);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), scene.read("new"));
}
