//! What ends a run of the lab, and the exit code of each: the same as everywhere.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the lab cannot go on. What a board does wrong is none of this: that is the verdict of a case.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A board file says something that cannot be.
    #[error("{}:{line}: {reason}", path.display())]
    BoardFile {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong, with the key.
        reason: String,
    },
    /// The firmware of the emulated board does not build.
    #[error("there is no firmware for the emulated board: {0}")]
    Build(String),
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A firmware file is not one for this board.
    #[error("{} is no firmware for this board: {reason}", path.display())]
    Firmware {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Somebody ended the run.
    #[error("the run was interrupted before its end")]
    Interrupted,
    /// Another run has the board.
    #[error("the board {board} is in use by {holder}; wait until that run has ended ({})", path.display())]
    Locked {
        /// The board.
        board: String,
        /// Who has it.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The log of the board ended by itself.
    #[error("the serial log ended by itself: `{line}` {how}. Is the port there, and free?")]
    LogEnded {
        /// The command.
        line: String,
        /// How it ended.
        how: String,
    },
    /// The server of the lab did not come up.
    #[error(
        "the lab cannot serve its repository at {address}: {source}. Change `listen` in [network] of the board file"
    )]
    Network {
        /// Where it was to listen.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no board of this name.
    #[error("there is no board `{name}`; there are {known}. A path of a board file does, too")]
    NoBoard {
        /// What was asked for.
        name: String,
        /// The boards that there are.
        known: String,
    },
    /// The board was left without power.
    #[error("{}the power of the board could not be restored: {cause}", before.as_ref().map_or_else(String::new, |before| format!("{before}; and ")))]
    NoPower {
        /// What ended the run before.
        before: Option<Box<Self>>,
        /// Why giving power failed at last.
        cause: Box<Self>,
    },
    /// Nothing ever came over the serial line.
    #[error(
        "the serial line is dead: nothing came in {} s from `{line}`. Check the cable, the port and its speed, and that nobody \
         else reads it",
        waited.as_secs_f32()
    )]
    Silent {
        /// How long the lab waited.
        waited: Duration,
        /// The command that was to bring the log.
        line: String,
    },
    /// A program that the board file calls is not on this machine.
    #[error("`{program}`, which the board file calls, is not on this machine; {remedy}")]
    ToolMissing {
        /// The program.
        program: String,
        /// Where it comes from.
        remedy: String,
    },
    /// The arguments do not go together.
    #[error("{0}")]
    Usage(String),
    /// A verb of the board did not do its work.
    #[error("`{verb}` failed: `{line}` {how}")]
    Verb {
        /// The verb.
        verb: &'static str,
        /// The command line, or what stands for it.
        line: String,
        /// How it ended.
        how: String,
    },
}

impl Trouble {
    /// A file operation that failed.
    pub fn file(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Firmware { .. } => 1,
            Self::BoardFile { .. } | Self::NoBoard { .. } | Self::Usage(_) => 2,
            Self::Build(_)
            | Self::File { .. }
            | Self::LogEnded { .. }
            | Self::NoPower { .. }
            | Self::Silent { .. }
            | Self::ToolMissing { .. }
            | Self::Verb { .. } => 3,
            Self::Network { .. } => 5,
            Self::Interrupted | Self::Locked { .. } => 6,
        }
    }
}
