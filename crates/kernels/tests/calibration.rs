//! Forests that were fitted elsewhere, calibrated: they know of the rows what a fit of theirs would know.

use crate::common::{Cut, Table, normal};
use batch_core_kernels::{Fit, FitError, FitRows, FitSpec, ImportedForest, ImportedNode, Level, Missing, Model, Next};
use serde_json::{Value, json};

const ROWS: usize = 30_000;

fn table(rows: usize) -> Table {
    Table::new(3, rows, |column, _, uniform| match column {
        2 => Some((uniform * 40.0).floor()),
        _ => Some(normal(uniform)),
    })
}

fn settings() -> Value {
    json!({"n_estimators": 20, "max_samples": 64})
}

/// The forest of a fitted model, as another program would have told it.
fn forest_of(model: &Model, threshold: Option<f64>) -> Model {
    let text = String::from_utf8(model.to_bytes()).unwrap();
    let payload: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let forest = &payload["state"]["iforest"]["forest"];
    let trees = forest["trees"].as_array().unwrap().iter().map(nodes_of).collect();
    let rows = u32::try_from(forest["rows"].as_u64().unwrap()).unwrap();
    let columns = model.columns().to_vec();
    Model::imported(&ImportedForest { columns, rows, trees, threshold, missing: model.missing() }).unwrap()
}

/// The nodes of a tree, which is kept in preorder.
fn nodes_of(tree: &Value) -> Vec<ImportedNode> {
    let list = |name: &str| tree[name].as_array().unwrap().clone();
    let (columns, thresholds, rows) = (list("columns"), list("thresholds"), list("rows"));
    let (mut cuts, mut leaves) = (thresholds.iter(), rows.iter());
    let mut nodes: Vec<ImportedNode> = vec![];
    // Cuts that lack their right child.
    let mut open = vec![];
    for (number, column) in columns.iter().map(|column| column.as_i64().unwrap()).enumerate() {
        if number > 0 && matches!(nodes[number - 1], ImportedNode::Leaf { .. }) {
            let above: usize = open.pop().unwrap();
            if let ImportedNode::Cut { right, .. } = &mut nodes[above] {
                *right = number;
            }
        }
        nodes.push(match usize::try_from(column) {
            Ok(column) => {
                open.push(number);
                let threshold = cuts.next().unwrap().as_f64().unwrap();
                ImportedNode::Cut { column, threshold, left: number + 1, right: 0, missing_left: false }
            }
            Err(_) => ImportedNode::Leaf { rows: u32::try_from(leaves.next().unwrap().as_u64().unwrap()).unwrap() },
        });
    }
    nodes
}

fn spec_of(table: &Table, forest: &Model) -> FitSpec {
    let parameters = forest.parameters().clone();
    FitSpec {
        parameters,
        missing: forest.missing(),
        forest: Some(forest.digest()),
        ..table.spec("iforest", &json!({}))
    }
}

