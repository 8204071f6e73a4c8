//! Isolation forests: trees of random cuts, in which a row that is far from the others is alone after few of them.
//!
//! ```text
//! grow   sampled rows -> trees of cuts
//! tree   one tree: cuts, and how many rows ended in each leaf
//! walk   rows through trees -> the lengths of their paths
//! ```

pub(crate) mod grow;
pub(crate) mod tree;
pub(crate) mod walk;

use serde::{Deserialize, Serialize};

use tree::{Tree, average_path};

/// Trees over the same columns, which were grown from as many rows each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forest {
    /// Rows each tree was grown from.
    pub(crate) rows: u32,
    pub(crate) trees: Vec<Tree>,
}

impl Forest {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        !self.trees.is_empty() && self.rows >= 2 && self.trees.iter().all(|tree| tree.is_sound(columns, self.rows))
    }

    /// By what a path is divided: its average length in a tree of as many rows.
    pub(crate) fn normal_path(&self) -> f64 {
        average_path(self.rows)
    }
}
