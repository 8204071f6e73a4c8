//! A graph: its nodes by what they make, its constants, its inputs.

use std::collections::HashMap;

use batch_core_error::Error;
use bytes::Bytes;
use prost::Message;

use super::proto::{self, GraphMessage, NodeMessage, Tensor, ValueInfo};
use crate::error::{invalid, unsupported};

/// Domains whose operators are known by their bare names.
const DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];

/// A graph, every name of which is made once.
#[derive(Debug)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    /// By what they make.
    makers: HashMap<String, usize>,
    constants: HashMap<String, Constant>,
    /// How many columns each input has, where it says.
    inputs: HashMap<String, Option<usize>>,
    pub(crate) outputs: Vec<String>,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) op: String,
    domain: String,
    pub(crate) inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: Vec<Bytes>,
}

/// Numbers that are in the file.
#[derive(Debug)]
enum Constant {
    Doubles(Vec<f64>),
    Integers(Vec<i64>),
}

fn message<M: Message + Default>(bytes: Bytes, what: &str) -> Result<M, Error> {
    M::decode(bytes).map_err(|error| invalid(format!("{what}: {error}")))
}

impl Graph {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let neither = || invalid("the file is neither JSON nor a model of ONNX, or it is damaged");
        let model = proto::Model::decode(Bytes::copy_from_slice(bytes)).map_err(|error| neither().because(error))?;
        let read = model.graph.filter(|_| model.ir_version > 0).ok_or_else(neither)?;
        let GraphMessage { node, initializer, input, output } = read;
        let mut graph = Self {
            nodes: vec![],
            makers: HashMap::new(),
            constants: HashMap::new(),
            inputs: HashMap::new(),
            outputs: vec![],
        };
        for bytes in initializer {
            let tensor: Tensor = message(bytes, "an initializer")?;
            graph.constants.insert(tensor.name.clone(), constant_of(&tensor)?);
        }
        for bytes in input {
            let ValueInfo { name, kind } = message(bytes, "an input")?;
            let shape = kind.and_then(|kind| kind.tensor).and_then(|tensor| tensor.shape);
            let columns = shape.and_then(|shape| shape.dim.get(1)?.value).and_then(|count| usize::try_from(count).ok());
            graph.inputs.insert(name, columns.filter(|count| *count > 0));
        }
        for bytes in output {
            graph.outputs.push(message::<ValueInfo>(bytes, "an output")?.name);
        }
        for (number, bytes) in node.into_iter().enumerate() {
            graph.add(message(bytes, &format!("node {number}"))?)?;
        }
        Ok(graph)
    }

    fn add(&mut self, read: NodeMessage) -> Result<(), Error> {
        let NodeMessage { input, output, name, op_type, attribute, domain } = read;
        let node = Node { name, op: op_type, domain, inputs: input, outputs: output, attributes: attribute };
        if node.outputs.is_empty() {
            return Err(invalid(format!("the node {:?} makes nothing", node.name)));
        }
        if !DOMAINS.contains(&node.domain.as_str()) {
            return Err(unsupported(format!(
                "the operator {} (node {:?}) is of no known domain",
                node.op_name(),
                node.name
            )));
        }
        if node.op == "Constant" {
            let attributes = node.attributes()?;
            let tensor = attributes.tensor("value")?.ok_or_else(|| unsupported("Constant without a tensor"))?;
            self.constants.insert(node.outputs[0].clone(), constant_of(&tensor)?);
            return Ok(());
        }
        for name in &node.outputs {
            let before = self.makers.insert(name.clone(), self.nodes.len());
            if before.is_some() || self.constants.contains_key(name) || self.inputs.contains_key(name) {
                return Err(invalid(format!("{name:?} is made twice")));
            }
        }
        self.nodes.push(node);
        Ok(())
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The node that makes `name`; names that stand for another are followed.
    pub(crate) fn maker(&self, name: &str) -> Option<&Node> {
        let mut node = &self.nodes[*self.makers.get(name)?];
        // Each step is another node, or they go round.
        for _ in 0..self.nodes.len() {
            if node.op != "Identity" {
                return Some(node);
            }
            node = &self.nodes[*self.makers.get(node.inputs.first()?)?];
        }
        None
    }

    /// The first input and the second, a constant, where `node` is such an operation.
    pub(crate) fn binary<'g>(&self, node: &'g Node, op: &str) -> Option<(&'g str, f64)> {
        let [first, second] = node.inputs_of(op)?;
        Some((first, self.constant(second)?))
    }

    /// The one number of a constant.
    pub(crate) fn constant(&self, name: &str) -> Option<f64> {
        match self.constants.get(name)? {
            Constant::Doubles(values) if values.len() == 1 => Some(values[0]),
            Constant::Integers(values) if values.len() == 1 => Some(values[0] as f64),
            _ => None,
        }
    }

    /// The whole numbers of a constant.
    pub(crate) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        match self.constants.get(name)? {
            Constant::Integers(values) => Some(values.clone()),
            Constant::Doubles(_) => None,
        }
    }

    /// How many columns the input `name` has; other things than an input are refused.
    pub(crate) fn columns(&self, name: &str) -> Result<usize, Error> {
        match (self.inputs.get(name), self.maker(name)) {
            (Some(columns), _) => columns.ok_or_else(|| unsupported("its input does not say how many columns it has")),
            (None, Some(node)) => Err(unsupported(format!(
                "its trees look at what the operator {} (node {:?}) makes, and not at the input",
                node.op_name(),
                node.name
            ))),
            (None, None) => Err(invalid(format!("its trees look at {name:?}, which nothing makes"))),
        }
    }
}

