//! `parse` and `emit` are inverses, for documents made of random values and for bytes that were changed at random.

mod support;

use arrayvec::ArrayVec;
use proptest::prelude::*;
use support::*;
use tuffet_release::*;

fn ids() -> impl Strategy<Value = Id> {
    "[a-z0-9-]{1,24}".prop_filter_map("reserved", |text| Id::parse(&text).ok())
}

fn times() -> impl Strategy<Value = UnixSeconds> {
    (0..=UnixSeconds::MAX.as_secs()).prop_map(UnixSeconds::new)
}

fn versions() -> impl Strategy<Value = Version> {
    any::<(u32, u32, u32)>().prop_map(|(major, minor, patch)| Version { major, minor, patch })
}

fn files(product: Id, ending: &'static str) -> impl Strategy<Value = FileRef> {
    ("[a-z0-9._-]{0,40}", any::<Digest>(), 1..=u32::MAX).prop_map(move |(stem, digest, length)| {
        let name = Name::parse(&format!("{product}_{stem}{ending}")).unwrap();
        FileRef { digest, length, name }
    })
}

fn addresses() -> impl Strategy<Value = Address> {
    prop_oneof![Just(Address::Any), any::<u32>().prop_map(Address::At)]
}

fn images(product: Id) -> impl Strategy<Value = ImageEntry> {
    (
        addresses(),
        any::<Digest>(),
        files(product, ".zst"),
        ids(),
        1..=u32::MAX,
        prop::collection::vec(patches(product), 0..4),
    )
        .prop_map(|(address, digest, file, hardware, length, mut patches)| {
            patches.sort_by_key(|patch| (patch.source, patch.profile));
            patches.dedup_by_key(|patch| (patch.source, patch.profile));
            ImageEntry {
                address,
                digest,
                file,
                hardware,
                length,
                patches,
            }
        })
}

fn patches(product: Id) -> impl Strategy<Value = PatchEntry> {
    (
        1..=u32::MAX,
        files(product, ".patch"),
        any::<Digest>(),
        prop::sample::select(&Profile::ALL[..]),
        any::<Option<Digest>>(),
    )
        .prop_map(|(block_bytes, file, head, profile, source)| PatchEntry {
            block_bytes,
            file,
            head,
            profile,
            source,
        })
}

fn components(product: Id) -> impl Strategy<Value = Component> {
    (prop::collection::vec(images(product), 0..4), ids()).prop_map(|(mut images, name)| {
        images.sort_by_key(|image| (image.hardware, image.address));
        images.dedup_by_key(|image| (image.hardware, image.address));
        Component { images, name }
    })
}

fn advisories() -> impl Strategy<Value = Advisory> {
    (
        prop::collection::vec("CVE-[0-9]{4}-[0-9]{4,12}", 0..4),
        "\\PC{0,40}",
        any::<String>(),
    )
        .prop_map(|(cves, risk, text)| Advisory {
            cves,
            risk,
            text: if text.is_empty() { "?".into() } else { text },
        })
}

fn rules() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::None),
        any::<u16>().prop_map(|wait_max_days| Rule::Required { wait_max_days })
    ]
}

fn documents() -> impl Strategy<Value = ReleaseDocument> {
    ids().prop_flat_map(|product| {
        let content = (
            prop::option::of(advisories()),
            prop::collection::vec(components(product), 0..3),
        );
        let dates = (times(), prop::option::of(times()), times());
        let numbers = (1..=u32::MAX, any::<u32>(), any::<u32>(), any::<bool>());
        let versions = (
            versions(),
            prop::collection::btree_set(versions(), 0..STEPPING_STONES_MAX),
        );
        let refs = (prop::option::of(files(product, ".json")), files(product, ".json"));
        (content, dates, numbers, versions, refs, rules()).prop_map(
            move |((advisory, mut components), dates, numbers, (version, stones), (sbom, mut support), rollout)| {
                components.sort_by_key(|component| component.name);
                components.dedup_by_key(|component| component.name);
                support.name = names::support(&product);
                let (released, install_by, end) = dates;
                let (attempt, seconds, security_version, rollback) = numbers;
                ReleaseDocument {
                    class: if advisory.is_some() {
                        Class::Security
                    } else {
                        Class::Feature
                    },
                    advisory,
                    attempt,
                    components,
                    install_by,
                    interruption: Interruption { seconds },
                    product,
                    released,
                    rollback,
                    rollout,
                    sbom,
                    security_version,
                    stepping_stones: stones.into_iter().collect(),
                    support: SupportFacts { end, file: support },
                    version,
                }
            },
        )
    })
}

