//! Who gets a release when: waves, pause, and the longest wait of a security release.
//!
//! - A device draws a random seed once. It is never sent and never part of an image. The first 8 bytes of
//!   SHA-256(seed ‖ release digest) are its *bucket* in this rollout, as a number from 0 to 2^64 - 1.
//! - A wave has a start and a share. The device is in it if its bucket is below that share of 2^64. The last wave that has
//!   started counts.
//! - Missing, expired, paused, or for another release: wait. A release of class security waits at most `wait_max_days` from
//!   its signing, so whoever holds the rollout key can delay it so long and no longer.
//! - A rollout only ever says "wait" to what the product's keys signed. It cannot name what to install.

use crate::{
    Class, Digest, Malformed, ReadError, Rule, UnixSeconds, What,
    known::{Place, Spot, Step},
    read::{FieldCounts, Meaning as _, read},
};
use arrayvec::ArrayVec;
use core::fmt;
use tuffet_wire::{
    Container, Document, Path, Scalar, Sink, hash,
    record::{Comparer, Output, Reader, Writer},
};

/// Longest rollout file in bytes.
pub const ROLLOUT_BYTES_MAX: u32 = 2 * 1024;
/// Most waves in a rollout.
pub const WAVES_MAX: usize = 8;
/// A share of all devices, in parts of a million.
const SHARE_PPM_MAX: u32 = 1_000_000;

const TYPE: &str = "tuffet-rollout";
const FIELDS: u8 = 5;
const WAVE_FIELDS: u8 = 2;

/// What a device keeps of a rollout file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolloutExtract {
    /// Digest of the one release document that it is about.
    pub release: Digest,
    /// Whether it runs.
    pub state: RolloutState,
    /// Waves, starts ascending, shares not falling.
    pub waves: ArrayVec<Wave, WAVES_MAX>,
}

/// Whether a rollout runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "emit", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "emit", serde(rename_all = "lowercase"))]
pub enum RolloutState {
    /// Waves count.
    Active,
    /// Everybody waits who has not installed it yet.
    Paused,
}

/// From a moment on, this share of the devices.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "emit", derive(serde::Serialize, serde::Deserialize))]
pub struct Wave {
    /// Share of all devices in parts of a million.
    pub share_ppm: u32,
    /// First moment of the wave.
    pub start: UnixSeconds,
}

/// What the device found under the name of the rollout.
#[derive(Copy, Clone, Debug)]
pub enum Gate<'a> {
    /// The role that signs it is expired.
    Expired,
    /// Nothing.
    Missing,
    /// A file.
    Present(&'a RolloutExtract),
}

/// The random number that decides in which waves a device is. Drawn on the device, never sent; it has no `Debug` on purpose.
#[derive(Clone)]
pub struct Seed([u8; 32]);

/// What a rollout is asked.
#[derive(Clone)]
pub struct Question<'a> {
    /// What the release document says.
    pub rule: Rule,
    /// Class of the release.
    pub class: Class,
    /// When the release was signed.
    pub released: UnixSeconds,
    /// Digest of the release document.
    pub release: &'a Digest,
    /// The seed of the device.
    pub seed: &'a Seed,
    /// Signed time of the newest timestamp.
    pub signed_now: UnixSeconds,
}

/// Whether a release may be installed now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Yes.
    Install,
    /// No, for this reason.
    Wait(WaitReason),
}

/// Why a release has to wait.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WaitReason {
    /// The device is not in the waves that have started.
    NotInWaveYet {
        /// When its wave starts, if the rollout has one.
        opens: Option<UnixSeconds>,
    },
    /// The role that signs the rollout is expired.
    RolloutExpired,
    /// The rollout is about another release.
    RolloutForAnotherRelease,
    /// The release asks for a rollout, and there is none.
    RolloutMissing,
    /// The operator paused the rollout.
    RolloutPaused,
    /// The release has a rule that this software does not know.
    UnknownRule,
}

