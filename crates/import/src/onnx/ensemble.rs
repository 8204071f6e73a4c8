//! A `TreeEnsembleRegressor` of one tree.

use std::collections::HashMap;

use batch_core_error::Error;
use batch_core_kernels::ImportedNode;

use super::graph::{Attributes, Node};
use crate::error::{invalid, unsupported};
use crate::leaves::depths;
use crate::single::of_single;

const KNOWN: &[&str] = &[
    "aggregate_function",
    "n_targets",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "post_transform",
    "target_ids",
    "target_nodeids",
    "target_treeids",
    "target_weights",
];

/// The tree, its nodes by their places in the file.
pub(crate) struct Ensemble {
    nodes: Vec<Part>,
    /// What the ensemble answers of each leaf, by the number of the leaf.
    values: Vec<f64>,
}

enum Part {
    Cut {
        feature: i64,
        threshold: f64,
        children: [usize; 2],
        missing_left: bool,
    },
    /// Which of the leaves.
    Leaf(usize),
}

impl Ensemble {
    pub(crate) fn read(node: &Node) -> Result<Self, Error> {
        if node.op != "TreeEnsembleRegressor" {
            return Err(unsupported(format!(
                "the operator {} (node {:?}) where a tree is expected",
                node.op_name(),
                node.name
            )));
        }
        let attributes = node.attributes()?;
        attributes.only(KNOWN)?;
        let is = |name: &str, wanted: &[u8]| Ok::<_, Error>(attributes.text(name)?.is_none_or(|text| text == wanted));
        if !is("post_transform", b"NONE")? || !is("aggregate_function", b"SUM")? {
            return Err(unsupported("an ensemble whose outputs are transformed, or not added"));
        }
        if attributes.integer("n_targets")?.unwrap_or(1) != 1 {
            return Err(unsupported("an ensemble with more than one target"));
        }
        let lists = Lists::of(&attributes)?;
        let values = leaf_values(&attributes)?;
        lists.parts(&values).map(|nodes| Self { nodes, values: values.into_iter().map(|(_, value)| value).collect() })
    }

    pub(crate) fn leaf_values(&self) -> Vec<f64> {
        self.values.clone()
    }

    /// The nodes of the tree, whose columns are those of `columns` where that is there; `rows` tells those of a leaf by its number
    /// and depth.
    pub(crate) fn nodes(
        &self,
        columns: Option<&[i64]>,
        rows: impl Fn(usize, usize) -> Option<u32>,
    ) -> Result<Vec<ImportedNode>, Error> {
        let children: Vec<_> = self
            .nodes
            .iter()
            .map(|part| if let Part::Cut { children, .. } = part { Some(*children) } else { None })
            .collect();
        let column = |feature: i64| -> Option<usize> {
            let feature = usize::try_from(feature).ok()?;
            columns.map_or(Some(feature), |columns| usize::try_from(*columns.get(feature)?).ok())
        };
        let read = |(place, (part, depth)): (usize, (&Part, Option<usize>))| match *part {
            Part::Cut { feature, threshold, children: [left, right], missing_left } => {
                let column = column(feature)
                    .ok_or_else(|| invalid(format!("node {place} cuts column {feature}, which is none")))?;
                Ok(ImportedNode::Cut { column, threshold: of_single(threshold), left, right, missing_left })
            }
            // One that is not below the root has no length; the tree is refused for that.
            Part::Leaf(leaf) => match depth.map_or(Some(1), |depth| rows(leaf, depth)) {
                Some(rows) => Ok(ImportedNode::Leaf { rows }),
                None => Err(unsupported(format!(
                    "what is made of leaf {place} is no length of a path in an isolation forest"
                ))),
            },
        };
        self.nodes.iter().zip(depths(&children)).enumerate().map(read).collect()
    }
}

/// What is said of each node.
struct Lists<'a> {
    ids: &'a [i64],
    true_ids: &'a [i64],
    false_ids: &'a [i64],
    features: &'a [i64],
    values: &'a [f32],
    modes: &'a [bytes::Bytes],
    missing: &'a [i64],
}

