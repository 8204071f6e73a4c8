//! Imported forests beside scikit-learn's own scores, kept in `test/golden/import` (`test/golden/import.py` made them).

use std::fs;
use std::path::{Path, PathBuf};

use batch_core_error::Code;
use batch_core_import::{Wishes, import};
use batch_core_kernels::{Batch, Column, Level, Missing, Model};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// What the names of its files end in.
    forms: Vec<String>,
    trees: usize,
    offset: f64,
    rows: Vec<Vec<Option<f64>>>,
    scores: Vec<f64>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/import")
}

fn cases() -> Vec<Case> {
    let golden: Golden = serde_json::from_slice(&fs::read(directory().join("cases.json")).unwrap()).unwrap();
    golden.cases
}

impl Case {
    fn file(&self, form: &str) -> Vec<u8> {
        fs::read(directory().join(format!("{}.{form}", self.name))).unwrap()
    }

    fn wishes(&self) -> Wishes {
        let columns = (0..self.rows[0].len()).map(|column| format!("x{column}")).collect();
        Wishes { columns: Some(columns), ..Wishes::default() }
    }

    fn model(&self, form: &str) -> Model {
        import(&self.file(form), &self.wishes()).unwrap_or_else(|error| panic!("{}.{form}: {error}", self.name))
    }

    fn score(&self, model: &Model, level: Level) -> Vec<f64> {
        let columns: Vec<Vec<f64>> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| row[column].unwrap_or(f64::NAN)).collect())
            .collect();
        let columns: Vec<Column<'_>> = columns.iter().map(|cells| Column::new(cells, None).unwrap()).collect();
        let mut scores = vec![f64::NAN; self.rows.len()];
        model.scorer(level, Missing::Center).score(&Batch::new(&columns, 0, 0).unwrap(), &mut scores);
        scores
    }
}

#[test]
fn every_form_scores_as_scikit_learn_does() {
    let mut forms = 0;
    for case in cases() {
        for form in &case.forms {
            let model = case.model(form);
            assert_eq!(model.detector(), "iforest");
            assert_eq!(model.parameters()["n_estimators"], case.trees);
            for level in Level::available() {
                for (row, (ours, theirs)) in case.score(&model, level).iter().zip(&case.scores).enumerate() {
                    // skl2onnx does not keep which way scikit-learn sends missing cells.
                    if form == "onnx" && case.rows[row].contains(&None) {
                        assert!(ours.is_finite());
                        continue;
                    }
                    assert!((ours - theirs).abs() <= 1e-7, "{}.{form}, row {row}: {ours} {theirs}", case.name);
                }
            }
            forms += 1;
        }
    }
    assert_eq!(forms, 20);
}

#[test]
fn the_forms_of_a_forest_are_one_model() {
    for case in cases() {
        let exported = case.model("json");
        assert_eq!(exported.own_threshold(), Some(-case.offset));
        let state = |model: &Model| {
            let text = String::from_utf8(model.to_bytes()).unwrap();
            let payload: serde_json::Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
            payload["state"].clone()
        };
        let dumped = case.model("treelite.json");
        assert_eq!(dumped.own_threshold(), None, "Treelite does not keep it");
        assert_eq!(state(&dumped), state(&exported), "{}", case.name);
        if case.forms.iter().any(|form| form == "onnx") {
            let graph = case.model("onnx");
            assert!((graph.own_threshold().unwrap() + case.offset).abs() < 1e-7);
        }
    }
}

#[test]
fn an_imported_model_reads_back_and_knows_no_shares() {
    for case in cases() {
        let model = case.model("json");
        let read = Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(read, model);
        assert_eq!(read.to_bytes(), model.to_bytes());
        assert!(read.is_imported());
        assert_eq!(read.threshold(0.01), None);
        let bits = |model: &Model| case.score(model, Level::detect()).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&model));
    }
}

