//! Isolation forests: trees of random cuts, in which a row that is far from the others is alone after few of them.
//!
//! ```text
//! grow      sampled rows -> trees of cuts
//! tree      one tree: cuts, and how many rows ended in each leaf
//! paths     trees -> what is walked
//! walk      rows through trees -> the lengths of their paths
//! oblique   the same of trees whose cuts look at several columns
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod earned;
pub(crate) mod grow;
pub(crate) mod oblique;
mod paths;
#[cfg(target_arch = "x86_64")]
mod ranked;
pub(crate) mod tree;
pub(crate) mod walk;

use serde::{Deserialize, Serialize};

use tree::{Tree, Values, average_path};

/// Trees over the same columns, which were grown from as many rows each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    /// Rows each tree was grown from.
    pub(crate) rows: u32,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    /// Whether these are whole trees over so many columns, each grown from [`rows`](Self::rows) rows.
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.rows >= 1
            && self.has_sound_trees(columns)
            && self.trees.iter().all(|tree| tree.rows() == u64::from(self.rows))
    }

    /// The same, where a tree may have been grown from fewer: a row that was drawn twice is counted once.
    pub(crate) fn is_sound_of_draws(&self, columns: usize) -> bool {
        let of_draws = |tree: &Tree| (1..=u64::from(self.rows)).contains(&tree.rows());
        self.rows >= 2 && self.has_sound_trees(columns) && self.trees.iter().all(of_draws)
    }

    fn has_sound_trees(&self, columns: usize) -> bool {
        !self.trees.is_empty() && self.trees.iter().all(|tree| tree.is_sound(columns))
    }

    /// The lengths of the paths in each tree, those that end in a leaf by `length` of its depth and rows; and one above all of them.
    pub(crate) fn lengths(&self, length: impl Fn(usize, u32) -> f64 + Copy) -> (Vec<Values>, f64) {
        (self.trees.iter().map(|tree| tree.lengths(length)).collect(), self.longest(length))
    }

    /// No path is as long.
    fn longest(&self, length: impl Fn(usize, u32) -> f64) -> f64 {
        length(self.trees.iter().map(Tree::depth).max().unwrap_or(0), self.rows) + 1.0
    }

    /// By what a path is divided: its average length in a tree of as many rows, or of two where there is one.
    pub(crate) fn normal_path(&self) -> f64 {
        average_path(self.rows.max(2))
    }
}

#[cfg(test)]
mod tests {
    use super::grow::{Growth, grow};
    use super::tree::{Node, Tree, leaf_length};
    use super::walk::Walk;
    use super::*;
    use crate::Level;
    use crate::detector::Rows;
    use crate::keyed::Sequence;
    use crate::numbers::STRETCH;

    /// Every third column has few values, so that cells are equal to thresholds; one more than the forest is grown from is far out.
    fn cells(columns: usize, rows: usize) -> Vec<Vec<f64>> {
        let mut random = Sequence::new(columns as u64);
        let mut cell = |column: usize, row: usize| match (column % 3, row % 50) {
            (2, _) => random.below(4) as f64,
            (_, 49) => 1e6 * (random.uniform() - 0.5),
            _ => random.uniform() + random.uniform(),
        };
        (0..columns).map(|column| (0..rows).map(|row| cell(column, row)).collect()).collect()
    }

