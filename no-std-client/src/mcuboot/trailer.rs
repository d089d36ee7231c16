//! The trailer at the end of a slot, as `docs/design.md` of MCUboot draws it.
//!
//! ```text
//!   from the end of the slot, for the largest alignment a that MCUboot is built with (BOOT_MAX_ALIGN: 8, 16 or 32)
//!                          a = 8     a = 16    a = 32
//!   swap status            in front of what follows: 3 * sectors * write unit; MCUboot's own
//!   swap size   4 bytes    48        80        160
//!   swap info   1 byte     40        64        128       type in the low four bits, image number in the high ones
//!   copy done   1 byte     32        48         96       1, or erased
//!   image ok    1 byte     24        32         64       1, or erased
//!   magic      16 bytes    16        16         16
//! ```
//!
//! Each of the flags is written once, in a write unit of its own; the magic is padded in front to a multiple of a.

use crate::flash::{Region, RegionError};
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash as _};

/// Bytes at the end of a slot in which all fields are, whatever the alignment; MCUboot's swap status is in front of them.
pub const INFO_BYTES: u32 = 192;

const MAGIC_BYTES: u32 = 16;
/// Longest piece that is written: a padded magic.
const WRITE_BYTES_MAX: usize = 32;
const ERASED: u8 = 0xFF;
const SET: u8 = 1;

/// What MCUboot calls `BOOT_MAX_ALIGN`: the longest write unit that it is built for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum MaxAlign {
    /// 8 bytes, also for parts with shorter write units.
    Eight,
    /// 16 bytes.
    Sixteen,
    /// 32 bytes.
    ThirtyTwo,
}

/// The magic of a trailer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Magic {
    /// Something else stands there.
    Bad,
    /// It stands there.
    Good,
    /// Nothing stands there.
    Unset,
}

/// A flag of a trailer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Flag {
    /// It was written, to something that it is never set to: torn.
    Bad,
    /// It is set.
    Set,
    /// It was not written.
    Unset,
}

/// What MCUboot is asked to do, or does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SwapType {
    /// Nothing.
    None,
    /// To run the image of the secondary slot from now on.
    Permanent,
    /// To go back to the image that ran before.
    Revert,
    /// To run the image of the secondary slot once.
    Test,
}

/// What a trailer says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Whether there is one.
    pub magic: Magic,
    /// Whether the image was confirmed.
    pub image_ok: Flag,
    /// Whether the slot was swapped to its end.
    pub copy_done: Flag,
    /// The type of the swap that is asked for or was done; `None`: none is written, or one that MCUboot does not have.
    pub swap_type: Option<SwapType>,
    /// Bytes that are swapped; `None`: not written.
    pub swap_bytes: Option<u32>,
    /// Nothing of it is written.
    pub is_blank: bool,
}

impl MaxAlign {
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Eight => 8,
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }

    /// The magic that MCUboot writes and looks for: an older one for 8 bytes, and one that begins with the alignment for others.
    #[must_use]
    pub const fn magic(self) -> [u8; 16] {
        let align = match self {
            Self::Eight => {
                return [
                    0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
                ];
            }
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        };
        [
            align, 0, 0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a,
        ]
    }

    /// Bytes of a magic with its padding.
    const fn magic_bytes(self) -> u32 {
        MAGIC_BYTES.next_multiple_of(self.bytes())
    }

    /// Where a field of one alignment begins, from the end of the slot: the first one in front of the magic is `image_ok`.
    const fn field(self, before_magic: u32) -> u32 {
        self.magic_bytes()
            .saturating_add(self.bytes().saturating_mul(before_magic))
    }

    const fn image_ok(self) -> u32 {
        self.field(1)
    }

    const fn copy_done(self) -> u32 {
        self.field(2)
    }

    const fn swap_info(self) -> u32 {
        self.field(3)
    }

    const fn swap_size(self) -> u32 {
        self.field(4)
    }
}

