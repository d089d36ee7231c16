//! The bulk codec against the model of patches, which says what is held against what.

/// The bytes are the script of one case.
pub fn run(data: &[u8]) {
    super::patch_model::bulk(data);
}
