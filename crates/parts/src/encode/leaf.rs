//! Row numbers, scores and flags: one value for each row, or null.

use super::codec::Codec;
use super::encoder::{Encoder, PAGE_ROWS, mismatch};
use super::encodings::{byte_stream_split, delta_binary_packed, delta_of_run};
use super::levels::Hybrid;
use super::pages::Pages;
use super::spare;
use super::statistics::{Booleans, Doubles, Integers};
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

/// Row numbers: all of a page rise by one where no row of the source is left out, and are then kept as the first of them.
pub(super) struct Rows {
    leaf: Leaf,
    /// The numbers of the page as long as each is the next one.
    run: Range<i64>,
    /// All of them once one is not.
    values: Vec<i64>,
    encoded: Vec<u8>,
    statistics: Integers,
}

impl Rows {
    pub(super) fn new(column: &ColumnDescPtr, field: &Field) -> Self {
        let leaf = Leaf::new(column, field, Encoding::DELTA_BINARY_PACKED);
        Self { leaf, run: 0..0, values: Vec::new(), encoded: Vec::new(), statistics: Integers::default() }
    }
}

/// Appends `numbers` to a page that is `run`, or `values` once it is none.
fn append_numbers(run: &mut Range<i64>, values: &mut Vec<i64>, numbers: &[i64]) {
    let Some(first) = numbers.first() else { return };
    if values.is_empty() {
        if run.is_empty() {
            *run = *first..*first;
        }
        let end = i64::try_from(numbers.len()).ok().and_then(|count| run.end.checked_add(count));
        // No early end: several are then compared by one instruction.
        let differing = |end| numbers.iter().zip(run.end..end).fold(0, |bits, (number, next)| bits | (number ^ next));
        if let Some(end) = end.filter(|end| differing(*end) == 0) {
            run.end = end;
            return;
        }
        values.extend(std::mem::replace(run, 0..0));
    }
    values.extend_from_slice(numbers);
}

impl Encoder for Rows {
    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let array = array.as_primitive_opt::<Int64Type>().ok_or_else(|| mismatch(&self.leaf.name, "is no Int64"))?;
        let (run, values) = (&mut self.run, &mut self.values);
        self.leaf.append(array.len(), array.nulls(), |range| append_numbers(run, values, &array.values()[range]))
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        self.encoded.clear();
        let run = std::mem::replace(&mut self.run, 0..0);
        if run.is_empty() {
            self.statistics.observe(&self.values);
            delta_binary_packed(&self.values, &mut self.encoded);
        } else {
            self.statistics.widen(run.start, run.end - 1);
            delta_of_run(run, &mut self.encoded);
        }
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
    /// The page, each of its eight streams as long as a whole page needs; made for the first score.
    streams: Vec<u8>,
    /// Scores in it.
    count: usize,
    statistics: Doubles,
}

impl Scores {
    pub(super) fn new(column: &ColumnDescPtr, field: &Field) -> Self {
        let leaf = Leaf::new(column, field, Encoding::BYTE_STREAM_SPLIT);
        Self { leaf, streams: Vec::new(), count: 0, statistics: Doubles::default() }
    }
}

impl Drop for Scores {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.streams));
    }
}

impl Encoder for Scores {
    fn append(&mut self, array: &ArrayRef, _codec: &mut Codec) -> Result<()> {
        let array =
            array.as_primitive_opt::<Float64Type>().ok_or_else(|| mismatch(&self.leaf.name, "is no Float64"))?;
        let Self { streams, count, statistics, .. } = self;
        if streams.is_empty() {
            spare::reserve(streams, 8 * PAGE_ROWS);
            streams.resize(8 * PAGE_ROWS, 0);
        }
        self.leaf.append(array.len(), array.nulls(), |range| {
            let values = &array.values()[range];
            statistics.observe(values);
            byte_stream_split(values, streams, PAGE_ROWS, *count);
            *count += values.len();
        })
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        let count = std::mem::take(&mut self.count);
        if count < PAGE_ROWS {
            for stream in 1..8 {
                self.streams.copy_within(stream * PAGE_ROWS..stream * PAGE_ROWS + count, stream * count);
            }
        }
        self.leaf.end_page(codec, &self.streams[..8 * count])
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
