//! The health check: a command of the device's owner that tells whether the running firmware works.

use crate::error::ClientError;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the command is looked at while it runs.
const GLANCE: Duration = Duration::from_millis(20);

/// Runs the check. `Ok(())` means healthy; an empty command has nothing to object.
pub fn check(command: &[String], timeout_s: u32, slot_file: &Path) -> Result<(), ClientError> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("TUFFET_SLOT_FILE", slot_file)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("`{program}` does not start: {error}")))?;
    let deadline = Instant::now() + Duration::from_secs(u64::from(timeout_s));
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(failed(format!("`{program}` ended with {status}"))),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(GLANCE),
            Ok(None) => {
                // A check that hangs is a firmware that hangs. If it cannot be ended, the verdict stays the same.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("`{program}` did not end within {timeout_s} s")));
            }
            Err(error) => return Err(failed(format!("`{program}` cannot be waited for: {error}"))),
        }
    }
}

fn failed(reason: String) -> ClientError {
    ClientError::HealthCheck { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, timeout_s: u32) -> Result<(), ClientError> {
        let command = ["sh", "-c", script].map(str::to_owned);
        check(&command, timeout_s, Path::new("/slots/a.img"))
    }

    #[test]
    fn the_exit_status_is_the_verdict_and_the_slot_is_named() {
        run("exit 0", 10).unwrap();
        run("test \"$TUFFET_SLOT_FILE\" = /slots/a.img", 10).unwrap();
        assert!(run("exit 3", 10).unwrap_err().to_string().contains("exit status: 3"));
        check(&[], 10, Path::new("/slots/a.img")).unwrap();
    }

    #[test]
    fn a_check_that_hangs_or_does_not_exist_fails() {
        assert!(run("exec sleep 30", 1).unwrap_err().to_string().contains("within 1 s"));
        let missing = ["/nowhere/check".to_owned()];
        assert!(
            check(&missing, 1, Path::new("/"))
                .unwrap_err()
                .to_string()
                .contains("does not start")
        );
    }
}
