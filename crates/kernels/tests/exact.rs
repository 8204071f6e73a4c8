//! Every detector at every scale a double has, beside an oracle that rounds nothing.
#![expect(clippy::float_cmp, reason = "whether two cells are the same double is asked")]

#[path = "common/exact.rs"]
mod oracle;

use crate::common::{Cut, Table, detectors, normal};
use batch_core_kernels::{Level, Missing};
use serde_json::{Value, json};

/// Exponents about every end: of doubles, of normal ones, of their square roots, and of what is computed unshifted.
const EXPONENTS: [i32; 19] =
    [-1073, -1060, -1030, -1022, -1010, -700, -540, -401, -400, -399, -60, 0, 62, 398, 400, 401, 512, 900, 1016];

fn shifted(value: f64, by: i32) -> f64 {
    let half = by / 2;
    value * 2.0_f64.powi(half) * 2.0_f64.powi(by - half)
}

/// Columns of 400 cells of unlike shapes, of magnitudes up to 128.
fn shapes() -> Vec<(&'static str, Vec<f64>)> {
    let column = |cell: &dyn Fn(usize, f64) -> f64| {
        let table = Table::new(1, 400, |_, row, uniform| Some(cell(row, uniform)));
        table.column(0)
    };
    vec![
        ("normal", column(&|_, uniform| normal(uniform))),
        ("one far out", column(&|row, uniform| if row == 77 { 100.0 } else { normal(uniform) })),
        ("whole numbers", column(&|_, uniform| (uniform * 100.0).floor())),
        ("far from zero", column(&|_, uniform| 100.0 + uniform * 2.0_f64.powi(-30))),
        ("neighbours", column(&|_, uniform| if uniform < 0.3 { 1.0_f64.next_up() } else { 1.0 })),
        ("mostly one value", column(&|_, uniform| if uniform < 0.7 { 3.0 } else { uniform * 8.0 })),
        ("mostly zero", column(&|_, uniform| if uniform < 0.9 { 0.0 } else { uniform })),
        ("heavy tail", column(&|_, uniform| 0.5 / (1.0 - uniform * 0.995))),
    ]
}

/// Columns whose cells are not of one scale, or at the ends of all scales.
fn wild() -> Vec<(&'static str, Vec<f64>)> {
    let normals = &shapes()[0].1;
    let with = |cells: &[f64], wild: &[f64]| [cells, wild].concat();
    let tiny: Vec<f64> = normals.iter().map(|cell| cell * 1e-310).collect();
    let huge: Vec<f64> = normals.iter().map(|cell| cell * 1e307).collect();
    let near_2_62 = |row: usize| (1_i64 << 62) as f64 + (row % 7 * 1024) as f64;
    vec![
        ("1e300 beside normals", with(normals, &[1e300])),
        ("1e300 beside 1e-310", with(&tiny, &[1e300, -1e299])),
        ("1e-310 beside 1e307", with(&huge, &[1e-310, -5e-324])),
        ("int64 near 2^62", (0..400).map(near_2_62).collect()),
        ("all doubles", (0..400).map(|row| f64::MAX / 200.0 * f64::from(row - 200)).collect()),
        ("0 and the least double", (0..400).map(|row| if row % 3 == 0 { 5e-324 } else { 0.0 }).collect()),
        ("both ends", (0..400).map(|row| if row % 2 == 0 { f64::MAX } else { -f64::MAX }).collect()),
        ("one infinity", with(normals, &[f64::INFINITY])),
        ("both infinities", with(&tiny, &[f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY])),
        ("a constant and an infinity", with(&[5.0; 199], &[f64::INFINITY])),
        ("a huge constant and an infinity", with(&[-f64::MAX; 300], &[f64::NEG_INFINITY])),
        ("nothing but infinities", with(&[f64::INFINITY; 50], &[f64::NEG_INFINITY; 50])),
    ]
}

fn cuts() -> Vec<Cut> {
    let odd = |level| Cut { row_group: 128, row_groups_per_chunk: 1, batches: vec![31, 7], level, through_bytes: true };
    std::iter::once(Cut { row_group: 128, ..Cut::whole() }).chain(Level::available().map(odd)).collect()
}

