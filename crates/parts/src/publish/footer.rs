//! The footer of an output while it grows, encoded.
//!
//! The library would hold the structs of every row group until the end, ten times what they take in the file. Here it
//! encodes those of a part when its pages are copied, and only the bytes stay. They lack what is known at the end alone:
//! where the page indexes lie, which follow all pages, and the ordinals, which none has where they are too many.

use super::encoded::{ColumnChunk, Encoded, Keeper, misread};
use super::segments::Segments;
use crate::digest::MAGIC;
use crate::encode::{varint, zigzag};
use crate::error::{self, At, Result};
use crate::layout::CREATED_BY;
use crate::sink::Sink;
use batch_core_error::Code;
use parquet::file::metadata::page_index::PageIndex;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData};
use parquet::file::properties::DEFAULT_WRITER_VERSION;
use parquet::schema::types::SchemaDescPtr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

// Heads of fields as Thrift's compact protocol spells them: how many ids after the field before it, and the kind.
const NEXT_I16: u8 = 0x14;
const NEXT_I32: u8 = 0x15;
const NEXT_I64: u8 = 0x16;
const THIRD_I64: u8 = 0x36;
const NEXT_LIST: u8 = 0x19;
/// The kind of a list's elements.
const STRUCTS: u8 = 0x0c;
/// From here on a list's length follows its head.
const LONG_LIST: u8 = 15;
const STOP: u8 = 0;

/// What has been copied, as it will be told in the footer.
#[derive(Debug)]
pub(super) struct Footer {
    schema: SchemaDescPtr,
    kept: Kept,
    /// Row groups, and the rows in them.
    count: u64,
    rows: i64,
}

/// What is kept of row groups until the end.
#[derive(Debug, Default)]
struct Kept {
    /// Of each row group the pieces of its columns, before each the lengths of its column index, its offset index and
    /// itself; then the rest, with its length before it.
    groups: Segments,
    column_indexes: Segments,
    offset_indexes: Segments,
    /// The row group at hand.
    record: Vec<u8>,
}

impl Keeper for Kept {
    fn column(&mut self, column: &ColumnChunk<'_>) {
        for length in [column.column_index.len(), column.offset_index.len(), column.piece.len()] {
            varint(length as u64, &mut self.record);
        }
        self.record.extend_from_slice(column.piece);
        self.column_indexes.push(column.column_index);
        self.offset_indexes.push(column.offset_index);
    }

    fn end_row_group(&mut self, rest: &[u8]) {
        varint(rest.len() as u64, &mut self.record);
        self.record.extend_from_slice(rest);
        self.groups.push(&self.record);
        self.record.clear();
    }
}

/// Where the next indexes lie.
struct Places {
    column_index: u64,
    offset_index: u64,
}

impl Footer {
    /// That of a file without row groups.
    pub(super) fn new(schema: SchemaDescPtr) -> Self {
        Self { schema, kept: Kept::default(), count: 0, rows: 0 }
    }

    /// The columns of every row group.
    pub(super) fn schema(&self) -> &SchemaDescPtr {
        &self.schema
    }

    /// The rows of all row groups.
    pub(super) fn rows(&self) -> u64 {
        u64::try_from(self.rows).unwrap_or(0)
    }

    /// Adds row groups of the part `path`, which have no ordinals, and their page indexes.
    pub(super) fn append(&mut self, path: &Path, groups: Vec<RowGroupMetaData>, indexes: PageIndex) -> Result<()> {
        self.count += groups.len() as u64;
        self.rows += groups.iter().map(RowGroupMetaData::num_rows).sum::<i64>();
        let about = self.about(None, None);
        let builder = ParquetMetaDataBuilder::new(about).set_row_groups(groups);
        let encoded = Encoded::of(&builder.set_page_index(Some(Arc::new(indexes))).build());
        let encoded = encoded.map_err(|e| error::parquet("append", path, e, Code::Data))?;
        encoded.walk(&mut self.kept).map_err(|fault| misread(path, fault))
    }