impl Seed {
    /// Bytes from a good source of randomness, drawn once per device.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The place of a device in the rollout of one release.
pub fn bucket(seed: &Seed, release: &Digest) -> u64 {
    let hashed = hash::sha256(&[&seed.0, release]);
    let first = hashed.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}

/// Whether a release may be installed now, as far as its rollout goes.
pub fn evaluate(question: &Question<'_>, gate: Gate<'_>) -> Verdict {
    let wait_max_days = match question.rule {
        Rule::None => return Verdict::Install,
        Rule::Unknown => return Verdict::Wait(WaitReason::UnknownRule),
        Rule::Required { wait_max_days } => wait_max_days,
    };
    let waited_enough = question.signed_now >= question.released.saturating_add_days(wait_max_days.into());
    if question.class == Class::Security && waited_enough {
        return Verdict::Install;
    }
    let rollout = match gate {
        Gate::Expired => return Verdict::Wait(WaitReason::RolloutExpired),
        Gate::Missing => return Verdict::Wait(WaitReason::RolloutMissing),
        Gate::Present(rollout) => rollout,
    };
    if rollout.release != *question.release {
        return Verdict::Wait(WaitReason::RolloutForAnotherRelease);
    }
    match rollout.state {
        RolloutState::Paused => Verdict::Wait(WaitReason::RolloutPaused),
        RolloutState::Active => in_waves(
            &rollout.waves,
            bucket(question.seed, question.release),
            question.signed_now,
        ),
    }
}

fn in_waves(waves: &[Wave], bucket: u64, now: UnixSeconds) -> Verdict {
    let mut mine = waves.iter().filter(|wave| wave.includes(bucket));
    // Shares do not fall, so whoever is in a wave is in all later ones too.
    match mine.next() {
        Some(wave) if wave.start <= now => Verdict::Install,
        Some(wave) => Verdict::Wait(WaitReason::NotInWaveYet {
            opens: Some(wave.start),
        }),
        None => Verdict::Wait(WaitReason::NotInWaveYet { opens: None }),
    }
}

impl Wave {
    /// `bucket / 2^64 < share / 10^6`, without fractions.
    fn includes(&self, bucket: u64) -> bool {
        let devices = u128::from(bucket).saturating_mul(SHARE_PPM_MAX.into());
        devices < u128::from(self.share_ppm) << u64::BITS
    }
}

impl WaitReason {
    /// A name that does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotInWaveYet { .. } => "NotInWaveYet",
            Self::RolloutExpired => "RolloutExpired",
            Self::RolloutForAnotherRelease => "RolloutForAnotherRelease",
            Self::RolloutMissing => "RolloutMissing",
            Self::RolloutPaused => "RolloutPaused",
            Self::UnknownRule => "UnknownRule",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInWaveYet { opens: Some(opens) } => write!(f, "its wave for this device starts at {opens}"),
            Self::NotInWaveYet { opens: None } => f.write_str("its rollout has no wave for this device yet"),
            Self::RolloutExpired => f.write_str("its rollout is expired"),
            Self::RolloutForAnotherRelease => f.write_str("the rollout is still about another release"),
            Self::RolloutMissing => f.write_str("its rollout has not begun"),
            Self::RolloutPaused => f.write_str("its rollout is paused"),
            Self::UnknownRule => f.write_str("it has a rollout rule that this software does not know"),
        }
    }
}

/// The extract at rest, so that a device need not keep the file. Little-endian, layout version 1; whoever stores it adds a
/// checksum. It is specified with the record that has it, in `docs/spec/trusted-state.md`.
///
/// ```text
///     0         1       2        3     4 .. 35          36 + 12 i .. 39 + 12 i    40 + 12 i .. 47 + 12 i
/// +--------+---------+-------+------+----------------+------------------------+------------------------+
/// | layout | state   | waves | zero | release digest | share of wave i (ppm)  | start of wave i (s)    |
/// | = 1    | 1 2     | 0..=8 |      |                | zero behind the last   | zero behind the last   |
/// +--------+---------+-------+------+----------------+------------------------+------------------------+
/// ```
impl RolloutExtract {
    /// Length of the encoded extract in bytes.
    pub const ENCODED_BYTES: usize = 132;

    const LAYOUT_VERSION: u8 = 1;

    /// A wave in it: its share and its start.
    const WAVE_BYTES: usize = 12;

    /// Reads a rollout file whose digest was already compared with the signed one.
    pub fn parse<D: Document>(document: &mut D) -> Result<Self, ReadError<D::Error>> {
        let mut reader = RolloutReader::default();
        read(document, ROLLOUT_BYTES_MAX, &mut reader)?;
        let (Some(release), Some(state)) = (reader.release, reader.state) else {
            let (at, what) = (document.length(), What::MissingField);
            return Err(ReadError::Malformed(Malformed { at, what }));
        };
        Ok(Self {
            release,
            state,
            waves: reader.waves,
        })
    }

    /// The bytes to store.
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let mut bytes = [0; Self::ENCODED_BYTES];
        self.encode_into(&mut Writer::new(&mut bytes));
        bytes
    }

    /// The same, field by field.
    #[inline(never)]
    pub fn encode_into(&self, out: &mut dyn Output) {
        let state = match self.state {
            RolloutState::Active => 1,
            RolloutState::Paused => 2,
        };
        let count = u8::try_from(self.waves.len()).unwrap_or(u8::MAX);
        out.put(&[Self::LAYOUT_VERSION, state, count, 0]);
        out.put(&self.release);
        for wave in &self.waves {
            out.put(&wave.share_ppm.to_le_bytes());
            out.put(&wave.start.as_secs().to_le_bytes());
        }
        out.skip(self.waves.remaining_capacity().saturating_mul(Self::WAVE_BYTES));
    }

    /// Reads stored bytes; `None` if they are not exactly what [`Self::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let [_, state, count, _] = input.take();
        let state = if state == 2 {
            RolloutState::Paused
        } else {
            RolloutState::Active
        };
        let release = input.take();
        let mut waves = ArrayVec::new();
        for _ in 0..count {
            let wave = Wave {
                share_ppm: u32::from_le_bytes(input.take()),
                start: UnixSeconds::new(u64::from_le_bytes(input.take())),
            };
            push_wave(&mut waves, wave).ok()?;
        }
        let extract = Self { release, state, waves };
        let mut same = Comparer::new(bytes);
        extract.encode_into(&mut same);
        same.is_whole().then_some(extract)
    }
}

