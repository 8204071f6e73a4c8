//! Trees whose cuts are hyperplanes: each looks at the sum of some columns' cells, each times its part of the hyperplane's normal vector.
//!
//! ```text
//! grow     sampled rows -> trees of hyperplanes
//! walk     rows through trees -> the lengths of their paths
//! dense    trees, as wide registers walk them
//! ```

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod dense;
pub(crate) mod grow;
pub(crate) mod walk;

use serde::{Deserialize, Serialize};

use super::Forest;

/// No part of a normal vector is larger, whoever grew the tree.
const PART_MAX: f64 = (1 << 15) as f64;

/// Trees of hyperplanes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Oblique {
    /// Trees over hyperplanes: the column of a cut is the number of its hyperplane.
    pub(crate) forest: Forest,
    pub(crate) planes: Planes,
}

/// The normal vectors of hyperplanes, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Planes {
    /// At how many columns each looks.
    terms: usize,
    /// Which they are, rising; nothing where each looks at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<u32>,
    /// Of each of them, its part of the normal vector.
    parts: Vec<f64>,
}

impl Planes {
    /// None yet, that look at so many of so many columns.
    fn new(terms: usize) -> Self {
        Self { terms, columns: vec![], parts: vec![] }
    }

    fn count(&self) -> usize {
        self.parts.len() / self.terms
    }

    fn is_sound(&self, columns: usize) -> bool {
        let rising =
            |chosen: &[u32]| chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|it| (*it as usize) < columns);
        let chosen = if self.columns.is_empty() {
            self.terms == columns || self.parts.is_empty()
        } else {
            self.columns.len() == self.parts.len() && self.columns.chunks(self.terms.max(1)).all(rising)
        };
        self.terms > 0
            && self.parts.len().is_multiple_of(self.terms)
            && self.parts.iter().all(|part| part.abs() <= PART_MAX)
            && chosen
    }

    /// The columns at which a hyperplane looks, and their parts.
    fn terms(&self, plane: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let first = plane * self.terms;
        let columns = self.columns.get(first..first + self.terms);
        let column = move |term: usize| columns.map_or(term, |columns| columns[term] as usize);
        (0..self.terms).map(move |term| (column(term), self.parts[first + term]))
    }

    /// The product of a row with the normal vector of a hyperplane: added column after column, as all that walk do.
    fn product(&self, plane: usize, cell: impl Fn(usize) -> f64) -> f64 {
        self.terms(plane).fold(0.0, |sum, (column, part)| sum + part * cell(column))
    }
}

impl Oblique {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.planes.is_sound(columns) && self.forest.is_sound(self.planes.count())
    }
}

#[cfg(test)]
mod tests {
    use super::walk::Walk;
    use super::*;
    use crate::Level;
    use crate::detector::Rows;
    use crate::forest::grow::Growth;
    use crate::forest::tree::{Node, Tree, leaf_length};
    use crate::keyed::Sequence;
    use crate::numbers::STRETCH;

    /// Every third column has few values.
    fn cells(columns: usize, rows: usize) -> Vec<Vec<f64>> {
        let mut random = Sequence::new(columns as u64);
        let mut cell = |column: usize| if column % 3 == 2 { random.below(4) as f64 } else { random.uniform() - 0.5 };
        (0..columns).map(|column| (0..rows).map(|_| cell(column)).collect()).collect()
    }

    fn grown(trees: usize, rows: usize, terms: usize, cells: &[Vec<f64>]) -> Oblique {
        grow::grow(Growth { trees, rows, seed: 5 }, terms, cells)
    }

