//! Trees are grown from sampled rows.
//!
//! The rows are shuffled once for all trees and dealt out, so that no tree has one twice, and no two trees have the same where
//! there are enough. Each cut is of a column chosen among those that vary in the node, all alike, at a place between the least and
//! the greatest of its cells, all alike: as Liu, Ting and Zhou have it ("Isolation forest", ICDM 2008), and scikit-learn's
//! `ExtraTreeRegressor`, but for columns that vary by less than 1e-7, which it takes for constant.

use super::Forest;
use super::tree::{Node, Tree};
use crate::keyed::{Deck, Sequence, subkey};
use crate::numbers::ends_of;

/// What a forest is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) trees: usize,
    /// Rows of each tree, as far as there are.
    pub(crate) rows: usize,
    pub(crate) seed: u64,
}

/// Grows a forest from `columns`, of which every cell is finite; there is a row at least.
pub(crate) fn grow(growth: Growth, columns: &[&[f64]]) -> Forest {
    let count = columns[0].len();
    let rows = growth.rows.min(count);
    let depth_max = rows.next_power_of_two().ilog2() as usize;
    let mut deck = Deck::new(subkey(growth.seed, ROWS), count, growth.trees * rows);
    let trees = (0..growth.trees).map(|number| {
        let mut dealt = deck.deal(rows);
        let mut grower = Grower {
            columns,
            depth_max,
            random: Sequence::new(subkey(subkey(growth.seed, TREES), number as u64)),
            tree: Tree::default(),
        };
        let candidates: Vec<usize> = (0..columns.len()).collect();
        grower.grow(&mut dealt, 0, &candidates);
        grower.tree
    });
    Forest { rows: u32::try_from(rows).expect("a sample has fewer than 2^32 rows"), trees: trees.collect() }
}

/// Parts of the seed.
const ROWS: u64 = 1;
const TREES: u64 = 2;

struct Grower<'c> {
    columns: &'c [&'c [f64]],
    depth_max: usize,
    random: Sequence,
    tree: Tree,
}

impl Grower<'_> {
    /// Grows the subtree of `rows`, in which no other columns than `candidates` vary.
    fn grow(&mut self, rows: &mut [usize], depth: usize, candidates: &[usize]) {
        let mut candidates = candidates.to_vec();
        let cut = if depth < self.depth_max && rows.len() > 1 { self.cut(rows, &mut candidates) } else { None };
        let Some((column, threshold)) = cut else {
            return self.tree.push(Node::Leaf { rows: u32::try_from(rows.len()).expect("fewer than 2^32 rows") });
        };
        self.tree.push(Node::Cut { column, threshold });
        let cells = self.columns[column];
        let left = partition(rows, |row| cells[row] <= threshold);
        let (left, right) = rows.split_at_mut(left);
        self.grow(left, depth + 1, &candidates);
        self.grow(right, depth + 1, &candidates);
    }

    /// A column and where to cut it; none where no column varies. What is found not to is no candidate any more.
    fn cut(&mut self, rows: &[usize], candidates: &mut Vec<usize>) -> Option<(usize, f64)> {
        while !candidates.is_empty() {
            let place = self.random.below(candidates.len());
            let cells = self.columns[candidates[place]];
            let (low, high) = ends_of(rows.iter().map(|&row| cells[row]));
            if low < high {
                return Some((candidates[place], between(low, high, self.random.uniform())));
            }
            candidates.swap_remove(place);
        }
        None
    }
}

/// The number at `share`, below 1, of the way from `low` to `high`: at least the one, and less than the other.
pub(crate) fn between(low: f64, high: f64, share: f64) -> f64 {
    // The way itself may be longer than any double.
    let threshold = low * (1.0 - share) + high * share;
    if (low..high).contains(&threshold) { threshold } else { low }
}

/// Puts the rows that go left first; answers how many they are.
pub(crate) fn partition(rows: &mut [usize], goes_left: impl Fn(usize) -> bool) -> usize {
    let mut left = 0;
    for at in 0..rows.len() {
        if goes_left(rows[at]) {
            rows.swap(left, at);
            left += 1;
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_leaves_cells_on_either_side() {
        for (low, high) in [(0.0, 1.0), (1.0, 1.0_f64.next_up()), (-f64::MAX, f64::MAX), (-5e-324, 0.0), (3.0, 3.0e300)]
        {
            for share in [0.0, 0.3, 0.5, 1.0_f64.next_down()] {
                assert!((low..high).contains(&between(low, high, share)), "{low:e} {high:e} {share}");
            }
        }
    }
}