/// What MCUboot does at the next reset, if the images are what it takes: the tables of "Image Trailers", in their order.
#[must_use]
pub const fn next_swap(primary: &Trailer, secondary: &Trailer) -> SwapType {
    match (primary, secondary) {
        (
            _,
            Trailer {
                magic: Magic::Good,
                image_ok: Flag::Unset,
                ..
            },
        ) => SwapType::Test,
        (
            _,
            Trailer {
                magic: Magic::Good,
                image_ok: Flag::Set,
                ..
            },
        ) => SwapType::Permanent,
        (
            Trailer {
                magic: Magic::Good,
                image_ok: Flag::Unset,
                copy_done: Flag::Set,
                ..
            },
            Trailer {
                magic: Magic::Unset, ..
            },
        ) => SwapType::Revert,
        _ => SwapType::None,
    }
}

impl Trailer {
    /// Reads the trailer at the end of a slot.
    pub(super) fn read<F: NorFlash>(
        slot: &mut Region<'_, F>,
        slot_bytes: u32,
        align: MaxAlign,
    ) -> Result<Self, RegionError<F::Error>> {
        let mut info = [0; 192];
        slot.read(slot_bytes.saturating_sub(INFO_BYTES), &mut info)?;
        Ok(Self::parse(&info, align))
    }

    /// Takes the last [`INFO_BYTES`] of a slot apart.
    #[must_use]
    pub fn parse(info: &[u8; 192], align: MaxAlign) -> Self {
        let at = |from_end: u32, bytes: usize| -> &[u8] {
            let start = usize::try_from(INFO_BYTES.saturating_sub(from_end)).unwrap_or(0);
            let end = start.saturating_add(bytes);
            info.get(start..end).unwrap_or_default()
        };
        let fields = at(align.swap_size(), usize::try_from(align.swap_size()).unwrap_or(0));
        let magic = at(MAGIC_BYTES, 16);
        let swap_size = <[u8; 4]>::try_from(at(align.swap_size(), 4)).unwrap_or([ERASED; 4]);
        Self {
            magic: if *magic == align.magic() {
                Magic::Good
            } else if is_erased(magic) {
                Magic::Unset
            } else {
                Magic::Bad
            },
            image_ok: flag(at(align.image_ok(), 1)),
            copy_done: flag(at(align.copy_done(), 1)),
            swap_type: swap_type(at(align.swap_info(), 1)),
            swap_bytes: (!is_erased(&swap_size)).then_some(u32::from_le_bytes(swap_size)),
            is_blank: is_erased(fields),
        }
    }
}

fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == ERASED)
}

const fn flag(byte: &[u8]) -> Flag {
    match byte {
        [SET] => Flag::Set,
        [ERASED] => Flag::Unset,
        _ => Flag::Bad,
    }
}

const fn swap_type(byte: &[u8]) -> Option<SwapType> {
    let [byte] = byte else { return None };
    Some(match *byte & 0x0F {
        1 => SwapType::None,
        2 => SwapType::Test,
        3 => SwapType::Permanent,
        4 => SwapType::Revert,
        _ => return None,
    })
}

/// The swap info that asks for a test of image number 0.
const TEST_OF_IMAGE_0: u8 = 2;

/// Asks for a test of the image in this slot. The trailer must be erased.
pub(super) fn write_test<F: NorFlash>(
    slot: &mut Region<'_, F>,
    slot_bytes: u32,
    align: MaxAlign,
) -> Result<(), RegionError<F::Error>> {
    write_flag(slot, slot_bytes.saturating_sub(align.swap_info()), TEST_OF_IMAGE_0)?;
    let mut padded = [ERASED; WRITE_BYTES_MAX];
    let bytes = usize::try_from(align.magic_bytes()).unwrap_or(WRITE_BYTES_MAX);
    let start = bytes.saturating_sub(align.magic().len());
    for (to, from) in padded.iter_mut().skip(start).zip(align.magic()) {
        *to = from;
    }
    let padded = padded.get(..bytes).unwrap_or_default();
    slot.write(slot_bytes.saturating_sub(align.magic_bytes()), padded)
}

/// Confirms the image in this slot.
pub(super) fn write_image_ok<F: NorFlash>(
    slot: &mut Region<'_, F>,
    slot_bytes: u32,
    align: MaxAlign,
) -> Result<(), RegionError<F::Error>> {
    write_flag(slot, slot_bytes.saturating_sub(align.image_ok()), SET)
}