    fn grown(trees: usize, rows: usize, cells: &[Vec<f64>]) -> Forest {
        grow(Growth { trees, rows, seed: 5 }, &cells.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The length of the path of a row, node by node.
    fn length(tree: &Tree, row: &[f64]) -> f64 {
        // Whether the row comes to the nodes that are still to be read, the next one last.
        let mut comes = vec![true];
        for visit in tree.visits() {
            let here = comes.pop().expect("a tree is whole");
            match visit.node {
                Node::Cut { column, threshold } => {
                    let right = row[column] > threshold;
                    comes.extend([here && right, here && !right]);
                }
                Node::Leaf { rows } if here => return leaf_length(visit.depth, rows),
                Node::Leaf { .. } => {}
            }
        }
        unreachable!("a row ends in a leaf")
    }

    #[test]
    fn every_level_walks_to_the_same_leaves_as_one_row_does() {
        // Some in registers, by either way, some too deep for them, and a tree that is nothing but a leaf.
        for (columns, trees, rows) in
            [(1, 30, 2), (3, 100, 256), (24, 9, 256), (25, 9, 100), (70, 5, 256), (6, 20, 700)]
        {
            let cells = cells(columns, 2000);
            let forest = grown(trees, rows, &cells);
            assert!(forest.is_sound(columns));
            let (lengths, most) = forest.lengths(leaf_length);
            let walk = Walk::new(&forest, columns, &lengths, most);
            for start in [0, 1000, 2000 - STRETCH] {
                let tile: Vec<f64> = cells.iter().flat_map(|cells| &cells[start..start + STRETCH]).copied().collect();
                let mut expected = [0.0; STRETCH];
                walk.means(Level::BASELINE, &tile, &mut expected);
                let tabled: Vec<f64> =
                    (start..start + STRETCH).flat_map(|row| cells.iter().map(move |cells| cells[row])).collect();
                let shares_at = |level| {
                    let (mut lengths, mut shares) = ([0.0; STRETCH], vec![0.0; tabled.len()]);
                    walk.shares(level, Rows { cells: &tabled, columns }, &mut lengths, &mut shares);
                    assert_eq!(lengths.map(f64::to_bits), expected.map(f64::to_bits), "{level:?}, {columns} columns");
                    shares
                };
                let shares = shares_at(Level::BASELINE);
                for (at, expected) in expected.iter().enumerate() {
                    let row = &tabled[at * columns..(at + 1) * columns];
                    let mean = forest.trees.iter().map(|tree| length(tree, row)).sum::<f64>() / trees as f64;
                    assert!((mean - expected).abs() < 1e-6, "{columns} columns, row {at}: {mean} {expected}");
                    let shares: f64 = shares[at * columns..(at + 1) * columns].iter().sum();
                    // Where no cut says anything of a row, nothing is its reason; where cells are few, that is so of some rows.
                    let none = shares == 0.0 && (rows == 2 || columns == 70);
                    assert!(none || (shares - 1.0).abs() < 1e-9, "{columns} columns, row {at}: {shares}");
                }
                for level in Level::available() {
                    let mut lengths = [0.0; STRETCH];
                    walk.means(level, &tile, &mut lengths);
                    assert_eq!(lengths.map(f64::to_bits), expected.map(f64::to_bits), "{level:?}, {columns} columns");
                    let bits = |shares: &[f64]| shares.iter().map(|share| share.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&shares_at(level)), bits(&shares), "{level:?}, {columns} columns");
                }
            }
        }
    }

    #[test]
    fn many_trees_are_as_exact_as_few() {
        for (trees, rows, parts) in [(1000, 256, 1), (2500, 256, 10), (2500, 16, 10), (10_000, 64, 40)] {
            let cells = cells(2, 600);
            let forest = grown(trees, rows, &cells);
            let walk = Walk::exact(&forest, 2);
            assert_eq!(walk.parts(), parts, "{trees} trees of {rows} rows");
            let tile: Vec<f64> = cells.iter().flat_map(|cells| &cells[..STRETCH]).copied().collect();
            let tabled: Vec<f64> = (0..STRETCH).flat_map(|row| cells.iter().map(move |cells| cells[row])).collect();
            let of = |level| {
                let (mut means, mut alone, mut shares) = ([0.0; STRETCH], [0.0; STRETCH], vec![0.0; tabled.len()]);
                walk.means(level, &tile, &mut means);
                walk.shares(level, Rows { cells: &tabled, columns: 2 }, &mut alone, &mut shares);
                assert_eq!(alone.map(f64::to_bits), means.map(f64::to_bits), "{level:?}, {trees} trees");
                (means, shares.into_iter().map(f64::to_bits).collect::<Vec<_>>())
            };
            let (expected, shares) = of(Level::BASELINE);
            let score = |length: f64| (-length / forest.normal_path()).exp2();
            for (at, expected) in expected.iter().enumerate().step_by(29) {
                let row = &tabled[2 * at..2 * at + 2];
                let mean = forest.trees.iter().map(|tree| length(tree, row)).sum::<f64>() / trees as f64;
                assert!((score(mean) - score(*expected)).abs() <= 1e-6, "{trees} trees, row {at}: {mean} {expected}");
            }
            for level in Level::available() {
                let (means, others) = of(level);
                assert_eq!(means.map(f64::to_bits), expected.map(f64::to_bits), "{level:?}, {trees} trees");
                assert_eq!(others, shares, "{level:?}, {trees} trees");
            }
        }
    }

    #[test]
    fn more_trees_are_the_same_and_some_more_and_another_seed_grows_others() {
        let cells = cells(3, 1000);
        let forest = grown(10, 100, &cells);
        assert_eq!((forest.rows, forest.trees.len()), (100, 10));
        assert_eq!(grown(2, 100, &cells).trees, forest.trees[..2]);
        let borrowed: Vec<&[f64]> = cells.iter().map(Vec::as_slice).collect();
        assert_ne!(grow(Growth { trees: 10, rows: 100, seed: 6 }, &borrowed), forest);
        assert_eq!(grown(3, 256, &[vec![1.0, 2.0, 3.0]]).rows, 3, "there are no more");
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let sound = grown(1, 4, &[vec![1.0, 2.0, 3.0, 4.0]]);
        let text = serde_json::to_string(&sound).unwrap();
        let read = |text: &str| serde_json::from_str::<Forest>(text).unwrap();
        assert!(read(&text).is_sound(1));
        let tree = r#"{"columns":[0,-1,-1],"thresholds":[1.5],"rows":[1,1]}"#;
        for (wrong, columns) in [
            (tree.replace("[0,-1,-1]", "[1,-1,-1]"), 1),
            (tree.replace("[0,-1,-1]", "[0,-1]"), 1),
            (tree.replace("[0,-1,-1]", "[0,-1,-1,-1]"), 1),
            (tree.replace("[0,-1,-1]", "[-1,0,-1]"), 1),
            (tree.replace("[0,-1,-1]", "[-2,-1,-1]"), 1),
            (tree.replace("[1.5]", "[]"), 1),
            (tree.replace("[1,1]", "[1,2]"), 1),
            (tree.replace("[1,1]", "[1,1,0]"), 1),
            (r#"{"columns":[],"thresholds":[],"rows":[]}"#.to_owned(), 1),
        ] {
            assert!(read(&format!(r#"{{"rows":2,"trees":[{tree}]}}"#)).is_sound(columns));
            assert!(!read(&format!(r#"{{"rows":2,"trees":[{wrong}]}}"#)).is_sound(columns), "{wrong}");
        }
        assert!(!read(r#"{"rows":2,"trees":[]}"#).is_sound(1));
    }
}
