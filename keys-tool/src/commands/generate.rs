//! `tuffet-keys generate`

use crate::{arguments::Generate, report::Report};
use serde_json::{Value, json};
use std::fmt::Write as _;
use tuffet_keys_tool::{Ask, Error, generate};

/// Makes the keys.
pub fn run(arguments: &Generate) -> Result<Report, Error> {
    let Generate {
        role,
        count,
        out,
        work_factor,
        passphrase,
    } = arguments;
    let keys = generate(role, *count, out, *work_factor, || {
        passphrase.source().read(Ask::ToProtect)
    })?;
    let mut text = String::new();
    let mut fields: Vec<Value> = Vec::new();
    for key in &keys {
        let (secret, public) = (key.secret_path.display(), key.public_path.display());
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}  {secret}  {public}", key.public.id());
        fields.push(json!({
            "id": key.public.id(),
            "public": public.to_string(),
            "secret": secret.to_string(),
        }));
    }
    let mut warnings = Vec::new();
    if work_factor.is_weak() {
        warnings.push(
            "the work factor is low: whoever gets the key file can try passphrases fast; use it for tests only"
                .to_owned(),
        );
    }
    Ok(Report {
        text,
        fields: json!({ "role": role.to_string(), "keys": fields }),
        warnings,
    })
}
