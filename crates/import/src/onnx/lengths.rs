//! What a graph makes of the leaf that a row ends in: worked out for all leaves of a tree at once.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use batch_core_error::Error;

use super::graph::{Graph, Node};
use crate::error::{invalid, unsupported};

/// Operations between the leaf of a tree and its length: skl2onnx takes 24.
const STEPS_MAX: usize = 64;

/// The ensemble that `name` is worked out from: the first that is met.
pub(crate) fn ensemble_below<'g>(graph: &'g Graph, name: &str) -> Result<&'g Node, Error> {
    let mut open = vec![name.to_owned()];
    let mut seen = HashSet::new();
    while let Some(name) = open.pop() {
        let Some(node) = graph.maker(&name) else { continue };
        if node.op == "TreeEnsembleRegressor" {
            return Ok(node);
        }
        if seen.insert(node.output()) {
            open.extend(node.inputs.iter().cloned());
        }
        if seen.len() > STEPS_MAX {
            break;
        }
    }
    Err(unsupported("its length is not worked out from a TreeEnsembleRegressor"))
}

/// The length of the path that ends in each leaf of `ensemble`, which answers `leaves`: the value of `name`.
pub(crate) fn of_leaves(graph: &Graph, name: &str, ensemble: &Node, leaves: &[f64]) -> Result<Vec<f64>, Error> {
    let known = HashMap::from([(ensemble.output(), Rc::new(leaves.to_vec()))]);
    let mut worked = Worked { graph, known, steps: 0, leaves: leaves.len() };
    match worked.value(name)? {
        Value::OfLeaves(lengths) => Ok(lengths.to_vec()),
        Value::Constant(_) => Err(unsupported("its length does not depend on the leaf")),
    }
}

/// A number for all leaves, or one for each.
#[derive(Clone)]
enum Value {
    Constant(f64),
    OfLeaves(Rc<Vec<f64>>),
}

impl Value {
    fn at(&self, leaf: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::OfLeaves(values) => values[leaf],
        }
    }
}

struct Worked<'g> {
    graph: &'g Graph,
    /// What is worked out, by what nodes make.
    known: HashMap<&'g str, Rc<Vec<f64>>>,
    steps: usize,
    leaves: usize,
}

impl<'g> Worked<'g> {
    fn value(&mut self, name: &str) -> Result<Value, Error> {
        if let Some(constant) = self.graph.constant(name) {
            return Ok(Value::Constant(constant));
        }
        let node =
            self.graph.maker(name).ok_or_else(|| unsupported(format!("{name:?} is neither made nor one number")))?;
        if let Some(known) = self.known.get(node.output()) {
            return Ok(Value::OfLeaves(known.clone()));
        }
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(unsupported(format!(
                "its length takes more than {STEPS_MAX} operations, or depends on itself"
            )));
        }
        let values = Rc::new(self.operation(node)?);
        self.known.insert(node.output(), values.clone());
        Ok(Value::OfLeaves(values))
    }

    fn operation(&mut self, node: &'g Node) -> Result<Vec<f64>, Error> {
        // The second input of a Reshape is the shape, which has no part in the numbers.
        let taken = if node.op == "Reshape" { &node.inputs[..node.inputs.len().min(1)] } else { &node.inputs };
        if taken.len() > STEPS_MAX {
            return Err(unsupported(format!("{} of {} inputs", node.op_name(), taken.len())));
        }
        let inputs = taken.iter().map(|input| self.value(input)).collect::<Result<Vec<_>, _>>()?;
        let count = self.leaves;
        let each = |number: &dyn Fn(usize) -> f64| Ok((0..count).map(number).collect());
        match (node.op.as_str(), inputs.as_slice()) {
            ("Reshape", [input]) => each(&|leaf| input.at(leaf)),
            ("Cast", [input]) => cast(node, input, count),
            ("LabelEncoder", [input]) => encode(node, input, count),
            ("Log", [input]) => each(&|leaf| input.at(leaf).ln()),
            ("Neg", [input]) => each(&|leaf| -input.at(leaf)),
            ("Equal", [a, b]) => each(&|leaf| f64::from(u8::from(same(a.at(leaf), b.at(leaf))))),
            ("Greater", [a, b]) => each(&|leaf| f64::from(u8::from(a.at(leaf) > b.at(leaf)))),
            ("Less", [a, b]) => each(&|leaf| f64::from(u8::from(a.at(leaf) < b.at(leaf)))),
            ("Sub", [a, b]) => each(&|leaf| a.at(leaf) - b.at(leaf)),
            ("Mul", [a, b]) => each(&|leaf| a.at(leaf) * b.at(leaf)),
            ("Div", [a, b]) => each(&|leaf| a.at(leaf) / b.at(leaf)),
            ("Add", [a, b]) => each(&|leaf| a.at(leaf) + b.at(leaf)),
            ("Max", [a, b]) => each(&|leaf| a.at(leaf).max(b.at(leaf))),
            ("Min", [a, b]) => each(&|leaf| a.at(leaf).min(b.at(leaf))),
            _ => Err(unsupported(format!(
                "the operator {} of {} inputs (node {:?}) in the length of a path",
                node.op_name(),
                node.inputs.len(),
                node.name
            ))),
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a - b).abs() == 0.0
}

/// To single or double precision, or to whole numbers.
fn cast(node: &Node, input: &Value, count: usize) -> Result<Vec<f64>, Error> {
    let to = node.attributes()?.integer("to")?;
    (0..count)
        .map(|leaf| match to {
            Some(1 | 11) => Ok(input.at(leaf)),
            Some(6 | 7) => Ok(input.at(leaf).trunc()),
            to => Err(unsupported(format!("Cast to type {} in the length of a path", to.unwrap_or(0)))),
        })
        .collect()
}

/// The number that stands beside each key.
fn encode(node: &Node, input: &Value, count: usize) -> Result<Vec<f64>, Error> {
    let attributes = node.attributes()?;
    attributes.only(&["keys_int64s", "keys_floats", "values_floats", "default_float"])?;
    let keys: Vec<f64> = match (attributes.integers("keys_int64s"), attributes.floats("keys_floats")) {
        (Some(keys), None) => keys.iter().map(|key| *key as f64).collect(),
        (None, Some(keys)) => keys.iter().copied().map(f64::from).collect(),
        _ => return Err(invalid("a LabelEncoder has no keys, or two kinds of them")),
    };
    let values = attributes.floats("values_floats").unwrap_or_default();
    if keys.len() != values.len() {
        return Err(invalid(format!("a LabelEncoder has {} keys and {} values", keys.len(), values.len())));
    }
    // Zeros are one key, whatever their sign.
    let bits = |key: f64| (key + 0.0).to_bits();
    let table: HashMap<u64, f64> =
        keys.iter().map(|key| bits(*key)).zip(values.iter().copied().map(f64::from)).collect();
    let default = f64::from(attributes.float("default_float")?.unwrap_or(-0.0));
    Ok((0..count).map(|leaf| table.get(&bits(input.at(leaf))).copied().unwrap_or(default)).collect())
}
