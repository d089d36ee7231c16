//! A description of a part in which functions keep no frame pointer.
//!
//! The compiler's own makes every function of a Cortex-M0 keep one, for debuggers, in one of the eight registers that most of its
//! instructions can use. Nobody here walks along it, and a client without takes three percent less. No stable option says so: the
//! description is the compiler's own with one word changed, and `core` is built for it from its source.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Blame, Failure};
use crate::process::Tool;
use crate::whole_file;

const FRAME_POINTER: &str = "frame-pointer";
const IF_NEEDED: &str = "may-omit";

/// Writes it into `folder`, under the name that its programs are found by.
pub fn without_frame_pointer(rustc: Tool, target: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let printed = rustc
        .args(["--print", "target-spec-json", "-Zunstable-options", "--target", target])
        .read()?;
    let description = changed(&printed.output)
        .map_err(|why| Failure::new(Blame::Storage, format!("the compiler's description of {target}: {why}")))?;
    let path = folder.join(format!("{target}.json"));
    std::fs::create_dir_all(folder).map_err(|error| Failure::file("cannot make", folder, &error))?;
    whole_file::replace(&path, description.as_bytes()).map_err(|error| Failure::file("cannot write", &path, &error))?;
    Ok(path)
}

fn changed(description: &str) -> Result<String, String> {
    let mut description: Value = serde_json::from_str(description).map_err(|error| error.to_string())?;
    let word = description.get_mut(FRAME_POINTER);
    let word = word.ok_or_else(|| format!("it has no `{FRAME_POINTER}`, so there is nothing to change"))?;
    *word = Value::from(IF_NEEDED);
    Ok(description.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_changed() {
        let description = changed(r#"{"arch": "arm", "frame-pointer": "always", "target-pointer-width": 32}"#).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&description).unwrap(),
            serde_json::json!({"arch": "arm", "frame-pointer": "may-omit", "target-pointer-width": 32})
        );
    }

    #[test]
    fn description_that_says_nothing_of_it_is_refused() {
        assert!(changed(r#"{"arch": "arm"}"#).unwrap_err().contains("frame-pointer"));
        assert!(changed("error: no such target").is_err());
    }
}
