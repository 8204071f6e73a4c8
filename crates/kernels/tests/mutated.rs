//! Model files whose digests are right and whose payload is damaged or made up: they are refused, or score. `npm run fuzz` looks for longer.

#[path = "common/mutation.rs"]
mod mutation;

use std::time::{Duration, Instant};

use crate::common::{Table, detectors, normal, sealed};
use batch_core_kernels::{Batch, Column, Level, Missing, Model};
use mutation::Mutation;

/// A payload of each detector.
fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let table = Table::new(3, 40, |column, _, uniform| if column == 2 { Some(1.0) } else { Some(normal(uniform)) });
    let payload = |(detector, parameters): (&'static str, serde_json::Value)| {
        let bytes = table.fit(detector, &parameters).unwrap().to_bytes();
        let start = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        (detector, bytes[start..].to_vec())
    };
    detectors().into_iter().map(payload).collect()
}

/// Scores of a few rows, at every level.
fn check(model: &Model, detector: &str, number: u64) {
    let cells = [0.0, -1.5, 1e300, -1e300, f64::NAN, f64::INFINITY, 5e-324];
    let columns: Vec<Column<'_>> = model.columns().iter().map(|_| Column::new(&cells, None).unwrap()).collect();
    let batch = Batch::new(&columns, 0, 0).unwrap();
    for level in Level::available() {
        let mut scores = [f64::NAN; 7];
        let mut kernel = model.scorer(level, Missing::Center);
        kernel.score(&batch, &mut scores);
        assert!(scores.iter().all(|score| !score.is_nan()), "{detector}, change {number}: {scores:?}");
        for row in 0..scores.len() {
            assert!(kernel.reasons(&batch, row, 2).len() <= 2);
        }
    }
    assert_eq!(Model::from_bytes(&model.to_bytes()).unwrap().digest(), model.digest(), "{detector}, change {number}");
}

#[test]
fn changed_payloads_are_refused_or_score() {
    let payloads = payloads();
    let mut models = 0;
    for (place, (detector, payload)) in payloads.iter().enumerate() {
        let other = &payloads[(place + 1) % payloads.len()].1;
        let count = (2_000_000 / payload.len() as u64).clamp(20, 500);
        for number in 0..count {
            let Ok(changed) = String::from_utf8(Mutation::new(number).of(payload, other)) else { continue };
            let begun = Instant::now();
            if let Ok(model) = Model::from_bytes(&sealed(&changed, "0.01")) {
                check(&model, detector, number);
                models += 1;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{detector}, change {number}");
        }
    }
    assert!(models > 100, "some changes leave a model: {models}");
}
