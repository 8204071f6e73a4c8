//! Trees, laid out to be walked.
//!
//! A leaf is its own left child, and nothing is above its threshold, so that all rows take as many steps and none looks where it
//! is. What leaves have is added as whole numbers of a small unit: in any order, to the same sum.

use super::Forest;
use super::tree::{Node, Tree, Values, Visit};

/// Rows that are walked in turn, so that the processor waits for several at a time.
const ABREAST: usize = 8;

/// A node, as it is walked: right of `left` lies the right child.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) threshold: f64,
    pub(crate) column: u32,
    pub(crate) left: u32,
}

/// What the cut above a node earns where it leads to the node.
#[derive(Clone, Copy, Debug)]
struct Earned {
    column: u32,
    /// By how much less the rows have, in the mean, that come to the node than those that come to the cut.
    less: f64,
}

/// The nodes of all trees, one tree after the other.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) steps: Vec<Step>,
    /// Of each node that is a leaf: what the rows have that end there, in units.
    pub(crate) ends: Vec<i32>,
    earned: Vec<Earned>,
    /// Of each node: the cuts above it.
    depths: Vec<usize>,
    /// The root of each tree.
    pub(crate) roots: Vec<u32>,
    /// The most cuts above a node.
    pub(crate) depth: usize,
    /// By what a sum over all trees is multiplied to be their mean.
    pub(crate) unit: f64,
}

impl Paths {
    /// Of a forest whose trees have these values, all below `most`. Answers what each leaf has, tree by tree in preorder, in units.
    pub(crate) fn new(forest: &Forest, values: &[Values], most: f64) -> (Self, Vec<Vec<i32>>) {
        let per_value = units_per_value(most, forest.trees.len());
        let units: Vec<Vec<i32>> = (values.iter())
            .map(|values| values.ends.iter().map(|value| in_units(value * per_value)).collect())
            .collect();
        let mut paths = Self {
            steps: vec![],
            ends: vec![],
            earned: vec![],
            depths: vec![],
            roots: vec![],
            depth: forest.trees.iter().map(Tree::depth).max().unwrap_or(0),
            unit: 1.0 / (per_value * forest.trees.len() as f64),
        };
        for ((tree, values), units) in forest.trees.iter().zip(values).zip(&units) {
            paths.add(tree, values, units);
        }
        (paths, units)
    }

    /// Adds a tree, level by level.
    fn add(&mut self, tree: &Tree, values: &Values, units: &[i32]) {
        let visits: Vec<Visit> = tree.visits().collect();
        let ends = tree.ends();
        let root = self.steps.len();
        let place = |place: usize| u32::try_from(root + place).expect("a forest has fewer than 2^32 nodes");
        self.roots.push(place(0));
        // The place in preorder of each node, and what the cut above it earns.
        let mut order = vec![(0, Earned { column: 0, less: 0.0 })];
        let mut at = 0;
        while at < order.len() {
            let (preorder, earned) = order[at];
            let Visit { node, depth } = visits[preorder];
            let step = match node {
                Node::Cut { column, threshold } => {
                    let left = place(order.len());
                    let column = u32::try_from(column).expect("fewer than 2^32 columns");
                    order.extend([preorder + 1, ends[preorder + 1]].map(|child| {
                        let less = values.means[preorder] - values.means[child];
                        (child, Earned { column, less: if less > 0.0 { less } else { 0.0 } })
                    }));
                    Step { threshold, column, left }
                }
                Node::Leaf { .. } => Step { threshold: f64::INFINITY, column: 0, left: place(at) },
            };
            self.steps.push(step);
            self.ends.push(units[preorder]);
            self.earned.push(earned);
            self.depths.push(depth);
            at += 1;
        }
    }

    /// Writes the means of sums over all trees.
    pub(crate) fn means(&self, sums: &[i32], means: &mut [f64]) {
        for (mean, sum) in means.iter_mut().zip(sums) {
            *mean = f64::from(*sum) * self.unit;
        }
    }

    /// The means of what some rows have, of which one goes right where `is_above` says so of it, a column and a threshold. Each row's credit
    /// of each cut is given to `credit`, with the cut's column.
    ///
    /// A cut earns by how much less the rows have, in the mean, that come to the node behind it than those before it, divided by the square
    /// of the cuts that the tree takes: where few were enough, those few are the reason.
    #[inline(always)]
    pub(crate) fn credits(
        &self,
        rows: usize,
        is_above: impl Fn(usize, u32, f64) -> bool,
        mut credit: impl FnMut(usize, u32, f64),
    ) -> Vec<f64> {
        let mut sums = vec![0; rows];
        let mut way = vec![[0; ABREAST]; self.depth];
        for root in &self.roots {
            for first in (0..rows).step_by(ABREAST) {
                let abreast = ABREAST.min(rows - first);
                let leaves = if abreast == ABREAST {
                    self.descend::<ABREAST>(*root, &mut way, |row, column, threshold| {
                        is_above(first + row, column, threshold)
                    })
                } else {
                    // Some walk as the last row does, for nothing.
                    self.descend(*root, &mut way, |row, column, threshold| {
                        is_above(first + row.min(abreast - 1), column, threshold)
                    })
                };
                for (row, leaf) in leaves[..abreast].iter().enumerate() {
                    sums[first + row] += self.ends[*leaf as usize];
                    let depth = self.depths[*leaf as usize];
                    let weight = 1.0 / (depth * depth).max(1) as f64;
                    for nodes in &way[..depth] {
                        let Earned { column, less } = self.earned[nodes[row] as usize];
                        credit(first + row, column, weight * less);
                    }
                }
            }
        }
        sums.into_iter().map(|sum| f64::from(sum) * self.unit).collect()
    }

    /// Where some rows end that walk from `root`; `way` gets the nodes to which each step leads.
    #[inline(always)]
    fn descend<const N: usize>(
        &self,
        root: u32,
        way: &mut [[u32; N]],
        is_above: impl Fn(usize, u32, f64) -> bool,
    ) -> [u32; N] {
        let mut at = [root; N];
        for nodes in way {
            for (row, (at, node)) in at.iter_mut().zip(nodes).enumerate() {
                let Step { threshold, column, left } = self.steps[*at as usize];
                *at = left + u32::from(is_above(row, column, threshold));
                *node = *at;
            }
        }
        at
    }
}

/// The means of rows, each with its parts, so many of which are of each, divided by their sum, unless that is 0.
pub(crate) fn shares(means: Vec<f64>, parts: &[f64], columns: usize) -> Vec<(f64, Vec<f64>)> {
    let share = |(mean, parts): (f64, &[f64])| {
        let all: f64 = parts.iter().sum();
        (mean, parts.iter().map(|part| if all > 0.0 { part / all } else { *part }).collect())
    };
    means.into_iter().zip(parts.chunks_exact(columns)).map(share).collect()
}

/// How many units are one, where the values of so many trees are all below `most`: a power of two, so that a product with it is exact, and
/// the sum over all trees is an i32.
pub(crate) fn units_per_value(most: f64, trees: usize) -> f64 {
    let most = f64::from(i32::MAX) / (most * trees as f64);
    (0..31).rev().map(|power| f64::from(1 << power)).find(|power| *power <= most).unwrap_or(1.0)
}

#[expect(clippy::cast_possible_truncation, reason = "the sum over all trees is an i32")]
fn in_units(value: f64) -> i32 {
    value.round() as i32
}
