//! What the integration tests share: a table in memory, fitted and scored in any cut.

use batch_core_kernels::{
    Batch, Claims, Column, Extent, Fit, FitError, FitSpec, Level, Missing, Model, Next, RowGroup,
};
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Parameters with which `detector` finds what there is to find: a small ensemble, as tests that read a model byte by byte have it,
/// does not.
pub(crate) fn thorough(detector: &str, parameters: Value) -> Value {
    if matches!(detector, "eif" | "hst" | "iforest" | "inne" | "loda") { json!({}) } else { parameters }
}

/// Every detector with parameters that take different ways through the code.
pub(crate) fn detectors() -> Vec<(&'static str, Value)> {
    vec![
        ("zscore", json!({})),
        ("zscore", json!({"aggregate": "sum"})),
        ("hbos", json!({})),
        ("hbos", json!({"scale": "raw", "n_bins": 40, "tol": 0.0})),
        ("mad", json!({})),
        ("mad", json!({"aggregate": "sum"})),
        ("iqr", json!({})),
        ("iqr", json!({"aggregate": "sum"})),
        ("ecod", json!({})),
        ("ecod", json!({"compat": "pyod"})),
        ("copod", json!({})),
        ("copod", json!({"compat": "pyod"})),
        ("mahalanobis", json!({})),
        ("mcd", json!({})),
        ("mcd", json!({"compat": "sklearn"})),
        ("pca", json!({})),
        ("pca", json!({"compat": "pyod"})),
        ("inne", json!({"n_estimators": 9, "max_samples": 5})),
        ("knn", json!({"max_samples": 40})),
        ("loda", json!({"n_random_cuts": 9})),
        ("iforest", json!({"n_estimators": 9, "max_samples": 20})),
        ("eif", json!({"n_estimators": 9, "max_samples": 20})),
        ("eif", json!({"n_estimators": 9, "max_samples": 40, "extension": 0})),
        ("hst", json!({"n_trees": 9, "height": 5})),
        ("auto", json!({})),
        ("auto", json!({"speed": "fast"})),
    ]
}

/// A table: columns of cells, some of which are null. Where a cell is null lies an arbitrary number.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    values: Vec<Vec<f64>>,
    there: Vec<Vec<bool>>,
}

/// How a table is read: chunks of whole row groups, each in batches.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) row_group: usize,
    pub(crate) row_groups_per_chunk: usize,
    /// Batch lengths, used in turn; they do not respect anything.
    pub(crate) batches: Vec<usize>,
    pub(crate) level: Level,
    /// Whether the fit goes through bytes before each pass, and what is merged after each summary.
    pub(crate) through_bytes: bool,
}

