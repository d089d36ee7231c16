//! `tuffet-keys key …`

use crate::{
    arguments::{Key, PassphraseArguments},
    report::Report,
};
use serde_json::json;
use std::path::Path;
use tuffet_keys_tool::{Ask, Error, KeyError, KeySource as _, PublicKey, SecretKey};

/// Shows or checks a key.
pub fn run(command: &Key) -> Result<Report, Error> {
    match command {
        Key::Show { public } => show(public),
        Key::Check {
            secret,
            public,
            passphrase,
        } => check(secret, public.as_deref(), passphrase),
    }
}

fn show(path: &Path) -> Result<Report, Error> {
    let public = PublicKey::load(path)?;
    let key = public.key();
    Ok(Report {
        text: format!(
            "id      {}\ntype    {}\npublic  {}\n",
            public.id(),
            key.keytype,
            key.keyval.public
        ),
        fields: json!({ "id": public.id(), "key": key }),
        warnings: Vec::new(),
    })
}

fn check(secret_path: &Path, public_path: Option<&Path>, passphrase: &PassphraseArguments) -> Result<Report, Error> {
    let beside = secret_path.with_extension("pub");
    let public_path = public_path.unwrap_or(&beside);
    let public = PublicKey::load(public_path)?;
    let secret = SecretKey::load(secret_path, &passphrase.source().read(Ask::ToOpen(secret_path))?)?;
    if *secret.public_key() != public {
        return Err(KeyError::PublicDiffers {
            public: public_path.to_owned(),
            secret: secret_path.to_owned(),
        }
        .into());
    }
    let role = secret.role().to_string();
    Ok(Report {
        text: format!(
            "{} opens and belongs to {}; role {role}\n",
            secret_path.display(),
            public_path.display()
        ),
        fields: json!({ "id": public.id(), "role": role }),
        warnings: Vec::new(),
    })
}
