//! What can be wrong with the boot record, and the one place where it is put into words.

use embedded_storage::nor_flash::NorFlashErrorKind;
use std::fmt;
use tuffet_no_std_client::boot::{Geometry, Recovery, Refusal};

/// Why the boot record gave no answer, or a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootTrouble {
    /// An access outside the record or off its units: a bug.
    Access(NorFlashErrorKind),
    /// The record's file has a shape that it cannot have.
    Geometry(Geometry),
    /// What was written is not what is read back.
    NotKept {
        /// The page.
        page: u8,
        /// The record in it.
        position: u32,
    },
    /// Nothing may run.
    NothingBootable(Recovery),
    /// The record refuses the operation in its state.
    Refused(Refusal),
    /// An answer of a core that is newer than this client.
    Unknown,
    /// No more records can be written.
    WornOut,
}

impl fmt::Display for BootTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(kind) => write!(
                f,
                "the boot record was accessed wrongly ({kind:?}); this is a bug in the client"
            ),
            Self::Geometry(geometry) => write!(f, "the boot record cannot be used: {geometry:?}"),
            Self::NotKept { page, position } => write!(
                f,
                "the boot record did not keep what was written (page {page}, record {position}); the disk is failing"
            ),
            Self::NothingBootable(recovery) => f.write_str(&recovery_sentence(recovery)),
            Self::Refused(refusal) => f.write_str(&refusal_sentence(refusal)),
            Self::Unknown => f.write_str("the boot record gave an answer that this client does not know"),
            Self::WornOut => f.write_str("the boot record is worn out; provision the device again"),
        }
    }
}

fn refusal_sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::AlreadyProvisioned => "the boot record has a confirmed image already".to_owned(),
        Refusal::BelowCounter { counter, offered } => {
            format!("security version {offered} is below the counter {counter}: an older image never runs")
        }
        Refusal::CounterJump {
            counter,
            offered,
            jump_max,
        } => {
            format!("security version {offered} is more than {jump_max} above the counter {counter}")
        }
        Refusal::FailedBefore { failed_attempt, .. } => {
            format!("this image failed here before (attempt {failed_attempt}); the vendor must sign a higher attempt")
        }
        Refusal::NoTrial => "there is no trial".to_owned(),
        Refusal::NotNamed { slot } | Refusal::SlotInUse { slot } => format!("slot {slot:?} is in use"),
        Refusal::NotProvisioned => "the boot record has no confirmed image; provision the device".to_owned(),
        Refusal::SlotNotEmpty { slot } => format!("slot {slot:?} was not marked empty"),
        Refusal::TrialNotBooted => "the image on trial was never booted; run `tuffet-client boot` first".to_owned(),
        Refusal::TrialOpen { .. } => "a trial is open; confirm it, or reboot until it is over".to_owned(),
        Refusal::ZeroAttempts => "a trial needs at least one boot; set trial.attempts in device.toml".to_owned(),
        // What a later core may add still has a name.
        other => format!("the boot record refuses: {other:?}"),
    }
}

fn recovery_sentence(recovery: &Recovery) -> String {
    let why = match recovery {
        Recovery::BelowCounter {
            counter,
            security_version,
        } => format!(
            "the other slot has security version {security_version}, below the counter {counter}: an older image never runs"
        ),
        Recovery::Damaged => "the boot record is damaged".to_owned(),
        Recovery::Mismatch { slot } => format!("slot {slot:?} does not hold the image that the boot record pins"),
        Recovery::Unprovisioned => "the boot record is empty".to_owned(),
        // What a later core may add still has a name.
        other => format!("{other:?}"),
    };
    format!("nothing bootable is left: {why}. Provision the device again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tuffet_no_std_client::boot::Slot;

    #[test]
    fn sentences_say_what_is_wrong_and_what_to_do() {
        let sentence = |trouble: BootTrouble| trouble.to_string();
        let nothing = sentence(BootTrouble::NothingBootable(Recovery::Mismatch { slot: Slot::B }));
        assert!(
            nothing.contains("slot B") && nothing.contains("Provision the device again"),
            "{nothing}"
        );
        let refused = sentence(BootTrouble::Refused(Refusal::TrialNotBooted));
        assert!(refused.contains("tuffet-client boot"), "{refused}");
        let failing = sentence(BootTrouble::NotKept { page: 1, position: 7 });
        assert!(failing.contains("page 1, record 7"), "{failing}");
    }
}
