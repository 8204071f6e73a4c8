//! Nanoseconds per cell of every pass and every score, at every level, beside a plain loop that does the same.
//!
//! `cargo bench -p batch-core-kernels [-- WORD]` prints the table, or the detectors with that word; as a test it runs on few rows and only checks the answers. The
//! times are of the whole way through the public interface, sampling and looking for nulls included, over batches as a
//! scanner brings them: 2,048 rows of ten columns that are no longer in the fastest cache; of "different", in none.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use batch_core_kernels::{Batch, Column, Fit, FitSpec, Level, Missing, Model, Next};
use serde_json::{Value, json};

const COLUMNS: usize = 10;
const BATCH: usize = 2048;
const BATCHES: usize = 6;

/// Columns of some times `BATCHES` batches, which are read round and round.
struct Source {
    name: &'static str,
    columns: Vec<Vec<f64>>,
    validity: Option<Vec<u64>>,
    rows: usize,
}

impl Source {
    fn new(name: &'static str, rows: usize, cell: impl Fn(f64, f64) -> f64) -> Self {
        Self::of_rounds(name, rows, 1, cell)
    }

    fn of_rounds(name: &'static str, rows: usize, rounds: usize, cell: impl Fn(f64, f64) -> f64) -> Self {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut column = || (0..BATCH * BATCHES * rounds).map(|_| cell(uniform(), uniform())).collect();
        Self { name, columns: (0..COLUMNS).map(|_| column()).collect(), validity: None, rows }
    }

