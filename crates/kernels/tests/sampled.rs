//! Fits to a sample of the rows.

use crate::common::{Cut, Table, detectors, normal};
use batch_core_kernels::{Claims, Fit, FitRows, FitSpec, Level, Missing, Model, Next, RowGroup};
use serde_json::json;

const ROWS: usize = 30_000;

fn table() -> Table {
    Table::new(3, ROWS, |column, row, uniform| match column {
        1 if row % 97 == 0 => None,
        2 => Some((uniform * 40.0).floor()),
        _ => Some(normal(uniform)),
    })
}

fn with(table: &Table, detector: &str, parameters: &serde_json::Value, fit_rows: FitRows) -> FitSpec {
    FitSpec { fit_rows: Some(fit_rows), ..table.spec(detector, parameters) }
}

/// The fit of the rows of some row groups.
fn fit_of_groups(table: &Table, spec: FitSpec, group_rows: usize, is_read: impl Fn(usize) -> bool, cut: &Cut) -> Model {
    let groups: Vec<RowGroup> = (0..table.rows().div_ceil(group_rows))
        .map(|group| {
            let rows = group_rows.min(table.rows() - group * group_rows) as u64;
            RowGroup { rows, pilot: is_read(group), extents: vec![] }
        })
        .collect();
    let fit = Fit::new(spec).unwrap().guided(&Claims { ranges: vec![], groups: groups.clone() });
    let is_part = groups.iter().any(|group| !group.pilot);
    assert_eq!((fit.pass(), fit.passes()), if is_part { (0, 0) } else { (1, 1) });
    let fit = Fit::from_bytes(&fit.to_bytes()).unwrap();
    let read = (0..groups.len()).filter(|group| groups[*group].pilot);
    let summaries = read.map(|group| table.observe(&fit, group * group_rows, (group + 1) * group_rows, cut)).collect();
    match fit.advance(summaries, cut.level).unwrap() {
        Next::Model(model) => model,
        Next::Pass(_) => panic!("one pass is enough"),
    }
}

#[test]
fn a_fit_to_a_sample_is_the_same_however_its_rows_came_and_says_what_it_saw() {
    let table = table();
    for (detector, parameters) in detectors() {
        let spec = with(&table, detector, &parameters, FitRows::Count(2000));
        let whole = fit_of_groups(&table, spec.clone(), 1000, |group| group % 3 == 1, &Cut::whole());
        assert_eq!((whole.fit_rows(), whole.source_rows()), (2000, 30_000), "{detector}");
        assert!(whole.threshold(0.01).unwrap().share_error > 0.0, "{detector}: the scores are of a sample");
        assert_eq!(Model::from_bytes(&whole.to_bytes()).unwrap().to_bytes(), whole.to_bytes());
        for level in Level::available() {
            let cut =
                Cut { row_group: 1000, row_groups_per_chunk: 1, batches: vec![31, 7], level, through_bytes: true };
            let other = fit_of_groups(&table, spec.clone(), 1000, |group| group % 3 == 1, &cut);
            assert_eq!(other.digest(), whole.digest(), "{detector} {level:?}");
        }
        let others = fit_of_groups(&table, spec, 1000, |group| group % 3 == 2, &Cut::whole());
        assert_ne!(others.digest(), whole.digest(), "{detector}: other rows");
    }
}

#[test]
fn a_fit_to_a_sample_is_the_fit_of_its_rows_and_near_that_of_all() {
    let table = table();
    for (detector, parameters) in [("zscore", json!({})), ("mad", json!({})), ("pca", json!({}))] {
        let all = table.fit_as(with(&table, detector, &parameters, FitRows::All), &Cut::whole()).unwrap();
        let plain = table.fit(detector, &parameters).unwrap();
        assert_eq!(all.digest(), plain.digest(), "{detector}: it looks at all rows where nothing is said");
        let spec = with(&table, detector, &parameters, FitRows::Count(20_000));
        let some = fit_of_groups(&table, spec, 1000, |_| true, &Cut::whole());
        let [expected, found] = [&all, &some].map(|model| table.score(model, Level::detect(), Missing::Center, 2048));
        let [mean, off] = [0, 1].map(|what| {
            let each = expected.iter().zip(&found).map(|(a, b)| if what == 0 { a.abs() } else { (a - b).abs() });
            each.sum::<f64>() / ROWS as f64
        });
        assert!(off < 0.05 * mean, "{detector}: off by {off} where scores are {mean}");
    }
}

#[test]
fn what_needs_a_sample_takes_one_and_all_rows_where_that_is_asked_for() {
    let wide = Table::new(600, 3000, |_, _, uniform| Some(normal(uniform)));
    for (detector, rows) in [("iforest", 2048), ("auto", 2048), ("knn", 2048), ("zscore", 3000)] {
        assert_eq!(wide.fit(detector, &json!({})).unwrap().fit_rows(), rows, "{detector}");
        let all = wide.fit_as(with(&wide, detector, &json!({}), FitRows::All), &Cut::whole()).unwrap();
        assert_eq!((all.fit_rows(), all.source_rows()), (3000, 3000), "{detector}");
        let more = wide.fit_as(with(&wide, detector, &json!({}), FitRows::Count(3000)), &Cut::whole()).unwrap();
        assert_eq!(more.digest(), all.digest(), "{detector}: there are no more");
    }
}

#[test]
fn a_single_row_is_nothing_to_compare_and_none_is_refused() {
    let table = table();
    let one = table.fit_as(with(&table, "zscore", &json!({}), FitRows::Count(1)), &Cut::whole()).unwrap_err();
    assert!(one.to_string().starts_with("1 row: nothing to compare"), "{one}");
    let none = Fit::new(with(&table, "zscore", &json!({}), FitRows::Count(0))).unwrap_err();
    assert!(none.to_string().contains("0 rows to fit on"), "{none}");
    for (text, read) in [(r#""all""#, FitRows::All), ("12", FitRows::Count(12))] {
        assert_eq!(serde_json::from_str::<FitRows>(text).unwrap(), read);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
