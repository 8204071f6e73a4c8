//! A fit that is told of its source beforehand: one pass where that was so, and never another answer.

mod common;

use batch_core_kernels::{Claims, Fit, Level};
use common::{Table, normal};
use serde_json::json;

const ROWS: usize = 30_000;

/// Wide enough that its sample is a real one.
fn table() -> Table {
    Table::new(40, ROWS, |column, row, uniform| match column % 4 {
        0 => Some((normal(uniform) * 12.0).round()),
        1 if column == 1 => Some(row as f64 + uniform),
        2 => (uniform < 0.7).then(|| (uniform * 4.0).exp()),
        _ => Some(normal(uniform)),
    })
}

/// Rows in no order, as [`table`] is but for column 1.
fn shuffled() -> Table {
    Table::new(40, ROWS, |column, _, uniform| match column % 4 {
        0 => Some((normal(uniform) * 12.0).round()),
        2 => (uniform < 0.7).then(|| (uniform * 4.0).exp()),
        3 if column == 3 => Some(7.0),
        _ => Some(normal(uniform)),
    })
}

fn claims(table: &Table, pilot_rows: usize) -> Claims {
    Claims { ranges: table.ranges(), pilot_rows: pilot_rows as u64 }
}

#[test]
fn true_ranges_save_a_pass_and_give_the_same_histograms() {
    let table = shuffled();
    for parameters in [json!({}), json!({"scale": "raw", "n_bins": 40})] {
        let spec = table.spec("hbos", &parameters);
        let (model, passes) = table.fit_guided(spec.clone(), &claims(&table, 0), 0..0);
        assert_eq!(passes, [1]);
        assert_eq!(model.to_bytes(), table.fit("hbos", &parameters).unwrap().to_bytes());
        assert_eq!(Fit::new(spec.clone()).unwrap().guided(&claims(&table, 0)).passes(), 1);
        assert_eq!(Fit::new(spec).unwrap().passes(), 2);
    }
}

#[test]
fn a_false_claim_costs_a_pass_and_changes_nothing() {
    let table = shuffled();
    let truth = table.fit("hbos", &json!({})).unwrap().to_bytes();
    let falsehoods: [fn(&mut (f64, f64)); 5] = [
        |range| range.1 += 1.0,
        |range| range.0 += 1.0,
        |range| *range = (-1e300, 1e300),
        |range| *range = (0.0, 0.0),
        |range| range.1 = range.1.next_up(),
    ];
    for falsehood in falsehoods {
        let mut claims = claims(&table, 0);
        falsehood(&mut claims.ranges[5]);
        let (model, passes) = table.fit_guided(table.spec("hbos", &json!({})), &claims, 0..0);
        assert_eq!(passes, [1, 2], "{:?}", claims.ranges[5]);
        assert_eq!(model.to_bytes(), truth);
    }
}

#[test]
fn what_can_be_no_claim_is_not_made_one() {
    let table = shuffled();
    let spec = || table.spec("hbos", &json!({}));
    let mut claims = vec![Claims::default()];
    for end in [(f64::NAN, 1.0), (0.0, f64::NAN), (2.0, 1.0), (f64::NEG_INFINITY, 1.0), (0.0, f64::INFINITY)] {
        let mut claim = self::claims(&table, 0);
        claim.ranges[0] = end;
        claims.push(claim);
    }
    // All constant: the pass over the rows says so, with its own words.
    claims.push(Claims { ranges: vec![(1.0, 1.0); 40], pilot_rows: 0 });
    for claims in claims {
        assert_eq!(Fit::new(spec()).unwrap().guided(&claims).passes(), 2, "{:?}", claims.ranges.first());
    }
    let zscore = Fit::new(table.spec("zscore", &json!({}))).unwrap().guided(&self::claims(&table, 9000));
    assert_eq!((zscore.pass(), zscore.passes()), (1, 1));
    let blind = Fit::new(table.spec("mad", &json!({}))).unwrap().guided(&self::claims(&table, 0));
    assert_eq!((blind.pass(), blind.passes()), (1, 2), "brackets take a pilot");
}

#[test]
fn a_pilot_of_rows_in_no_order_saves_a_pass_and_finds_the_medians() {
    let table = shuffled();
    for (detector, parameters) in [("mad", json!({"aggregate": "sum"})), ("mad", json!({})), ("auto", json!({}))] {
        let spec = table.spec(detector, &parameters);
        let (model, passes) = table.fit_guided(spec, &claims(&table, 5000), 15_000..20_000);
        assert_eq!(passes, [0, 1], "{detector}");
        let plain = table.fit(detector, &parameters).unwrap();
        let key = if detector == "mad" { "/state/mad/columns" } else { "/state/auto/mad/columns" };
        let [guided, plain] = [model.describe(), plain.describe()].map(|model| model.pointer(key).unwrap().clone());
        for (column, (guided, plain)) in guided.as_array().unwrap().iter().zip(plain.as_array().unwrap()).enumerate() {
            for value in ["center", "unit"] {
                let [found, expected] = [guided, plain].map(|column| column[value].as_f64().unwrap());
                // Both are off by the width of a bin at most.
                let tolerance = 2e-3 * plain["unit"].as_f64().unwrap();
                assert!((found - expected).abs() <= tolerance, "{detector} {column} {value}: {found} {expected}");
            }
        }
    }
}

#[test]
fn a_pilot_that_saw_one_end_of_sorted_rows_is_found_out() {
    let table = table();
    for detector in ["mad", "auto"] {
        let spec = table.spec(detector, &json!({}));
        for pilot in [0..5000, 25_000..30_000] {
            let (model, passes) = table.fit_guided(spec.clone(), &claims(&table, 5000), pilot);
            assert_eq!(passes, [0, 1, 2], "{detector}");
            assert_eq!(model.to_bytes(), table.fit(detector, &json!({})).unwrap().to_bytes());
        }
    }
}

#[test]
fn a_pilot_with_too_few_cells_is_no_guide() {
    let table = shuffled();
    let spec = table.spec("mad", &json!({}));
    let (model, passes) = table.fit_guided(spec, &claims(&table, 100), 0..100);
    assert_eq!(passes, [0, 1, 2]);
    assert_eq!(model.to_bytes(), table.fit("mad", &json!({})).unwrap().to_bytes());
    let announced = Fit::new(table.spec("mad", &json!({}))).unwrap().guided(&claims(&table, 100));
    let summary = announced.observer(Level::detect()).finish();
    assert_eq!(
        announced.advance(vec![summary], Level::detect()).unwrap_err().code(),
        "BUG",
        "a pilot reads what it was announced for"
    );
}
