//! The columns of a part: row, file, kept columns, score, anomaly, reasons.

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use batch_core_error::Error;
use batch_core_kernels::Reason;
use std::sync::Arc;

/// Which columns the output has.
pub(crate) struct Layout {
    schema: SchemaRef,
    /// The text of the `file` column, where there is one.
    file: Option<String>,
    /// Rows may lack a score.
    skips: bool,
    /// The names of the model's columns, where reasons are written.
    reasons: Option<Vec<String>>,
}

impl Layout {
    pub(crate) fn new(
        file: Option<String>,
        kept: &[(String, DataType)],
        skips: bool,
        reasons: Option<Vec<String>>,
    ) -> Self {
        let mut fields = vec![Field::new("row", DataType::Int64, false)];
        if file.is_some() {
            fields.push(Field::new("file", DataType::Utf8, false));
        }
        fields.extend(kept.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)));
        fields.push(Field::new("score", DataType::Float64, skips));
        fields.push(Field::new("anomaly", DataType::Boolean, skips));
        if reasons.is_some() {
            fields.push(Field::new("reasons", DataType::List(Arc::new(reason_field())), true));
        }
        Self { schema: Arc::new(Schema::new(fields)), file, skips, reasons }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// One output batch. `reasons` holds (position in the batch, reasons) of the rows in `marks`, in order.
    pub(crate) fn batch(
        &self,
        first_row: u64,
        copied: &[ArrayRef],
        scores: Vec<f64>,
        marks: BooleanBuffer,
        reasons: &[(usize, Vec<Reason>)],
    ) -> Result<RecordBatch, Error> {
        let first = i64::try_from(first_row).map_err(|_| Error::data("row numbers beyond 2^63"))?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        let rows = scores.len();
        columns.push(Arc::new(Int64Array::from_iter_values((first..).take(rows))));
        if let Some(file) = &self.file {
            columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(file, rows))));
        }
        columns.extend(copied.iter().cloned());
        let nulls = self.skips.then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |i| !scores[i].is_nan())));
        columns.push(Arc::new(Float64Array::new(scores.into(), nulls.clone())));
        columns.push(Arc::new(BooleanArray::new(marks, nulls)));
        if let Some(names) = &self.reasons {
            columns.push(reason_lists(rows, reasons, names));
        }
        // Arrow only complains of arrays that we built.
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::bug(format!("output batch: {e}")))
    }
}

fn reason_fields() -> Fields {
    Fields::from(vec![
        Field::new("column", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
    ])
}

fn reason_field() -> Field {
    Field::new("item", DataType::Struct(reason_fields()), false)
}

/// A list per flagged row, null for the others.
fn reason_lists(rows: usize, flagged: &[(usize, Vec<Reason>)], names: &[String]) -> ArrayRef {
    let builders: Vec<Box<dyn arrow_array::builder::ArrayBuilder>> =
        vec![Box::new(StringBuilder::new()), Box::new(Float64Builder::new()), Box::new(Float64Builder::new())];
    let mut lists =
        ListBuilder::with_capacity(StructBuilder::new(reason_fields(), builders), rows).with_field(reason_field());
    let mut at = 0;
    for (row, list) in flagged {
        lists.append_nulls(row - at);
        at = row + 1;
        let entries = lists.values();
        for reason in list {
            // The builders are those made above, in this order.
            if let Some(column) = entries.field_builder::<StringBuilder>(0) {
                column.append_value(&names[reason.column as usize]);
            }
            if let Some(value) = entries.field_builder::<Float64Builder>(1) {
                value.append_option((!reason.value.is_nan()).then_some(reason.value));
            }
            if let Some(contribution) = entries.field_builder::<Float64Builder>(2) {
                contribution.append_value(reason.contribution);
            }
            entries.append(true);
        }
        lists.append(true);
    }
    lists.append_nulls(rows - at);
    Arc::new(lists.finish())
}