/// The scores of `cells`, the same for every cut and level.
fn scores(name: &str, cells: &[f64], detector: &str, parameters: &Value) -> Vec<f64> {
    let table = Table::of(&[cells.iter().map(|cell| Some(*cell)).collect()]);
    let mut all: Vec<Vec<u64>> = Vec::new();
    for cut in cuts() {
        let model = table.fit_as(table.spec(detector, parameters), &cut);
        let model = model.unwrap_or_else(|error| panic!("{name}, {detector}: {error}"));
        let scores = table.score(&model, cut.level, Missing::Center, 100);
        all.push(scores.iter().map(|score| score.to_bits()).collect());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{name}, {detector}: a cut or a level shows");
    all[0].iter().map(|bits| f64::from_bits(*bits)).collect()
}

fn compare(name: &str, cells: &[f64], found: &[f64], expected: &[f64]) {
    for ((cell, found), expected) in cells.iter().zip(found).zip(expected) {
        // What no double holds counts as the largest.
        let expected = expected.min(f64::MAX);
        let allowed = 1e-9 * expected.abs().max(1e-3);
        assert!((found - expected).abs() <= allowed, "{name}, {cell:e}: {found:e} and not {expected:e}");
    }
}

fn check(name: &str, cells: &[f64]) {
    let zscore = oracle::z_scores(cells);
    compare(&format!("zscore, {name}"), cells, &scores(name, cells, "zscore", &json!({})), &zscore);
    let mad = oracle::robust_z_scores(cells);
    compare(&format!("mad, {name}"), cells, &scores(name, cells, "mad", &json!({})), &mad);
    let found = scores(name, cells, "hbos", &json!({}));
    if let Some(hbos) = oracle::histogram_scores(cells) {
        compare(&format!("hbos, {name}"), cells, &found, &hbos);
    }
    let auto = scores(name, cells, "auto", &json!({}));
    let mut alike: Vec<(f64, f64)> = cells.iter().map(|cell| cell + 0.0).zip(auto.iter().copied()).collect();
    alike.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    assert!(alike.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1), "auto, {name}");
    let finite = cells.iter().zip(&auto).filter(|(cell, _)| cell.is_finite()).map(|(_, score)| *score);
    let highest = finite.fold(0.0, f64::max);
    let infinite = cells.iter().zip(&auto).filter(|(cell, _)| cell.is_infinite());
    assert!(infinite.clone().all(|(_, score)| *score >= highest && score.is_finite()), "auto, {name}: an infinity");
}

#[test]
fn every_shape_at_every_scale_scores_as_the_oracle_says() {
    for (shape, cells) in shapes() {
        for exponent in EXPONENTS {
            let cells: Vec<f64> = cells.iter().map(|cell| shifted(*cell, exponent)).collect();
            // Of the smallest numbers nothing but one value may be left.
            if cells.iter().any(|cell| *cell != cells[0]) {
                check(&format!("{shape} times 2^{exponent}"), &cells);
            }
        }
    }
}

#[test]
fn cells_of_unlike_scales_and_infinities_score_as_the_oracle_says() {
    for (name, cells) in wild() {
        check(name, &cells);
    }
}

#[test]
fn a_power_of_two_changes_no_bit_of_a_score_where_it_costs_no_bit_of_a_cell() {
    for (shape, cells) in shapes() {
        for (detector, parameters) in detectors().into_iter().filter(|(_, parameters)| parameters["scale"] != "raw") {
            let bits = |cells: &[f64]| -> Vec<u64> {
                scores(shape, cells, detector, &parameters).iter().map(|score| score.to_bits()).collect()
            };
            let expected = bits(&cells);
            let mut compared = 0;
            for exponent in EXPONENTS {
                let scaled: Vec<f64> = cells.iter().map(|cell| shifted(*cell, exponent)).collect();
                let lossless =
                    |(cell, scaled): (&f64, &f64)| scaled.is_finite() && shifted(*scaled, -exponent) == *cell;
                if cells.iter().zip(&scaled).all(lossless) {
                    compared += 1;
                    assert_eq!(bits(&scaled), expected, "{detector} {parameters}, {shape} times 2^{exponent}");
                }
            }
            assert!(compared >= 13, "{shape}: {compared}");
        }
    }
}
