//! A report as one page: everything is in it, and nothing is loaded from elsewhere.

use super::bench::Speaker;
use super::markup::escaped;
use super::report::{Counts, Report, Tried, Verdict};
use std::fmt::Write as _;

/// Colours follow the reader's own choice of light or dark; a verdict is a word, never a colour alone.
const STYLE: &str = "
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d9dee3;
  --good: #1a7f37; --bad: #b3261e; --idle: #7a5b00; --log: #f0f2f5; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ground: #101418; --card: #181d23; --ink: #e6e9ec; --soft: #9aa5b1;
  --line: #2c343c; --good: #56d364; --bad: #ff8a80; --idle: #e3b341; --log: #0c1014; --accent: #6cb6ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
p { margin: 0; }
.soft { color: var(--soft); }
.summary { background: var(--card); border: 1px solid var(--line); border-left: .5rem solid var(--tone); border-radius: .5rem;
  padding: 1.25rem 1.5rem; margin: 1.5rem 0 0; }
.result { font-size: 1.35rem; font-weight: 650; color: var(--tone); }
.bar { display: flex; gap: 2px; height: .6rem; margin: 1rem 0; border-radius: .3rem; overflow: hidden; background: var(--line); }
.bar span { background: var(--tone); min-width: 2px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem 1.5rem; margin: 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.passed { --tone: var(--good); } .failed { --tone: var(--bad); } .skipped { --tone: var(--idle); }
details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: 0 0 .5rem; }
summary { display: grid; grid-template-columns: 5.5rem 1fr auto; gap: 0 1rem; padding: .7rem 1rem; cursor: pointer;
  border-radius: .5rem; align-items: baseline; }
summary:hover { background: var(--log); }
summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
summary::-webkit-details-marker { display: none; }
.verdict { color: var(--tone); font-weight: 650; }
.seen { grid-column: 2; color: var(--soft); overflow-wrap: anywhere; }
.failed .seen { color: var(--bad); }
.seconds { grid-column: 3; grid-row: 1; color: var(--soft); font-variant-numeric: tabular-nums; }
.seconds::after { content: \"\\25b8\" / \"\"; margin-left: .75rem; } [open] .seconds::after { content: \"\\25be\" / \"\"; }
pre { margin: 0; padding: 1rem; background: var(--log); border-top: 1px solid var(--line); overflow-x: auto;
  font: .85rem/1.55 ui-monospace, monospace; border-radius: 0 0 .5rem .5rem; }
.at { color: var(--soft); } .lab { color: var(--accent); }
@media (max-width: 34rem) { summary { grid-template-columns: 1fr auto; } .name, .seen { grid-column: 1 / -1; }
  .seconds { grid-column: 2; } }
@media print { details { break-inside: avoid; } }
";

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = escaped(&format!("{} on {}", report.suite, report.board));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n\
         <p class=\"soft\">{}</p>\n</header>\n",
        result(report),
        escaped(&report.description)
    );
    summary(&mut page, report);
    page.push_str("<h2 id=\"cases\">Cases</h2>\n<section aria-labelledby=\"cases\">\n");
    for tried in &report.cases {
        case(&mut page, tried);
    }
    page.push_str("</section>\n</main>\n</body>\n</html>\n");
    page
}

fn result(report: &Report) -> &'static str {
    if report.is_ok() { "passed" } else { "failed" }
}

fn summary(page: &mut String, report: &Report) {
    let Counts {
        passed,
        failed,
        skipped,
    } = report.counts();
    let word = result(report);
    let sentence = match (report.is_ok(), report.cases.len()) {
        (true, 1) => "The one case passed".to_owned(),
        (true, count) => format!("All {count} cases passed"),
        (false, count) => format!("{passed} of {count} cases passed, {failed} failed, {skipped} skipped"),
    };
    let _ = writeln!(
        page,
        "<section class=\"summary {word}\" aria-label=\"Summary\">\n<p class=\"result\">{sentence}</p>"
    );
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(page, "<p>The run ended early: {}</p>", escaped(trouble));
    }
    page.push_str("<div class=\"bar\" aria-hidden=\"true\">");
    for (word, count) in [("passed", passed), ("failed", failed), ("skipped", skipped)] {
        if count > 0 {
            let _ = write!(page, "<span class=\"{word}\" style=\"flex:{count}\"></span>");
        }
    }
    page.push_str("</div>\n<dl>\n");
    let [old, new] = &report.versions;
    let facts = [
        ("Board", Some(report.board.clone())),
        ("Suite", Some(report.suite.to_owned())),
        ("Firmware", Some(format!("{old} → {new}"))),
        ("Began", Some(report.began.replace('T', " ").replace('Z', " UTC"))),
        ("Took", Some(format!("{:.1} s", report.seconds()))),
        ("Seed of the cuts", report.seed.map(|seed| seed.to_string())),
    ];
    for (key, value) in facts {
        if let Some(value) = value {
            let _ = writeln!(page, "<div><dt>{key}</dt><dd>{}</dd></div>", escaped(&value));
        }
    }
    page.push_str("</dl>\n</section>\n");
}

/// A case is folded, unless it failed.
fn case(page: &mut String, tried: &Tried) {
    let word = tried.verdict.word();
    let open = if matches!(tried.verdict, Verdict::Failed(_)) {
        " open"
    } else {
        ""
    };
    let _ = writeln!(
        page,
        "<details class=\"{word}\"{open}>\n<summary><span class=\"verdict\">{word}</span><span class=\"name\">{}</span>\
         <span class=\"seconds\">{:.1} s</span><span class=\"seen\">{}</span></summary>",
        escaped(&tried.name),
        tried.seconds,
        escaped(tried.verdict.text())
    );
    page.push_str("<pre tabindex=\"0\">");
    if tried.log.is_empty() {
        page.push_str("nothing was said");
    }
    for line in &tried.log {
        let class = match line.speaker {
            Speaker::Board => "board",
            Speaker::Lab => "lab",
        };
        let _ = writeln!(
            page,
            "<span class=\"at\">{:9.3}</span>  <span class=\"{class}\">{}</span>",
            line.at_s,
            escaped(&line.text)
        );
    }
    page.push_str("</pre>\n</details>\n");
}
