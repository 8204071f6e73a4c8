//! Half-space trees: how few of the sampled rows lie in the boxes that a row falls into (Tan, Ting and Liu, "Fast anomaly detection for
//! streaming data", IJCAI 2011), frozen: what is scored changes nothing.
//!
//! ```text
//! score = 1 - the mean over all trees of (sum over the boxes b on the row's way of r_b 2^depth(b)) / (n (2^(height + 1) - 1))
//!
//! n      sampled rows
//! r_b    those of them that lie in the box; below one that holds less than a tenth of them nothing is added
//! ```
//!
//! That is the score of `HalfSpaceTrees` of the package `river`, given the same trees and counts. A tree halves boxes whatever the rows: in a
//! column that is chosen by the length of the box there, in units of the range of its sampled cells, at a place in the middle 70 % of it.
//!
//! A missing cell counts as the median of its column. So does an infinite one, and adds 1, which is more than the boxes can say of any row.
//!
//! The contribution of a column is its share of that score: by how many halvings its cuts lead to where rows lie less densely. An infinite
//! cell adds 1. They add up to the score.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::iforest::{Ground, give, infinity, take};
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::forest::Forest;
use crate::forest::grow::{between, partition};
use crate::forest::tree::{Node, Tree, Values, Visit};
use crate::forest::walk::Walk;
use crate::keyed::{Sequence, subkey};
use crate::known::{Known, tame};
use crate::numbers::{STRETCH, ends_of, log2};
use crate::parameter::count;
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "hst",
    summary: "How few of the sampled rows lie in the random boxes that a row falls into (half-space trees).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[count("n_trees", 25, 1, 1000, "trees"), count("height", 8, 1, 10, "cuts on each way down a tree")],
};

/// The part of the seed by which trees are drawn.
const TREES: u64 = 10;

/// The share at either end of a box in which it is not cut.
const PADDING: f64 = 0.15;

/// Of the sampled rows: nothing is added below a box that holds less.
const LEAST: f64 = 0.1;

/// The detector.
#[derive(Debug)]
pub(crate) struct Hst;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    trees: usize,
    height: usize,
}

impl Detector for Hst {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { trees: parameters.count("n_trees"), height: parameters.count("height") })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &HalfSpaces| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let mut sampled = known.scored_rows()?;
        let columns: Vec<Ground> = sampled.iter().map(|cells| Ground::of(cells)).collect();
        let ends = sampled.iter().zip(&columns).map(|(cells, ground)| {
            let cells = tame(cells).into_iter().filter(|cell| cell.is_finite());
            let (low, high) = ends_of(cells.map(|cell| ground.take(cell)));
            if low <= high { (low, high) } else { (ground.take(f64::NAN), ground.take(f64::NAN)) }
        });
        let ends: Vec<(f64, f64)> = ends.collect();
        for (cells, ground) in sampled.iter_mut().zip(&columns) {
            for cell in cells {
                *cell = ground.take(*cell);
            }
        }
        let mut rows: Vec<usize> = (0..sampled[0].len()).collect();
        let trees = (0..self.trees).map(|number| {
            let mut halver = Halver {
                columns: &sampled,
                ends: &ends,
                random: Sequence::new(subkey(subkey(known.seed, TREES), number as u64)),
                tree: Tree::default(),
            };
            halver.halve(&mut rows, &mut vec![(0.0, 1.0); ends.len()], self.height);
            halver.tree
        });
        let trees = trees.collect();
        let rows = u32::try_from(rows.len()).expect("a sample has fewer than 2^32 rows");
        Ok(Arc::new(HalfSpaces { columns, forest: Forest { rows, trees }, walk: OnceLock::new() }))
    }
}

struct Halver<'c> {
    columns: &'c [Vec<f64>],
    /// The least and the greatest cell of each column.
    ends: &'c [(f64, f64)],
    random: Sequence,
    tree: Tree,
}

