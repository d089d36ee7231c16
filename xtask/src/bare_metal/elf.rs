//! What a linked program takes of flash and RAM, and what of it is written into flash.

use std::path::Path;

use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object, ObjectSection, SectionFlags, elf};

use crate::failure::{Blame, Failure};

/// Bytes of a program, by what they are.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Sections {
    /// Instructions, in flash.
    pub code: u64,
    /// Constants, in flash.
    pub constants: u64,
    /// Statics with a first value: in RAM, and in flash as well.
    pub data: u64,
    /// Statics that start as zero: in RAM.
    pub zeroed: u64,
}

impl Sections {
    /// Bytes of flash.
    pub fn flash(&self) -> u64 {
        self.code + self.constants + self.data
    }

    /// Bytes of RAM that are taken for good.
    pub fn statics(&self) -> u64 {
        self.data + self.zeroed
    }

    /// What this program has that the other has not.
    pub fn more_than(&self, other: &Sections) -> Sections {
        Sections {
            code: self.code.saturating_sub(other.code),
            constants: self.constants.saturating_sub(other.constants),
            data: self.data.saturating_sub(other.data),
            zeroed: self.zeroed.saturating_sub(other.zeroed),
        }
    }

    /// Counts a section of this type and with these flags, where the ELF standard says that it goes.
    fn add(&mut self, kind: elf::SectionType, flags: elf::SectionFlags, bytes: u64) {
        if !flags.contains(elf::SHF_ALLOC) {
            return;
        }
        let counted = if flags.contains(elf::SHF_EXECINSTR) {
            &mut self.code
        } else if kind == elf::SHT_NOBITS {
            &mut self.zeroed
        } else if flags.contains(elf::SHF_WRITE) {
            &mut self.data
        } else {
            &mut self.constants
        };
        *counted += bytes;
    }
}

/// Reads a linked program.
pub fn sections(path: &Path) -> Result<Sections, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    let file = object::File::parse(bytes.as_slice())
        .map_err(|error| Failure::new(Blame::Storage, format!("{} is no program: {error}", path.display())))?;
    let mut sections = Sections::default();
    for section in file.sections() {
        if let SectionFlags::Elf { sh_type, sh_flags, .. } = section.flags() {
            sections.add(sh_type, sh_flags, section.size());
        }
    }
    Ok(sections)
}

/// What a program has in flash, from its lowest address on, as it is written there: between its pieces as erased.
pub fn in_flash(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    pieces(&bytes)
        .map(|pieces| put_together(&pieces))
        .map_err(|error| Failure::new(Blame::Storage, format!("{} is no program: {error}", path.display())))
}

/// What is loaded, by the address that it is loaded to.
fn pieces(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, object::Error> {
    let file = ElfFile32::<Endianness>::parse(bytes)?;
    let endian = file.endian();
    let mut pieces = Vec::new();
    for header in file.elf_header().program_headers(endian, bytes)? {
        let is_loaded = header.p_type(endian) == elf::PT_LOAD && header.p_filesz(endian) > 0;
        if let (true, Ok(data)) = (is_loaded, header.data(endian, bytes)) {
            pieces.push((header.p_paddr(endian), data));
        }
    }
    pieces.sort_by_key(|(address, _)| *address);
    Ok(pieces)
}

fn put_together(pieces: &[(u32, &[u8])]) -> Vec<u8> {
    const ERASED: u8 = 0xFF;
    let start = pieces.first().map_or(0, |(address, _)| *address);
    let mut image = Vec::new();
    for (address, data) in pieces {
        image.resize((address - start) as usize, ERASED);
        image.extend_from_slice(data);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_program_are_put_together_by_address() {
        let pieces: [(u32, &[u8]); 2] = [(0x100, &[1, 2]), (0x104, &[3])];
        assert_eq!(put_together(&pieces), [1, 2, 0xFF, 0xFF, 3]);
        assert!(put_together(&[]).is_empty());
    }

    #[test]
    fn each_section_counts_once_and_debug_info_never() {
        let constant = elf::SHF_ALLOC;
        let writable = elf::SHF_ALLOC | elf::SHF_WRITE;
        let mut sections = Sections::default();
        sections.add(elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_EXECINSTR, 1);
        sections.add(elf::SHT_PROGBITS, constant, 20);
        sections.add(elf::SHT_ARM_EXIDX, constant, 300);
        sections.add(elf::SHT_PROGBITS, writable, 4_000);
        sections.add(elf::SHT_NOBITS, writable, 50_000);
        sections.add(elf::SHT_PROGBITS, elf::SectionFlags(0), 600_000);
        assert_eq!(
            sections,
            Sections {
                code: 1,
                constants: 320,
                data: 4_000,
                zeroed: 50_000
            }
        );
        assert_eq!((sections.flash(), sections.statics()), (4_321, 54_000));
    }
}
