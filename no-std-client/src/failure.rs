//! Why the update machine refused, what to do about it, and the number that never changes.
//!
//! | codes | group | who must act |
//! | --- | --- | --- |
//! | 100 to 199 | TUF metadata was rejected | nobody: an attack, or a broken repository |
//! | 200 to 299 | the release document, the rollout file or the release itself | the vendor |
//! | 300 to 399 | the image | nobody, or the vendor |
//! | 400 to 499 | the state of the device | the device's owner |
//! | 500 to 599 | the transport: [`HttpError`](crate::http::HttpError) | nobody: it is tried again |
//! | 600 to 699 | a recovery: [`RecoveryNak`](crate::recovery::RecoveryNak) | who brings the image |
//! | 701 to 704 | what is kept in flash: [`Stop`](crate::Stop) | the device's owner |
//! | 900 | the driver broke the protocol of the machine | its programmer |

use tuffet_release::Malformed;
use tuffet_tuf::{Rejected, RoleName};

/// Why the machine refused. Small and copyable: a microcontroller can keep the last one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The device is provisioned; the factory would take its firmware away.
    AlreadyProvisioned,
    /// The boot record holds nothing that can be believed.
    BootRecordDamaged,
    /// The release document or the rollout file is not what was signed, or says nonsense.
    Document(DocumentFault),
    /// The image is not what the release document says.
    Image(ImageFault),
    /// A metadata file that the device must compare the next one with is gone, and the repository does not have it either.
    KeptFileLost {
        /// Whose file.
        role: RoleName,
    },
    /// The driver called what was not asked for.
    Misuse,
    /// The stored root is gone, and the repository does not have it either.
    NoRoot,
    /// The boot record is empty: the device was never provisioned.
    NotProvisioned,
    /// The installation would download more than the device's data budget allows.
    OverBudget {
        /// Bytes of the shortest way to the image.
        needed_bytes: u32,
        /// Bytes that the budget allows.
        budget_bytes: u32,
    },
    /// The delta cannot be used, and the full image beside it is more than the device's data budget allows.
    FallbackOverBudget {
        /// What was wrong with the delta.
        fault: ImageFault,
        /// Bytes of the full image as it is downloaded.
        needed_bytes: u32,
        /// Bytes that the budget still allows.
        left_bytes: u32,
    },
    /// The metadata was rejected.
    Rejected(Rejected),
    /// What is stored carries no decision any more: there is no document, or a role has expired. A full cycle brings it.
    StoredTooOld,
    /// The trusted state does not know the confirmed image.
    UnknownImage,
    /// A file changed while it was read, or ended before its length: failing storage.
    UnstableDocument,
    /// A trial is open: it must be confirmed or fail before there is another update.
    TrialOpen,
}

/// What is wrong with a release document or a rollout file.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentFault {
    /// It is not the file whose digest was signed.
    Digest,
    /// It does not have the length that was signed.
    Length,
    /// It is signed, and cannot be read.
    Malformed(Malformed),
    /// The repository lists it and does not have it.
    Missing,
    /// The pointer entry lacks version, security version or class.
    PointerCustom,
    /// It is longer than a device must read.
    TooLong {
        /// The limit in bytes.
        bytes_max: u32,
    },
}

/// What is wrong with an image.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageFault {
    /// The downloaded file is not the one that was signed.
    FileDigest,
    /// The downloaded file goes on past its signed length.
    FileTooLong,
    /// The slots do not fit the decoder.
    Geometry(tuffet_patch::Geometry),
    /// The repository lists the file and does not have it.
    Missing,
    /// The release has no file that this device can unpack or decode.
    NoWay,
    /// The patch is not what it must be.
    Patch(tuffet_patch::Refusal),
    /// The slot, read back, is not the image that was signed.
    SlotDigest,
    /// More was read back than the image has.
    SlotTooLong,
    /// The running slot, read before the first erase, is not the image that the delta starts from.
    SourceDigest,
    /// The file is the signed one, and does not unpack to an image of the signed length.
    Unpack,
}

/// What to do about a failure.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The cycle is over; the next poll starts a new one.
    EndCycle,
    /// Somebody has to look at the device.
    NeedsOwner,
    /// The driver has a bug.
    Report,
}

