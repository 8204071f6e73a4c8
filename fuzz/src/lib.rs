//! What the targets share.

use batch_core_kernels::{Batch, Column, Level, Missing, Model};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Scores of some rows: ordinary, huge, missing and infinite cells; and the reasons of each.
pub fn scores(model: &Model) -> Vec<f64> {
    const CELLS: [f64; 8] = [0.0, 1.5, -3.0, 1e300, -1e300, f64::NAN, f64::INFINITY, 5e-324];
    let columns = model.columns().len();
    if columns > 1000 {
        return vec![];
    }
    let cells: Vec<Vec<f64>> =
        (0..columns).map(|column| (0..CELLS.len()).map(|row| CELLS[(row + column) % CELLS.len()]).collect()).collect();
    let columns: Vec<Column<'_>> = cells.iter().map(|cells| Column::new(cells, None).expect("as long as itself")).collect();
    let batch = Batch::new(&columns, 0, 0).expect("columns of one length");
    let mut scores = vec![0.0; CELLS.len()];
    for level in Level::available() {
        let mut scorer = model.scorer(level, Missing::Center);
        scorer.score(&batch, &mut scores);
        for row in 0..CELLS.len() {
            assert!(scorer.reasons(&batch, row, 3).len() <= 3);
        }
    }
    scores
}

/// Whether they are what may be written.
pub fn sound(scores: &[f64]) -> bool {
    scores.iter().all(|score| !score.is_nan())
}

/// A model file with this payload.
pub fn sealed(payload: &[u8]) -> Vec<u8> {
    let line = format!("batch-core-model 3 sha256:{} {} 0.01", hex(payload), payload.len());
    let mut file = format!("{line} sha256:{}\n", hex(line.as_bytes())).into_bytes();
    file.extend_from_slice(payload);
    file
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes any text");
    }
    text
}