    /// Writes page indexes, footer and the file's end. Nothing is kept then.
    pub(super) fn write(&mut self, sink: &mut Sink, pairs: Vec<KeyValue>) -> Result<()> {
        let pairs = Some(pairs).filter(|pairs| !pairs.is_empty());
        let about = self.about(Some(CREATED_BY.into()), pairs);
        let encoded = Encoded::of(&ParquetMetaData::new(about, Vec::new()))
            .map_err(|e| error::parquet("finish", sink.path(), e, Code::Bug))?;
        let frame = encoded.frame().map_err(|fault| misread(sink.path(), fault))?;
        let length = self.write_in(frame, sink).at("write", sink.path())?;
        let Ok(length) = u32::try_from(length) else {
            let reason = format_args!("its footer takes {length} bytes, more than a Parquet file can say");
            return Err(error::data(sink.path(), reason));
        };
        let end = sink.write_all(&length.to_le_bytes()).and_then(|()| sink.write_all(&MAGIC));
        end.at("write", sink.path())
    }

    /// What the library makes the head and the tail of a footer from. It counts the rows of the row groups it is given.
    fn about(&self, created_by: Option<String>, pairs: Option<Vec<KeyValue>>) -> FileMetaData {
        FileMetaData::new(DEFAULT_WRITER_VERSION.as_num(), 0, created_by, pairs, self.schema.clone(), None)
    }

    /// Writes the page indexes, and the footer between head and tail; returns the footer's length.
    fn write_in(&mut self, (head, tail): (&[u8], &[u8]), sink: &mut Sink) -> io::Result<u64> {
        let column_index = sink.position();
        self.kept.column_indexes.move_all(sink)?;
        let offset_index = sink.position();
        self.kept.offset_indexes.move_all(sink)?;
        let begin = sink.position();
        sink.write_all(head)?;
        let mut list = vec![NEXT_I64];
        zigzag(self.rows, &mut list);
        list.push(NEXT_LIST);
        match u8::try_from(self.count) {
            Ok(count) if count < LONG_LIST => list.push(count << 4 | STRUCTS),
            _ => {
                list.push(LONG_LIST << 4 | STRUCTS);
                varint(self.count, &mut list);
            }
        }
        sink.write_all(&list)?;
        let mut places = Places { column_index, offset_index };
        let has_ordinals = i16::try_from(self.count).is_ok();
        for ordinal in 0..self.count {
            self.write_row_group(Some(ordinal).filter(|_| has_ordinals), &mut places, sink)?;
        }
        sink.write_all(tail)?;
        Ok(sink.position() - begin)
    }

    fn write_row_group(&mut self, ordinal: Option<u64>, places: &mut Places, sink: &mut Sink) -> io::Result<()> {
        let groups = &mut self.kept.groups;
        let mut end = Vec::new();
        for _ in 0..self.schema.num_columns() {
            let (column_index, offset_index, piece) = (groups.number()?, groups.number()?, groups.number()?);
            groups.move_to(piece, sink)?;
            end.clear();
            if offset_index > 0 {
                put_place(NEXT_I64, &mut places.offset_index, offset_index, &mut end);
            }
            if column_index > 0 {
                let head = if offset_index > 0 { NEXT_I64 } else { THIRD_I64 };
                put_place(head, &mut places.column_index, column_index, &mut end);
            }
            end.push(STOP);
            sink.write_all(&end)?;
        }
        let rest = groups.number()?;
        groups.move_to(rest, sink)?;
        end.clear();
        if let Some(ordinal) = ordinal {
            end.push(NEXT_I16);
            zigzag(ordinal.cast_signed(), &mut end);
        }
        end.push(STOP);
        sink.write_all(&end)
    }
}

/// Two fields: where an index of `length` bytes lies, and that length.
fn put_place(head: u8, place: &mut u64, length: u64, out: &mut Vec<u8>) {
    out.push(head);
    zigzag(place.cast_signed(), out);
    out.push(NEXT_I32);
    zigzag(length.cast_signed(), out);
    *place += length;
}
