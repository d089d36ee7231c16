//! Addresses that moved: they are found, and followed, and cost next to nothing.

mod support;

use support::program::{BASE, Machine, Program};
use support::*;
use tuffet_patch::{Architecture, Bases, Layout, Options, Profile, encode, encode_with};

const THUMB: Layout = Layout {
    architecture: Architecture::Thumb,
    bases: Some(Bases { old: BASE, new: BASE }),
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
        for bases in [None, Some(Bases { old: 0, new: u32::MAX }), THUMB.bases] {
            for profile in Profile::ALL.into_iter().filter(|profile| profile.follows(architecture)) {
                // `encode_with` decodes what it made.
                let patch = with(&old, &new, profile, Layout { architecture, bases });
                assert!(patch.len() < new.len(), "{architecture:?} {bases:?} {profile}");
            }
        }
    }
}
