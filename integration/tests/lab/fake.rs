//! Fake boards: folders with scripts, driven by the adapter `command`.
//!
//! - A [`real`] one is the driver of small devices on a flash in a file, run by a shell script which prints what firmware prints.
//! - A [`talking`] one only prints; what stands in its file can be changed, so that it hangs, fails or keeps silent.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tuffet_integration::simulator::release::{firmware_of, successor};

/// Bytes of an image.
const IMAGE_BYTES: usize = 20_000;

/// A board of scripts; it ends when it is dropped.
pub struct Fake {
    folder: tempfile::TempDir,
}

/// What a command of the lab said.
pub struct Said {
    /// Its exit code.
    pub exit: i32,
    /// The object in its last line.
    pub object: Value,
    /// What it said to people.
    pub text: String,
}

/// What every fake has: an identity that is not that of the simulator, and the map of `tuffet-flash-device`.
const HEAD: &str = r#"
description = "A board of scripts"
adapter = "command"
lock = "LOCK"

[identity]
product = "kettle"
hardware = "k7"
channel = "beta"
profile = "small"

[flash]
base = 0
bytes = 0x2d000
erase_bytes = 1024
write_bytes = 4
linked = false
boot_record = { start = 0, bytes = 0x800 }
state = { start = 0x800, bytes = 0x800 }
roots = [{ start = 0x1000, bytes = 0x2000 }, { start = 0x3000, bytes = 0x2000 }]
snapshots = [{ start = 0x5000, bytes = 0x1000 }, { start = 0x6000, bytes = 0x1000 }]
document = { start = 0x7000, bytes = 0x2000 }
checkpoints = [{ start = 0x9000, bytes = 0x2000 }, { start = 0xb000, bytes = 0x2000 }]
slots = [{ start = 0xd000, bytes = 0x10000 }, { start = 0x1d000, bytes = 0x10000 }]

[timing]
boot_s = 20
update_s = 60
off_s = 0.05
"#;

/// The verbs of a real one.
const REAL: &str = r#"
[command]
flash_power = "off"
flash = "sh flash.sh {image} {url}"
reset = "sh off.sh && sh on.sh"
power_off = "sh off.sh"
power_on = "sh on.sh"
log = "exec tail -n +1 -f serial"
"#;

/// The verbs of one that only talks.
const TALKING: &str = r#"
[command]
flash = "cp {image} flashed"
reset = "sh say.sh"
power_off = "echo off > power"
power_on = "echo on > power; sh say.sh"
log = "exec tail -n +1 -f serial"
"#;

const FLASH: &str = r#"
mkdir -p device && cp "$1" device/flash.bin
cat > device/device.toml <<END
[identity]
product = "kettle"
hardware = "k7"
channel = "beta"
profile = "small"
slot_bytes = 65536
[repository]
address = "$2"
[trial]
attempts = 3
[poll]
interval_s = 3600
END
"#;

const ON: &str = "sh off.sh; setsid sh firmware.sh >> serial 2>&1 & echo $! > pid; echo on > power\n";

/// The power is off when nothing works on the flash any more. The firmware may not lead its group yet.
const OFF: &str = r#"
if [ -f pid ]; then
    board=$(cat pid)
    kill -KILL "-$board" 2> /dev/null || kill -KILL "$board" 2> /dev/null
    flock device/.lock true
    rm -f pid
fi
echo off > power
"#;

/// What a bootloader and an application do, one program for each.
const FIRMWARE: &str = r#"
device() { PROGRAM --json --device device "$1"; }
field() { printf '%s' "$2" | sed -n "s/.*\"$1\":\"\{0,1\}\([^,}\"]*\).*/\1/p"; }
while :; do
    boot=$(device boot)
    if [ "$(field ok "$boot")" != true ]; then
        echo "tuffet recovery why=$(field name "$boot")"
        break
    fi
    slot=$(field slot "$boot" | tr ab AB)
    why=$(field outcome "$boot")
    echo "tuffet boot slot=$slot why=$why"
    runs=confirmed
    [ "$why" = trial ] && runs=trial
    echo "tuffet app version=$(field "$runs" "$(device status)") slot=$slot"
    if [ "$why" = trial ]; then
        device confirm > /dev/null && echo "tuffet confirmed"
    fi
    update=$(device install)
    outcome=$(field outcome "$update")
    name=$(field name "$update")
    case $outcome in
        installed) echo "tuffet update outcome=installed version=$(field version "$update") way=$(field way "$update")" ;;
        failed) echo "tuffet update error=$(field code "$update") name=$name"; break ;;
        *) echo "tuffet update outcome=$outcome${name:+ name=$name}"; break ;;
    esac
