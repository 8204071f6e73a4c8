//! Extended isolation forest: how few random hyperplanes set a row apart from the others (Hariri, Carrasco Kind and Brunner, "Extended
//! isolation forest", IEEE TKDE 2019).
//!
//! ```text
//! z       = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! score   = 2^(-E(h) / c(psi))
//!
//! h       hyperplanes on the row's way down a tree, and the average path c(n) in a tree of the n sampled rows that ended in its leaf
//! E       the mean over all trees
//! psi     sampled rows of each tree
//! ```
//!
//! A hyperplane goes through a random point of the box around its node's rows, and looks in `extension` + 1 columns. Unlike the package `eif`,
//! columns are standardized, so that units cancel, and c(2) is 1, as it is; with `compat=eif` neither is so, and scores are the package's, given
//! its trees. An infinite cell, and one beyond 2^400 standard deviations, counts as the mean and adds 1, which is more than the hyperplanes
//! can say of any row.
//!
//! The contribution of a column is its share of that power: by how much its cuts shorten the row's paths, as in an isolation forest, the credit
//! of a cut being shared among its columns as the magnitudes of their parts of the product are. An infinite cell adds 1. They add up to the
//! score.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::iforest::{finish, give};
use super::whitening::{bring_in, standardize, standardized_finite};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::forest::grow::Growth;
use crate::forest::oblique::Oblique;
use crate::forest::oblique::grow::grow;
use crate::forest::oblique::walk::Walk;
use crate::forest::tree::leaf_length;
use crate::known::Known;
use crate::numbers::{self, BLOCK, STRETCH, exp2};
use crate::parameter::{choice, count, count_or};
use crate::wants::Wants;
use crate::{FitError, FitSpec, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "eif",
    summary: "How few random hyperplanes set a row apart from the others (extended isolation forest).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[
        count("n_estimators", 100, 1, 1000, "trees"),
        count("max_samples", 256, 2, 1024, "sampled rows of each tree"),
        count_or("extension", &["full"], 0, 4095, "columns that a cut looks at beside one; full: all"),
        choice("compat", &["none", "eif"], "eif: columns as they are, and the path lengths of the package eif"),
    ],
};

/// Numbers of a model, at most: what normal vectors have of parts.
const PARTS_MAX: usize = 1 << 23;

/// Cells that stay in a fast cache while trees are gone through.
const CELLS_MAX: usize = 1 << 15;

/// What the package `eif` takes for the average path of two rows: 2 (ln 1 + 0.5772156649) - 1.
const PATH_OF_TWO: f64 = 0.154_431_329_8;

/// The detector.
#[derive(Debug)]
pub(crate) struct Eif;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    trees: usize,
    rows: usize,
    /// None for all columns.
    extension: Option<usize>,
    is_compatible: bool,
}

impl Detector for Eif {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting {
            trees: parameters.count("n_estimators"),
            rows: parameters.count("max_samples"),
            extension: (parameters.word("extension") != "full").then(|| parameters.count("extension")),
            is_compatible: parameters.word("compat") == "eif",
        })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Extended| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// What holds of all columns holds of those that vary.
    fn check(&self, spec: &FitSpec) -> Result<(), FitError> {
        self.check_extension(spec.columns.len(), "columns")
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let mut sampled = known.scored_rows()?;
        self.check_extension(sampled.len(), "columns that vary")?;
        self.check_parts(sampled.len(), sampled[0].len())?;
        let columns =
            if self.is_compatible { vec![Center::AS_IT_IS; sampled.len()] } else { known.sample_centers(&sampled) };
        for (cells, center) in sampled.iter_mut().zip(&columns) {
            let mut standardized = vec![0.0; cells.len()];
            center.standardize(known.level, cells, &mut standardized);
            bring_in(known.level, &mut standardized, &mut vec![0.0; cells.len()]);
            *cells = standardized;
        }
        let growth = Growth { trees: self.trees, rows: self.rows, seed: known.seed };
        let trees = grow(growth, self.terms(sampled.len()), &sampled);
        Ok(Arc::new(Extended { columns, trees, is_compatible: self.is_compatible, walk: OnceLock::new() }))
    }
}

