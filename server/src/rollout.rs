//! Who gets a release first: the rollout files.

use std::{collections::BTreeMap, path::Path};

use tuffet_release::{Id, RolloutFile, RolloutState, Wave, names};
use tuffet_tuf::model::Target;
use tuffet_wire::UnixSeconds;

use crate::{
    create::next,
    error::{Error, Refused},
    online::within,
    product::Product,
    proposal::{Draft, Proposal},
    repository::{Published, Repository},
    roles::{Kind, Lifetimes, TargetsRole, bytes_max},
    storage::Content,
};

/// What the operator wants for the newest release of a channel.
#[derive(Clone, Debug)]
pub struct RolloutPlan {
    /// The channel.
    pub channel: Id,
    /// For which hardware; empty means every one that has a release there.
    pub hardware: Vec<Id>,
    /// Going on or held.
    pub state: RolloutState,
    /// Shares, and when they open.
    pub waves: Vec<Wave>,
}

/// Proposes the rollout of the release that is published on the channel now. The holder of the rollout key signs.
pub fn propose_rollout(
    repository: &Repository,
    product: &Product,
    plan: &RolloutPlan,
    folder: &Path,
    lifetimes: &Lifetimes,
    now: UnixSeconds,
) -> Result<Proposal, Error> {
    let published = Published::load(repository)?;
    let (pointers, role) = (
        TargetsRole::of(&product.id, Kind::Pointers),
        TargetsRole::of(&product.id, Kind::Rollout),
    );
    let no_such_role = || Refused::NoSuchRole {
        role: role.name().to_owned(),
    };
    published.role(&role).ok_or_else(no_such_role)?;
    let signers = published.signers(&role).ok_or_else(no_such_role)?;
    let mut new = next(repository, &published, &role, lifetimes, now)?;
    let mut files = BTreeMap::new();
    let hardware = if plan.hardware.is_empty() {
        &product.hardware
    } else {
        &plan.hardware
    };
    for hardware in hardware {
        let pointer = names::pointer(&product.id, hardware, &plan.channel);
        let Some(target) = published.target(&pointers, pointer.as_str()) else {
            if plan.hardware.is_empty() {
                continue;
            }
            return Err(Refused::NothingReleased {
                pointer: pointer.to_string(),
            }
            .into());
        };
        let file = RolloutFile {
            release: target.hashes.sha256,
            state: plan.state,
            waves: plan.waves.clone(),
        };
        let bytes = file.emit().map_err(|error| Refused::BadRollout { error })?;
        let name = names::rollout(&product.id, hardware, &plan.channel).to_string();
        within(&name, &bytes, bytes_max::ROLLOUT)?;
        new.targets.insert(name.clone(), Target::of(&bytes, None));
        files.insert(name, Some(Content::Bytes(bytes)));
    }
    if files.is_empty() {
        let pointer = format!("{}_*_{}.release", product.id, plan.channel);
        return Err(Refused::NothingReleased { pointer }.into());
    }
    let title = format!("roll out the newest release of {} on {}", product.id, plan.channel);
    let roles = BTreeMap::from([(role.name().to_owned(), (new, signers))]);
    Draft {
        title,
        published: &published,
        roles,
        targets: files,
    }
    .write(folder)
}
