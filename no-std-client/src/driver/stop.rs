//! Why a driver stopped.

use super::Outcome;
use crate::failure::{Failure, name_of};
use crate::flash::{RegionError, StateError};

/// Why a driver stopped, grouped by who must act. `E` is the error of the flash driver.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop<E> {
    /// The boot record could not be read or written, or refused.
    Boot(tuffet_boot::Error<RegionError<E>>),
    /// The update machine refused.
    Failure(Failure),
    /// The flash failed.
    Flash(RegionError<E>),
    /// The repository has no first image for this device, for this reason.
    NothingToProvision(Outcome),
    /// The trusted state could not be read or written.
    State(StateError<E>),
    /// The transport failed. It knows why; the driver keeps nothing of its error.
    Transport,
}

impl<E> Stop<E> {
    /// The number that never changes its meaning: that of the [`Failure`], 500 for the transport, whose own error says more, and
    /// 701 to 704 for what is kept in flash.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Failure(failure) => failure.code(),
            Self::Transport => 500,
            Self::Flash(_) => 701,
            Self::Boot(_) => 702,
            Self::State(_) => 703,
            Self::NothingToProvision(_) => 704,
        }
    }

    /// The name that goes with the number.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        name_of(self.code())
    }
}

impl<E> From<Failure> for Stop<E> {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl<E> From<RegionError<E>> for Stop<E> {
    fn from(error: RegionError<E>) -> Self {
        Self::Flash(error)
    }
}

impl<E> From<StateError<E>> for Stop<E> {
    fn from(error: StateError<E>) -> Self {
        match error {
            StateError::Flash(error) => Self::Flash(error),
            StateError::Damaged
            | StateError::NotKept
            | StateError::SequenceExhausted
            | StateError::UnknownLayout { .. } => Self::State(error),
        }
    }
}

impl<E> From<tuffet_boot::Error<RegionError<E>>> for Stop<E> {
    fn from(error: tuffet_boot::Error<RegionError<E>>) -> Self {
        Self::Boot(error)
    }
}

impl<E> From<crate::update::Error<RegionError<E>>> for Stop<E> {
    fn from(error: crate::update::Error<RegionError<E>>) -> Self {
        match error {
            crate::update::Error::Document(error) => Self::Flash(error),
            crate::update::Error::Failure(failure) => Self::Failure(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_frozen() {
        let refused = tuffet_boot::Error::Refused(tuffet_boot::Refusal::NoTrial);
        let frozen: [(Stop<()>, u16, &str); 6] = [
            (Stop::Failure(Failure::TrialOpen), 405, "TrialOpen"),
            (Stop::Transport, 500, "Transport"),
            (Stop::Flash(RegionError::Busy), 701, "Flash"),
            (Stop::Boot(refused), 702, "BootRecord"),
            (Stop::State(StateError::Damaged), 703, "State"),
            (Stop::NothingToProvision(Outcome::UpToDate), 704, "NothingToProvision"),
        ];
        for (stop, code, name) in frozen {
            assert_eq!((stop.code(), stop.name()), (code, name));
        }
    }
}
