//! Lightweight on-line detector of anomalies: how rare a row is in histograms of random projections (Pevny, "Loda", Machine Learning 2016).
//!
//! ```text
//! z       = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! p_k     = the sum of w_kj z_j over the int(sqrt(columns)) columns j of projection k, w_kj being normal numbers
//! score   = the mean over all projections of -ln((n_k + 1) / (rows + bins)),  n_k being how many sampled rows share the bin of p_k
//! ```
//!
//! The bins are of equal width between the least and the greatest projection of the sampled rows; beyond them there is no row. That is
//! `PyOD`'s `LODA` but for its bins: it takes those of columns as they are, looks a projection up one bin too high, and divides once more by
//! the number of projections. `compat=pyod` does so too, and is equal to it given the same projections.
//!
//! An infinite cell, and one beyond 2^400 standard deviations, counts as the mean and adds 1 more than the histograms can say of any row.
//!
//! The contribution of a column is, of each projection it is in, its part of the sum of the products' magnitudes, of what the projection
//! adds beyond its commonest bin; an infinite cell adds that 1 and more. They add up to the score less a constant of the model.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::projections::{Projection, Projections};
use super::whitening::{bring_in, standardize, standardized_finite};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::keyed::{Sequence, subkey};
use crate::known::Known;
use crate::numbers::{STRETCH, ends_of, ln, normal_quantile};
use crate::parameter::{choice, count};
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "loda",
    summary: "How rare a row is in histograms of random projections (LODA).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[
        count("n_random_cuts", 100, 1, 1000, "projections"),
        count("n_bins", 10, 2, 256, "bins of equal width per projection"),
        choice("compat", &["none", "pyod"], "pyod: columns as they are, and PyOD's bins and scale"),
    ],
};

/// The part of the seed by which projections are drawn.
const PROJECTIONS: u64 = 7;
/// What `PyOD` adds to each bin.
const EPSILON: f64 = 1e-12;
/// Shares between which a normal number is drawn.
const SHARES: [f64; 2] = [1e-10, 1.0 - 1e-10];

/// The detector.
#[derive(Debug)]
pub(crate) struct Loda;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    projections: usize,
    bins: usize,
    is_compatible: bool,
}

impl Detector for Loda {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting {
            projections: parameters.count("n_random_cuts"),
            bins: parameters.count("n_bins"),
            is_compatible: parameters.word("compat") == "pyod",
        })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Histograms| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let sampled = known.scored_rows()?;
        let columns =
            if self.is_compatible { vec![Center::AS_IT_IS; sampled.len()] } else { known.sample_centers(&sampled) };
        let mut infinities = vec![0.0; sampled[0].len()];
        let standardized: Vec<Vec<f64>> = (sampled.iter().zip(&columns))
            .map(|(cells, center)| {
                let mut standardized = vec![0.0; cells.len()];
                center.standardize(known.level, cells, &mut standardized);
                bring_in(known.level, &mut standardized, &mut infinities);
                standardized
            })
            .collect();
        let projections = (0..self.projections as u64)
            .map(|number| {
                self.projection(Sequence::new(subkey(subkey(known.seed, PROJECTIONS), number)), &standardized)
            })
            .collect();
        let count = self.projections as f64;
        let unit = if self.is_compatible { 1.0 / (count * count) } else { 1.0 / count };
        Ok(Arc::new(Histograms { columns, projections, unit }))
    }
}

impl Fitting {
    /// A projection, and its histogram of the rows.
    fn projection(&self, mut random: Sequence, rows: &[Vec<f64>]) -> Projection {
        let mut columns: Vec<usize> = (0..rows.len()).collect();
        let chosen = columns.len().isqrt().max(1);
        for place in 0..chosen {
            columns.swap(place, place + random.below(rows.len() - place));
        }
        columns.truncate(chosen);
        let weights: Vec<f64> =
            columns.iter().map(|_| normal_quantile(random.uniform().clamp(SHARES[0], SHARES[1]))).collect();
        let mut projected = vec![0.0; rows[0].len()];
        for (column, weight) in columns.iter().zip(&weights) {
            projected.iter_mut().zip(&rows[*column]).for_each(|(sum, cell)| *sum += weight * cell);
        }
        let (cuts, values) = self.histogram(&projected);
        Projection { columns, weights, cuts, values }
    }

    /// Cuts, rising, and the value of what lies above none of them, one, and so on.
    fn histogram(&self, projected: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let [low, high] = ends(projected);
        let width = high - low;
        let edge = |edge: usize| if edge == self.bins { high } else { low + width * (edge as f64 / self.bins as f64) };
        // A projection at an edge is in the bin that begins there, but for the last one.
        let cuts: Vec<f64> = (0..self.bins).map(|number| edge(number).next_down()).chain([high]).collect();
        let mut counts = vec![0.0; cuts.len() + 1];
        for value in projected {
            counts[cuts.partition_point(|cut| cut < value)] += 1.0;
        }
        let rows = projected.len() as f64;
        if self.is_compatible {
            let bins = &counts[1..=self.bins];
            let all = rows + EPSILON * bins.len() as f64;
            let values = bins.iter().map(|count| -ln((count + EPSILON) / all)).collect();
            return ((0..self.bins - 1).map(edge).collect(), values);
        }
        let all = rows + self.bins as f64;
        (cuts, counts.iter().map(|count| -ln((count + 1.0) / all)).collect())
    }
}

