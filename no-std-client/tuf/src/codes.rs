//! A number and a word for each refusal, which never change their meaning: for logs, for tests, and for a part that can
//! only blink.

use crate::error::Rejected;

impl Rejected {
    /// The number: 101 to 199.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Absent { .. } => 101,
            Self::DuplicateDelegation { .. } => 102,
            Self::DuplicateSignature { .. } => 103,
            Self::Expired { .. } => 104,
            Self::LimitExceeded { .. } => 105,
            Self::Malformed { .. } => 106,
            Self::NotInSnapshot { .. } => 107,
            Self::RoleVanished { .. } => 108,
            Self::Rollback { .. } => 109,
            Self::TooFewSignatures { .. } => 110,
            Self::TooLong { .. } => 111,
            // 112 was never shipped.
            Self::WeakKey { .. } => 113,
            Self::WrongDigest { .. } => 114,
            Self::WrongLength { .. } => 115,
            Self::WrongVersion { .. } => 116,
        }
    }

    /// The word that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::name_of(self.code())
    }

    /// The word that goes with a number, for whoever was told only that; an empty one if there is none.
    #[must_use]
    pub const fn name_of(code: u16) -> &'static str {
        match code {
            101 => "Absent",
            102 => "DuplicateDelegation",
            103 => "DuplicateSignature",
            104 => "Expired",
            105 => "LimitExceeded",
            106 => "Malformed",
            107 => "NotInSnapshot",
            108 => "RoleVanished",
            109 => "Rollback",
            110 => "TooFewSignatures",
            111 => "TooLong",
            113 => "WeakKey",
            114 => "WrongDigest",
            115 => "WrongLength",
            116 => "WrongVersion",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        error::{Flaw, Limit, Rejected},
        names::{RoleName, RoleVersion},
    };
    use tuffet_wire::UnixSeconds;

    #[test]
    fn numbers_and_words_are_frozen() {
        let role = RoleName::Timestamp;
        let time = UnixSeconds::new(0);
        let (trusted, offered) = (RoleVersion::new(2).unwrap(), RoleVersion::new(1).unwrap());
        let frozen = [
            (Rejected::Absent { role }, 101, "Absent"),
            (Rejected::DuplicateDelegation { role }, 102, "DuplicateDelegation"),
            (Rejected::DuplicateSignature { role }, 103, "DuplicateSignature"),
            (
                Rejected::Expired {
                    role,
                    expires: time,
                    started_at: time,
                },
                104,
                "Expired",
            ),
            (
                Rejected::LimitExceeded {
                    role,
                    limit: Limit::Signatures,
                },
                105,
                "LimitExceeded",
            ),
            (
                Rejected::Malformed {
                    role,
                    at: 0,
                    what: Flaw::Missing,
                },
                106,
                "Malformed",
            ),
            (Rejected::NotInSnapshot { role }, 107, "NotInSnapshot"),
            (Rejected::RoleVanished { trusted, offered }, 108, "RoleVanished"),
            (Rejected::Rollback { role, trusted, offered }, 109, "Rollback"),
            (
                Rejected::TooFewSignatures {
                    role,
                    needed: 2,
                    valid: 1,
                },
                110,
                "TooFewSignatures",
            ),
            (
                Rejected::TooLong {
                    role,
                    length: 2,
                    bytes_max: 1,
                },
                111,
                "TooLong",
            ),
            (Rejected::WeakKey { role }, 113, "WeakKey"),
            (Rejected::WrongDigest { role }, 114, "WrongDigest"),
            (
                Rejected::WrongLength {
                    role,
                    expected: 1,
                    offered: 2,
                },
                115,
                "WrongLength",
            ),
            (
                Rejected::WrongVersion {
                    role,
                    expected: trusted,
                    offered,
                },
                116,
                "WrongVersion",
            ),
        ];
        for (rejected, code, name) in frozen {
            assert_eq!((rejected.code(), rejected.name()), (code, name));
        }
    }
}
