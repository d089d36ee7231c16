//! A release document that every test starts from.
#![allow(dead_code, reason = "each test file uses its part")]

use tuffet_release::*;

pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

pub fn time(text: &str) -> UnixSeconds {
    UnixSeconds::parse(text).unwrap()
}

pub fn file(number: u8, name: &str) -> FileRef {
    FileRef {
        digest: [number; 32],
        length: 1000 * u32::from(number),
        name: Name::parse(name).unwrap(),
    }
}

pub fn image(number: u8, hardware: &str) -> ImageEntry {
    ImageEntry {
        address: Address::Any,
        digest: [number; 32],
        file: file(number + 100, &format!("kettle_2.0.0_{hardware}.zst")),
        hardware: id(hardware),
        length: 90_000,
        patches: vec![
            patch(number + 20, Profile::Small, None),
            patch(number + 30, Profile::Large, Some(7)),
            patch(number + 40, Profile::Small, Some(7)),
            patch(number + 50, Profile::Small, Some(8)),
        ],
    }
}

/// A patch from the image whose digest repeats this byte, or from nothing.
pub fn patch(number: u8, profile: Profile, source: Option<u8>) -> PatchEntry {
    PatchEntry {
        block_bytes: 1024,
        file: file(number, &format!("kettle_2.0.0_{number}.patch")),
        head: [number ^ 0xFF; 32],
        profile,
        source: source.map(|byte| [byte; 32]),
    }
}

/// What a device keeps of a patch.
pub fn kept(patch: &PatchEntry) -> PatchRef {
    PatchRef {
        file: patch.file,
        head: patch.head,
        block_bytes: patch.block_bytes,
    }
}

/// Version 2.0.0 of the kettle, for hardware c3 and s2, by a rollout.
pub fn document() -> ReleaseDocument {
    ReleaseDocument {
        advisory: Some(Advisory {
            cves: vec!["CVE-2026-12345".into()],
            risk: "high".into(),
            text: "A kettle nearby could be switched on.\nUpdate before \"tea\".".into(),
        }),
        attempt: 1,
        class: Class::Security,
        components: vec![Component {
            images: vec![image(1, "c3"), image(2, "s2")],
            name: id("firmware"),
        }],
        install_by: Some(time("2026-12-31T00:00:00Z")),
        interruption: Interruption { seconds: 30 },
        product: id("kettle"),
        released: time("2026-11-22T08:00:00Z"),
        rollback: false,
        rollout: Rule::Required { wait_max_days: 14 },
        sbom: Some(file(5, "kettle_2.0.0.spdx.json")),
        security_version: 3,
        stepping_stones: vec![version("1.2.0"), version("1.5.0")],
        support: SupportFacts {
            end: time("2031-12-31T00:00:00Z"),
            file: file(6, "kettle_support.json"),
        },
        version: version("2.0.0"),
    }
}

pub fn wanted() -> Wanted {
    Wanted {
        running: Some([7; 32]),
        ..Wanted::firmware(id("c3"), Profile::Small)
    }
}

/// What the kettle with hardware c3 keeps of the document.
pub fn release() -> Release {
    Release::parse(&mut document().emit().unwrap().as_slice(), &wanted()).unwrap()
}

/// xorshift64*: the same seed gives the same run everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
