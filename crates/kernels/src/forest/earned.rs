//! What the cuts of trees earn that registers walk: in heap order, so that all of a tree is near while many rows are looked at.

use super::paths::Paths;
use super::ranked::{DEPTH, LEAVES, Ranked, Table};
use crate::numbers::STRETCH;

/// Of a tree: see [`Above`](super::paths::Above).
#[derive(Clone, Debug)]
pub(crate) struct Earned {
    /// Of each node in heap order, from 2 on; 0 below a leaf.
    less: [f32; 2 * LEAVES],
    /// Of each leaf, from left to right.
    weights: [f32; LEAVES],
}

impl Earned {
    /// Of the tree of `paths` from `root`.
    pub(crate) fn new(paths: &Paths, root: u32) -> Self {
        let mut earned = Self { less: [0.0; 2 * LEAVES], weights: [0.0; LEAVES] };
        let mut nodes = [root; 2 * LEAVES];
        for place in 2..2 * LEAVES {
            let above = nodes[place / 2];
            let left = paths.steps[above as usize].left;
            // A leaf is its own left child.
            if left == above {
                nodes[place] = above;
            } else {
                nodes[place] = left + u32::from(place % 2 == 1);
                earned.less[place] = paths.above[nodes[place] as usize].less;
            }
        }
        for (weight, node) in earned.weights.iter_mut().zip(&nodes[LEAVES..]) {
            *weight = paths.above[*node as usize].weight;
        }
        earned
    }

    /// Adds to the credits of rows, of so many columns each, what the cuts of `table` earn where they end in `leaves`.
    fn add(&self, table: &Table, leaves: &[u16], credits: &mut [f64], columns: usize) {
        for (leaf, credits) in leaves.iter().zip(credits.chunks_exact_mut(columns)) {
            let leaf = usize::from(*leaf);
            let weight = f64::from(self.weights[leaf]);
            for level in 0..DEPTH {
                let place = (LEAVES + leaf) >> level;
                credits[usize::from(table.columns[place / 2])] += weight * f64::from(self.less[place]);
            }
        }
    }
}

/// Adds to the sums of rows, and to their credits of so many columns each, what they have that end in `leaves`, tree after tree.
pub(crate) fn add_credits(
    forest: &Ranked,
    earned: &[Earned],
    leaves: &[[u16; STRETCH]],
    sums: &mut [i32],
    (credits, columns): (&mut [f64], usize),
) {
    for ((table, earned), leaves) in forest.tables.iter().zip(earned).zip(leaves) {
        let leaves = &leaves[..sums.len()];
        sums.iter_mut().zip(leaves).for_each(|(sum, leaf)| *sum += table.lengths[usize::from(*leaf)]);
        earned.add(table, leaves, credits, columns);
    }
}
