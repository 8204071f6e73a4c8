//! What DuckDB makes of a column, as far as a footer tells it plainly (`ParquetReader::DeriveLogicalType`).
//!
//! Only what the usual writers write is plain. Of the rest DuckDB is asked, which knows what it makes of it, and whether
//! it takes it at all. `test/source/types.test.ts` compares the two.

use super::cell::{Cells, Spelling, Unit};
use super::element::{self, Element, logical, physical};
use std::borrow::Cow;

/// A plain column: the name of its DuckDB type, and how its statistics spell its cells, where that can be a number.
pub(super) struct Plain {
    pub(super) name: Cow<'static, str>,
    pub(super) cells: Option<Cells>,
}

/// A decimal of more than 38 digits. DuckDB 1.5 makes it a double, word by word of 8 bytes, and takes the bytes of a
/// last word that is not whole for its upper ones (`ParquetDecimalUtils::ReadDecimalValue<double>`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisreadDecimal {
    /// What the file says it is.
    pub name: String,
    /// By how many bits it comes shifted to the left, and its digits behind the point; `None` where that cannot be known.
    pub shifted: Option<(u32, u32)>,
}

/// What a 128-bit integer holds.
const DECIMAL_DIGITS_MAX: i64 = 38;
const WORD_BYTES: i64 = 8;

/// Older files' words for what values stand for.
mod converted {
    pub(super) const TEXT: i64 = 0;
    pub(super) const DECIMAL: i64 = 5;
    pub(super) const DATE: i64 = 6;
    pub(super) const TIME_MILLIS: i64 = 7;
    pub(super) const TIME_MICROS: i64 = 8;
    pub(super) const TIMESTAMP_MILLIS: i64 = 9;
    pub(super) const TIMESTAMP_MICROS: i64 = 10;
    pub(super) const UINT_8: i64 = 11;
    pub(super) const UINT_16: i64 = 12;
    pub(super) const UINT_32: i64 = 13;
    pub(super) const UINT_64: i64 = 14;
    pub(super) const INT_8: i64 = 15;
    pub(super) const INT_16: i64 = 16;
    pub(super) const INT_32: i64 = 17;
    pub(super) const INT_64: i64 = 18;
}

/// What a leaf is to DuckDB; `None` where it has to be asked.
pub(super) fn plain(element: &Element<'_>) -> Option<Plain> {
    let physical = element.physical?;
    if physical == physical::FIXED_BYTES && element.length.is_none_or(|length| length <= 0) {
        return None;
    }
    let Some(logical) = element.logical else { return by_converted(element, physical) };
    match (logical.id, physical) {
        (logical::TIME | logical::TIMESTAMP, _) => temporal(logical, physical),
        (logical::UUID, physical::FIXED_BYTES) if element.length == Some(16) => Some(named("UUID")),
        (logical::FLOAT16, physical::FIXED_BYTES) if element.length == Some(2) => {
            Some(numbers("FLOAT", Spelling::Float16))
        }
        _ => by_converted(element, physical).filter(|_| agrees(logical.id, element.converted)),
    }
}

/// Whether older words say what a newer one does: DuckDB goes by the former.
fn agrees(id: i64, said: Option<i64>) -> bool {
    match id {
        logical::TEXT => said == Some(converted::TEXT),
        logical::DECIMAL => said == Some(converted::DECIMAL),
        logical::DATE => said == Some(converted::DATE),
        logical::INTEGER => said.is_some_and(|said| (converted::UINT_8..=converted::INT_64).contains(&said)),
        _ => false,
    }
}

fn by_converted(element: &Element<'_>, physical: i64) -> Option<Plain> {
    let Some(said) = element.converted else { return by_physical(physical) };
    Some(match (said, physical) {
        (converted::TEXT, physical::BYTES) => named("VARCHAR"),
        (converted::DECIMAL, _) => return decimal(element, physical),
        (converted::DATE, physical::INT32) => numbers("DATE", Spelling::Signed32),
        (converted::TIME_MILLIS, physical::INT32) => counted("TIME", Spelling::Signed32, Unit::Coarser(1000)),
        (converted::TIME_MICROS, physical::INT64) => numbers("TIME", Spelling::Signed64),
        (converted::TIMESTAMP_MILLIS, physical::INT64) => counted("TIMESTAMP", Spelling::Signed64, Unit::Coarser(1000)),
        (converted::TIMESTAMP_MICROS, physical::INT64) => numbers("TIMESTAMP", Spelling::Signed64),
        (converted::UINT_8, physical::INT32) => numbers("UTINYINT", Spelling::Unsigned32),
        (converted::UINT_16, physical::INT32) => numbers("USMALLINT", Spelling::Unsigned32),
        (converted::UINT_32, physical::INT32) => numbers("UINTEGER", Spelling::Unsigned32),
        (converted::UINT_64, physical::INT64) => numbers("UBIGINT", Spelling::Unsigned64),
        (converted::INT_8, physical::INT32) => numbers("TINYINT", Spelling::Signed32),
        (converted::INT_16, physical::INT32) => numbers("SMALLINT", Spelling::Signed32),
        (converted::INT_32, physical::INT32) => numbers("INTEGER", Spelling::Signed32),
        (converted::INT_64, physical::INT64) => numbers("BIGINT", Spelling::Signed64),
        _ => return None,
    })
}

