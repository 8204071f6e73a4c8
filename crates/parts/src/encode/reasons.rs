//! Reasons: a list of (column, value, contribution), null on all rows but the flagged ones.

use super::codec::Codec;
use super::dictionary::Dictionary;
use super::encoder::{Encoder, mismatch};
use super::encodings::append_byte_stream_split;
use super::lists::Lists;
use super::pages::Pages;
use super::statistics::Doubles;
use crate::sink::Sink;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// A page ends early, between two rows, when it has this many entries.
const PAGE_ENTRIES: usize = 131_072;

/// The column `reasons`.
pub(super) struct Reasons {
    name: String,
    list_nullable: bool,
    entry_nullable: bool,
    field_nullable: [bool; 3],
    lists: Lists,
    texts: Dictionary,
    numbers: [Numbers; 2],
    chunks: [Pages; 3],
    pages: [Vec<u8>; 3],
    /// Rows of the page so far, and entries.
    rows: usize,
    entries: usize,
}

#[derive(Default)]
struct Numbers {
    values: Vec<f64>,
    statistics: Doubles,
}

impl Reasons {
    /// `None` when the field has another shape than ours.
    pub(super) fn new(field: &Field, item: &Field, columns: [&ColumnDescPtr; 3]) -> Option<Self> {
        let DataType::Struct(entry) = item.data_type() else { return None };
        let shape: Vec<_> = entry.iter().map(|field| field.data_type()).collect();
        if shape != [&DataType::Utf8, &DataType::Float64, &DataType::Float64] {
            return None;
        }
        let field_nullable = [0, 1, 2].map(|index: usize| entry[index].is_nullable());
        let [names, values, contributions] = columns;
        Some(Self {
            name: field.name().clone(),
            list_nullable: field.is_nullable(),
            entry_nullable: item.is_nullable(),
            field_nullable,
            lists: Lists::new(field.is_nullable(), item.is_nullable(), field_nullable),
            texts: Dictionary::default(),
            numbers: <[Numbers; 2]>::default(),
            chunks: [
                Pages::new(names, Encoding::RLE_DICTIONARY),
                Pages::new(values, Encoding::BYTE_STREAM_SPLIT),
                Pages::new(contributions, Encoding::BYTE_STREAM_SPLIT),
            ],
            pages: <[Vec<u8>; 3]>::default(),
            rows: 0,
            entries: 0,
        })
    }

    fn push_row(&mut self, range: Range<usize>, entries: &Entries<'_>) {
        self.rows += 1;
        self.entries += range.len();
        self.lists.push_row(range.clone(), entries.nulls, &entries.field_nulls);
        let there = |field: usize, at: usize| {
            let nulls = [entries.nulls, entries.field_nulls[field]];
            nulls.into_iter().flatten().all(|nulls| nulls.is_valid(at))
        };
        for at in range.clone().filter(|at| there(0, *at)) {
            self.texts.push(entries.names.value(at));
        }
        for (index, (numbers, array)) in self.numbers.iter_mut().zip(entries.numbers).enumerate() {
            numbers.values.extend(range.clone().filter(|at| there(index + 1, *at)).map(|at| array.value(at)));
        }
    }

    /// The arrays of `list`'s entries, checked against the schema.
    fn entries<'a>(&self, entries: &'a StructArray) -> Result<Entries<'a>> {
        let of_another_shape = || mismatch(&self.name, "has entries of another shape");
        let [names, values, contributions] = entries.columns() else { return Err(of_another_shape()) };
        let number = |array: &'a ArrayRef| array.as_primitive_opt::<Float64Type>().ok_or_else(of_another_shape);
        let entries = Entries {
            nulls: some_nulls(entries),
            field_nulls: [some_nulls(names), some_nulls(values), some_nulls(contributions)],
            names: names.as_string_opt().ok_or_else(of_another_shape)?,
            numbers: [number(values)?, number(contributions)?],
        };
        let allowed = |nulls: Option<&NullBuffer>, nullable| nullable || nulls.is_none();
        let fields = entries.field_nulls.into_iter().zip(self.field_nullable);
        if allowed(entries.nulls, self.entry_nullable) && fields.into_iter().all(|(nulls, ok)| allowed(nulls, ok)) {
            Ok(entries)
        } else {
            Err(mismatch(&self.name, "has a null where the schema allows none"))
        }
    }
}

/// The nulls of an array, if it has any.
fn some_nulls(array: &dyn Array) -> Option<&NullBuffer> {
    array.nulls().filter(|nulls| nulls.null_count() > 0)
}

struct Entries<'a> {
    nulls: Option<&'a NullBuffer>,
    field_nulls: [Option<&'a NullBuffer>; 3],
    names: &'a StringArray,
    numbers: [&'a Float64Array; 2],
}

impl Encoder for Reasons {
    fn append(&mut self, array: &ArrayRef, codec: &mut Codec) -> Result<()> {
        let list = array.as_list_opt::<i32>().ok_or_else(|| mismatch(&self.name, "is no List"))?;
        let entries = list.values().as_struct_opt().ok_or_else(|| mismatch(&self.name, "is no List of Struct"))?;
        let entries = self.entries(entries)?;
        let nulls = some_nulls(list);
        if nulls.is_some() && !self.list_nullable {
            return Err(mismatch(&self.name, "has a null where the schema allows none"));
        }
        let everything = nulls.is_none().then_some((0, list.len()));
        let stretches = nulls.into_iter().flat_map(NullBuffer::valid_slices).chain(everything);
        let mut done = 0;
        for (valid, end) in stretches.chain([(list.len(), list.len())]) {
            self.rows += valid - done;
            self.lists.push_null(valid - done);
            for row in valid..end {
                let range = usize::try_from(list.offsets()[row])?..usize::try_from(list.offsets()[row + 1])?;
                if range.is_empty() {
                    self.rows += 1;
                    self.lists.push_empty(1);
                } else {
                    self.push_row(range, &entries);
                }
                if self.entries >= PAGE_ENTRIES {
                    self.end_page(codec)?;
                }
            }
            done = end;
        }
        Ok(())
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        self.entries = 0;
        let (levels, rows) = (self.lists.len(), std::mem::take(&mut self.rows));
        if rows == 0 {
            return Ok(());
        }
        self.lists.end_page(&mut self.pages);
        let [names, rest @ ..] = &mut self.pages;
        self.texts.end_page(names);
        for (page, numbers) in rest.iter_mut().zip(&mut self.numbers) {
            numbers.statistics.observe(&numbers.values);
            append_byte_stream_split(&numbers.values, page);
            numbers.values.clear();
        }
        let mut chunks = self.chunks.iter_mut().zip(&self.pages);
        chunks.try_for_each(|(chunk, page)| chunk.push(codec, page, levels, rows))
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, codec: &mut Codec) -> Result<()> {
        let [names, rest @ ..] = &mut self.chunks;
        self.texts.end_row_group(names, group, codec, self.lists.take_nulls(0))?;
        for (index, (chunk, numbers)) in rest.iter_mut().zip(&mut self.numbers).enumerate() {
            chunk.end_row_group(group, numbers.statistics.finish(self.lists.take_nulls(index + 1)))?;
        }
        Ok(())
    }
}
