//! The same rows give the same model and the same scores, to the byte, however they are cut and on every CPU level.

use crate::common::{Cut, Table, detectors, normal};
use batch_core_kernels::{FitError, Level, Missing, Model};
use proptest::prelude::*;
use serde_json::json;

/// Cells of every kind, as often as a hard case wants.
fn table(columns: usize, rows: usize, oddity: f64) -> Table {
    Table::new(columns, rows, |column, row, uniform| {
        let odd = (uniform * 1e6).fract() < oddity;
        match (odd, row % 6) {
            (true, 0) => Some(f64::INFINITY),
            (true, 1) => Some(f64::NEG_INFINITY),
            (true, 2) => Some(f64::NAN),
            (true, 3) => Some(-0.0),
            (true, 4) => Some(5e-324),
            (true, _) => None,
            (false, _) if column == 1 => Some((normal(uniform) * 9.0).round()),
            (false, _) if column == 2 => Some(if uniform < 0.7 { 0.0 } else { uniform * 1e6 }),
            (false, _) if column == 3 => Some(1e9 + (row % 97) as f64),
            (false, _) => Some(normal(uniform)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_cut_changes_a_model(
        rows in prop_oneof![1_usize..300, 5000_usize..9000], columns in 1_usize..5, oddity in prop_oneof![Just(0.0), Just(0.05)],
        row_group in prop_oneof![Just(2048_usize), Just(122_880), 1_usize..4000],
        chunks in 1_usize..4, batches in prop::collection::vec(prop_oneof![1_usize..70, 2000_usize..5000], 1..5),
    ) {
        let table = table(columns, rows, oddity);
        for (detector, parameters) in detectors() {
            let reference = table.fit_as(table.spec(detector, &parameters), &Cut { row_group, ..Cut::whole() });
            for level in Level::available() {
                let cut = Cut { row_group, row_groups_per_chunk: chunks, batches: batches.clone(), level, through_bytes: true };
                let model = table.fit_as(table.spec(detector, &parameters), &cut);
                let bytes = |model: &Result<Model, FitError>| model.as_ref().map(Model::to_bytes).map_err(FitError::clone);
                prop_assert_eq!(bytes(&reference), bytes(&model));
            }
        }
    }
}

/// A source too large to be sampled whole, so that both passes run and the sample is a real one.
#[test]
fn no_cut_changes_a_model_of_two_passes() {
    let table = table(520, 2600, 0.02);
    for (detector, parameters) in [("zscore", json!({})), ("hbos", json!({})), ("mad", json!({})), ("auto", json!({}))]
    {
        let spec = table.spec(detector, &parameters);
        let reference = table.fit_as(spec.clone(), &Cut { row_group: 2048, ..Cut::whole() }).unwrap();
        let cut = Cut {
            row_group: 2048,
            row_groups_per_chunk: 1,
            batches: vec![1099, 64],
            level: Level::BASELINE,
            through_bytes: true,
        };
        assert_eq!(reference.digest(), table.fit_as(spec, &cut).unwrap().digest(), "{detector}");
        assert!(reference.threshold(0.01).unwrap().share_error > 0.0, "the scores are of a sample");
    }
}

#[test]
fn no_cut_and_no_level_changes_a_score() {
    let table = table(4, 5000, 0.05);
    for (detector, parameters) in detectors() {
        let model = table.fit(detector, &parameters).unwrap();
        let reference = table.score(&model, Level::BASELINE, Missing::Center, 5000);
        assert!(reference.iter().all(|score| score.is_finite()));
        for level in Level::available() {
            for batch_rows in [1, 63, 64, 2048, 2049, 5000] {
                let scores = table.score(&model, level, Missing::Center, batch_rows);
                let bits = |scores: &[f64]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&reference), bits(&scores), "{detector} {parameters} {level:?} {batch_rows}");
            }
        }
    }
}
