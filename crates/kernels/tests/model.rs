//! Model files: the same model back, and nothing else.

mod common;

use batch_core_error::Code;
use batch_core_kernels::{Fit, Level, Missing, Model, Next};
use common::{Table, detectors, normal};
use serde_json::json;

fn table() -> Table {
    Table::new(3, 60, |column, row, uniform| match (column, row) {
        (2, _) => Some(1.0),
        (1, 7) => None,
        _ => Some(normal(uniform)),
    })
}

#[test]
fn a_model_reads_back_and_scores_the_same() {
    for (detector, parameters) in detectors() {
        let model = table().fit(detector, &parameters).unwrap();
        let read = Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(read, model);
        assert_eq!(read.digest(), model.digest());
        assert_eq!(read.to_bytes(), model.to_bytes());
        let scores = |model: &Model| table().score(model, Level::detect(), Missing::Center, 64);
        assert_eq!(
            scores(&read).iter().map(|s| s.to_bits()).collect::<Vec<_>>(),
            scores(&model).iter().map(|s| s.to_bits()).collect::<Vec<_>>()
        );
        assert_eq!((read.detector(), read.seed(), read.fit_rows(), read.contamination()), (detector, 7, 60, 0.01));
        assert_eq!(
            (read.columns().len(), read.left_out()[0].column.as_str(), read.missing()),
            (2, "x2", Missing::Center)
        );
    }
}

#[test]
fn the_file_says_what_it_is_and_holds_no_trace_of_the_machine() {
    let model = table().fit("hbos", &json!({"n_bins": 5})).unwrap();
    let bytes = model.to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    let (line, payload) = text.split_once('\n').unwrap();
    assert_eq!(line, format!("batch-core-model 2 {} {}", model.digest(), payload.len()));
    assert!(model.digest().starts_with("sha256:") && model.digest().len() == 71);
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["parameters"], json!({"scale": "minmax", "n_bins": 5, "alpha": 0.1, "tol": 0.5}));
    assert_eq!(model.describe()["detector"], "hbos");
    assert_eq!(model.describe()["digest"], json!(model.digest()));
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    for (detector, parameters) in detectors() {
        let bytes = table().fit(detector, &parameters).unwrap().to_bytes();
        for at in 0..bytes.len() {
            for flip in [1, 32, 128] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(Model::from_bytes(&damaged).is_err(), "{detector}, byte {at}");
            }
        }
        for end in (0..bytes.len()).step_by(7) {
            assert!(Model::from_bytes(&bytes[..end]).is_err(), "{detector}, cut at {end}");
        }
        assert!(Model::from_bytes(&[&bytes[..], b" "].concat()).is_err());
    }
}

#[test]
fn a_damaged_fit_between_passes_is_refused() {
    let table = Table::new(600, 2100, |_, _, uniform| Some(normal(uniform)));
    let fit = Fit::new(table.spec("auto", &json!({}))).unwrap();
    let mut observer = fit.observer(Level::detect());
    table.batch(&table.all(), 0, 2100, &mut |batch| observer.observe(batch));
    let Next::Pass(fit) = fit.advance(vec![observer.finish()], Level::detect()).unwrap() else { panic!("two passes") };
    let bytes = fit.to_bytes();
    assert_eq!(Fit::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        assert_eq!(Fit::from_bytes(&damaged).unwrap_err().code(), Code::Data, "byte {at}");
    }
}

#[test]
fn what_a_worker_holds_can_be_sent_to_it() {
    fn sent<T: Send>() {}
    sent::<batch_core_kernels::Observer>();
    sent::<batch_core_kernels::Scorer<'_>>();
    sent::<Fit>();
}

#[test]
fn foreign_newer_and_contradictory_files_are_told_apart() {
    let bytes = table().fit("zscore", &json!({})).unwrap().to_bytes();
    let text = String::from_utf8(bytes).unwrap();
    let refuse = |bytes: &[u8]| Model::from_bytes(bytes).unwrap_err();
    assert!(refuse(b"PAR1 and so on").to_string().contains("no model file"));
    assert!(refuse(b"").to_string().contains("no model file"));
    assert!(refuse(&vec![b'x'; 1 << 20]).to_string().contains("no model file"));
    for version in ["1", "3"] {
        let other = refuse(text.replacen("batch-core-model 2 ", &format!("batch-core-model {version} "), 1).as_bytes());
        assert_eq!(other.code(), Code::Config);
        let said = format!("has format {version}; this version of batch-core reads format 2: fit the model again");
        assert!(other.to_string().contains(&said), "{other}");
    }

    for (from, to) in [
        ("\"fit_rows\":60", "\"fit_rows\":60,\"extra\":1"),
        ("\"columns\":[\"x0\",\"x1\"]", "\"columns\":[\"x0\"]"),
        ("\"detector\":\"zscore\"", "\"detector\":\"mad\""),
        ("\"unit\":", "\"unit\":-"),
        ("\"complete\":true,\"ranks\":[0,", "\"complete\":true,\"ranks\":[5,"),
    ] {
        assert!(text.contains(from), "{from}");
        let payload = text.split_once('\n').unwrap().1.replacen(from, to, 1);
        let refused = refuse(&sealed(&payload));
        assert_eq!(refused.code(), Code::Data, "{to}: {refused}");
    }
}

/// A model file with this payload, sealed as it should be.
fn sealed(payload: &str) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;
    let mut hex = String::new();
    for byte in Sha256::digest(payload) {
        write!(hex, "{byte:02x}").unwrap();
    }
    format!("batch-core-model 2 sha256:{hex} {}\n{payload}", payload.len()).into_bytes()
}
