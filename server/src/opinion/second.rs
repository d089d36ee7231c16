use std::{io::Read, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tough::{
    ExpirationEnforcement, RepositoryLoader, TargetName, Transport, TransportError, TransportErrorKind, TransportStream,
};
use tuffet_tuf::{emit::File, model::Targets};
use tuffet_wire::UnixSeconds;
use url::Url;

use super::{Dissent, Scope};
use crate::repository::{Published, Source};

/// Bytes of a target read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Loads the repository from the first root on, compares every list of targets, and reads the files called `names`.
///
/// The client goes by the system's clock. It loads all delegated roles at once, so all of them are verified.
pub fn accepts<S>(source: &S, published: &Published, scope: Scope<'_>, now: UnixSeconds) -> Result<(), Dissent>
where
    S: Source + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| dissent(&error))?;
    // It refuses a whole repository for one expired role. Then expiry, and nothing else, is left to the first verifier.
    let expired = |(role, file): (&String, &File<Targets>)| file.role.expires <= now && scope.may_be_expired(role);
    let expiry = if published.delegated.iter().any(expired) {
        ExpirationEnforcement::Unsafe
    } else {
        ExpirationEnforcement::Safe
    };
    runtime.block_on(load_and_compare(source, published, scope.names(), expiry))
}

async fn load_and_compare<S>(
    source: &S,
    published: &Published,
    names: &[String],
    expiry: ExpirationEnforcement,
) -> Result<(), Dissent>
where
    S: Source + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let base = |folder: &str| Url::parse(&format!("file:///{folder}/")).map_err(|error| dissent(&error));
    let root = source
        .metadata("1.root.json")
        .map_err(|error| dissent(&error))?
        .unwrap_or_default();
    let repository = RepositoryLoader::new(&root, base("metadata")?, base("targets")?)
        .transport(Overlay(Arc::new(source.clone())))
        .expiration_enforcement(expiry)
        .load()
        .await
        .map_err(|error| dissent(&error))?;
    let theirs = repository.all_targets().filter(|(name, target)| {
        let ours = published
            .delegated
            .values()
            .find_map(|file| file.role.targets.get(name.raw()));
        ours.is_some_and(|ours| ours.length == target.length && ours.hashes.sha256[..] == target.hashes.sha256[..])
    });
    let listed: usize = published.delegated.values().map(|file| file.role.targets.len()).sum();
    if theirs.count() != listed || repository.all_targets().count() != listed {
        return Err(Dissent::Second {
            why: "it sees other targets than the publisher".to_owned(),
        });
    }
    for name in names {
        let target = TargetName::new(name).map_err(|error| dissent(&error))?;
        let stream = repository.read_target(&target).await.map_err(|error| dissent(&error))?;
        let Some(mut stream) = stream else {
            return Err(Dissent::Second {
                why: format!("it does not find {name}"),
            });
        };
        // The digest is checked at the end of the stream.
        while let Some(piece) = stream.next().await {
            piece.map_err(|error| dissent(&error))?;
        }
    }
    Ok(())
}

/// The candidate, as that client reads files.
#[derive(Debug)]
struct Overlay<S>(Arc<S>);

impl<S> Clone for Overlay<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[async_trait]
impl<S: Source + std::fmt::Debug + Send + Sync + 'static> Transport for Overlay<S> {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let absent = || TransportError::new(TransportErrorKind::FileNotFound, &url);
        let other = |error| TransportError::new_with_cause(TransportErrorKind::Other, &url, error);
        let (folder, name) = url.path().trim_start_matches('/').split_once('/').ok_or_else(absent)?;
        if folder == "metadata" {
            let bytes = self
                .0
                .metadata(name)
                .map_err(|error| other(std::io::Error::other(error)))?
                .ok_or_else(absent)?;
            return Ok(Box::pin(stream::once(std::future::ready(Ok(Bytes::from(bytes))))));
        }
        let file = std::fs::File::open(self.0.target(name).ok_or_else(absent)?).map_err(other)?;
        let pieces = Pieces(file).map(move |piece| {
            piece
                .map(Bytes::from)
                .map_err(|error| TransportError::new_with_cause(TransportErrorKind::Other, &url, error))
        });
        Ok(Box::pin(stream::iter(pieces)))
    }
}

/// A file, a piece at a time.
struct Pieces(std::fs::File);

impl Iterator for Pieces {
    type Item = std::io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = vec![0; PIECE_BYTES];
        match self.0.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                Some(Ok(piece))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The whole chain of reasons, which that client keeps in `source`.
fn dissent(error: &dyn std::error::Error) -> Dissent {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !why.ends_with(&text) {
            why = format!("{why}: {text}");
        }
        cause = inner.source();
    }
    Dissent::Second { why }
}
