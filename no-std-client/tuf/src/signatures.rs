//! From a claim to a proof: the one place where signatures are counted.
//!
//! - [`Unverified`] is a document that claims to be a role's file, [`Verified`] is one whose signatures reached the
//!   threshold. There is one way from the first to the second.
//! - One function counts for every role. A public key counts once, whatever ids it goes by.
//! - What is signed is the canonical form of `signed`, taken from the bytes as received.
//! - Signatures are tried one after another, each over its own pass, so that memory does not grow with the threshold.
//!   All passes have to see the same bytes.

use crate::{
    algorithms::PublicKey,
    keys::{Authority, Counted, KnownKey},
    read::{Flawed, Received},
    reading::{Parts, Reading},
    state::FileFacts,
    whose::{Error, Rejected},
};
use tuffet_wire::{Container, Document, Path, Scalar, Segment, Sink, Text};

/// A document that was read, and claims to be a role's file.
pub(crate) struct Unverified<'a, 'd, R: Reading, D: Document, C> {
    pub received: &'a mut Received<'d, R, D>,
    pub file: FileFacts,
    pub content: C,
}

/// What is left of a file after its proof: the facts about it and what was taken out of it.
///
/// It has one constructor, which counts the signatures, and nothing makes or changes one from outside:
///
/// ```compile_fail
/// let forged = tuffet_tuf::Verified { file: todo!(), content: () };
/// ```
///
/// ```compile_fail
/// let forged: tuffet_tuf::Verified<()> = Default::default();
/// ```
#[derive(Clone, Debug)]
pub struct Verified<C> {
    file: FileFacts,
    content: C,
}

/// What makes a claim a proof.
pub(crate) enum Proof<'a, R: Reading> {
    /// Every one of these reached its threshold.
    Signatures(&'a [Authority<'a, R>]),
    /// These very bytes were verified before: in this session, or by the session that wrote the trusted state.
    SameBytes(&'a FileFacts),
}

impl<R: Reading, D: Document, C> Unverified<'_, '_, R, D, C> {
    /// Holds the claim against a proof.
    pub fn verify(self, proof: Proof<'_, R>) -> Result<Verified<C>, Error<D::Error>> {
        let Self {
            received,
            file,
            content,
        } = self;
        prove(received, &file, &proof)?;
        Ok(Verified { file, content })
    }
}

impl<C> Verified<C> {
    /// The facts to remember of the file.
    pub fn file(&self) -> &FileFacts {
        &self.file
    }

    /// What was taken out of the file.
    pub fn content(&self) -> &C {
        &self.content
    }

    /// The proof, and apart from it what was taken out.
    pub(crate) fn split(self) -> (Verified<()>, C) {
        (
            Verified {
                file: self.file,
                content: (),
            },
            self.content,
        )
    }
}

/// Holds a file against a proof, whatever was taken out of it.
#[inline(never)]
fn prove<R: Reading, D: Document>(
    received: &mut Received<'_, R, D>,
    file: &FileFacts,
    proof: &Proof<'_, R>,
) -> Result<(), Error<D::Error>> {
    let role = received.role();
    match proof {
        Proof::Signatures([]) => {
            let (needed, valid) = (1, 0);
            Err(received
                .refuse(Rejected::TooFewSignatures { role, needed, valid })
                .into())
        }
        Proof::Signatures(authorities) => {
            for authority in *authorities {
                count(received, *authority)?;
            }
            Ok(())
        }
        Proof::SameBytes(known) if known.digest == file.digest => Ok(()),
        Proof::SameBytes(_) => Err(received.refuse(Rejected::WrongDigest { role }).into()),
    }
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
    received.pass(&mut sink)?;
    Ok(sink.verifier.is_some_and(R::Key::is_valid))
}

/// Looks for the signature of one key, then hands `signed` to its verifier.
struct SignedPart<'a, R: Reading> {
    key: &'a KnownKey<R>,
    is_its_signature: bool,
    is_signed_part: bool,
    verifier: Option<Verifier<R>>,
}

impl<R: Reading> Sink for SignedPart<'_, R> {
    type Refusal = Flawed;

    fn open(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        match path.segments() {
            [Segment::Key("signatures"), Segment::Index(_)] => self.is_its_signature = false,
            [Segment::Key("signed")] => self.is_signed_part = true,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, path: &Path<'_>, value: Scalar<'_>) -> Result<(), Flawed> {
        let Scalar::String(Text::Whole(text)) = value else {
            return Ok(());
        };
        match path.segments() {
            // `keyid` comes before `sig`.
            [Segment::Key("signatures"), Segment::Index(_), Segment::Key("keyid")] => {
                self.is_its_signature = R::key_id(text) == Some(self.key.id);
            }
            [Segment::Key("signatures"), Segment::Index(_), Segment::Key("sig")] if self.is_its_signature => {
                self.verifier = self.key.public.begin(text);
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: &Path<'_>, _kind: Container) -> Result<(), Flawed> {
        if let [Segment::Key("signed")] = path.segments() {
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
