//! `tuffet-keys root …`

use crate::{
    arguments::{Root, RootCreate},
    clock,
    report::Report,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use tuffet_keys_tool::{
    Ask, Error, KeySource as _, PassphraseSource, PublicKey, SecretKey, public_keys_in,
    root::{RolePlan, RootFile, RootPlan, Signing, Spare, TopLevelRole},
};

/// Writes, signs, shows or checks a root.
pub fn run(command: &Root) -> Result<Report, Error> {
    match command {
        Root::Create(arguments) => create(arguments),
        Root::Sign { root, key, passphrase } => sign(root, key, &passphrase.source()),
        Root::Show { root } => show(root),
        Root::Check { root, previous } => check(root, previous.as_deref()),
    }
}

fn create(arguments: &RootCreate) -> Result<Report, Error> {
    let keys = |role, named: &[PathBuf]| match (&arguments.keys_dir, named) {
        (Some(folder), []) => public_keys_in(folder, role),
        (_, named) => named.iter().map(|path| PublicKey::load(path)).collect(),
    };
    let plan = |role, named: &[PathBuf], threshold| -> Result<RolePlan, Error> {
        Ok(RolePlan {
            keys: keys(role, named)?,
            threshold,
        })
    };
    let now = clock::now();
    let root = RootFile::create(&RootPlan {
        root: plan(TopLevelRole::Root, &arguments.root, arguments.root_threshold)?,
        targets: plan(TopLevelRole::Targets, &arguments.targets, arguments.targets_threshold)?,
        snapshot: plan(TopLevelRole::Snapshot, &arguments.snapshot, 1)?,
        timestamp: plan(TopLevelRole::Timestamp, &arguments.timestamp, 1)?,
        signed_at: now,
        expires: now.saturating_add_days(arguments.expires_days),
        spare: if arguments.allow_no_spare {
            Spare::Waived
        } else {
            Spare::Required
        },
    })?;
    root.save(&arguments.out)?;
    let mut warnings = Vec::new();
    if !root.has_spare() {
        warnings.push("all root keys are needed to sign: one lost key ends this repository for good".to_owned());
    }
    let description = root.describe(now)?;
    let path = arguments.out.display();
    Ok(Report {
        text: format!(
            "wrote {path}\n\n{description}\nnext: each root holder runs `tuffet-keys root sign {path} --key FILE.key`\n"
        ),
        fields: json!({ "path": path.to_string(), "root": description }),
        warnings,
    })
}

fn sign(path: &Path, key_path: &Path, passphrase: &PassphraseSource) -> Result<Report, Error> {
    let mut root = RootFile::load(path)?;
    let key = SecretKey::load(key_path, &passphrase.read(Ask::ToOpen(key_path))?)?;
    let now = clock::now();
    let signing = root.sign(&key, now)?;
    if signing == Signing::Added {
        root.save_over(path)?;
    }
    let id = key.public_key().id();
    let description = root.describe(now)?;
    let (said, added) = match signing {
        Signing::Added => ("signed with", true),
        Signing::WasThere => ("nothing to do: already signed with", false),
    };
    let (valid, needed) = (description.signatures_valid, description.signatures_needed);
    Ok(Report {
        text: format!("{said} {id}\nsignatures {valid} of {needed}\n"),
        fields: json!({ "path": path.display().to_string(), "key": id, "added": added, "root": description }),
        warnings: Vec::new(),
    })
}

fn show(path: &Path) -> Result<Report, Error> {
    let description = RootFile::load(path)?.describe(clock::now())?;
    Ok(Report {
        text: description.to_string(),
        fields: json!({ "path": path.display().to_string(), "root": description }),
        warnings: Vec::new(),
    })
}

fn check(path: &Path, previous_path: Option<&Path>) -> Result<Report, Error> {
    let root = RootFile::load(path)?;
    let previous = previous_path.map(RootFile::load).transpose()?;
    let now = clock::now();
    root.check(previous.as_ref(), now)?;
    let description = root.describe(now)?;
    let (valid, needed, expires) = (
        description.signatures_valid,
        description.signatures_needed,
        description.expires,
    );
    let follows = match previous_path {
        Some(previous) => format!(", and follows {}", previous.display()),
        None => String::new(),
    };
    Ok(Report {
        text: format!(
            "{} holds: {valid} signatures of {needed} needed, valid until {expires}{follows}\n",
            path.display()
        ),
        fields: json!({ "path": path.display().to_string(), "root": description }),
        warnings: Vec::new(),
    })
}
