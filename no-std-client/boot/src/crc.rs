//! CRC-32 (IEEE 802.3, reflected, as in zip and Ethernet), bit by bit: a record is 64 bytes, and a table costs 1 KiB of flash.

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The checksum of `bytes`. It changes with every flip of up to three bits in a record, wherever they are.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= POLYNOMIAL;
            }
        }
    }
    !remainder
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn catalogue_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
