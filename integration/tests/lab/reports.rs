//! Reports, as machines and people get them.

use crate::fake::Fake;
use tuffet_integration::lab::bench::{Line, Speaker};
use tuffet_integration::lab::report::{Report, Tried, Verdict};
use tuffet_integration::lab::{html, junit};

/// A report with everything in it that a board can say.
fn report() -> Report {
    let line = |speaker, text: &str| Line {
        at_s: 1.25,
        speaker,
        text: text.to_owned(),
    };
    let tried = |name: &str, verdict, log| Tried {
        name: name.to_owned(),
        verdict,
        seconds: 1.5,
        log,
    };
    Report {
        board: "a<b".to_owned(),
        description: "\"quoted\" & more".to_owned(),
        suite: "smoke",
        began: "2026-11-30T00:00:00Z".to_owned(),
        versions: ["1.0.0".to_owned(), "2.0.0".to_owned()],
        seed: Some(7),
        cases: vec![
            tried(
                "one",
                Verdict::Passed("<b>fine</b>".to_owned()),
                vec![line(Speaker::Board, "\u{1b}[1m</pre><script>")],
            ),
            tried(
                "two",
                Verdict::Failed("]]> & worse".to_owned()),
                vec![line(Speaker::Lab, "reset")],
            ),
            tried("three", Verdict::Skipped("`two` did not pass".to_owned()), Vec::new()),
        ],
        trouble: Some("it's over".to_owned()),
    }
}

/// The tags of a document in order, of which each that is opened is closed; without attributes.
fn tags(text: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, between) = piece.split_once('>').expect("every tag ends");
        assert!(!between.contains('>'), "{between}");
        let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
        } else if !tag.ends_with('/') && !["!DOCTYPE", "?xml", "meta"].contains(&name) {
            open.push(name.to_owned());
        }
        all.push(name.to_owned());
    }
    assert_eq!(open, Vec::<String>::new());
    all
}

#[test]
fn junit_is_well_formed_and_counts() {
    let document = junit::document(&report());
    let tags = tags(&document);
    let count = |name: &str| tags.iter().filter(|tag| *tag == name).count();
    assert_eq!(
        [count("testcase"), count("failure"), count("skipped"), count("script")],
        [4, 1, 1, 0]
    );
    assert!(
        document.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"4.500\""),
        "{document}"
    );
    assert!(
        document.contains("<error message=\"it&#39;s over\" type=\"trouble\">it&#39;s over</error>"),
        "{document}"
    );
    let quiet = junit::document(&Report {
        trouble: None,
        ..report()
    });
    assert!(
        quiet.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped"),
        "{quiet}"
    );
    assert!(document.contains("timestamp=\"2026-11-30T00:00:00\""), "{document}");
    assert!(document.contains("message=\"]]&gt; &amp; worse\""), "{document}");
    assert!(
        document.chars().all(|letter| letter == '\n' || !letter.is_control()),
        "{document}"
    );
}

#[test]
fn page_is_one_file_and_holds_no_markup_of_a_board() {
    let page = html::page(&report());
    let tags = tags(&page);
    let count = |name: &str| tags.iter().filter(|tag| *tag == name).count();
    assert_eq!(
        [count("details"), count("script"), count("link"), count("img")],
        [3, 0, 0, 0]
    );
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("url("),
        "something is loaded"
    );
    assert!(page.contains("1 of 3 cases passed, 1 failed, 1 skipped"), "{page}");
    assert!(
        page.contains("<details class=\"failed\" open>") && page.contains("<details class=\"passed\">"),
        "{page}"
    );
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn object_has_the_counts_and_the_logs() {
    let object = report().json(3);
    assert_eq!(object["ok"], false);
    let counts = ["passed", "failed", "skipped", "exit_code", "seed"].map(|key| object[key].as_u64());
    assert_eq!(counts, [Some(1), Some(1), Some(1), Some(3), Some(7)]);
    assert_eq!(object["cases"][1]["log"][0], "    1.250  -- reset --");
}

#[test]
fn run_writes_what_it_was_asked_for() {
    let fake = Fake::talking();
    let [page, xml] = ["page.html", "junit.xml"].map(|name| fake.path(name));
    let [page_text, xml_text] = [&page, &xml].map(|path| path.display().to_string());
    let said = fake.run("smoke", &["--html", &page_text, "--junit", &xml_text]);
    assert_eq!(said.exit, 0, "{}", said.text);
    assert!(
        said.text.contains("smoke on board: 4 passed, 0 failed, 0 skipped"),
        "{}",
        said.text
    );
    assert!(std::fs::read_to_string(page).unwrap().contains("All 4 cases passed"));
    assert!(std::fs::read_to_string(xml).unwrap().contains("failures=\"0\""));
    assert_eq!(
        said.object["cases"][1]["log"][0]
            .as_str()
            .map(|line| line.trim_start().len() > 5),
        Some(true)
    );
}

/// The report of another run is whole until there is a new one; a run that did not come to its first case has one, too.
#[test]
fn report_is_replaced_at_the_end_and_has_early_trouble() {
    let fake = Fake::talking();
    let xml = fake.path("junit.xml");
    let xml_text = xml.display().to_string();
    std::fs::write(&xml, "the report of another run").unwrap();
    // The report must not be touched when the board is; a verb sees that.
    fake.edit("power_off = \"", "power_off = \"cp junit.xml seen; ");
    let said = fake.run("smoke", &["--junit", &xml_text]);
    assert_eq!(said.exit, 0, "{}", said.text);
    assert_eq!(
        std::fs::read_to_string(fake.path("seen")).unwrap(),
        "the report of another run"
    );
    assert!(std::fs::read_to_string(&xml).unwrap().contains("tests=\"4\""));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("[network]\nlisten = \"{}\"\n[command]", taken.local_addr().unwrap());
    fake.edit("[command]", &listen);
    let said = fake.run("smoke", &["--junit", &xml_text]);
    assert_eq!(said.exit, 5, "{}", said.text);
    let report = std::fs::read_to_string(&xml).unwrap();
    assert!(
        report.contains("tests=\"1\" failures=\"0\" errors=\"1\"") && report.contains("Change `listen`"),
        "{report}"
    );
    let names = std::fs::read_dir(xml.parent().unwrap()).unwrap();
    let hidden = names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "something is left");
    // What is no file is written to, and stays what it is.
    let said = fake.run("smoke", &["--junit", "/dev/null"]);
    assert_eq!(said.exit, 5, "{}", said.text);
    assert!(!std::path::Path::new("/dev/null").metadata().unwrap().is_file());
}
