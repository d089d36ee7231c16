//! Rules on files as text, whatever they hold.

use crate::tidy::{Finding, Rule, SourceFile};

/// Words that do not belong in the tree, each with the reason. They are written in two halves here, so that this file
/// does not break the rule that it states.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        concat!("shared", "/"),
        "a folder outside the project, which no reader has",
    ),
    (concat!("crates", ".io"), HOST),
    (concat!("pypi", ".org"), HOST),
    (concat!("pythonhosted", ".org"), HOST),
    (concat!("npmjs", "."), HOST),
    (concat!("deb.debian", ".org"), HOST),
    (concat!("security.debian", ".org"), HOST),
    (concat!("ftp.debian", ".org"), HOST),
];

const HOST: &str = "a registry's host: packages are named, and the machine's client knows where they are";

/// Files that tools write, with the names of hosts in them.
const GENERATED: &[&str] = &["Cargo.lock", "package-lock.json"];

/// Ends of names that secret keys and their like have.
const SECRET_ENDS: &[&str] = &[
    ".key",
    ".p12",
    ".pem",
    ".pfx",
    ".passphrase",
    "id_ed25519",
    "id_rsa",
    "/.env",
];

/// What a line of a secret key begins with, sealed with a passphrase or not, in two halves for the same reason. Code
/// that knows the words has a quote before them.
const SECRET_LINES: &[&str] = &[
    concat!("-----BEGIN PRIVATE", " KEY"),
    concat!("-----BEGIN EC PRIVATE", " KEY"),
    concat!("-----BEGIN RSA PRIVATE", " KEY"),
    concat!("-----BEGIN OPENSSH PRIVATE", " KEY"),
    concat!("-----BEGIN AGE", " ENCRYPTED FILE"),
    concat!("AGE-SECRET", "-KEY-1"),
];

pub fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if SECRET_ENDS.iter().any(|end| format!("/{}", file.path).ends_with(end)) {
        findings.push(file.error(
            Rule::Secret,
            1,
            "by its name this is a secret; keys are made, never committed",
        ));
    }
    let name = file.path.rsplit('/').next().unwrap_or_default();
    for (index, line) in file.text.lines().enumerate() {
        if SECRET_LINES.iter().any(|start| line.trim_start().starts_with(start)) {
            findings.push(file.error(Rule::Secret, index + 1, "a secret key; keys are made, never committed"));
        }
        if GENERATED.contains(&name) {
            continue;
        }
        for (word, reason) in FORBIDDEN.iter().filter(|(word, _)| holds_word(line, word)) {
            findings.push(file.error(Rule::ForbiddenWord, index + 1, format!("`{word}`: {reason}")));
        }
    }
    findings
}

/// Does the line hold the word, and not as the end of a longer one?
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
    })
}

#[cfg(test)]
mod tests {
    use crate::tidy::Rule;
    use crate::tidy::tests::broken;

    #[test]
    fn forbidden_words_are_found_in_any_file() {
        for word in [
            concat!("see ../shared", "/NOTES"),
            concat!("https://crates", ".io/"),
            concat!("deb.debian", ".org"),
        ] {
            assert_eq!(broken("README.md", word), [Rule::ForbiddenWord], "{word}");
            assert_eq!(
                broken("client/src/a.rs", &format!("// {word}\n")),
                [Rule::ForbiddenWord],
                "{word}"
            );
        }
    }

    #[test]
    fn longer_words_and_lock_files_are_not() {
        assert_eq!(broken("README.md", concat!("the unshared", "/folder, docs.rs")), []);
        assert_eq!(
            broken(
                "a/Cargo.lock",
                concat!("registry+https://github.com/rust-lang/crates", ".io-index")
            ),
            []
        );
    }

    #[test]
    fn secrets_are_found_by_name_and_by_text() {
        assert_eq!(broken("demo/targets.key", ""), [Rule::Secret]);
        assert_eq!(broken("id_ed25519", ""), [Rule::Secret]);
        assert_eq!(
            broken("notes.txt", concat!("key:\n-----BEGIN PRIVATE", " KEY-----")),
            [Rule::Secret]
        );
        assert_eq!(
            broken("notes.txt", concat!("-----BEGIN AGE", " ENCRYPTED FILE-----")),
            [Rule::Secret]
        );
        let code = concat!("const A: &str = \"AGE-SECRET", "-KEY-1\";");
        assert_eq!(broken("keys-tool/src/key.rs", code), []);
    }
}
