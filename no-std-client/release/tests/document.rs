//! The strict parser: what it keeps, and every way to be refused.

mod support;

use core::convert::Infallible;
use support::*;
use tuffet_release::*;
use tuffet_wire::Document;

fn text() -> String {
    String::from_utf8(document().emit().unwrap()).unwrap()
}

/// The refusal of the bytes, the same for a device and for the whole document.
fn refusal(text: &str) -> What {
    let device = Release::parse(&mut text.as_bytes(), &wanted());
    let whole = ReleaseDocument::parse(text.as_bytes());
    match (device, whole) {
        (Err(ReadError::Malformed(device)), Err(ModelError::Read(ReadError::Malformed(whole)))) => {
            assert_eq!(device, whole);
            device.what
        }
        (device, whole) => panic!("{device:?}, {whole:?} for {text}"),
    }
}

#[test]
fn device_keeps_what_it_needs() {
    let release = release();
    let document = document();
    let entry = &document.components[0].images[0];
    assert_eq!(release.product, document.product);
    assert_eq!(release.version, document.version);
    assert_eq!(release.security_version, 3);
    assert_eq!(release.class, Class::Security);
    assert_eq!(release.attempt, 1);
    assert!(!release.rollback && release.advised);
    assert_eq!(release.released, document.released);
    assert_eq!(release.install_by, document.install_by);
    assert_eq!(release.interruption_s, 30);
    assert_eq!(release.rule, Rule::Required { wait_max_days: 14 });
    assert_eq!(release.stepping_stones.as_slice(), document.stepping_stones);
    assert_eq!(release.support, document.support);
    assert_eq!(release.sbom, document.sbom);
    assert_eq!(
        release.image,
        Some(Image {
            digest: entry.digest,
            length: entry.length,
            file: entry.file,
            delta: Some(kept(&entry.patches[2])),
            whole: Some(kept(&entry.patches[0])),
        })
    );
    assert!(size_of::<Release>() <= 1536, "{} bytes", size_of::<Release>());
}

#[test]
fn other_hardware_and_component_have_no_image() {
    let bytes = document().emit().unwrap();
    let image = |hardware, component| {
        let wanted = Wanted {
            component: id(component),
            ..Wanted::firmware(id(hardware), Profile::Small)
        };
        Release::parse(&mut bytes.as_slice(), &wanted).unwrap().image
    };
    assert_eq!(image("s2", "firmware").unwrap().digest, [2; 32]);
    assert_eq!(image("s3", "firmware"), None);
    assert_eq!(image("c3", "radio"), None);
}

#[test]
fn component_is_chosen_by_its_name() {
    let mut document = document();
    let mut radio = Component {
        images: vec![image(9, "c3")],
        name: id("radio"),
    };
    radio.images[0].file = file(9, "kettle_2.0.0_c3-radio.zst");
    document.components.push(radio);
    let bytes = document.emit().unwrap();
    for (component, digest) in [("firmware", 1), ("radio", 9)] {
        let wanted = Wanted {
            component: id(component),
            ..wanted()
        };
        assert_eq!(
            Release::parse(&mut bytes.as_slice(), &wanted)
                .unwrap()
                .image
                .unwrap()
                .digest,
            [digest; 32]
        );
    }
    document.components.swap(0, 1);
    assert!(matches!(
        document.emit(),
        Err(ModelError::Read(ReadError::Malformed(Malformed {
            what: What::OutOfOrder,
            ..
        })))
    ));
    document.components[0].name = id("firmware");
    assert!(matches!(
        document.emit(),
        Err(ModelError::Read(ReadError::Malformed(Malformed {
            what: What::OutOfOrder,
            ..
        })))
    ));
}

#[test]
fn image_of_the_component_before_is_not_taken() {
    let mut document = document();
    document.components[0].images.remove(0);
    document.components.insert(
        0,
        Component {
            images: vec![image(9, "c3")],
            name: id("antenna"),
        },
    );
    let bytes = document.emit().unwrap();
    assert_eq!(Release::parse(&mut bytes.as_slice(), &wanted()).unwrap().image, None);
}

