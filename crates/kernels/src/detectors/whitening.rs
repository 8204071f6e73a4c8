//! Directions in which columns vary together: what Mahalanobis distances and principal components share.
//!
//! ```text
//! z   = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! R   = the mean of z z' over all rows
//! l_k, v_k   the eigenvalues and eigenvectors of R, the greatest first
//! ```
//!
//! A cell counts up to 2^400 standard deviations from its mean, an infinite one as much as that.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::center::{Center, FAR};
use crate::detector::{Rows, Score, State, written};
use crate::eigen::{self, Pair};
use crate::known::Known;
use crate::numbers::{BLOCK, STRETCH};
use crate::{FitError, Level};

/// More columns take more products of a row than anybody waits for.
pub(crate) const COLUMNS_MAX: usize = 512;

/// Directions in which so small a part of the greatest variance lies are left out.
const VARIANCE_MIN: f64 = 1e-10;

/// Refuses more columns than `detector` takes.
pub(crate) fn check(detector: &str, names: &[String]) -> Result<(), FitError> {
    let columns = names.len();
    if columns <= COLUMNS_MAX {
        return Ok(());
    }
    Err(FitError::Config(format!(
        "{detector} takes up to {COLUMNS_MAX} columns, and {columns} were chosen: leave some out"
    )))
}

/// By what the columns used are standardized, and the eigenvalues and eigenvectors of how they vary together, the greatest first. Moments
/// and products were wanted.
pub(crate) fn directions(known: &Known<'_>) -> (Vec<Center>, Vec<Pair>) {
    let n = known.used.len();
    let rows = known.total.rows as f64;
    let mut matrix = known.products();
    for sum in &mut matrix {
        *sum /= rows;
    }
    for i in 0..n {
        // A column that is infinite wherever it is not its only number: by itself, and in its own unit.
        if matrix[i * n + i] == 0.0 {
            matrix[i * n + i] = 1.0;
        }
    }
    (known.used_centers(), eigen::pairs(matrix, n))
}

/// The pairs whose directions have more than the least part of the greatest variance.
pub(crate) fn with_variance(pairs: &[Pair]) -> impl Iterator<Item = &Pair> {
    let least = pairs[0].value * VARIANCE_MIN;
    pairs.iter().filter(move |pair| pair.value > least)
}

/// Eigenvectors divided by the roots of their values.
pub(crate) fn scaled<'p>(pairs: impl Iterator<Item = &'p Pair>) -> Vec<Vec<f64>> {
    pairs.map(|pair| pair.vector.iter().map(|part| part / pair.value.sqrt()).collect()).collect()
}

/// Of each row, the sum of the squares of its products with the directions.
pub(crate) fn squares(level: Level, columns: &[Vec<f64>], directions: &[Vec<f64>]) -> Vec<f64> {
    let mut squares = vec![0.0; columns[0].len()];
    let mut cells = vec![0.0; columns.len() * STRETCH];
    for (stretch, squares) in squares.chunks_mut(STRETCH).enumerate() {
        let start = stretch * STRETCH;
        for (column, out) in columns.iter().zip(cells.chunks_exact_mut(STRETCH)) {
            out[..squares.len()].copy_from_slice(&column[start..start + squares.len()]);
        }
        for direction in directions {
            add_square(level, &cells, direction, squares);
        }
    }
    squares
}

/// A frozen covariance: a row's score is the sum of the squares of its products with the directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Whitening {
    columns: Vec<Center>,
    /// Eigenvectors divided by the roots of their values, the greatest value first.
    directions: Vec<Vec<f64>>,
}

impl Whitening {
    /// Of some of the eigenvectors.
    pub(crate) fn new<'p>(columns: Vec<Center>, pairs: impl Iterator<Item = &'p Pair>) -> Self {
        Self { columns, directions: scaled(pairs) }
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        // A direction is 1 long, divided by the root of a part of at most 1e-10 of at least one column's share of 1.
        let most = (columns.max(1) as f64 / VARIANCE_MIN).sqrt() * f64::from(1 << 16);
        let sound =
            |direction: &Vec<f64>| direction.len() == columns && direction.iter().all(|part| part.abs() <= most);
        self.columns.len() == columns
            && columns <= COLUMNS_MAX
            && self.columns.iter().all(|column| column.is_sound())
            && (1..=columns).contains(&self.directions.len())
            && self.directions.iter().all(sound)
    }
}

