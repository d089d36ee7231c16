use std::path::PathBuf;

use tuffet_server::Version;

use crate::failure::{Blame, Failure};
use crate::vendor;

/// Which proposal.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The product's folder.
    #[arg(required_unless_present = "proposal")]
    product: Option<PathBuf>,
    /// The release in its folder `releases/VERSION`.
    #[arg(long, value_parser = vendor::version, required_unless_present = "proposal")]
    version: Option<Version>,
    /// Another proposal folder: of a promotion, a renewal, a rollout or a new product.
    #[arg(long, value_name = "FOLDER", conflicts_with = "version")]
    proposal: Option<PathBuf>,
}

impl Place {
    /// The proposal's folder.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        match (&self.proposal, &self.product, self.version) {
            (Some(folder), _, _) => Ok(folder.clone()),
            (None, Some(product), Some(version)) => Ok(product.join("releases").join(version.to_string())),
            (None, _, _) => Err(Failure::new(
                Blame::Usage,
                "give a product folder and --version, or --proposal",
            )),
        }
    }
}