/// Each pass goes through bytes, as it does when workers observe; only who merges has the forest.
fn calibrate(table: &Table, forest: &Model, spec: FitSpec, cut: &Cut) -> Result<Model, FitError> {
    let fit = Fit::new(spec)?;
    let observing = Fit::from_bytes(&fit.observer_bytes())?;
    let chunk = cut.row_group * cut.row_groups_per_chunk;
    let starts = (0..table.rows()).step_by(chunk);
    let summaries = starts.map(|start| table.observe(&observing, start, start + chunk, cut)).collect();
    match Fit::from_bytes(&fit.to_bytes())?.calibrating(forest.clone())?.advance(summaries, cut.level)? {
        Next::Model(model) => Ok(model),
        Next::Pass(_) => panic!("one pass is enough"),
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_calibrated_forest_knows_what_the_fit_of_the_same_trees_knew() {
    for rows in [300, ROWS] {
        for fit_rows in [None, Some(FitRows::All), Some(FitRows::Count(250))] {
            let table = table(rows);
            let asked = FitSpec { fit_rows, ..table.spec("iforest", &settings()) };
            let fitted = table.fit_as(asked, &Cut::whole()).unwrap();
            let forest = forest_of(&fitted, None);
            let spec = FitSpec { fit_rows, ..spec_of(&table, &forest) };
            let calibrated = calibrate(&table, &forest, spec, &Cut::whole()).unwrap();
            assert!(calibrated.is_imported() && calibrated.is_calibrated() && !fitted.is_imported());
            assert_eq!(
                (calibrated.fit_rows(), calibrated.source_rows(), calibrated.seed(), calibrated.share()),
                (fitted.fit_rows(), fitted.source_rows(), fitted.seed(), Some(0.01))
            );
            assert_eq!(calibrated.usual(), fitted.usual());
            for share in [0.001, 0.01, 0.1] {
                assert_eq!(calibrated.threshold(share), fitted.threshold(share));
            }
            let scores = |model| table.score(model, Level::detect(), Missing::Center, 1000);
            let expected = scores(&fitted);
            assert_eq!(bits(&scores(&calibrated)), bits(&expected));
            assert_eq!(bits(&scores(&forest)), bits(&expected));
            let severities = |model: &Model| bits(&model.severity(Level::detect()).unwrap().of(&expected));
            assert_eq!(severities(&calibrated), severities(&fitted));
            assert!(forest.severity(Level::detect()).is_none());
        }
    }
}

#[test]
fn it_is_the_same_however_its_rows_came() {
    let table = table(ROWS);
    let forest = forest_of(&table.fit("iforest", &settings()).unwrap(), Some(0.6));
    let whole = calibrate(&table, &forest, spec_of(&table, &forest), &Cut::whole()).unwrap();
    for level in Level::available() {
        let cut = Cut { row_group: 1000, row_groups_per_chunk: 3, batches: vec![31, 700], level, through_bytes: true };
        let other = calibrate(&table, &forest, spec_of(&table, &forest), &cut).unwrap();
        assert_eq!(other.to_bytes(), whole.to_bytes(), "{level:?}");
    }
    assert_ne!(whole.digest(), forest.digest());
}

#[test]
fn the_threshold_of_the_forest_stays_and_so_do_its_columns() {
    let seven = Table::new(3, 500, |column, _, uniform| Some(if column == 1 { 7.0 } else { normal(uniform) }));
    let forest = forest_of(&table(500).fit("iforest", &settings()).unwrap(), Some(0.6));
    let model = calibrate(&seven, &forest, spec_of(&seven, &forest), &Cut::whole()).unwrap();
    assert_eq!((model.own_threshold(), model.share()), (Some(0.6), None));
    assert_eq!((model.columns(), model.left_out()), (forest.columns(), &[][..]));
    assert!(model.threshold(0.1).unwrap().value < model.threshold(0.01).unwrap().value);
    let read = Model::from_bytes(&model.to_bytes()).unwrap();
    assert_eq!((read.to_bytes(), read.own_threshold()), (model.to_bytes(), Some(0.6)));
    assert!(read.is_imported() && read.is_calibrated());
}

#[test]
fn rows_without_a_score_are_no_part_of_its_distribution() {
    let holes = Table::new(3, 2000, |column, row, uniform| (column != 1 || row % 4 > 0).then(|| normal(uniform)));
    for (missing, rows) in [(Missing::Center, 2000), (Missing::Skip, 1500)] {
        let asked = FitSpec { missing, ..holes.spec("iforest", &settings()) };
        let forest = forest_of(&holes.fit_as(asked, &Cut::whole()).unwrap(), None);
        let model = calibrate(&holes, &forest, spec_of(&holes, &forest), &Cut::whole()).unwrap();
        assert_eq!(model.describe()["scored_rows"], rows);
    }
    let whole = table(500);
    let asked = FitSpec { missing: Missing::Error, ..whole.spec("iforest", &settings()) };
    let forest = forest_of(&whole.fit_as(asked, &Cut::whole()).unwrap(), None);
    let refused = calibrate(&holes, &forest, spec_of(&holes, &forest), &Cut::whole()).unwrap_err();
    assert!(refused.to_string().contains(r#"missing cells in "x1""#), "{refused}");
}

#[test]
fn a_calibration_ends_with_the_forest_that_it_names_and_no_other() {
    let table = table(500);
    let fitted = table.fit("iforest", &settings()).unwrap();
    let (forest, other) = (forest_of(&fitted, None), forest_of(&fitted, Some(0.6)));
    let fit = Fit::new(spec_of(&table, &forest)).unwrap();
    let refused = fit.clone().calibrating(other).unwrap_err();
    assert!(matches!(refused, FitError::Bug(_)), "{refused}");
    let summary = table.observe(&fit, 0, 500, &Cut::whole());
    let refused = fit.advance(vec![summary], Level::detect()).unwrap_err();
    assert!(matches!(refused, FitError::Bug(_)), "{refused}");
}
