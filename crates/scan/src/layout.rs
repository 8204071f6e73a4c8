//! How the columns of one result become the columns of its batches; decided once, before the first chunk.

use crate::chunk::Chunk;
use crate::error::ScanError;
use crate::foreign::Foreign;
use crate::query::Rows;
use crate::scan::ScanRequest;
use crate::types::{self, Road, Role};
use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// The roads of a result's columns, and the schema they lead to.
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    pub(crate) roads: Vec<Road>,
    foreign: Option<Foreign>,
}

impl Layout {
    pub(crate) fn new(rows: &mut Rows, request: &ScanRequest) -> Result<Self, ScanError> {
        let features = request.columns.iter().map(|name| (name, Role::Feature));
        let copied = request.copied.iter().map(|name| (name, Role::Copied));
        let (mut roads, mut converted) = (Vec::new(), Vec::new());
        for (index, (name, role)) in features.chain(copied).enumerate() {
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
        let names = request.columns.iter().chain(&request.copied);
        let fields = roads
            .iter()
            .zip(names)
            .map(|(road, name)| field(road, name, &mut conversions))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { schema: Arc::new(Schema::new(fields)), roads, foreign })
    }

    /// The columns of `chunk` that DuckDB converts, in order.
    pub(crate) fn convert(&self, chunk: &Chunk) -> Result<Vec<ArrayRef>, ScanError> {
        self.foreign.as_ref().map_or_else(|| Ok(Vec::new()), |foreign| foreign.convert(chunk))
    }
}

fn field<'f>(
    road: &Road,
    name: &str,
    conversions: &mut impl Iterator<Item = &'f FieldRef>,
) -> Result<FieldRef, ScanError> {
    let kind = match road {
        Road::Shared(kind) | Road::WidenDecimal(kind) => kind.clone(),
        Road::WideToFloat => DataType::Float64,
        Road::DropOffset => DataType::Time64(TimeUnit::Microsecond),
        Road::Foreign => {
            return conversions.next().cloned().ok_or_else(|| ScanError::bug("DuckDB describes too few columns"));
        }
    };
    Ok(Arc::new(Field::new(name, kind, true)))
}