fn by_physical(physical: i64) -> Option<Plain> {
    Some(match physical {
        physical::BOOLEAN => numbers("BOOLEAN", Spelling::Boolean),
        physical::INT32 => numbers("INTEGER", Spelling::Signed32),
        physical::INT64 => numbers("BIGINT", Spelling::Signed64),
        // Nobody agrees on how these are ordered, so statistics say nothing.
        physical::INT96 => named("TIMESTAMP"),
        physical::FLOAT => numbers("FLOAT", Spelling::Float32),
        physical::DOUBLE => numbers("DOUBLE", Spelling::Float64),
        physical::BYTES | physical::FIXED_BYTES => named("BLOB"),
        _ => return None,
    })
}

/// Times and timestamps: without a zone nanoseconds are read as they are, and all else in microseconds.
fn temporal(logical: element::Logical, physical: i64) -> Option<Plain> {
    use element::Unit::{Microseconds, Milliseconds, Nanoseconds};
    let is_time = logical.id == logical::TIME;
    let spelling = match (is_time, logical.unit?, physical) {
        (true, Milliseconds, physical::INT32) => Spelling::Signed32,
        (true, Milliseconds, _) => return None,
        (_, _, physical::INT64) => Spelling::Signed64,
        _ => return None,
    };
    let unit = match logical.unit? {
        Milliseconds => Unit::Coarser(1000),
        Nanoseconds if logical.zone => Unit::Finer(1000),
        Microseconds | Nanoseconds => Unit::Same,
    };
    let name = match (is_time, logical.zone, logical.unit?) {
        (true, true, _) => "TIME WITH TIME ZONE",
        (true, false, Nanoseconds) => "TIME_NS",
        (true, false, _) => "TIME",
        (false, true, _) => "TIMESTAMP WITH TIME ZONE",
        (false, false, Nanoseconds) => "TIMESTAMP_NS",
        (false, false, _) => "TIMESTAMP",
    };
    Some(counted(name, spelling, unit))
}

fn decimal(element: &Element<'_>, physical: i64) -> Option<Plain> {
    let (precision, scale) = (element.precision?, element.scale?);
    let spelling = match physical {
        physical::INT32 => Spelling::Signed32,
        physical::INT64 => Spelling::Signed64,
        physical::BYTES | physical::FIXED_BYTES => Spelling::BigEndian,
        _ => return None,
    };
    if precision > DECIMAL_DIGITS_MAX {
        return (spelling == Spelling::BigEndian && scale >= 0).then(|| named("DOUBLE"));
    }
    if precision < 1 || !(0..=precision).contains(&scale) {
        return None;
    }
    // As its literal is read: the nearest double, which a scan divides by.
    let power = format!("1e{scale}").parse().ok()?;
    let name = format!("DECIMAL({precision},{scale})").into();
    Some(Plain { name, cells: Some(Cells { spelling, unit: Unit::Decimal(power) }) })
}

/// What is wrong with a decimal that DuckDB misreads; `top` where it is a column of the table and not inside one.
pub(super) fn misread(element: &Element<'_>, top: bool) -> Option<MisreadDecimal> {
    let (precision, scale) = (element.precision.unwrap_or(0), element.scale.unwrap_or(0));
    if element.converted != Some(converted::DECIMAL) || precision <= DECIMAL_DIGITS_MAX {
        return None;
    }
    let name = format!("DECIMAL({precision},{scale})");
    if element.physical != Some(physical::FIXED_BYTES) {
        return Some(MisreadDecimal { name: format!("{name} of any length"), shifted: None });
    }
    let bytes = element.length.unwrap_or(0);
    let missing = (WORD_BYTES - bytes.rem_euclid(WORD_BYTES)).rem_euclid(WORD_BYTES);
    let shifted = || Some((u32::try_from(8 * missing).ok()?, u32::try_from(scale).ok()?));
    (missing > 0).then(|| MisreadDecimal {
        name: format!("{name} of {bytes} bytes"),
        shifted: if top { shifted() } else { None },
    })
}

fn named(name: &'static str) -> Plain {
    Plain { name: name.into(), cells: None }
}

fn numbers(name: &'static str, spelling: Spelling) -> Plain {
    counted(name, spelling, Unit::Same)
}

fn counted(name: &'static str, spelling: Spelling, unit: Unit) -> Plain {
    Plain { name: name.into(), cells: Some(Cells { spelling, unit }) }
}
