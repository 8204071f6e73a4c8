//! Reasons: a list of (column, value, contribution), null on all rows but the flagged ones.
//!
//! Parquet spells a list as two small numbers for each entry, and for each row without any: how much of the path is
//! there (definition level), and whether the entry goes on with the row before (repetition level). Both are nearly
//! constant, so they are made as runs: a stretch of null rows is one run however long.

use super::codec::Codec;
use super::encodings::byte_stream_split;
use super::levels::Hybrid;
use super::pages::Pages;
use super::statistics::{self, Doubles};
use super::{Encoder, mismatch};
use crate::sink::Sink;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StringArray};
use arrow_schema::{DataType, Field};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::collections::HashMap;
use std::ops::Range;

/// A page ends early, between two rows, when a column of it has this many entries.
const PAGE_ENTRIES: usize = 131_072;

/// The column `reasons`.
pub(super) struct Reasons {
    names: Leaf,
    values: Leaf,
    contributions: Leaf,
    name: String,
    /// The definition level of an empty list; one less is a null list, one more an entry.
    empty: u64,
    nullable: bool,
    texts: Dictionary,
    indices: Vec<u32>,
    numbers: [Numbers; 2],
    rows: usize,
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
        if item.is_nullable() || shape != [&DataType::Utf8, &DataType::Float64, &DataType::Float64] {
            return None;
        }
        let empty = u64::from(field.is_nullable());
        let leaf = |index: usize, encoding| Leaf::new(columns[index], &entry[index], encoding, empty + 1);
        Some(Self {
            names: leaf(0, Encoding::RLE_DICTIONARY),
            values: leaf(1, Encoding::BYTE_STREAM_SPLIT),
            contributions: leaf(2, Encoding::BYTE_STREAM_SPLIT),
            name: field.name().clone(),
            empty,
            nullable: field.is_nullable(),
            texts: Dictionary::default(),
            indices: Vec::new(),
            numbers: <[Numbers; 2]>::default(),
            rows: 0,
        })
    }

    fn leaves(&mut self) -> [&mut Leaf; 3] {
        [&mut self.names, &mut self.values, &mut self.contributions]
    }

    /// Notes `count` rows without entries.
    fn push_absent(&mut self, level: u64, count: usize) {
        if count > 0 {
            self.rows += count;
            self.leaves().into_iter().for_each(|leaf| leaf.push_absent(level, count));
        }
    }

    fn push_row(&mut self, entries: Range<usize>, columns: &Columns<'_>) -> Result<()> {
        self.rows += 1;
        let Self { names, values, contributions, texts, indices, numbers: [first, second], .. } = self;
        names.push_entries(entries.clone(), columns.names, &self.name, |index| {
            indices.push(texts.index(columns.names.value(index)));
        })?;
        values.push_entries(entries.clone(), columns.values, &self.name, |index| {
            first.values.push(columns.values.value(index));
        })?;
        contributions.push_entries(entries, columns.contributions, &self.name, |index| {
            second.values.push(columns.contributions.value(index));
        })
    }
}

struct Columns<'a> {
    names: &'a StringArray,
    values: &'a Float64Array,
    contributions: &'a Float64Array,
}