/// The least and the greatest value; about a single one as far as `NumPy` goes.
fn ends(values: &[f64]) -> [f64; 2] {
    let (low, high) = ends_of(values.iter().copied());
    if low < high { [low, high] } else { [low - 0.5, high + 0.5] }
}

/// Frozen projections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Histograms {
    columns: Vec<Center>,
    projections: Vec<Projection>,
    /// By what the sum of the values is multiplied.
    unit: f64,
}

impl Histograms {
    fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && !self.projections.is_empty()
            && self.projections.iter().all(|projection| projection.is_sound(columns))
            && (0.0..=1.0).contains(&self.unit)
    }

    /// What an infinite cell adds.
    fn infinite(&self) -> f64 {
        self.projections.iter().map(|projection| projection.most() - projection.least()).sum::<f64>() * self.unit + 1.0
    }
}

impl State for Histograms {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the projections, which only a machine would read.
    fn describe(&self) -> Value {
        json!({ "columns": self.columns, "projections": self.projections.len() })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let projections = Projections::new(&self.projections, level);
        Box::new(Rarities { state: self, projections, infinite: self.infinite(), level })
    }
}

/// Projections, ready to score.
#[derive(Debug)]
struct Rarities<'s> {
    state: &'s Histograms,
    projections: Projections<'s>,
    infinite: f64,
    level: Level,
}

impl Score for Rarities<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            standardize(self.level, &self.state.columns, columns, rows, &mut cells);
            let mut infinities = [0.0; STRETCH];
            for cells in cells.chunks_exact_mut(STRETCH) {
                bring_in(self.level, cells, &mut infinities);
            }
            let mut sums = [0.0; STRETCH];
            self.projections.add_values(&cells, &mut sums);
            for ((score, sum), infinities) in scores.iter_mut().zip(sums).zip(infinities) {
                *score = sum * self.state.unit + infinities * self.infinite;
            }
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        let [z, infinities] = standardized_finite(self.level, &self.state.columns, rows);
        for (z, parts) in rows.of(&z).each_with(parts) {
            self.share(z, parts);
        }
        for (part, it) in parts.iter_mut().zip(infinities) {
            *part = *part * self.state.unit + it * self.infinite;
        }
    }
}

impl Rarities<'_> {
    /// Adds to the parts of a row's cells what they have of each projection's rarity.
    fn share(&self, z: &[f64], parts: &mut [f64]) {
        let mut terms = Vec::new();
        for projection in &self.state.projections {
            terms.clear();
            terms
                .extend(projection.columns.iter().zip(&projection.weights).map(|(column, weight)| weight * z[*column]));
            let more = projection.value(terms.iter().fold(0.0, |sum, term| sum + term)) - projection.least();
            let all: f64 = terms.iter().map(|term| term.abs()).sum();
            if all > 0.0 {
                for (column, term) in projection.columns.iter().zip(&terms) {
                    parts[*column] += more * (term.abs() / all);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_as_numpy_does() {
        let fitting = Fitting { projections: 1, bins: 4, is_compatible: false };
        let (cuts, values) = fitting.histogram(&[0.0, 1.0, 1.5, 2.0, 3.0, 4.0]);
        // 0 | 1, 1.5 | 2 | 3, 4 of six rows; nothing outside.
        let expected = [0.0, 1.0, 2.0, 1.0, 2.0, 0.0].map(|count: f64| -((count + 1.0) / 10.0).ln());
        assert_eq!(cuts.len(), 5);
        assert!(values.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{values:?}");
        let projection = Projection { columns: vec![0], weights: vec![1.0], cuts, values: values.clone() };
        for (place, bin) in [(-1e9, 0), (0.0, 1), (0.99, 1), (1.0, 2), (4.0, 4), (4.1, 5), (1e300, 5)] {
            assert_eq!(projection.value(place).to_bits(), values[bin].to_bits(), "{place}");
        }
    }

    #[test]
    fn equal_rows_have_a_bin_of_their_own() {
        let fitting = Fitting { projections: 1, bins: 10, is_compatible: false };
        for value in [0.0, -3.0, 1e300] {
            let (cuts, values) = fitting.histogram(&[value; 50]);
            let projection = Projection { columns: vec![0], weights: vec![1.0], cuts, values };
            assert!(projection.is_sound(1) && projection.value(value) < projection.most(), "{value}");
        }
    }
}
