//! `cargo xtask recover --port PATH --image FILE`: brings a device that boots nothing the image that it wants.
//!
//! - The protocol is that of `tuffet_no_std_client::recovery`. The device takes only the image whose digest its boot record
//!   pins; another one is refused here, before a byte of it is sent.
//! - The port is a serial device, a pseudo terminal, or a Unix socket, such as an emulator has.
//! - Without `--image` it says what the device wants.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tuffet_no_std_client::recovery::{Offer, RecoveryNak, SendError, Unwilling, ask, send};
use tuffet_no_std_client::wire::hex::Hex;

use crate::failure::{Blame, Failure, conclude};
use crate::port::{Port, PortError};

/// Bring a device that boots nothing its image again.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The line to the device: a serial device, a pseudo terminal, or a Unix socket.
    #[arg(long, value_name = "PATH")]
    port: PathBuf,
    /// Bits a second of a serial device; other ports have none.
    #[arg(long, default_value_t = 115_200, value_name = "BAUD")]
    baud: u32,
    /// The image, as it lies in the slot; without it, only ask what the device wants.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// How many seconds a device may be silent.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    patience: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

/// Silences a second: what a read of a port waits for is half of one.
const SILENCES_PER_S: u32 = 2;

/// Brings the image, or asks.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let image = arguments.image.as_deref().map(read).transpose()?;
    let mut port = Port::open(&arguments.port, arguments.baud)
        .map_err(|error| Failure::file("cannot open the line", &arguments.port, &error))?;
    let silences_max = arguments.patience.saturating_mul(SILENCES_PER_S);
    let brought = match &image {
        Some(image) => bring(&mut port, image, silences_max),
        None => ask(&mut port, silences_max).map(|offer| {
            println!("{}", wish(&offer));
            json!({ "reason": name(offer.reason), "length": offer.length, "digest": Hex(&offer.digest).to_string() })
        }),
    };
    let (verdict, report) = match brought {
        Ok(report) => (Ok(()), report),
        Err(error) => (Err(failure(&error, &arguments.port)), json!({ "code": code(&error) })),
    };
    conclude(verdict, arguments.json.then_some(report))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::file("cannot read the image", path, &error))
}

fn bring(port: &mut Port, image: &[u8], silences_max: u32) -> Result<Value, SendError<PortError>> {
    let mut tenths = 0;
    send(port, image, silences_max, &mut |taken_bytes| {
        let now = u64::from(taken_bytes) * 10 / (image.len() as u64).max(1);
        if now > tenths {
            tenths = now;
            eprintln!("recover: {taken_bytes} of {} bytes", image.len());
        }
    })?;
    println!("the device holds the image of {} bytes, and restarts", image.len());
    Ok(json!({ "bytes": image.len() }))
}

fn wish(offer: &Offer) -> String {
    if offer.length == 0 {
        return format!("the device takes nothing: {}", text(offer.reason));
    }
    format!(
        "the device wants an image of {} bytes with the SHA-256 digest {}; it has {} of them",
        offer.length,
        Hex(&offer.digest),
        offer.taken_bytes
    )
}

fn text(reason: Unwilling) -> &'static str {
    match reason {
        Unwilling::BelowCounter => "its image is older than its counter allows; only the factory can help",
        Unwilling::Damaged => "its boot record is damaged; only the factory can help",
        Unwilling::Mismatch => "the image that it wants does not fit its slot",
        Unwilling::Other => "it gives a reason that this program does not know",
        Unwilling::Unprovisioned => "it was never provisioned",
    }
}

fn name(reason: Unwilling) -> &'static str {
    match reason {
        Unwilling::BelowCounter => "BelowCounter",
        Unwilling::Damaged => "Damaged",
        Unwilling::Mismatch => "Mismatch",
        Unwilling::Other => "Other",
        Unwilling::Unprovisioned => "Unprovisioned",
    }
}

/// The code that the device sent, or would send; 0 if it is none of its.
fn code(error: &SendError<PortError>) -> u16 {
    if let SendError::Refused { code } = error {
        return *code;
    }
    if matches!(error, SendError::TakesNothing { .. }) {
        return RecoveryNak::TakesNothing.code();
    }
    0
}

fn failure(error: &SendError<PortError>, port: &Path) -> Failure {
    let port = port.display();
    match error {
        SendError::BehindEnd { offset } => Failure::refused(format!(
            "the device wants the byte at {offset}, which is behind the image; it does not keep to the protocol"
        )),
        SendError::EndUnheard { taken_bytes } => Failure::new(
            Blame::Network,
            format!(
                "the device took {taken_bytes} bytes, was sent the rest, and did not say whether it holds the image; see \
                 whether it starts, else run this again"
            ),
        ),
        SendError::Line(PortError { reason }) => Failure::new(
            Blame::Network,
            format!("the line {port} failed: {reason}; see that it is plugged in and that nobody else uses it"),
        ),
        SendError::Refused { code } => {
            let known = RecoveryNak::ALL.into_iter().find(|nak| nak.code() == *code);
            let name = known.map_or("unknown", RecoveryNak::name);
            Failure::refused(format!(
                "the device refuses the image ({code} {name}); after Flash or Digest its flash is likely worn, after OutOfOrder \
                 it lost its power again and again"
            ))
        }
        SendError::Silent => Failure::new(
            Blame::Network,
            format!("no device says anything on {port}; see that it is on, in recovery, and at the same speed"),
        ),
        SendError::Stalled { taken_bytes } => Failure::new(
            Blame::Network,
            format!("the device took {taken_bytes} bytes and says nothing more; run this again, it goes on from there"),
        ),
        SendError::TakesNothing { reason } => Failure::new(
            Blame::WrongState,
            format!("the device takes nothing: {}", text(*reason)),
        ),
        SendError::WrongImage { wanted, offered } => Failure::refused(format!(
            "this is not the image that the device takes: it wants the one with the SHA-256 digest {}, and this one has {}; \
             nothing was sent",
            Hex(wanted),
            Hex(offered)
        )),
        _ => Failure::refused(format!("{error:?}")),
    }
}
