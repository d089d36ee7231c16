//! Addresses that moved: they are found, and followed, and cost next to nothing.

mod support;

use support::program::{BASE, Machine, Program, RAM};
use support::*;
use tuffet_patch::{Architecture, Bases, Effort, Layout, Options, Profile, Range, Ranges, encode, encode_with};

const THUMB: Layout = Layout {
    architecture: Architecture::Thumb,
    bases: Some(Bases::whole(BASE, BASE)),
};

const BASES: Option<Bases> = THUMB.bases;

fn layout_for(machine: Machine) -> Layout {
    let architecture = match machine {
        Machine::AArch64 => Architecture::AArch64,
        Machine::RiscV => Architecture::RiscV,
        Machine::Thumb => Architecture::Thumb,
        Machine::X86_64 => Architecture::X86_64,
        Machine::XtensaBig => Architecture::XtensaBig,
    };
    Layout {
        architecture,
        bases: BASES,
    }
}

fn versions(functions: usize) -> (Vec<u8>, Vec<u8>) {
    let program = Program::new(functions, 5);
    (program.link(), program.next(9).link())
}

fn with(old: &[u8], new: &[u8], profile: Profile, layout: Layout) -> Vec<u8> {
    let options = Options {
        layout: Some(layout),
        ..Options::of(profile)
    };
    encode_with(Some(old), new, &options).unwrap().bytes
}

#[test]
fn layout_of_a_program_is_seen() {
    for machine in Machine::ALL {
        let program = Program::new(600, 5);
        let (old, new) = (program.link_for(machine), program.next(9).link_for(machine));
        let encoded = encode(Some(&old), &new, Profile::Large).unwrap();
        assert_eq!(encoded.header.layout, layout_for(machine));
        let encoded = encode(Some(&old), &new, Profile::Small).unwrap();
        let layout = encoded.header.layout;
        assert!(Profile::Small.follows(layout.architecture), "{layout:?}");
    }
    let (_, new) = versions(600);
    // There is nothing to follow.
    let full = encode(None, &new, Profile::Small).unwrap();
    assert_eq!(full.header.layout, Layout::UNKNOWN);
    let noise = Random(3).bytes(60_000);
    let encoded = encode(Some(&noise), &noise[100..], Profile::Small).unwrap();
    assert_eq!(encoded.header.layout, Layout::UNKNOWN);
}

#[test]
fn addresses_that_are_followed_cost_next_to_nothing() {
    let program = Program::new(600, 5);
    for machine in Machine::ALL {
        let layout = layout_for(machine);
        let (old, new) = (program.link_for(machine), program.next(9).link_for(machine));
        for profile in Profile::ALL
            .into_iter()
            .filter(|profile| profile.follows(layout.architecture))
        {
            let plain = with(&old, &new, profile, Layout::UNKNOWN).len();
            let followed = with(&old, &new, profile, layout).len();
            println!("{machine:?}, {profile}: {followed} instead of {plain}");
            assert!(
                followed * 2 < plain,
                "{machine:?}, {profile}: {followed} instead of {plain}"
            );
        }
    }
}

/// What is not so costs bits, and the result is the same.
#[test]
fn a_wrong_layout_makes_the_same_image() {
    let (old, new) = versions(80);
    for architecture in Architecture::ALL {
        for bases in [None, Some(Bases::whole(0, u32::MAX)), THUMB.bases] {
            for profile in Profile::ALL.into_iter().filter(|profile| profile.follows(architecture)) {
                // `encode_with` decodes what it made.
                let patch = with(&old, &new, profile, Layout { architecture, bases });
                assert!(patch.len() < new.len(), "{architecture:?} {bases:?} {profile}");
            }
        }
    }
}

/// Pieces of a part.
const PIECES: usize = 1_500;

/// An image of two parts that lie far from each other, and name each other: of what each piece is, and which it names.
struct Parts([Vec<(u8, usize)>; 2]);

impl Parts {
    const ADDRESSES: [u32; 2] = [BASE, 0x2000_0100];

    fn new(random: &mut Random) -> Self {
        let mut part = || {
            (0..PIECES)
                .map(|_| (random.below(256) as u8, random.below(PIECES)))
                .collect()
        };
        Self([part(), part()])
    }

    /// A few pieces are new.
    fn next(&self, random: &mut Random) -> Self {
        let mut next = Self(self.0.clone());
        for (part, count) in [(0, 12), (1, 9)] {
            for _ in 0..count {
                let at = random.below(next.0[part].len());
                for (_, named) in next.0[1 - part].iter_mut().filter(|(_, named)| *named >= at) {
                    *named += 1;
                }
                next.0[part].insert(at, (random.below(256) as u8, random.below(PIECES)));
            }
        }
        next
    }

    fn image(&self) -> Vec<u8> {
        let pieces = [0, 1]
            .into_iter()
            .flat_map(|part| self.0[part].iter().map(move |piece| (part, piece)));
        let bytes = pieces.flat_map(|(part, (byte, named))| {
            let address = Self::ADDRESSES[1 - part] + 12 * *named as u32;
            let own = Random(u64::from(*byte)).bytes(8);
            [own, address.to_le_bytes().to_vec()].concat()
        });
        bytes.collect()
    }

    fn ranges(&self) -> Ranges {
        let start = 12 * self.0[0].len() as u32;
        let [first, second] = Self::ADDRESSES;
        let base = second.wrapping_sub(start);
        Ranges::new(&[Range { start: 0, base: first }, Range { start, base }]).unwrap()
    }
}

