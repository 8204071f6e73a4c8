//! Nearest neighbours in rank space: how far a row is from the k-th nearest of some rows when every cell is replaced by where it stands
//! among the sampled cells of its column.
//!
//! ```text
//! q       = the normal quantile of (cells below x + half of those equal to it) / cells, from -4.5 to 4.5; / standard deviation of q
//! score   = |q - r|,  r being the k-th nearest of the reference rows
//! ```
//!
//! Between sampled cells q is a straight line, and beyond them as of the outermost. A missing cell has the q of the column's median. An
//! infinite one has three times 4.5, so that no finite cell is farther from any row.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Level;
use crate::detector::{Rows, Score, State, written};
use crate::knots::{self, Lookup, thinned};
use crate::neighbours::Neighbours;
use crate::numbers::{self, STRETCH, normal_quantile};
use crate::{quantile, scale};

/// No cell is rarer among the sampled ones.
const QUANTILE_MAX: f64 = 4.5;
/// What an infinite cell has.
const INFINITE: f64 = 3.0 * QUANTILE_MAX;
/// Between knots no cell is left out where q, not yet divided, rises by more than this.
const STEP: f64 = 0.02;
/// Cells of the grid over the knots of a column.
const GRID: u32 = 512;
/// By no less are quantiles divided.
const DEVIATION_MIN: f64 = 1e-9;

/// Where the cells of a column stand, times 2^`exponent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Standing {
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    exponent: i32,
    /// The median, which stands for a cell that is missing.
    center: f64,
    /// Knots.
    cells: Vec<f64>,
    /// Of each, the normal quantile.
    quantiles: Vec<f64>,
    deviation: f64,
}

impl Standing {
    fn of(cells: &[f64]) -> Self {
        let sorted = quantile::sorted_finite(cells);
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else {
            return Self { exponent: 0, center: 0.0, cells: vec![0.0], quantiles: vec![0.0], deviation: 1.0 };
        };
        let exponent = scale::shift_for(low.abs().max(high.abs()));
        let sorted = quantile::shifted(&sorted, exponent);
        let count = sorted.len() as f64;
        let (mut below, mut squares, mut sum) = (0, 0.0, 0.0);
        let mut points = Vec::new();
        for ties in sorted.chunk_by(|a, b| a >= b) {
            let (number, share) = (ties.len() as f64, (below as f64 + ties.len() as f64 * 0.5) / count);
            let quantile = normal_quantile(share).clamp(-QUANTILE_MAX, QUANTILE_MAX);
            below += ties.len();
            sum += number * quantile;
            squares += number * quantile * quantile;
            points.push((ties[0], quantile));
        }
        let mean = sum / count;
        let variance = squares / count - mean * mean;
        let deviation = if points.len() == 1 { 1.0 } else { variance.max(0.0).sqrt().max(DEVIATION_MIN) };
        let (cells, quantiles) = thinned(points.into_iter(), STEP);
        Self { exponent, center: quantile::median(&sorted), cells, quantiles, deviation }
    }

    fn is_sound(&self) -> bool {
        knots::are_sound(&self.cells, &self.quantiles)
            && self.quantiles.iter().all(|quantile| quantile.abs() <= QUANTILE_MAX)
            && (DEVIATION_MIN..=QUANTILE_MAX).contains(&self.deviation)
            && (self.center.is_finite() && scale::is_shift(self.exponent))
    }
}

/// Frozen reference rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ranks {
    columns: Vec<Standing>,
    /// Of the quantiles, each divided by its column's deviation.
    neighbours: Neighbours,
}

impl Ranks {
    /// Of sampled rows, column by column, of which the first `reference` ones are compared with. The distance to the `near`th counts.
    pub(crate) fn new(sampled: &[Vec<f64>], reference: usize, near: usize) -> Self {
        let columns: Vec<Standing> = sampled.iter().map(|cells| Standing::of(cells)).collect();
        let places: Vec<Place> = columns.iter().map(Place::new).collect();
        let row =
            |row| sampled.iter().zip(&places).map(|(cells, place): (&Vec<f64>, _)| place.of(cells[row])).collect();
        let rows = (0..reference).map(row).collect();
        drop(places);
        Self { columns, neighbours: Neighbours::new(near, rows) }
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self.columns.iter().all(Standing::is_sound)
            && self.neighbours.is_sound(columns, INFINITE / DEVIATION_MIN)
    }
}

impl State for Ranks {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the knots and the reference rows.
    fn describe(&self) -> Value {
        json!({ "rows": self.neighbours.rows(), "neighbors": self.neighbours.neighbours() })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let columns = self.columns.iter().map(Place::new).collect();
        Box::new(Distances { columns, neighbours: &self.neighbours, level })
    }
}

/// Answers where a cell of a column stands.
#[derive(Debug)]
struct Place {
    power: f64,
    knots: Lookup,
    unit: f64,
    /// Before it is multiplied by the unit, that of a cell from the last knot on,
    last: f64,
    /// and of a missing one.
    middle: f64,
}

impl Place {
    fn new(Standing { exponent, center, cells, quantiles, deviation }: &Standing) -> Self {
        let (knots, last) = (Lookup::new(cells, quantiles, GRID), quantiles[quantiles.len() - 1]);
        let middle = knots.at(*center).unwrap_or(last);
        Self { power: scale::power(*exponent), knots, unit: 1.0 / deviation, last, middle }
    }

    #[inline(always)]
    fn of(&self, cell: f64) -> f64 {
        if cell.is_infinite() {
            return INFINITE * self.unit;
        }
        let shifted = cell * self.power;
        let quantile = if cell.is_nan() { self.middle } else { self.knots.at(shifted).unwrap_or(self.last) };
        quantile * self.unit
    }