/// The name that goes with a number which never changes its meaning, for whoever was told only that; an empty one if there is none.
/// The errors of HTTP and of the recovery have names of their own.
#[must_use]
pub const fn name_of(code: u16) -> &'static str {
    match code {
        201 => "DocumentDigest",
        202 => "DocumentLength",
        203 => "DocumentMalformed",
        204 => "DocumentMissing",
        205 => "PointerCustom",
        206 => "DocumentTooLong",
        301 => "ImageFileDigest",
        302 => "ImageFileTooLong",
        303 => "SlotDigest",
        304 => "SlotTooLong",
        305 => "SourceDigest",
        306 => "PatchRefused",
        307 => "SlotGeometry",
        308 => "ImageMissing",
        309 => "NoWay",
        310 => "Unpack",
        401 => "BootRecordDamaged",
        402 => "NotProvisioned",
        403 => "NoRoot",
        404 => "UnknownImage",
        405 => "TrialOpen",
        406 => "UnstableDocument",
        407 => "KeptFileLost",
        408 => "OverBudget",
        409 => "FallbackOverBudget",
        410 => "StoredTooOld",
        411 => "AlreadyProvisioned",
        500 => "Transport",
        701 => "Flash",
        702 => "BootRecord",
        703 => "State",
        704 => "NothingToProvision",
        900 => "Misuse",
        _ => Rejected::name_of(code),
    }
}

impl Failure {
    /// The number that never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Rejected(rejected) => rejected.code(),
            Self::Document(fault) => match fault {
                DocumentFault::Digest => 201,
                DocumentFault::Length => 202,
                DocumentFault::Malformed(_) => 203,
                DocumentFault::Missing => 204,
                DocumentFault::PointerCustom => 205,
                DocumentFault::TooLong { .. } => 206,
            },
            Self::Image(fault) => fault.code(),
            Self::BootRecordDamaged => 401,
            Self::NotProvisioned => 402,
            Self::NoRoot => 403,
            Self::UnknownImage => 404,
            Self::TrialOpen => 405,
            Self::UnstableDocument => 406,
            Self::KeptFileLost { .. } => 407,
            Self::OverBudget { .. } => 408,
            Self::FallbackOverBudget { .. } => 409,
            Self::StoredTooOld => 410,
            Self::AlreadyProvisioned => 411,
            Self::Misuse => 900,
        }
    }

    /// The name that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        name_of(self.code())
    }

    /// What to do about it.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Rejected(_)
            | Self::Document(_)
            | Self::FallbackOverBudget { .. }
            | Self::Image(_)
            | Self::OverBudget { .. }
            | Self::StoredTooOld
            | Self::TrialOpen
            | Self::UnstableDocument => Action::EndCycle,
            Self::AlreadyProvisioned
            | Self::BootRecordDamaged
            | Self::KeptFileLost { .. }
            | Self::NotProvisioned
            | Self::NoRoot
            | Self::UnknownImage => Action::NeedsOwner,
            Self::Misuse => Action::Report,
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rejected(rejected) => write!(f, "{rejected}"),
            Self::Document(fault) => match fault {
                DocumentFault::Digest => f.write_str("the release document is not the one that was signed"),
                DocumentFault::Length => f.write_str("the release document does not have its signed length"),
                DocumentFault::Malformed(malformed) => {
                    write!(f, "the release document was signed with an error in it: {malformed}")
                }
                DocumentFault::Missing => f.write_str("the repository lists a release document that it does not have"),
                DocumentFault::PointerCustom => {
                    f.write_str("the pointer lacks a version, a security version or a class")
                }
                DocumentFault::TooLong { bytes_max } => {
                    write!(f, "the release document is longer than {bytes_max} bytes")
                }
            },
            Self::Image(fault) => write!(f, "{fault}"),
            Self::OverBudget {
                needed_bytes,
                budget_bytes,
            } => write!(
                f,
                "the update needs a download of {needed_bytes} bytes, and the data budget is {budget_bytes}; raise it, or \
                 wait for a smaller one"
            ),
            Self::FallbackOverBudget {
                fault,
                needed_bytes,
                left_bytes,
            } => write!(
                f,
                "the delta cannot be used ({fault}), and the full image of {needed_bytes} bytes is more than the \
                 {left_bytes} bytes that are left of the data budget"
            ),
            Self::StoredTooOld => f.write_str("what is stored carries no decision any more; a full cycle is needed"),
            Self::AlreadyProvisioned => {
                f.write_str("the device is provisioned already; erase it first if it is to be made anew")
            }
            Self::BootRecordDamaged => f.write_str("the boot record is damaged; the device needs its recovery"),
            Self::NotProvisioned => f.write_str("the boot record is empty; provision the device first"),
            Self::KeptFileLost { role } => write!(
                f,
                "the kept {role} file is gone and the repository has it no longer: without it a rollback could not be \
                 seen; its operator must serve that version again"
            ),
            Self::NoRoot => f.write_str("the stored root is gone and the repository does not have it; provision again"),
            Self::UnknownImage => f.write_str("the stored state does not know the confirmed image; provision again"),
            Self::TrialOpen => f.write_str("a trial is open; confirm it, or reboot until it is over, before an update"),
            Self::UnstableDocument => f.write_str("a file changed while it was read; the storage may be failing"),
            Self::Misuse => f.write_str("the update machine was driven out of order; this is a bug in the client"),
        }
    }
}

impl core::error::Error for Failure {}

