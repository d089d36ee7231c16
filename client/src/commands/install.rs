//! `tuffet-client install`: a full cycle, and the installation of what it finds.

use super::{Told, Verdict, by, tell, tell_way, with_cost};
use crate::agent::{Agent, Cycle};
use crate::boot::{boot_error, open_records};
use crate::device::DeviceFolder;
use crate::error::ClientError;
use crate::install::into_spare_slot;
use crate::report::Report;
use crate::transport::Transport;
use serde_json::json;
use tuffet_no_std_client::Decided;

/// Asks the repository and installs what it finds; the next boot tries it.
pub fn command(folder: &DeviceFolder, report: Report) -> Result<Verdict, ClientError> {
    let (agent, _lock) = Agent::open(folder, report)?;
    let transport = Transport::open(&agent.settings.repository.address)?;
    let cycle = agent.cycle(agent.running()?, agent.store.state()?, &transport)?;
    let told = carry_out(&agent, cycle, &transport)?;
    report.result(&told.sentences, with_cost(told.object, &transport));
    Ok(told.verdict)
}

/// Installs if the decision says so, and begins the trial; otherwise only tells the decision.
pub fn carry_out(agent: &Agent, cycle: Cycle<'_>, transport: &Transport) -> Result<Told, ClientError> {
    let mut told = tell(agent, &cycle.update)?;
    let considered = cycle.update.considered();
    if !considered.is_some_and(|considered| considered.decided == Decided::Install) {
        return Ok(told);
    }
    let arrived = into_spare_slot(agent, cycle.update, transport)?;
    tell_way(&arrived, &mut told.object);
    let slot = arrived.image.placed().slot;
    let sentence = format!(
        "installed into slot {slot:?} {}; the next boot tries it",
        by(arrived.way)
    );
    let mut records = open_records(&agent.folder)?;
    records
        .begin_trial(arrived.image, agent.settings.trial.attempts)
        .map_err(|error| boot_error(&agent.folder, error))?;
    told.object.insert("outcome".into(), json!("installed"));
    told.object.insert("message".into(), json!(sentence));
    told.sentences.push(sentence);
    Ok(told)
}
