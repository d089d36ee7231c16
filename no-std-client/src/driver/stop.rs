//! Why a driver stopped.

use super::Outcome;
use crate::failure::Failure;
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
            StateError::Damaged | StateError::NotKept | StateError::SequenceExhausted => Self::State(error),
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