    /// Writes where each cell stands; there are at most [`STRETCH`].
    fn each(&self, level: Level, cells: &[f64], places: &mut [f64]) {
        let mut shifted = [0.0; STRETCH];
        shift(level, cells, self.power, &mut shifted);
        let beyond = |cell: f64| if cell.is_nan() { self.middle } else { self.last };
        self.knots.each(level, &shifted[..cells.len()], places, beyond);
        to_units(level, cells, self.unit, places);
    }
}

levels! {
    fn shift(cells: &[f64], power: f64, shifted: &mut [f64]) = shift_body;
}

#[inline(always)]
fn shift_body(cells: &[f64], power: f64, shifted: &mut [f64]) {
    for (cell, shifted) in cells.iter().zip(shifted) {
        *shifted = cell * power;
    }
}

levels! {
    /// Multiplies the quantile of each cell by its column's unit; that of an infinite one is not among the knots.
    fn to_units(cells: &[f64], unit: f64, places: &mut [f64]) = to_units_body;
}

#[inline(always)]
fn to_units_body(cells: &[f64], unit: f64, places: &mut [f64]) {
    for (cell, place) in cells.iter().zip(places) {
        let quantile = if cell.is_infinite() { INFINITE } else { *place };
        *place = quantile * unit;
    }
}

/// Reference rows, ready to score.
#[derive(Debug)]
struct Distances<'s> {
    columns: Vec<Place>,
    neighbours: &'s Neighbours,
    level: Level,
}

impl Score for Distances<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut places = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            for ((cells, column), places) in columns.iter().zip(&self.columns).zip(places.chunks_exact_mut(STRETCH)) {
                column.each(self.level, &cells[rows.clone()], &mut places[..rows.len()]);
            }
            self.neighbours.distances(self.level, &places, scores);
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let mut places = vec![0.0; rows.cells.len()];
        for (cells, places) in rows.each_with(&mut places) {
            cells.iter().zip(&self.columns).zip(places).for_each(|((cell, column), place)| *place = column.of(*cell));
        }
        self.neighbours.explain(self.level, rows.of(&places), scores, parts);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    #[test]
    fn a_cell_stands_where_its_rank_says_whatever_its_unit() {
        let cells: Vec<f64> = (0..20_000_u32).map(|i| f64::from(i * 7919 % 20_000)).chain([f64::NAN]).collect();
        let (standing, scaled) = (
            Standing::of(&cells),
            Standing::of(&cells.iter().map(|cell| cell * 2.0_f64.powi(1000)).collect::<Vec<_>>()),
        );
        assert!(standing.is_sound() && (standing.deviation - 1.0).abs() < 1e-3 && standing.cells.len() < 450);
        let (place, far) = (Place::new(&standing), Place::new(&scaled));
        for cell in [-1e5, -1.0, 0.0, 0.5, 17.3, 9_999.0, 12_345.6, 19_999.0, 20_000.0, f64::INFINITY, f64::NAN] {
            let share = ((cell + 0.5) / 20_000.0).clamp(0.5 / 20_000.0, 1.0 - 0.5 / 20_000.0);
            let found = place.of(cell);
            if cell.is_finite() {
                // In the outermost steps a straight line is not much like it.
                let allowed = if share < 0.01 { 0.04 } else { 1e-3 };
                assert!((found * standing.deviation - normal_quantile(share)).abs() < allowed, "{cell}: {found}");
            }
            assert_eq!(far.of(cell * 2.0_f64.powi(1000)).to_bits(), found.to_bits(), "{cell}");
        }
        assert!(place.of(f64::NAN).abs() < 1e-3 && place.of(f64::NEG_INFINITY) == place.of(f64::INFINITY));
        assert!(place.of(f64::INFINITY) > 13.0);
    }

    #[test]
    fn every_level_places_many_cells_as_it_does_one() {
        let cells: Vec<f64> = (0..3000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 20)).collect();
        for power in [0, 900, -900] {
            let unit = 2.0_f64.powi(power);
            let standing = Standing::of(&cells.iter().map(|cell| cell * unit).collect::<Vec<_>>());
            let place = Place::new(&standing);
            // The greatest doubles overflow where the column's cells are small.
            let far = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0];
            for length in [0, 1, 77, STRETCH] {
                let asked = |i: usize| far.get(i % 40).copied().unwrap_or((i as f64 * 17.5 - 20.0) * unit);
                let asked: Vec<f64> = (0..length).map(asked).collect();
                for level in Level::available() {
                    let mut places = vec![f64::NAN; length];
                    place.each(level, &asked, &mut places);
                    for (cell, found) in asked.iter().zip(places) {
                        assert_eq!(found.to_bits(), place.of(*cell).to_bits(), "{level:?}: {cell}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_missing_cell_stands_where_the_median_does() {
        let cells: Vec<f64> = (0..1000_u32).map(|i| f64::from(i.saturating_sub(900))).collect();
        let standing = Standing::of(&cells);
        let place = Place::new(&standing);
        assert!(place.of(f64::NAN) == place.of(0.0) && place.of(0.0) < 0.0 && place.of(1.0) > 1.0);
    }

    #[test]
    fn columns_of_one_cell_or_none_have_one_place() {
        for cells in [vec![3.0; 40], vec![f64::NAN; 3], vec![f64::INFINITY], vec![-0.0, 0.0]] {
            let standing = Standing::of(&cells);
            assert!(standing.is_sound(), "{standing:?}");
            let place = Place::new(&standing);
            assert_eq!([place.of(3.0), place.of(-1e300), place.of(f64::NAN)], [0.0; 3], "{cells:?}");
            assert_eq!(place.of(f64::INFINITY), INFINITE);
        }
    }
}