#[test]
fn contributions_add_up_to_the_score() {
    let case = cases().into_iter().find(|case| case.name == "holes").unwrap();
    let model = case.model("json");
    for (row, score) in case.rows.iter().zip(case.score(&model, Level::detect())) {
        let cells: Vec<[f64; 1]> = row.iter().map(|cell| [cell.unwrap_or(f64::NAN)]).collect();
        let columns: Vec<Column<'_>> = cells.iter().map(|cells| Column::new(cells, None).unwrap()).collect();
        let scorer = model.scorer(Level::detect(), Missing::Center);
        let reasons = scorer.reasons(&Batch::new(&columns, 0, 0).unwrap(), 0, 10);
        let sum: f64 = reasons.iter().map(|reason| reason.contribution).sum();
        assert!(reasons.iter().all(|reason| !reason.value.is_nan()));
        // A missing cell is no reason, and takes its part with it.
        let whole = row.iter().all(Option::is_some);
        assert!(if whole { (sum - score).abs() < 1e-9 } else { sum < score + 1e-9 }, "{sum} {score}");
    }
}

#[test]
fn an_infinite_cell_counts_for_more_than_any_path() {
    let case = cases().into_iter().find(|case| case.name == "holes").unwrap();
    let model = case.model("json");
    let mut rows = case.rows.clone();
    rows[0][1] = Some(f64::INFINITY);
    rows[1][1] = Some(f64::NEG_INFINITY);
    rows[2] = vec![Some(f64::INFINITY); 4];
    let scores = Case { rows, ..case }.score(&model, Level::detect());
    assert!(scores[0] > 1.0 && scores[0] < 2.0);
    assert!(scores[1] > 1.0 && scores[1] < 2.0);
    assert!(scores[2] > 4.0 && scores[2] < 5.0);
}

#[test]
fn names_are_the_files_or_those_that_are_given() {
    let case = cases().into_iter().find(|case| case.name == "plain").unwrap();
    let refused = |file: &[u8], wishes: &Wishes| import(file, wishes).unwrap_err();
    for form in &case.forms {
        let error = refused(&case.file(form), &Wishes::default());
        assert_eq!((error.code, error.message.as_str()), (Code::Config, "the file has no names for its 3 columns"));
    }
    let two = Wishes { columns: Some(vec!["a".to_owned(), "b".to_owned()]), ..Wishes::default() };
    assert_eq!(refused(&case.file("onnx"), &two).message, "--columns names 2 columns; the forest has 3");
    let text = String::from_utf8(case.file("json")).unwrap();
    let named = text.replacen(r#""feature_names": null"#, r#""feature_names": ["a", "b", "c"]"#, 1);
    assert_eq!(import(named.as_bytes(), &Wishes::default()).unwrap().columns(), ["a", "b", "c"]);
    assert_eq!(import(named.as_bytes(), &case.wishes()).unwrap().columns(), ["x0", "x1", "x2"]);
    let twice = text.replacen(r#""feature_names": null"#, r#""feature_names": ["a", "b", "a"]"#, 1);
    assert_eq!(refused(twice.as_bytes(), &Wishes::default()).code, Code::ForestInvalid);
}

#[derive(Deserialize)]
struct Runtime {
    rows: Vec<Vec<Option<f64>>>,
    scores: std::collections::BTreeMap<String, Vec<f64>>,
}

#[test]
fn missing_cells_go_where_the_onnx_runtime_sends_them() {
    let directory = directory().join("missing");
    let runtime: Runtime = serde_json::from_slice(&fs::read(directory.join("scores.json")).unwrap()).unwrap();
    assert_eq!(runtime.scores["absent"], runtime.scores["written"], "skl2onnx writes that none goes left");
    assert_ne!(runtime.scores["some"], runtime.scores["written"]);
    for (name, theirs) in &runtime.scores {
        let case = Case {
            name: name.clone(),
            forms: vec![],
            trees: 10,
            offset: 0.0,
            rows: runtime.rows.clone(),
            scores: theirs.clone(),
        };
        let file = fs::read(directory.join(format!("{name}.onnx"))).unwrap();
        let scores = case.score(&import(&file, &case.wishes()).unwrap(), Level::detect());
        for (row, (ours, theirs)) in scores.iter().zip(theirs).enumerate() {
            // It computes in single precision.
            assert!((ours - theirs).abs() <= 1e-6, "{name}, row {row}: {ours} {theirs}");
        }
    }
}
