//! The numbers of statistics, as what a scan makes of the cells they are of (`crates/scan/src/numeric.rs`).

/// How the cells of a column are spelled in statistics, and what a scan makes of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cells {
    pub(super) spelling: Spelling,
    pub(super) unit: Unit,
}

/// How a number is spelled: little-endian, if nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    Boolean,
    Signed32,
    Unsigned32,
    Signed64,
    Unsigned64,
    Float16,
    Float32,
    Float64,
    /// A signed number of up to 16 bytes, the first of which counts most.
    BigEndian,
}

/// What a whole number counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// What the scan counts too.
    Same,
    /// So many of what the scan counts.
    Coarser(i32),
    /// So many make one of what the scan counts; the rest is cut off.
    Finer(i32),
    /// So many make 1: a power of ten.
    Decimal(f64),
}

/// A number as it is spelled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Whole(i128),
    Real(f64),
}

/// A number of statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// What a scan makes of the cell.
    pub(super) double: f64,
    /// The number itself, where others may become the same double.
    pub(super) whole: Option<i128>,
}

impl Cells {
    /// What `bytes` spell; `None` where they are not as many as they should be.
    pub(super) fn read(self, bytes: &[u8]) -> Option<Value> {
        let number = self.spelling.read(bytes)?;
        let double = match (number, self.unit) {
            (Number::Real(number), _) => number,
            (Number::Whole(whole), Unit::Same) => whole as f64,
            (Number::Whole(whole), Unit::Coarser(times)) => (whole * i128::from(times)) as f64,
            (Number::Whole(whole), Unit::Finer(over)) => (whole / i128::from(over)) as f64,
            (Number::Whole(whole), Unit::Decimal(power)) => whole as f64 / power,
        };
        let whole = match number {
            Number::Whole(whole) if self.is_wide() => Some(whole),
            _ => None,
        };
        Some(Value { double, whole })
    }

    /// Whether cells that differ may become one double for no other reason than how large they are.
    pub(super) fn is_wide(self) -> bool {
        let wide = matches!(self.spelling, Spelling::Signed64 | Spelling::Unsigned64 | Spelling::BigEndian);
        wide && !matches!(self.unit, Unit::Finer(_))
    }

    /// The least and the greatest cell, whatever they are.
    pub(super) fn limits(self) -> Option<(f64, f64)> {
        (self.spelling == Spelling::Boolean).then_some((0.0, 1.0))
    }
}

impl Spelling {
    /// Whether the statistics of old writers, who compared all numbers as signed ones, mean what new ones do.
    pub(super) fn was_ordered(self) -> bool {
        !matches!(self, Self::Unsigned32 | Self::Unsigned64 | Self::BigEndian | Self::Float16)
    }

    fn read(self, bytes: &[u8]) -> Option<Number> {
        Some(match self {
            Self::Boolean => match bytes {
                [bit @ (0 | 1)] => Number::Whole((*bit).into()),
                _ => return None,
            },
            Self::Signed32 => Number::Whole(i32::from_le_bytes(bytes.try_into().ok()?).into()),
            Self::Unsigned32 => Number::Whole(u32::from_le_bytes(bytes.try_into().ok()?).into()),
            Self::Signed64 => Number::Whole(i64::from_le_bytes(bytes.try_into().ok()?).into()),
            Self::Unsigned64 => Number::Whole(u64::from_le_bytes(bytes.try_into().ok()?).into()),
            Self::Float16 => Number::Real(half(u16::from_le_bytes(bytes.try_into().ok()?))),
            Self::Float32 => Number::Real(f32::from_le_bytes(bytes.try_into().ok()?).into()),
            Self::Float64 => Number::Real(f64::from_le_bytes(bytes.try_into().ok()?)),
            Self::BigEndian => {
                let first = *bytes.first().filter(|_| bytes.len() <= 16)?;
                let mut whole = if first < 128 { [0; 16] } else { [0xff; 16] };
                whole[16 - bytes.len()..].copy_from_slice(bytes);
                Number::Whole(i128::from_be_bytes(whole))
            }
        })
    }
}