    /// Brings every batch to `work`, and answers the nanoseconds per cell of a good round over the memory: the fastest
    /// tenth, because other programs only ever make a round slower.
    fn each(&self, mut work: impl FnMut(&Batch<'_>)) -> f64 {
        let mut rounds = Vec::new();
        let mut first_row = 0;
        while first_row < self.rows {
            let rows = (self.rows - first_row).min(BATCH * BATCHES);
            let begin = Instant::now();
            let round = first_row % self.columns[0].len();
            for start in (0..rows).step_by(BATCH) {
                self.with_batch(round + start, BATCH.min(rows - start), first_row + start, &mut work);
            }
            rounds.push(begin.elapsed().as_secs_f64() * 1e9 / (rows * COLUMNS) as f64);
            first_row += rows;
        }
        rounds.sort_unstable_by(f64::total_cmp);
        rounds[rounds.len() / 10]
    }

    fn with_batch(&self, start: usize, rows: usize, first_row: usize, work: &mut impl FnMut(&Batch<'_>)) {
        let words = self.validity.as_ref().map(|words| &words[start / 64..(start + rows).div_ceil(64)]);
        let columns: Vec<Column<'_>> =
            self.columns.iter().map(|cells| Column::new(&cells[start..start + rows], words).unwrap()).collect();
        work(&Batch::new(&columns, 0, first_row as u64).unwrap());
    }
}

fn spec(source: &Source, detector: &str, parameters: &Value) -> FitSpec {
    FitSpec {
        detector: detector.to_owned(),
        parameters: parameters.as_object().cloned().unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        columns: (0..COLUMNS).map(|column| format!("x{column}")).collect(),
        seed: 0,
        rows: source.rows as u64,
        missing: Missing::Center,
        fit_rows: None,
        condition: None,
        maybe_identifiers: Vec::new(),
        forest: None,
    }
}

/// Fits and scores at every level; prints each pass. The models must be the same.
fn detector(source: &Source, detector: &str, parameters: &Value) {
    let mut digest = None;
    for level in Level::available() {
        let mut fit = Fit::new(spec(source, detector, parameters)).unwrap();
        let model = loop {
            let mut observer = fit.observer(level);
            let time = source.each(|batch| observer.observe(batch));
            row(source, &format!("{detector} {parameters} pass {}", fit.pass()), level.name(), time);
            match fit.advance(vec![observer.finish()], level).unwrap() {
                Next::Pass(next) => fit = next,
                Next::Model(model) => break model,
            }
        };
        assert_eq!(*digest.get_or_insert(model.digest()), model.digest(), "{level:?} fits another model");
        score(source, &format!("{detector} {parameters} score"), level, &model);
    }
}

fn score(source: &Source, name: &str, level: Level, model: &Model) {
    let (mut tested, mut reference) =
        (model.scorer(level, Missing::Center), model.scorer(Level::BASELINE, Missing::Center));
    let (mut scores, mut expected) = (vec![0.0; BATCH], vec![0.0; BATCH]);
    source.each(|batch| {
        if batch.first_row() < (BATCH * BATCHES) as u64 && batch.rows() == BATCH {
            tested.score(batch, &mut scores[..batch.rows()]);
            reference.score(batch, &mut expected[..batch.rows()]);
            assert!(scores.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{name} {level:?}");
        }
    });
    let time = source.each(|batch| tested.score(batch, black_box(&mut scores[..batch.rows()])));
    row(source, name, level.name(), time);
    let severity = model.severity(level).expect("the model was fitted");
    let time = source.each(|batch| drop(black_box(severity.of(&scores[..batch.rows()]))));
    row(source, &format!("{name}, severities"), level.name(), time);
    // As of a row in a hundred that is flagged, per cell of all rows. Those of a round wait for each other, as rows of a part do.
    let mut cells = Vec::new();
    let time = source.each(|batch| {
        cells.extend((0..batch.rows()).step_by(100).flat_map(|row| batch.cells(row)));
        if (batch.first_row() + BATCH as u64).is_multiple_of((BATCH * BATCHES) as u64) {
            black_box(tested.reasons_of(&cells, 3));
            cells.clear();
        }
    });
    row(source, &format!("{name}, reasons of 1 %"), level.name(), time);
}

/// What one would otherwise write.
fn naive(source: &Source) {
    let mut moments = [(0.0, 0.0, 0.0); COLUMNS];
    let time = source.each(|batch| {
        for (column, (count, mean, squares)) in batch.columns().iter().zip(&mut moments) {
            for row in 0..batch.rows() {
                let cell = column.value(row);
                *count += 1.0;
                let delta = cell - *mean;
                *mean += delta / *count;
                *squares += delta * (cell - *mean);
            }
        }
    });
    black_box(moments);
    row(source, "Welford's mean and variance", "naive", time);
    let mut scores = vec![0.0_f64; BATCH];
    let time = source.each(|batch| {
        scores.fill(0.0);
        for column in batch.columns() {
            for (row, score) in scores[..batch.rows()].iter_mut().enumerate() {
                let z = ((column.value(row) - 0.1) / 1.1).abs();
                if z > *score {
                    *score = z;
                }
            }
        }
        black_box(&mut scores);
    });
    row(source, "max |z|", "naive", time);
    let edges: Vec<f64> = (0..11).map(|i| f64::from(i) * 0.9 - 4.5).collect();
    let mut counts = [[0_u64; 12]; COLUMNS];
    let time = source.each(|batch| {
        for (column, counts) in batch.columns().iter().zip(&mut counts) {
            for row in 0..batch.rows() {
                let cell = column.value(row);
                counts[edges.partition_point(|edge| *edge < cell)] += 1;
            }
        }
    });
    black_box(counts);
    row(source, "histogram by binary search", "naive", time);
}

fn row(source: &Source, what: &str, level: &str, nanoseconds: f64) {
    if source.rows > 1_000_000 {
        println!("{:10} {what:50} {level:9} {nanoseconds:6.3} ns per cell", source.name);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // As a test: just more rows than are sampled whole, so that both passes run.
    let rows = if arguments.iter().any(|argument| argument == "--bench") { 10_000_000 } else { 106_000 };
    let word = arguments.iter().find(|argument| !argument.starts_with("--")).cloned().unwrap_or_default();
    let normal = |a: f64, b: f64| (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    let doubles = Source::new("doubles", rows, normal);
    // What looks at which cells are the same, or the most extreme, has little to do where few differ.
    let different = Source::of_rounds("different", rows, if rows < 1_000_000 { 1 } else { 80 }, normal);
    let integers = Source::new("integers", rows, |a, b| (normal(a, b) * 20.0).round());
    let mut nulls = Source::new("nulls", rows, normal);
    nulls.validity = Some((0..BATCH * BATCHES / 64).map(|word| !(0x0101_0000_1000_0001 << (word % 7))).collect());

    if word.is_empty() {
        naive(&doubles);
    }
    let sources = if rows < 1_000_000 { vec![&nulls] } else { vec![&doubles, &different, &integers, &nulls] };
    for source in sources {
        for (name, parameters) in [
            ("zscore", json!({})),
            ("zscore", json!({"aggregate": "sum"})),
            ("hbos", json!({})),
            ("hbos", json!({"n_bins": 100})),
            ("mad", json!({"aggregate": "sum"})),
            ("iqr", json!({})),
            ("ecod", json!({})),
            ("copod", json!({})),
            ("iforest", json!({})),
            ("eif", json!({})),
            ("hst", json!({})),
            ("inne", json!({})),
            ("knn", json!({})),
            ("loda", json!({})),
            ("auto", json!({})),
            ("auto", json!({"speed": "fast"})),
            ("mcd", json!({})),
        ] {
            if format!("{} {name} {parameters}", source.name).contains(&word) {
                detector(source, name, &parameters);
            }
        }
    }
}
