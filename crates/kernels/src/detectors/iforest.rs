//! Isolation forest: how few random cuts set a row apart from the others (Liu, Ting and Zhou, "Isolation forest", ICDM 2008).
//!
//! ```text
//! score = 2^(-E(h) / c(psi))
//!
//! h       cuts on the row's way down a tree, and the average path c(n) in a tree of the n sampled rows that ended in its leaf
//! E       the mean over all trees
//! psi     sampled rows of each tree
//! ```
//!
//! That is minus scikit-learn's `IsolationForest.score_samples`, given the same trees; cells stay doubles here. A missing cell counts
//! as the median of its column. So does an infinite one, and adds 1, which is more than the cuts can say of any row.
//!
//! In an imported forest each cut says which way a missing cell goes. So its trees do not look at columns but at *views* of them,
//! at most two of each: in the one a missing cell lies below every threshold, in the other above.
//!
//! The contribution of a column is its share of that power: by how much its cuts shorten the row's paths, counting most where few cuts were
//! enough (as depth-based importance does: Carletti, Terzi and Susto, "Interpretable anomaly detection with DIFFI", 2023). An infinite cell
//! adds 1. They add up to the score.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::forest::Forest;
use crate::forest::grow::{Growth, grow};
use crate::forest::tree::leaf_length;
use crate::forest::walk::Walk;
use crate::known::Known;
use crate::numbers::{self, STRETCH, exp2};
use crate::parameter::count;
use crate::quantile;
use crate::scale;
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "iforest",
    summary: "How few random cuts of the columns set a row apart from the others (isolation forest).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[
        count("n_estimators", 100, 1, 1000, "trees"),
        count("max_samples", 256, 2, 1024, "sampled rows of each tree"),
    ],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Iforest;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    trees: usize,
    rows: usize,
}

impl Detector for Iforest {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { trees: parameters.count("n_estimators"), rows: parameters.count("max_samples") })
    }

    fn state_version(&self) -> u32 {
        2
    }

    fn read(&self, version: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Isolation| match version {
            1 => state.is_sound(columns),
            _ => state.is_sound_imported(columns),
        })
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let growth = Growth { trees: self.trees, rows: self.rows, seed: known.seed };
        Ok(Arc::new(Isolation::grown(growth, known.scored_rows()?)))
    }
}

/// How the cells of a column come to the trees: times 2^`exponent`, and all of them finite numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ground {
    /// The median, which stands for a cell that is missing or infinite.
    center: f64,
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    exponent: i32,
}

impl Ground {
    pub(crate) fn of(cells: &[f64]) -> Self {
        let sorted = quantile::sorted_finite(cells);
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return Self { center: 0.0, exponent: 0 } };
        let exponent = scale::shift_for(low.abs().max(high.abs()));
        Self { center: quantile::median(&quantile::shifted(&sorted, exponent)), exponent }
    }

    pub(crate) fn is_sound(self) -> bool {
        self.center.is_finite() && scale::is_shift(self.exponent)
    }

    #[inline(always)]
    pub(crate) fn take(self, cell: f64) -> f64 {
        if cell.abs() < f64::INFINITY { cell * scale::power(self.exponent) } else { self.center }
    }
}

/// A frozen forest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Isolation {
    /// How each view takes its cells.
    columns: Vec<Ground>,
    /// Of an imported forest, from version 2 on: the column of each view, rising. Else they are the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    views: Vec<usize>,
    forest: Forest,
    /// The forest, as it is walked: made by who first scores.
    #[serde(skip)]
    walk: OnceLock<Walk>,
}

impl Isolation {
    /// From sampled rows, column by column.
    pub(crate) fn grown(growth: Growth, mut sampled: Vec<Vec<f64>>) -> Self {
        let columns: Vec<Ground> = sampled.iter().map(|cells| Ground::of(cells)).collect();
        for (cells, ground) in sampled.iter_mut().zip(&columns) {
            for cell in cells {
                *cell = ground.take(*cell);
            }
        }
        let cells: Vec<&[f64]> = sampled.iter().map(Vec::as_slice).collect();
        Self { columns, views: vec![], forest: grow(growth, &cells), walk: OnceLock::new() }
    }

    /// A forest whose trees look at these views.
    pub(crate) fn imported(views: &[View], forest: Forest) -> Self {
        let ground = |view: &View| Ground { center: if view.missing_left { -f64::MAX } else { f64::MAX }, exponent: 0 };
        Self {
            columns: views.iter().map(ground).collect(),
            views: views.iter().map(|view| view.column).collect(),
            forest,
            walk: OnceLock::new(),
        }
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.views.is_empty()
            && self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && self.forest.is_sound(columns)
    }

    /// Whether an imported forest has views of each of so many columns, and looks at no others.
    pub(crate) fn is_sound_imported(&self, columns: usize) -> bool {
        let next = |pair: &[usize]| pair[1] == pair[0] || pair[1] == pair[0] + 1;
        self.columns.len() == self.views.len()
            && self.views.first() == Some(&0)
            && self.views.last().is_some_and(|last| *last + 1 == columns)
            && self.views.windows(2).all(next)
            && self.columns.iter().all(|column| column.is_sound())
            && self.forest.is_sound_of_draws(self.views.len())
    }
}