#[test]
fn patches_are_chosen_by_what_runs_and_what_decodes() {
    let document = document();
    let bytes = document.emit().unwrap();
    let patches = &document.components[0].images[0].patches;
    let numbers = |running: Option<u8>, profile| {
        let wanted = Wanted {
            running: running.map(|byte| [byte; 32]),
            profile,
            ..wanted()
        };
        let image = Release::parse(&mut bytes.as_slice(), &wanted).unwrap().image.unwrap();
        let number = |patch: Option<PatchRef>| patches.iter().position(|entry| Some(kept(entry)) == patch);
        assert!(image.delta.is_none() || number(image.delta).is_some());
        (number(image.delta), number(image.whole))
    };
    assert_eq!(numbers(Some(7), Profile::Small), (Some(2), Some(0)));
    assert_eq!(numbers(Some(7), Profile::Large), (Some(1), None));
    assert_eq!(numbers(Some(8), Profile::Small), (Some(3), Some(0)));
    assert_eq!(numbers(Some(8), Profile::Large), (None, None));
    assert_eq!(numbers(Some(9), Profile::Small), (None, Some(0)));
    // In the factory nothing runs, and a patch from nothing is no delta.
    assert_eq!(numbers(None, Profile::Small), (None, Some(0)));
    assert_eq!(numbers(Some(7), Profile::Standard), (None, None));
}

#[test]
fn image_linked_for_the_slot_comes_before_one_that_lies_anywhere() {
    let mut document = document();
    let images = &mut document.components[0].images;
    let at = |number, address| ImageEntry {
        address: Address::At(address),
        file: file(number, &format!("kettle_2.0.0_c3_{number}.zst")),
        ..image(number, "c3")
    };
    images.splice(0..0, [at(11, 0x8000), at(12, 0x1_0000)]);
    let bytes = document.emit().unwrap();
    let digest = |address| {
        let wanted = Wanted { address, ..wanted() };
        Release::parse(&mut bytes.as_slice(), &wanted)
            .unwrap()
            .image
            .unwrap()
            .digest
    };
    assert_eq!(digest(Some(0x8000)), [11; 32]);
    assert_eq!(digest(Some(0x1_0000)), [12; 32]);
    assert_eq!(digest(Some(0x1_8000)), [1; 32]);
    assert_eq!(digest(None), [1; 32]);
}

#[test]
fn patches_that_repeat_or_do_not_ascend_are_refused() {
    let swapped = |first: usize, second: usize| {
        let mut document = document();
        document.components[0].images[0].patches.swap(first, second);
        document.emit()
    };
    let what = |emitted: Result<Vec<u8>, ModelError>| match emitted {
        Err(ModelError::Read(ReadError::Malformed(malformed))) => malformed.what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(swapped(0, 1)), What::OutOfOrder);
    assert_eq!(what(swapped(1, 2)), What::OutOfOrder);
    assert_eq!(what(swapped(2, 3)), What::OutOfOrder);
    let mut document = document();
    let patches = &mut document.components[0].images[0].patches;
    patches.insert(2, patch(99, Profile::Large, Some(7)));
    assert_eq!(what(document.emit()), What::DuplicatePatch);
    let mut many = support::document();
    many.components[0].images[0].patches = (0..=PATCHES_MAX as u8)
        .map(|source| patch(1, Profile::Small, Some(source)))
        .collect();
    many.components[0].images.truncate(1);
    assert_eq!(what(many.emit()), What::TooMany);
    many.components[0].images[0].patches.pop();
    assert!(many.emit().is_ok());
}

