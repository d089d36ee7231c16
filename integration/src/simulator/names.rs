//! What product, hardware and channel of a simulated repository are called.
//!
//! Tests have the names of the module [`release`](super::release), and call roles by them. A repository for a device that has
//! names of its own is the same model: its roles are still called so by whoever changes it, and are renamed where they are
//! written.

use super::release::{CHANNEL, HARDWARE, PRODUCT};
use super::{FILES_ROLE, PRODUCT_ROLE, ROLLOUT_ROLE};

/// The ids that a device and its repository share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The product id.
    pub product: String,
    /// The hardware id.
    pub hardware: String,
    /// The release channel.
    pub channel: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            product: PRODUCT.to_owned(),
            hardware: HARDWARE.to_owned(),
            channel: CHANNEL.to_owned(),
        }
    }
}

impl Names {
    /// The name of the pointer that the device looks for.
    #[must_use]
    pub fn pointer(&self) -> String {
        self.of_device("release")
    }

    /// The name of the rollout file that goes with it.
    #[must_use]
    pub fn rollout(&self) -> String {
        self.of_device("rollout")
    }

    /// The name of the support statement.
    #[must_use]
    pub fn support(&self) -> String {
        format!("{}_support.json", self.product)
    }

    /// The name that a role has in files; any other one is called what it is.
    #[must_use]
    pub fn role(&self, label: &str) -> String {
        match label {
            PRODUCT_ROLE => self.product.clone(),
            FILES_ROLE => format!("{}_files", self.product),
            ROLLOUT_ROLE => format!("{}_rollout", self.product),
            other => other.to_owned(),
        }
    }

    fn of_device(&self, ending: &str) -> String {
        let Self {
            product,
            hardware,
            channel,
        } = self;
        format!("{product}_{hardware}_{channel}.{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::release::{POINTER, ROLLOUT, SUPPORT};
    use super::*;

    #[test]
    fn names_of_tests_are_those_of_their_constants() {
        let names = Names::default();
        assert_eq!(names.pointer(), POINTER);
        assert_eq!(names.rollout(), ROLLOUT);
        assert_eq!(names.support(), SUPPORT);
        for label in [PRODUCT_ROLE, FILES_ROLE, ROLLOUT_ROLE, "targets"] {
            assert_eq!(names.role(label), label);
        }
    }
}
