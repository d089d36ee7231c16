//! The release document: what is read is written back byte for byte, and devices and vendors agree on what is readable.

use tuffet_release::{Id, ModelError, Profile, Release, ReleaseDocument, Rule, Wanted};

/// The bytes are a document.
pub fn run(data: &[u8]) {
    let hardware = Id::parse("c3").expect("it is an id");
    let on_device = Release::parse(&mut &*data, &Wanted::firmware(hardware, Profile::Small));
    match ReleaseDocument::parse(data) {
        Ok(document) => {
            let on_device = on_device.expect("what a vendor reads, a device reads");
            assert_eq!(on_device.version, document.version);
            assert_eq!(on_device.product, document.product);
            assert_eq!(on_device.security_version, document.security_version);
            if document.rollout != Rule::Unknown {
                assert_eq!(
                    document.emit().expect("it was read"),
                    data,
                    "two spellings of one document"
                );
            }
        }
        Err(ModelError::Shape(error)) => panic!("the strict parser took what the model does not fit: {error}"),
        Err(_) => assert!(on_device.is_err(), "a device reads what no vendor wrote"),
    }
}
