//! What the library encodes of row groups, and where in it the bytes lie that are kept.

use crate::error;
use crate::source::bytes::Slice;
use crate::source::fault::Fault;
use crate::source::thrift::{self, Fields};
use batch_core_error::Error;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter};
use std::ops::Range;
use std::path::Path;

/// The footer's length and the magic after it.
const TAIL_BYTES: usize = 8;

/// Page indexes and the footer after them, as if the file held nothing else.
pub(super) struct Encoded {
    bytes: Vec<u8>,
    footer: Range<usize>,
}

/// What is kept of a column of a row group.
pub(super) struct ColumnChunk<'a> {
    /// From the end of the column before it, or the row group's begin, to where the places of its page indexes would be.
    pub(super) piece: &'a [u8],
    /// Empty where it has none, as the next.
    pub(super) column_index: &'a [u8],
    pub(super) offset_index: &'a [u8],
}

/// Who is told of row groups.
pub(super) trait Keeper {
    fn column(&mut self, column: &ColumnChunk<'_>);
    /// The rest of a row group up to its end, which it lacks.
    fn end_row_group(&mut self, rest: &[u8]);
}

impl Encoded {
    /// Lets the library encode `metadata`.
    pub(super) fn of(metadata: &ParquetMetaData) -> Result<Self, ParquetError> {
        let mut bytes = Vec::new();
        ParquetMetaDataWriter::new(&mut bytes, metadata).finish()?;
        let footer = bytes.split_last_chunk::<TAIL_BYTES>().and_then(|(before, [a, b, c, d, ..])| {
            let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
            Some(before.len().checked_sub(length)?..before.len())
        });
        let footer = footer.ok_or_else(|| ParquetError::General("the footer has no end".into()))?;
        Ok(Self { bytes, footer })
    }

    fn footer(&self) -> &[u8] {
        &self.bytes[self.footer.clone()]
    }

    /// What a footer has before the number of rows, and what it has after the row groups.
    pub(super) fn frame(&self) -> Result<(&[u8], &[u8]), Fault> {
        let (mut head, mut tail) = (0, 0);
        let (mut bytes, mut fields) = (Slice::new(self.footer()), Fields::default());
        while let Some((id, kind)) = fields.next(&mut bytes)? {
            thrift::skip(&mut bytes, kind)?;
            match id {
                2 => head = bytes.position(),
                4 => tail = bytes.position(),
                _ => {}
            }
        }
        Ok((&self.footer()[..head], &self.footer()[tail..]))
    }

    /// Takes `keeper` to every column of every row group.
    pub(super) fn walk(&self, keeper: &mut impl Keeper) -> Result<(), Fault> {
        let (mut bytes, mut fields) = (Slice::new(self.footer()), Fields::default());
        while let Some((id, kind)) = fields.next(&mut bytes)? {
            if id != 4 {
                thrift::skip(&mut bytes, kind)?;
                continue;
            }
            for _ in 0..thrift::structures(&mut bytes, kind)? {
                self.row_group(&mut bytes, keeper)?;
            }
        }
        Ok(())
    }

    fn row_group(&self, bytes: &mut Slice<'_>, keeper: &mut impl Keeper) -> Result<(), Fault> {
        let (mut begin, mut end) = (bytes.position(), bytes.position());
        let mut fields = Fields::default();
        while let Some((id, kind)) = fields.next(bytes)? {
            if id == 1 {
                for _ in 0..thrift::structures(bytes, kind)? {
                    keeper.column(&self.column(begin, bytes)?);
                    begin = bytes.position();
                }
            } else {
                thrift::skip(bytes, kind)?;
            }
            end = bytes.position();
        }
        keeper.end_row_group(&self.footer()[begin..end]);
        Ok(())
    }

    /// Reads a column chunk, whose piece begins at `begin`.
    fn column(&self, begin: usize, bytes: &mut Slice<'_>) -> Result<ColumnChunk<'_>, Fault> {
        // Of the offset index where it lies and its length, then the same of the column index: the last fields there are.
        let mut places = [0; 4];
        let mut end = bytes.position();
        let mut fields = Fields::default();
        while let Some((id, kind)) = fields.next(bytes)? {
            match id {
                4 => places[0] = thrift::count(bytes, kind)?,
                5 => places[1] = thrift::count(bytes, kind)?,
                6 => places[2] = thrift::count(bytes, kind)?,
                7 => places[3] = thrift::count(bytes, kind)?,
                _ => {
                    thrift::skip(bytes, kind)?;
                    end = bytes.position();
                }
            }
        }
        let [offset, offset_bytes, column, column_bytes] = places;
        let piece = &self.footer()[begin..end];
        let (column_index, offset_index) = (self.index(column, column_bytes)?, self.index(offset, offset_bytes)?);
        Ok(ColumnChunk { piece, column_index, offset_index })
    }

    fn index(&self, offset: u64, length: u64) -> Result<&[u8], Fault> {
        let place = offset.checked_add(length).and_then(|end| {
            let (begin, end) = (usize::try_from(offset).ok()?, usize::try_from(end).ok()?);
            self.bytes.get(begin..end)
        });
        place.ok_or(Fault::malformed("places a page index outside of itself"))
    }
}

/// The error of a footer that was encoded for `path` and cannot be taken apart.
pub(super) fn misread(path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Malformed(what) => error::bug(path, format_args!("the footer that the library encoded {what}")),
        Fault::Source(error) => (*error).into(),
    }
}
