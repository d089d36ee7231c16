//! A number and a word for each refusal, which never change their meaning: for logs, for tests, and for a part that can
//! only blink.

use crate::error::Rejected;

impl Rejected {
    /// The number: 101 to 199.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code_and_name().0
    }

    /// The word that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.code_and_name().1
    }

    const fn code_and_name(&self) -> (u16, &'static str) {
        match self {
            Self::Absent { .. } => (101, "Absent"),
            Self::DuplicateDelegation { .. } => (102, "DuplicateDelegation"),
            Self::DuplicateSignature { .. } => (103, "DuplicateSignature"),
            Self::Expired { .. } => (104, "Expired"),
            Self::LimitExceeded { .. } => (105, "LimitExceeded"),
            Self::Malformed { .. } => (106, "Malformed"),
            Self::NotInSnapshot { .. } => (107, "NotInSnapshot"),
            Self::RoleVanished { .. } => (108, "RoleVanished"),
            Self::Rollback { .. } => (109, "Rollback"),
            Self::TooFewSignatures { .. } => (110, "TooFewSignatures"),
            Self::TooLong { .. } => (111, "TooLong"),
            // 112 was never shipped.
            Self::WeakKey { .. } => (113, "WeakKey"),
            Self::WrongDigest { .. } => (114, "WrongDigest"),
            Self::WrongLength { .. } => (115, "WrongLength"),
            Self::WrongVersion { .. } => (116, "WrongVersion"),
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
