//! Cells that no fit saw, infinities in several columns, and scales that only a second pass or a claim meets.

use crate::common::{Cut, Table, detectors, normal};
use batch_core_kernels::{Batch, Claims, Column, Level, Missing, Model};
use serde_json::json;

fn score(model: &Model, level: Level, cells: &[f64]) -> Vec<f64> {
    let columns = [Column::new(cells, None).unwrap()];
    let mut scores = vec![f64::NAN; cells.len()];
    model.scorer(level, Missing::Center).score(&Batch::new(&columns, 0, 0).unwrap(), &mut scores);
    scores
}

/// Away from 0, through every magnitude.
fn outwards(from: f64) -> Vec<f64> {
    let mut cells = vec![from];
    while cells[cells.len() - 1] < 1e307 {
        cells.push(cells[cells.len() - 1] * 7.0);
    }
    cells.extend(
        [1e149, 1e150, 1e150_f64.next_up(), 1e151, f64::MAX, f64::INFINITY].iter().filter(|cell| **cell > from),
    );
    cells
}

#[test]
fn a_saved_model_scores_what_lies_farther_out_never_lower() {
    let uniform = Table::new(1, 2000, |_, row, _| Some((row % 10) as f64));
    let tables = [uniform.clone(), Table::new(1, 2000, |_, _, uniform| Some(normal(uniform)))];
    for (table, scale) in
        tables.iter().flat_map(|table| [1e-310, 1e-200, 1.0, 1e140, 1e300].map(|scale| (table, scale)))
    {
        let cells: Vec<f64> = table.column(0).iter().map(|cell| cell * scale).collect();
        let table = Table::of(&[cells.iter().map(|cell| Some(*cell)).collect()]);
        for (detector, parameters) in detectors() {
            let model = table.fit(detector, &parameters).unwrap();
            let model = Model::from_bytes(&model.to_bytes()).unwrap();
            let fitted = score(&model, Level::detect(), &cells);
            let [lowest, highest] = [f64::min, f64::max].map(|end| fitted.iter().copied().reduce(end).unwrap());
            for side in [1.0, -1.0] {
                let mut outside: Vec<f64> = outwards(scale * 40.0).iter().map(|cell| cell * side).collect();
                outside.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
                let scores = score(&model, Level::BASELINE, &outside);
                let what = format!("{detector} {parameters}, scale {scale:e}, side {side}: {scores:?}");
                assert!(scores.is_sorted() && scores.iter().all(|score| score.is_finite()), "{what}");
                // In raw units beyond alpha all densities are alike; that is PyOD's definition.
                let raw_and_huge = parameters["scale"] == "raw" && scale > 1.0;
                // What lies beyond all sampled rows takes the path of the outermost, and one with room around it may have a shorter one.
                // And in the shorter tail of a column, copod counts half of what a cell has in the longer one.
                let highest = if matches!(detector, "eif" | "hst" | "iforest" | "copod") { lowest } else { highest };
                assert!(scores[0] >= highest && (scores[0] > lowest || raw_and_huge), "{what}");
                for level in Level::available() {
                    assert_eq!(score(&model, level, &outside), scores, "{level:?}");
                }
            }
            let infinite = score(&model, Level::detect(), &[f64::INFINITY, f64::NEG_INFINITY, f64::MAX]);
            assert!(infinite[0].to_bits() == infinite[1].to_bits() && infinite[0] >= infinite[2], "{infinite:?}");
        }
    }
}

#[test]
fn histograms_put_an_infinity_above_all_and_nothing_outside_beside_the_commonest() {
    for parameters in [json!({}), json!({"scale": "raw"}), json!({"n_bins": 40}), json!({"alpha": 1.0, "tol": 0.0})] {
        let cells: Vec<f64> = (0..200).map(|row| f64::from(row % 10)).chain([f64::INFINITY]).collect();
        let table = Table::of(&[cells.iter().map(|cell| Some(*cell)).collect()]);
        let model = table.fit("hbos", &parameters).unwrap();
        let scores = score(&model, Level::detect(), &[cells, vec![15.0, -99.0, 1e151, -1e300]].concat());
        let highest = scores[..200].iter().copied().fold(f64::MIN, f64::max);
        assert!(scores[200] > highest, "{parameters}: {scores:?}");
        let commonest = scores[..200].iter().copied().fold(f64::MAX, f64::min);
        assert!(
            scores[201..].iter().all(|score| *score > commonest && *score <= scores[200]),
            "{parameters}: {scores:?}"
        );
    }
}

