//! The truth table of the decision, and of the rollout inside it.

mod support;

use arrayvec::ArrayVec;
use support::*;
use tuffet_release::*;

const DOCUMENT: Digest = [0xAB; 32];

/// Everything that a decision is made from, at the start an installable release without rollout.
struct Case {
    product: Id,
    device_version: Version,
    confirmed: Digest,
    counter: u32,
    failed: Vec<Failed>,
    slot_bytes: u32,
    pointer: Pointer,
    release: Release,
    rollout: Option<RolloutExtract>,
    expired: bool,
    now: UnixSeconds,
}

type Change = fn(&mut Case);

fn case() -> Case {
    let mut release = release();
    release.rule = Rule::None;
    Case {
        product: id("kettle"),
        device_version: version("1.9.0"),
        confirmed: [77; 32],
        counter: 2,
        failed: vec![],
        slot_bytes: 90_000,
        pointer: Pointer::parse(DOCUMENT, "2.0.0", 3, "security").unwrap(),
        release,
        rollout: None,
        expired: false,
        now: time("2026-11-23T00:00:00Z"),
    }
}

impl Case {
    fn decide(&self) -> Decision {
        let device = Device {
            product: &self.product,
            version: self.device_version,
            digest: &self.confirmed,
            counter: self.counter,
            security_version_jump_max: 1_000,
            failed: &self.failed,
            slot_bytes: self.slot_bytes,
            seed: &seed(),
        };
        let gate = match &self.rollout {
            _ if self.expired => Gate::Expired,
            Some(rollout) => Gate::Present(rollout),
            None => Gate::Missing,
        };
        decide(&device, &self.pointer, &self.release, gate, self.now)
    }
}

fn seed() -> Seed {
    Seed::new(core::array::from_fn(|index| index as u8))
}

fn answer(change: fn(&mut Case)) -> Decision {
    let mut case = case();
    change(&mut case);
    case.decide()
}

fn rollout(state: RolloutState, waves: &[(u32, &str)]) -> Option<RolloutExtract> {
    let waves = waves.iter().map(|(share_ppm, start)| Wave {
        share_ppm: *share_ppm,
        start: time(start),
    });
    Some(RolloutExtract {
        release: DOCUMENT,
        state,
        waves: ArrayVec::from_iter(waves),
    })
}

const BUCKET: u64 = 0x824d1063a4344ac4;
const EVERYBODY: &[(u32, &str)] = &[(1_000_000, "2026-11-22T09:00:00Z")];

#[test]
fn installable() {
    let release = release();
    let plan = Plan {
        version: version("2.0.0"),
        security_version: 3,
        attempt: 1,
        image: release.image.as_ref().unwrap(),
    };
    assert_eq!(answer(|_| ()), Decision::Install);
    assert_eq!(release.plan(), Some(plan));
}