fn write_flag<F: NorFlash>(slot: &mut Region<'_, F>, offset: u32, value: u8) -> Result<(), RegionError<F::Error>> {
    let mut padded = [ERASED; WRITE_BYTES_MAX];
    let [first, ..] = &mut padded;
    *first = value;
    // A write unit that is longer than the alignment is refused by the check of the map.
    let unit = padded.get(..F::WRITE_SIZE.max(1)).ok_or(RegionError::OutOfBounds)?;
    slot.write(offset, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIGNS: [MaxAlign; 3] = [MaxAlign::Eight, MaxAlign::Sixteen, MaxAlign::ThirtyTwo];

    /// The offsets in MCUboot's own words: `boot_magic_off` and what is reckoned from it.
    #[test]
    fn fields_are_where_mcuboot_has_them() {
        let slot_bytes = 96 * 1_024;
        for align in ALIGNS {
            let a = align.bytes();
            let down = |offset: u32| offset / a * a;
            let magic = slot_bytes - 16;
            let image_ok = down(magic - a);
            let expected = [image_ok, image_ok - a, image_ok - 2 * a, image_ok - 3 * a];
            let fields = [
                align.image_ok(),
                align.copy_done(),
                align.swap_info(),
                align.swap_size(),
            ];
            assert_eq!(fields.map(|from_end| slot_bytes - from_end), expected, "{align:?}");
            assert_eq!(slot_bytes - align.magic_bytes(), down(magic));
        }
        let drawn = ALIGNS.map(|align| {
            [
                align.swap_size(),
                align.swap_info(),
                align.copy_done(),
                align.image_ok(),
            ]
        });
        assert_eq!(drawn, [[48, 40, 32, 24], [80, 64, 48, 32], [160, 128, 96, 64]]);
        assert!(drawn.iter().flatten().all(|from_end| *from_end <= INFO_BYTES));
    }

    #[test]
    fn magics_are_frozen() {
        // As words on a little-endian machine.
        let words = [0xf395_c277_u32, 0x7fef_d260, 0x0f50_5235, 0x8079_b62c];
        let bytes: std::vec::Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes, MaxAlign::Eight.magic());
        for align in [MaxAlign::Sixteen, MaxAlign::ThirtyTwo] {
            let [low, high, rest @ ..] = align.magic();
            assert_eq!(u32::from(u16::from_le_bytes([low, high])), align.bytes());
            assert_eq!(rest[..4], [0x2d, 0xe1, 0x5d, 0x29]);
        }
    }

    #[test]
    fn every_field_is_read_at_its_place() {
        for align in ALIGNS {
            let blank = Trailer::parse(&[ERASED; 192], align);
            assert!(blank.is_blank);
            assert_eq!(
                (blank.magic, blank.image_ok, blank.copy_done),
                (Magic::Unset, Flag::Unset, Flag::Unset)
            );
            assert_eq!((blank.swap_type, blank.swap_bytes), (None, None));
            let mut info = [ERASED; 192];
            let place = |from_end: u32| 192 - from_end as usize;
            info[place(align.image_ok())] = 1;
            info[place(align.copy_done())] = 0x81;
            info[place(align.swap_info())] = 0x13;
            info[place(align.swap_size())..][..4].copy_from_slice(&70_000_u32.to_le_bytes());
            info[place(16)..].copy_from_slice(&align.magic());
            let read = Trailer::parse(&info, align);
            let expected = Trailer {
                magic: Magic::Good,
                image_ok: Flag::Set,
                copy_done: Flag::Bad,
                swap_type: Some(SwapType::Permanent),
                swap_bytes: Some(70_000),
                is_blank: false,
            };
            assert_eq!(read, expected, "{align:?}");
            info[191] ^= 1;
            assert_eq!(Trailer::parse(&info, align).magic, Magic::Bad);
        }
        // One alignment's magic is not another's.
        let mut info = [ERASED; 192];
        info[176..].copy_from_slice(&MaxAlign::Sixteen.magic());
        assert_eq!(Trailer::parse(&info, MaxAlign::ThirtyTwo).magic, Magic::Bad);
    }
}
