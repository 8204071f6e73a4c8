//! Our scores beside those of `PyOD`, `SciPy`, scikit-learn, `eif` and river, kept in `test/golden` (its README says how they were made).

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::sealed;
use batch_core_kernels::{Batch, Column, Fit, FitSpec, Level, Missing, Model, Next};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

/// One case; keys that say how the answers came about are not read.
#[derive(Deserialize)]
struct Case {
    name: String,
    detector: String,
    parameters: BTreeMap<String, Value>,
    columns: Vec<Vec<Option<f64>>>,
    scores: Vec<f64>,
    score_columns: Vec<Vec<Option<f64>>>,
    score_scores: Vec<f64>,
    #[serde(default)]
    dropped: Vec<usize>,
    /// What the reference fitted, as our models have it.
    state: Option<Value>,
}

fn check(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let golden: Golden = serde_json::from_slice(&text).unwrap();
    assert!(!golden.cases.is_empty());
    for case in golden.cases {
        let fitted = fit(&case);
        let model = case.state.as_ref().map_or_else(|| fitted.clone(), |state| with_state(&fitted, state));
        let dropped: Vec<String> = case.dropped.iter().map(|&column| name(column)).collect();
        let left_out: Vec<&str> = model.left_out().iter().map(|left_out| left_out.column.as_str()).collect();
        assert_eq!(left_out, dropped, "{}", case.name);
        for level in Level::available() {
            compare(&case, &score(&model, level, &case, &case.columns), &case.scores);
            compare(&case, &score(&model, level, &case, &case.score_columns), &case.score_scores);
        }
    }
}

fn fit(case: &Case) -> Model {
    let spec = FitSpec {
        detector: case.detector.clone(),
        parameters: case.parameters.clone(),
        columns: (0..case.columns.len()).map(name).collect(),
        seed: 0,
        rows: case.columns[0].len() as u64,
        missing: Missing::Center,
        fit_rows: None,
        condition: None,
        maybe_identifiers: Vec::new(),
        forest: None,
    };
    let fit = Fit::new(spec).unwrap();
    assert_eq!(fit.passes(), 1, "small data are fitted from memory");
    let mut observer = fit.observer(Level::detect());
    with_batch(&case.columns, |batch| observer.observe(batch));
    match fit.advance(vec![observer.finish()], Level::detect()).unwrap() {
        Next::Model(model) => model,
        Next::Pass(_) => panic!("one pass was announced"),
    }
}

/// The model with another state, as a file of it would say.
fn with_state(model: &Model, state: &Value) -> Model {
    let text = String::from_utf8(model.to_bytes()).unwrap();
    let (_, payload) = text.split_once('\n').unwrap();
    let mut payload: Value = serde_json::from_str(payload).unwrap();
    payload["state"][model.detector()] = state.clone();
    Model::from_bytes(&sealed(&payload.to_string(), "0.01")).unwrap()
}

fn score(model: &Model, level: Level, case: &Case, columns: &[Vec<Option<f64>>]) -> Vec<f64> {
    let used: Vec<Vec<Option<f64>>> = (0..columns.len())
        .filter(|column| !case.dropped.contains(column))
        .map(|column| columns[column].clone())
        .collect();
    let mut scores = vec![f64::NAN; columns[0].len()];
    with_batch(&used, |batch| model.scorer(level, Missing::Center).score(batch, &mut scores));
    scores
}

fn with_batch(columns: &[Vec<Option<f64>>], work: impl FnOnce(&Batch<'_>)) {
    let values: Vec<Vec<f64>> =
        columns.iter().map(|cells| cells.iter().map(|cell| cell.unwrap_or(7.25)).collect()).collect();
    let words: Vec<Vec<u64>> = columns
        .iter()
        .map(|cells| {
            let bits =
                |cells: &[Option<f64>]| (0..).zip(cells).map(|(bit, cell)| u64::from(cell.is_some()) << bit).sum();
            cells.chunks(64).map(bits).collect()
        })
        .collect();
    let columns: Vec<Column<'_>> =
        values.iter().zip(&words).map(|(values, words)| Column::new(values, Some(words)).unwrap()).collect();
    work(&Batch::new(&columns, 0, 0).unwrap());
}

fn compare(Case { name, detector, .. }: &Case, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    // The paths of a forest are added as whole numbers of about a millionth of a cut.
    let tolerance = if matches!(detector.as_str(), "eif" | "hst" | "iforest") { 1e-7 } else { 1e-9 };
    for (row, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let allowed = tolerance * theirs.abs().max(1.0);
        assert!((ours - theirs).abs() <= allowed, "{name}, row {row}: {ours:e} and not {theirs:e}");
    }
}

fn name(column: usize) -> String {
    format!("x{column}")
}

#[test]
fn z_scores_are_those_of_scipy_and_scikit_learn() {
    check("zscore.json");
}

#[test]
fn robust_z_scores_are_those_of_pyod() {
    check("mad.json");
}

#[test]
fn excesses_are_those_of_numpys_quartiles() {
    check("iqr.json");
}

#[test]
fn tail_probabilities_are_those_of_scipy_and_pyod() {
    check("ecod.json");
    check("copod.json");
}

#[test]
fn histogram_scores_are_those_of_pyod() {
    check("hbos.json");
}

#[test]
fn mahalanobis_distances_are_those_of_scikit_learn() {
    check("mahalanobis.json");
}

#[test]
fn isolation_scores_are_those_of_scikit_learn_given_its_trees() {
    check("iforest.json");
}

#[test]
fn principal_components_are_those_of_scikit_learn_and_pyod() {
    check("pca.json");
}

#[test]
fn distances_from_most_rows_are_those_of_scikit_learn_given_the_rows() {
    check("mcd.json");
}

#[test]
fn the_minimum_covariance_determinant_is_that_of_scikit_learn_given_the_seed() {
    check("mcd-sklearn.json");
    check("mcd-sklearn-divided.json");
}

#[test]
fn the_fusion_is_that_of_numpy_and_scipy_given_what_is_drawn() {
    check("auto.json");
}

#[test]
fn distances_to_neighbours_are_those_of_scikit_learn_given_the_reference_rows() {
    check("knn.json");
}

#[test]
fn histograms_of_projections_are_those_of_pyod_given_its_projections() {
    check("loda.json");
}

#[test]
fn isolation_by_balls_is_that_of_pyod_given_its_centroids() {
    check("inne.json");
}

#[test]
fn isolation_by_hyperplanes_is_that_of_eif_given_its_trees() {
    check("eif.json");
}

#[test]
fn masses_of_half_spaces_are_those_of_river_given_its_trees() {
    check("hst.json");
}