done
sleep 600
"#;

const SAY: &str = "printf 'tuffet boot slot=A why=confirmed\\ntuffet app version=1.0.0 slot=A\\n' >> serial\n";

impl Fake {
    /// A board that really updates.
    pub fn real() -> Self {
        let fake = Self::with(REAL);
        let program = env!("CARGO_BIN_EXE_tuffet-flash-device");
        fake.write("flash.sh", FLASH);
        fake.write("on.sh", ON);
        fake.write("off.sh", OFF);
        fake.write("firmware.sh", &FIRMWARE.replace("PROGRAM", &format!("'{program}'")));
        fake
    }

    /// A board that boots, and does nothing else.
    pub fn talking() -> Self {
        let fake = Self::with(TALKING);
        fake.write("say.sh", SAY);
        fake
    }

    fn with(verbs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Self { folder };
        let lock = fake.path("lock").display().to_string();
        fake.write("board.toml", &format!("{}{verbs}", HEAD.replace("LOCK", &lock)));
        fake.write("serial", "");
        let old = firmware_of("1.0.0", IMAGE_BYTES);
        std::fs::write(fake.path("new.bin"), successor("2.0.0", &old)).unwrap();
        std::fs::write(fake.path("old.bin"), old).unwrap();
        fake
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in its folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Changes its board file.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("board.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("board.toml", &text.replacen(from, to, 1));
    }

    /// Whether it has power.
    pub fn has_power(&self) -> bool {
        std::fs::read_to_string(self.path("power")).is_ok_and(|power| power.trim() == "on")
    }

    fn command(&self, suite: &str, more: &[&str]) -> Command {
        // The log is read from the beginning of this file, so that no line can come too early; what an earlier run left is gone.
        self.write("serial", "");
        let mut command = lab(&["run", "--json", "--suite", suite, "--board"]);
        command.arg(self.path("board.toml"));
        // What a run that is killed leaves goes with the board.
        command.env("TMPDIR", self.folder.path());
        command.arg("--old").arg(self.path("old.bin"));
        command.arg("--new").arg(self.path("new.bin"));
        command.args(more);
        command
    }

    /// Runs a suite on it.
    pub fn run(&self, suite: &str, more: &[&str]) -> Said {
        Said::of(&mut self.command(suite, more))
    }

    /// Begins to run a suite on it.
    pub fn begin(&self, suite: &str) -> Child {
        let mut command = self.command(suite, &[]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // The firmware of a real one runs on, since the lab leaves the power on.
        if self.path("off.sh").is_file() {
            let off = Command::new("sh")
                .arg("off.sh")
                .current_dir(self.folder.path())
                .status();
            assert!(off.is_ok(), "the fake board runs on");
        }
    }
}

impl Said {
    /// What a command of the lab says.
    pub fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let object = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
        Self {
            exit: output.status.code().unwrap_or(-1),
            object: object.unwrap_or_default(),
            text: said + &String::from_utf8_lossy(&output.stderr),
        }
    }

    /// The verdicts, one letter each: p, f, s.
    pub fn verdicts(&self) -> String {
        let cases = self.object["cases"].as_array().cloned().unwrap_or_default();
        let letter = |case: &Value| case["verdict"].as_str().and_then(|word| word.chars().next());
        cases.iter().filter_map(letter).collect()
    }

    /// What was seen in a case.
    pub fn seen(&self, case: usize) -> &str {
        self.object["cases"][case]["seen"].as_str().unwrap_or_default()
    }
}

/// The program.
pub fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuffet-lab"));
    command.args(arguments);
    command
}

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
