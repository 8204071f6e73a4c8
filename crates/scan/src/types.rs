//! From DuckDB's types to Arrow's: which columns share their memory, and how the others travel.

use crate::query::LogicalType;
use arrow_schema::{DataType, TimeUnit};
use batch_core_error::Error;

/// What a column is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Read by the kernels, so it must be a number of some kind.
    Feature,
    /// Carried along unseen.
    Copied,
}

/// How the values of a column get from a chunk into an Arrow array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Road {
    /// This crate reads the vector.
    Direct(Layout),
    /// DuckDB converts it, which copies.
    Foreign,
}

/// What lies in a vector that this crate reads itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// What Arrow would have there: the array lies over the vector's own memory.
    Shared(DataType),
    /// Sixteen-bit decimals, which Arrow does not know; widened to `Decimal32`.
    ShortDecimal(DataType),
    /// Unsigned 128-bit integers, which Arrow does not know; made `Float64`.
    Unsigned128,
    /// Times of day with a zone offset in the low bits; made `Time64`, the time as written.
    TimeWithOffset,
}

impl Layout {
    /// The Arrow type it ends up as.
    pub(crate) fn kind(&self) -> DataType {
        match self {
            Self::Shared(kind) | Self::ShortDecimal(kind) => kind.clone(),
            Self::Unsigned128 => DataType::Float64,
            Self::TimeWithOffset => DataType::Time64(TimeUnit::Microsecond),
        }
    }
}

/// The road for a column of `logical` in `role`; `None` when a feature of that type cannot be.
pub(crate) fn road(logical: &LogicalType, role: Role) -> Option<Road> {
    let layout = match logical.id() {
        // A byte a row, one or zero; a copied column is to stay a boolean, which in Arrow is a bit.
        1 if role == Role::Feature => Layout::Shared(DataType::UInt8),
        2 => Layout::Shared(DataType::Int8),
        3 => Layout::Shared(DataType::Int16),
        4 => Layout::Shared(DataType::Int32),
        5 => Layout::Shared(DataType::Int64),
        6 => Layout::Shared(DataType::UInt8),
        7 => Layout::Shared(DataType::UInt16),
        8 => Layout::Shared(DataType::UInt32),
        9 => Layout::Shared(DataType::UInt64),
        10 => Layout::Shared(DataType::Float32),
        11 => Layout::Shared(DataType::Float64),
        12 => Layout::Shared(DataType::Timestamp(TimeUnit::Microsecond, None)),
        13 => Layout::Shared(DataType::Date32),
        14 => Layout::Shared(DataType::Time64(TimeUnit::Microsecond)),
        // Two's complement in 16 bytes, as Arrow's widest common decimal; no Parquet file holds one.
        16 => Layout::Shared(DataType::Decimal128(38, 0)),
        19 => decimal(logical.decimal())?,
        20 => Layout::Shared(DataType::Timestamp(TimeUnit::Second, None)),
        21 => Layout::Shared(DataType::Timestamp(TimeUnit::Millisecond, None)),
        22 => Layout::Shared(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        30 if role == Role::Feature => Layout::TimeWithOffset,
        31 => Layout::Shared(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        32 if role == Role::Feature => Layout::Unsigned128,
        39 => Layout::Shared(DataType::Time64(TimeUnit::Nanosecond)),
        _ => return (role == Role::Copied).then_some(Road::Foreign),
    };
    Some(Road::Direct(layout))
}

/// DuckDB picks the narrowest of 16, 32, 64 and 128 bits that holds `width` digits.
fn decimal((width, scale): (u8, u8)) -> Option<Layout> {
    let scale = i8::try_from(scale).ok()?;
    Some(match width {
        1..=4 => Layout::ShortDecimal(DataType::Decimal32(width, scale)),
        5..=9 => Layout::Shared(DataType::Decimal32(width, scale)),
        10..=18 => Layout::Shared(DataType::Decimal64(width, scale)),
        19..=38 => Layout::Shared(DataType::Decimal128(width, scale)),
        _ => return None,
    })
}

/// The refusal of a feature that is no number.
pub(crate) fn not_numeric(name: &str, logical: &LogicalType) -> Error {
    let kind = type_name(logical.id());
    Error::config(format!(
        "column \"{name}\" is {kind}, and a feature must be a number, a boolean, a date or a time; leave it out or copy it"
    ))
    .in_column(name)
}

fn type_name(id: u32) -> &'static str {
    const NAMES: [(u32, &str); 18] = [
        (15, "INTERVAL"),
        (17, "VARCHAR"),
        (18, "BLOB"),
        (19, "DECIMAL"),
        (23, "ENUM"),
        (24, "LIST"),
        (25, "STRUCT"),
        (26, "MAP"),
        (27, "UUID"),
        (28, "UNION"),
        (29, "BIT"),
        (33, "ARRAY"),
        (35, "BIGNUM"),
        (36, "NULL"),
        (37, "VARCHAR"),
        (38, "INTEGER"),
        (40, "GEOMETRY"),
        (41, "VARIANT"),
    ];
    NAMES.iter().find(|(known, _)| *known == id).map_or("of a type this scanner does not know", |(_, name)| name)
}