impl<'a> Lists<'a> {
    fn of(attributes: &'a Attributes) -> Result<Self, Error> {
        let ids = attributes.integers("nodes_nodeids").unwrap_or_default();
        let same = |name: &str, length: Option<usize>| match length {
            Some(length) if length == ids.len() => Ok(()),
            Some(length) => Err(invalid(format!("nodes_nodeids has {} nodes and {name} {length}", ids.len()))),
            None => Err(invalid(format!("an ensemble has no {name}"))),
        };
        let integers = |name: &str| same(name, attributes.integers(name).map(<[i64]>::len));
        for name in ["nodes_truenodeids", "nodes_falsenodeids", "nodes_featureids", "nodes_treeids"] {
            integers(name)?;
        }
        same("nodes_values", attributes.floats("nodes_values").map(<[f32]>::len))?;
        same("nodes_modes", attributes.texts("nodes_modes").map(<[bytes::Bytes]>::len))?;
        let missing = attributes.integers("nodes_missing_value_tracks_true").unwrap_or_default();
        if !missing.is_empty() {
            integers("nodes_missing_value_tracks_true")?;
        }
        let trees = ["nodes_treeids", "target_treeids"].iter().filter_map(|name| attributes.integers(name));
        if trees.flatten().any(|id| Some(id) != attributes.integers("nodes_treeids").and_then(<[i64]>::first)) {
            return Err(unsupported("an ensemble of more than one tree"));
        }
        Ok(Self {
            ids,
            true_ids: attributes.integers("nodes_truenodeids").unwrap_or_default(),
            false_ids: attributes.integers("nodes_falsenodeids").unwrap_or_default(),
            features: attributes.integers("nodes_featureids").unwrap_or_default(),
            values: attributes.floats("nodes_values").unwrap_or_default(),
            modes: attributes.texts("nodes_modes").unwrap_or_default(),
            missing,
        })
    }

    fn parts(&self, leaves: &[(i64, f64)]) -> Result<Vec<Part>, Error> {
        let places: HashMap<i64, usize> = self.ids.iter().copied().zip(0..).collect();
        let numbers: HashMap<i64, usize> = leaves.iter().map(|(id, _)| *id).zip(0..).collect();
        if places.len() < self.ids.len() || numbers.len() < leaves.len() {
            return Err(invalid("two nodes of a tree have the same number"));
        }
        let child = |id: i64| {
            places.get(&id).copied().ok_or_else(|| invalid(format!("there is no node {id}, which is a child")))
        };
        let part = |place: usize| match &*self.modes[place] {
            b"BRANCH_LEQ" => Ok(Part::Cut {
                feature: self.features[place],
                threshold: f64::from(self.values[place]),
                children: [child(self.true_ids[place])?, child(self.false_ids[place])?],
                missing_left: self.missing.get(place).is_some_and(|tracks| *tracks != 0),
            }),
            b"LEAF" => {
                let leaf = numbers.get(&self.ids[place]);
                leaf.map(|leaf| Part::Leaf(*leaf))
                    .ok_or_else(|| invalid(format!("leaf {} has no value", self.ids[place])))
            }
            other => Err(unsupported(format!(
                "nodes of mode {:?}; an isolation forest has BRANCH_LEQ",
                String::from_utf8_lossy(other)
            ))),
        };
        (0..self.ids.len()).map(part).collect()
    }
}

/// The id of each leaf and what the ensemble answers of it.
fn leaf_values(attributes: &Attributes) -> Result<Vec<(i64, f64)>, Error> {
    let ids = attributes.integers("target_nodeids").unwrap_or_default();
    let weights = attributes.floats("target_weights").unwrap_or_default();
    if ids.len() != weights.len() {
        return Err(invalid(format!("target_nodeids has {} leaves and target_weights {}", ids.len(), weights.len())));
    }
    if attributes.integers("target_ids").unwrap_or_default().iter().any(|target| *target != 0) {
        return Err(unsupported("an ensemble with more than one target"));
    }
    Ok(ids.iter().copied().zip(weights.iter().copied().map(f64::from)).collect())
}
