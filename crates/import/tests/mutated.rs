//! Damaged and made-up files: reading them ends in a model that scores, or in an error. `npm run fuzz` looks for longer.

#[path = "../../kernels/tests/common/mutation.rs"]
mod mutation;

use std::path::Path;
use std::time::{Duration, Instant};

use batch_core_error::Code;
use batch_core_import::{Wishes, import};
use batch_core_kernels::{Batch, Column, Level, Missing, Model};
use mutation::Mutation;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden/import").join(name)).unwrap()
}

/// Scores of a few rows, at every level.
fn check(model: &Model, number: u64) {
    let cells = [0.0, -1.5, 1e300, f64::NAN, f64::INFINITY];
    let columns: Vec<Column<'_>> = model.columns().iter().map(|_| Column::new(&cells, None).unwrap()).collect();
    let batch = Batch::new(&columns, 0, 0).unwrap();
    for level in Level::available() {
        let mut scores = [f64::NAN; 5];
        let mut kernel = model.scorer(level, Missing::Center);
        kernel.score(&batch, &mut scores);
        assert!(scores.iter().all(|score| score.is_finite()), "{number}: {scores:?}");
        assert!(kernel.reasons(&batch, 4, 2).len() <= 2);
    }
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap(), *model, "{number}");
}

/// Imports `count` changed files of `name`; answers how many were models all the same.
fn changed(name: &str, other: &str, columns: usize, count: u64) -> usize {
    let (whole, other) = (golden(name), golden(other));
    let columns = (0..columns).map(|column| format!("x{column}")).collect();
    let wishes = Wishes { columns: Some(columns), ..Wishes::default() };
    assert!(import(&whole, &wishes).is_ok(), "{name} is whole");
    let mut models = 0;
    for number in 0..count {
        let bytes = Mutation::new(number).of(&whole, &other);
        let begun = Instant::now();
        match import(&bytes, &wishes) {
            Ok(model) => {
                check(&model, number);
                models += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error.code, Code::ForestInvalid | Code::ForestUnsupported | Code::Config),
                    "{error:?}"
                );
                assert!(!error.message.is_empty());
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}, change {number}");
    }
    models
}

#[test]
fn changed_exports() {
    assert!(changed("least.json", "bootstrap.json", 1, 20_000) > 100);
    changed("bootstrap.json", "holes.json", 3, 300);
}

#[test]
fn changed_dumps() {
    assert!(changed("least.treelite.json", "least.json", 1, 4000) > 100);
    changed("bootstrap.treelite.json", "large.treelite.json", 3, 100);
}

#[test]
fn changed_graphs() {
    assert!(changed("least.onnx", "graphs/base.onnx", 1, 6000) > 100);
    changed("bootstrap.onnx", "large.onnx", 3, 200);
}

#[test]
fn a_graph_that_says_more_than_it_has_takes_no_memory_for_it() {
    // A length of 2^63 before nothing; nodes of nothing; and a million of them.
    let lengths = [&b"\x08\x08\x3a"[..], &[0xff; 9], &[0x7f]].concat();
    let empty_nodes = [&b"\x08\x08\x3a\x80\x89\x7a"[..], &b"\x0a\x00".repeat(1_000_000)].concat();
    for bytes in [lengths, empty_nodes, b"\x08\x08\x3a\x02\x0a\x00".to_vec()] {
        let error = import(&bytes, &Wishes::default()).unwrap_err();
        assert_eq!(error.code, Code::ForestInvalid, "{error}");
    }
    let deep = format!("{{\"schema\": \"x\", \"trees\": {}", "[".repeat(100_000));
    assert_eq!(import(deep.as_bytes(), &Wishes::default()).unwrap_err().code, Code::ForestInvalid);
}
