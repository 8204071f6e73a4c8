//! The columns of a part: row, file, kept columns, score, severity, anomaly, reasons.

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use batch_core_error::Error;
use batch_core_kernels::{Reason, Usual};
use std::sync::Arc;

/// A batch, as the output has it.
pub(crate) struct Scored {
    pub(crate) first_row: u64,
    pub(crate) copied: Vec<ArrayRef>,
    pub(crate) scores: Vec<f64>,
    pub(crate) severities: Option<Vec<f64>>,
    /// The rows that are flagged.
    pub(crate) marks: BooleanBuffer,
}

/// Which columns the output has.
pub(crate) struct Layout {
    schema: SchemaRef,
    /// The text of the `file` column, where there is one.
    file: Option<String>,
    /// Rows may lack a score.
    skips: bool,
    /// Where reasons are written.
    reasons: Option<Vec<Told>>,
}

/// What reasons say of a column of the model.
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) usual: Option<Usual>,
}

impl Layout {
    /// `skips`: rows may lack a score; `unranked`: none has a severity.
    pub(crate) fn new(
        file: Option<String>,
        kept: &[(String, DataType)],
        [skips, unranked]: [bool; 2],
        reasons: Option<Vec<Told>>,
    ) -> Self {
        let mut fields = vec![Field::new("row", DataType::Int64, false)];
        if file.is_some() {
            fields.push(Field::new("file", DataType::Utf8, false));
        }
        fields.extend(kept.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)));
        fields.push(Field::new("score", DataType::Float64, skips));
        fields.push(Field::new("severity", DataType::Float64, skips || unranked));
        fields.push(Field::new("anomaly", DataType::Boolean, skips));
        if reasons.is_some() {
            fields.push(Field::new("reasons", DataType::List(Arc::new(reason_field())), true));
        }
        Self { schema: Arc::new(Schema::new(fields)), file, skips, reasons }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// One output batch. `lists` are the reasons of its rows, where they are written.
    pub(crate) fn batch(&self, batch: Scored, lists: Option<ArrayRef>) -> Result<RecordBatch, Error> {
        let Scored { first_row, copied, scores, severities, marks } = batch;
        let first = i64::try_from(first_row).map_err(|_| Error::data("row numbers beyond 2^63"))?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        let rows = scores.len();
        columns.push(Arc::new(Int64Array::from_iter_values((first..).take(rows))));
        if let Some(file) = &self.file {
            columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(file, rows))));
        }
        columns.extend(copied);
        let nulls = self.skips.then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |i| !scores[i].is_nan())));
        columns.push(Arc::new(Float64Array::new(scores.into(), nulls.clone())));
        columns.push(Arc::new(match severities {
            Some(severities) => Float64Array::new(severities.into(), nulls.clone()),
            None => Float64Array::new_null(rows),
        }));
        columns.push(Arc::new(BooleanArray::new(marks, nulls)));
        columns.extend(lists);
        // Arrow only complains of arrays that we built.
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::bug(format!("output batch: {e}")))
    }

    /// The reasons of `rows` rows: a list of each of the `flagged` ones, by their places, and null of the others. Nothing where they are not
    /// written.
    pub(crate) fn lists(&self, rows: usize, flagged: &[(usize, &[Reason])]) -> Option<ArrayRef> {
        self.reasons.as_ref().map(|told| reason_lists(rows, flagged, told))
    }
}

fn reason_fields() -> Fields {
    Fields::from(vec![
        Field::new("column", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
        Field::new("usual_low", DataType::Float64, true),
        Field::new("usual_high", DataType::Float64, true),
    ])
}

fn reason_field() -> Field {
    Field::new("item", DataType::Struct(reason_fields()), false)
}

/// A list per flagged row, null for the others.
fn reason_lists(rows: usize, flagged: &[(usize, &[Reason])], told: &[Told]) -> ArrayRef {
    let entries = || flagged.iter().flat_map(|(_, list)| *list).map(|reason| (reason, &told[reason.column as usize]));
    let names = StringArray::from_iter_values(entries().map(|(_, told)| &told.name));
    let value = |(reason, _): (&Reason, &Told)| (!reason.value.is_nan()).then_some(reason.value);
    let usual = |end: fn(Usual) -> f64| -> ArrayRef {
        Arc::new(entries().map(|(_, told)| told.usual.map(end)).collect::<Float64Array>())
    };
    let fields: Vec<ArrayRef> = vec![
        Arc::new(names),
        Arc::new(entries().map(value).collect::<Float64Array>()),
        Arc::new(Float64Array::from_iter_values(entries().map(|(reason, _)| reason.contribution))),
        usual(|usual| usual.low),
        usual(|usual| usual.high),
    ];
    let (mut offsets, mut end) = (Vec::with_capacity(rows + 1), 0);
    let mut there = BooleanBufferBuilder::new(rows);
    there.append_n(rows, false);
    for (row, list) in flagged {
        offsets.resize(row + 1, end);
        end += i32::try_from(list.len()).expect("no row has so many reasons");
        there.set_bit(*row, true);
    }
    offsets.resize(rows + 1, end);
    let nulls = NullBuffer::new(there.finish());
    let entries = StructArray::new(reason_fields(), fields, None);
    Arc::new(ListArray::new(
        Arc::new(reason_field()),
        OffsetBuffer::new(offsets.into()),
        Arc::new(entries),
        Some(nulls),
    ))
}