/// The number of 16 bits: 10 of them behind the point, 5 of the exponent.
fn half(bits: u16) -> f64 {
    let [sign, exponent, fraction] = [bits >> 15, bits >> 10 & 31, bits & 1023];
    let magnitude = match exponent {
        0 => f64::from(fraction) / f64::from(1 << 24),
        31 if fraction == 0 => f64::INFINITY,
        31 => f64::NAN,
        _ => f64::from(1024 + fraction) * f64::from(1_u32 << exponent) / f64::from(1 << 25),
    };
    if sign == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    #[test]
    fn every_spelling_is_read_and_no_other_length() {
        let check = |spelling, unit, bytes: &[u8], expected: f64| {
            let cells = Cells { spelling, unit };
            assert_eq!(cells.read(bytes).unwrap().double, expected, "{cells:?} {bytes:x?}");
            assert_eq!(cells.read(&[bytes, &[0; 16]].concat()), None, "{cells:?}");
            assert_eq!(cells.read(&[]), None, "{cells:?}");
        };
        let minus = [0xff; 8];
        check(Spelling::Boolean, Unit::Same, &[1], 1.0);
        check(Spelling::Signed32, Unit::Same, &minus[..4], -1.0);
        check(Spelling::Unsigned32, Unit::Same, &minus[..4], 4_294_967_295.0);
        check(Spelling::Signed64, Unit::Coarser(1000), &minus, -1000.0);
        check(Spelling::Signed64, Unit::Finer(1000), &(-1999_i64).to_le_bytes(), -1.0);
        check(Spelling::Unsigned64, Unit::Same, &minus, 18_446_744_073_709_551_616.0);
        check(Spelling::Float32, Unit::Same, &0.1_f32.to_le_bytes(), f64::from(0.1_f32));
        check(Spelling::Float64, Unit::Same, &0.1_f64.to_le_bytes(), 0.1);
        check(Spelling::Signed32, Unit::Decimal(100.0), &(-12_345_i32).to_le_bytes(), -123.45);
        check(Spelling::BigEndian, Unit::Decimal(100.0), &[0xff, 0x00], -2.56);
        check(Spelling::BigEndian, Unit::Decimal(1.0), &[1, 0, 0], 65_536.0);
        check(Spelling::BigEndian, Unit::Decimal(10.0), &i128::MIN.to_be_bytes(), i128::MIN as f64 / 10.0);
    }

    #[test]
    fn halves_are_those_of_a_double() {
        let check = |bits: u16, expected: f64| assert_eq!(half(bits), expected, "{bits:x}");
        check(0x3c00, 1.0);
        check(0xbe00, -1.5);
        check(0x7bff, 65_504.0);
        check(0x0400, 2_f64.powi(-14));
        check(0x0001, 2_f64.powi(-24));
        check(0x83ff, -1023.0 * 2_f64.powi(-24));
        check(0xfc00, f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn whole_numbers_are_told_where_doubles_may_not_tell_them_apart() {
        let whole = |spelling, unit, bytes: &[u8]| Cells { spelling, unit }.read(bytes).unwrap().whole;
        let large = ((1_i64 << 53) + 1).to_le_bytes();
        assert_eq!(whole(Spelling::Signed64, Unit::Same, &large), Some((1 << 53) + 1));
        assert_eq!(whole(Spelling::Signed64, Unit::Decimal(10.0), &large), Some((1 << 53) + 1));
        assert_eq!(whole(Spelling::Signed64, Unit::Finer(1000), &large), None, "what is cut off is no doubt of size");
        assert_eq!(whole(Spelling::Signed32, Unit::Same, &large[..4]), None);
        assert_eq!(whole(Spelling::Float64, Unit::Same, &large), None);
    }
}