#[test]
fn patch_with_a_field_missing_or_more_or_another_name_is_refused() {
    let text = text();
    let first = r#""patches":[{"block_bytes":1024,"#;
    assert!(text.contains(first));
    assert_eq!(refusal(&text.replacen(first, r#""patches":[{"#, 1)), What::MissingField);
    assert_eq!(
        refusal(&text.replacen(first, r#""patches":[{"block_bytes":0,"#, 1)),
        What::BadValue
    );
    assert_eq!(
        refusal(&text.replacen(first, r#""patches":[{"a":1,"block_bytes":1024,"#, 1)),
        What::UnknownField
    );
    assert_eq!(
        refusal(&text.replacen(r#""patches":["#, r#""patches":[[],"#, 1)),
        What::UnknownField
    );
    assert_eq!(
        refusal(&text.replacen(r#""profile":"small""#, r#""profile":"tiny""#, 1)),
        What::BadValue
    );
    assert_eq!(refusal(&text.replacen(".patch", ".zst", 1)), What::WrongFileName);
    assert_eq!(
        refusal(&text.replacen("kettle_2.0.0_21.patch", "lamp_2.0.0_21.patch", 1)),
        What::WrongFileName
    );
    assert_eq!(
        refusal(&text.replacen(r#""source":"""#, r#""source":"00""#, 1)),
        What::BadValue
    );
}

#[test]
fn image_for_one_address_is_not_taken_for_any() {
    let mut document = document();
    document.components[0].images[0].address = Address::At(0x8000);
    let bytes = document.emit().unwrap();
    assert!(
        core::str::from_utf8(&bytes)
            .unwrap()
            .contains(r#""address":"0x00008000""#)
    );
    assert_eq!(Release::parse(&mut bytes.as_slice(), &wanted()).unwrap().image, None);
}

/// Each row: what is replaced, by what, and why it is refused then.
const REFUSALS: [(&str, &str, What); 58] = [
    (
        r#""_type":"tuffet-release""#,
        r#""_type":"tuffet-rollout""#,
        What::WrongType,
    ),
    (r#""_type":"tuffet-release","#, "", What::MissingField),
    (r#""format":0"#, r#""format":1"#, What::UnknownFormat),
    (r#""format":0"#, r#""format":"0""#, What::UnknownFormat),
    (r#""encryption":"""#, r#""encryption":"aes""#, What::EncryptionNotEmpty),
    (r#""encryption":"""#, r#""encryption":{}"#, What::EncryptionNotEmpty),
    (r#""encryption":"""#, r#""encryption":null"#, What::EncryptionNotEmpty),
    (r#""layout":"""#, r#""layout":"single""#, What::LayoutNotEmpty),
    (r#""layout":"""#, r#""layout":[]"#, What::LayoutNotEmpty),
    (r#""attempt":1"#, r#""attempt":0"#, What::BadValue),
    (r#""attempt":1"#, r#""attempt":4294967296"#, What::BadValue),
    (r#""attempt":1"#, r#""attempt":"1""#, What::BadValue),
    (r#""attempt":1,"#, "", What::MissingField),
    (r#""attempt":1,"#, r#""attempt":1,"batch":7,"#, What::UnknownField),
    (r#""class":"security""#, r#""class":"urgent""#, What::BadValue),
    (
        r#""version":"2.0.0"}"#,
        r#""version":"2.0.0","zone":1}"#,
        What::UnknownField,
    ),
    (r#""version":"2.0.0"}"#, r#""version":"2.0"}"#, What::BadValue),
    (r#""version":"2.0.0"}"#, r#""version":"02.0.0"}"#, What::BadValue),
    (r#""version":"2.0.0"}"#, r#""version":["2.0.0"]}"#, What::UnknownField),
    (r#""rollback":false"#, r#""rollback":0"#, What::BadValue),
    (r#""product":"kettle""#, r#""product":"ketтle""#, What::BadValue),
    (r#""product":"kettle""#, r#""product":"root""#, What::BadValue),
    (r#""product":"kettle""#, r#""product":"teapot""#, What::WrongFileName),
    (
        r#""released":"2026-11-22T08:00:00Z""#,
        r#""released":"2026-11-22T08:00:00.5Z""#,
        What::BadValue,
    ),
    (
        r#""install_by":"2026-12-31T00:00:00Z""#,
        r#""install_by":null"#,
        What::BadValue,
    ),
    (
        r#""interruption":{"seconds":30}"#,
        r#""interruption":{}"#,
        What::MissingField,
    ),
    (
        r#""interruption":{"seconds":30}"#,
        r#""interruption":{"hours":1,"seconds":30}"#,
        What::UnknownField,
    ),
    (
        r#""interruption":{"seconds":30}"#,
        r#""interruption":30"#,
        What::BadValue,
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""rule":"required""#,
        What::MissingField,
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""rule":"required","wait_max_days":65536"#,
        What::BadValue,
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""rule":"required","wait_max_days":-1"#,
        What::Json(tuffet_wire::Fault::NumberForm),
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""rule":"none","wait_max_days":14"#,
        What::UnknownField,
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""wait_max_days":14"#,
        What::MissingField,
    ),
    (
        r#""rule":"required","wait_max_days":14"#,
        r#""percent":5,"rule":"required","wait_max_days":14"#,
        What::UnknownField,
    ),
    (r#"["1.2.0","1.5.0"]"#, r#"["1.5.0","1.2.0"]"#, What::OutOfOrder),
    (r#"["1.2.0","1.5.0"]"#, r#"["1.5.0","1.5.0"]"#, What::OutOfOrder),
    (
        r#"["1.2.0","1.5.0"]"#,
        r#"["0.0.1","0.0.2","0.0.3","0.0.4","0.0.5","0.0.6","0.0.7","0.0.8","0.0.9"]"#,
        What::TooMany,
    ),
    (r#"["1.2.0","1.5.0"]"#, r#"[["1.2.0"]]"#, What::UnknownField),
    (r#""end":"2031-12-31T00:00:00Z","#, "", What::MissingField),
    (
        r#""name":"kettle_support.json""#,
        r#""name":"kettle_help.json""#,
        What::WrongFileName,
    ),
    (
        r#""name":"kettle_2.0.0.spdx.json""#,
        r#""name":"kettle_2.0.0.spdx.xml""#,
        What::WrongFileName,
    ),
    (
        r#""name":"kettle_2.0.0_s2.zst""#,
        r#""name":"teapot_2.0.0_s2.zst""#,
        What::WrongFileName,
    ),
    (
        r#""name":"kettle_2.0.0_s2.zst""#,
        r#""name":"kettle_2.0.0_s2.bin""#,
        What::WrongFileName,
    ),
    (
        r#""name":"kettle_2.0.0_s2.zst""#,
        r#""name":"../kettle_2.0.0_s2.zst""#,
        What::BadValue,
    ),
    (
        r#""name":"kettle_2.0.0_s2.zst""#,
        r#""name":"kettle.zst""#,
        What::WrongFileName,
    ),
    (r#""hardware":"s2""#, r#""hardware":"c3""#, What::DuplicateImage),
    (r#""hardware":"s2""#, r#""hardware":"c2""#, What::OutOfOrder),
    (
        r#""hardware":"c3","length":90000"#,
        r#""hardware":"c3","length":0"#,
        What::BadValue,
    ),
    (
        r#""hardware":"c3","length":90000"#,
        r#""hardware":"c3","length":90000,"model":[]"#,
        What::UnknownField,
    ),
    (
        r#""hardware":"c3","length":90000"#,
        r#""hardware":"c3""#,
        What::MissingField,
    ),
    (r#""address":"any""#, r#""address":"0x8000""#, What::BadValue),
    (r#""components":["#, r#""components":[1,"#, What::UnknownField),
    (
        r#""cves":["CVE-2026-12345"]"#,
        r#""cves":["2026-12345"]"#,
        What::BadValue,
    ),
    (r#""cves":["CVE-2026-12345"],"#, "", What::MissingField),
    (r#""risk":"high","#, "", What::MissingField),
    (r#""advisory":{"#, r#""advisory":1,"advisorz":{"#, What::BadValue),
    (r#""sbom":{"#, r#""sbom":"x","sbon":{"#, What::BadValue),
    (
        r#""attempt":1"#,
        r#""attempt":1 "#,
        What::Json(tuffet_wire::Fault::UnexpectedByte),
    ),
];

#[test]
fn refusals() {
    let text = text();
    for (from, to, what) in REFUSALS {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the document");
        assert_eq!(refusal(&changed), what, "{from} became {to}");
    }
}

#[test]
fn security_release_needs_an_advisory() {
    let mut document = document();
    document.advisory = None;
    let without = |document: &ReleaseDocument| match document.emit() {
        Err(ModelError::Read(ReadError::Malformed(malformed))) => malformed.what,
        other => panic!("{other:?}"),
    };
    assert_eq!(without(&document), What::SecurityWithoutAdvisory);
    document.class = Class::Feature;
    document.emit().unwrap();
    document.advisory = Some(Advisory {
        cves: vec![],
        risk: String::new(),
        text: String::new(),
    });
    assert_eq!(without(&document), What::BadValue, "an advisory without a text is none");
}

#[test]
fn advisory_may_be_long_and_the_document_not() {
    let mut document = document();
    let set = |document: &mut ReleaseDocument, length| document.advisory.as_mut().unwrap().text = "x".repeat(length);
    set(&mut document, 4000);
    let bytes = document.emit().unwrap();
    assert!(Release::parse(&mut bytes.as_slice(), &wanted()).unwrap().advised);
    assert_eq!(ReleaseDocument::parse(&bytes).unwrap(), document);

    let room = DOCUMENT_BYTES_MAX as usize - bytes.len();
    set(&mut document, 4000 + room);
    assert_eq!(document.emit().unwrap().len(), DOCUMENT_BYTES_MAX as usize);
    set(&mut document, 4001 + room);
    let too_long = ReadError::TooLong {
        bytes_max: DOCUMENT_BYTES_MAX,
    };
    assert!(matches!(document.emit(), Err(ModelError::Read(error)) if error == too_long));
}

#[test]
fn lists_are_bounded() {
    let mut document = document();
    document.components[0].images = (0..=IMAGES_MAX)
        .map(|number| ImageEntry {
            patches: Vec::new(),
            ..image(1, &format!("c{number:02}"))
        })
        .collect();
    let what = |document: &ReleaseDocument| match document.emit() {
        Err(ModelError::Read(ReadError::Malformed(malformed))) => malformed.what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(&document), What::TooMany);
    document.components[0].images.pop();
    document.emit().unwrap();
    document.components[0].images.truncate(1);
    document.components = (0..=COMPONENTS_MAX)
        .map(|number| Component {
            images: vec![],
            name: id(&format!("c{number}")),
        })
        .collect();
    assert_eq!(what(&document), What::TooMany);
}

#[test]
fn unknown_rule_is_read_and_waits_but_is_not_written() {
    let known = r#"{"rule":"required","wait_max_days":14}"#;
    for later in [
        r#"{"percent":5,"rule":"lottery"}"#,
        r#"{"at":{"a":[1]},"rule":"moon","wait_max_days":"x"}"#,
    ] {
        let text = text().replacen(known, later, 1);
        assert_eq!(
            Release::parse(&mut text.as_bytes(), &wanted()).unwrap().rule,
            Rule::Unknown
        );
        let document = ReleaseDocument::parse(text.as_bytes()).unwrap();
        assert_eq!(document.rollout, Rule::Unknown);
        assert!(matches!(document.emit(), Err(ModelError::Emit(_))));
    }
}

/// Lends its bytes a few at a time, as a flash driver does, and may fail.
struct Slow<'a> {
    bytes: &'a [u8],
    step: usize,
    fails_at: u32,
}

impl Document for Slow<'_> {
    type Error = &'static str;

    fn length(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn chunk(&mut self, offset: u32) -> Result<&[u8], Self::Error> {
        if offset >= self.fails_at {
            return Err("flash");
        }
        let rest = &self.bytes[offset as usize..];
        Ok(&rest[..self.step.min(rest.len())])
    }
}

#[test]
fn chunks_of_any_size() {
    let bytes = document().emit().unwrap();
    for step in [1, 2, 7, 64, 1000] {
        let mut slow = Slow {
            bytes: &bytes,
            step,
            fails_at: u32::MAX,
        };
        assert_eq!(Release::parse(&mut slow, &wanted()), Ok(release()));
    }
    let mut failing = Slow {
        bytes: &bytes,
        step: 64,
        fails_at: 640,
    };
    assert_eq!(
        Release::parse(&mut failing, &wanted()),
        Err(ReadError::Storage("flash"))
    );
    let mut shrunk = Slow {
        bytes: &bytes,
        step: 0,
        fails_at: u32::MAX,
    };
    let truncated = Malformed {
        at: 0,
        what: What::Json(tuffet_wire::Fault::Truncated),
    };
    assert_eq!(
        Release::parse(&mut shrunk, &wanted()),
        Err(ReadError::Malformed(truncated))
    );
}

#[test]
fn every_truncation_is_refused() {
    let bytes = document().emit().unwrap();
    for length in 0..bytes.len() {
        let outcome: Result<Release, ReadError<Infallible>> = Release::parse(&mut &bytes[..length], &wanted());
        assert!(matches!(outcome, Err(ReadError::Malformed(_))), "{length} bytes");
    }
}

#[test]
fn ids_and_names() {
    assert_eq!(Id::parse("").unwrap_err(), IdError::Empty);
    assert_eq!(Id::parse("timestamp").unwrap_err(), IdError::Reserved);
    assert_eq!(Id::parse("a_b").unwrap_err(), IdError::BadByte { at: 1 });
    assert_eq!(Id::parse("Kettle").unwrap_err(), IdError::BadByte { at: 0 });
    assert_eq!(Id::parse(&"a".repeat(25)).unwrap_err(), IdError::TooLong { length: 25 });
    let long = id(&"a".repeat(24));
    let longest = Version {
        major: u32::MAX,
        minor: u32::MAX,
        patch: u32::MAX,
    };
    assert_eq!(
        names::pointer(&long, &long, &long).as_str(),
        format!("{long}_{long}_{long}.release")
    );
    assert_eq!(
        names::rollout(&long, &long, &long).as_str(),
        format!("{long}_{long}_{long}.rollout")
    );
    assert_eq!(
        names::image(&long, &longest, &long, Address::Any).as_str(),
        format!("{long}_{longest}_{long}.zst")
    );
    assert_eq!(
        names::image(&long, &longest, &long, Address::At(0x8000)).as_str(),
        format!("{long}_{longest}_{long}_00008000.zst")
    );
    assert_eq!(
        names::patch(&long, &longest, &[0xab; 32], Some(&[7; 32])).as_str(),
        format!("{long}_{longest}_abababab_07070707.patch")
    );
    assert_eq!(
        names::patch(&long, &longest, &[0xab; 32], None).as_str(),
        format!("{long}_{longest}_abababab_full.patch")
    );
    assert_eq!(names::support(&id("kettle")).as_str(), "kettle_support.json");
    for bad in ["", ".hidden", "a/b", "a\\b", "A", "a b"] {
        assert_eq!(Name::parse(bad), None, "{bad}");
    }
    for bad in [
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "+1.2.3",
        "1.2.3-rc1",
        "1.2.",
        "4294967296.0.0",
        "1.2.x",
    ] {
        assert_eq!(Version::parse(bad), None, "{bad}");
    }
    assert!(version("1.10.0") > version("1.9.9"));
}
