//! python-tuf's client, in one process for all cases: a case is a line of JSON, and so is the answer.

use crate::case::{Answer, Case, Client, Verdict};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tuffet_integration::simulator::keys::hex;

/// The client.
pub struct PythonTuf {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl PythonTuf {
    /// Starts it; the first time on a machine, installs it.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/judge_repositories.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args([Path::new("--venv"), &environment()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let output = child.stdout.take().expect("its output is a pipe");
        Self {
            input: child.stdin.take(),
            child,
            output: BufReader::new(output),
        }
    }
}

/// The one that the test `python_tuf` makes, if it ran before.
fn environment() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-tuf")
}

fn read_verdict(said: &Value) -> Verdict {
    let text = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
    match said["verdict"].as_str() {
        // It hands on the digits as they stand.
        Some("found") => Verdict::Found {
            sha256: text("sha256").to_lowercase(),
        },
        Some("not found") => Verdict::NotFound,
        Some("refused") => Verdict::Refused {
            file: text("file"),
            why: text("why"),
        },
        _ => panic!("python-tuf answers {said}"),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| Some(item.as_str()?.to_owned())).collect()
}

impl Client for PythonTuf {
    fn name(&self) -> &'static str {
        "python-tuf"
    }

    fn live(&mut self, case: &Case) -> Vec<Answer> {
        let states = case.states.iter().map(|state| {
            let files = state
                .files
                .iter()
                .map(|(name, bytes)| (name.clone(), json!(hex(bytes))));
            Value::Object(files.collect())
        });
        let states: Vec<Value> = states.collect();
        let question = json!({"names": case.names, "root": hex(&case.first_root), "states": states});
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{question}").expect("python-tuf takes a case");
        input.flush().expect("python-tuf takes a case");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("python-tuf answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("python-tuf answers {line:?}"));
        let states = answer.as_array().expect("one answer for each state");
        let answers = states.iter().map(|state| Answer {
            verdicts: state["verdicts"]
                .as_array()
                .into_iter()
                .flatten()
                .map(read_verdict)
                .collect(),
            roles: texts(&state["roles"]),
        });
        answers.collect()
    }
}

impl Drop for PythonTuf {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.input.take());
        let _ended = self.child.wait();
    }
}
