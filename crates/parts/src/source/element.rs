//! An element of a footer's schema, as it is written.

use super::fault::Fault;
use super::form::{self, Formal, Structure};
use super::thrift::Kind;

/// Numbers of the format: its physical types,
pub(super) mod physical {
    pub(in super::super) const BOOLEAN: i64 = 0;
    pub(in super::super) const INT32: i64 = 1;
    pub(in super::super) const INT64: i64 = 2;
    pub(in super::super) const INT96: i64 = 3;
    pub(in super::super) const FLOAT: i64 = 4;
    pub(in super::super) const DOUBLE: i64 = 5;
    pub(in super::super) const BYTES: i64 = 6;
    pub(in super::super) const FIXED_BYTES: i64 = 7;
}

/// and the fields of its union of logical types.
pub(super) mod logical {
    pub(in super::super) const TEXT: i64 = 1;
    pub(in super::super) const DECIMAL: i64 = 5;
    pub(in super::super) const DATE: i64 = 6;
    pub(in super::super) const TIME: i64 = 7;
    pub(in super::super) const TIMESTAMP: i64 = 8;
    pub(in super::super) const INTEGER: i64 = 10;
    pub(in super::super) const UUID: i64 = 14;
    pub(in super::super) const FLOAT16: i64 = 15;
}

const REPEATED: i64 = 2;

/// What a column's values stand for, in newer files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Logical {
    /// The field of the union that is set.
    pub(super) id: i64,
    /// Of times and timestamps: whether they are adjusted to UTC, and their unit.
    pub(super) zone: bool,
    pub(super) unit: Option<Unit>,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// An element of a schema: what it does not say is `None`.
#[derive(Default)]
pub(super) struct Element<'a> {
    pub(super) name: &'a [u8],
    pub(super) children: i64,
    pub(super) physical: Option<i64>,
    /// Of values of one length: their bytes.
    pub(super) length: Option<i64>,
    pub(super) repetition: Option<i64>,
    /// What values stand for, in the words of older files.
    pub(super) converted: Option<i64>,
    /// Of decimals: digits behind the point, and digits.
    pub(super) scale: Option<i64>,
    pub(super) precision: Option<i64>,
    pub(super) logical: Option<Logical>,
}

impl<'a> Element<'a> {
    pub(super) fn read(footer: &mut Formal<'a>) -> Result<Self, Fault> {
        let mut element = Self::default();
        let mut structure = Formal::element(&form::ELEMENT);
        while let Some((id, kind)) = footer.next(&mut structure)? {
            match id {
                1 => element.physical = Some(footer.number(kind)?),
                2 => element.length = Some(footer.number(kind)?),
                3 => element.repetition = Some(footer.number(kind)?),
                4 => element.name = footer.text(kind)?,
                5 => element.children = footer.number(kind)?,
                6 => element.converted = Some(footer.number(kind)?),
                7 => element.scale = Some(footer.number(kind)?),
                8 => element.precision = Some(footer.number(kind)?),
                10 => element.logical = Some(read_logical(footer, kind)?),
                _ => footer.skip(kind)?,
            }
        }
        Ok(element)
    }

    pub(super) fn is_repeated(&self) -> bool {
        self.repetition == Some(REPEATED)
    }

    /// Nanoseconds with a time zone, which DuckDB reads in microseconds.
    pub(super) fn is_coarse(&self) -> bool {
        let coarse = |it: Logical| it.id == logical::TIMESTAMP && it.zone && it.unit == Some(Unit::Nanoseconds);
        self.logical.is_some_and(coarse)
    }
}

fn read_logical(footer: &mut Formal<'_>, kind: Kind) -> Result<Logical, Fault> {
    let mut logical = Logical { id: 0, zone: false, unit: None };
    let mut union = Formal::structure(kind, &form::LOGICAL)?;
    while let Some((id, kind)) = footer.next(&mut union)? {
        logical.id = id;
        match id {
            logical::TIME | logical::TIMESTAMP => {
                (logical.zone, logical.unit) = read_time(footer, Formal::structure(kind, &form::TIME)?)?;
            }
            logical::DECIMAL => footer.pass_field(kind, &form::DECIMAL)?,
            logical::INTEGER => footer.pass_field(kind, &form::INTEGER)?,
            _ => footer.skip(kind)?,
        }
    }
    footer.odd |= union.count() != 1;
    Ok(logical)
}

fn read_time(footer: &mut Formal<'_>, mut time: Structure) -> Result<(bool, Option<Unit>), Fault> {
    let (mut zone, mut unit) = (false, None);
    while let Some((id, kind)) = footer.next(&mut time)? {
        match id {
            1 => zone = footer.boolean(kind)?,
            2 => unit = read_unit(footer, Formal::structure(kind, &form::UNIT)?)?,
            _ => footer.skip(kind)?,
        }
    }
    Ok((zone, unit))
}

fn read_unit(footer: &mut Formal<'_>, mut union: Structure) -> Result<Option<Unit>, Fault> {
    let mut unit = None;
    while let Some((id, kind)) = footer.next(&mut union)? {
        unit = match id {
            1 => Some(Unit::Milliseconds),
            2 => Some(Unit::Microseconds),
            3 => Some(Unit::Nanoseconds),
            _ => None,
        };
        footer.skip(kind)?;
    }
    footer.odd |= union.count() != 1;
    Ok(unit)
}
