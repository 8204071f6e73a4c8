//! A model from a forest that was fitted elsewhere.
//!
//! Its trees come as nodes that name their children, in any order. What they are is checked here, whoever read them: that they are
//! trees, cut columns that there are, and are not too deep. Nobody here saw a
//! row of the fit: how the scores are distributed is not known, nor the seed.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde_json::json;

use crate::Missing;
use crate::detectors::iforest::{Isolation, View};
use crate::distribution::Distribution;
use crate::forest::Forest;
use crate::forest::tree::{DEPTH_MAX, Node, Tree};
use crate::model::{Model, Payload};

/// An isolation forest, as a file of it says.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedForest {
    /// Names of the columns, in the order in which cuts count them.
    pub columns: Vec<String>,
    /// Rows that were drawn for each tree (psi).
    pub rows: u32,
    /// The nodes of each tree, of which the first is the root.
    pub trees: Vec<Vec<ImportedNode>>,
    /// The score above which a row is flagged where nothing else is asked for.
    pub threshold: Option<f64>,
    /// What a missing cell means: [`Missing::Center`] goes the way that each cut says.
    pub missing: Missing,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImportedNode {
    /// A cell up to the threshold goes left.
    Cut {
        /// Which column.
        column: usize,
        /// Compared with cells as doubles.
        threshold: f64,
        /// The number of the left child among the nodes of the tree.
        left: usize,
        /// That of the right one.
        right: usize,
        /// Whether a missing cell goes left.
        missing_left: bool,
    },
    /// So many rows of the fit ended here.
    Leaf {
        /// At least one.
        rows: u32,
    },
}

/// Why a forest cannot be had: a sentence that names tree and node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForestError(pub String);

impl fmt::Display for ForestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ForestError {}

impl Model {
    /// The model of a forest that was fitted elsewhere.
    ///
    /// # Errors
    /// When it is no forest.
    pub fn imported(forest: &ImportedForest) -> Result<Self, ForestError> {
        check_names(&forest.columns)?;
        if forest.rows < 2 {
            return Err(ForestError(format!(
                "its trees were grown from {} rows; a forest takes 2 at least",
                forest.rows
            )));
        }
        if forest.threshold.is_some_and(|threshold| !threshold.is_finite()) {
            return Err(ForestError("its threshold is no finite number".to_owned()));
        }
        let views = Views::of(forest);
        let trees = forest.trees.iter().enumerate().map(|(number, nodes)| {
            tree_of(nodes, forest, &views).map_err(|what| ForestError(format!("tree {number}: {what}")))
        });
        let grown = Forest { rows: forest.rows, trees: trees.collect::<Result<_, _>>()? };
        if grown.trees.is_empty() {
            return Err(ForestError("it has no trees".to_owned()));
        }
        let state = Isolation::imported(&views.list, grown);
        debug_assert!(state.is_sound_imported(forest.columns.len()), "what was checked is sound");
        Ok(Self::new(Payload {
            detector: "iforest".to_owned(),
            parameters: BTreeMap::from([
                ("max_samples".to_owned(), json!(forest.rows)),
                ("n_estimators".to_owned(), json!(forest.trees.len())),
            ]),
            columns: forest.columns.clone(),
            left_out: vec![],
            fit_rows: 0,
            source_rows: None,
            seed: 0,
            contamination: None,
            missing: forest.missing,
            threshold: forest.threshold,
            state: Arc::new(state),
            scores: Distribution::unknown(),
            usual: None,
        }))
    }
}

fn check_names(columns: &[String]) -> Result<(), ForestError> {
    if columns.is_empty() {
        return Err(ForestError("it has no columns".to_owned()));
    }
    let mut seen = HashSet::new();
    match columns.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => Err(ForestError(format!("two of its columns are named {twice:?}"))),
        None => Ok(()),
    }
}

/// The views that the cuts take: of each column in turn those that are needed, and one at least.
struct Views {
    list: Vec<View>,
    /// The place of each column's views: where missing cells go right, and where left.
    places: Vec<[usize; 2]>,
}

impl Views {
    fn of(forest: &ImportedForest) -> Self {
        let mut used = vec![[false; 2]; forest.columns.len()];
        for node in forest.trees.iter().flatten() {
            if let ImportedNode::Cut { column, missing_left, .. } = node
                && let Some(used) = used.get_mut(*column)
            {
                used[usize::from(*missing_left)] = true;
            }
        }
        let mut views = Self { list: vec![], places: vec![] };
        for (column, used) in used.into_iter().enumerate() {
            let first = views.list.len();
            if used[0] || !used[1] {
                views.list.push(View { column, missing_left: false });
            }
            if used[1] {
                views.list.push(View { column, missing_left: true });
            }
            views.places.push([first, views.list.len() - 1]);
        }
        views
    }
}

/// The tree below the first node, in preorder.
fn tree_of(nodes: &[ImportedNode], forest: &ImportedForest, views: &Views) -> Result<Tree, String> {
    let mut tree = Tree::default();
    let mut seen = vec![false; nodes.len()];
    // The nodes still to come and the cuts above them, the next one last.
    let mut open = vec![(0, 0)];
    while let Some((number, depth)) = open.pop() {
        let node =
            nodes.get(number).ok_or_else(|| format!("there is no node {number}, which is a child of another"))?;
        if std::mem::replace(&mut seen[number], true) {
            return Err(format!("node {number} is below itself, or the child of two"));
        }
        if depth > DEPTH_MAX {
            return Err(format!("node {number} is below more than {DEPTH_MAX} cuts"));
        }
        match *node {
            ImportedNode::Cut { column, threshold, left, right, missing_left } => {
                let places = views.places.get(column).ok_or_else(|| {
                    format!(
                        "node {number} cuts column {column}; there are {} columns, counted from 0",
                        forest.columns.len()
                    )
                })?;
                if !threshold.is_finite() {
                    return Err(format!("the threshold of node {number} is no finite number"));
                }
                tree.push(Node::Cut { column: places[usize::from(missing_left)], threshold });
                open.extend([(right, depth + 1), (left, depth + 1)]);
            }
            ImportedNode::Leaf { rows: 0 } => return Err(format!("no row of the fit ended in leaf {number}")),
            ImportedNode::Leaf { rows } => tree.push(Node::Leaf { rows }),
        }
    }
    if let Some(alone) = seen.iter().position(|seen| !seen) {
        return Err(format!("node {alone} is below no other and is not the root"));
    }
    if tree.rows() > u64::from(forest.rows) {
        return Err(format!("{} rows ended in its leaves, and it was grown from {}", tree.rows(), forest.rows));
    }
    Ok(tree)
}
