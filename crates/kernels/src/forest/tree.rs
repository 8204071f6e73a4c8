//! One tree: cuts of columns, down to leaves.

use serde::{Deserialize, Serialize};

use crate::numbers::ln;

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// No tree is deeper, whoever grew it.
pub(crate) const DEPTH_MAX: usize = 64;

/// The average length of an unsuccessful search in a binary search tree of `rows` rows, as scikit-learn has it: 0 for one row
/// and 1 for two, else 2 (ln(rows - 1) + 0.5772156649...) - 2 (rows - 1) / rows.
#[must_use]
pub fn average_path(rows: u32) -> f64 {
    let others = f64::from(rows.saturating_sub(1));
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => 2.0 * (ln(others) + GAMMA) - 2.0 * others / f64::from(rows),
    }
}

/// A tree in preorder: a node, all below its left child, all below its right child.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// The column that each node cuts, or -1 where it is a leaf.
    columns: Vec<i32>,
    /// Of each cut: a cell up to this goes left.
    thresholds: Vec<f64>,
    /// How many rows ended in each leaf.
    rows: Vec<u32>,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    Cut { column: usize, threshold: f64 },
    Leaf { rows: u32 },
}

/// What is read of a tree at once, in preorder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Visit {
    pub(crate) node: Node,
    /// Cuts above it.
    pub(crate) depth: usize,
}

/// What the nodes of a tree say of a row, in preorder.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// Of each leaf: what a row has that ends there; 0 of a cut.
    pub(crate) ends: Vec<f64>,
    /// Of each node: what rows have that come to it.
    pub(crate) means: Vec<f64>,
}

impl Tree {
    /// Adds the next node.
    pub(crate) fn push(&mut self, node: Node) {
        match node {
            Node::Cut { column, threshold } => {
                self.columns.push(i32::try_from(column).expect("fewer than 2^31 columns"));
                self.thresholds.push(threshold);
            }
            Node::Leaf { rows } => {
                self.columns.push(-1);
                self.rows.push(rows);
            }
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.columns.len()
    }

    /// The nodes in preorder.
    pub(crate) fn visits(&self) -> impl Iterator<Item = Visit> {
        let (mut thresholds, mut rows) = (self.thresholds.iter(), self.rows.iter());
        // Depths of the nodes that are still to come, the next one last.
        let mut depths = vec![0];
        self.columns.iter().map_while(move |&column| {
            let depth = depths.pop()?;
            let node = match usize::try_from(column) {
                Ok(column) => {
                    depths.extend([depth + 1, depth + 1]);
                    Node::Cut { column, threshold: *thresholds.next()? }
                }
                Err(_) => Node::Leaf { rows: *rows.next()? },
            };
            Some(Visit { node, depth })
        })
    }

    /// The most cuts from the root to a leaf.
    pub(crate) fn depth(&self) -> usize {
        self.visits().map(|visit| visit.depth).max().unwrap_or(0)
    }

    /// Rows that ended in its leaves.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.iter().map(|rows| u64::from(*rows)).sum()
    }

    /// Whether this is one whole tree over so many columns.
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        let known = |column: i32| column == -1 || usize::try_from(column).is_ok_and(|column| column < columns);
        let cuts = self.columns.iter().filter(|column| **column >= 0).count();
        self.columns.iter().all(|column| known(*column))
            && cuts == self.thresholds.len()
            && cuts + 1 == self.rows.len()
            && cuts + self.rows.len() == self.nodes()
            && self.visits().count() == self.nodes()
            && self.depth() <= DEPTH_MAX
            && self.thresholds.iter().all(|threshold| threshold.is_finite())
    }

    /// The lengths of paths: of those that end in a leaf by `length` of its depth and rows, and of those that come to a node, the mean of
    /// the rows that did.
    pub(crate) fn lengths(&self, length: impl Fn(usize, u32) -> f64 + Copy) -> Values {
        let visits: Vec<Visit> = self.visits().collect();
        let mut means = vec![0.0; visits.len()];
        let mut next = 0;
        if !visits.is_empty() {
            mean_length(&visits, length, &mut next, &mut means);
        }
        let end = |visit: &Visit| match visit.node {
            Node::Leaf { rows } => length(visit.depth, rows),
            Node::Cut { .. } => 0.0,
        };
        Values { ends: visits.iter().map(end).collect(), means }
    }

    /// How many rows came to each node, in preorder.
    pub(crate) fn inside(&self) -> Vec<u32> {
        let mut leaves = self.rows.iter();
        let ended: Vec<u32> =
            self.columns.iter().map(|column| if *column < 0 { *leaves.next().unwrap_or(&0) } else { 0 }).collect();
        (0..).zip(self.ends()).map(|(place, end): (usize, usize)| ended[place..end].iter().sum()).collect()
    }

    /// The place behind the subtree of each node, in preorder: where the right child of a cut is whose left child it is.
    pub(crate) fn ends(&self) -> Vec<usize> {
        let mut ends = vec![0; self.nodes()];
        // The nodes that still lack subtrees: their place, and how many.
        let mut open: Vec<(usize, u8)> = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            if *column >= 0 {
                open.push((place, 2));
                continue;
            }
            ends[place] = place + 1;
            while let Some((cut, lacks)) = open.pop() {
                if lacks == 2 {
                    open.push((cut, 1));
                    break;
                }
                ends[cut] = place + 1;
            }
        }
        ends
    }
}

/// Fills in the mean of the subtree at `next`, and answers its rows, and the sum of their paths.
fn mean_length(
    visits: &[Visit],
    length: impl Fn(usize, u32) -> f64 + Copy,
    next: &mut usize,
    means: &mut [f64],
) -> (f64, f64) {
    let place = *next;
    let Visit { node, depth } = visits[place];
    *next += 1;
    let (rows, sum) = match node {
        Node::Leaf { rows } => (f64::from(rows), f64::from(rows) * length(depth, rows)),
        Node::Cut { .. } => {
            let left = mean_length(visits, length, next, means);
            let right = mean_length(visits, length, next, means);
            (left.0 + right.0, left.1 + right.1)
        }
    };
    // Where nobody ended, whoever does is alone.
    means[place] = if rows > 0.0 { sum / rows } else { length(depth, 1) };
    (rows, sum)
}

/// The length of a path that ends in a leaf: its cuts, and those that its rows would take on the average.
pub(crate) fn leaf_length(depth: usize, rows: u32) -> f64 {
    depth as f64 + average_path(rows)
}
