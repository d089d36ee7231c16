//! What was done, so that a cut can be had at each operation without doing it all again.

use super::{Cut, Kind, Tear, Tears};
use std::fmt;
use std::ops::Range;

/// Every operation of a run, and the contents that it began with.
///
/// A part that is cut live leaves the same bytes: [`Nor::cut_at`](super::Nor::cut_at), set where the recording began.
#[derive(Clone)]
pub struct Journal {
    operations: Vec<Operation>,
    cursor: Cursor,
}

/// One operation that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it did.
    pub kind: Kind,
    /// Where it began, in bytes.
    pub offset: usize,
    /// What the cells held before.
    pub old: Vec<u8>,
    /// What they held after it.
    pub new: Vec<u8>,
}

/// Where a run was cut: enough to say it, and to do it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutPoint {
    /// The operation and its tear.
    pub cut: Cut,
    /// What the operation was to do.
    pub kind: Kind,
    /// Where, in bytes.
    pub offset: usize,
    /// With how many bytes.
    pub bytes: usize,
}

/// Contents as they were before the operation at `position`. It walks both ways, so each step costs one operation.
#[derive(Clone)]
struct Cursor {
    contents: Vec<u8>,
    position: usize,
}

/// Every cut of a journal, in order: see [`Journal::cuts`].
struct Cuts<'a> {
    operations: &'a [Operation],
    cursor: Cursor,
    range: Range<usize>,
    tears: Tears,
    /// Tears of the operation at the cursor that are still to come.
    pending: std::vec::IntoIter<Tear>,
}

impl Journal {
    /// Nothing was done to these contents yet.
    pub(super) fn new(contents: Vec<u8>) -> Self {
        let cursor = Cursor { contents, position: 0 };
        Self {
            operations: Vec::new(),
            cursor,
        }
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// What was done, in order. An operation that was cut live is not among it.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The contents of the whole part as they were before this operation; with the number of operations, those at the
    /// end. A walk costs what the operations between this call and the last one cost.
    ///
    /// # Panics
    ///
    /// If there were fewer operations.
    pub fn contents_before(&mut self, operation: usize) -> &[u8] {
        self.cursor.seek(&self.operations, operation);
        &self.cursor.contents
    }

    /// The contents of the whole part as this cut leaves them.
    ///
    /// # Panics
    ///
    /// If there is no such operation, or it does not end so.
    pub fn contents_after(&mut self, cut: Cut) -> Vec<u8> {
        assert!(cut.operation < self.operations.len(), "{cut:?} is behind the end");
        self.cursor.seek(&self.operations, cut.operation);
        self.cursor.torn(&self.operations, cut.tear)
    }

    /// Every operation with each of these tears of it, and the contents of the whole part that the cut leaves.
    ///
    /// No contents come twice in a row: [`Tear::After`] is left out but for the last operation, as the next one's
    /// [`Tear::Before`] leaves the same, and so is a tear inside that makes no difference to either.
    pub fn cuts(&self, tears: Tears) -> impl Iterator<Item = (CutPoint, Vec<u8>)> {
        self.cuts_in(0..self.operations.len(), tears)
    }

    /// As [`cuts`](Self::cuts), of these operations only: to share the work, or to take a sample.
    ///
    /// # Panics
    ///
    /// If there were fewer operations.
    pub fn cuts_in(&self, operations: Range<usize>, tears: Tears) -> impl Iterator<Item = (CutPoint, Vec<u8>)> {
        let count = self.operations.len();
        assert!(operations.end <= count, "{operations:?} is behind the end, {count}");
        Cuts {
            operations: &self.operations,
            cursor: self.cursor.clone(),
            range: operations,
            tears,
            pending: Vec::new().into_iter(),
        }
    }
}

impl Operation {
    /// What the cells hold after this tear.
    fn torn(&self, tear: Tear) -> Vec<u8> {
        let mut cells = self.new.clone();
        tear.mix(self.kind, &self.old, &mut cells);
        cells
    }

    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.old.len()
    }
}

impl Cursor {
    fn seek(&mut self, operations: &[Operation], position: usize) {
        let count = operations.len();
        assert!(position <= count, "operation {position} is behind the end, {count}");
        for operation in &operations[self.position.min(position)..position] {
            self.contents[operation.range()].copy_from_slice(&operation.new);
        }
        for operation in operations[position..self.position.max(position)].iter().rev() {
            self.contents[operation.range()].copy_from_slice(&operation.old);
        }
        self.position = position;
    }

    /// The contents after the operation at the cursor was torn.
    fn torn(&self, operations: &[Operation], tear: Tear) -> Vec<u8> {
        let operation = &operations[self.position];
        let mut contents = self.contents.clone();
        contents[operation.range()].copy_from_slice(&operation.torn(tear));
        contents
    }
}

impl Cuts<'_> {
    /// Whether this tear of the operation at the cursor leaves what no other one does.
    fn differs(&self, tear: Tear) -> bool {
        let operation = &self.operations[self.cursor.position];
        match tear {
            Tear::Before => true,
            Tear::After => self.cursor.position + 1 == self.operations.len() && operation.old != operation.new,
            Tear::Programmed { .. }
            | Tear::Programming { .. }
            | Tear::ErasedHead { .. }
            | Tear::ErasedTail { .. }
            | Tear::Bits { .. }
            | Tear::Unstable { .. }
            | Tear::Any { .. } => {
                let cells = operation.torn(tear);
                cells != operation.old && cells != operation.new
            }
        }
    }
}

impl Iterator for Cuts<'_> {
    type Item = (CutPoint, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(tear) = self.pending.next() {
                if self.differs(tear) {
                    let index = self.cursor.position;
                    let point = CutPoint::new(index, tear, &self.operations[index]);
                    return Some((point, self.cursor.torn(self.operations, tear)));
                }
            }
            let index = self.range.next()?;
            self.cursor.seek(self.operations, index);
            let operation = &self.operations[index];
            self.pending = self.tears.of(operation.kind, operation.old.len(), index).into_iter();
        }
    }
}

impl CutPoint {
    fn new(index: usize, tear: Tear, operation: &Operation) -> Self {
        Self {
            cut: Cut { operation: index, tear },
            kind: operation.kind,
            offset: operation.offset,
            bytes: operation.old.len(),
        }
    }
}

impl fmt::Debug for Journal {
    /// Its length; the rest nobody could read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("operations", &self.operations.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Erase => "erase",
            Kind::Write { .. } => "write",
        };
        let Cut { operation, tear } = self.cut;
        let Self { offset, bytes, .. } = self;
        write!(
            f,
            "operation {operation}, {what} of {bytes} bytes at {offset:#x}, {tear:?}"
        )
    }
}