impl Encoder for Reasons {
    fn append(&mut self, array: &ArrayRef, codec: &mut Codec) -> Result<()> {
        let list = array.as_list_opt::<i32>().ok_or_else(|| mismatch(&self.name, "is no List"))?;
        let entries = list.values().as_struct_opt().filter(|entries| entries.num_columns() == 3);
        let entries = entries.ok_or_else(|| mismatch(&self.name, "has entries of another shape"))?;
        let numbers = |index: usize| entries.column(index).as_primitive_opt::<Float64Type>();
        let (Some(names), Some(values), Some(contributions)) =
            (entries.column(0).as_string_opt::<i32>(), numbers(1), numbers(2))
        else {
            return Err(mismatch(&self.name, "has entries of another shape"));
        };
        if entries.null_count() > 0 || (list.null_count() > 0 && !self.nullable) {
            return Err(mismatch(&self.name, "has a null where the schema allows none"));
        }
        let columns = Columns { names, values, contributions };
        let offsets = list.offsets();
        let all = [(0, list.len())];
        let mut done = 0;
        let mut stretch = |(valid, null): (usize, usize)| {
            self.push_absent(self.empty.saturating_sub(1), valid - done);
            for row in valid..null {
                let (start, end) = (offset(offsets[row])?, offset(offsets[row + 1])?);
                if start == end {
                    self.push_absent(self.empty, 1);
                } else {
                    self.push_row(start..end, &columns)?;
                }
                if self.indices.len() >= PAGE_ENTRIES {
                    self.end_page(codec)?;
                }
            }
            done = null;
            Ok(())
        };
        match list.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => all.into_iter().try_for_each(&mut stretch)?,
            Some(nulls) => nulls.valid_slices().try_for_each(&mut stretch)?,
        }
        stretch((list.len(), list.len()))
    }

    fn end_page(&mut self, codec: &mut Codec) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(());
        }
        let (texts, indices) = (&self.texts, &mut self.indices);
        self.names.end_page(codec, rows, |page| texts.encode(indices, page))?;
        indices.clear();
        for (leaf, numbers) in [&mut self.values, &mut self.contributions].into_iter().zip(&mut self.numbers) {
            numbers.statistics.observe(&numbers.values);
            leaf.end_page(codec, rows, |page| byte_stream_split(&numbers.values, page))?;
            numbers.values.clear();
        }
        Ok(())
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, codec: &mut Codec) -> Result<()> {
        let texts = std::mem::take(&mut self.texts);
        let nulls = std::mem::take(&mut self.names.nulls);
        self.names.pages.set_dictionary(codec, &texts.page(), texts.order.len())?;
        self.names.pages.end_row_group(group, statistics::of_texts(texts.order.iter().map(String::as_str), nulls))?;
        for (leaf, numbers) in [&mut self.values, &mut self.contributions].into_iter().zip(&mut self.numbers) {
            let nulls = std::mem::take(&mut leaf.nulls);
            leaf.pages.end_row_group(group, numbers.statistics.finish(nulls))?;
        }
        Ok(())
    }
}

fn offset(value: i32) -> Result<usize> {
    Ok(usize::try_from(value)?)
}

/// Levels and pages of one field of the entries.
struct Leaf {
    pages: Pages,
    definitions: Hybrid,
    repetitions: Hybrid,
    /// The definition level of a value that is there.
    there: u64,
    nullable: bool,
    /// Entries of the page, and rows without any.
    entries: usize,
    nulls: u64,
    page: Vec<u8>,
}

impl Leaf {
    fn new(column: &ColumnDescPtr, field: &Field, encoding: Encoding, entry: u64) -> Self {
        let there = entry + u64::from(field.is_nullable());
        Self {
            pages: Pages::new(column, encoding),
            definitions: Hybrid::new(there),
            repetitions: Hybrid::new(1),
            there,
            nullable: field.is_nullable(),
            entries: 0,
            nulls: 0,
            page: Vec::new(),
        }
    }

    fn push_absent(&mut self, level: u64, count: usize) {
        self.definitions.push(level, count);
        self.repetitions.push(0, count);
        self.entries += count;
        self.nulls += count as u64;
    }

    /// Notes one row of `entries` and hands each that is not null to `take`.
    fn push_entries(
        &mut self,
        entries: Range<usize>,
        array: &dyn Array,
        name: &str,
        mut take: impl FnMut(usize),
    ) -> Result<()> {
        self.repetitions.push(0, 1);
        self.repetitions.push(1, entries.len() - 1);
        self.entries += entries.len();
        for index in entries {
            if array.is_valid(index) {
                self.definitions.push(self.there, 1);
                take(index);
            } else if self.nullable {
                self.definitions.push(self.there - 1, 1);
                self.nulls += 1;
            } else {
                return Err(mismatch(name, "has a null where the schema allows none"));
            }
        }
        Ok(())
    }

    /// Ends the page of `rows` rows whose values `encode` appends.
    fn end_page(&mut self, codec: &mut Codec, rows: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.page.clear();
        self.repetitions.finish_levels(&mut self.page);
        self.definitions.finish_levels(&mut self.page);
        encode(&mut self.page);
        self.pages.push(codec, &self.page, std::mem::take(&mut self.entries), rows)
    }
}

/// The texts of a row group in order of appearance: the names of the columns, over and over.
#[derive(Default)]
struct Dictionary {
    order: Vec<String>,
    places: HashMap<String, u32>,
}

impl Dictionary {
    fn index(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        self.order.push(text.into());
        self.places.insert(text.into(), place);
        place
    }

    /// The dictionary page: each text behind its length.
    fn page(&self) -> Vec<u8> {
        let with_length =
            |text: &String| [&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes(), text.as_bytes()].concat();
        self.order.iter().flat_map(with_length).collect()
    }

    /// The values of a data page: the bits of an index, then the indices.
    fn encode(&self, indices: &[u32], page: &mut Vec<u8>) {
        let mut hybrid = Hybrid::new((self.order.len() as u64).saturating_sub(1));
        for index in indices {
            hybrid.push(u64::from(*index), 1);
        }
        page.push(hybrid.width());
        hybrid.finish(page);
    }
}
