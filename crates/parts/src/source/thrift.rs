//! Thrift's compact protocol, as far as footers and page headers need it.
//!
//! The Parquet library keeps its page headers to itself and parses a footer whole. Here values are read as they pass,
//! and what nobody asked for is skipped: every length is checked against the bytes that are left and nesting is bounded,
//! so that the work is at most one look at each byte, and nothing is allocated by what a header says.

use super::bytes::Bytes;
use super::fault::Fault;

/// Deeper than any footer; a page header has two levels.
const NESTING_MAX: u32 = 32;

/// What kind of value a field or element holds, as the wire spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u8);

impl Kind {
    /// A boolean that is true: of a field the kind is the value.
    pub(super) const TRUE: Self = Self(1);
    pub(super) const FALSE: Self = Self(2);
    pub(super) const BYTE: Self = Self(3);
    pub(super) const I16: Self = Self(4);
    pub(super) const I32: Self = Self(5);
    pub(super) const I64: Self = Self(6);
    const DOUBLE: Self = Self(7);
    pub(super) const BINARY: Self = Self(8);
    pub(super) const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    pub(super) const STRUCT: Self = Self(12);
}

/// Reads the fields of one struct, one after the other.
#[derive(Default)]
pub(crate) struct Fields {
    last: i64,
}

impl Fields {
    /// Id and kind of the next field, whose value follows; `None` at the struct's end.
    pub(crate) fn next(&mut self, bytes: &mut impl Bytes) -> Result<Option<(i64, Kind)>, Fault> {
        let head = bytes.byte()?;
        if head == 0 {
            return Ok(None);
        }
        self.last = match head >> 4 {
            0 => signed(bytes)?,
            step => self.last.wrapping_add(i64::from(step)),
        };
        Ok(Some((self.last, Kind(head & 15))))
    }
}

/// A whole number that is not negative: a count, an offset, a length.
pub(crate) fn count(bytes: &mut impl Bytes, kind: Kind) -> Result<u64, Fault> {
    u64::try_from(number(bytes, kind)?).map_err(|_| Fault::malformed("declares a negative length or count"))
}

/// A whole number.
pub(super) fn number(bytes: &mut impl Bytes, kind: Kind) -> Result<i64, Fault> {
    if matches!(kind, Kind::I16 | Kind::I32 | Kind::I64) { signed(bytes) } else { Err(WRONG_TYPE) }
}

/// Begins a struct that is the value of a field.
pub(super) fn structure(kind: Kind) -> Result<Fields, Fault> {
    if kind == Kind::STRUCT { Ok(Fields::default()) } else { Err(WRONG_TYPE) }
}

/// Length of a list of structs, which follow.
pub(crate) fn structures(bytes: &mut impl Bytes, kind: Kind) -> Result<u64, Fault> {
    elements(bytes, kind, Kind::STRUCT)
}

/// Length of a list of texts, which follow, each with its length before it.
pub(super) fn texts(bytes: &mut impl Bytes, kind: Kind) -> Result<u64, Fault> {
    elements(bytes, kind, Kind::BINARY)
}

fn elements(bytes: &mut impl Bytes, kind: Kind, of: Kind) -> Result<u64, Fault> {
    if kind != Kind::LIST {
        return Err(WRONG_TYPE);
    }
    let (length, element) = list_head(bytes)?;
    // Writers differ in the element type of an empty list.
    if length == 0 || element == of { Ok(length) } else { Err(WRONG_TYPE) }
}

/// Appends a text, of which at most `room` bytes are kept.
pub(super) fn text(bytes: &mut impl Bytes, into: &mut Vec<u8>, room: usize) -> Result<(), Fault> {
    let length = unsigned(bytes)?;
    bytes.take(length, |piece| {
        let kept = piece.len().min(room.saturating_sub(into.len()));
        into.extend_from_slice(&piece[..kept]);
    })
}

