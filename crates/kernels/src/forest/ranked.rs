//! A forest of shallow trees, as wide registers walk it.
//!
//! Nothing but the order of cells and thresholds matters. So each cell becomes its rank among all thresholds of its column, a number
//! of 16 bits, and so does each threshold: a cell lies above the threshold exactly where its rank is at least the threshold's.
//! Every tree is filled up to the same 255 cuts in heap order (children of `i` at `2 i` and `2 i + 1`), so that the place of a node is
//! computed and its tables fit into registers.

use super::tree::{Node, Tree, Visit};
use crate::Level;
use crate::grid::Grid;
use crate::numbers::STRETCH;

/// Cuts above each leaf.
pub(crate) const DEPTH: usize = 8;
/// Leaves of a tree, and one more than its cuts.
pub(crate) const LEAVES: usize = 1 << DEPTH;
/// Of what is no cut: no rank is as large.
const NEVER: u16 = u16::MAX;

/// Rows of a group: the ranks of one column in one register.
pub(crate) const GROUP: usize = 32;
/// Groups of a stretch.
pub(crate) const GROUPS: usize = STRETCH / GROUP;
/// Cells of the grid over the thresholds of a column, at most.
const CELLS_MAX: u32 = 4096;
/// Groups of ranks that are of no column.
const SPARE: usize = 8;

/// A tree, as registers walk it.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Table {
    /// Of each cut, from 1 on in heap order: the rank from which a cell goes right,
    pub(crate) ranks: [u16; LEAVES],
    /// and the column.
    pub(crate) columns: [u16; LEAVES],
    /// Both: the column in the upper half.
    pub(crate) cuts: [u32; LEAVES],
    /// Of each leaf, from left to right: what the rows have that end there, in units.
    pub(crate) lengths: [i32; LEAVES],
}

/// A forest, as registers walk it.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub(crate) tables: Vec<Table>,
    /// The thresholds of each column, where there are some.
    thresholds: Vec<Option<Grid>>,
}

impl Ranked {
    /// Trees over so many columns, of which each leaf, in preorder, has these units; none where a tree is too deep, or ranks were too large.
    pub(crate) fn new(trees: &[Tree], columns: usize, units: &[Vec<i32>]) -> Option<Self> {
        if columns > usize::from(NEVER) || trees.iter().any(|tree| tree.depth() > DEPTH) {
            return None;
        }
        let mut thresholds = vec![Vec::new(); columns];
        for visit in trees.iter().flat_map(Tree::visits) {
            if let Node::Cut { column, threshold } = visit.node {
                thresholds[column].push(threshold);
            }
        }
        for thresholds in &mut thresholds {
            // Equal ones must not differ in the sign of a zero.
            for threshold in thresholds.iter_mut() {
                *threshold += 0.0;
            }
            thresholds.sort_unstable_by(f64::total_cmp);
            thresholds.dedup();
        }
        if thresholds.iter().any(|thresholds| thresholds.len() >= usize::from(NEVER)) {
            return None;
        }
        let rank = |column: usize, threshold: f64| {
            let below = thresholds[column].partition_point(|other| *other < threshold);
            u16::try_from(below + 1).expect("fewer thresholds than ranks")
        };
        let tables = trees.iter().zip(units).map(|(tree, units)| Table::new(tree, units, rank)).collect();
        let grid = |places: &Vec<f64>| {
            // As many cells as thresholds, and some more: a forest may be over many columns.
            let cells = u32::try_from(4 * places.len()).unwrap_or(CELLS_MAX).next_power_of_two().min(CELLS_MAX);
            (!places.is_empty()).then(|| Grid::of_cells(places, cells))
        };
        Some(Self { tables, thresholds: thresholds.iter().map(grid).collect() })
    }

    /// How many columns it is over.
    pub(crate) fn columns(&self) -> usize {
        self.thresholds.len()
    }

    /// The ranks of the cells of a stretch's first groups, group by group and column after column; then some more, for a walk reads past those of the last
    /// column.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "fewer thresholds than ranks, by `new`")]
    pub(crate) fn ranks(&self, level: Level, cells: &[f64], groups: usize) -> Vec<[u16; GROUP]> {
        let columns = self.columns();
        let mut ranks = vec![[0; GROUP]; columns * groups + SPARE];
        let mut below = [0; STRETCH];
        let rows = ..groups * GROUP;
        for (column, (grid, cells)) in self.thresholds.iter().zip(cells.as_chunks::<STRETCH>().0).enumerate() {
            let Some(grid) = grid else { continue };
            grid.below_each(level, &cells[rows], &mut below[rows]);
            for (group, below) in below[rows].as_chunks::<GROUP>().0.iter().enumerate() {
                ranks[group * columns + column] = below.map(|below| below as u16);
            }
        }
        ranks
    }
}

impl Table {
    fn new(tree: &Tree, units: &[i32], rank: impl Fn(usize, f64) -> u16) -> Self {
        let nowhere = [u32::from(NEVER); LEAVES];
        let mut table = Self { ranks: [NEVER; LEAVES], columns: [0; LEAVES], cuts: nowhere, lengths: [0; LEAVES] };
        // The places in heap order of the nodes that are still to come, the next one last.
        let mut places = vec![1];
        for (Visit { node, depth }, units) in tree.visits().zip(units) {
            let place: usize = places.pop().expect("a tree is whole");
            match node {
                Node::Cut { column, threshold } => {
                    places.extend([2 * place + 1, 2 * place]);
                    table.ranks[place] = rank(column, threshold);
                    table.columns[place] = u16::try_from(column).expect("fewer than 2^16 columns");
                    table.cuts[place] = u32::from(table.columns[place]) << 16 | u32::from(table.ranks[place]);
                }
                // No rank is large enough to go right below a leaf.
                Node::Leaf { .. } => table.lengths[(place << (DEPTH - depth)) - LEAVES] = *units,
            }
        }
        table
    }
}