fn waves() -> impl Strategy<Value = Vec<Wave>> {
    (
        prop::collection::btree_set(times(), 0..=WAVES_MAX),
        prop::collection::vec(0..=1_000_000_u32, WAVES_MAX),
    )
        .prop_map(|(starts, mut shares)| {
            shares.sort_unstable();
            starts
                .into_iter()
                .zip(shares)
                .map(|(start, share_ppm)| Wave { share_ppm, start })
                .collect()
        })
}

fn states() -> impl Strategy<Value = RolloutState> {
    prop_oneof![Just(RolloutState::Active), Just(RolloutState::Paused)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn release_documents(document in documents()) {
        let bytes = document.emit().unwrap();
        prop_assert_eq!(&ReleaseDocument::parse(&bytes).unwrap(), &document);
        // What a device finds is what was written for it.
        for component in &document.components {
            for entry in &component.images {
                let address = match entry.address {
                    Address::At(address) => Some(address),
                    Address::Any => None,
                };
                let wanted = Wanted {
                    component: component.name,
                    address,
                    ..Wanted::firmware(entry.hardware, Profile::Small)
                };
                let image = Release::parse(&mut bytes.as_slice(), &wanted).unwrap().image.unwrap();
                prop_assert_eq!((image.digest, image.length, image.file), (entry.digest, entry.length, entry.file));
                for patch in &entry.patches {
                    let wanted = Wanted { running: patch.source, profile: patch.profile, ..wanted };
                    let image = Release::parse(&mut bytes.as_slice(), &wanted).unwrap().image.unwrap();
                    let found = if patch.source.is_some() { image.delta } else { image.whole };
                    prop_assert_eq!(found, Some(kept(patch)));
                }
                let release = Release::parse(&mut bytes.as_slice(), &wanted).unwrap();
                prop_assert_eq!(release.version, document.version);
            }
        }
    }

    #[test]
    fn rollout_files(release in any::<Digest>(), state in states(), waves in waves()) {
        let file = RolloutFile { release, state, waves };
        let bytes = file.emit().unwrap();
        prop_assert_eq!(&RolloutFile::parse(&bytes).unwrap(), &file);
        let extract = RolloutExtract::parse(&mut bytes.as_slice()).unwrap();
        prop_assert_eq!(extract.waves.as_slice(), file.waves.as_slice());
        prop_assert_eq!(RolloutExtract::decode(&extract.encode()), Some(extract));
    }

    #[test]
    fn support_statements(
        texts in ("\\PC{1,400}", "\\PC{1,40}", any::<String>()),
        product in ids(),
        updatable in any::<bool>(),
        start in 0..1_000_000_000_u64,
        span in 1..1_000_000_000_u64,
    ) {
        let (contact, rationale, steps) = texts;
        let delivery = if updatable { Delivery::Professional } else { Delivery::None };
        let (start, end) = (UnixSeconds::new(start), UnixSeconds::new(start + span));
        let statement = SupportStatement { contact, delivery, end, product, rationale, start, steps, updatable };
        prop_assert_eq!(SupportStatement::parse(&statement.emit().unwrap()).unwrap(), statement);
    }
}

#[test]
fn support_statements_that_say_nothing() {
    let good = SupportStatement {
        contact: "https://kettle.example/support".into(),
        delivery: Delivery::Auto,
        end: time("2031-12-31T00:00:00Z"),
        product: id("kettle"),
        rationale: String::new(),
        start: time("2026-01-01T00:00:00Z"),
        steps: String::new(),
        updatable: true,
    };
    good.emit().unwrap();
    let changes: [fn(&mut SupportStatement); 5] = [
        |statement| statement.contact.clear(),
        |statement| statement.end = statement.start,
        |statement| statement.delivery = Delivery::None,
        |statement| statement.updatable = false,
        |statement| (statement.updatable, statement.delivery) = (false, Delivery::None),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut statement = good.clone();
        change(&mut statement);
        assert!(statement.emit().is_err(), "change {number}");
    }
}

#[test]
fn rollout_refusals() {
    let bytes = RolloutFile {
        release: [0xAB; 32],
        state: RolloutState::Active,
        waves: vec![
            Wave {
                share_ppm: 100_000,
                start: time("2026-11-22T09:00:00Z"),
            },
            Wave {
                share_ppm: 1_000_000,
                start: time("2026-11-23T09:00:00Z"),
            },
        ],
    };
    let text = String::from_utf8(bytes.emit().unwrap()).unwrap();
    let rows = [
        (r#""format":0"#, r#""format":2"#, What::UnknownFormat),
        ("tuffet-rollout", "tuffet-release", What::WrongType),
        (r#""state":"active""#, r#""state":"stopped""#, What::BadValue),
        (r#""state":"active","#, "", What::MissingField),
        (r#""release":"ab"#, r#""release":"AB"#, What::BadValue),
        ("1000000", "1000001", What::BadValue),
        ("1000000", "99999", What::OutOfOrder),
        ("2026-11-23", "2026-11-22", What::OutOfOrder),
        (r#""share_ppm":100000,"#, "", What::MissingField),
        (r#"},{"#, r#","stop":1},{"#, What::BadValue),
        (r#""waves":["#, r#""wave":1,"waves":["#, What::UnknownField),
        (r#"]}"#, r#"],"x":[]}"#, What::UnknownField),
    ];
    for (from, to, what) in rows {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the file");
        match RolloutExtract::parse(&mut changed.as_bytes()) {
            Err(ReadError::Malformed(malformed)) => assert_eq!(malformed.what, what, "{from} became {to}"),
            other => panic!("{from} became {to}: {other:?}"),
        }
    }
    let long = vec![b'x'; ROLLOUT_BYTES_MAX as usize + 1];
    let too_long = ReadError::TooLong {
        bytes_max: ROLLOUT_BYTES_MAX,
    };
    assert_eq!(RolloutExtract::parse(&mut long.as_slice()), Err(too_long));
}

#[test]
fn extract_fits_its_place_and_has_one_encoding() {
    const { assert!(RolloutExtract::ENCODED_BYTES <= 256) };
    let starts = (1..=WAVES_MAX as u64).map(|day| UnixSeconds::new(day * 86_400));
    let waves = starts.map(|start| Wave {
        share_ppm: 1_000_000,
        start,
    });
    let extract = RolloutExtract {
        release: [1; 32],
        state: RolloutState::Paused,
        waves: ArrayVec::from_iter(waves),
    };
    let bytes = extract.encode();
    assert_eq!(RolloutExtract::decode(&bytes), Some(extract.clone()));
    assert_eq!(RolloutExtract::decode(&bytes[..131]), None);
    assert_eq!(RolloutExtract::decode(&[bytes.as_slice(), &[0]].concat()), None);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Some(other) = RolloutExtract::decode(&changed) {
            assert_ne!(other, extract, "bit {bit} means nothing");
            assert_eq!(other.encode(), changed);
        }
    }
}

/// Whatever is done to the bytes, nothing panics; and bytes that are still accepted are the one spelling of what they say.
#[test]
fn random_mutations() {
    let seed = 0x5EED_2026;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    let originals = [
        document().emit().unwrap(),
        RolloutFile {
            release: [3; 32],
            state: RolloutState::Active,
            waves: vec![
                Wave {
                    share_ppm: 5,
                    start: UnixSeconds::new(7),
                },
                Wave {
                    share_ppm: 6,
                    start: UnixSeconds::new(8),
                },
            ],
        }
        .emit()
        .unwrap(),
    ];
    let mut accepted = 0;
    for round in 0..30_000 {
        let mut bytes = originals[round % 2].clone();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        let release = Release::parse(&mut bytes.as_slice(), &wanted());
        let document = ReleaseDocument::parse(&bytes);
        assert_eq!(release.is_ok(), document.is_ok(), "{}", String::from_utf8_lossy(&bytes));
        if let Ok(document) = document
            && document.rollout != Rule::Unknown
        {
            assert_eq!(document.emit().unwrap(), bytes, "{}", String::from_utf8_lossy(&bytes));
            accepted += 1;
        }
        if let Ok(file) = RolloutFile::parse(&bytes) {
            assert_eq!(file.emit().unwrap(), bytes, "{}", String::from_utf8_lossy(&bytes));
            accepted += 1;
        }
        let _ = SupportStatement::parse(&bytes);
        let _ = RolloutExtract::decode(&bytes);
    }
    assert!(accepted > 300, "the mutations are too coarse: {accepted} were accepted");
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = b"0123456789abcdef\"\\{}[],:-"[random.below(24)],
        2 => {
            bytes.remove(at);
        }
        3 => bytes.insert(at, b'0' + random.below(10) as u8),
        4 => {
            let end = (at + random.below(40)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, piece);
        }
        5 => {
            let end = (at + random.below(40)).min(bytes.len());
            bytes.drain(at..end);
        }
        _ => bytes.truncate(at.max(1)),
    }
    if bytes.is_empty() {
        bytes.push(b'{');
    }
}
