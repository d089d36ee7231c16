//! The names of a product's files in a repository.
//!
//! | file | name | signed by |
//! | --- | --- | --- |
//! | release document, under one name per hardware and channel | `PRODUCT_HARDWARE_CHANNEL.release` | role `PRODUCT` |
//! | rollout | `PRODUCT_HARDWARE_CHANNEL.rollout` | role `PRODUCT_rollout` |
//! | full image | `PRODUCT_VERSION_HARDWARE.zst` | role `PRODUCT_files` |
//! | support statement | `PRODUCT_support.json` | role `PRODUCT_files` |

use crate::{Id, Name, Version};

/// The one name that a device looks up.
pub fn pointer(product: &Id, hardware: &Id, channel: &Id) -> Name {
    Name::of(format_args!("{product}_{hardware}_{channel}.release"))
}

/// The rollout of what `pointer` of the same ids names.
pub fn rollout(product: &Id, hardware: &Id, channel: &Id) -> Name {
    Name::of(format_args!("{product}_{hardware}_{channel}.rollout"))
}

/// The support statement of a product.
pub fn support(product: &Id) -> Name {
    Name::of(format_args!("{product}_support.json"))
}

/// The compressed full image of a release for one hardware.
pub fn image(product: &Id, version: &Version, hardware: &Id) -> Name {
    Name::of(format_args!("{product}_{version}_{hardware}.zst"))
}
