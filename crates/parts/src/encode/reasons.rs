//! Reasons: a list of a name and numbers, null on all rows but the flagged ones.

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
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::ops::Range;

/// A page ends early, between two rows, when it has this many entries.
const PAGE_ENTRIES: usize = 131_072;

/// Fields that say the same of a column in every reason that names it.
const REPEATED: [&str; 2] = ["usual_low", "usual_high"];

/// The column `reasons`.
pub(super) struct Reasons {
    name: String,
    list_nullable: bool,
    entry_nullable: bool,
    lists: Lists,
    fields: Vec<Leaf>,
    pages: Vec<Vec<u8>>,
    /// Rows of the page so far, and entries.
    rows: usize,
    entries: usize,
}

/// A field of an entry.
struct Leaf {
    nullable: bool,
    values: Values,
    chunk: Pages,
}

/// The values of a field: in the page so far, and what the row group needs to know of the others.
enum Values {
    Texts(Dictionary<String>),
    Repeated(Dictionary<u64>),
    Numbers { page: Vec<f64>, statistics: Doubles },
}

impl Reasons {
    /// `None` when the field has another shape than ours: a text, and numbers.
    pub(super) fn new(field: &Field, item: &Field, columns: &[ColumnDescPtr]) -> Option<Self> {
        let DataType::Struct(entry) = item.data_type() else { return None };
        let leaf = |(field, column): (&Field, &ColumnDescPtr)| {
            let (values, encoding) = match field.data_type() {
                DataType::Utf8 => (Values::Texts(Dictionary::default()), Encoding::RLE_DICTIONARY),
                DataType::Float64 if REPEATED.contains(&field.name().as_str()) => {
                    (Values::Repeated(Dictionary::default()), Encoding::RLE_DICTIONARY)
                }
                DataType::Float64 => {
                    (Values::Numbers { page: Vec::new(), statistics: Doubles::default() }, Encoding::BYTE_STREAM_SPLIT)
                }
                _ => return None,
            };
            Some(Leaf { nullable: field.is_nullable(), values, chunk: Pages::new(column, encoding) })
        };
        let fields: Vec<Leaf> = entry.iter().map(AsRef::as_ref).zip(columns).map(leaf).collect::<Option<_>>()?;
        Some(Self {
            name: field.name().clone(),
            list_nullable: field.is_nullable(),
            entry_nullable: item.is_nullable(),
            lists: Lists::new(field.is_nullable(), item.is_nullable(), fields.iter().map(|field| field.nullable)),
            pages: vec![Vec::new(); fields.len()],
            fields,
            rows: 0,
            entries: 0,
        })
    }

    fn push_row(&mut self, range: Range<usize>, entries: &Entries<'_>) -> Result<()> {
        self.rows += 1;
        self.entries += range.len();
        self.lists.push_row(range.clone(), entries.nulls, &entries.field_nulls);
        for ((field, array), nulls) in self.fields.iter_mut().zip(entries.fields).zip(&entries.field_nulls) {
            let there = |at: &usize| [entries.nulls, *nulls].into_iter().flatten().all(|nulls| nulls.is_valid(*at));
            let pushed = field.values.push(array, range.clone().filter(there));
            pushed.ok_or_else(|| of_another_shape(&self.name))?;
        }
        Ok(())
    }

    /// The arrays of `list`'s entries, checked against the schema.
    fn entries<'a>(&self, entries: &'a StructArray) -> Result<Entries<'a>> {
        if entries.num_columns() != self.fields.len() {
            return Err(of_another_shape(&self.name));
        }
        let field_nulls = entries.columns().iter().map(|array| some_nulls(array)).collect();
        let entries = Entries { nulls: some_nulls(entries), field_nulls, fields: entries.columns() };
        let allowed = |nulls: Option<&NullBuffer>, nullable| nullable || nulls.is_none();
        let fields = entries.field_nulls.iter().zip(&self.fields);
        if allowed(entries.nulls, self.entry_nullable)
            && fields.into_iter().all(|(nulls, field)| allowed(*nulls, field.nullable))
        {
            Ok(entries)
        } else {
            Err(mismatch(&self.name, "has a null where the schema allows none"))
        }
    }
}

fn of_another_shape(name: &str) -> parquet::errors::ParquetError {
    mismatch(name, "has entries of another shape")
}

impl Values {
    /// Appends those of `array` at `places`; `None` when it has other ones.
    fn push(&mut self, array: &ArrayRef, places: impl Iterator<Item = usize>) -> Option<()> {
        match self {
            Self::Texts(texts) => {
                let array = array.as_string_opt::<i32>()?;
                places.for_each(|at| texts.push(array.value(at)));
            }
            Self::Repeated(numbers) => {
                let array = array.as_primitive_opt::<Float64Type>()?;
                places.for_each(|at| numbers.push(&array.value(at).to_bits()));
            }
            Self::Numbers { page, .. } => {
                let array = array.as_primitive_opt::<Float64Type>()?;
                page.extend(places.map(|at| array.value(at)));
            }
        }
        Some(())
    }

    /// Appends the values of the page to it.
    fn end_page(&mut self, page: &mut Vec<u8>) {
        match self {
            Self::Texts(texts) => texts.end_page(page),
            Self::Repeated(numbers) => numbers.end_page(page),
            Self::Numbers { page: values, statistics } => {
                statistics.observe(values);
                append_byte_stream_split(values, page);
                values.clear();
            }
        }
    }
}

/// The nulls of an array, if it has any.
fn some_nulls(array: &dyn Array) -> Option<&NullBuffer> {
    array.nulls().filter(|nulls| nulls.null_count() > 0)
}

struct Entries<'a> {
    nulls: Option<&'a NullBuffer>,
    field_nulls: Vec<Option<&'a NullBuffer>>,
    fields: &'a [ArrayRef],
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
                    self.push_row(range, &entries)?;
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
        for (field, page) in self.fields.iter_mut().zip(&mut self.pages) {
            field.values.end_page(page);
            field.chunk.push(codec, page, levels, rows)?;
        }
        Ok(())
    }

    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, codec: &mut Codec) -> Result<()> {
        for (index, Leaf { values, chunk, .. }) in self.fields.iter_mut().enumerate() {
            let nulls = self.lists.take_nulls(index);
            match values {
                Values::Texts(texts) => texts.end_row_group(chunk, group, codec, nulls)?,
                Values::Repeated(numbers) => numbers.end_row_group(chunk, group, codec, nulls)?,
                Values::Numbers { statistics, .. } => chunk.end_row_group(group, statistics.finish(nulls))?,
            }
        }
        Ok(())
    }
}
