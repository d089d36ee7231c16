//! Signing timestamp and snapshot again before they expire.

use std::{sync::Arc, time::Duration};

use tuffet_wire::UnixSeconds;

use crate::{
    candidate::{Candidate, Change, Online},
    clock,
    error::Error,
    event::{Event, Log},
    online::OnlineKeys,
    opinion,
    publish::PATIENCE,
    repository::{Published, Repository},
    roles::Lifetimes,
    storage::{Disk, FolderLock, RealDisk},
};

/// What was signed again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resigned {
    /// Nothing: more than half of both lifetimes is left.
    NotDue,
    /// Snapshot and timestamp.
    Snapshot {
        /// Version of the new timestamp.
        timestamp_version: u64,
        /// When the timestamp expires.
        expires: UnixSeconds,
    },
    /// The timestamp.
    Timestamp {
        /// Its new version.
        timestamp_version: u64,
        /// When it expires.
        expires: UnixSeconds,
    },
}

/// Signs what has less than half of its lifetime left.
///
/// A product role that has expired does not stop this: the other products still need a fresh timestamp.
pub fn resign(
    repository: &Repository,
    keys: &OnlineKeys,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Resigned, Error> {
    resign_on(&RealDisk, repository, Online { keys, lifetimes, now })
}

pub(crate) fn resign_on(disk: &dyn Disk, repository: &Repository, online: Online<'_>) -> Result<Resigned, Error> {
    // Looked at without the lock first: a publication in progress does not delay the usual answer.
    if !due(&Published::load(repository)?, online.now).any() {
        return Ok(Resigned::NotDue);
    }
    let _lock = FolderLock::take(repository.path(), PATIENCE)?;
    let published = Published::load(repository)?;
    let due = due(&published, online.now);
    let timestamp_version = published.timestamp.role.version + 1;
    let expires = online.now.saturating_add_days(online.lifetimes.timestamp_days);
    let (candidate, resigned) = if due.snapshot {
        let candidate = Candidate::new(
            repository,
            Some(&published),
            &published.root.role,
            Change::default(),
            online,
        )?;
        (
            candidate,
            Resigned::Snapshot {
                timestamp_version,
                expires,
            },
        )
    } else if due.timestamp {
        let candidate = Candidate::new_timestamp(repository, &published, online)?;
        (
            candidate,
            Resigned::Timestamp {
                timestamp_version,
                expires,
            },
        )
    } else {
        return Ok(Resigned::NotDue);
    };
    opinion::top(&candidate, online.now)?;
    candidate.write(disk)?;
    Ok(resigned)
}

struct Due {
    snapshot: bool,
    timestamp: bool,
}

impl Due {
    fn any(&self) -> bool {
        self.snapshot || self.timestamp
    }
}

fn due(published: &Published, now: UnixSeconds) -> Due {
    let (snapshot, timestamp) = (&published.snapshot.role, &published.timestamp.role);
    Due {
        snapshot: half_gone(snapshot.signed_at, snapshot.expires, now),
        timestamp: half_gone(timestamp.signed_at, timestamp.expires, now),
    }
}

fn half_gone(signed_at: UnixSeconds, expires: UnixSeconds, now: UnixSeconds) -> bool {
    expires.seconds_since(now) < expires.seconds_since(signed_at) / 2
}

/// Looks after a repository until `stop` is ready: at once, and then at every interval.
///
/// A failure is reported and tried again at the next interval; whoever serves goes on serving what is valid.
pub async fn keep_fresh(
    repository: Repository,
    keys: Arc<OnlineKeys>,
    interval: Duration,
    log: Arc<dyn Log>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let (folder, keys) = (repository.clone(), Arc::clone(&keys));
        let signing = tokio::task::spawn_blocking(move || resign(&folder, &keys, &Lifetimes::default(), clock::now()));
        // A signing that has begun is waited for, also when it is time to stop.
        match signing.await {
            Ok(Ok(Resigned::NotDue)) => {}
            Ok(Ok(resigned)) => log.record(&Event::Resigned { resigned }),
            Ok(Err(error)) => log.record(&Event::ResignFailed { error: &error }),
            // Only when the runtime goes away.
            Err(_) => return,
        }
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}