impl Cut {
    pub(crate) fn whole() -> Self {
        Self {
            row_group: 122_880,
            row_groups_per_chunk: 8,
            batches: vec![2048],
            level: Level::detect(),
            through_bytes: false,
        }
    }
}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.values[0].len()
    }

    /// `columns` columns of `rows` numbers, by a fixed sequence of uniform ones.
    pub(crate) fn new(columns: usize, rows: usize, cell: impl Fn(usize, usize, f64) -> Option<f64>) -> Self {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut column = |column| (0..rows).map(|row| cell(column, row, uniform())).collect();
        let cells: Vec<Vec<Option<f64>>> = (0..columns).map(&mut column).collect();
        Self::of(&cells)
    }

    pub(crate) fn of(columns: &[Vec<Option<f64>>]) -> Self {
        Self {
            values: columns.iter().map(|cells| cells.iter().map(|cell| cell.unwrap_or(1e99)).collect()).collect(),
            there: columns.iter().map(|cells| cells.iter().map(Option::is_some).collect()).collect(),
        }
    }

    pub(crate) fn spec(&self, detector: &str, parameters: &Value) -> FitSpec {
        FitSpec {
            detector: detector.to_owned(),
            parameters: parameters.as_object().cloned().unwrap_or_else(Map::new).into_iter().collect(),
            columns: (0..self.values.len()).map(|column| format!("x{column}")).collect(),
            seed: 7,
            rows: self.rows() as u64,
            missing: Missing::Center,
            fit_rows: None,
            condition: None,
            maybe_identifiers: Vec::new(),
            forest: None,
        }
    }

    /// Calls `work` with rows `start..end` as a batch, in columns `used`.
    pub(crate) fn batch(&self, used: &[usize], start: usize, end: usize, work: &mut dyn FnMut(&Batch<'_>)) {
        let bits = |there: &[bool]| (0..).zip(there).map(|(bit, there)| u64::from(*there) << bit).sum();
        let words = |&column: &usize| -> Option<Vec<u64>> {
            let there = &self.there[column][start..end];
            there.contains(&false).then(|| there.chunks(64).map(bits).collect())
        };
        let words: Vec<Option<Vec<u64>>> = used.iter().map(words).collect();
        let columns: Vec<Column<'_>> = (used.iter().zip(&words))
            .map(|(&column, words)| Column::new(&self.values[column][start..end], words.as_deref()).unwrap())
            .collect();
        work(&Batch::new(&columns, 3, 1000 + start as u64).unwrap());
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.values.len()).collect()
    }

    pub(crate) fn column(&self, column: usize) -> Vec<f64> {
        self.values[column].clone()
    }

    /// The least and the greatest cell of each column.
    pub(crate) fn ranges(&self) -> Vec<(f64, f64)> {
        let cells = |column: usize| {
            let there = self.values[column].iter().zip(&self.there[column]);
            there.filter(|(value, there)| **there && !value.is_nan()).map(|(value, _)| *value)
        };
        let ends =
            |column| (cells(column).fold(f64::INFINITY, f64::min), cells(column).fold(f64::NEG_INFINITY, f64::max));
        (0..self.values.len()).map(ends).collect()
    }

    pub(crate) fn fit(&self, detector: &str, parameters: &Value) -> Result<Model, FitError> {
        self.fit_as(self.spec(detector, parameters), &Cut::whole())
    }

    pub(crate) fn fit_as(&self, spec: FitSpec, cut: &Cut) -> Result<Model, FitError> {
        let mut fit = Fit::new(spec)?;
        let passes = fit.passes();
        for pass in 1.. {
            assert_eq!(fit.pass(), pass);
            if cut.through_bytes {
                fit = Fit::from_bytes(&fit.to_bytes())?;
            }
            let chunk = cut.row_group * cut.row_groups_per_chunk;
            let summaries: Vec<_> =
                (0..self.rows()).step_by(chunk).map(|start| self.observe(&fit, start, start + chunk, cut)).collect();
            let next = if cut.through_bytes {
                advance_through_bytes(&fit, &summaries, cut.level)
            } else {
                fit.advance(summaries, cut.level)
            };
            match next? {
                Next::Pass(next) => fit = next,
                Next::Model(model) => {
                    assert_eq!(pass, passes, "as many passes as were announced");
                    return Ok(model);
                }
            }
        }
        unreachable!("a fit ends")
    }

    /// The truth about row groups of `row_group` rows, of which a pilot reads those that `pilot` says; no groups without.
    pub(crate) fn claims(&self, row_group: usize, pilot: impl Fn(usize) -> bool) -> Claims {
        let starts = (0..self.rows()).step_by(row_group).enumerate();
        let group = |(group, start)| {
            let end = self.rows().min(start + row_group);
            let extents = self.all().into_iter().map(|column| self.extent(column, start..end)).collect();
            RowGroup { rows: (end - start) as u64, pilot: pilot(group), extents }
        };
        Claims { ranges: self.ranges(), groups: starts.map(group).collect() }
    }

    /// As a footer has it: nothing is said of NaN.
    fn extent(&self, column: usize, rows: Range<usize>) -> Extent {
        let mut extent = Extent { cells: 0, low: f64::INFINITY, high: f64::NEG_INFINITY };
        for row in rows.filter(|&row| self.there[column][row]) {
            extent.cells += 1;
            extent.low = extent.low.min(self.values[column][row]);
            extent.high = extent.high.max(self.values[column][row]);
        }
        extent
    }

    /// Fits with what is claimed of the rows. Tells which passes there were.
    pub(crate) fn fit_guided(&self, spec: FitSpec, claims: &Claims) -> (Model, Vec<u32>) {
        let cut = Cut::whole();
        let mut fit = Fit::new(spec).unwrap().guided(claims);
        let ends = claims.groups.iter().scan(0, |end, group| {
            *end += usize::try_from(group.rows).unwrap();
            Some((group, *end))
        });
        let read: Vec<Range<usize>> = (ends.filter(|(group, _)| group.pilot))
            .map(|(group, end)| end - usize::try_from(group.rows).unwrap()..end)
            .collect();
        let mut passes = vec![];
        loop {
            passes.push(fit.pass());
            fit = Fit::from_bytes(&fit.to_bytes()).unwrap();
            let whole = 0..self.rows();
            let chunks = if fit.pass() == 0 { read.as_slice() } else { std::slice::from_ref(&whole) };
            let observing = Fit::from_bytes(&fit.observer_bytes()).unwrap();
            let summaries: Vec<_> =
                chunks.iter().map(|rows| self.observe(&observing, rows.start, rows.end, &cut)).collect();
            match advance_through_bytes(&fit, &summaries, Level::detect()).unwrap() {
                Next::Pass(next) => fit = next,
                Next::Model(model) => return (model, passes),
            }
        }
    }

    pub(crate) fn observe(&self, fit: &Fit, start: usize, end: usize, cut: &Cut) -> Vec<u8> {
        let mut observer = fit.observer(cut.level);
        let mut lengths = cut.batches.iter().cycle();
        let end = end.min(self.rows());
        for first in (start..end).step_by(cut.row_group) {
            let last = end.min(first + cut.row_group);
            let mut row = first;
            while row < last {
                let next = last.min(row + lengths.next().expect("a cut has batches"));
                self.batch(&self.all(), row, next, &mut |batch| observer.observe(batch));
                row = next;
            }
            observer.end_row_group();
        }
        observer.finish()
    }

    /// Scores all rows with the columns the model uses.
    pub(crate) fn score(&self, model: &Model, level: Level, missing: Missing, batch_rows: usize) -> Vec<f64> {
        let used = self.used(model);
        let mut scorer = model.scorer(level, missing);
        let mut all = vec![f64::INFINITY; self.rows()];
        for (index, scores) in all.chunks_mut(batch_rows).enumerate() {
            let start = index * batch_rows;
            self.batch(&used, start, start + scores.len(), &mut |batch| scorer.score(batch, scores));
        }
        all
    }

    pub(crate) fn used(&self, model: &Model) -> Vec<usize> {
        let used = |column: &usize| model.columns().contains(&format!("x{column}"));
        self.all().into_iter().filter(used).collect()
    }
}

/// A roughly normal number from a uniform one.
pub(crate) fn normal(uniform: f64) -> f64 {
    let odds = uniform / (1.0 - uniform);
    odds.ln() * 0.55
}

/// As [`Fit::advance`], with a merger of its own for each summary, which begins with what the one before it had merged.
fn advance_through_bytes(fit: &Fit, summaries: &[Vec<u8>], level: Level) -> Result<Next, FitError> {
    let mut merger = fit.clone().merger(level);
    for summary in summaries {
        merger.add(summary)?;
        let so_far = merger.to_bytes();
        merger = fit.clone().merger(level);
        merger.restore(&so_far)?;
    }
    merger.finish()
}

/// A model file with this payload and share, sealed as it should be.
pub(crate) fn sealed(payload: &str, share: &str) -> Vec<u8> {
    let line = format!("batch-core-model 3 sha256:{} {} {share}", hex(payload), payload.len());
    format!("{line} sha256:{}\n{payload}", hex(&line)).into_bytes()
}

/// The SHA-256 of a text.
pub(crate) fn hex(text: &str) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
