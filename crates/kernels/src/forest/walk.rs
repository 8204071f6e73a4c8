//! Rows walk through trees: how long their paths are.
//!
//! A leaf is its own left child, and no cell is above its threshold, so that all rows take as many steps and none looks where it
//! is. Lengths are added as whole numbers of a small unit: in any order, to the same sum.

use super::Forest;
#[cfg(target_arch = "x86_64")]
use super::ranked::Ranked;
use super::tree::{Node, Tree, Visit, leaf_length, leaf_units};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::Level;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Isa;

/// Rows whose steps are taken in turn, so that the processor waits for several at a time.
const ABREAST: usize = 8;

/// A node, as it is walked: right of `left` lies the right child.
#[derive(Clone, Copy, Debug)]
struct Step {
    threshold: f64,
    /// How long the paths are that come by, on the average.
    mean: f64,
    column: u32,
    left: u32,
}

/// A forest, ready to be walked. What is of nodes is of those of all trees, one tree after the other.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    steps: Vec<Step>,
    /// Of each node that is a leaf: the length of the paths that end there, in units.
    lengths: Vec<i32>,
    /// Of each node: one, divided by the square of the cuts above it.
    weights: Vec<f64>,
    /// The root of each tree.
    roots: Vec<u32>,
    /// The most cuts above a node.
    depth: usize,
    /// Where trees are shallow enough.
    #[cfg(target_arch = "x86_64")]
    ranked: Option<Ranked>,
    /// By what a sum of lengths is multiplied to be the mean length.
    unit: f64,
}

impl Walk {
    /// Of a forest over so many columns.
    pub(crate) fn new(forest: &Forest, columns: usize) -> Self {
        let depth = forest.trees.iter().map(Tree::depth).max().unwrap_or(0);
        let per_length = per_length(forest, depth);
        let mut walk = Self {
            steps: vec![],
            lengths: vec![],
            weights: vec![],
            roots: vec![],
            depth,
            #[cfg(target_arch = "x86_64")]
            ranked: Ranked::new(forest, columns, per_length),
            unit: 1.0 / (per_length * forest.trees.len() as f64),
        };
        forest.trees.iter().for_each(|tree| walk.add(tree, per_length));
        walk
    }

    /// The unit in which the paths of a forest are added.
    pub(crate) fn unit_of(forest: &Forest) -> f64 {
        1.0 / per_length(forest, forest.trees.iter().map(Tree::depth).max().unwrap_or(0))
    }

    /// Adds a tree, level by level.
    fn add(&mut self, tree: &Tree, per_length: f64) {
        let visits: Vec<Visit> = tree.visits().collect();
        let (ends, means) = (tree.ends(), tree.means());
        let root = self.steps.len();
        let place = |place: usize| u32::try_from(root + place).expect("a forest has fewer than 2^32 nodes");
        self.roots.push(place(0));
        // The place in preorder of each node.
        let mut order = vec![0];
        let mut at = 0;
        while at < order.len() {
            let (Visit { node, depth }, mean) = (visits[order[at]], means[order[at]]);
            let (step, length) = match node {
                Node::Cut { column, threshold } => {
                    let left = place(order.len());
                    order.extend([order[at] + 1, ends[order[at] + 1]]);
                    let column = u32::try_from(column).expect("fewer than 2^32 columns");
                    (Step { threshold, mean, column, left }, 0)
                }
                Node::Leaf { rows } => {
                    let step = Step { threshold: f64::INFINITY, mean, column: 0, left: place(at) };
                    (step, leaf_units(depth, rows, per_length))
                }
            };
            self.steps.push(step);
            self.lengths.push(length);
            self.weights.push(1.0 / (depth * depth).max(1) as f64);
            at += 1;
        }
    }

    /// Writes the mean length over all trees of the path of each row. `cells` are those of [`STRETCH`] rows, column after column;
    /// they are finite.
    pub(crate) fn lengths(&self, level: Level, cells: &[f64], lengths: &mut [f64]) {
        let mut sums = [0; STRETCH];
        if !self.add_ranked(level, cells, &mut sums) {
            for root in &self.roots {
                add_lengths(level, self, *root, cells, &mut sums[..lengths.len()]);
            }
        }
        for (length, sum) in lengths.iter_mut().zip(sums) {
            *length = f64::from(sum) * self.unit;
        }
    }

