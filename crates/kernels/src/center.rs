//! Centre and unit of a column: what distances are measured by.

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers;
use crate::scale;
use crate::summaries::moments::Moments;

/// Centre and unit of one column, both of cells times 2^`exponent`.
#[expect(clippy::struct_field_names, reason = "a model file says center, unit and exponent")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Center {
    pub(crate) center: f64,
    /// What one unit of distance is. Positive, and large enough to be divided by.
    pub(crate) unit: f64,
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    pub(crate) rest: f64,
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    pub(crate) exponent: i32,
}

/// So many units of distance count in a product: with any direction of any number of columns, a square is still a double.
pub(crate) const FAR: f64 = scale::power(400);

impl Center {
    /// Of a column whose cells are measured as they are.
    pub(crate) const AS_IT_IS: Self = Self { center: 0.0, unit: 1.0, rest: 0.0, exponent: 0 };

    pub(crate) fn is_sound(self) -> bool {
        (self.center.is_finite() && self.rest.is_finite())
            && self.unit > 0.0
            && self.scale().is_normal()
            && scale::is_shift(self.exponent)
    }

    /// Writes the distance of each cell from the centre, with its sign, up to [`FAR`]; a missing cell has 0.
    pub(crate) fn standardize(self, level: Level, cells: &[f64], standardized: &mut [f64]) {
        standardize(level, cells, self, standardized);
    }

    pub(crate) fn encode(self, writer: &mut Writer) {
        for part in [self.center, self.unit, self.rest] {
            writer.f64(part);
        }
        writer.i32(self.exponent);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (center, unit, rest) = (reader.f64()?, reader.f64()?, reader.f64()?);
        Ok(Self { center, unit, rest, exponent: reader.i32()? })
    }

    /// By mean and standard deviation (ddof 0).
    pub(crate) fn of_moments(moments: &Moments) -> Self {
        if moments.varies() {
            Self::new([moments.mean, moments.rest], moments.deviation(), moments.shift, |deviation| deviation)
        } else {
            Self::of_point(moments.value())
        }
    }

    /// The same of the columns `used`; the others have none.
    pub(crate) fn of_columns(moments: &[Moments], used: &[usize]) -> Vec<Option<Self>> {
        let mut centers = vec![None; moments.len()];
        for &column in used {
            centers[column] = Some(Self::of_moments(&moments[column]));
        }
        centers
    }

    /// The centre of a column, with what was cut off it, and the unit that `unit_of` makes of its spread, a positive
    /// number; all are given times 2^`shift`.
    pub(crate) fn new(center: [f64; 2], spread: f64, shift: i32, unit_of: impl FnOnce(f64) -> f64) -> Self {
        let exponent = scale::shift_of_unit(spread, shift);
        let by = exponent - shift;
        let [center, rest] = center.map(|part| scale::shifted(part, by));
        Self { center, rest, unit: unit_of(scale::shifted(spread, by)), exponent }
    }

    /// The centre of a column whose finite cells are all `point`. Nothing says how far from it another one would be, so it
    /// is measured by the point itself.
    pub(crate) fn of_point(point: f64) -> Self {
        let unit = if point == 0.0 { 1.0 } else { point.abs() };
        Self::new([point, 0.0], unit, 0, |unit| unit)
    }

    /// Another centre, so many units above this one, and another unit, which is so many of these.
    pub(crate) fn moved(self, by: f64, unit: f64) -> Self {
        let by = by * self.unit + self.rest;
        let center = self.center + by;
        // What the sum lost, to the bit (Knuth).
        let most = center - self.center;
        let rest = (self.center - (center - most)) + (by - most);
        Self { center, rest, unit: self.unit * unit, ..self }
    }

    /// Distances are multiplied by this: one multiplication for one division, the same at every level.
    pub(crate) fn scale(self) -> f64 {
        1.0 / self.unit
    }
}

levels! {
    fn standardize(cells: &[f64], center: Center, standardized: &mut [f64]) = standardize_body;
}

#[inline(always)]
fn standardize_body(cells: &[f64], center: Center, standardized: &mut [f64]) {
    let (power, unit) = (scale::power(center.exponent), center.scale());
    for (out, cell) in standardized.iter_mut().zip(cells) {
        let distance = ((cell * power - center.center) - center.rest) * unit;
        let near = if distance > FAR { FAR } else { distance };
        let near = if near < -FAR { -FAR } else { near };
        *out = if near.is_nan() { 0.0 } else { near };
    }
}
