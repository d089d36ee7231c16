//! A report as JUnit XML, for machines that show tests.

use super::markup::escaped;
use super::report::{Report, Tried, Verdict};
use std::fmt::Write as _;

/// The report as a document with one suite.
#[must_use]
pub fn document(report: &Report) -> String {
    let counts = report.counts();
    // What ended the run is a test of its own: without it, trouble at the very end would leave only green ones.
    let errors = usize::from(report.trouble.is_some());
    let tests = report.cases.len() + errors;
    let totals = format!(
        "tests=\"{tests}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\" time=\"{:.3}\"",
        counts.failed,
        counts.skipped,
        report.seconds()
    );
    let name = escaped(&format!("{}.{}", report.board, report.suite));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"tuffet-lab\" tests=\"{tests}\" failures=\"{}\" errors=\"{errors}\" time=\"{:.3}\">",
        counts.failed,
        report.seconds()
    );
    // The schema wants a time without a zone.
    let began = report.began.trim_end_matches('Z');
    let _ = writeln!(
        text,
        "  <testsuite name=\"{name}\" {totals} timestamp=\"{}\" hostname=\"{}\">",
        escaped(began),
        escaped(&report.board)
    );
    let [old, new] = &report.versions;
    let seed = report.seed.map(|seed| seed.to_string());
    text.push_str("    <properties>\n");
    for (key, value) in [("old", Some(old)), ("new", Some(new)), ("seed", seed.as_ref())] {
        if let Some(value) = value {
            let _ = writeln!(text, "      <property name=\"{key}\" value=\"{}\"/>", escaped(value));
        }
    }
    text.push_str("    </properties>\n");
    for case in &report.cases {
        test_case(&mut text, &name, case);
    }
    if let Some(trouble) = &report.trouble {
        let trouble = escaped(trouble);
        let _ = writeln!(
            text,
            "    <testcase name=\"the run comes to its end\" classname=\"{name}\" time=\"0.000\">\n      \
             <error message=\"{trouble}\" type=\"trouble\">{trouble}</error>\n    </testcase>"
        );
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn test_case(text: &mut String, name: &str, case: &Tried) {
    let _ = writeln!(
        text,
        "    <testcase name=\"{}\" classname=\"{name}\" time=\"{:.3}\">",
        escaped(&case.name),
        case.seconds
    );
    match &case.verdict {
        Verdict::Passed(_) => {}
        Verdict::Failed(reason) => {
            let reason = escaped(reason);
            let _ = writeln!(
                text,
                "      <failure message=\"{reason}\" type=\"failed\">{reason}</failure>"
            );
        }
        Verdict::Skipped(reason) => {
            let _ = writeln!(text, "      <skipped message=\"{}\"/>", escaped(reason));
        }
    }
    let mut log: Vec<String> = case.log.iter().map(ToString::to_string).collect();
    if let Verdict::Passed(seen) = &case.verdict {
        log.insert(0, seen.clone());
    }
    let _ = writeln!(text, "      <system-out>{}</system-out>", escaped(&log.join("\n")));
    text.push_str("    </testcase>\n");
}
