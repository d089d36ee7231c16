//! The container: reading and writing are inverses, and what has no meaning is refused by name.

use proptest::prelude::*;
use tuffet_patch::{
    Architecture, Bases, CHECKPOINTS_MAX, Checkpoints, Codec, HEADER_BYTES_MAX, HEADER_BYTES_MIN, Header, Image,
    Layout, Profile, RANGES_MAX, Range, Ranges, Refusal,
};

fn image(length: u32, byte: u8) -> Image {
    match length {
        0 => Image::NOTHING,
        _ => Image {
            length,
            digest: [byte.max(1); 32],
        },
    }
}

/// Ranges that begin below 70,000.
fn ranges() -> impl Strategy<Value = Ranges> {
    let others = proptest::collection::btree_map(1_u32..70_000, any::<u32>(), 0..RANGES_MAX);
    (any::<u32>(), others).prop_map(|(base, others)| {
        let others = others.into_iter().map(|(start, base)| Range { start, base });
        let ranges: Vec<Range> = [Range { start: 0, base }].into_iter().chain(others).collect();
        Ranges::new(&ranges).unwrap()
    })
}

fn header() -> impl Strategy<Value = Header> {
    let units = proptest::collection::btree_set(1_u16..60, 0..=CHECKPOINTS_MAX);
    let bases = proptest::option::of((ranges(), ranges()).prop_map(|(old, new)| Bases { old, new }));
    let layout = (proptest::sample::select(&Architecture::ALL[..]), bases);
    let layout = layout.prop_map(|(architecture, bases)| Layout { architecture, bases });
    (
        0_usize..3,
        prop_oneof![Just(0), 70_000_u32..],
        70_000_u32..,
        any::<u8>(),
        8_u32..=16,
        units,
        layout,
        any::<bool>(),
    )
        .prop_map(|(profile, source, result, byte, block_log2, units, layout, is_bulk)| {
            let mut units: Vec<u16> = units.into_iter().collect();
            let profile = match Profile::ALL[profile] {
                known if known.follows(layout.architecture) => known,
                _ => Profile::Large,
            };
            // Of no image there is one range.
            let bases = layout.bases.filter(|bases| source > 0 || bases.old.known().len() == 1);
            let mut layout = Layout { bases, ..layout };
            let codec = match is_bulk && profile == Profile::Large {
                true => Codec::Bulk,
                false => Codec::Mixing,
            };
            units.truncate(profile.checkpoints_max());
            if codec == Codec::Bulk {
                units.clear();
                layout = Layout::UNKNOWN;
            }
            Header {
                codec,
                profile,
                source: image(source, byte),
                result: image(result, byte),
                block_bytes: 1 << block_log2,
                checkpoints: Checkpoints::new(10, &units, result).unwrap(),
                layout,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn emit_then_parse(header in header()) {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let length = header.emit(&mut bytes);
        prop_assert_eq!(Header::parse(&bytes[..length]), Ok((header, &[][..])));
        let cut = u32::try_from(length - 1).unwrap();
        prop_assert_eq!(Header::parse(&bytes[..length - 1]), Err(Refusal::TooShort { length: cut }));
    }

    #[test]
    fn parse_then_emit(header in header(), at in 0_usize..HEADER_BYTES_MAX, byte in any::<u8>()) {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let length = header.emit(&mut bytes);
        bytes[at] = byte;
        if let Ok((parsed, rest)) = Header::parse(&bytes[..length]) {
            let mut again = [0; HEADER_BYTES_MAX];
            let emitted = parsed.emit(&mut again);
            prop_assert_eq!(&again[..emitted], &bytes[..length - rest.len()]);
        }
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(Header::parse(&bytes).is_err());
    }
}

#[test]
fn fields_out_of_range() {
    let header = Header {
        codec: Codec::Mixing,
        profile: Profile::Small,
        source: image(5, 1),
        result: image(6, 2),
        block_bytes: 1024,
        checkpoints: Checkpoints::new(12, &[], 6).unwrap(),
        layout: Layout::UNKNOWN,
    };
    let mut bytes = [0; HEADER_BYTES_MAX];
    let length = header.emit(&mut bytes);
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes;
        bytes[at] = byte;
        Header::parse(&bytes[..length]).map(drop)
    };
    assert_eq!(with(0, b't'), Err(Refusal::WrongMagic));
    for version in [0, 2] {
        assert_eq!(with(4, version), Err(Refusal::UnknownVersion { version }));
    }
    assert_eq!(with(5, 1), Err(Refusal::UnknownCodec { codec: 1 }));
    assert_eq!(with(6, 3), Err(Refusal::UnknownProfile { profile: 3 }));
    for architecture in (7..0x80).chain(0x87..=0xFF) {
        let refused = Refusal::UnknownArchitecture { architecture };
        assert_eq!(with(7, architecture), Err(refused));
    }
    let (architecture, profile) = (Architecture::AArch64, Profile::Small);
    let refused = Refusal::ArchitectureOfHosts { architecture, profile };
    assert_eq!(with(7, 4), Err(refused));
    // Addresses that are not there.
    assert_eq!(with(7, 0x81), Err(Refusal::TooShort { length: 83 }));
    assert_eq!(with(8, 0), Err(Refusal::ImageWithoutMeaning));
    assert_eq!(with(44, 0), Err(Refusal::ImageWithoutMeaning));
    assert_eq!(with(80, 7), Err(Refusal::BlockSize { block_bytes: 128 }));
    assert_eq!(with(80, 17), Err(Refusal::BlockSize { block_bytes: 1 << 17 }));
    assert_eq!(with(80, 255), Err(Refusal::BlockSize { block_bytes: 0 }));
    assert_eq!(with(82, 1), Err(Refusal::TooShort { length: 83 }));
}

/// A header of a source of 1,000 bytes with three ranges, and of a result of 2,000 bytes with two.
#[test]
fn ranges_out_of_order_or_image() {
    let ranges = |starts: &[u32]| {
        let ranges = starts.iter().map(|start| Range {
            start: *start,
            base: 0xB0B0_B0B0,
        });
        Ranges::new(&ranges.collect::<Vec<Range>>())
    };
    let bases = Bases {
        old: ranges(&[0, 0x10, 0x20]).unwrap(),
        new: ranges(&[0, 0x10]).unwrap(),
    };
    let header = Header {
        codec: Codec::Mixing,
        profile: Profile::Small,
        source: image(1_000, 1),
        result: image(2_000, 2),
        block_bytes: 1024,
        checkpoints: Checkpoints::new(12, &[], 2_000).unwrap(),
        layout: Layout {
            architecture: Architecture::Thumb,
            bases: Some(bases),
        },
    };
    let mut bytes = [0; HEADER_BYTES_MAX];
    let length = header.emit(&mut bytes);
    assert_eq!(length, HEADER_BYTES_MIN + 1 + 20 + 12);
    let base = [0xB0; 4];
    let old = [&base[..], &[0x10, 0, 0, 0], &base, &[0x20, 0, 0, 0], &base].concat();
    let new = [&base[..], &[0x10, 0, 0, 0], &base].concat();
    assert_eq!(bytes[HEADER_BYTES_MIN..length], [&[0x12], &old[..], &new].concat());
    let with = |at: usize, start: u32| {
        let mut bytes = bytes;
        bytes[HEADER_BYTES_MIN + at..][..4].copy_from_slice(&start.to_le_bytes());
        Header::parse(&bytes[..length]).map(drop)
    };
    for (at, start) in [
        // The first one where the image begins, another one with it, or in front of it.
        (5, 0),
        (13, 0x10),
        (13, 0x0F),
        (5, 0x20),
        (25, 0),
        // Behind the image.
        (13, 1_000),
        (13, u32::MAX),
        (25, 2_000),
    ] {
        assert_eq!(with(at, start), Err(Refusal::Ranges), "{at} {start}");
    }
    assert_eq!(with(13, 999), Ok(()));
    assert_eq!(with(25, 1_999), Ok(()));
    let with = |counts: u8| {
        let mut bytes = [0xB0; 400];
        bytes[..length].copy_from_slice(&header_bytes(&header)[..length]);
        bytes[HEADER_BYTES_MIN] = counts;
        Header::parse(&bytes).map(drop)
    };
    for counts in [0x06, 0x0F, 0x60, 0xF0] {
        assert_eq!(with(counts), Err(Refusal::Ranges), "{counts:02x}");
    }
    // No more than fit.
    let starts: Vec<u32> = (0..=6).collect();
    assert_eq!(ranges(&starts), Err(Refusal::Ranges));
    assert!(ranges(&starts[..RANGES_MAX]).is_ok());
    assert_eq!(ranges(&[]), Err(Refusal::Ranges));
}

fn header_bytes(header: &Header) -> [u8; HEADER_BYTES_MAX] {
    let mut bytes = [0; HEADER_BYTES_MAX];
    header.emit(&mut bytes);
    bytes
}

#[test]
fn bulk_has_no_layout_and_no_checkpoints() {
    let header = Header {
        codec: Codec::Bulk,
        profile: Profile::Large,
        source: image(5, 1),
        result: image(1 << 20, 2),
        block_bytes: 1024,
        checkpoints: Checkpoints::new(12, &[], 1 << 20).unwrap(),
        layout: Layout::UNKNOWN,
    };
    let parsed = |header: Header| {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let length = header.emit(&mut bytes);
        Header::parse(&bytes[..length]).map(drop)
    };
    assert_eq!(parsed(header), Ok(()));
    let architecture = Architecture::AArch64;
    let layout = Layout {
        architecture,
        bases: None,
    };
    let refused = Refusal::UnknownArchitecture { architecture: 4 };
    assert_eq!(parsed(Header { layout, ..header }), Err(refused));
    let checkpoints = Checkpoints::new(12, &[1], 1 << 20).unwrap();
    assert_eq!(parsed(Header { checkpoints, ..header }), Err(Refusal::Checkpoints));
}

#[test]
fn small_has_fewer_checkpoints() {
    let units: Vec<u16> = (1..=16).collect();
    for (profile, most) in [(Profile::Small, 8), (Profile::Standard, 16), (Profile::Large, 16)] {
        assert_eq!(profile.checkpoints_max(), most);
        for count in [8, 9, 16] {
            let header = Header {
                codec: Codec::Mixing,
                profile,
                source: image(5, 1),
                result: image(1 << 20, 2),
                block_bytes: 1024,
                checkpoints: Checkpoints::new(12, &units[..count], 1 << 20).unwrap(),
                layout: Layout::UNKNOWN,
            };
            let mut bytes = [0; HEADER_BYTES_MAX];
            let length = header.emit(&mut bytes);
            let parsed = Header::parse(&bytes[..length]).map(drop);
            let wanted = if count <= most {
                Ok(())
            } else {
                Err(Refusal::Checkpoints)
            };
            assert_eq!(parsed, wanted, "{profile:?} {count}");
        }
    }
}
