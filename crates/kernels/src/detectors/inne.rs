//! Isolation by nearest neighbours: how large the smallest balls around sampled rows are that hold a row, beside those next to them
//! (Bandaragoda, Ting, Albrecht, Liu, Zhu and Wells, "Isolation-based anomaly detection using nearest-neighbor ensembles", 2018).
//!
//! ```text
//! z         = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! r_i       = |c_i - c_n(i)|^2,  c_n(i) being the nearest of the other sampled rows of c_i's set
//! ratio_i   = 1 - (r_n(i) + e) / (r_i + e),  e = 2^-52
//! score     = the mean over all sets of ratio_i, i being the smallest ball |z - c_i|^2 <= r_i that holds the row; 1 where none does
//! ```
//!
//! That is the score of `PyOD`'s `INNE`, given the same sets; ours are dealt out of the sample by a keyed hash, and columns are standardized, so
//! that units cancel. An infinite cell, and one beyond 2^400 standard deviations, counts as the mean and adds 1, which is as much as the balls can
//! say of any row.
//!
//! The contribution of a column is, of each set, its part of the squared distance from the nearest of the set, of the score that the set
//! gives, and the mean of these; an infinite cell adds 1. They add up to the score.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::whitening::{bring_in, standardize, standardized_finite, standardized_rows};
use crate::center::{Center, FAR};
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::keyed::{Deck, subkey};
use crate::known::Known;
use crate::nearest::tiled;
use crate::neighbours::{ABREAST, square, squares};
use crate::numbers::STRETCH;
use crate::parameter::count;
use crate::simd::{LANES, Lanes};
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "inne",
    summary: "How large the smallest balls around sampled rows are that hold a row (isolation by nearest neighbours).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[
        count("n_estimators", 200, 1, 1000, "sets of sampled rows"),
        count("max_samples", 8, 2, 256, "sampled rows of each set"),
    ],
};

/// The part of the seed by which sets are dealt.
const SETS: u64 = 5;

/// Added to each radius, so that none is 0.
const EPSILON: f64 = f64::EPSILON;

/// The detector.
#[derive(Debug)]
pub(crate) struct Inne;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    sets: usize,
    rows: usize,
}

impl Detector for Inne {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { sets: parameters.count("n_estimators"), rows: parameters.count("max_samples") })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Ensemble| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let sampled = known.scored_rows()?;
        let columns = known.sample_centers(&sampled);
        let count = sampled[0].len();
        let rows = self.rows.min(count);
        let mut deck = Deck::new(subkey(known.seed, SETS), count, self.sets * rows);
        let set = |_| {
            let mut set = standardized_rows(known.level, &columns, &sampled, &deck.deal(rows));
            for row in &mut set {
                bring_in(known.level, row, &mut vec![0.0; columns.len()]);
            }
            set
        };
        let sets = (0..self.sets).map(set).collect();
        Ok(Arc::new(Ensemble { columns, sets, balls: OnceLock::new() }))
    }
}

/// Frozen sets of rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ensemble {
    columns: Vec<Center>,
    /// Of each set, standardized rows.
    sets: Vec<Vec<Vec<f64>>>,
    /// Around those of each set: made by who first scores.
    #[serde(skip)]
    balls: OnceLock<Vec<Balls>>,
}

impl Ensemble {
    fn is_sound(&self, columns: usize) -> bool {
        let row = |row: &Vec<f64>| row.len() == columns && row.iter().all(|cell| cell.abs() <= FAR);
        self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && !self.sets.is_empty()
            && self.sets.iter().all(|set| !set.is_empty() && set.iter().all(row))
    }
}

impl State for Ensemble {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the rows.
    fn describe(&self) -> Value {
        json!({ "columns": self.columns, "sets": self.sets.len(), "rows": self.sets[0].len() })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let balls = self.balls.get_or_init(|| self.sets.iter().map(|set| Balls::new(set)).collect());
        Box::new(Smallest { columns: &self.columns, sets: &self.sets, balls, level })
    }
}

/// A ball around a row.
#[derive(Clone, Copy, Debug)]
struct Ball {
    /// The place of that in its set.
    row: usize,
    /// Squared.
    radius: f64,
    /// What it says of a row of which it is the smallest.
    ratio: f64,
}

/// The balls of a set, the smallest last.
#[derive(Clone, Debug)]
struct Balls {
    each: Vec<Ball>,
    /// The rows they are around, as they are compared.
    tiles: Vec<f64>,
}

impl Balls {
    fn new(set: &[Vec<f64>]) -> Self {
        let each = balls(set);
        let rows: Vec<&[f64]> = each.iter().map(|ball| set[ball.row].as_slice()).collect();
        Self { tiles: tiled::<TILE>(&rows), each }
    }
}

fn balls(set: &[Vec<f64>]) -> Vec<Ball> {
    // A row that is alone in its set holds none but its equals.
    let nearest = |i: usize| {
        let others = (0..set.len()).filter(|other| *other != i);
        let squares = others.map(|other| (square(&set[i], &set[other]), other));
        squares.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, i))
    };
    let nearest: Vec<(f64, usize)> = (0..set.len()).map(nearest).collect();
    let ratio = |&(radius, next): &(f64, usize)| 1.0 - (nearest[next].0 + EPSILON) / (radius + EPSILON);
    let mut balls: Vec<Ball> =
        (0..).zip(&nearest).map(|(row, near)| Ball { row, radius: near.0, ratio: ratio(near) }).collect();
    // Of equal ones the first is last.
    balls.sort_by(|a, b| a.radius.total_cmp(&b.radius));
    balls.reverse();
    balls
}

