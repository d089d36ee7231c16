//! `tuffet-client boot`: what the bootloader does at power-on.

use super::Verdict;
use crate::boot::{choose, open_records};
use crate::device::DeviceFolder;
use crate::error::ClientError;
use crate::report::Report;
use serde_json::{Map, json};
use tuffet_no_std_client::boot::Why;

/// Decides what runs, counts the boot of a trial, and prints the file to run.
pub fn command(folder: &DeviceFolder, report: Report) -> Result<Verdict, ClientError> {
    folder.settings()?;
    let _lock = folder.lock()?;
    // The first boot draws the seed; later ones find it.
    folder.seed()?;
    let mut records = open_records(folder)?;
    let run = choose(folder, &mut records)?;
    let file = folder.slot(run.placed.slot);
    let (outcome, why) = match run.why {
        Why::Confirmed => ("confirmed", "the confirmed image".to_owned()),
        Why::FellBack => (
            "fell-back",
            "the confirmed image was damaged; this is the other one".to_owned(),
        ),
        Why::Reverted { .. } => (
            "reverted",
            "the trial was not confirmed; back to the confirmed image".to_owned(),
        ),
        Why::Trial { attempts_left } => (
            "trial",
            format!("on trial; {attempts_left} more boots until it is reverted"),
        ),
    };
    let mut object = Map::new();
    object.insert("ok".into(), json!(true));
    object.insert("outcome".into(), json!(outcome));
    object.insert("slot".into(), json!(format!("{:?}", run.placed.slot).to_lowercase()));
    object.insert("file".into(), json!(file.display().to_string()));
    report.result(&[format!("run {} ({why})", file.display())], object);
    Ok(Verdict::Fine)
}
