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
            Self::UnreachableThreshold { .. } => (112, "UnreachableThreshold"),
            Self::WeakKey { .. } => (113, "WeakKey"),
            Self::WrongDigest { .. } => (114, "WrongDigest"),
            Self::WrongLength { .. } => (115, "WrongLength"),
            Self::WrongVersion { .. } => (116, "WrongVersion"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{error::Rejected, names::RoleName};

    #[test]
    fn numbers_and_words_are_frozen() {
        let role = RoleName::Timestamp;
        assert_eq!(
            (Rejected::Absent { role }.code(), Rejected::Absent { role }.name()),
            (101, "Absent")
        );
        assert_eq!(Rejected::DuplicateSignature { role }.code(), 103);
        assert_eq!(Rejected::WeakKey { role }.code(), 113);
        assert_eq!(Rejected::WrongDigest { role }.code(), 114);
        let too_few = Rejected::TooFewSignatures {
            role,
            needed: 2,
            valid: 1,
        };
        assert_eq!((too_few.code(), too_few.name()), (110, "TooFewSignatures"));
    }
}
