//! The names of a product's files in a repository.
//!
//! | file | name | signed by |
//! | --- | --- | --- |
//! | release document, under one name per hardware and channel | `PRODUCT_HARDWARE_CHANNEL.release` | role `PRODUCT` |
//! | rollout | `PRODUCT_HARDWARE_CHANNEL.rollout` | role `PRODUCT_rollout` |
//! | full image | `PRODUCT_VERSION_HARDWARE.zst`, `PRODUCT_VERSION_HARDWARE_ADDRESS.zst` | role `PRODUCT_files` |
//! | patch | `PRODUCT_VERSION_RESULT_SOURCE.patch`, `PRODUCT_VERSION_RESULT_full.patch` | role `PRODUCT_files` |
//! | support statement | `PRODUCT_support.json` | role `PRODUCT_files` |
//!
//! Addresses are eight hexadecimal digits; RESULT and SOURCE are the first eight of an image's digest.

use crate::{Address, Digest, Id, Name, Version};
use tuffet_wire::hex::Hex;

/// What stands behind the product in the name of its support statement.
const SUPPORT: &str = "_support.json";

/// The one name that a device looks up.
pub fn pointer(product: &Id, hardware: &Id, channel: &Id) -> Name {
    Name::joined(&[
        product.as_str(),
        "_",
        hardware.as_str(),
        "_",
        channel.as_str(),
        ".release",
    ])
}

/// The rollout of what `pointer` of the same ids names.
pub fn rollout(product: &Id, hardware: &Id, channel: &Id) -> Name {
    Name::joined(&[
        product.as_str(),
        "_",
        hardware.as_str(),
        "_",
        channel.as_str(),
        ".rollout",
    ])
}

/// The role that signs the rollouts of a product.
pub fn rollout_role(product: &Id) -> Name {
    Name::joined(&[product.as_str(), "_rollout"])
}

/// The support statement of a product.
pub fn support(product: &Id) -> Name {
    Name::joined(&[product.as_str(), SUPPORT])
}

/// Whether it is that name, without making it.
pub(crate) fn is_support(name: &Name, product: &Id) -> bool {
    name.as_str().strip_prefix(product.as_str()) == Some(SUPPORT)
}

/// The compressed full image of a release for one hardware and place.
pub fn image(product: &Id, version: &Version, hardware: &Id, address: Address) -> Name {
    match address {
        Address::Any => Name::of(format_args!("{product}_{version}_{hardware}.zst")),
        Address::At(address) => Name::of(format_args!("{product}_{version}_{hardware}_{address:08x}.zst")),
    }
}

/// The patch to an image of a release: from the image with the digest `source`, or from nothing.
pub fn patch(product: &Id, version: &Version, result: &Digest, source: Option<&Digest>) -> Name {
    let result = Hex(start(result));
    match source {
        Some(source) => Name::of(format_args!(
            "{product}_{version}_{result}_{}.patch",
            Hex(start(source))
        )),
        None => Name::of(format_args!("{product}_{version}_{result}_full.patch")),
    }
}

/// The first bytes of a digest: enough to tell the images of a release and its bases apart.
fn start(digest: &Digest) -> &[u8] {
    digest.first_chunk::<4>().map_or(&[], |start| start.as_slice())
}
