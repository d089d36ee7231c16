//! What the program says: sentences, or JSON in the words of `tuffet-client`.

use super::trouble::Trouble;
use serde_json::{Map, Value, json};

/// The voice of a command.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// One JSON object per line; the last one is the result.
    pub json: bool,
}

/// A result for people and for machines.
#[derive(Clone, Debug)]
pub struct Told {
    /// A stable word.
    pub outcome: &'static str,
    /// A sentence.
    pub sentence: String,
    /// What else there is to say.
    pub object: Map<String, Value>,
    /// The exit code.
    pub exit: u8,
}

impl Told {
    /// A result that is fine.
    #[must_use]
    pub fn fine(outcome: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            outcome,
            sentence: sentence.into(),
            object: Map::new(),
            exit: 0,
        }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.object.insert(key.to_owned(), value.into());
        self
    }
}

impl Report {
    /// Says what happens on the way.
    pub fn note(self, sentence: &str) {
        if self.json {
            println!("{}", json!({ "event": sentence }));
        } else {
            println!("{sentence}");
        }
    }

    /// Says the result, and answers the exit code.
    #[must_use]
    pub fn conclude(self, outcome: Result<Told, Trouble>) -> u8 {
        match outcome {
            Ok(told) if self.json => {
                let mut object = told.object;
                object.insert("ok".to_owned(), json!(told.exit == 0));
                object.insert("outcome".to_owned(), json!(told.outcome));
                object.insert("message".to_owned(), json!(told.sentence));
                println!("{}", Value::Object(object));
                told.exit
            }
            Ok(told) => {
                println!("{}", told.sentence);
                told.exit
            }
            Err(trouble) => {
                let exit = trouble.exit_code();
                if self.json {
                    let object = json!({
                        "ok": false,
                        "outcome": "failed",
                        "name": trouble.name(),
                        "code": trouble.code(),
                        "message": trouble.to_string(),
                        "exit": exit,
                    });
                    println!("{object}");
                } else {
                    eprintln!("error: {trouble}");
                }
                exit
            }
        }
    }
}