    /// The length of the path of a row, node by node.
    fn length(tree: &Tree, planes: &Planes, row: &[f64]) -> f64 {
        // Whether the row comes to the nodes that are still to be read, the next one last.
        let mut comes = vec![true];
        for visit in tree.visits() {
            let here = comes.pop().expect("a tree is whole");
            match visit.node {
                Node::Cut { column, threshold } => {
                    let right = planes.product(column, |column| row[column]) > threshold;
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
        // Some in registers, some too deep for them, some that look at few columns, and trees that are nothing but a leaf.
        for (columns, trees, rows, terms) in [
            (1, 30, 2, 1),
            (10, 100, 256, 10),
            (7, 9, 100, 3),
            (24, 9, 256, 2),
            (3, 20, 700, 3),
            (70, 3, 256, 70),
            (2, 4, 1, 2),
        ] {
            let cells = cells(columns, 2 * STRETCH);
            let oblique = grown(trees, rows, terms, &cells);
            assert!(oblique.is_sound(columns));
            let (lengths, most) = oblique.forest.lengths(leaf_length);
            let walk = Walk::new(&oblique, columns, &lengths, most);
            let tiles: Vec<f64> = [0, STRETCH]
                .iter()
                .flat_map(|&at| cells.iter().flat_map(move |cells| &cells[at..at + STRETCH]))
                .copied()
                .collect();
            let mut expected = [0.0; 2 * STRETCH - 3];
            walk.means(Level::BASELINE, &tiles, &mut expected);
            for (at, expected) in expected.iter().enumerate() {
                let row: Vec<f64> = cells.iter().map(|cells| cells[at]).collect();
                let all = oblique.forest.trees.iter().map(|tree| length(tree, &oblique.planes, &row)).sum::<f64>();
                let mean = all / trees as f64;
                assert!((mean - expected).abs() < 1e-6, "{columns} columns, row {at}: {mean} {expected}");
                let (mut alone, mut shares) = ([0.0], vec![0.0; columns]);
                walk.shares(Rows { cells: &row, columns }, &mut alone, &mut shares);
                assert_eq!(alone[0].to_bits(), expected.to_bits());
                let shares: f64 = shares.iter().sum();
                let none = shares == 0.0 && trees <= 30;
                assert!(none || (shares - 1.0).abs() < 1e-9, "{columns} columns, row {at}: {shares}");
            }
            for level in Level::available() {
                let mut lengths = [0.0; 2 * STRETCH - 3];
                walk.means(level, &tiles, &mut lengths);
                assert_eq!(lengths.map(f64::to_bits), expected.map(f64::to_bits), "{level:?}, {columns} columns");
            }
        }
    }

    #[test]
    fn more_trees_are_the_same_and_some_more_and_no_row_is_lost() {
        let cells = cells(5, 1000);
        let oblique = grown(10, 100, 5, &cells);
        let fewer = grown(2, 100, 5, &cells);
        assert_eq!(fewer.forest.trees, oblique.forest.trees[..2]);
        assert_eq!(fewer.planes.parts, oblique.planes.parts[..fewer.planes.parts.len()]);
        assert!(oblique.forest.trees.iter().all(|tree| tree.inside()[0] == 100));
        let chosen = grown(10, 100, 2, &cells).planes;
        assert!(chosen.columns.chunks(2).all(|pair| pair[0] < pair[1]));
        assert!((0..5).all(|column| chosen.columns.contains(&column)));
    }

    #[test]
    fn what_is_no_hyperplane_is_refused() {
        let sound = r#"{"forest":{"rows":2,"trees":[{"columns":[0,-1,-1],"thresholds":[1.5],"rows":[1,1]}]},"planes":{"terms":2,"parts":[1,-2]}}"#;
        let read = |text: &str| serde_json::from_str::<Oblique>(text).unwrap();
        assert!(read(sound).is_sound(2));
        for (part, wrong) in [
            ("\"terms\":2", "\"terms\":0"),
            ("\"terms\":2", "\"terms\":1"),
            ("[1,-2]", "[1,-2,3]"),
            ("[1,-2]", "[]"),
            ("[1,-2]", "[1,1e5]"),
            ("[0,-1,-1]", "[1,-1,-1]"),
            ("[1,-2]", "[1,-2],\"columns\":[0]"),
            ("[1,-2]", "[1,-2],\"columns\":[1,0]"),
            ("[1,-2]", "[1,-2],\"columns\":[1,2]"),
        ] {
            assert!(sound.contains(part) && !read(&sound.replace(part, wrong)).is_sound(2), "{wrong}");
        }
        assert!(read(&sound.replace("[1,-2]", "[1,-2],\"columns\":[0,2]")).is_sound(3));
    }
}
