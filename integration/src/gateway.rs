//! A gateway that a device reaches its repository through, and that is not to be trusted: the other end of a serial line.
//!
//! - It knows every file that was ever served, and no key. [`Evil`] is what it does to the answers; [`rows`] is the table: what it does,
//!   and exactly what a device makes of it.
//! - It is a [`Transport`] over a [`Site`]. So it stands between the flash model and a repository as it does between a board's line and a repository:
//!   nothing here knows which.
//! - Whatever it does, a device boots what is confirmed, its trust never goes back, and an honest gateway behind it brings the update. That is
//!   not said in the rows: whoever runs one asserts it.

use crate::simulator::Simulator;
use crate::simulator::release::{POINTER, firmware_of, successor};
use crate::site::{Site, label};
use tuffet_no_std_client::transport::{Ask, Etag, Opened, Transport};
use tuffet_patch::Profile;

/// Bytes in which it brings a file: not a divisor of anything.
const PIECE_BYTES: usize = 90;
/// Bytes of the images of its releases.
const IMAGE_BYTES: usize = 12 * 1024;
/// As much as an endless body has: far above every limit.
const ENDLESS_BYTES: usize = 1 << 20;

/// What a gateway does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Evil {
    /// Says of files whose labels begin so that there is none.
    Absent(&'static str),
    /// Answers with another file of the same repository.
    AnotherFile {
        /// What the label of the file begins with that is asked for.
        asked: &'static str,
        /// And of the one that it brings.
        brought: &'static str,
    },
    /// Breaks off each such file after so many bytes, as often as it is asked for.
    Breaks(&'static str, usize),
    /// Breaks off each file once, in the middle.
    BreaksOnce,
    /// Goes on with zeros behind the end of such a file.
    Endless(&'static str),
    /// Changes a bit of such a file.
    Flips(&'static str),
    /// None: it is honest.
    Honest,
    /// Begins at the start of the file, whatever offset is asked for, and breaks off once so that one is.
    IgnoresOffset,
    /// Brings such files as they were before, and all others as they are.
    Mixes(&'static str),
    /// Says that nothing changed, whatever is asked for.
    NotModified,
    /// Brings the pieces of such a file in another order.
    Reorders(&'static str),
    /// Brings a piece of such a file twice.
    Repeats(&'static str),
    /// Brings everything as it was before.
    Stale,
    /// Ends such a file early, as if that were all of it.
    Truncates(&'static str, usize),
}

/// One attack of a gateway.
#[derive(Copy, Clone, Debug)]
pub struct Row {
    /// `gateway_<fault>`.
    pub name: &'static str,
    /// What it does.
    pub evil: Evil,
    /// What the device says: the stable name of its refusal, or what it came to.
    pub expected: &'static str,
}

const fn row(name: &'static str, evil: Evil, expected: &'static str) -> Row {
    Row { name, evil, expected }
}

/// All rows. The device knows the repository as it was, and runs its release; a new release is there, with a new root.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        row("gateway_honest", Evil::Honest, "Installed"),
        row("gateway_stale", Evil::Stale, "UpToDate"),
        row("gateway_not_modified", Evil::NotModified, "Transport"),
        row("gateway_without_a_timestamp", Evil::Absent("timestamp"), "Absent"),
        // Nobody can tell that there is a newer root; what it replaces stays valid until it expires.
        row("gateway_without_roots", Evil::Absent("2.root"), "Installed"),
        row("gateway_without_a_patch", Evil::Absent("lamp_2.0.0"), "ImageMissing"),
        row("gateway_mixes_timestamp", Evil::Mixes("timestamp"), "UpToDate"),
        row("gateway_mixes_snapshot", Evil::Mixes("2.snapshot"), "Absent"),
        row("gateway_breaks_once", Evil::BreaksOnce, "Installed"),
        row("gateway_ignores_offset", Evil::IgnoresOffset, "Malformed"),
    ];
    // What is said of a file that ends early, is bent, and is longer.
    for (label, shorter, bent, longer) in [
        ("timestamp", "Malformed", "Malformed", "Malformed"),
        ("2.snapshot", "WrongLength", "WrongDigest", "WrongLength"),
        ("2.lamp", "WrongLength", "WrongDigest", "WrongLength"),
        (POINTER, "DocumentLength", "DocumentDigest", "DocumentLength"),
        ("lamp_2.0.0", "PatchRefused", "PatchRefused", "PatchRefused"),
    ] {
        rows.extend([
            row("gateway_breaks", Evil::Breaks(label, 60), "Transport"),
            row("gateway_truncates", Evil::Truncates(label, 60), shorter),
            row("gateway_flips", Evil::Flips(label), bent),
            row("gateway_reorders", Evil::Reorders(label), bent),
            row("gateway_repeats", Evil::Repeats(label), longer),
        ]);
    }
    for (label, expected) in [
        ("timestamp", "TooLong"),
        ("2.snapshot", "TooLong"),
        ("2.lamp", "TooLong"),
        (POINTER, "DocumentLength"),
        // A device takes no more blocks than the document says.
        ("lamp_2.0.0", "Installed"),
    ] {
        rows.push(row("gateway_endless", Evil::Endless(label), expected));
    }
    for (asked, brought, expected) in [
        ("2.root", "1.root", "WrongVersion"),
        ("timestamp", "2.snapshot", "TooLong"),
        ("2.snapshot", "1.snapshot", "WrongDigest"),
        ("2.lamp", "1.lamp", "WrongDigest"),
        (POINTER, "timestamp", "DocumentLength"),
        ("lamp_2.0.0", POINTER, "PatchRefused"),
    ] {
        rows.push(row(
            "gateway_another_file",
            Evil::AnotherFile { asked, brought },
            expected,
        ));
    }
    rows
}

/// The repository as the factory knew it, and with a new release and a new root.
#[must_use]
pub fn repositories(now: u64) -> [Simulator; 2] {
    let before = Simulator::healthy_with(now, |release| release.carry(firmware_of("1.0.0", IMAGE_BYTES)));
    let mut now = before.clone();
    now.stage_root();
    now.publish_root();
    let image = now.release.image.clone();
    now.stage("2.0.0");
    now.release.carry(successor("2.0.0", &image));
    now.release.add_patch(Some(&image), Profile::Small);
    now.publish();
    [before, now]
}

/// A gateway to a repository, and to what it was before.
pub struct Gateway {
    now: Site,
    before: Site,
    evil: Evil,
    /// What it still has to bring of the open file, and whether it breaks off behind that.
    rest: Vec<u8>,
    breaks: bool,
    /// Files that it broke off already.
    broken: Vec<String>,
}

impl Gateway {
    /// A gateway that does this.
    #[must_use]
    pub const fn new(before: Site, now: Site, evil: Evil) -> Self {
        Self {
            now,
            before,
            evil,
            rest: Vec::new(),
            breaks: false,
            broken: Vec::new(),
        }
    }

    /// What it brings for a path, from its start.
    #[allow(clippy::wildcard_enum_match_arm, reason = "everything else leaves it as it is")]
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        let name = label(path);
        let of = |site: &Site, path: &str| site.file(path).map(<[u8]>::to_vec);
        match self.evil {
            Evil::Absent(start) if name.starts_with(start) => None,
            Evil::AnotherFile { asked, brought } if name.starts_with(asked) => {
                let other = self.now.paths().find(|path| label(path).starts_with(brought));
                of(&self.now, other.expect("there is such a file"))
            }
            Evil::Mixes(start) if name.starts_with(start) => of(&self.before, path),
            Evil::Stale => of(&self.before, path),
            _ => of(&self.now, path),
        }
    }

    /// What it does to the bytes of a file.
    #[allow(clippy::wildcard_enum_match_arm, reason = "everything else leaves it as it is")]
    fn bent(&mut self, name: &str, path: &str, mut file: Vec<u8>) -> Vec<u8> {
        let is = |start: &str| name.starts_with(start);
        self.breaks = false;
        match self.evil {
            Evil::Breaks(start, bytes) if is(start) => {
                file.truncate(bytes);
                self.breaks = true;
            }
            Evil::BreaksOnce | Evil::IgnoresOffset if !self.broken.iter().any(|broken| broken == path) => {
                self.broken.push(path.to_owned());
                file.truncate(file.len() / 2);
                self.breaks = true;
            }
            Evil::Endless(start) if is(start) => file.resize(file.len() + ENDLESS_BYTES, 0),
            Evil::Flips(start) if is(start) => {
                let middle = file.len() / 2;
                file[middle] ^= 4;
            }
            Evil::Reorders(start) if is(start) => file.rotate_left(PIECE_BYTES),
            Evil::Repeats(start) if is(start) => {
                let piece = file[..PIECE_BYTES].to_vec();
                file.splice(PIECE_BYTES..PIECE_BYTES, piece);
            }
            Evil::Truncates(start, bytes) if is(start) => file.truncate(bytes),
            _ => {}
        }
        file
    }
}

impl Transport for Gateway {
    type Error = ();

    fn open(&mut self, ask: &Ask<'_>) -> Result<Opened, ()> {
        self.rest.clear();
        if self.evil == Evil::NotModified {
            return Ok(Opened::NotModified);
        }
        let Some(file) = self.file(ask.path) else {
            return Ok(Opened::Absent);
        };
        let mut bytes = self.bent(label(ask.path), ask.path, file);
        let is_ignored = self.evil == Evil::IgnoresOffset;
        let offset = if is_ignored { 0 } else { ask.offset as usize };
        let offset = offset.min(bytes.len());
        // More than was asked for comes, too, where the gateway has more.
        self.rest = bytes.split_off(offset);
        Ok(Opened::Present {
            etag: Etag::from("\"always the same\"").ok(),
        })
    }

    fn read(&mut self, space: &mut [u8]) -> Result<usize, ()> {
        let count = space.len().min(self.rest.len()).min(PIECE_BYTES);
        if count == 0 && self.breaks {
            return Err(());
        }
        space[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}