#[test]
fn infinities_in_several_columns_add_up() {
    let table = Table::new(4, 3000, |column, row, uniform| match row {
        100..104 if column < row - 99 => Some(if column % 2 == 0 { f64::INFINITY } else { f64::NEG_INFINITY }),
        100..104 => Some(0.01),
        _ => Some(normal(uniform)),
    });
    for (detector, parameters) in detectors() {
        let model = table.fit(detector, &parameters).unwrap();
        let found = table.score(&model, Level::detect(), Missing::Center, 512);
        let all_rise = found[100..104].windows(2).all(|pair| pair[0] < pair[1]);
        let one_counts = matches!(detector, "zscore" | "mad" | "iqr") && parameters == json!({});
        assert!(
            if one_counts { found[100].to_bits() == found[103].to_bits() } else { all_rise },
            "{detector} {parameters}"
        );
        table.batch(&table.all(), 103, 104, &mut |batch| {
            let reasons = model.scorer(Level::detect(), Missing::Center).reasons(batch, 0, 9);
            assert_eq!(reasons.len(), 4, "{detector} {parameters}: each of the four");
            assert!(reasons.iter().all(|reason| reason.contribution.is_finite() && reason.value.is_infinite()));
        });
        table.batch(&table.all(), 100, 101, &mut |batch| {
            let reasons = model.scorer(Level::detect(), Missing::Center).reasons(batch, 0, 9);
            assert!(reasons[0].column == 0 && reasons.iter().all(|reason| reason.contribution > 1e-30), "{reasons:?}");
        });
    }
}

/// Shifts that the columns of one wide table are multiplied by.
const SHIFTS: [i32; 8] = [0, -960, -402, -398, 0, 398, 402, 960];

const COLUMNS: usize = 33 * SHIFTS.len();

/// Columns in groups of eight that differ in nothing but a power of two; so wide that its sample is a real one.
fn wide(infinities: bool) -> Table {
    let cell = |column: usize, row: usize, uniform: f64| match (column, row) {
        (32, 9) if infinities => Some(f64::INFINITY),
        (32, 9) => Some(4.0),
        (32, _) => Some(3.0),
        (_, 17) if column.is_multiple_of(3) && infinities => Some(f64::NEG_INFINITY),
        (_, 18) if column.is_multiple_of(5) => None,
        _ if column % 4 == 1 => Some((uniform * uniform * 9.0).floor()),
        _ if column % 4 == 2 => Some(1.0 + (uniform * 32.0).floor() * 2.0_f64.powi(-50)),
        _ => Some(normal(uniform)),
    };
    let base = Table::new(33, 5000, cell);
    let shifted = |column: usize| {
        let (group, power) = (column / SHIFTS.len(), 2.0_f64.powi(SHIFTS[column % SHIFTS.len()]));
        let there = |row: usize| row != 18 || group % 5 != 0;
        base.column(group).into_iter().enumerate().map(|(row, cell)| there(row).then_some(cell * power)).collect()
    };
    Table::of(&(0..COLUMNS).map(shifted).collect::<Vec<_>>())
}

/// Each column's part of a row's score is the same to the bit for each column of a group.
fn check_groups(table: &Table, model: &Model, what: &str) {
    assert_eq!(model.columns().len(), COLUMNS, "{what}");
    for row in [0, 9, 17, 18, 1234] {
        table.batch(&table.all(), row, row + 1, &mut |batch| {
            let mut parts = vec![0.0; COLUMNS];
            for reason in model.scorer(Level::detect(), Missing::Center).reasons(batch, 0, COLUMNS) {
                parts[reason.column as usize] = reason.contribution;
            }
            assert!(parts.iter().any(|part| *part > 0.0), "{what}, row {row}");
            for (group, parts) in parts.chunks(SHIFTS.len()).enumerate() {
                let same = parts.iter().all(|part| part.to_bits() == parts[0].to_bits());
                assert!(same, "{what}, row {row}, group {group}: {parts:?}");
            }
        });
    }
}

#[test]
fn two_passes_and_guesses_see_no_scale() {
    let (infinite, finite) = (wide(true), wide(false));
    for (detector, parameters) in
        [("zscore", json!({"aggregate": "sum"})), ("mad", json!({"aggregate": "sum"})), ("hbos", json!({}))]
    {
        let plain = infinite.fit_as(infinite.spec(detector, &parameters), &Cut::whole()).unwrap();
        check_groups(&infinite, &plain, detector);
        if detector != "zscore" {
            let claims = finite.claims(1000, |group| group % 5 == 2);
            let (guided, passes) = finite.fit_guided(finite.spec(detector, &parameters), &claims);
            assert_eq!(passes[passes.len() - 1], 1, "{detector}: the guess holds");
            check_groups(&finite, &guided, &format!("{detector}, guided"));
        }
    }
}

#[test]
fn a_claim_that_hides_an_infinity_costs_a_pass_and_changes_nothing() {
    let table = Table::new(520, 2600, |column, row, uniform| match (column, row) {
        (3, 77) => Some(f64::INFINITY),
        (3, _) => Some(5.0),
        (4, 78) => Some(f64::NEG_INFINITY),
        _ => Some(normal(uniform)),
    });
    let mut ranges = table.ranges();
    ranges[3] = (5.0, 5.0);
    ranges[4].0 = -3.0;
    for detector in ["hbos", "mad"] {
        let spec = table.spec(detector, &json!({}));
        let claims = Claims { ranges: ranges.clone(), ..table.claims(260, |_| true) };
        let (model, passes) = table.fit_guided(spec, &claims);
        assert_eq!(passes[passes.len() - 1], 2, "{detector}");
        let plain = table.fit(detector, &json!({})).unwrap();
        assert_eq!(model.to_bytes(), plain.to_bytes(), "{detector}");
        assert!(plain.columns().contains(&"x3".to_owned()));
    }
}