/// A rollout only grows: starts ascend, shares do not fall.
fn push_wave(waves: &mut ArrayVec<Wave, WAVES_MAX>, wave: Wave) -> Result<(), What> {
    if wave.share_ppm > SHARE_PPM_MAX {
        return Err(What::BadValue);
    }
    if waves
        .last()
        .is_some_and(|last| last.start >= wave.start || last.share_ppm > wave.share_ppm)
    {
        return Err(What::OutOfOrder);
    }
    waves.try_push(wave).map_err(|_| What::TooMany)
}

#[derive(Default)]
struct RolloutReader {
    fields: FieldCounts,
    release: Option<Digest>,
    state: Option<RolloutState>,
    waves: ArrayVec<Wave, WAVES_MAX>,
    share_ppm: Option<u32>,
    start: Option<UnixSeconds>,
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a place that needs nothing done, or is not one of a rollout file"
)]
impl Sink for RolloutReader {
    type Refusal = What;

    fn open(&mut self, path: &Path<'_>, kind: Container) -> Result<(), What> {
        self.fields.open(path);
        match (Spot::of(path).place, kind) {
            (Place::Document | Place::Wave, Container::Object) | (Place::Waves, Container::Array) => Ok(()),
            _ => Err(What::UnknownField),
        }
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), What> {
        self.fields.value(path);
        let spot = Spot::of(path);
        match (spot.around, spot.step) {
            (Place::Document, Step::Type) => value.must_be(TYPE, What::WrongType)?,
            (Place::Document, Step::Format) => value.must_be_format_0()?,
            (Place::Document, Step::Release) => self.release = Some(value.digest()?),
            (Place::Document, Step::State) => {
                self.state = Some(match value.text()? {
                    "active" => RolloutState::Active,
                    "paused" => RolloutState::Paused,
                    _ => return Err(What::BadValue),
                });
            }
            (Place::Wave, Step::SharePpm) => self.share_ppm = Some(value.number()?),
            (Place::Wave, Step::Start) => self.start = Some(value.time()?),
            (Place::Document, Step::Waves) | (Place::Waves | Place::Wave, _) => return Err(What::BadValue),
            _ => return Err(What::UnknownField),
        }
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, _: Container) -> Result<(), What> {
        let count = self.fields.of(path);
        match Spot::of(path).place {
            Place::Document if count != FIELDS => Err(What::MissingField),
            Place::Wave => match (self.share_ppm.take(), self.start.take()) {
                (Some(share_ppm), Some(start)) if count == WAVE_FIELDS => {
                    push_wave(&mut self.waves, Wave { share_ppm, start })
                }
                (Some(_) | None, Some(_) | None) => Err(What::MissingField),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(share_ppm: u32, start: u64) -> Wave {
        Wave {
            share_ppm,
            start: UnixSeconds::new(start),
        }
    }

    #[test]
    fn share_borders() {
        for bucket in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(!wave(0, 0).includes(bucket), "nobody: {bucket}");
            assert!(wave(SHARE_PPM_MAX, 0).includes(bucket), "everybody: {bucket}");
        }
        // One half ends exactly at 2^63.
        assert!(wave(500_000, 0).includes((1 << 63) - 1));
        assert!(!wave(500_000, 0).includes(1 << 63));
        // One millionth of 2^64 is 18446744073709.55: 18446744073710 buckets, from 0 on.
        assert!(wave(1, 0).includes(18_446_744_073_709));
        assert!(!wave(1, 0).includes(18_446_744_073_710));
        // All but one millionth.
        assert!(!wave(999_999, 0).includes(u64::MAX));
        assert!(wave(999_999, 0).includes(u64::MAX - 18_446_744_073_710));
    }

    #[test]
    fn every_bucket_is_in_a_wave_and_in_all_later_ones() {
        let waves = [wave(0, 10), wave(250_000, 20), wave(250_000, 30), wave(1_000_000, 40)];
        let opens = |bucket, now| in_waves(&waves, bucket, UnixSeconds::new(now));
        let wait = |start| {
            Verdict::Wait(WaitReason::NotInWaveYet {
                opens: Some(UnixSeconds::new(start)),
            })
        };
        let quarter = 1 << 62;
        assert_eq!(opens(quarter - 1, 19), wait(20));
        assert_eq!(opens(quarter - 1, 20), Verdict::Install);
        assert_eq!(opens(quarter - 1, 35), Verdict::Install);
        assert_eq!(opens(quarter, 20), wait(40));
        assert_eq!(opens(quarter, 39), wait(40));
        assert_eq!(opens(quarter, 40), Verdict::Install);
        assert_eq!(
            in_waves(&waves.map(|_| wave(250_000, 20)), quarter, UnixSeconds::MAX),
            Verdict::Wait(WaitReason::NotInWaveYet { opens: None })
        );
        assert_eq!(
            in_waves(&[], 0, UnixSeconds::MAX),
            Verdict::Wait(WaitReason::NotInWaveYet { opens: None })
        );
    }
}