impl Node {
    /// The input, where it is such an operation.
    pub(crate) fn input_of(&self, op: &str) -> Option<&str> {
        match self.inputs.as_slice() {
            [input] if self.op == op => Some(input),
            _ => None,
        }
    }

    /// Both inputs, where it is such an operation.
    pub(crate) fn inputs_of(&self, op: &str) -> Option<[&str; 2]> {
        match self.inputs.as_slice() {
            [first, second] if self.op == op => Some([first, second]),
            _ => None,
        }
    }

    /// What it makes first.
    pub(crate) fn output(&self) -> &str {
        &self.outputs[0]
    }

    /// With its domain, where that is not the usual one.
    pub(crate) fn op_name(&self) -> String {
        if self.domain.is_empty() { self.op.clone() } else { format!("{}.{}", self.domain, self.op) }
    }

    pub(crate) fn attributes(&self) -> Result<Attributes, Error> {
        let read = self.attributes.iter().map(|bytes| message(bytes.clone(), &format!("an attribute of {}", self.op)));
        Ok(Attributes { of: self.op_name(), list: read.collect::<Result<_, _>>()? })
    }
}

/// The attributes of a node.
pub(crate) struct Attributes {
    of: String,
    list: Vec<proto::Attribute>,
}

impl Attributes {
    fn find(&self, name: &str) -> Option<&proto::Attribute> {
        self.list.iter().find(|attribute| attribute.name == name)
    }

    fn wrong(&self, name: &str) -> Error {
        invalid(format!("the attribute {name} of {} is of another type", self.of))
    }

    /// Refuses attributes that are not among these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Error> {
        match self.list.iter().find(|attribute| !known.contains(&attribute.name.as_str())) {
            Some(other) => Err(unsupported(format!("the attribute {} of {} is not supported", other.name, self.of))),
            None => Ok(()),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.find(name).map(|found| found.integer.ok_or_else(|| self.wrong(name))).transpose()
    }

    pub(crate) fn float(&self, name: &str) -> Result<Option<f32>, Error> {
        self.find(name).map(|found| found.float.ok_or_else(|| self.wrong(name))).transpose()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&[u8]>, Error> {
        self.find(name).map(|found| found.text.as_deref().ok_or_else(|| self.wrong(name))).transpose()
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<proto::Tensor>, Error> {
        self.find(name).map(|found| found.tensor.clone().ok_or_else(|| self.wrong(name))).transpose()
    }

    pub(crate) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.find(name).map(|found| found.integers.as_slice())
    }

    pub(crate) fn floats(&self, name: &str) -> Option<&[f32]> {
        self.find(name).map(|found| found.floats.as_slice())
    }

    pub(crate) fn texts(&self, name: &str) -> Option<&[Bytes]> {
        self.find(name).map(|found| found.texts.as_slice())
    }
}

/// The numbers of a tensor.
fn constant_of(tensor: &Tensor) -> Result<Constant, Error> {
    let Tensor { data_type, name, raw_data, .. } = tensor;
    if tensor.data_location != 0 {
        return Err(unsupported(format!("the tensor {name:?} lies in another file")));
    }
    let is_raw = !raw_data.is_empty();
    let constant = match data_type {
        1 if is_raw => Constant::Doubles(raw(raw_data, |bytes| f64::from(f32::from_le_bytes(bytes)))),
        1 => Constant::Doubles(tensor.float_data.iter().copied().map(f64::from).collect()),
        7 if is_raw => Constant::Integers(raw(raw_data, i64::from_le_bytes)),
        7 => Constant::Integers(tensor.int64_data.clone()),
        11 if is_raw => Constant::Doubles(raw(raw_data, f64::from_le_bytes)),
        11 => Constant::Doubles(tensor.double_data.clone()),
        other => return Err(unsupported(format!("the tensor {name:?} has elements of type {other}"))),
    };
    let count = match &constant {
        Constant::Doubles(values) => values.len(),
        Constant::Integers(values) => values.len(),
    };
    let dims = tensor.dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(usize::try_from(*dim).ok()?));
    if dims == Some(count) {
        Ok(constant)
    } else {
        Err(invalid(format!("the tensor {name:?} has {count} elements and another shape")))
    }
}

/// Numbers of so many bytes each; what is left over makes them too few.
fn raw<const BYTES: usize, T>(bytes: &[u8], number: impl Fn([u8; BYTES]) -> T) -> Vec<T> {
    bytes.as_chunks::<BYTES>().0.iter().map(|bytes| number(*bytes)).collect()
}
