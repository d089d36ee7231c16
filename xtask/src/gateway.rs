//! `cargo xtask gateway --repository URL-OR-FOLDER --serial PATH`: the way to a repository for a device that has only a serial line.
//!
//! - The protocol is that of `tuffet_no_std_client::link`. Nobody trusts this program: it moves bytes, and the device verifies
//!   them. It has no keys, and keeps nothing.
//! - One line is printed for each file that was forwarded, and each line of text that the device says.
//! - It ends by SIGINT or SIGTERM, or when the other end of the line is closed; both are a good end.

mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use embedded_io::{ErrorKind, Read as _, Write as _};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use tuffet_no_std_client::link::{BUFFER_BYTES, Forwarded, Gateway, How};

use crate::failure::{Blame, Failure, conclude};
use crate::gateway::source::Source;
use crate::port::{Port, PortError};

/// Forward files of a repository to a device without a network.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the repository is: an address that begins with http:// or https://, or a folder.
    #[arg(long, value_name = "URL|DIR")]
    repository: String,
    /// The line to the device: a serial device, a pseudo terminal, or a Unix socket.
    #[arg(long, value_name = "PATH")]
    serial: PathBuf,
    /// Bits a second of a serial device; other ports have none.
    #[arg(long, default_value_t = 115_200, value_name = "BAUD")]
    baud: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Longest line of text of a device that is printed as one.
const TEXT_BYTES_MAX: usize = 1_024;

/// What was done so far.
#[derive(Default)]
struct Done {
    files: u64,
    bytes: u64,
    failed: u64,
}

/// Forwards until the end.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let source = Source::open(&arguments.repository)?;
    let mut port = Port::open(&arguments.serial, arguments.baud)
        .map_err(|error| Failure::file("cannot open the line", &arguments.serial, &error))?;
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_over))
            .map_err(|error| Failure::new(Blame::Storage, format!("cannot wait for signals: {error}")))?;
    }
    let mut done = Done::default();
    let ended = forward(&mut port, source, &is_over, &mut done);
    let verdict = match ended {
        Err(error) if !error.is_closed() => Err(Failure::new(
            Blame::Network,
            format!(
                "the line {} failed: {error}; see that it is plugged in and that nobody else uses it",
                arguments.serial.display()
            ),
        )),
        Ok(()) | Err(_) => Ok(()),
    };
    let report = json!({"files": done.files, "bytes": done.bytes, "failed": done.failed});
    conclude(verdict, arguments.json.then_some(report))
}

fn forward(port: &mut Port, source: Source, is_over: &AtomicBool, done: &mut Done) -> Result<(), PortError> {
    let mut buffer = [0; BUFFER_BYTES];
    let mut gateway = Gateway::new(source, &mut buffer);
    let mut text = Vec::new();
    let mut space = [0; 4_096];
    let mut ended = Ok(());
    while ended.is_ok() && !is_over.load(Ordering::Relaxed) {
        let count = match port.read(&mut space) {
            Ok(count) => count,
            Err(error) if embedded_io::Error::kind(&error) == ErrorKind::TimedOut => {
                gateway.silent();
                0
            }
            Err(error) => {
                ended = Err(error);
                0
            }
        };
        // With no byte there may be a question still, behind what broke off.
        let taken = space.iter().take(count).map(|byte| Some(*byte)).chain([None]);
        for byte in taken {
            byte.into_iter().for_each(|byte| gateway.push(byte));
            while let Some(asked) = gateway.asked(&mut |byte| say(&mut text, byte)) {
                let mut frames = Vec::new();
                let mut told = Vec::new();
                gateway.answer(&asked, &mut |frame| frames.extend(frame), &mut |file| told.push(file));
                tell(&told, gateway.transport(), done);
                if let Err(error) = port.write_all(&frames).and_then(|()| port.flush()) {
                    ended = ended.and(Err(error));
                }
            }
        }
    }
    let mut told = Vec::new();
    gateway.leave(&mut |file| told.push(file));
    tell(&told, gateway.transport(), done);
    ended
}

/// Puts a line of the device together, and prints it.
fn say(text: &mut Vec<u8>, byte: u8) {
    if byte != b'\n' && text.len() < TEXT_BYTES_MAX {
        text.push(byte);
        return;
    }
    let line = String::from_utf8_lossy(text);
    if !line.trim().is_empty() {
        println!("device: {}", line.trim_end().escape_debug());
    }
    text.clear();
}

fn tell(told: &[Forwarded], source: &Source, done: &mut Done) {
    for file in told {
        done.files += 1;
        done.bytes += u64::from(file.bytes);
        println!("{}", sentence(file));
        if file.how == How::Failed {
            done.failed += 1;
            eprintln!("gateway: {}: {}", file.path.escape_debug(), source.trouble());
        }
    }
}

fn sentence(file: &Forwarded) -> String {
    let from = if file.offset > 0 {
        format!(" from {}", file.offset)
    } else {
        String::new()
    };
    let what = match file.how {
        How::Absent => "there is none".to_owned(),
        How::Failed => format!("failed after {} bytes", file.bytes),
        How::NotModified => "the device has it".to_owned(),
        How::Part => format!("{} bytes, and the device wanted no more", file.bytes),
        How::Whole => format!("{} bytes", file.bytes),
    };
    format!("{}{from}: {what}", file.path.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use tuffet_no_std_client::link::Link;
    use tuffet_no_std_client::transport::{Ask, Opened, Transport as _};

    #[test]
    fn files_of_a_folder_go_over_a_socket_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3_000_u32).map(|index| index as u8).collect();
        std::fs::create_dir(folder.path().join("targets")).unwrap();
        std::fs::write(folder.path().join("targets/image"), &bytes).unwrap();
        let path = folder.path().join("line");
        let listener = UnixListener::bind(&path).unwrap();
        let repository = folder.path().to_string_lossy().into_owned();
        let arguments = Arguments {
            repository,
            serial: path,
            baud: 115_200,
            json: false,
        };
        let gateway = std::thread::spawn(move || run(&arguments));
        let (device, _) = listener.accept().unwrap();
        let mut buffer = [0; BUFFER_BYTES];
        let mut link = Link::new(Port::of(device), &mut buffer, 1);
        let ask = |path, offset| Ask {
            path,
            offset,
            bytes_max: u32::MAX,
            unless: None,
        };
        assert_eq!(link.open(&ask("targets/nothing", 0)), Ok(Opened::Absent));
        assert_eq!(link.open(&ask("../line", 0)), Ok(Opened::Absent));
        assert!(matches!(
            link.open(&ask("targets/image", 1_000)),
            Ok(Opened::Present { .. })
        ));
        let mut came: Vec<u8> = Vec::new();
        let mut space = [0; 100];
        while let Ok(count @ 1..) = link.read(&mut space) {
            came.extend(&space[..count]);
        }
        assert_eq!(came, bytes[1_000..]);
        drop(link);
        assert!(gateway.join().unwrap().is_ok());
    }

    #[test]
    fn what_is_no_repository_is_said() {
        let missing = Source::open("/nonexistent/repository").err().unwrap();
        assert_eq!(missing.json()["exit_code"], 3);
        let nowhere = Source::open("https://").err().unwrap();
        assert_eq!(nowhere.json()["exit_code"], 2);
    }
}
