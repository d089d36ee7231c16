//! A NOR flash in memory whose power can be cut: the specification of what an update may rely on, and of what a cut may
//! leave.
//!
//! What a part promises, and the model holds the code under test to. A breach is a bug of that code and no error that it
//! could handle, so the model panics:
//!
//! - Reads are aligned to 4 bytes, writes to write units, erases to erase units; all stay inside the part; no erase is
//!   empty.
//! - A write only clears bits: the cells then hold `old & new`. A byte that is `0xFF` leaves what is there; any other byte
//!   that would need a 0 turned into a 1 is a breach.
//! - Between two erases a write unit is written once, or twice where the part allows it
//!   ([`Nor::with_writes_per_unit`]). After the power comes back only the contents tell, as on a device: a unit that does
//!   not read as all ones is used up.
//!
//! What is one operation: a write call, however long, and each erase unit of an erase call. The power is cut at one
//! operation, before, inside or after it ([`Tear`]). Whatever was done before is there; nothing behind it has begun. What
//! the operation itself leaves is within its own range:
//!
//! | Operation | Not begun, or done unheard of | First units | One unit half way | Anything |
//! |---|---|---|---|---|
//! | write | `Before`, `After` | `Programmed`: whole write units, in order | `Programming`: and in the next unit any of the bits that it was to clear | `Bits`: any of the bits that the write was to clear, as in a part that programs a page at once |
//! | erase | `Before`, `After` | `ErasedHead`, `ErasedTail`: some bytes are erased, the others old | | `Bits`: any of the bits that the erase was to set; `Unstable`: they read differently each time until they are erased again, and writing to them is a breach |
//!
//! From the cut on every access gives [`NorError::PowerIsOff`] and is counted, so that code which goes on blindly is seen.
//!
//! A test has its cuts in one of two ways. Live: [`Nor::cut_at`], and the update runs into it. From a record:
//! [`Nor::record`] before the update, then [`Journal::cuts`] gives what every cut would have left, without an update for
//! each. The wear is counted all the time ([`Nor::tally`]).
//!
//! What may go wrong while the power stays:
//!
//! | | |
//! |---|---|
//! | an operation fails and says so ([`Nor::fail`]) | once, or all from one on; it leaves what a tear of it leaves; the error is [`NorError::EraseFailed`] or [`NorError::ProgramFailed`] |
//! | an erase unit is stuck ([`Nor::stick`]) | erases and writes there say that they are done, and change nothing |
//! | an erase unit is worn out ([`Nor::refuse`]) | the same, but they say that they failed |
//! | a word cannot be read ([`Nor::spoil`]) | a read that meets it says [`NorError::Unreadable`]; for some readings, until it is erased, or for good |
//! | a bit rots ([`Nor::rot`]) | at any place, written or erased |
//!
//! Write units of 4, 8, 16 and 32 bytes are used, and any other power of two may be. Erased cells read as ones. A part whose erased
//! cells read as zeros is no other model: `NorFlash` promises ones, so its driver inverts every byte on the way, both ways.
//!
//! Not modelled: a *write* that was cut and reads differently each time; `Bits` and `Programming` throw their coin once, at the
//! cut. Wear that shows only as time passes.
//!
//! ```
//! use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
//! use tuffet_integration::nor::{Cut, NorError, SmallNor, Tear};
//!
//! let mut flash = SmallNor::new(2 * 1024);
//! flash.cut_at(Cut { operation: 1, tear: Tear::Programmed { units: 1 } });
//! assert_eq!(flash.erase(0, 1024), Ok(()));
//! assert_eq!(flash.write(0, b"12345678"), Err(NorError::PowerIsOff));
//!
//! let mut flash = SmallNor::with_contents(flash.into_contents());
//! let mut bytes = [0; 8];
//! flash.read(0, &mut bytes).unwrap();
//! assert_eq!(&bytes, b"1234\xFF\xFF\xFF\xFF");
//! ```

mod fault;
mod journal;
mod part;
mod random;
mod tally;
mod tear;

#[cfg(test)]
mod tests;

pub use fault::Fault;
use fault::Unstable;
pub use journal::{CutPoint, Journal, Operation};
pub use part::{Nor, NorError, Unreadable};
pub use random::Random;
pub use tally::{Region, Tally, Wear};
pub use tear::{Cut, Kind, Tear, Tears};

/// A small microcontroller's own flash, like the nRF51's: 4 byte writes, 1 KiB erases.
pub type SmallNor = Nor<4, 1_024>;

/// A larger one, which corrects errors in words of 8 bytes: 8 byte writes, 4 KiB erases.
pub type LargeNor = Nor<8, 4_096>;

/// What erased cells read as.
const ERASED: u8 = 0xFF;

/// The smallest read.
const READ_BYTES: usize = 4;
