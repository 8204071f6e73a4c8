//! From DuckDB's types to Arrow's: which columns share their memory, and how the others travel.

use crate::error::ScanError;
use crate::query::LogicalType;
use arrow_schema::{DataType, TimeUnit};

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
    /// The layouts agree: the array lies over the vector's own memory.
    Shared(DataType),
    /// Sixteen-bit decimals, which Arrow does not know, widened to `Decimal32`.
    WidenDecimal(DataType),
    /// Unsigned 128-bit integers, which Arrow does not know, as `Float64`.
    WideToFloat,
    /// Times with a zone offset packed into the low bits, as `Time64`: the time as written.
    DropOffset,
    /// DuckDB's own conversion, which copies.
    Foreign,
}

/// The road for a column of `logical` in `role`; `None` when a feature of that type cannot be.
pub(crate) fn road(logical: &LogicalType, role: Role) -> Option<Road> {
    let shared = |kind| Some(Road::Shared(kind));
    let copied = |feature_road| match role {
        Role::Feature => feature_road,
        Role::Copied => Some(Road::Foreign),
    };
    match logical.id() {
        // A byte a row, one or zero; a copied column is to stay a boolean, which in Arrow is a bit.
        1 => copied(Some(Road::Shared(DataType::UInt8))),
        2 => shared(DataType::Int8),
        3 => shared(DataType::Int16),
        4 => shared(DataType::Int32),
        5 => shared(DataType::Int64),
        6 => shared(DataType::UInt8),
        7 => shared(DataType::UInt16),
        8 => shared(DataType::UInt32),
        9 => shared(DataType::UInt64),
        10 => shared(DataType::Float32),
        11 => shared(DataType::Float64),
        12 => shared(DataType::Timestamp(TimeUnit::Microsecond, None)),
        13 => shared(DataType::Date32),
        14 => shared(DataType::Time64(TimeUnit::Microsecond)),
        // Two's complement in 16 bytes, as Arrow's widest common decimal; no Parquet file holds one.
        16 => shared(DataType::Decimal128(38, 0)),
        19 => decimal(logical.decimal()),
        20 => shared(DataType::Timestamp(TimeUnit::Second, None)),
        21 => shared(DataType::Timestamp(TimeUnit::Millisecond, None)),
        22 => shared(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        30 => copied(Some(Road::DropOffset)),
        31 => shared(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        32 => copied(Some(Road::WideToFloat)),
        39 => shared(DataType::Time64(TimeUnit::Nanosecond)),
        _ => copied(None),
    }
}

/// DuckDB picks the narrowest of 16, 32, 64 and 128 bits that holds `width` digits.
fn decimal((width, scale): (u8, u8)) -> Option<Road> {
    let signed_scale = i8::try_from(scale).ok()?;
    Some(match width {
        1..=4 => Road::WidenDecimal(DataType::Decimal32(width, signed_scale)),
        5..=9 => Road::Shared(DataType::Decimal32(width, signed_scale)),
        10..=18 => Road::Shared(DataType::Decimal64(width, signed_scale)),
        19..=38 => Road::Shared(DataType::Decimal128(width, signed_scale)),
        _ => return None,
    })
}

/// The refusal of a feature that is no number.
pub(crate) fn not_numeric(name: &str, logical: &LogicalType) -> ScanError {
    let kind = type_name(logical.id());
    ScanError::config(format!(
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
