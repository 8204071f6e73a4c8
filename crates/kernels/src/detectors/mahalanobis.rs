//! Mahalanobis distance, squared: how far a row is from the mean, in units of how the columns vary together.
//!
//! ```text
//! z   = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! R   = the mean of z z' over all rows
//! d^2 = z' R+ z = sum over k of (v_k' z)^2 / l_k,  l_k and v_k being the eigenvalues and eigenvectors of R
//! ```
//!
//! That is scikit-learn's `EmpiricalCovariance().fit(x).mahalanobis(x)` where the covariance has an inverse: units cancel. A
//! column that the others determine adds nothing: eigenvalues up to 1e-10 of the greatest are left out, as the pseudo-inverse
//! does. A cell counts up to 2^400 standard deviations from its mean, an infinite one as much as that.
//!
//! The contribution of a column is its entry of z times that of R+ z: they add up to the score, and one that makes its row
//! less unusual than it were without is negative, and no reason.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Score, Settings, State, sound, written};
use crate::eigen;
use crate::known::Known;
use crate::numbers::BLOCK;
use crate::wants::Wants;
use crate::{FitError, Level};

/// More columns take more products of a row than anybody waits for.
const COLUMNS_MAX: usize = 512;

/// Directions in which so small a part of the greatest variance lies are left out.
const VARIANCE_MIN: f64 = 1e-10;

/// Rows projected at once: their cells stay in the fastest cache.
const STRETCH: usize = 256;

static INFO: DetectorInfo = DetectorInfo {
    name: "mahalanobis",
    summary: "How far a row is from the mean in units of how the columns vary together (squared Mahalanobis distance).",
    passes: 2,
    merge: "means, then products of columns per row group, merged in the order of the rows",
    parameters: &[],
};

/// The detector, and how it is fitted: there is nothing to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mahalanobis;

/// A frozen covariance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Whitening {
    columns: Vec<Center>,
    /// Eigenvectors divided by the roots of their values, the greatest value first: a row's score is the sum of the squares of
    /// its products with them.
    directions: Vec<Vec<f64>>,
}

impl Detector for Mahalanobis {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, _: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(*self)
    }

    fn read(&self, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Whitening| state.is_sound(columns))
    }
}

impl Method for Mahalanobis {
    fn wants(&self) -> Wants {
        Wants { moments: true, products: true, ..Wants::default() }
    }

    fn check(&self, names: &[String]) -> Result<(), FitError> {
        let columns = names.len();
        if columns <= COLUMNS_MAX {
            return Ok(());
        }
        Err(FitError::Config(format!(
            "mahalanobis takes up to {COLUMNS_MAX} columns, and {columns} were chosen: leave some out"
        )))
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let (columns, n) = (known.centers(), known.used.len());
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
        let pairs = eigen::pairs(matrix, n);
        let least = pairs[0].value * VARIANCE_MIN;
        let kept = pairs.iter().filter(|pair| pair.value > least);
        let directions = kept.map(|pair| pair.vector.iter().map(|part| part / pair.value.sqrt()).collect()).collect();
        let columns = known.used.iter().map(|&column| columns[column].expect("a used column has a centre")).collect();
        Ok(Arc::new(Whitening { columns, directions }))
    }
}

impl Whitening {
    fn is_sound(&self, columns: usize) -> bool {
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
            for ((column, center), out) in columns.iter().zip(&self.state.columns).zip(cells.chunks_exact_mut(STRETCH))
            {
                center.standardize(self.level, &column[rows.clone()], &mut out[..scores.len()]);
            }
            for direction in &self.state.directions {
                add_square(self.level, &cells, direction, scores);
            }
        }
    }

    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        let mut z = vec![0.0; cells.len()];
        for ((center, cell), z) in self.state.columns.iter().zip(cells).zip(&mut z) {
            center.standardize(self.level, std::slice::from_ref(cell), std::slice::from_mut(z));
        }
        let mut parts = vec![0.0; z.len()];
        for direction in &self.state.directions {
            let along: f64 = direction.iter().zip(&z).fold(0.0, |sum, (part, z)| sum + part * z);
            parts.iter_mut().zip(direction).for_each(|(sum, part)| *sum += part * along);
        }
        parts.iter().zip(&z).map(|(part, z)| part * z).collect()
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
