//! Trees, laid out to be walked.
//!
//! A leaf is its own left child, and nothing is above its threshold, so that all rows take as many steps and none looks where it
//! is. What leaves have is added as whole numbers of a small unit: in any order, to the same sum.

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

/// What leads to a node. Of single precision, for it is read from far away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Above {
    /// The cut above it, and that cut's column. The root is below itself.
    parent: u32,
    column: u32,
    /// By how much less the rows have, in the mean, that come to the node than those that come to the cut; 0 where it is more.
    pub(crate) less: f32,
    /// How much that counts of the rows that end here, where it is a leaf: 1 divided by the square of the cuts above it. Where few were
    /// enough, those few are the reason.
    pub(crate) weight: f32,
}

/// The nodes of all trees, one tree after the other.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) steps: Vec<Step>,
    /// Of each node that is a leaf: what the rows have that end there, in units.
    pub(crate) ends: Vec<i32>,
    /// Of each node.
    pub(crate) above: Vec<Above>,
    /// The root of each tree.
    pub(crate) roots: Vec<u32>,
    /// The most cuts above a node.
    pub(crate) depth: usize,
    /// By what a sum over the trees is multiplied to be their part of the mean over all trees.
    pub(crate) unit: f64,
}

/// In what values are added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    /// How many are one.
    pub(crate) per_value: f64,
    /// How many trees there are in all.
    pub(crate) trees: usize,
}

impl Paths {
    /// Of trees that have these values, which are added in such units. Answers what each leaf has, tree by tree in preorder, in units.
    pub(crate) fn new(
        trees: &[Tree],
        values: &[Values],
        Units { per_value, trees: all }: Units,
    ) -> (Self, Vec<Vec<i32>>) {
        let units: Vec<Vec<i32>> = (values.iter())
            .map(|values| values.ends.iter().map(|value| in_units(value * per_value)).collect())
            .collect();
        let mut paths = Self {
            steps: vec![],
            ends: vec![],
            above: vec![],
            roots: vec![],
            depth: trees.iter().map(Tree::depth).max().unwrap_or(0),
            unit: 1.0 / (per_value * all as f64),
        };
        for ((tree, values), units) in trees.iter().zip(values).zip(&units) {
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
        #[expect(clippy::cast_possible_truncation, reason = "as much of a credit as a reader can tell apart")]
        let above = |parent, column, less: f64, depth: usize| {
            let less = if less > 0.0 { less as f32 } else { 0.0 };
            Above { parent: place(parent), column, less, weight: 1.0 / (depth * depth).max(1) as f32 }
        };
        // The place in preorder of each node, and what leads to it.
        let mut order = vec![(0, above(0, 0, 0.0, 0))];
        let mut at = 0;
        while at < order.len() {
            let (preorder, leads) = order[at];
            let Visit { node, depth } = visits[preorder];
            let step = match node {
                Node::Cut { column, threshold } => {
                    let left = place(order.len());
                    let column = u32::try_from(column).expect("fewer than 2^32 columns");
                    order.extend([preorder + 1, ends[preorder + 1]].map(|child| {
                        (child, above(at, column, values.means[preorder] - values.means[child], depth + 1))
                    }));
                    Step { threshold, column, left }
                }
                Node::Leaf { .. } => Step { threshold: f64::INFINITY, column: 0, left: place(at) },
            };
            self.steps.push(step);
            self.ends.push(units[preorder]);
            self.above.push(leads);
            at += 1;
        }
    }

    /// Adds to means over all trees the part of sums over these.
    pub(crate) fn add_means(&self, sums: &[i32], means: &mut [f64]) {
        for (mean, sum) in means.iter_mut().zip(sums) {
            *mean += f64::from(*sum) * self.unit;
        }
    }

    /// Adds to the means what some rows have, of which one goes right where `is_above` says so of it, a column and a threshold. Each row's
    /// credits are given to `credit`, with their columns.
    #[inline(always)]
    pub(crate) fn credits(
        &self,
        means: &mut [f64],
        is_above: impl Fn(usize, u32, f64) -> bool,
        mut credit: impl FnMut(usize, u32, f64),
    ) {
        let rows = means.len();
        let mut sums = vec![0; rows];
        for root in &self.roots {
            for first in (0..rows).step_by(ABREAST) {
                // Where fewer rows are left, the last walks again, for nothing.
                let last = ABREAST.min(rows - first) - 1;
                let leaves =
                    self.descend(*root, |row, column, threshold| is_above(first + row.min(last), column, threshold));
                for (row, leaf) in (first..).zip(&leaves[..=last]) {
                    sums[row] += self.ends[*leaf as usize];
                    self.climb(*leaf, |column, amount| credit(row, column, amount));
                }
            }
        }
        self.add_means(&sums, means);
    }

    /// Gives `credit` what each cut above a leaf earns of a row that ends there, with its column: by how much less the rows have, in the mean,
    /// that come to the node behind it than those before it, where few cuts were enough more of it.
    #[inline(always)]
    fn climb(&self, leaf: u32, mut credit: impl FnMut(u32, f64)) {
        let (mut at, mut above) = (leaf, self.above[leaf as usize]);
        let weight = f64::from(above.weight);
        while above.parent != at {
            credit(above.column, weight * f64::from(above.less));
            at = above.parent;
            above = self.above[at as usize];
        }
    }

    /// Where some rows end that walk from `root`.
    #[inline(always)]
    fn descend(&self, root: u32, is_above: impl Fn(usize, u32, f64) -> bool) -> [u32; ABREAST] {
        let mut at = [root; ABREAST];
        for _ in 0..self.depth {
            for (row, at) in at.iter_mut().enumerate() {
                let Step { threshold, column, left } = self.steps[*at as usize];
                *at = left + u32::from(is_above(row, column, threshold));
            }
        }
        at
    }
}

/// Divides the credits of a row's columns by their sum, unless that is 0.
pub(crate) fn share_out(credits: &mut [f64]) {
    let all: f64 = credits.iter().sum();
    if all > 0.0 {
        for credit in credits {
            *credit /= all;
        }
    }
}

impl Units {
    /// The smallest in which the sum over all of so many trees is an i32, whose values are all below `most`.
    pub(crate) fn of_all(most: f64, trees: usize) -> Self {
        Self { per_value: per_value(most, trees), trees }
    }

    /// The same where a sum is over no more than `part` of the trees.
    pub(crate) fn of_part(most: f64, trees: usize, part: usize) -> Self {
        Self { per_value: per_value(most, part), trees }
    }
}

/// How many units are one where the values of so many trees are added: a power of two, so that a product with it is exact.
fn per_value(most: f64, trees: usize) -> f64 {
    let most = f64::from(i32::MAX) / (most * trees as f64);
    (0..31).rev().map(|power| f64::from(1 << power)).find(|power| *power <= most).unwrap_or(1.0)
}

#[expect(clippy::cast_possible_truncation, reason = "the sum over all trees is an i32")]
fn in_units(value: f64) -> i32 {
    value.round() as i32
}