/// Balls, ready to score.
#[derive(Debug)]
struct Smallest<'s> {
    columns: &'s [Center],
    sets: &'s [Vec<Vec<f64>>],
    balls: &'s [Balls],
    level: Level,
}

impl Score for Smallest<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            standardize(self.level, self.columns, columns, rows, &mut cells);
            let mut infinities = [0.0; STRETCH];
            for cells in cells.chunks_exact_mut(STRETCH) {
                bring_in(self.level, cells, &mut infinities);
            }
            if !mean_ratios_in_registers(self.level, self.balls, &cells, scores) {
                mean_ratios(self.sets, self.balls, &cells, scores);
            }
            scores.iter_mut().zip(infinities).for_each(|(score, infinities)| *score += infinities);
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        let [z, infinities] = standardized_finite(self.level, self.columns, rows);
        for (z, parts) in rows.of(&z).each_with(parts) {
            self.share(z, parts);
        }
        for (part, infinities) in parts.iter_mut().zip(infinities) {
            *part = *part / self.sets.len() as f64 + infinities;
        }
    }
}

impl Smallest<'_> {
    /// Adds to the parts of a row's cells what they have of each set's ratio.
    fn share(&self, z: &[f64], parts: &mut [f64]) {
        let mut squares = Vec::new();
        for (set, Balls { each: balls, .. }) in self.sets.iter().zip(self.balls) {
            squares.clear();
            squares.extend(set.iter().map(|row| square(row, z)));
            let ratio =
                balls.iter().fold(1.0, |ratio, ball| if squares[ball.row] <= ball.radius { ball.ratio } else { ratio });
            let nearest = balls.iter().map(|ball| ball.row).min_by(|&a, &b| squares[a].total_cmp(&squares[b]));
            let nearest = nearest.expect("a set has rows");
            let all = squares[nearest];
            if all > 0.0 {
                for ((part, z), center) in parts.iter_mut().zip(z).zip(&set[nearest]) {
                    *part += ratio * ((z - center) * (z - center) / all);
                }
            }
        }
    }
}

/// Balls compared at once in registers.
const TILE: usize = 8;

/// The same as [`mean_ratios`]; false where there are no registers for it.
fn mean_ratios_in_registers(level: Level, balls: &[Balls], cells: &[f64], scores: &mut [f64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    return registers::mean_ratios(level, balls, cells, scores);
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use super::{Balls, TILE};
    use crate::nearest::squares;
    use crate::numbers::STRETCH;
    use crate::simd::Registers;

    registers! {
        pub(super) fn mean_ratios(balls: &[Balls], cells: &[f64], scores: &mut [f64]) = body;
    }

    #[inline(always)]
    fn body<R: Registers>(r: R, balls: &[Balls], cells: &[f64], scores: &mut [f64]) {
        let mut means = [0.0; STRETCH];
        let means = &mut means[..scores.len().next_multiple_of(R::LANES)];
        let sets = balls.len() as f64;
        for (group, out) in means.chunks_exact_mut(R::LANES).enumerate() {
            let mut sum = r.splat(0.0);
            for Balls { each, tiles } in balls {
                let mut ratio = r.splat(1.0);
                for (balls, tile) in each.chunks(TILE).zip(tiles.chunks_exact(tiles.len() / each.len().div_ceil(TILE)))
                {
                    let squares = squares::<R, TILE>(r, tile, &cells[group * R::LANES..]);
                    for (ball, square) in balls.iter().zip(squares) {
                        ratio = r.where_at_most(square, r.splat(ball.radius), r.splat(ball.ratio), ratio);
                    }
                }
                sum = r.add(sum, ratio);
            }
            r.store(sum, out);
        }
        scores.iter_mut().zip(means).for_each(|(score, sum)| *score = *sum / sets);
    }
}

/// Writes the mean over the sets of what the smallest ball says that holds the row. `cells` are those of [`STRETCH`] rows, column after
/// column.
fn mean_ratios(sets: &[Vec<Vec<f64>>], balls: &[Balls], cells: &[f64], scores: &mut [f64]) {
    let cells: &[[f64; LANES]] = cells.as_chunks().0;
    for (group, scores) in scores.chunks_mut(LANES).enumerate() {
        let mut sum = Lanes::splat(0.0);
        for (set, balls) in sets.iter().zip(balls) {
            let mut ratio = Lanes::splat(1.0);
            for balls in balls.each.chunks(ABREAST) {
                // Where there are fewer, the last is compared again, for nothing.
                let several: [&[f64]; ABREAST] =
                    std::array::from_fn(|ball| set[balls[ball.min(balls.len() - 1)].row].as_slice());
                for (ball, square) in balls.iter().zip(squares(several, &cells[group..])) {
                    ratio = ratio.zip(square, |ratio, square| if square <= ball.radius { ball.ratio } else { ratio });
                }
            }
            sum = sum.add(ratio);
        }
        for (score, sum) in scores.iter_mut().zip(sum.0) {
            *score = sum / sets.len() as f64;
        }
    }
}