#[test]
fn refusals() {
    let mismatch = |fact| Decision::Refuse(Refusal::PointerMismatch { fact });
    let refuse = Decision::Refuse;
    let rows: [(&str, Change, Decision); 23] = [
        (
            "product of the document",
            |c| c.release.product = id("teapot"),
            mismatch(Fact::Product),
        ),
        (
            "product of the device",
            |c| c.product = id("teapot"),
            mismatch(Fact::Product),
        ),
        (
            "version",
            |c| c.pointer.version = version("2.0.1"),
            mismatch(Fact::Version),
        ),
        (
            "security version",
            |c| c.pointer.security_version = 4,
            mismatch(Fact::SecurityVersion),
        ),
        ("class", |c| c.pointer.class = Class::Feature, mismatch(Fact::Class)),
        ("hardware", |c| c.release.image = None, refuse(Refusal::WrongHardware)),
        (
            "mismatch before hardware",
            |c| (c.release.image, c.pointer.security_version) = (None, 4),
            mismatch(Fact::SecurityVersion),
        ),
        (
            "below the counter",
            |c| c.counter = 4,
            refuse(Refusal::BelowCounter { counter: 4, offered: 3 }),
        ),
        (
            "below the counter, signed as rollback",
            |c| (c.counter, c.release.rollback) = (4, true),
            refuse(Refusal::BelowCounter { counter: 4, offered: 3 }),
        ),
        (
            "counter jump",
            |c| (c.release.security_version, c.pointer.security_version) = (1_003, 1_003),
            refuse(Refusal::CounterJump {
                counter: 2,
                offered: 1_003,
                jump_max: 1_000,
            }),
        ),
        (
            "lower version",
            |c| c.device_version = version("2.0.1"),
            refuse(Refusal::LowerVersion {
                confirmed: version("2.0.1"),
                offered: version("2.0.0"),
            }),
        ),
        (
            "lower version, active rollout",
            |c| {
                c.device_version = version("2.0.1");
                c.release.rule = Rule::Required { wait_max_days: 0 };
                c.rollout = rollout(RolloutState::Active, EVERYBODY);
            },
            refuse(Refusal::LowerVersion {
                confirmed: version("2.0.1"),
                offered: version("2.0.0"),
            }),
        ),
        (
            "too large",
            |c| c.slot_bytes = 89_999,
            refuse(Refusal::TooLargeForSlot {
                slot_bytes: 89_999,
                offered: 90_000,
            }),
        ),
        (
            "stepping stone",
            |c| c.device_version = version("1.1.9"),
            refuse(Refusal::SteppingStone {
                confirmed: version("1.1.9"),
                needed: version("1.2.0"),
            }),
        ),
        (
            "second stepping stone",
            |c| c.device_version = version("1.2.0"),
            refuse(Refusal::SteppingStone {
                confirmed: version("1.2.0"),
                needed: version("1.5.0"),
            }),
        ),
        (
            "failed before",
            |c| {
                c.failed = vec![Failed {
                    digest: [1; 32],
                    attempt: 1,
                }]
            },
            refuse(Refusal::FailedBefore {
                failed_attempt: 1,
                offered_attempt: 1,
            }),
        ),
        (
            "failed before with a later attempt",
            |c| {
                c.failed = vec![
                    Failed {
                        digest: [9; 32],
                        attempt: 9,
                    },
                    Failed {
                        digest: [1; 32],
                        attempt: 5,
                    },
                ]
            },
            refuse(Refusal::FailedBefore {
                failed_attempt: 5,
                offered_attempt: 1,
            }),
        ),
        ("same image", |c| c.confirmed = [1; 32], Decision::UpToDate),
        (
            "same image, whatever its rollout says",
            |c| (c.confirmed, c.release.rule) = ([1; 32], Rule::Unknown),
            Decision::UpToDate,
        ),
        (
            "refusal before waiting",
            |c| (c.slot_bytes, c.release.rule) = (1, Rule::Unknown),
            refuse(Refusal::TooLargeForSlot {
                slot_bytes: 1,
                offered: 90_000,
            }),
        ),
        (
            "unknown rule",
            |c| c.release.rule = Rule::Unknown,
            Decision::Wait(WaitReason::UnknownRule),
        ),
        (
            "required, nothing there",
            |c| c.release.rule = Rule::Required { wait_max_days: 14 },
            Decision::Wait(WaitReason::RolloutMissing),
        ),
        (
            "required, paused",
            |c| {
                c.release.rule = Rule::Required { wait_max_days: 14 };
                c.rollout = rollout(RolloutState::Paused, EVERYBODY);
            },
            Decision::Wait(WaitReason::RolloutPaused),
        ),
    ];
    for (name, change, expected) in rows {
        assert_eq!(answer(change), expected, "{name}");
    }
}

#[test]
fn permitted_after_all() {
    let rows: [(&str, Change); 9] = [
        ("the release is its own stone", |c| {
            c.release.stepping_stones[1] = version("2.0.0")
        }),
        ("at the counter", |c| c.counter = 3),
        ("largest jump", |c| {
            (c.release.security_version, c.pointer.security_version) = (1_002, 1_002)
        }),
        ("rollback signed", |c| {
            (c.device_version, c.release.rollback) = (version("3.0.0"), true)
        }),
        ("same version, another image", |c| c.device_version = version("2.0.0")),
        ("exactly the slot", |c| c.slot_bytes = 90_000),
        ("at the last stone", |c| c.device_version = version("1.5.0")),
        ("a higher attempt", |c| {
            (c.failed, c.release.attempt) = (
                vec![Failed {
                    digest: [1; 32],
                    attempt: 1,
                }],
                2,
            )
        }),
        ("another image failed", |c| {
            c.failed = vec![Failed {
                digest: [2; 32],
                attempt: 9,
            }]
        }),
    ];
    for (name, change) in rows {
        assert!(
            matches!(answer(change), Decision::Install),
            "{name}: {:?}",
            answer(change)
        );
    }
}

