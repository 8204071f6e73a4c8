//! The form of a footer: the structures of the format, and whether those of a file have the fields that they must have.
//!
//! DuckDB refuses a footer in which a field is missing that the format demands or has a value that the format does not
//! know, and passes over one of another kind than it should be. Here all of it only makes the footer odd: of one that is,
//! DuckDB is asked what it is to it.

use super::bytes::Slice;
use super::fault::Fault;
use super::thrift::{self, Fields, Kind};

/// The fields of a structure of the format.
pub(super) struct Shape {
    /// What each is, by its id from 1 on.
    kinds: &'static [Expected],
    /// Ids of those that must be there, as bits.
    required: u32,
}

/// What a field should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Kind(Kind),
    /// A whole number that stands for something: of so many that the format knows.
    Choice(u8),
    Encoding,
}

const BOOLEAN: Expected = Expected::Kind(Kind::TRUE);
const BYTE: Expected = Expected::Kind(Kind::BYTE);
const I16: Expected = Expected::Kind(Kind::I16);
const I32: Expected = Expected::Kind(Kind::I32);
const I64: Expected = Expected::Kind(Kind::I64);
const TEXT: Expected = Expected::Kind(Kind::BINARY);
const LIST: Expected = Expected::Kind(Kind::LIST);
const STRUCT: Expected = Expected::Kind(Kind::STRUCT);
const PHYSICAL: Expected = Expected::Choice(8);
const REPETITION: Expected = Expected::Choice(3);
const CONVERTED: Expected = Expected::Choice(22);
const CODEC: Expected = Expected::Choice(8);
const PAGE: Expected = Expected::Choice(4);
const ENCODING: Expected = Expected::Encoding;

impl Expected {
    /// Whether a field of `kind` is that, and the value that begins with the byte `first`.
    fn is(self, kind: Kind, first: Option<u8>) -> bool {
        // Those that the format knows take one byte, and none is negative.
        let value = first.filter(|byte| byte % 2 == 0 && *byte < 128).map(|byte| byte / 2);
        match self {
            Self::Kind(Kind::TRUE) => matches!(kind, Kind::TRUE | Kind::FALSE),
            Self::Kind(expected) => kind == expected,
            Self::Choice(known) => kind == Kind::I32 && value.is_some_and(|value| value < known),
            Self::Encoding => kind == Kind::I32 && matches!(value, Some(0 | 2..=9)),
        }
    }
}

const fn shape(kinds: &'static [Expected], required: u32) -> Shape {
    Shape { kinds, required }
}

pub(super) static FILE: Shape = shape(&[I32, LIST, I64, LIST, LIST, TEXT, LIST, STRUCT, TEXT], 0b11110);
pub(super) static ELEMENT: Shape =
    shape(&[PHYSICAL, I32, REPETITION, TEXT, I32, CONVERTED, I32, I32, I32, STRUCT], 1 << 4);
pub(super) static LOGICAL: Shape = shape(&[STRUCT; 18], 0);
pub(super) static TIME: Shape = shape(&[BOOLEAN, STRUCT], 0b110);
pub(super) static UNIT: Shape = shape(&[STRUCT; 3], 0);
pub(super) static DECIMAL: Shape = shape(&[I32, I32], 0b110);
pub(super) static INTEGER: Shape = shape(&[BYTE, BOOLEAN], 0b110);
pub(super) static KEY_VALUE: Shape = shape(&[TEXT, TEXT], 1 << 1);
pub(super) static ROW_GROUP: Shape = shape(&[LIST, I64, I64, LIST, I64, I64, I16], 0b1110);
pub(super) static SORTING: Shape = shape(&[I32, BOOLEAN, BOOLEAN], 0b1110);
pub(super) static CHUNK: Shape = shape(&[TEXT, I64, STRUCT, I64, I32, I64, I32], 0b1100);
pub(super) static METADATA: Shape = shape(
    &[PHYSICAL, LIST, LIST, CODEC, I64, I64, I64, LIST, I64, I64, I64, STRUCT, LIST, I64, I32, STRUCT],
    0b10_1111_1110,
);
pub(super) static STATISTICS: Shape = shape(&[TEXT, TEXT, I64, I64, TEXT, TEXT, BOOLEAN, BOOLEAN], 0);
pub(super) static PAGE_ENCODING: Shape = shape(&[PAGE, ENCODING, I32], 0b1110);
pub(super) static ORDER: Shape = shape(&[STRUCT], 0);
pub(super) static SIZES: Shape = shape(&[I64, LIST, LIST], 0);

