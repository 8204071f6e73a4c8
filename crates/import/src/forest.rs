//! A forest as a file says.

use batch_core_kernels::ImportedNode;

/// A forest, whose columns may still lack names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forest {
    /// How many columns there are,
    pub(crate) columns: usize,
    /// and their names, where the file has them.
    pub(crate) names: Option<Vec<String>>,
    /// Rows that were drawn for each tree.
    pub(crate) rows: u32,
    pub(crate) trees: Vec<Vec<ImportedNode>>,
    /// The score above which the file's own program flags a row.
    pub(crate) threshold: Option<f64>,
}
