//! Model files: the same model back, and nothing else.

use crate::common::{Table, detectors, hex, normal, sealed};
use batch_core_error::Code;
use batch_core_kernels::{Fit, Level, Missing, Model, Next};
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
    let start = format!("batch-core-model 3 {} {} 0.01", model.digest(), payload.len());
    assert_eq!(line, format!("{start} sha256:{}", hex(&start)));
    assert!(!payload.contains("contamination"));
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
        // Each byte of a small model; of a large one its beginning, and some of the others.
        let step = if bytes.len() > 50_000 { 997 } else { 1 };
        for at in (0..bytes.len()).filter(|at| *at < 300 || at % step == 0) {
            for flip in [1, 32, 128] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(Model::from_bytes(&damaged).is_err(), "{detector}, byte {at}");
            }
        }
        for end in (0..bytes.len()).step_by(7 * step) {
            assert!(Model::from_bytes(&bytes[..end]).is_err(), "{detector}, cut at {end}");
        }
        assert!(Model::from_bytes(&[&bytes[..], b" "].concat()).is_err());
    }
}

#[test]
fn a_damaged_fit_between_passes_is_refused() {
    let table = Table::new(600, 2100, |_, _, uniform| Some(normal(uniform)));
    let fit = Fit::new(table.spec("mad", &json!({}))).unwrap();
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
    for version in ["1", "4"] {
        let other = refuse(text.replacen("batch-core-model 3 ", &format!("batch-core-model {version} "), 1).as_bytes());
        assert_eq!(other.code(), Code::Config);
        let said =
            format!("has format {version}; this version of batch-core reads formats 2 and 3: fit the model again");
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
        let refused = refuse(&sealed(&payload, "0.01"));
        assert_eq!(refused.code(), Code::Data, "{to}: {refused}");
    }
}

#[test]
fn the_share_is_no_part_of_the_fit_and_is_kept_with_it() {
    for (detector, parameters) in detectors() {
        let model = table().fit(detector, &parameters).unwrap();
        let other = model.clone().with_contamination(0.25).unwrap();
        assert_eq!(other.digest(), model.digest());
        assert_ne!(other, model);
        assert_ne!(other.to_bytes(), model.to_bytes());
        let read = Model::from_bytes(&other.to_bytes()).unwrap();
        assert_eq!((read.contamination(), read.to_bytes()), (0.25, other.to_bytes()));
        assert_eq!(read.describe()["threshold"], json!(model.threshold(0.25)));
        assert_eq!(other.with_contamination(0.01).unwrap(), model);
    }
}

#[test]
fn a_share_that_was_changed_is_damage_and_one_that_is_none_is_refused() {
    let model = table().fit("zscore", &json!({})).unwrap();
    let text = String::from_utf8(model.to_bytes()).unwrap();
    for other in ["0.02", "0.5", "0.010", "1e-2", "0.0100000000000000001", "nan", ""] {
        let refused = Model::from_bytes(text.replacen(" 0.01 ", &format!(" {other} "), 1).as_bytes()).unwrap_err();
        assert!(refused.to_string().contains("damaged"), "{other}: {refused}");
    }
    let payload = text.split_once('\n').unwrap().1;
    assert_eq!(Model::from_bytes(&sealed(payload, "0.01")).unwrap(), model);
    for share in ["0.6", "-0.1"] {
        let refused = Model::from_bytes(&sealed(payload, share)).unwrap_err();
        assert!(refused.to_string().contains("contradicts itself"), "{share}: {refused}");
    }
}

/// As format 2 has it: the share in the payload, and in its digest.
#[test]
fn a_model_of_format_2_is_read_and_stays_what_it_was() {
    for (detector, parameters) in detectors() {
        let model = table().fit(detector, &parameters).unwrap();
        let text = String::from_utf8(model.to_bytes()).unwrap();
        let payload = text.split_once('\n').unwrap().1;
        let inside = payload.replacen(",\"missing\":", ",\"contamination\":0.02,\"missing\":", 1);
        let line = |payload: &str| format!("batch-core-model 2 sha256:{} {}", hex(payload), payload.len());
        let bytes = format!("{}\n{inside}", line(&inside)).into_bytes();
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!((read.digest(), read.contamination()), (format!("sha256:{}", hex(&inside)), 0.02));
        assert_eq!(read.to_bytes(), bytes);
        let scores = |model: &Model| table().score(model, Level::detect(), Missing::Center, 64);
        let bits = |model: &Model| scores(model).iter().map(|score| score.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&model));
        assert_eq!(read.with_contamination(0.01).unwrap(), model);
        // Each format has the share where it has it.
        assert!(Model::from_bytes(format!("{}\n{payload}", line(payload)).as_bytes()).is_err());
        assert!(Model::from_bytes(&sealed(&inside, "0.02")).is_err());
    }
}
