//! Trees of hyperplanes are grown from sampled rows.
//!
//! The rows are dealt out as to any forest. A hyperplane has a random direction, each of whose parts is normally distributed, but for those
//! columns at which it does not look, and goes through a point that is chosen in the box around the node's rows, all alike: as Hariri,
//! Carrasco Kind and Brunner have it ("Extended isolation forest", 2019), and their package. It may have all rows on one side. Where no
//! column varies a node is a leaf; theirs is cut on, to no end.

use super::{Oblique, Planes};
use crate::forest::Forest;
use crate::forest::grow::{Growth, between, partition};
use crate::forest::tree::{Node, Tree};
use crate::keyed::{Deck, Sequence, subkey};
use crate::numbers::{ends_of, normal_quantile};

/// Parts of the seed.
const ROWS: u64 = 8;
const CUTS: u64 = 9;

/// Shares between which a normal number is drawn.
const SHARES: [f64; 2] = [1e-10, 1.0 - 1e-10];

/// The length of a normal vector says nothing. Its parts are whole numbers, of which so many are one: no row can tell, and 16 bits hold one.
const PARTS_PER_ONE: f64 = 4096.0;

/// Grows trees from `columns`, of which every cell is finite, whose hyperplanes look at so many columns; there is a row at least.
pub(crate) fn grow(growth: Growth, terms: usize, columns: &[Vec<f64>]) -> Oblique {
    let count = columns[0].len();
    let rows = growth.rows.min(count);
    let mut deck = Deck::new(subkey(growth.seed, ROWS), count, growth.trees * rows);
    let mut grower = Grower {
        columns,
        depth_max: rows.next_power_of_two().ilog2() as usize,
        random: Sequence::new(0),
        tree: Tree::default(),
        planes: Planes::new(terms),
    };
    let trees = (0..growth.trees).map(|number| {
        grower.random = Sequence::new(subkey(subkey(growth.seed, CUTS), number as u64));
        grower.grow(&mut deck.deal(rows), 0);
        std::mem::take(&mut grower.tree)
    });
    let trees = trees.collect();
    let rows = u32::try_from(rows).expect("a sample has fewer than 2^32 rows");
    Oblique { forest: Forest { rows, trees }, planes: grower.planes }
}

struct Grower<'c> {
    columns: &'c [Vec<f64>],
    depth_max: usize,
    random: Sequence,
    tree: Tree,
    planes: Planes,
}

impl Grower<'_> {
    /// Grows the subtree of `rows`.
    fn grow(&mut self, rows: &mut [usize], depth: usize) {
        let cut = if depth < self.depth_max && rows.len() > 1 { self.cut(rows) } else { None };
        let Some((plane, offset)) = cut else {
            return self.tree.push(Node::Leaf { rows: u32::try_from(rows.len()).expect("fewer than 2^32 rows") });
        };
        self.tree.push(Node::Cut { column: plane, threshold: offset });
        let left = partition(rows, |row| self.planes.product(plane, |column| self.columns[column][row]) <= offset);
        let (left, right) = rows.split_at_mut(left);
        self.grow(left, depth + 1);
        self.grow(right, depth + 1);
    }

    /// The number of a new hyperplane, and the product of its normal vector with what goes left last; none where no column varies.
    fn cut(&mut self, rows: &[usize]) -> Option<(usize, f64)> {
        let ends = |cells: &Vec<f64>| ends_of(rows.iter().map(|&row| cells[row]));
        let ends: Vec<(f64, f64)> = self.columns.iter().map(ends).collect();
        if !ends.iter().any(|(low, high)| low < high) {
            return None;
        }
        let plane = self.planes.count();
        let chosen = self.choose();
        if chosen.len() < ends.len() {
            self.planes
                .columns
                .extend(chosen.iter().map(|&column| u32::try_from(column).expect("fewer than 2^32 columns")));
        }
        let mut offset = 0.0;
        for column in chosen {
            let (low, high) = ends[column];
            let normal = normal_quantile(self.random.uniform().clamp(SHARES[0], SHARES[1]));
            let part = (normal * PARTS_PER_ONE).round();
            let point = if low < high { between(low, high, self.random.uniform()) } else { low };
            self.planes.parts.push(part);
            offset += part * point;
        }
        Some((plane, offset))
    }

    /// The columns at which the next hyperplane looks, rising.
    fn choose(&mut self) -> Vec<usize> {
        let (all, terms) = (self.columns.len(), self.planes.terms);
        let mut chosen: Vec<usize> = (0..all).collect();
        if terms < all {
            for place in 0..terms {
                chosen.swap(place, place + self.random.below(all - place));
            }
            chosen.truncate(terms);
            chosen.sort_unstable();
        }
        chosen
    }
}
