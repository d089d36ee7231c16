//! The demo's workplace: a folder, the programs under test, and a server that ends with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Blame, Failure};
use crate::process::{Printed, Tool};
use crate::workspace;

/// The passphrase of the demo's keys, which live as long as its folder.
const PASSPHRASE: &str = "demo keys are thrown away";

/// How programs are told where the firmware of the emulated board is.
const BOARDS: &str = "TUFFET_BOARDS";

/// The longest time for one command of the demo.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Where the demo works, and with which programs.
pub struct Bench {
    folder: PathBuf,
    programs: PathBuf,
    /// The firmware of the emulated board, if there is one.
    boards: Option<PathBuf>,
    /// Removes the folder at the end, if it is not to be kept.
    _temporary: Option<tempfile::TempDir>,
}

impl Bench {
    /// Makes the folder and builds the programs.
    pub fn new(keep: Option<&Path>) -> Result<Bench, Failure> {
        let (folder, temporary) = match keep {
            Some(folder) => (new_folder(folder)?, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("tuffet-demo-").tempdir();
                let temporary =
                    temporary.map_err(|error| Failure::file("cannot make", Path::new("a folder"), &error))?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let programs = workspace::build_programs()?;
        Ok(Bench {
            folder,
            programs,
            boards: None,
            _temporary: temporary,
        })
    }

    /// Says where the firmware of the emulated board is.
    pub fn use_boards(&mut self, folder: PathBuf) {
        self.boards = Some(folder);
    }

    /// A path in the demo's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a command of this workspace; anything but success is a failure that quotes it.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Printed, Failure> {
        Ok(self.tool(program, arguments)?.read()?)
    }

    /// Runs a command like [`run`](Self::run), and answers what it says as JSON.
    pub fn told(&self, program: &str, arguments: &[&str]) -> Result<Value, Failure> {
        let printed = self.run(program, &[arguments, &["--json"]].concat())?;
        last_line(program, arguments, &printed)
    }

    /// Runs a command that prints JSON, whatever its exit code, and answers its last line.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Result<Value, Failure> {
        let printed = self.tool(program, &[&["--json"], arguments].concat())?.capture()?;
        last_line(program, arguments, &printed)
    }

    /// Starts the server of a repository on a free port.
    pub fn serve(&self, repository: &Path, online_keys: &Path) -> Result<Server, Failure> {
        let mut child = Command::new(self.program("tuffet-server")?)
            .arg("serve")
            .arg(repository)
            .args(["--listen", "127.0.0.1:0", "--online-keys"])
            .arg(online_keys)
            .env("TUFFET_PASSPHRASE", PASSPHRASE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::new(Blame::Storage, format!("cannot start tuffet-server: {error}")))?;
        let mut lines = BufReader::new(
            child
                .stdout
                .take()
                .ok_or_else(|| Failure::refused("no output to read"))?,
        )
        .lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let server = Server {
            child,
            address: address.unwrap_or_default(),
        };
        if server.address.is_empty() {
            return Err(Failure::refused("the server did not come up"));
        }
        // Its later lines are read and dropped, so that it never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(server)
    }

    /// A command of this workspace that somebody else starts.
    pub fn command(&self, program: &str) -> Result<Command, Failure> {
        let mut command = Command::new(self.program(program)?);
        command.current_dir(&self.folder);
        if let Some(boards) = &self.boards {
            command.env(BOARDS, boards);
        }
        Ok(command)
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> Result<Tool, Failure> {
        let tool = Tool::new(self.program(program)?)
            .args(arguments)
            .env("TUFFET_PASSPHRASE", PASSPHRASE)
            .folder(&self.folder)
            .limit(COMMAND_LIMIT);
        Ok(match &self.boards {
            Some(boards) => tool.env(BOARDS, boards),
            None => tool,
        })
    }

    fn program(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = match name {
            "xtask" => {
                std::env::current_exe().map_err(|error| Failure::file("cannot find", Path::new("xtask"), &error))?
            }
            name => self.programs.join(name),
        };
        if path.is_file() {
            Ok(path)
        } else {
            Err(Failure::new(
                Blame::Storage,
                format!("{} was not built", path.display()),
            ))
        }
    }
}

/// A running server; it ends when this is dropped.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Its address, `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_line(program: &str, arguments: &[&str], printed: &Printed) -> Result<Value, Failure> {
    let line = printed.output.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| {
        let errors = printed.errors.trim_end();
        Failure::refused(format!(
            "`{program} {}` said no JSON: {line}{errors}",
            arguments.join(" ")
        ))
    })
}

fn new_folder(folder: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir(folder).map_err(|error| Failure::file("cannot make the new folder", folder, &error))?;
    folder
        .canonicalize()
        .map_err(|error| Failure::file("cannot find", folder, &error))
}
