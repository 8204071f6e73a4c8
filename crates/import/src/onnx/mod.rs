//! What skl2onnx writes of a scikit-learn `IsolationForest`.
//!
//! ```text
//! X ── Gather ── TreeEnsembleRegressor ── the leaf ── LabelEncoder, Cast, Log, ... ── length of the path     for each tree
//! scores = -2^-(Sum(lengths) / divisor) - offset
//! ```
//!
//! How a graph makes the length of a path from the leaf is not compared with how skl2onnx does it: it is worked out for every leaf,
//! and must be the leaf's depth and the average path of a whole number of rows. So what is accepted is an isolation forest,
//! whoever wrote it. What lies above the lengths must be as it is written here.
//!
//! Thresholds are of single precision, and skl2onnx rounds them down: they part singles as scikit-learn's do.
//!
//! ```text
//! proto       the messages, as far as they are read
//! graph       nodes by what they make, constants, inputs
//! ensemble    a TreeEnsembleRegressor -> the nodes of a tree
//! lengths     for each leaf the length of the paths that end in it
//! ```

mod ensemble;
mod graph;
mod lengths;
mod proto;

use std::collections::HashSet;

use batch_core_error::Error;
use batch_core_kernels::ImportedNode;

use crate::error::{invalid, unsupported};
use crate::forest::Forest;
use crate::leaves::{drawn_rows, rows_of_path};
use ensemble::Ensemble;
use graph::{Graph, Node};

pub(crate) fn read(bytes: &[u8]) -> Result<Forest, Error> {
    let graph = Graph::read(bytes)?;
    let Scores { lengths, divisor, offset } = Scores::find(&graph)?;
    let mut reader = Reader { graph: &graph, source: None, read: HashSet::new() };
    let mut trees = Vec::with_capacity(lengths.len());
    for (number, length) in lengths.iter().enumerate() {
        trees.push(reader.tree(length).map_err(|error| of_tree(number, error))?);
    }
    let normal_path = divisor / trees.len() as f64;
    let counted = trees[0].iter().map(|node| if let ImportedNode::Leaf { rows } = node { u64::from(*rows) } else { 0 });
    let rows = drawn_rows(normal_path, counted.sum()).ok_or_else(|| {
        invalid(format!(
            "its lengths are divided by {divisor}, which is no average path of whole rows for {} trees",
            trees.len()
        ))
    })?;
    let source = reader.source.ok_or_else(|| invalid("its graph has no tree"))?;
    Ok(Forest { columns: graph.columns(&source)?, names: None, rows, trees, threshold: offset.map(|offset| -offset) })
}

fn of_tree(number: usize, mut error: Error) -> Error {
    error.message = format!("tree {number}: {}", error.message);
    error
}

/// What makes scores of lengths.
struct Scores<'g> {
    /// The length of a row's path in each tree.
    lengths: Vec<&'g str>,
    /// The trees, times the average path of the rows that each was grown from.
    divisor: f64,
    /// In scikit-learn's sign, where an output is scored less it.
    offset: Option<f64>,
}

impl<'g> Scores<'g> {
    /// Looks for the scores among the outputs.
    fn find(graph: &'g Graph) -> Result<Self, Error> {
        let made =
            |offset: Option<f64>, name: &'g str| Self::of_samples(graph, name).map(|found| Self { offset, ..found });
        let decision = graph.outputs.iter().find_map(|output| {
            let (samples, offset) = graph.binary(graph.maker(output)?, "Add")?;
            made(Some(-offset), samples)
        });
        let samples = || graph.outputs.iter().find_map(|output| made(None, output));
        decision.or_else(samples).ok_or_else(|| Self::refusal(graph))
    }

