//! tough's client, in this process: it reads files through a transport that serves from memory.

use crate::case::{Answer, Case, Client, Files, Verdict};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tough::{Repository, RepositoryLoader, TargetName, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

/// The client.
pub struct Tough {
    runtime: tokio::runtime::Runtime,
}

impl Tough {
    /// Ready to run.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            runtime: runtime.expect("a runtime without I/O"),
        }
    }
}

/// What is served, and what was asked for last.
#[derive(Clone, Debug)]
struct Memory {
    files: Arc<Files>,
    last: Arc<Mutex<String>>,
}

#[async_trait]
impl Transport for Memory {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let path = url.path().trim_start_matches('/').to_owned();
        self.last.lock().expect("one thread").clone_from(&path);
        let bytes = match path.strip_prefix("metadata/") {
            Some(name) => self.files.get(name).cloned(),
            // A target: the name says the digest, and nobody reads on.
            None => Some(Vec::new()),
        };
        let absent = || TransportError::new(TransportErrorKind::FileNotFound, &url);
        let bytes = Bytes::from(bytes.ok_or_else(absent)?);
        Ok(Box::pin(stream::once(std::future::ready(Ok(bytes)))))
    }
}

impl Memory {
    fn last(&self) -> String {
        self.last.lock().expect("one thread").clone()
    }

    fn refused(&self, error: &dyn std::error::Error) -> Verdict {
        Verdict::Refused {
            file: self.last().trim_start_matches("metadata/").to_owned(),
            why: chain(error),
        }
    }
}

async fn update(case: &Case, files: &Files, kept: &Path) -> Answer {
    let memory = Memory {
        files: Arc::new(files.clone()),
        last: Arc::default(),
    };
    // It does not take the root from what it keeps: whoever calls it does.
    let root = std::fs::read(kept.join("root.json")).unwrap_or_else(|_| case.first_root.clone());
    let url = |folder: &str| Url::parse(&format!("file:///{folder}/")).expect("a URL");
    let loader = RepositoryLoader::new(&root, url("metadata"), url("targets"))
        .transport(memory.clone())
        .datastore(kept);
    let verdicts = match loader.load().await {
        Err(error) => vec![memory.refused(&error); case.names.len()],
        Ok(repository) => {
            let mut verdicts = Vec::new();
            for name in &case.names {
                verdicts.push(search(&repository, &memory, name).await);
            }
            verdicts
        }
    };
    Answer {
        verdicts,
        roles: Vec::new(),
    }
}

async fn search(repository: &Repository, memory: &Memory, name: &str) -> Verdict {
    let target = TargetName::new(name).expect("names of cases are safe");
    match repository.read_target(&target).await {
        Ok(None) => Verdict::NotFound,
        Err(error) => memory.refused(&error),
        // It asks for targets/DIGEST.NAME.
        Ok(Some(_)) => {
            let last = memory.last();
            let file = last.trim_start_matches("targets/");
            let sha256 = file.split('.').next().unwrap_or_default().to_owned();
            Verdict::Found { sha256 }
        }
    }
}

/// The error and all that it stems from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        why = format!("{why}: {inner}");
        cause = inner.source();
    }
    why
}

impl Client for Tough {
    fn name(&self) -> &'static str {
        "tough"
    }

    fn live(&mut self, case: &Case) -> Vec<Answer> {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let mut answers = Vec::new();
        for state in &case.states {
            answers.push(self.runtime.block_on(update(case, &state.files, kept.path())));
        }
        answers
    }
}