impl Fitting {
    /// At how many of so many columns a cut looks.
    fn terms(&self, columns: usize) -> usize {
        self.extension.map_or(columns, |extension| extension + 1)
    }

    fn check_extension(&self, columns: usize, what: &str) -> Result<(), FitError> {
        match self.extension {
            Some(extension) if extension >= columns => Err(FitError::Config(format!(
                "extension is {extension}, of {columns} {what}: it must be less; full looks at all"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses more normal vectors than a model keeps, those of trees over so many columns and sampled rows.
    fn check_parts(&self, columns: usize, rows: usize) -> Result<(), FitError> {
        let (trees, rows, terms) = (self.trees, self.rows.min(rows), self.terms(columns));
        let parts = trees * rows * terms;
        if parts <= PARTS_MAX {
            return Ok(());
        }
        Err(FitError::Config(format!(
            "eif with {trees} trees of {rows} rows (n_estimators, max_samples), each cut looking at {terms} columns, keeps up to {parts} \
             numbers, and {PARTS_MAX} are the most: choose fewer columns, fewer trees or rows, or a smaller extension"
        )))
    }
}

/// Frozen trees.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Extended {
    columns: Vec<Center>,
    trees: Oblique,
    /// Whether two rows have the average path that the package `eif` takes for theirs.
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    is_compatible: bool,
    /// The trees, as they are walked: made by who first scores.
    #[serde(skip)]
    walk: OnceLock<Walk>,
}

impl Extended {
    fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && self.trees.is_sound(columns)
    }

    /// The length of a path that ends in a leaf.
    fn leaf_length(&self, depth: usize, rows: u32) -> f64 {
        if self.is_compatible && rows == 2 { depth as f64 + PATH_OF_TWO } else { leaf_length(depth, rows) }
    }
}

impl State for Extended {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the trees, which only a machine would read.
    fn describe(&self) -> Value {
        let forest = &self.trees.forest;
        json!({ "columns": self.columns, "trees": forest.trees.len(), "rows": forest.rows })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let walk = self.walk.get_or_init(|| {
            let (lengths, most) = self.trees.forest.lengths(|depth, rows| self.leaf_length(depth, rows));
            Walk::new(&self.trees, self.columns.len(), &lengths, most)
        });
        let normal_path = self.leaf_length(0, self.trees.forest.rows.max(2));
        Box::new(Paths { columns: &self.columns, walk, normal_path, level })
    }
}

/// Trees, ready to score.
#[derive(Debug)]
struct Paths<'s> {
    columns: &'s [Center],
    walk: &'s Walk,
    normal_path: f64,
    level: Level,
}

impl Score for Paths<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let tile = columns.len() * STRETCH;
        let stretches = (CELLS_MAX / tile).clamp(1, scores.len().div_ceil(STRETCH));
        let mut cells = vec![0.0; stretches * tile];
        let mut infinities = [0.0; BLOCK];
        for (part, scores) in scores.chunks_mut(stretches * STRETCH).enumerate() {
            let infinities = &mut infinities[..scores.len().next_multiple_of(STRETCH)];
            infinities.fill(0.0);
            let tiles = cells.chunks_exact_mut(tile).zip(infinities.chunks_exact_mut(STRETCH));
            for (stretch, (cells, infinities)) in tiles.enumerate() {
                let first = stretch * STRETCH;
                let rows = first..scores.len().min(first + STRETCH);
                let start = part * stretches * STRETCH;
                standardize(self.level, self.columns, columns, start + rows.start..start + rows.end, cells);
                cells.chunks_exact_mut(STRETCH).for_each(|cells| bring_in(self.level, cells, infinities));
            }
            self.walk.means(self.level, &cells[..infinities.len() / STRETCH * tile], scores);
            finish(self.level, self.normal_path, infinities, scores);
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let [z, infinities] = standardized_finite(self.level, self.columns, rows);
        self.walk.shares(rows.of(&z), scores, parts);
        for ((infinities, parts), score) in rows.of(&infinities).each_with(parts).zip(scores) {
            give(exp2(-*score / self.normal_path), infinities.iter().copied(), score, parts);
        }
    }
}
