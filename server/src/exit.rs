//! Exit codes, the same in all binaries of Tuffet.

/// How a command ended. The numbers are an interface: scripts rely on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A check said no; nothing was changed.
    Refused = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file or folder cannot be read or written.
    Io = 3,
    /// A key or a passphrase is wrong or missing.
    Key = 4,
    /// The network, or the address to listen on, cannot be used.
    Network = 5,
    /// The thing is not set up for this, or already is.
    WrongState = 6,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
