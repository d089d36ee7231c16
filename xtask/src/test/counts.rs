//! How many tests a test runner says that it ran.

/// Tests, by how they ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed, timed out or could not be started.
    pub failed: u64,
    /// Steps that did not run. Tests marked `#[ignore]` are not counted: the steps that run them do.
    pub skipped: u64,
}

impl Counts {
    /// Both together.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Reads the closing lines of `cargo test` (one per program) and of `cargo nextest` (one).
    pub fn read(printed: &str) -> Counts {
        printed
            .lines()
            .map(|line| in_line(&without_colors(line)))
            .fold(Counts::default(), Counts::plus)
    }
}

fn in_line(line: &str) -> Counts {
    let line = line.trim();
    let is_closing = line.starts_with("test result:") || (line.starts_with("Summary [") && line.contains("tests run:"));
    if !is_closing {
        return Counts::default();
    }
    let words: Vec<&str> = line
        .split([' ', ',', ';', '.', '(', ')'])
        .filter(|word| !word.is_empty())
        .collect();
    let mut counts = Counts::default();
    for pair in words.windows(2) {
        let [number, word] = pair else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match *word {
            "passed" => counts.passed += number,
            "failed" | "timed" | "exec" => counts.failed += number,
            _ => {}
        }
    }
    counts
}

/// Terminal colors are escape sequences that end in `m`.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_cargo_test_are_summed() {
        let printed = "running 2 tests\n\
            test result: ok. 17 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.08s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.08s\n";
        assert_eq!(
            Counts::read(printed),
            Counts {
                passed: 18,
                failed: 2,
                skipped: 0
            }
        );
    }

    #[test]
    fn closing_line_of_nextest_is_read_in_color() {
        let printed = "\u{1b}[32;1m     Summary\u{1b}[0m [   1.5s] \u{1b}[1m9\u{1b}[0m tests run: \
            \u{1b}[1m6\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 2 failed, 1 timed out, 4 skipped";
        assert_eq!(
            Counts::read(printed),
            Counts {
                passed: 6,
                failed: 3,
                skipped: 0
            }
        );
    }

    #[test]
    fn other_lines_with_numbers_are_not_counts() {
        assert_eq!(
            Counts::read("3 passed, 4 failed\nassertion failed: 2 passed\n"),
            Counts::default()
        );
    }
}
