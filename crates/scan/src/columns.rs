//! How the columns of one result become the columns of its batches; decided once, before the first chunk.

use crate::arrow;
use crate::chunk::Chunk;
use crate::foreign::Foreign;
use crate::query::Rows;
use crate::request::ScanRequest;
use crate::select;
use crate::types::{self, Road, Role};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use batch_core_error::Error;
use std::sync::Arc;

/// Bytes of converted columns from which on the others are copied too.
const LARGE_BYTES: usize = 1 << 20;

/// The roads of a result's columns, and the schema they lead to.
pub(crate) struct Columns {
    pub(crate) schema: SchemaRef,
    roads: Vec<Road>,
    foreign: Option<Foreign>,
}

impl Columns {
    pub(crate) fn new(rows: &mut Rows, request: &ScanRequest) -> Result<Self, Error> {
        let features = request.columns.iter().map(|name| (name, Role::Feature));
        let copied = request.copied.iter().map(|name| (name, Role::Copied));
        let numbers = request.condition.as_ref().map(|_| select::ROW_NUMBER.to_owned());
        let numbers = numbers.iter().map(|name| (name, Role::Feature));
        let (mut roads, mut converted) = (Vec::new(), Vec::new());
        for (index, (name, role)) in features.chain(copied).chain(numbers.clone()).enumerate() {
            let logical = rows.column_type(index)?;
            let road = types::road(&logical, role).ok_or_else(|| types::not_numeric(name, &logical))?;
            if road == Road::Foreign {
                converted.push((index, name.clone(), logical));
            }
            roads.push(road);
        }
        let foreign = match converted.as_slice() {
            [] => None,
            _ => Some(Foreign::new(&rows.connection, converted)?),
        };
        let mut conversions = foreign.iter().flat_map(Foreign::fields);
        let names = request.columns.iter().chain(&request.copied).chain(numbers.map(|(name, _)| name));
        let fields = roads
            .iter()
            .zip(names)
            .map(|(road, name)| field(road, name, &mut conversions))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { schema: Arc::new(Schema::new(fields)), roads, foreign })
    }

    /// The rows of `chunk` as a batch that shares its memory where it can, and the bytes of what it does not share:
    /// those of lists twice, for DuckDB allocates them in powers of two.
    pub(crate) fn batch(&self, chunk: &Arc<Chunk>) -> Result<(RecordBatch, usize), Error> {
        let converted = self.foreign.as_ref().map_or_else(|| Ok(Vec::new()), |foreign| foreign.convert(chunk))?;
        // What shares the chunk's memory keeps all of it, and so what was copied from it: not where that is large.
        let bytes: usize = converted.iter().map(held).sum();
        let mut converted = converted.into_iter();
        let mut arrays = Vec::with_capacity(self.roads.len());
        for (index, road) in self.roads.iter().enumerate() {
            arrays.push(match road {
                Road::Direct(layout) => arrow::array(chunk, index, layout, bytes >= LARGE_BYTES)?,
                Road::Foreign => {
                    converted.next().ok_or_else(|| Error::bug(format!("column {index} was not converted")))?
                }
            });
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        batch
            .map(|batch| (batch, bytes))
            .map_err(|error| Error::bug(format!("the arrays of a chunk do not make a batch: {error}")))
    }
}

/// What an array takes, and took while it was made.
fn held(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().map(held).sum(),
        kind => (1 + usize::from(kind.is_nested())) * array.get_array_memory_size(),
    }
}

fn field<'f>(road: &Road, name: &str, conversions: &mut impl Iterator<Item = &'f FieldRef>) -> Result<FieldRef, Error> {
    match road {
        Road::Direct(layout) => Ok(Arc::new(Field::new(name, layout.kind(), true))),
        Road::Foreign => conversions.next().cloned().ok_or_else(|| Error::bug("DuckDB describes too few columns")),
    }
}