/// What the elements of a list are.
pub(super) enum Elements {
    Encodings,
    Texts,
    Structures(&'static Shape),
}

/// The bytes of a footer, and whether what was read of them is odd.
pub(super) struct Formal<'a> {
    pub(super) bytes: Slice<'a>,
    pub(super) odd: bool,
}

/// A structure that is being read.
pub(super) struct Structure {
    fields: Fields,
    shape: &'static Shape,
    seen: u32,
}

impl<'a> Formal<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Slice::new(bytes), odd: false }
    }

    /// Begins a structure that is no field's value: the whole, or an element of a list.
    pub(super) fn element(shape: &'static Shape) -> Structure {
        Structure { fields: Fields::default(), shape, seen: 0 }
    }

    /// Begins a structure that is the value of a field.
    pub(super) fn structure(kind: Kind, shape: &'static Shape) -> Result<Structure, Fault> {
        Ok(Structure { fields: thrift::structure(kind)?, shape, seen: 0 })
    }

    /// Id and kind of the next field, whose value follows; `None` at the structure's end.
    pub(super) fn next(&mut self, structure: &mut Structure) -> Result<Option<(i64, Kind)>, Fault> {
        let Structure { fields, shape, seen } = structure;
        let Some((id, kind)) = fields.next(&mut self.bytes)? else {
            self.odd |= *seen & shape.required != shape.required;
            return Ok(None);
        };
        let place = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
        match place.and_then(|place| Some((place, shape.kinds.get(place)?))) {
            Some((place, expected)) => {
                let bit = 2 << place;
                self.odd |= !expected.is(kind, self.bytes.peek()) || *seen & bit != 0;
                *seen |= bit;
            }
            // Of a format that is not known here.
            None => self.odd = true,
        }
        Ok(Some((id, kind)))
    }

    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), Fault> {
        thrift::skip(&mut self.bytes, kind)
    }

    /// A whole number.
    pub(super) fn number(&mut self, kind: Kind) -> Result<i64, Fault> {
        thrift::number(&mut self.bytes, kind)
    }

    /// A boolean: of a field the kind is the value. One of another kind is false.
    pub(super) fn boolean(&mut self, kind: Kind) -> Result<bool, Fault> {
        self.skip(kind)?;
        Ok(kind == Kind::TRUE)
    }

    /// A text, where it lies.
    pub(super) fn text(&mut self, kind: Kind) -> Result<&'a [u8], Fault> {
        let length = thrift::text_length(&mut self.bytes, kind)?;
        self.bytes.lend(length)
    }

    /// Length of a list of structures, which follow.
    pub(super) fn structures(&mut self, kind: Kind) -> Result<u64, Fault> {
        thrift::structures(&mut self.bytes, kind)
    }

    /// Passes over a structure of which only the form is looked at.
    pub(super) fn pass(&mut self, mut structure: Structure) -> Result<(), Fault> {
        while let Some((_, kind)) = self.next(&mut structure)? {
            self.skip(kind)?;
        }
        Ok(())
    }

    /// Passes over a field's structure of which only the form is looked at.
    pub(super) fn pass_field(&mut self, kind: Kind, shape: &'static Shape) -> Result<(), Fault> {
        if kind == Kind::STRUCT { self.pass(Self::element(shape)) } else { self.skip(kind) }
    }

    /// Passes over a list of which only the form is looked at.
    pub(super) fn pass_list(&mut self, kind: Kind, of: &Elements) -> Result<(), Fault> {
        if kind != Kind::LIST {
            return self.skip(kind);
        }
        let (length, element) = thrift::list_head(&mut self.bytes)?;
        for _ in 0..length {
            let expected = match of {
                Elements::Encodings => ENCODING,
                Elements::Texts => TEXT,
                Elements::Structures(_) => STRUCT,
            };
            self.odd |= !expected.is(element, self.bytes.peek());
            match of {
                Elements::Structures(shape) if element == Kind::STRUCT => self.pass(Self::element(shape))?,
                _ => thrift::skip_element(&mut self.bytes, element)?,
            }
        }
        Ok(())
    }
}

impl Structure {
    /// How many fields of the format it has had.
    pub(super) fn count(&self) -> u32 {
        self.seen.count_ones()
    }
}

/// A whole number as JavaScript's numbers have it: infinite beyond what those tell apart, which no check lets pass.
pub(super) fn double(number: i64) -> f64 {
    const SAFE: i64 = 1 << 52;
    if (-SAFE..SAFE).contains(&number) { number as f64 } else { f64::INFINITY }
}
