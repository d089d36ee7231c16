//! Limits that two crates must agree on although neither knows the other.

/// A publisher that allowed a larger jump would release what every device refuses.
#[test]
fn publisher_and_device_allow_the_same_jump_of_the_security_version() {
    assert_eq!(
        tuffet_server::release::SECURITY_VERSION_JUMP_MAX,
        tuffet_boot::SECURITY_VERSION_JUMP_MAX
    );
}