impl Halver<'_> {
    /// Halves a box, given where it lies in each column's range, and counts the `rows` in all parts.
    fn halve(&mut self, rows: &mut [usize], sides: &mut [(f64, f64)], height: usize) {
        if height == 0 {
            return self.tree.push(Node::Leaf { rows: u32::try_from(rows.len()).expect("fewer than 2^32 rows") });
        }
        let column = self.choose(sides);
        let whole = sides[column];
        let at = between(whole.0, whole.1, PADDING + (1.0 - 2.0 * PADDING) * self.random.uniform());
        let (low, high) = self.ends[column];
        let threshold = if low < high { between(low, high, at) } else { low };
        self.tree.push(Node::Cut { column, threshold });
        let left = partition(rows, |row| self.columns[column][row] <= threshold);
        let (left, right) = rows.split_at_mut(left);
        sides[column] = (whole.0, at);
        self.halve(left, sides, height - 1);
        sides[column] = (at, whole.1);
        self.halve(right, sides, height - 1);
        sides[column] = whole;
    }

    /// A column, by the lengths of the sides.
    fn choose(&mut self, sides: &[(f64, f64)]) -> usize {
        let all: f64 = sides.iter().map(|(low, high)| high - low).sum();
        let mut rest = self.random.uniform() * all;
        for (column, (low, high)) in sides.iter().enumerate() {
            rest -= high - low;
            if rest < 0.0 {
                return column;
            }
        }
        sides.len() - 1
    }
}

/// Frozen trees.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct HalfSpaces {
    columns: Vec<Ground>,
    forest: Forest,
    /// The trees, as they are walked: made by who first scores.
    #[serde(skip)]
    walk: OnceLock<Walk>,
}

impl HalfSpaces {
    fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && self.forest.is_sound(columns)
    }
}

/// Of each leaf, the sum over the boxes above it and its own of their rows times 2^depth, as a part of the most; of each node, the base-2
/// logarithm of how many times as densely its box is filled as the whole, down to the last box that counts.
fn densities(tree: &Tree, rows: u32) -> Values {
    let visits: Vec<Visit> = tree.visits().collect();
    let least = LEAST * f64::from(rows);
    let most = f64::from(rows) * (2.0 * power(tree.depth()) - 1.0);
    let mut values = Values { ends: vec![0.0; visits.len()], means: vec![0.0; visits.len()] };
    // Of the boxes above, from the root on.
    let mut above: Vec<Inside> = vec![];
    for ((place, visit), inside) in visits.iter().enumerate().zip(tree.inside()) {
        above.truncate(visit.depth);
        let mut here = above.last().copied().unwrap_or_default();
        if !here.is_last {
            here.sum += f64::from(inside) * power(visit.depth);
            // A row more, so that an empty box is not infinitely thin.
            here.density = log2((f64::from(inside) + 1.0) * power(visit.depth) / (f64::from(rows) + 1.0));
            here.is_last = f64::from(inside) < least;
        }
        above.push(here);
        values.means[place] = here.density;
        if let Node::Leaf { .. } = visit.node {
            values.ends[place] = here.sum / most;
        }
    }
    values
}

/// What is known of a box.
#[derive(Clone, Copy, Debug, Default)]
struct Inside {
    sum: f64,
    density: f64,
    /// Whether nothing is added below it.
    is_last: bool,
}

/// 2^depth.
fn power(depth: usize) -> f64 {
    (0..depth).fold(1.0, |power, _| power * 2.0)
}

impl State for HalfSpaces {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the trees, which only a machine would read.
    fn describe(&self) -> Value {
        json!({ "columns": self.columns, "trees": self.forest.trees.len(), "rows": self.forest.rows })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let walk = self.walk.get_or_init(|| {
            let values: Vec<Values> = self.forest.trees.iter().map(|tree| densities(tree, self.forest.rows)).collect();
            Walk::new(&self.forest, self.columns.len(), &values, 1.0)
        });
        Box::new(Boxes { columns: &self.columns, walk, level })
    }
}

/// Trees, ready to score.
#[derive(Debug)]
struct Boxes<'s> {
    columns: &'s [Ground],
    walk: &'s Walk,
    level: Level,
}

impl Score for Boxes<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            let mut infinities = [0.0; STRETCH];
            for ((column, ground), out) in columns.iter().zip(self.columns).zip(cells.chunks_exact_mut(STRETCH)) {
                take(self.level, &column[rows.clone()], *ground, out, &mut infinities);
            }
            self.walk.means(self.level, &cells, scores);
            for (score, infinities) in scores.iter_mut().zip(infinities) {
                *score = (1.0 - *score) + infinities;
            }
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let grounds = self.columns.iter().cycle();
        let finite: Vec<f64> = rows.cells.iter().zip(grounds).map(|(cell, ground)| ground.take(*cell)).collect();
        self.walk.shares(self.level, rows.of(&finite), scores, parts);
        for ((cells, parts), score) in rows.each_with(parts).zip(scores) {
            give(1.0 - *score, cells.iter().map(|cell| infinity(*cell)), score, parts);
        }
    }
}