impl State for Whitening {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Projections { state: self, level })
    }
}

/// A covariance, ready to score.
#[derive(Debug)]
struct Projections<'s> {
    state: &'s Whitening,
    level: Level,
}

impl Score for Projections<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        debug_assert!(scores.len() <= BLOCK, "a block has at most {BLOCK} rows");
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            standardize(self.level, &self.state.columns, columns, rows, &mut cells);
            for direction in &self.state.directions {
                add_square(self.level, &cells, direction, scores);
            }
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let z = standardized(self.level, &self.state.columns, rows);
        for ((z, parts), score) in rows.of(&z).each_with(parts).zip(scores) {
            for direction in &self.state.directions {
                let along: f64 = direction.iter().zip(z).fold(0.0, |sum, (part, z)| sum + part * z);
                *score += along * along;
                parts.iter_mut().zip(direction).for_each(|(sum, part)| *sum += part * along);
            }
            parts.iter_mut().zip(z).for_each(|(part, z)| *part *= z);
        }
    }
}

/// Writes the standardized cells of `rows`, at most [`STRETCH`], column after column.
pub(crate) fn standardize(
    level: Level,
    centers: &[Center],
    columns: &[&[f64]],
    rows: Range<usize>,
    standardized: &mut [f64],
) {
    for ((column, center), out) in columns.iter().zip(centers).zip(standardized.chunks_exact_mut(STRETCH)) {
        center.standardize(level, &column[rows.clone()], &mut out[..rows.len()]);
    }
}

/// The standardized cells of some `rows` of whole `columns`, row by row.
pub(crate) fn standardized_rows(
    level: Level,
    centers: &[Center],
    columns: &[Vec<f64>],
    rows: &[usize],
) -> Vec<Vec<f64>> {
    let cells: Vec<f64> = rows.iter().flat_map(|row| columns.iter().map(|cells| cells[*row])).collect();
    let rows = Rows { cells: &cells, columns: columns.len() };
    rows.of(&standardized(level, centers, rows)).each().map(<[f64]>::to_vec).collect()
}

/// Those of some rows, cell after cell.
pub(crate) fn standardized(level: Level, centers: &[Center], rows: Rows<'_>) -> Vec<f64> {
    let mut z = vec![0.0; rows.cells.len()];
    let (mut cells, mut standardized) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
    for (column, center) in centers.iter().enumerate() {
        cells.iter_mut().zip(rows.each()).for_each(|(cell, row)| *cell = row[column]);
        center.standardize(level, &cells, &mut standardized);
        z.chunks_exact_mut(rows.columns).zip(&standardized).for_each(|(row, cell)| row[column] = *cell);
    }
    z
}

/// The same, with what is as far out as can be at the centre, and what that adds to a score.
pub(crate) fn standardized_finite(level: Level, centers: &[Center], rows: Rows<'_>) -> [Vec<f64>; 2] {
    let mut z = standardized(level, centers, rows);
    let mut infinities = vec![0.0; z.len()];
    bring_in(level, &mut z, &mut infinities);
    [z, infinities]
}

levels! {
    /// Puts what is as far out as can be to the centre, and counts it.
    pub(crate) fn bring_in(cells: &mut [f64], infinities: &mut [f64]) = bring_in_body;
}

#[inline(always)]
fn bring_in_body(cells: &mut [f64], infinities: &mut [f64]) {
    for (cell, infinities) in cells.iter_mut().zip(infinities) {
        let far = cell.abs() >= FAR;
        *infinities += if far { 1.0 } else { 0.0 };
        *cell = if far { 0.0 } else { *cell };
    }
}

levels! {
    /// Adds to each score the square of the product of its row with `direction`. `cells` are those of [`STRETCH`] rows, column
    /// after column.
    fn add_square(cells: &[f64], direction: &[f64], scores: &mut [f64]) = add_square_body;
}

#[inline(always)]
fn add_square_body(cells: &[f64], direction: &[f64], scores: &mut [f64]) {
    let mut along = [0.0; STRETCH];
    for (cells, part) in cells.as_chunks::<STRETCH>().0.iter().zip(direction) {
        for (sum, cell) in along.iter_mut().zip(cells) {
            *sum += part * cell;
        }
    }
    for (score, along) in scores.iter_mut().zip(&along) {
        *score += along * along;
    }
}
