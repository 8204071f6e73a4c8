//! What Treelite's `Model.dump_as_json` writes of an isolation forest, which it got from scikit-learn.
//!
//! A leaf's value is the length of the paths that end in it, `postprocessor` makes scores of their mean and of `ratio_c`, the
//! average path of the rows that a tree was grown from. The offset of the forest is not in it: `sklearn_iforest_offset` is -0.5,
//! whatever the forest's is.

use batch_core_error::Error;
use batch_core_kernels::ImportedNode;
use serde::Deserialize;

use crate::error::{invalid, unsupported};
use crate::forest::Forest;
use crate::leaves::{depths, drawn_rows, is_path_of, rows_of_path};
use crate::single::of_single;

#[derive(Deserialize)]
struct Dump {
    num_feature: usize,
    average_tree_output: bool,
    num_target: u32,
    num_class: Vec<u32>,
    leaf_vector_shape: Vec<u32>,
    postprocessor: String,
    ratio_c: f64,
    base_scores: Vec<f64>,
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    nodes: Vec<Node>,
}

/// A cut has the first, a leaf has a value.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the file")]
struct Node {
    node_id: usize,
    split_feature_id: Option<usize>,
    default_left: Option<bool>,
    node_type: Option<String>,
    comparison_op: Option<String>,
    threshold: Option<f64>,
    left_child: Option<usize>,
    right_child: Option<usize>,
    leaf_value: Option<f64>,
    data_count: Option<u32>,
}

pub(crate) fn read(task: &str, bytes: &[u8]) -> Result<Forest, Error> {
    if task != "kIsolationForest" {
        return Err(unsupported(format!("the model of Treelite has the task {task:?} and is no isolation forest")));
    }
    let dump: Dump = serde_json::from_slice(bytes).map_err(|error| invalid(format!("its JSON: {error}")))?;
    check(&dump)?;
    let mut trees = Vec::with_capacity(dump.trees.len());
    for (number, tree) in dump.trees.iter().enumerate() {
        trees.push(tree.nodes().map_err(|(code, what)| code(format!("tree {number}: {what}")))?);
    }
    let counted = trees.first().map_or(0, |tree| rows_of(tree));
    let rows = drawn_rows(dump.ratio_c, counted)
        .ok_or_else(|| invalid(format!("ratio_c is {}, which is no average path of whole rows", dump.ratio_c)))?;
    Ok(Forest { columns: dump.num_feature, names: None, rows, trees, threshold: None })
}

/// The rows that ended in the leaves of a tree.
fn rows_of(tree: &[ImportedNode]) -> u64 {
    let rows = |node: &ImportedNode| if let ImportedNode::Leaf { rows } = node { u64::from(*rows) } else { 0 };
    tree.iter().map(rows).sum()
}

fn check(dump: &Dump) -> Result<(), Error> {
    let Dump { average_tree_output, num_target, num_class, leaf_vector_shape, postprocessor, base_scores, .. } = dump;
    let what = if postprocessor != "exponential_standard_ratio" {
        format!("the postprocessor {postprocessor:?}")
    } else if !average_tree_output {
        "a sum of its trees' outputs".to_owned()
    } else if (*num_target, num_class.as_slice(), leaf_vector_shape.as_slice()) != (1, &[1], &[1, 1]) {
        "leaves with more than one output".to_owned()
    } else if base_scores.iter().any(|score| *score != 0.0) {
        "base scores".to_owned()
    } else {
        return Ok(());
    };
    Err(unsupported(format!("the model of Treelite has {what}, as an isolation forest has not")))
}

/// Which error, and what is wrong.
type Refusal = (fn(String) -> Error, String);

fn is_invalid(what: String) -> Refusal {
    (invalid, what)
}

impl Tree {
    fn nodes(&self) -> Result<Vec<ImportedNode>, Refusal> {
        let children = self.nodes.iter().map(|node| node.left_child.zip(node.right_child).map(<[usize; 2]>::from));
        let depths = depths(&children.collect::<Vec<_>>());
        let nodes = self.nodes.iter().enumerate().zip(depths);
        nodes.map(|((place, node), depth)| node.read(place, depth)).collect()
    }
}

impl Node {
    fn read(&self, place: usize, depth: Option<usize>) -> Result<ImportedNode, Refusal> {
        let id = self.node_id;
        if id != place {
            return Err(is_invalid(format!("node {id} is at place {place}")));
        }
        let lacks = |what: &str| is_invalid(format!("node {id} has no {what}"));
        if let Some(value) = self.leaf_value {
            // One that is not below the root has no length; the tree is refused for that.
            let Some(depth) = depth else { return Ok(ImportedNode::Leaf { rows: 1 }) };
            return self.leaf(value - depth as f64).map_err(|what| is_invalid(format!("leaf {id} {what}")));
        }
        let (kind, operator) = (self.node_type.as_deref(), self.comparison_op.as_deref());
        if kind != Some("numerical_test_node") || operator != Some("<=") {
            let words = |word: Option<&str>| word.unwrap_or("none").to_owned();
            let what = format!(
                "node {id} is a {} with the comparison {:?}; an isolation forest compares with \"<=\"",
                words(kind),
                words(operator)
            );
            return Err((unsupported, what));
        }
        Ok(ImportedNode::Cut {
            column: self.split_feature_id.ok_or_else(|| lacks("split_feature_id"))?,
            threshold: of_single(self.threshold.ok_or_else(|| lacks("threshold"))?),
            left: self.left_child.ok_or_else(|| lacks("left_child"))?,
            right: self.right_child.ok_or_else(|| lacks("right_child"))?,
            missing_left: self.default_left.ok_or_else(|| lacks("default_left"))?,
        })
    }

    /// A leaf whose rows would take a path of that length.
    fn leaf(&self, length: f64) -> Result<ImportedNode, String> {
        let rows = match self.data_count {
            Some(rows) if is_path_of(rows, length) => rows,
            Some(rows) => return Err(format!("has {rows} rows and a value for others")),
            None => rows_of_path(length).ok_or("has a value that is no length of a path")?,
        };
        Ok(ImportedNode::Leaf { rows })
    }
}