    /// What `name` is the samples' score of: -(2 ^ -(sum / divisor)).
    fn of_samples(graph: &'g Graph, name: &str) -> Option<Self> {
        let power = graph.maker(name)?.input_of("Neg")?;
        let [base, exponent] = graph.maker(power)?.inputs_of("Pow")?;
        if graph.constant(base)?.to_bits() != 2.0_f64.to_bits() {
            return None;
        }
        let quotient = graph.maker(exponent)?.input_of("Neg")?;
        let (sum, divisor) = graph.binary(graph.maker(quotient)?, "Div")?;
        let lengths = match graph.maker(sum) {
            Some(node) if node.op == "Sum" && !node.inputs.is_empty() => {
                node.inputs.iter().map(String::as_str).collect()
            }
            _ => vec![sum],
        };
        Some(Self { lengths, divisor, offset: None })
    }

    /// Why there are none: an operator that no isolation forest has, if there is one.
    fn refusal(graph: &Graph) -> Error {
        let outputs = graph.outputs.iter().take(8).map(|name| match graph.maker(name) {
            Some(node) => format!("{name:?} comes from {}", node.op_name()),
            None => format!("{name:?} comes from nowhere"),
        });
        let outputs: Vec<String> = outputs.collect();
        unsupported(match graph.nodes().find(|node| !KNOWN.contains(&node.op.as_str())) {
            Some(node) => {
                format!("the operator {} (node {:?}) is in no isolation forest of skl2onnx", node.op_name(), node.name)
            }
            None => format!("no output is the score of an isolation forest: {}", outputs.join(", ")),
        })
    }
}

/// Operators that skl2onnx makes isolation forests of.
const KNOWN: &[&str] = &[
    "Add",
    "Cast",
    "Constant",
    "Div",
    "Equal",
    "Gather",
    "Greater",
    "Identity",
    "LabelEncoder",
    "Less",
    "Log",
    "Max",
    "Mul",
    "Neg",
    "Pow",
    "Reshape",
    "Sum",
    "TreeEnsembleRegressor",
];

/// Reads trees.
struct Reader<'g> {
    graph: &'g Graph,
    /// What all trees look at.
    source: Option<String>,
    /// The ensembles that were read: each is of one tree.
    read: HashSet<&'g str>,
}

impl Reader<'_> {
    /// The tree whose path has the length `name`.
    fn tree(&mut self, name: &str) -> Result<Vec<ImportedNode>, Error> {
        let node = lengths::ensemble_below(self.graph, name)?;
        if !self.read.insert(node.output()) {
            return Err(unsupported(format!("its ensemble {:?} counts more than once", node.name)));
        }
        let (source, columns) = self.seen_by(node)?;
        match &self.source {
            Some(other) if *other != source => {
                return Err(unsupported(format!("it looks at {source:?} and others at {other:?}")));
            }
            _ => self.source = Some(source),
        }
        let ensemble = Ensemble::read(node)?;
        let lengths = lengths::of_leaves(self.graph, name, node, &ensemble.leaf_values())?;
        ensemble.nodes(columns.as_deref(), |leaf, depth| rows_of_path(lengths[leaf] - depth as f64))
    }

    /// What an ensemble looks at, and which of its columns, where they are chosen.
    fn seen_by(&self, ensemble: &Node) -> Result<(String, Option<Vec<i64>>), Error> {
        let [input] = ensemble.inputs.as_slice() else {
            return Err(invalid(format!("{} has {} inputs", ensemble.op_name(), ensemble.inputs.len())));
        };
        match self.graph.maker(input) {
            Some(node) if node.op == "Gather" => {
                let [source, indices] = node.inputs_of("Gather").ok_or_else(|| invalid("a Gather lacks an input"))?;
                if node.attributes()?.integer("axis")? != Some(1) {
                    return Err(unsupported("Gather along another axis than 1"));
                }
                let indices = self
                    .graph
                    .integers(indices)
                    .ok_or_else(|| unsupported("Gather of columns that are no constants"))?;
                Ok((source.to_owned(), Some(indices)))
            }
            _ => Ok((input.clone(), None)),
        }
    }
}
