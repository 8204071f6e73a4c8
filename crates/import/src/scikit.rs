//! What `scripts/export_isolation_forest.py` writes: the arrays of a scikit-learn `IsolationForest`, under its names for them.

use batch_core_error::Error;
use batch_core_kernels::ImportedNode;
use serde::Deserialize;

use crate::error::{invalid, unsupported};
use crate::forest::Forest;
use crate::single::of_single;

const SCHEMA: &str = "batch-core.isolation-forest/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exported {
    #[serde(rename = "schema")]
    _schema: String,
    /// The version of scikit-learn, for people.
    #[serde(rename = "sklearn_version")]
    _version: String,
    n_features: usize,
    /// Null where the forest was fitted to an array without names.
    feature_names: Option<Vec<String>>,
    max_samples: u32,
    offset: f64,
    trees: Vec<Arrays>,
}

/// Of each node of a tree.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arrays {
    /// -1 where the node is a leaf.
    children_left: Vec<i64>,
    children_right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    n_node_samples: Vec<u32>,
    missing_go_to_left: Vec<u8>,
}

pub(crate) fn read(schema: &str, bytes: &[u8]) -> Result<Forest, Error> {
    if schema != SCHEMA {
        return Err(unsupported(format!("its schema is {schema:?}; this version of batch-core reads {SCHEMA:?}")));
    }
    let exported: Exported = serde_json::from_slice(bytes).map_err(|error| invalid(format!("its JSON: {error}")))?;
    let trees = exported.trees.into_iter().enumerate();
    let trees = trees.map(|(number, arrays)| arrays.nodes().map_err(|what| invalid(format!("tree {number}: {what}"))));
    Ok(Forest {
        columns: exported.n_features,
        names: exported.feature_names,
        rows: exported.max_samples,
        trees: trees.collect::<Result<_, _>>()?,
        // Flagged is what scores less than the offset, in scikit-learn's sign.
        threshold: Some(-exported.offset),
    })
}

impl Arrays {
    fn nodes(&self) -> Result<Vec<ImportedNode>, String> {
        let count = self.children_left.len();
        let lengths = [
            ("children_right", self.children_right.len()),
            ("feature", self.feature.len()),
            ("threshold", self.threshold.len()),
            ("n_node_samples", self.n_node_samples.len()),
            ("missing_go_to_left", self.missing_go_to_left.len()),
        ];
        if let Some((name, length)) = lengths.into_iter().find(|(_, length)| *length != count) {
            return Err(format!("children_left has {count} nodes and {name} {length}"));
        }
        (0..count).map(|node| self.node(node)).collect()
    }

    fn node(&self, node: usize) -> Result<ImportedNode, String> {
        let (left, right) = (self.children_left[node], self.children_right[node]);
        if left == -1 && right == -1 {
            return Ok(ImportedNode::Leaf { rows: self.n_node_samples[node] });
        }
        let index = |name: &str, value: i64| {
            usize::try_from(value).map_err(|_| format!("{name} of node {node} is {value}, which is no index"))
        };
        Ok(ImportedNode::Cut {
            column: index("feature", self.feature[node])?,
            threshold: of_single(self.threshold[node]),
            left: index("children_left", left)?,
            right: index("children_right", right)?,
            missing_left: self.missing_go_to_left[node] != 0,
        })
    }
}