    /// Adds the lengths where this processor has registers for all of a tree; else answers false.
    #[cfg(target_arch = "x86_64")]
    fn add_ranked(&self, level: Level, cells: &[f64], sums: &mut [i32; STRETCH]) -> bool {
        let Some(ranked) = &self.ranked else { return false };
        match level.0 {
            Isa::Baseline => return false,
            // SAFETY: a `Level` holding `Avx2` is only made by `Level::available`, after the CPU reported AVX2.
            Isa::Avx2 => unsafe { avx2::add_lengths(ranked, cells, sums) },
            // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of the
            // four features.
            Isa::Avx512 => unsafe { avx512::add_lengths(ranked, cells, sums) },
        }
        true
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn add_ranked(&self, _: Level, _: &[f64], _: &mut [i32; STRETCH]) -> bool {
        false
    }

    /// The mean length of the path of the row with these cells, and the share that each column has in the row being soon alone: they
    /// add up to 1, or all are 0 where no cut says anything of it.
    ///
    /// A cut earns by how much the paths behind it are shorter, in the mean of the rows the tree was grown from, than those before it,
    /// divided by the square of the cuts that the tree takes: where few were enough, those few are the reason.
    pub(crate) fn shares(&self, cells: &[f64]) -> (f64, Vec<f64>) {
        let (mut sum, mut shares) = (0, vec![0.0; cells.len()]);
        let mut earned = vec![[(0, 0.0); ABREAST]; self.depth];
        for roots in self.roots.chunks(ABREAST) {
            // Where there are fewer, some walk the first tree once more, for nothing.
            let mut at = [roots[0]; ABREAST];
            at[..roots.len()].copy_from_slice(roots);
            let mut here = at.map(|at| self.steps[at as usize]);
            for earned in &mut earned {
                for ((at, here), earned) in at.iter_mut().zip(&mut here).zip(earned) {
                    let Step { threshold, mean, column, left } = *here;
                    *at = left + u32::from(cells[column as usize] > threshold);
                    *here = self.steps[*at as usize];
                    *earned = (column, mean - here.mean);
                }
            }
            for (tree, leaf) in at[..roots.len()].iter().enumerate() {
                sum += self.lengths[*leaf as usize];
                let weight = self.weights[*leaf as usize];
                for (column, earned) in earned.iter().map(|earned| earned[tree]) {
                    shares[column as usize] += weight * if earned > 0.0 { earned } else { 0.0 };
                }
            }
        }
        let all: f64 = shares.iter().sum();
        if all > 0.0 {
            for share in &mut shares {
                *share /= all;
            }
        }
        (f64::from(sum) * self.unit, shares)
    }
}

/// Units to a length of 1 in a forest of that depth: a power of two, so that a product with it is exact, and the sum over all trees
/// is an i32.
fn per_length(forest: &Forest, depth: usize) -> f64 {
    let most = f64::from(i32::MAX) / ((leaf_length(depth, forest.rows) + 1.0) * forest.trees.len() as f64);
    (0..31).rev().map(|power| f64::from(1 << power)).find(|power| *power <= most).unwrap_or(1.0)
}

levels! {
    /// Adds to each sum the length of its row's path from `root`.
    fn add_lengths(walk: &Walk, root: u32, cells: &[f64], sums: &mut [i32]) = lengths_body;
}

#[inline(always)]
fn lengths_body(walk: &Walk, root: u32, cells: &[f64], sums: &mut [i32]) {
    let steps = walk.steps.as_slice();
    for (group, sums) in sums.chunks_mut(ABREAST).enumerate() {
        let first = group * ABREAST;
        let mut at = [root; ABREAST];
        for _ in 0..walk.depth {
            for (row, at) in at.iter_mut().enumerate() {
                let Step { threshold, column, left, .. } = steps[*at as usize];
                let cell = cells[column as usize * STRETCH + first + row];
                *at = left + u32::from(cell > threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += walk.lengths[at as usize];
        }
    }
}
