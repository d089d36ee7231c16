//! `tuffet-client check`: a full cycle that installs nothing.

use super::{Verdict, tell, with_cost};
use crate::agent::Agent;
use crate::device::DeviceFolder;
use crate::error::ClientError;
use crate::report::Report;
use crate::transport::Transport;

/// Asks the repository and says what would be installed.
pub fn command(folder: &DeviceFolder, report: Report) -> Result<Verdict, ClientError> {
    let (agent, _lock) = Agent::open(folder, report)?;
    let transport = Transport::open(&agent.settings.repository.address)?;
    let cycle = agent.cycle(agent.running()?, agent.store.state()?, &transport)?;
    let told = tell(&agent, &cycle.update)?;
    report.result(&told.sentences, with_cost(told.object, &transport));
    Ok(told.verdict)
}