/// A column as trees of an imported forest look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) column: usize,
    /// Whether a missing cell lies below every threshold; else it lies above.
    pub(crate) missing_left: bool,
}

impl State for Isolation {
    fn version(&self) -> u32 {
        if self.is_imported() { 2 } else { 1 }
    }

    fn is_imported(&self) -> bool {
        !self.views.is_empty()
    }

    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the trees, which only a machine would read.
    fn describe(&self) -> Value {
        let (trees, rows) = (self.forest.trees.len(), self.forest.rows);
        let cuts: usize = self.forest.trees.iter().map(|tree| tree.nodes() / 2).sum();
        // Where an imported forest sends missing cells, its cuts say.
        let columns = (!self.is_imported()).then_some(&self.columns);
        json!({ "columns": columns, "trees": trees, "cuts": cuts, "rows": rows })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let walk = self.walk.get_or_init(|| {
            if self.is_imported() {
                return Walk::exact(&self.forest, self.columns.len());
            }
            let (lengths, most) = self.forest.lengths(leaf_length);
            Walk::new(&self.forest, self.columns.len(), &lengths, most)
        });
        Box::new(Paths {
            columns: &self.columns,
            views: &self.views,
            walk,
            normal_path: self.forest.normal_path(),
            level,
        })
    }
}

/// A forest, ready to score.
#[derive(Debug)]
struct Paths<'s> {
    columns: &'s [Ground],
    views: &'s [usize],
    walk: &'s Walk,
    normal_path: f64,
    level: Level,
}

impl Paths<'_> {
    /// The column that a view is of, and whether it is the first of that column: an infinite cell counts once.
    fn column(&self, view: usize) -> (usize, bool) {
        let Some(&column) = self.views.get(view) else { return (view, true) };
        (column, view == 0 || self.views[view - 1] != column)
    }
}

impl Score for Paths<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; self.columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            let (mut infinities, mut counted) = ([0.0; STRETCH], [0.0; STRETCH]);
            for (view, (ground, out)) in self.columns.iter().zip(cells.chunks_exact_mut(STRETCH)).enumerate() {
                let (column, is_first) = self.column(view);
                let infinities = if is_first { &mut infinities } else { &mut counted };
                take(self.level, &columns[column][rows.clone()], *ground, out, infinities);
            }
            self.walk.means(self.level, &cells, scores);
            finish(self.level, self.normal_path, &infinities, scores);
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let mut finite = Vec::with_capacity(rows.len() * self.columns.len());
        for cells in rows.each() {
            let views = self.columns.iter().enumerate();
            finite.extend(views.map(|(view, ground)| ground.take(cells[self.column(view).0])));
        }
        let views = Rows { cells: &finite, columns: self.columns.len() };
        if self.views.is_empty() {
            self.walk.shares(self.level, views, scores, parts);
        } else {
            let mut shares = vec![0.0; finite.len()];
            self.walk.shares(self.level, views, scores, &mut shares);
            for (shares, parts) in views.of(&shares).each().zip(parts.chunks_exact_mut(rows.columns)) {
                shares.iter().enumerate().for_each(|(view, share)| parts[self.column(view).0] += share);
            }
        }
        for ((cells, parts), score) in rows.each_with(parts).zip(scores) {
            give(exp2(-*score / self.normal_path), cells.iter().map(|cell| infinity(*cell)), score, parts);
        }
    }
}

/// What an infinite cell adds to a score of at most 1.
pub(crate) fn infinity(cell: f64) -> f64 {
    if cell.is_infinite() { 1.0 } else { 0.0 }
}

/// Makes of shares the parts of a score, and adds infinite cells to those and to it.
pub(crate) fn give(shared: f64, infinities: impl Iterator<Item = f64>, score: &mut f64, parts: &mut [f64]) {
    *score = shared;
    let mut added = 0.0;
    for (part, infinity) in parts.iter_mut().zip(infinities) {
        *part = *part * shared + infinity;
        added += infinity;
    }
    *score += added;
}

levels! {
    /// Writes the cells of a column as they come to the trees, and counts those that are infinite.
    pub(crate) fn take(cells: &[f64], ground: Ground, out: &mut [f64], infinities: &mut [f64]) = take_body;
}
levels! {
    /// Makes scores of lengths, and adds the infinities.
    pub(crate) fn finish(normal_path: f64, infinities: &[f64], scores: &mut [f64]) = finish_body;
}

#[inline(always)]
fn take_body(cells: &[f64], ground: Ground, out: &mut [f64], infinities: &mut [f64]) {
    for ((cell, out), infinities) in cells.iter().zip(out).zip(infinities) {
        *out = ground.take(*cell);
        *infinities += if cell.abs() == f64::INFINITY { 1.0 } else { 0.0 };
    }
}

#[inline(always)]
fn finish_body(normal_path: f64, infinities: &[f64], scores: &mut [f64]) {
    for (score, infinities) in scores.iter_mut().zip(infinities) {
        *score = exp2(-*score / normal_path) + infinities;
    }
}
