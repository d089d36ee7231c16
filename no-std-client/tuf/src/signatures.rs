//! From a claim to a proof: the one place where signatures are counted.
//!
//! - [`Claim`] is what a document says of itself, [`Verified`] the same of one whose signatures reached the threshold. There is
//!   one way from the first to the second, and it is no copy: a small part has neither flash nor stack for one.
//! - What else was taken out is [`Claimed`], and is shown to who has a proof: that it is the proof of the same file is up to the step
//!   that read both.
//! - One function counts for every role. A public key counts once, whatever ids it goes by.
//! - What is signed is the canonical form of `signed`, taken from the bytes as received.
//! - Signatures are tried one after another, each over its own pass, so that memory does not grow with the threshold.
//!   All passes have to see the same bytes.

use crate::{
    algorithms::PublicKey,
    keys::{Authority, Counted, KnownKey},
    read::{Body, Flawed, Place, Received, Spot, Wanted},
    reading::{Parts, Reading},
    state::FileFacts,
    whose::{Error, Rejected},
};
use tuffet_wire::{Container, Digest, Document, Path, Scalar, Sink, Text};

/// What a file says of itself. It is read in its place, and a proof makes it [`Verified`] there.
#[derive(Debug)]
pub(crate) struct Claim(Verified);

impl Claim {
    /// Of nothing yet.
    pub fn none() -> Self {
        Self(Verified(FileFacts::NONE))
    }

    /// What the file says.
    pub fn facts(&self) -> &FileFacts {
        &self.0.0
    }

    /// Where the reader puts it.
    pub fn facts_mut(&mut self) -> &mut FileFacts {
        &mut self.0.0
    }
}

/// What was taken out of a file, to be looked at with the proof of that file.
#[derive(Clone, Debug)]
pub(crate) struct Claimed<C>(C);

impl<C> Claimed<C> {
    pub fn new(content: C) -> Self {
        Self(content)
    }

    /// Where the reader puts it.
    pub fn content_mut(&mut self) -> &mut C {
        &mut self.0
    }

    /// What was taken out, for who has the proof of the file.
    pub fn content(&self, _proof: &Verified) -> &C {
        &self.0
    }
}

/// The facts about a file, after its proof.
///
/// One function hands it out, which counts the signatures or compares with what was verified before, and nothing makes or changes one
/// from outside:
///
/// ```compile_fail
/// let forged = tuffet_tuf::Verified(todo!());
/// ```
///
/// ```compile_fail
/// let forged: tuffet_tuf::Verified = Default::default();
/// ```
#[derive(Clone, Debug)]
pub struct Verified(FileFacts);

impl Verified {
    /// The facts to remember of the file.
    pub fn file(&self) -> &FileFacts {
        &self.0
    }
}

/// What makes a claim a proof.
#[derive(Copy, Clone)]
pub(crate) enum Proof<'a, R: Reading> {
    /// Every one of these reached its threshold.
    Signatures(&'a [Authority<'a, R>]),
    /// These very bytes were verified before: in this session, or by the session that wrote the trusted state.
    SameBytes(&'a FileFacts),
}

/// Takes out of a file what `body` is for, and holds it against its proof.
#[inline(never)]
pub(crate) fn verify<'c, R: Reading, D: Document>(
    document: &mut D,
    wanted: Wanted<'_, R>,
    claim: &'c mut Claim,
    body: &mut dyn Body,
    proof: Proof<'_, R>,
) -> Result<&'c Verified, Error<D::Error>> {
    let mut received = Received::new(document, wanted);
    received.read(claim, body)?;
    prove(&mut received, claim, proof)
}

/// Holds a file against a proof, whatever was taken out of it.
#[inline(never)]
pub(crate) fn prove<'c, R: Reading, D: Document>(
    received: &mut Received<'_, R, D>,
    claim: &'c Claim,
    proof: Proof<'_, R>,
) -> Result<&'c Verified, Error<D::Error>> {
    let role = received.role();
    match proof {
        Proof::Signatures([]) => {
            let (needed, valid) = (1, 0);
            let rejected = Rejected::TooFewSignatures { role, needed, valid };
            return Err(received.refuse(rejected).into());
        }
        Proof::Signatures(authorities) => {
            for authority in authorities {
                count(received, *authority)?;
            }
        }
        Proof::SameBytes(known) if known.digest == claim.facts().digest => {}
        Proof::SameBytes(_) => return Err(received.refuse(Rejected::WrongDigest { role }).into()),
    }
    Ok(&claim.0)
}

/// §5.3.4, §5.4.2, §5.5.3, §5.6.3: as many different keys of the role as its threshold says made a valid signature.
///
/// A signature that does not verify, or is no signature at all, counts for nothing, and is no reason to stop.
fn count<R: Reading, D: Document>(
    received: &mut Received<'_, R, D>,
    authority: Authority<'_, R>,
) -> Result<(), Error<D::Error>> {
    let role = received.role();
    let needed = authority.signers.threshold;
    let mut counted = Counted::default();
    for (position, key) in authority.members() {
        if counted.keys() >= needed {
            break;
        }
        if is_signed_by(received, key)? {
            counted.add(authority, position, key);
        }
    }
    let valid = counted.keys();
    // A threshold of zero is refused where it is read; nothing unsigned passes here in any case.
    if valid >= needed && valid > 0 {
        Ok(())
    } else {
        Err(received
            .refuse(Rejected::TooFewSignatures { role, needed, valid })
            .into())
    }
}

/// The check of one signature of a key of this reading.
type Verifier<R> = <<R as Parts>::Key as PublicKey>::Verifier;

/// Whether one key signed a document.
///
/// The verifier stands in this frame alone. Scanner and hash are gone from the stack when the verdict needs it.
#[inline(never)]
fn is_signed_by<R: Reading, D: Document>(
    received: &mut Received<'_, R, D>,
    key: &KnownKey<R>,
) -> Result<bool, Error<D::Error>> {
    let mut sink = SignedPart {
        key,
        is_its_signature: false,
        is_signed_part: false,
        verifier: None,
    };
    received.pass(&mut sink, &mut Digest::default())?;
    Ok(sink.verifier.is_some_and(R::Key::is_valid))
}

/// Where a path leads, as far as it is the same in all files.
fn place(path: &Path<'_>) -> Place {
    Spot::of(path, &[], None).place
}

/// Looks for the signature of one key, then hands `signed` to its verifier.
// Ordered for a small processor: docs/small-device.md says how.
#[repr(C)]
struct SignedPart<'a, R: Reading> {
    key: &'a KnownKey<R>,
    is_its_signature: bool,
    is_signed_part: bool,
    verifier: Option<Verifier<R>>,
}

#[allow(clippy::wildcard_enum_match_arm, reason = "it looks at three places of a file")]
impl<R: Reading> Sink for SignedPart<'_, R> {
    type Refusal = Flawed;

    fn open(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        match place(path) {
            Place::Signature => self.is_its_signature = false,
            Place::Signed => self.is_signed_part = true,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        if let Scalar::String(Text::Whole(text)) = value {
            match place(path) {
                // It comes before the signature itself.
                Place::SignatureKeyid => self.is_its_signature = R::key_id(text) == Some(self.key.id),
                Place::SignatureSig if self.is_its_signature => self.verifier = self.key.public.begin(text),
                _ => {}
            }
        }
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        if place(path) == Place::Signed {
            self.is_signed_part = false;
        }
        Ok(())
    }

    fn canonical(&mut self, bytes: &[u8]) {
        if self.is_signed_part
            && let Some(verifier) = &mut self.verifier
        {
            R::Key::update(verifier, bytes);
        }
    }
}