impl ImageFault {
    /// The number that never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::FileDigest => 301,
            Self::FileTooLong => 302,
            Self::SlotDigest => 303,
            Self::SlotTooLong => 304,
            Self::SourceDigest => 305,
            Self::Patch(_) => 306,
            Self::Geometry(_) => 307,
            Self::Missing => 308,
            Self::NoWay => 309,
            Self::Unpack => 310,
        }
    }

    /// The name that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        name_of(self.code())
    }
}

impl core::fmt::Display for ImageFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::FileDigest => "the downloaded file is not the one that was signed; it was discarded",
            Self::FileTooLong => "the downloaded file goes on past its signed length; it was discarded",
            Self::SlotDigest => "the slot, read back, does not hold the signed image; nothing was changed over",
            Self::SlotTooLong => "more was read back from the slot than the image has",
            Self::SourceDigest => "the running slot is not the image that the delta starts from",
            Self::Patch(refusal) => return write!(f, "the patch cannot be used: {refusal}"),
            Self::Geometry(geometry) => return write!(f, "the slots do not fit the decoder: {geometry}"),
            Self::Missing => "the repository lists the file and does not have it; it is incomplete, tell its operator",
            Self::NoWay => "the release has no file that this device can unpack or decode",
            Self::Unpack => "the image file does not unpack to the image",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const FROZEN: [(Failure, u16, &str, Action); 28] = [
        (
            Failure::Document(DocumentFault::Digest),
            201,
            "DocumentDigest",
            Action::EndCycle,
        ),
        (
            Failure::Document(DocumentFault::Length),
            202,
            "DocumentLength",
            Action::EndCycle,
        ),
        (
            Failure::Document(DocumentFault::Missing),
            204,
            "DocumentMissing",
            Action::EndCycle,
        ),
        (
            Failure::Document(DocumentFault::PointerCustom),
            205,
            "PointerCustom",
            Action::EndCycle,
        ),
        (
            Failure::Document(DocumentFault::TooLong { bytes_max: 1 }),
            206,
            "DocumentTooLong",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::FileDigest),
            301,
            "ImageFileDigest",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::FileTooLong),
            302,
            "ImageFileTooLong",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::SlotDigest),
            303,
            "SlotDigest",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::SlotTooLong),
            304,
            "SlotTooLong",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::SourceDigest),
            305,
            "SourceDigest",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::Patch(tuffet_patch::Refusal::ExtraBlock)),
            306,
            "PatchRefused",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::Geometry(tuffet_patch::Geometry::OldUnits { read_bytes: 3 })),
            307,
            "SlotGeometry",
            Action::EndCycle,
        ),
        (
            Failure::Image(ImageFault::Missing),
            308,
            "ImageMissing",
            Action::EndCycle,
        ),
        (Failure::Image(ImageFault::NoWay), 309, "NoWay", Action::EndCycle),
        (Failure::Image(ImageFault::Unpack), 310, "Unpack", Action::EndCycle),
        (
            Failure::OverBudget {
                needed_bytes: 2,
                budget_bytes: 1,
            },
            408,
            "OverBudget",
            Action::EndCycle,
        ),
        (
            Failure::FallbackOverBudget {
                fault: ImageFault::SourceDigest,
                needed_bytes: 2,
                left_bytes: 1,
            },
            409,
            "FallbackOverBudget",
            Action::EndCycle,
        ),
        (
            Failure::AlreadyProvisioned,
            411,
            "AlreadyProvisioned",
            Action::NeedsOwner,
        ),
        (Failure::StoredTooOld, 410, "StoredTooOld", Action::EndCycle),
        (Failure::BootRecordDamaged, 401, "BootRecordDamaged", Action::NeedsOwner),
        (Failure::NotProvisioned, 402, "NotProvisioned", Action::NeedsOwner),
        (Failure::NoRoot, 403, "NoRoot", Action::NeedsOwner),
        (Failure::UnknownImage, 404, "UnknownImage", Action::NeedsOwner),
        (Failure::TrialOpen, 405, "TrialOpen", Action::EndCycle),
        (Failure::UnstableDocument, 406, "UnstableDocument", Action::EndCycle),
        (
            Failure::KeptFileLost {
                role: RoleName::Snapshot,
            },
            407,
            "KeptFileLost",
            Action::NeedsOwner,
        ),
        (Failure::Misuse, 900, "Misuse", Action::Report),
        (
            Failure::Rejected(Rejected::Absent {
                role: RoleName::Timestamp,
            }),
            101,
            "Absent",
            Action::EndCycle,
        ),
    ];

    #[test]
    fn codes_names_and_actions_are_frozen() {
        for (failure, code, name, action) in FROZEN {
            assert_eq!((failure.code(), failure.name(), failure.action()), (code, name, action));
            assert!(!failure.to_string().is_empty());
        }
    }
}