/// Which of the reasons applies, for each of the three gates, each class, before and after the longest wait.
#[test]
fn rollout_truth_table() {
    let active = rollout(RolloutState::Active, EVERYBODY);
    let paused = rollout(RolloutState::Paused, EVERYBODY);
    let mut other = active.clone().unwrap();
    other.release = [0; 32];
    let future = rollout(RolloutState::Active, &[(1_000_000, "2027-01-01T00:00:00Z")]);
    let opens = Some(time("2027-01-01T00:00:00Z"));
    let rows = [
        (Gate::Missing, Some(WaitReason::RolloutMissing)),
        (Gate::Expired, Some(WaitReason::RolloutExpired)),
        (Gate::Present(&other), Some(WaitReason::RolloutForAnotherRelease)),
        (Gate::Present(paused.as_ref().unwrap()), Some(WaitReason::RolloutPaused)),
        (
            Gate::Present(future.as_ref().unwrap()),
            Some(WaitReason::NotInWaveYet { opens }),
        ),
        (Gate::Present(active.as_ref().unwrap()), None),
    ];
    let released = time("2026-11-22T08:00:00Z");
    let longest_wait = released.saturating_add_days(14);
    for (gate, reason) in rows {
        for class in [Class::Feature, Class::Security] {
            for now in [longest_wait.saturating_sub(1), longest_wait] {
                let question = Question {
                    rule: Rule::Required { wait_max_days: 14 },
                    class,
                    released,
                    release: &DOCUMENT,
                    seed: &seed(),
                    signed_now: now,
                };
                let overdue = class == Class::Security && now == longest_wait;
                let expected = match reason {
                    Some(reason) if !overdue => Verdict::Wait(reason),
                    Some(_) | None => Verdict::Install,
                };
                assert_eq!(evaluate(&question, gate), expected, "{gate:?} {class} at {now}");
                let unknown = Question {
                    rule: Rule::Unknown,
                    ..question.clone()
                };
                assert_eq!(evaluate(&unknown, gate), Verdict::Wait(WaitReason::UnknownRule));
                let none = Question {
                    rule: Rule::None,
                    ..question
                };
                assert_eq!(evaluate(&none, gate), Verdict::Install);
            }
        }
    }
}

#[test]
fn bucket_is_the_start_of_the_hash() {
    // hashlib.sha256(bytes(range(32)) + b"\xab" * 32).digest()[:8]
    assert_eq!(bucket(&seed(), &DOCUMENT), BUCKET);
    assert_ne!(bucket(&seed(), &[0; 32]), BUCKET);
}

#[test]
fn a_tenth_is_a_tenth() {
    let rollout = rollout(RolloutState::Active, &[(100_000, "2026-11-22T09:00:00Z")]).unwrap();
    let now = time("2026-11-23T00:00:00Z");
    let mut random = Random(7);
    let installs = (0..20_000).filter(|_| {
        let seed = Seed::new(core::array::from_fn(|_| random.next() as u8));
        let question = Question {
            rule: Rule::Required { wait_max_days: 14 },
            class: Class::Feature,
            released: now,
            release: &DOCUMENT,
            seed: &seed,
            signed_now: now,
        };
        evaluate(&question, Gate::Present(&rollout)) == Verdict::Install
    });
    let count = installs.count();
    assert!((1_850..2_150).contains(&count), "{count} of 20000");
}

#[test]
fn pointer_values_that_mean_nothing() {
    assert!(Pointer::parse(DOCUMENT, "1.2.3", 1, "feature").is_some());
    assert!(Pointer::parse(DOCUMENT, "1.2", 1, "feature").is_none());
    assert!(Pointer::parse(DOCUMENT, "1.2.3", 1 << 32, "feature").is_none());
    assert!(Pointer::parse(DOCUMENT, "1.2.3", 1, "Feature").is_none());
}

#[test]
fn names_stay() {
    let refusals = [
        Refusal::BelowCounter { counter: 0, offered: 0 },
        Refusal::CounterJump {
            counter: 0,
            offered: 0,
            jump_max: 0,
        },
        Refusal::FailedBefore {
            failed_attempt: 0,
            offered_attempt: 0,
        },
        Refusal::LowerVersion {
            confirmed: Version::ZERO,
            offered: Version::ZERO,
        },
        Refusal::PointerMismatch { fact: Fact::Class },
        Refusal::SteppingStone {
            confirmed: Version::ZERO,
            needed: Version::ZERO,
        },
        Refusal::TooLargeForSlot {
            slot_bytes: 0,
            offered: 0,
        },
        Refusal::WrongHardware,
    ];
    for refusal in refusals {
        assert!(format!("{refusal:?}").starts_with(refusal.name()), "{}", refusal.name());
    }
}
