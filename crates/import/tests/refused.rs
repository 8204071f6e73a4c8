//! What is no isolation forest is refused, in words that say where it is none.

use std::path::Path;

use batch_core_error::{Code, Error};
use batch_core_import::{Wishes, import};
use batch_core_kernels::{Batch, Column, Level, Missing};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/import").join(name)).unwrap()
}

fn refused(bytes: &[u8], columns: usize) -> Error {
    let columns = (0..columns).map(|column| format!("x{column}")).collect();
    import(bytes, &Wishes { columns: Some(columns), ..Wishes::default() }).unwrap_err()
}

/// Refuses the file `name` after each change of its text, with that code, and words in the message.
fn check(name: &str, columns: usize, changes: &[(&str, &str, Code, &str)]) {
    let text = String::from_utf8(golden(name)).unwrap();
    for (from, to, code, words) in changes {
        assert!(text.contains(from), "{name} has {from}");
        let error = refused(text.replacen(from, to, 1).as_bytes(), columns);
        assert_eq!(error.code, *code, "{to}: {error}");
        assert!(error.message.contains(words), "{to}: {error}");
    }
}

#[test]
fn files_of_other_kinds() {
    for (bytes, code, words) in [
        (&b""[..], Code::ForestInvalid, "empty"),
        (b" \n ", Code::ForestInvalid, "empty"),
        (b"\x80\x04\x95\x10", Code::ForestUnsupported, "a pickle, which is a program and is never loaded"),
        (b"PK\x03\x04....", Code::ForestUnsupported, "ZIP archive"),
        (b"PAR1....PAR1", Code::ForestInvalid, "neither JSON nor a model of ONNX"),
        (b"batch-core-model 3 sha256:", Code::ForestInvalid, "neither JSON nor a model of ONNX"),
        (b"{", Code::ForestInvalid, "line 1 column 1"),
        (b"{}", Code::ForestUnsupported, "neither an exported isolation forest"),
        (b"[]", Code::ForestInvalid, "neither JSON nor a model of ONNX"),
        (br#"{"schema": "other/1"}"#, Code::ForestUnsupported, r#"its schema is "other/1""#),
        (br#"{"task_type": "kRegressor"}"#, Code::ForestUnsupported, "is no isolation forest"),
    ] {
        let error = refused(bytes, 1);
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[test]
fn exported_forests_that_contradict_themselves() {
    let invalid = Code::ForestInvalid;
    // One cut and two leaves.
    check(
        "least.json",
        1,
        &[
            (r#""n_features""#, r#""extra": 1, "n_features""#, invalid, "unknown field `extra`"),
            (r#""max_samples": 2"#, r#""max_samples": 1"#, invalid, "grown from 1 rows"),
            (r#""max_samples": 2"#, r#""max_samples": -2"#, invalid, "line 1 column"),
            (r#""offset": -0.5"#, r#""offset": 1e999"#, invalid, "number out of range"),
            (r#""children_left": [1"#, r#""children_left": [0"#, invalid, "tree 0: node 0 is below itself"),
            (
                r#""children_left": [1"#,
                r#""children_left": [2"#,
                invalid,
                "tree 0: node 2 is below itself, or the child of two",
            ),
            (r#""children_left": [1"#, r#""children_left": [7"#, invalid, "tree 0: there is no node 7"),
            (
                r#""children_left": [1"#,
                r#""children_left": [-3"#,
                invalid,
                "children_left of node 0 is -3, which is no index",
            ),
            (
                r#""children_left": [1"#,
                r#""children_left": [-1"#,
                invalid,
                "children_left of node 0 is -1, which is no index",
            ),
            (r#""feature": [0"#, r#""feature": [1"#, invalid, "tree 0: node 0 cuts column 1; there are 1 columns"),
            (r#""feature": [0"#, r#""feature": [-1"#, invalid, "feature of node 0 is -1"),
            (r#""n_node_samples": [2, 1, 1]"#, r#""n_node_samples": [2, 1, 2]"#, invalid, "3 rows ended in its leaves"),
            (
                r#""n_node_samples": [2, 1, 1]"#,
                r#""n_node_samples": [2, 1, 0]"#,
                invalid,
                "no row of the fit ended in leaf 2",
            ),
            (
                r#""n_node_samples": [2, 1, 1]"#,
                r#""n_node_samples": [2, 1]"#,
                invalid,
                "children_left has 3 nodes and n_node_samples 2",
            ),
            (r#""trees": [{"#, r#""trees": [], "old": [{"#, invalid, "unknown field `old`"),
        ],
    );
    let text = String::from_utf8(golden("least.json")).unwrap();
    let none = format!("{}}}", &text[..text.find(r#", "trees""#).unwrap()]).replace('}', r#", "trees": []}"#);
    assert!(refused(none.as_bytes(), 1).message.contains("it has no trees"));
}

#[test]
fn a_tree_that_is_too_deep_and_no_forest_for_its_trees_being_many() {
    let tree = |depth: i64| {
        // Each left child is a leaf, each right one the next cut.
        let left: Vec<i64> =
            (0..=2 * depth).map(|node| if node % 2 == 0 && node < 2 * depth { node + 1 } else { -1 }).collect();
        let right: Vec<i64> = left.iter().map(|child| if *child < 0 { -1 } else { child + 1 }).collect();
        let feature: Vec<i64> = left.iter().map(|child| if *child < 0 { -2 } else { 0 }).collect();
        let (ones, zeros) = (vec![1; left.len()], vec![0; left.len()]);
        serde_json::json!({ "children_left": left, "children_right": right, "feature": feature, "threshold": zeros,
            "n_node_samples": ones, "missing_go_to_left": zeros })
    };
    let forest = |rows: u32, trees: &[serde_json::Value]| {
        let forest = serde_json::json!({ "schema": "batch-core.isolation-forest/1", "sklearn_version": "", "n_features": 1,
            "feature_names": ["x"], "max_samples": rows, "offset": -0.5, "trees": trees });
        import(forest.to_string().as_bytes(), &Wishes::default()).map_err(|error| error.message)
    };
    assert!(forest(100, &[tree(64)]).is_ok());
    assert_eq!(forest(100, &[tree(65)]).unwrap_err(), "tree 0: node 129 is below more than 64 cuts");
    assert_eq!(forest(256, &[]).unwrap_err(), "it has no trees");
    let of = |trees: usize| {
        let model = forest(256, &vec![tree(8); trees]).unwrap();
        let mut score = [f64::NAN];
        let (cells, missing) = ([0.5], Missing::Center);
        let columns = [Column::new(&cells, None).unwrap()];
        model.scorer(Level::detect(), missing).score(&Batch::new(&columns, 0, 0).unwrap(), &mut score);
        score[0]
    };
    // They are all the same tree.
    assert!((of(5000) - of(1)).abs() <= 1e-6);
}

#[test]
fn dumps_of_treelite_that_are_something_else() {
    let (invalid, unsupported) = (Code::ForestInvalid, Code::ForestUnsupported);
    check(
        "least.treelite.json",
        1,
        &[
            ("kIsolationForest", "kRegressor", unsupported, r#"the task "kRegressor""#),
            ("exponential_standard_ratio", "sigmoid", unsupported, r#"the postprocessor "sigmoid""#),
            (r#""average_tree_output":true"#, r#""average_tree_output":false"#, unsupported, "a sum of its trees"),
            (r#""num_class":[1]"#, r#""num_class":[2]"#, unsupported, "more than one output"),
            (r#""base_scores":[0.0]"#, r#""base_scores":[0.5]"#, unsupported, "base scores"),
            (r#""comparison_op":"<=""#, r#""comparison_op":"<""#, unsupported, r#"the comparison "<""#),
            ("numerical_test_node", "categorical_test_node", unsupported, "tree 0: node 0 is a categorical_test_node"),
            (r#""left_child":1"#, r#""left_child":0"#, invalid, "tree 0: node 0 is below itself"),
            (r#""leaf_value":1.0"#, r#""leaf_value":1.5"#, invalid, "tree 0: leaf 1 has 1 rows and a value for others"),
            (r#""node_id":1"#, r#""node_id":2"#, invalid, "tree 0: node 2 is at place 1"),
            (r#""ratio_c":1.0"#, r#""ratio_c":1.1"#, invalid, "ratio_c is 1.1"),
            (r#""default_left":"#, r#""other":"#, invalid, "tree 0: node 0 has no default_left"),
            (r#""split_feature_id":0"#, r#""split_feature_id":3"#, invalid, "cuts column 3"),
        ],
    );
}

#[test]
fn graphs_that_are_something_else() {
    let (invalid, unsupported) = (Code::ForestInvalid, Code::ForestUnsupported);
    for (name, code, words) in [
        ("mode", unsupported, r#"tree 0: nodes of mode "BRANCH_LT""#),
        ("length", unsupported, "tree 0: what is made of leaf"),
        ("divisor", invalid, "which is no average path of whole rows for 2 trees"),
        ("transformed", unsupported, "whose outputs are transformed"),
        ("operator", unsupported, "the operator Exp of 1 inputs"),
        ("twice", unsupported, "tree 1: its ensemble"),
        ("circle", invalid, "tree 0: node 0 is below itself"),
        ("base", unsupported, "no output is the score of an isolation forest"),
        ("domain", unsupported, "the operator com.example.Neg"),
        ("rows", unsupported, "does not say how many columns"),
        ("scaled", unsupported, "the operator ai.onnx.ml.Scaler"),
        (
            "regressor",
            unsupported,
            r#"no output is the score of an isolation forest: "variable" comes from ai.onnx.ml.TreeEnsembleRegressor"#,
        ),
    ] {
        let error = refused(&golden(&format!("graphs/{name}.onnx")), 2);
        assert!(error.message.contains(words), "{name}: {error}");
        assert_eq!(error.code, code, "{name}: {error}");
    }
}
