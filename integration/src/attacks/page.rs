//! The rows about metadata as a page for people to read.

use super::follow::Verdict;
use super::row::Row;
use super::{Runs, table};
use crate::device::ReadAs;
use std::fmt::Write as _;

/// The text of `docs/attacks.md`.
#[must_use]
pub fn page() -> String {
    let all = table();
    let rows: Vec<&Row> = all.iter().filter(|row| row.is_about_metadata()).collect();
    let only_over_http = rows.iter().filter(|row| row.runs == Runs::OverHttp).count();
    let mut page = format!(
        "# Attacks on metadata\n\n\
         What a repository may serve, and what is made of it: the {} rows of the attack table that are about TUF metadata. \
         The table is in\n`integration/src/attacks`; this page is written from it, and a test fails when the two differ.\n\n\
         - Each row runs on the update machine in memory, on the Linux client over HTTP, on the driver of small devices over a\n  \
         simulated flash, on the verifier alone in the strict reading (with ed25519, and with every algorithm) and in the\n  \
         lenient one, and on the client of other people's repositories over HTTP; except where a fault does not exist there.\n  \
         {} rows are faults of HTTP.\n\
         - Each says the exact verdict, every request, every file at rest that changes, and that the device recovers.\n\
         - *found*: the pointer to the release is found and what it leads to counts. *not found*: no role that is trusted for\n  \
         the name lists it. *no answer*: the transport gave up. Everything else is the stable name of a refusal.\n\
         - The lenient reading is the one of other people's repositories, with its larger limits. Empty: as the strict one.\n\n\
         | row | rule | strict | lenient |\n| --- | --- | --- | --- |\n",
        rows.len(),
        only_over_http
    );
    for row in rows {
        let strict = said(&row.followed(ReadAs::Strict).verdict);
        let lenient = said(&row.followed(ReadAs::Lenient).verdict);
        let lenient = if lenient == strict { "" } else { &lenient };
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{}` | {} | {strict} | {lenient} |", row.name, row.step);
    }
    page
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Found => "found".to_owned(),
        Verdict::NotFound => "not found".to_owned(),
        Verdict::Refused(name) => format!("`{name}`"),
        Verdict::Transport => "no answer".to_owned(),
    }
}