/// Whether a field that holds text holds any.
pub(super) fn has_text(bytes: &mut impl Bytes, kind: Kind) -> Result<bool, Fault> {
    let length = text_length(bytes, kind)?;
    bytes.skip(length)?;
    Ok(length > 0)
}

/// The length of a field that holds text, which follows.
pub(super) fn text_length(bytes: &mut impl Bytes, kind: Kind) -> Result<u64, Fault> {
    if kind == Kind::BINARY { unsigned(bytes) } else { Err(WRONG_TYPE) }
}

/// Passes over a value.
pub(crate) fn skip(bytes: &mut impl Bytes, kind: Kind) -> Result<(), Fault> {
    match kind {
        Kind::TRUE | Kind::FALSE => Ok(()), // a field's kind is its value
        _ => skip_value(bytes, kind, 0),
    }
}

/// Passes over an element of a list.
pub(super) fn skip_element(bytes: &mut impl Bytes, kind: Kind) -> Result<(), Fault> {
    skip_value(bytes, kind, 1)
}

const WRONG_TYPE: Fault = Fault::malformed("holds a field of a wrong type");

fn skip_value(bytes: &mut impl Bytes, kind: Kind, depth: u32) -> Result<(), Fault> {
    if depth > NESTING_MAX {
        return Err(Fault::malformed("is nested too deeply"));
    }
    match kind {
        // Outside of a struct a boolean takes a byte.
        Kind::TRUE | Kind::FALSE | Kind::BYTE => bytes.skip(1),
        Kind::I16 | Kind::I32 | Kind::I64 => unsigned(bytes).map(drop),
        Kind::DOUBLE => bytes.skip(8),
        Kind::BINARY => {
            let length = unsigned(bytes)?;
            bytes.skip(length)
        }
        Kind::LIST | Kind::SET => {
            let (length, element) = list_head(bytes)?;
            (0..length).try_for_each(|_| skip_value(bytes, element, depth + 1))
        }
        Kind::MAP => skip_map(bytes, depth),
        Kind::STRUCT => {
            let mut fields = Fields::default();
            while let Some((_, kind)) = fields.next(bytes)? {
                if !matches!(kind, Kind::TRUE | Kind::FALSE) {
                    skip_value(bytes, kind, depth + 1)?;
                }
            }
            Ok(())
        }
        _ => Err(Fault::malformed("holds a field of an unknown type")),
    }
}

fn skip_map(bytes: &mut impl Bytes, depth: u32) -> Result<(), Fault> {
    let length = unsigned(bytes)?;
    if length == 0 {
        return Ok(());
    }
    check_length(bytes, length, "declares a map longer than itself")?;
    let kinds = bytes.byte()?;
    (0..length).try_for_each(|_| {
        skip_value(bytes, Kind(kinds >> 4), depth + 1)?;
        skip_value(bytes, Kind(kinds & 15), depth + 1)
    })
}

/// Length of a list and the kind of its elements, which follow.
pub(super) fn list_head(bytes: &mut impl Bytes) -> Result<(u64, Kind), Fault> {
    let head = bytes.byte()?;
    let length = if head >> 4 == 15 { unsigned(bytes)? } else { u64::from(head >> 4) };
    check_length(bytes, length, "declares a list longer than itself")?;
    Ok((length, Kind(head & 15)))
}

/// An element takes a byte at least, so a longer list is a lie that would only burn time.
fn check_length(bytes: &impl Bytes, length: u64, longer: &'static str) -> Result<(), Fault> {
    if length <= bytes.left() { Ok(()) } else { Err(Fault::malformed(longer)) }
}

/// A number in zigzag order.
fn signed(bytes: &mut impl Bytes) -> Result<i64, Fault> {
    let zigzag = unsigned(bytes)?;
    Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

fn unsigned(bytes: &mut impl Bytes) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.byte()?;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    Err(Fault::malformed("holds a number that never ends"))
}
