//! A fit that is told of its source beforehand: one pass where that was so, and never another answer.

use crate::common::{Table, normal};
use batch_core_error::Code;
use batch_core_kernels::{Claims, Extent, Fit, Level};
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

/// What is claimed where there is to be no pilot.
fn ranges(table: &Table) -> Claims {
    Claims { ranges: table.ranges(), groups: vec![] }
}

#[test]
fn true_ranges_save_a_pass_and_give_the_same_histograms() {
    let table = shuffled();
    for parameters in [json!({}), json!({"scale": "raw", "n_bins": 40})] {
        let spec = table.spec("hbos", &parameters);
        let (model, passes) = table.fit_guided(spec.clone(), &ranges(&table));
        assert_eq!(passes, [1]);
        assert_eq!(model.to_bytes(), table.fit("hbos", &parameters).unwrap().to_bytes());
        assert_eq!(Fit::new(spec.clone()).unwrap().guided(&ranges(&table)).passes(), 1);
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
        let mut claims = ranges(&table);
        falsehood(&mut claims.ranges[5]);
        let (model, passes) = table.fit_guided(table.spec("hbos", &json!({})), &claims);
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
        let mut claim = ranges(&table);
        claim.ranges[0] = end;
        claims.push(claim);
    }
    // All constant: the pass over the rows says so, with its own words.
    claims.push(Claims { ranges: vec![(1.0, 1.0); 40], groups: vec![] });
    for claims in claims {
        assert_eq!(Fit::new(spec()).unwrap().guided(&claims).passes(), 2, "{:?}", claims.ranges.first());
    }
    let zscore = Fit::new(table.spec("zscore", &json!({}))).unwrap().guided(&table.claims(3000, |group| group < 3));
    assert_eq!((zscore.pass(), zscore.passes()), (1, 1));
    let blind = Fit::new(table.spec("mad", &json!({}))).unwrap().guided(&ranges(&table));
    assert_eq!((blind.pass(), blind.passes()), (1, 2), "brackets take a pilot");
}

#[test]
fn a_pilot_of_rows_in_no_order_saves_a_pass_and_finds_the_medians() {
    let table = shuffled();
    for (detector, parameters) in [("mad", json!({"aggregate": "sum"})), ("mad", json!({}))] {
        let spec = table.spec(detector, &parameters);
        let (model, passes) = table.fit_guided(spec, &table.claims(1000, |group| group % 6 == 2));
        assert_eq!(passes, [0, 1], "{detector}");
        let plain = table.fit(detector, &parameters).unwrap();
        let [guided, plain] =
            [model.describe(), plain.describe()].map(|model| model.pointer("/state/mad/columns").unwrap().clone());
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
fn a_pilot_needs_no_word_of_row_groups_where_rows_are_in_no_order() {
    let table = shuffled();
    let mut claims = table.claims(1000, |group| group % 6 == 2);
    claims.groups.iter_mut().for_each(|group| group.extents.clear());
    let (_, passes) = table.fit_guided(table.spec("mad", &json!({})), &claims);
    assert_eq!(passes, [0, 1]);
}

#[test]
fn a_word_of_each_row_group_finds_the_medians_of_sorted_rows() {
    let table = table();
    let claims = table.claims(500, |group| group % 12 == 5);
    let (_, passes) = table.fit_guided(table.spec("mad", &json!({})), &claims);
    assert_eq!(passes, [0, 1]);
}

#[test]
fn a_pilot_that_saw_one_end_of_sorted_rows_is_found_out() {
    let table = table();
    let spec = table.spec("mad", &json!({}));
    for pilot in [0..5, 25..30] {
        let mut claims = table.claims(1000, |group| pilot.contains(&group));
        // As if each row group had cells from all over the column.
        let (low, high) = claims.ranges[1];
        for group in &mut claims.groups {
            group.extents[1] = Extent { cells: group.rows, low, high };
        }
        let (model, passes) = table.fit_guided(spec.clone(), &claims);
        assert_eq!(passes, [0, 1, 2]);
        assert_eq!(model.to_bytes(), table.fit("mad", &json!({})).unwrap().to_bytes());
    }
}

#[test]
fn a_pilot_with_too_few_cells_is_no_guide() {
    let table = shuffled();
    let spec = table.spec("mad", &json!({}));
    let claims = table.claims(30, |group| group < 2);
    let (model, passes) = table.fit_guided(spec, &claims);
    assert_eq!(passes, [0, 1, 2]);
    assert_eq!(model.to_bytes(), table.fit("mad", &json!({})).unwrap().to_bytes());
    let announced = Fit::new(table.spec("mad", &json!({}))).unwrap().guided(&claims);
    let summary = announced.observer(Level::detect()).finish();
    assert_eq!(
        announced.advance(vec![summary], Level::detect()).unwrap_err().code(),
        Code::Bug,
        "a pilot reads what it was announced for"
    );
}
