//! Row numbers, scores and flags: one value for each row, or null.

use super::codec::Codec;
use super::encodings::{byte_stream_split, delta_binary_packed};
use super::levels::Hybrid;
use super::pages::Pages;
use super::statistics::{Booleans, Doubles, Integers};
use super::{Encoder, mismatch};
use crate::sink::Sink;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer};
use arrow_schema::Field;
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// What these columns share: which rows are null, and the pages.
struct Leaf {
    pages: Pages,
    /// 1 = there, 0 = null; absent when the schema allows no null.
    levels: Option<Hybrid>,
    name: String,
    rows: usize,
    nulls: u64,
    page: Vec<u8>,
}

impl Leaf {
    fn new(column: &ColumnDescPtr, field: &Field, encoding: Encoding) -> Self {
        let levels = field.is_nullable().then(|| Hybrid::new(1));
        let (pages, name) = (Pages::new(column, encoding), field.name().clone());
        Self { pages, levels, name, rows: 0, nulls: 0, page: Vec::new() }
    }

    /// Notes which of the `rows` are null and hands each stretch of the others to `take`.
    fn append(&mut self, rows: usize, nulls: Option<&NullBuffer>, mut take: impl FnMut(Range<usize>)) -> Result<()> {
        self.rows += rows;
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        match (nulls, &mut self.levels) {
            (None, None) => take(0..rows),
            (None, Some(levels)) => {
                levels.push(1, rows);
                take(0..rows);
            }
            (Some(_), None) => return Err(mismatch(&self.name, "has a null where the schema allows none")),
            (Some(nulls), Some(levels)) => {
                let mut done = 0;
                for (start, end) in nulls.valid_slices() {
                    levels.push(0, start - done);
                    levels.push(1, end - start);
                    take(start..end);
                    done = end;
                }
                levels.push(0, rows - done);
                self.nulls += nulls.null_count() as u64;
            }
        }
        Ok(())
    }

    /// Ends the page of the encoded `values`.
    fn end_page(&mut self, codec: &mut Codec, values: &[u8]) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let Some(levels) = &mut self.levels else { return self.pages.push(codec, values, rows, rows) };
        self.page.clear();
        levels.finish_levels(&mut self.page);
        self.page.extend_from_slice(values);
        self.pages.push(codec, &self.page, rows, rows)
    }

    fn end_row_group(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Sink>,
        statistics: impl FnOnce(u64) -> Statistics,
    ) -> Result<()> {
        self.pages.end_row_group(group, statistics(std::mem::take(&mut self.nulls)))
    }
}

/// Row numbers.
pub(super) struct Rows {
    leaf: Leaf,
    values: Vec<i64>,
    encoded: Vec<u8>,
    statistics: Integers,
}

impl Rows {
    pub(super) fn new(column: &ColumnDescPtr, field: &Field) -> Self {
        let leaf = Leaf::new(column, field, Encoding::DELTA_BINARY_PACKED);
        Self { leaf, values: Vec::new(), encoded: Vec::new(), statistics: Integers::default() }
    }
}

impl Encoder for Rows {
    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let array = array.as_primitive_opt::<Int64Type>().ok_or_else(|| mismatch(&self.leaf.name, "is no Int64"))?;
        let values = &mut self.values;
        self.leaf.append(array.len(), array.nulls(), |range| values.extend_from_slice(&array.values()[range]))
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        self.statistics.observe(&self.values);
        self.encoded.clear();
        delta_binary_packed(&self.values, &mut self.encoded);
        self.values.clear();
        self.leaf.end_page(codec, &self.encoded)
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, _codec: &mut Codec) -> Result<()> {
        self.leaf.end_row_group(group, |nulls| self.statistics.finish(nulls))
    }
}

/// Scores: they differ in their low bytes only by noise, so their bytes are split into streams.
pub(super) struct Scores {
    leaf: Leaf,
    values: Vec<f64>,
    encoded: Vec<u8>,
    statistics: Doubles,
}

impl Scores {
    pub(super) fn new(column: &ColumnDescPtr, field: &Field) -> Self {
        let leaf = Leaf::new(column, field, Encoding::BYTE_STREAM_SPLIT);
        Self { leaf, values: Vec::new(), encoded: Vec::new(), statistics: Doubles::default() }
    }
}

impl Encoder for Scores {
    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let array =
            array.as_primitive_opt::<Float64Type>().ok_or_else(|| mismatch(&self.leaf.name, "is no Float64"))?;
        let values = &mut self.values;
        self.leaf.append(array.len(), array.nulls(), |range| values.extend_from_slice(&array.values()[range]))
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        self.statistics.observe(&self.values);
        // Not cleared: each byte is written, and pages are alike in length.
        self.encoded.resize(8 * self.values.len(), 0);
        byte_stream_split(&self.values, &mut self.encoded);
        self.values.clear();
        self.leaf.end_page(codec, &self.encoded)
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, _codec: &mut Codec) -> Result<()> {
        self.leaf.end_row_group(group, |nulls| self.statistics.finish(nulls))
    }
}

/// Flags, whose bits lie as Parquet wants them.
pub(super) struct Flags {
    leaf: Leaf,
    values: BooleanBufferBuilder,
    statistics: Booleans,
}

impl Flags {
    pub(super) fn new(column: &ColumnDescPtr, field: &Field) -> Self {
        let leaf = Leaf::new(column, field, Encoding::PLAIN);
        Self { leaf, values: BooleanBufferBuilder::new(0), statistics: Booleans::default() }
    }
}

impl Encoder for Flags {
    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let array = array.as_boolean_opt().ok_or_else(|| mismatch(&self.leaf.name, "is no Boolean"))?;
        let (values, statistics) = (&mut self.values, &mut self.statistics);
        self.leaf.append(array.len(), array.nulls(), |range| {
            let bits = array.values().slice(range.start, range.len());
            statistics.observe(bits.len(), bits.count_set_bits());
            values.append_buffer(&bits);
        })
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        self.leaf.end_page(codec, self.values.as_slice())?;
        self.values.truncate(0);
        Ok(())
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, _codec: &mut Codec) -> Result<()> {
        self.leaf.end_row_group(group, |nulls| self.statistics.finish(nulls))
    }
}