#[test]
fn parts_that_lie_far_apart_are_followed() {
    let mut random = Random(11);
    let old = Parts::new(&mut random);
    let new = old.next(&mut random);
    let layout = |bases| Layout {
        bases: Some(bases),
        ..THUMB
    };
    for profile in Profile::ALL {
        let coded = |bases| with(&old.image(), &new.image(), profile, layout(bases)).len();
        let whole = coded(Bases::whole(BASE, BASE));
        let parted = coded(Bases {
            old: old.ranges(),
            new: new.ranges(),
        });
        println!("{profile}: {parted} instead of {whole}");
        assert!(parted * 6 < whole * 5, "{profile}: {parted} instead of {whole}");
    }
}

/// An image for a chip of Espressif, with a part behind what its header says.
#[test]
fn segments_of_an_image_are_seen() {
    let program = Program::new(600, 5);
    let image = |program: &Program| {
        let program = program.link_for(Machine::RiscV);
        let (inside, behind) = program.split_at(program.len() / 8 * 4);
        let mut image = [&[0xE9, 2][..], &[0; 22]].concat();
        for (address, bytes) in [(0x3FC8_0000_u32, &[3; 600][..]), (0x4038_0000, inside)] {
            image.extend(address.to_le_bytes());
            image.extend((bytes.len() as u32).to_le_bytes());
            image.extend(bytes);
        }
        let sum = inside.iter().fold(0xEF, |sum, byte| sum ^ byte);
        image.resize(image.len() | 15, 0);
        image.push(sum);
        image.extend(behind);
        image
    };
    let layout = tuffet_patch::layout(&image(&program), &image(&program.next(9)));
    assert_eq!(layout.architecture, Architecture::RiscV);
    let bases = layout.bases.unwrap();
    for ranges in [bases.old, bases.new] {
        let known: Vec<_> = ranges
            .known()
            .iter()
            .map(|range| (range.start, range.address()))
            .collect();
        assert_eq!(known[..2], [(0, 0x3FC8_0000 - 32), (640, 0x4038_0000)]);
    }
}

/// What two instructions of RISC-V make is so far from them, wherever the image lies.
#[test]
fn distances_need_no_base() {
    let program = Program::new(600, 5);
    let image = |program: &Program| program.link_for(Machine::RiscV);
    let (old, new) = (image(&program), image(&program.next(9)));
    let layout = |architecture| Layout {
        architecture,
        bases: None,
    };
    let coded = |profile| with(&old, &new, profile, layout(Architecture::RiscV)).len();
    let [small, standard, large] = Profile::ALL.map(coded);
    println!("{small}; where pairs are followed {standard}, {large}");
    assert!(standard * 10 < small * 9 && large * 10 < small * 9);
}

/// Bytes of the headers of a file.
const HEADERS: u32 = 52 + 2 * 32;

/// An ELF file for Thumb: a program, and far from it its variables, which are all zero.
fn file(program: &Program, variables_bytes: u32) -> Vec<u8> {
    let program = program.link();
    let program_bytes = program.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0, 40, 0]);
    for word in [1, BASE, 52, 0, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend([52, 0, 32, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    for (flags, offset, address, bytes) in [
        (5, HEADERS, BASE, program_bytes),
        (6, HEADERS + program_bytes, RAM, variables_bytes),
    ] {
        for word in [1, offset, address, address, bytes, bytes, flags, 4] {
            file.extend(u32::to_le_bytes(word));
        }
    }
    file.extend(program);
    file.resize(file.len() + variables_bytes as usize, 0);
    file
}

/// Zeros could have come from anywhere, so a map of them follows no variable.
#[test]
fn a_search_tries_the_place_of_the_code_alone() {
    let program = Program::new(200, 5);
    let (old, new) = (file(&program, 0x1100), file(&program.next(9), 0x110C));
    let seen = tuffet_patch::layout(&old, &new);
    let bases = seen.bases.unwrap();
    assert_eq!((bases.old.known().len(), bases.new.known().len()), (2, 2));
    let code = Some(Bases::whole(BASE - HEADERS, BASE - HEADERS));
    let searched = |layout| {
        let options = Options {
            layout,
            effort: Effort::Search,
            ..Options::of(Profile::Standard)
        };
        encode_with(Some(&old), &new, &options).unwrap()
    };
    let found = searched(None);
    let others =
        [seen, Layout { bases: None, ..seen }, Layout::UNKNOWN].map(|layout| searched(Some(layout)).bytes.len());
    println!("{} instead of {others:?}", found.bytes.len());
    assert_eq!(found.header.layout, Layout { bases: code, ..seen });
    assert!(others.iter().all(|other| found.bytes.len() < *other), "{others:?}");
}

/// What is mostly for another processor is still a program of the one that whoever publishes it names.
#[test]
fn instructions_that_are_told_count_and_not_those_that_are_seen() {
    let program = Program::new(600, 5);
    let image = |program: &Program| program.link_for(Machine::RiscV);
    let (old, new) = (image(&program), image(&program.next(9)));
    for effort in [Effort::Quick, Effort::Search] {
        let followed = |architecture| {
            let options = Options {
                architecture,
                effort,
                ..Options::of(Profile::Small)
            };
            let header = encode_with(Some(&old), &new, &options).unwrap().header;
            header.layout.architecture
        };
        assert_eq!(followed(None), Architecture::RiscV);
        let told = followed(Some(Architecture::Thumb));
        assert!(matches!(told, Architecture::Thumb | Architecture::Unknown), "{told}");
    }
    let of_hosts = Options {
        architecture: Some(Architecture::AArch64),
        ..Options::of(Profile::Small)
    };
    let refused = encode_with(Some(&old), &new, &of_hosts).unwrap_err().to_string();
    assert!(refused.contains("aarch64"), "{refused}");
}
