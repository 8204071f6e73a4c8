//! What each detector must do with data as people have them.

use crate::common::{Cut, Table, detectors, normal, thorough};
use batch_core_error::Code;
use batch_core_kernels::{Cause, Fit, FitError, FitSpec, LeftOut, Level, Missing, Model, Next, Threshold};
use serde_json::json;

fn scores(table: &Table, model: &Model) -> Vec<f64> {
    table.score(model, Level::detect(), Missing::Center, 2048)
}

fn highest(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap()
}

#[test]
fn a_planted_outlier_has_the_highest_score_and_its_column_is_the_reason() {
    let table = Table::new(5, 3000, |column, row, uniform| match (column, row) {
        (3, 1234) => Some(40.0),
        (_, 1234) => Some(9.0),
        _ => Some(normal(uniform)),
    });
    for (detector, parameters) in detectors() {
        let parameters = thorough(detector, parameters);
        let model = table.fit(detector, &parameters).unwrap();
        assert_eq!(highest(&scores(&table, &model)), 1234, "{detector} {parameters}");
        table.batch(&table.all(), 1000, 2000, &mut |batch| {
            let reasons = model.scorer(Level::detect(), Missing::Center).reasons(batch, 234, 3);
            // To HBOS, ECOD and COPOD each of the five cells is as rare as can be, and to trees of cuts all that lies beyond their rows is alike.
            let first =
                if matches!(detector, "hbos" | "hst" | "iforest" | "ecod" | "copod") { reasons[0].column } else { 3 };
            assert_eq!(reasons[0].column, first, "{detector} {parameters}");
            let planted = if first == 3 { 40.0_f64 } else { 9.0 };
            assert_eq!(reasons[0].value.to_bits(), planted.to_bits());
            assert!(reasons.len() == 3 && reasons.is_sorted_by(|a, b| a.contribution >= b.contribution));
        });
    }
}

#[test]
fn reasons_of_a_sum_add_up_to_the_score() {
    let table = Table::new(6, 2500, |_, row, uniform| (row % 11 > 0).then(|| normal(uniform)));
    let sums = ["zscore", "mad", "iqr"].map(|detector| (detector, json!({"aggregate": "sum"})));
    let others =
        ["auto", "copod", "ecod", "eif", "hst", "iforest", "inne", "knn"].map(|detector| (detector, json!({})));
    for (detector, parameters) in sums.into_iter().chain(others) {
        let model = table.fit(detector, &parameters).unwrap();
        let scores = scores(&table, &model);
        table.batch(&table.all(), 0, 2500, &mut |batch| {
            let explainer = model.scorer(Level::detect(), Missing::Center);
            for row in (0..2500).step_by(97) {
                let reasons = explainer.reasons(batch, row, usize::MAX);
                let sum: f64 = reasons.iter().map(|reason| reason.contribution).sum();
                let score = scores[row];
                // A set that has the row itself has no distance to share out.
                let slack = if detector == "inne" { 0.02 } else { 1e-9 };
                assert!(row % 11 == 0 || (sum - score).abs() <= slack * score, "{detector} row {row}: {sum} {score}");
                assert!(reasons.iter().all(|reason| reason.contribution > 0.0 && reason.value.is_finite()));
            }
        });
    }
}

#[test]
fn reasons_of_several_rows_are_those_of_each() {
    let table = Table::new(4, 2500, |column, row, uniform| match (column, row % 13) {
        (1, 5) => None,
        (2, 7) => Some(f64::INFINITY),
        _ => Some(normal(uniform)),
    });
    for (detector, parameters) in detectors() {
        let model = table.fit(detector, &parameters).unwrap();
        table.batch(&table.all(), 0, 2500, &mut |batch| {
            let scorer = model.scorer(Level::detect(), Missing::Center);
            assert_eq!(scorer.reasons_of(&[], 3).rows(), 0);
            let cells: Vec<f64> = (0..2500).step_by(7).flat_map(|row| batch.cells(row)).collect();
            let together = scorer.reasons_of(&cells, 4);
            assert_eq!(together.rows(), 358);
            for (at, row) in (0..2500).step_by(7).enumerate() {
                assert_eq!(scorer.reasons(batch, row, 4), together.of(at), "{detector} {parameters}, row {row}");
            }
        });
    }
}

#[test]
fn a_wild_cell_of_the_sample_does_not_hide_another_row_from_what_looks_at_the_others() {
    for wild in [1e6, 1e9, 1e12, 3.4e38, 1e100, f64::MAX] {
        let table = Table::new(3, 4000, |column, row, uniform| {
            Some(match (column, row) {
                (0, 17) => wild,
                (0, 18) => 12.0,
                _ => normal(uniform),
            })
        });
        for detector in ["mcd", "auto", "mad"] {
            let found = scores(&table, &table.fit(detector, &json!({})).unwrap());
            let higher = (0..4000).filter(|&row| found[row] > found[18]).collect::<Vec<_>>();
            assert_eq!(higher, [17], "{detector}, {wild:e}");
        }
    }
}

/// To a member that has all distances from its reference rows at 0, nothing is a reason.
#[test]
fn reasons_of_a_fusion_add_up_where_a_member_finds_the_row_ordinary() {
    for columns in [1, 3] {
        let table = Table::new(columns, 5000, |_, row, uniform| {
            Some(if row % 3 > 0 { 1.0 } else { (2.0 * normal(uniform)).exp() })
        });
        let model = table.fit("auto", &json!({})).unwrap();
        let scores = scores(&table, &model);
        table.batch(&table.all(), 0, 5000, &mut |batch| {
            let explainer = model.scorer(Level::detect(), Missing::Center);
            for (row, score) in scores.iter().enumerate() {
                let reasons = explainer.reasons(batch, row, usize::MAX);
                let sum: f64 = reasons.iter().map(|reason| reason.contribution).sum();
                assert!(
                    reasons.is_empty() || (sum - score).abs() <= 1e-9 * score,
                    "{columns}: row {row}: {sum} {score}"
                );
            }
        });
    }
}

#[test]
fn infinities_score_highest_and_finite_and_do_not_disturb_the_fit() {
    let clean = Table::new(3, 4000, |_, _, uniform| Some(normal(uniform)));
    let wild = Table::new(3, 4000, |column, row, uniform| {
        Some(match (column, row) {
            (0, 17) => f64::INFINITY,
            (1, 18) | (2, 19) => f64::NEG_INFINITY,
            _ => normal(uniform),
        })
    });
    for (detector, parameters) in detectors() {
        let model = wild.fit(detector, &parameters).unwrap();
        let found = scores(&wild, &model);
        assert!(found.iter().all(|score| score.is_finite()));
        let lowest_wild = found[17..20].iter().copied().fold(f64::INFINITY, f64::min);
        let ordinary = (0..4000).filter(|row| !(17..20).contains(row)).map(|row| found[row]);
        let highest_ordinary = ordinary.fold(f64::NEG_INFINITY, f64::max);
        // To HBOS an infinity is a little rarer than an empty bin, and a row may have two rare cells.
        let rival = if detector == "hbos" { found[0] } else { highest_ordinary };
        assert!(lowest_wild > rival, "{detector} {parameters}: {lowest_wild} {rival}");
        let without = scores(&clean, &clean.fit(detector, &parameters).unwrap());
        let differs =
            (0..4000).filter(|row| !(17..20).contains(row)).any(|row| (found[row] - without[row]).abs() > 0.2);
        // Among the ranks of the top rows, three more do count.
        assert!(!differs || detector == "auto", "{detector} {parameters}");
    }
}

#[test]
fn missing_cells_are_ordinary_or_leave_the_row_without_a_score() {
    let table = Table::new(3, 3000, |column, row, uniform| match (column, row % 10) {
        (1, 3) => None,
        (2, 4) => Some(f64::NAN),
        _ => Some(normal(uniform)),
    });
    for (detector, parameters) in detectors() {
        let parameters = thorough(detector, parameters);
        let model = table.fit(detector, &parameters).unwrap();
        let centered = scores(&table, &model);
        for missing in [Missing::Skip, Missing::Error] {
            let skipped = table.score(&model, Level::detect(), missing, 700);
            for row in 0..3000 {
                let expected = if matches!(row % 10, 3 | 4) { f64::NAN } else { centered[row] };
                assert!(skipped[row].to_bits() == expected.to_bits() || skipped[row].is_nan() && expected.is_nan());
            }
        }
        let flagged = |row: &usize| centered[*row] > model.threshold(0.01).unwrap().value;
        let flagged = (0..3000).filter(flagged).count();
        assert!(
            flagged == 30 || detector == "hbos" && (20..30).contains(&flagged),
            "{detector} {parameters}: {flagged}"
        );

        let strict = FitSpec { missing: Missing::Error, ..table.spec(detector, &parameters) };
        let refused = table.fit_as(strict, &Cut::whole()).unwrap_err();
        assert!(matches!(&refused, FitError::Data(message) if message.contains("\"x1\", \"x2\"")), "{refused}");
        let skip = FitSpec { missing: Missing::Skip, ..table.spec(detector, &parameters) };
        assert!(table.fit_as(skip, &Cut::whole()).is_ok());
    }
}

#[test]
fn columns_that_do_not_vary_are_left_out_and_named() {
    let table = Table::new(6, 500, |column, row, uniform| match column {
        1 => Some(0.1),
        2 => None,
        3 => Some(if row % 2 == 0 { 0.0 } else { -0.0 }),
        4 => (row == 77).then_some(5.0),
        _ => Some(normal(uniform)),
    });
    for (detector, parameters) in detectors() {
        let model = table.fit(detector, &parameters).unwrap();
        assert_eq!(model.columns(), ["x0", "x5"]);
        let constant = |value| Cause::Constant { value };
        let causes = [("x1", constant(0.1)), ("x2", Cause::Empty), ("x3", constant(0.0)), ("x4", constant(5.0))];
        let expected = causes.map(|(column, cause)| LeftOut { column: column.to_owned(), cause });
        assert_eq!(model.left_out(), expected, "{detector}");
        assert!(scores(&table, &model).iter().all(|score| score.is_finite()));
    }
}

#[test]
fn data_that_allow_no_model_are_refused_by_name() {
    let one_row = Table::new(2, 1, |_, _, uniform| Some(uniform));
    let constant = Table::new(2, 300, |_, _, _| Some(4.5));
    let empty = Table::new(2, 300, |_, _, _| None);
    let infinite = Table::new(2, 300, |_, _, _| Some(f64::INFINITY));
    let mixed = Table::new(3, 300, |column, _, _| [Some(4.5), Some(4.6e18), None][column]);
    for (detector, parameters) in detectors() {
        for table in [&one_row, &constant, &empty, &infinite] {
            let refused = table.fit(detector, &parameters).unwrap_err();
            assert_eq!(refused.code(), Code::Data);
            assert!(refused.hint().is_some());
            assert!(refused.to_string().contains("\"x0\", \"x1\" are"), "{refused}");
        }
        let said = |table: &Table| table.fit(detector, &parameters).unwrap_err().to_string();
        assert!(said(&one_row).starts_with("1 row: nothing to compare"), "{}", said(&one_row));
        assert!(said(&mixed).contains("\"x0\" is constant; \"x1\" is equal as doubles"), "{}", said(&mixed));
        assert!(said(&mixed).contains("\"x2\" is empty"), "{}", said(&mixed));
        let no_rows = FitSpec { rows: 0, ..constant.spec(detector, &parameters) };
        assert!(matches!(Fit::new(no_rows), Err(FitError::Data(message)) if message.contains("no rows")));
    }
    let gaps = Table::new(2, 300, |column, row, uniform| (row % 2 == column).then_some(uniform));
    let skip = FitSpec { missing: Missing::Skip, ..gaps.spec("auto", &json!({})) };
    assert!(gaps.fit_as(skip, &Cut::whole()).unwrap_err().to_string().contains("every row has a missing cell"));
}

#[test]
fn more_directions_than_there_are_and_only_such_without_variance_are_refused() {
    // The third column is the sum of the first two, the fourth constant.
    let base = Table::new(2, 300, |_, _, uniform| Some((uniform * 64.0).floor()));
    let (a, b) = (base.column(0), base.column(1));
    let sum = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    let table = Table::of(&[a, b, sum, vec![7.0; 300]].map(|cells| cells.into_iter().map(Some).collect()));
    let refused = |selected: u32| table.fit("pca", &json!({"n_selected_components": selected})).unwrap_err();
    for (selected, said) in [(5, "and 4 columns were chosen"), (4, "and 3 columns vary")] {
        assert_eq!(refused(selected).code(), Code::Config);
        assert!(refused(selected).to_string().contains(said), "{}", refused(selected));
    }
    assert_eq!(refused(1).code(), Code::Data);
    assert!(refused(1).to_string().contains("the selected directions have no variance"), "{}", refused(1));
    let two = table.fit("pca", &json!({"n_selected_components": 2})).unwrap();
    assert!(scores(&table, &two).iter().all(|score| score.is_finite()));
    let whole = |detector: &str| scores(&table, &table.fit(detector, &json!({})).unwrap());
    assert_eq!(whole("pca"), whole("mahalanobis"), "all directions are Mahalanobis' distance");
}

#[test]
fn hyperplanes_through_columns_that_are_not_there_and_too_many_of_them_are_refused() {
    let table = Table::new(3, 300, |_, _, uniform| Some(uniform));
    let refused = table.fit("eif", &json!({"extension": 3})).unwrap_err();
    assert_eq!(refused.code(), Code::Config);
    assert_eq!(refused.to_string(), "extension is 3, of 3 columns: it must be less; full looks at all");
    assert!(table.fit("eif", &json!({"extension": 2})).is_ok());
    // Of columns that do not vary no cut looks at any.
    let constant = Table::new(3, 300, |column, _, uniform| Some(if column == 1 { 7.0 } else { uniform }));
    let refused = constant.fit("eif", &json!({"extension": 2})).unwrap_err();
    assert_eq!(refused.code(), Code::Config);
    assert_eq!(refused.to_string(), "extension is 2, of 2 columns that vary: it must be less; full looks at all");
    assert!(constant.fit("eif", &json!({"extension": 1})).is_ok());
    let most = Table::new(400, 256, |column, _, uniform| Some(if column < 20 { uniform } else { 7.0 }));
    assert_eq!(most.fit("eif", &json!({})).unwrap().columns().len(), 20);
    let wide = Table::new(400, 256, |_, _, uniform| Some(uniform));
    let refused = wide.fit("eif", &json!({})).unwrap_err();
    assert_eq!(refused.code(), Code::Config);
    assert!(refused.to_string().contains("keeps up to 10240000 numbers, and 8388608 are the most"), "{refused}");
    assert!(wide.fit("eif", &json!({"extension": 9, "n_estimators": 9})).is_ok());
    let few = Table::new(400, 40, |_, _, uniform| Some(uniform));
    assert!(few.fit("eif", &json!({"n_estimators": 9})).is_ok());
}

#[test]
fn a_single_row_without_gaps_is_enough_for_a_model_that_reads_back() {
    for columns in [2, 3] {
        // Every row but one lacks a cell.
        let table = Table::new(columns, 400, |column, row, uniform| {
            (row == 7 || row % (2 * columns) == 2 * column + 1).then_some(uniform)
        });
        for (detector, parameters) in detectors() {
            let skip = FitSpec { missing: Missing::Skip, ..table.spec(detector, &parameters) };
            let model = table.fit_as(skip, &Cut::whole()).unwrap();
            let read = Model::from_bytes(&model.to_bytes()).unwrap();
            for level in Level::available() {
                let scores = table.score(&read, level, Missing::Center, 100);
                assert!(scores.iter().all(|score| score.is_finite()), "{detector} {parameters}, {columns} columns");
            }
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let table = Table::new(2, 300, |_, _, uniform| Some(uniform));
    let spec = || table.spec("auto", &json!({}));
    for refused in
        [FitSpec { columns: vec!["a".into(), "a".into()], ..spec() }, FitSpec { detector: "Auto".into(), ..spec() }]
    {
        assert_eq!(Fit::new(refused).unwrap_err().code(), Code::Config);
    }
    assert_eq!(Fit::new(FitSpec { columns: vec![], ..spec() }).unwrap_err().code(), Code::Data);
    // scikit-learn's seeds have 32 bits.
    let seeded = |seed| Fit::new(FitSpec { seed, ..table.spec("mcd", &json!({"compat": "sklearn"})) });
    assert!(seeded(u64::from(u32::MAX)).is_ok());
    let refused = seeded(1 << 32).unwrap_err();
    assert!(refused.to_string().contains("4294967295") && refused.code() == Code::Config, "{refused}");
    let model = table.fit("auto", &json!({})).unwrap();
    for share in [0.6, f64::NAN, -0.1] {
        assert_eq!(model.clone().with_contamination(share).unwrap_err().code(), Code::Config);
    }
}

#[test]
fn a_column_too_narrow_for_its_bins_is_refused_raw_and_scored_scaled() {
    let table = Table::new(1, 400, |_, _, uniform| Some(1e17 + (uniform * 5.0).floor() * 16.0));
    let refused = table.fit("hbos", &json!({"scale": "raw", "n_bins": 30})).unwrap_err();
    assert!(refused.to_string().contains("\"x0\"") && refused.code() == Code::Data, "{refused}");
    for bins in [2, 10, 30, 1024] {
        let model = table.fit("hbos", &json!({"n_bins": bins})).unwrap();
        assert!(scores(&table, &model).iter().all(|score| score.is_finite()));
    }
}

#[test]
fn thousands_of_columns_and_small_integers_work() {
    let wide = Table::new(3000, 40, |column, row, uniform| {
        Some(if (column, row) == (2999, 13) { 1e4 } else { (uniform * 256.0).floor() })
    });
    let tall = Table::new(3, 20_000, |_, _, uniform| Some((uniform * uniform * 256.0).floor()));
    for (detector, parameters) in detectors() {
        if matches!(detector, "mahalanobis" | "mcd" | "pca") {
            // All pairs of so many columns are too many.
            assert_eq!(wide.fit(detector, &parameters).unwrap_err().code(), Code::Config);
        } else {
            let model = wide.fit(detector, &parameters).unwrap();
            assert_eq!(model.columns().len(), 3000);
            let found = scores(&wide, &model);
            let sees_one_cell = matches!(detector, "zscore" | "mad") && parameters == json!({});
            assert!(!sees_one_cell || highest(&found) == 13, "{detector} {parameters}");
        }
        let model = tall.fit(detector, &parameters).unwrap();
        let Threshold { value, share_error } = model.threshold(0.05).unwrap();
        let share = scores(&tall, &model).iter().filter(|score| **score > value).count() as f64 / 20_000.0;
        // Ties at the threshold are not flagged, and small integers tie a lot.
        assert!(share <= 0.0501 && share > 0.01 && share_error == 0.0, "{detector} {parameters}: {share}");
    }
}

/// A source of which only a part is sampled: what two passes find is close to what all rows in memory give.
#[test]
fn two_passes_come_close_to_all_rows_in_memory() {
    let cell = |column: usize, row: usize, uniform: f64| match column % 40 {
        0 => Some((normal(uniform) * 12.0).round()),
        1 => Some(if uniform < 0.8 { 3.0 } else { 3.0 + uniform }),
        2 => Some(if row == 29_000 { 60.0 } else { normal(uniform) }),
        3 => (uniform < 0.5).then(|| (uniform * 4.0).exp()),
        _ => Some(normal(uniform)),
    };
    let sampled = Table::new(40, 30_000, cell);
    let narrow = Table::new(4, 30_000, cell);
    let cases = [("mad", json!({"aggregate": "sum"}), 2), ("hbos", json!({}), 2), ("auto", json!({}), 1)];
    for (detector, parameters, passes) in cases {
        let fit = Fit::new(sampled.spec(detector, &parameters)).unwrap();
        assert_eq!(fit.passes(), passes, "a real sample");
        let model = sampled.fit(detector, &parameters).unwrap();
        let threshold = model.threshold(0.01).unwrap();
        let found = scores(&sampled, &model);
        let share = found.iter().filter(|score| **score > threshold.value).count() as f64 / 30_000.0;
        assert!((share - 0.01).abs() < 5.0 * threshold.share_error, "{detector}: {share}");
        assert!(threshold.share_error > 0.0 && threshold.share_error < 0.001);
        assert!(detector != "mad" || highest(&found) == 29_000, "{detector}");
        // 40 columns of doubles in 8 MiB.
        assert_eq!((model.fit_rows(), model.source_rows()), (if passes == 1 { 26_214 } else { 30_000 }, 30_000));
    }
    let refined = sampled.fit("mad", &json!({})).unwrap().describe();
    let exact = narrow.fit("mad", &json!({})).unwrap().describe();
    for column in 0..4 {
        let center =
            |model: &serde_json::Value, key: &str| model["state"]["mad"]["columns"][column][key].as_f64().unwrap();
        let unit = center(&exact, "unit");
        let tolerance = if column < 2 { 0.0 } else { 1e-3 * unit };
        assert!((center(&refined, "center") - center(&exact, "center")).abs() <= tolerance, "column {column}");
        // The mean deviation of column 1 is summed in another order.
        assert!((center(&refined, "unit") - unit).abs() <= tolerance.max(1e-12 * unit), "column {column}");
    }
}

#[test]
fn summaries_of_another_fit_or_of_changed_rows_are_refused() {
    let table = Table::new(40, 30_000, |_, _, uniform| Some(normal(uniform)));
    let other = Table::new(40, 30_000, |_, row, uniform| Some(if row == 9 { f64::NAN } else { normal(uniform) }));
    let summary = |fit: &Fit, table: &Table| {
        let mut observer = fit.observer(Level::detect());
        table.batch(&table.all(), 0, 30_000, &mut |batch| observer.observe(batch));
        observer.finish()
    };
    let fit = Fit::new(table.spec("mad", &json!({}))).unwrap();
    let stranger = Fit::new(FitSpec { seed: 8, ..table.spec("mad", &json!({})) }).unwrap();
    let first = summary(&fit, &table);
    let stranger_merger = || stranger.clone().merger(Level::detect());
    assert_eq!(stranger.clone().advance(vec![first.clone()], Level::detect()).unwrap_err().code(), Code::Bug);
    let mut damaged = first.clone();
    damaged[1000] ^= 1;
    assert_eq!(fit.clone().advance(vec![damaged], Level::detect()).unwrap_err().code(), Code::Data);
    let mut merger = fit.clone().merger(Level::detect());
    merger.add(&first).unwrap();
    let so_far = merger.to_bytes();
    assert_eq!(stranger_merger().restore(&so_far).unwrap_err().code(), Code::Bug);
    for (bytes, code) in [(&so_far[1..], Code::Data), (&so_far[..so_far.len() - 1], Code::Data), (&first, Code::Data)] {
        assert_eq!(merger.restore(bytes).unwrap_err().code(), code);
    }
    assert_eq!(merger.to_bytes(), so_far, "what was refused changed nothing");
    let twice = fit.clone().advance(vec![first.clone(), first.clone()], Level::detect()).unwrap_err();
    assert!(twice.to_string().contains("60000 rows were read and 30000 were planned"), "{twice}");
    let Next::Pass(second) = fit.advance(vec![first.clone()], Level::detect()).unwrap() else { panic!("two passes") };
    assert_eq!(second.clone().advance(vec![first], Level::detect()).unwrap_err().code(), Code::Bug);
    let changed = summary(&second, &other);
    assert!(second.advance(vec![changed], Level::detect()).unwrap_err().to_string().contains("the source changed"));
}

#[test]
fn an_identifier_is_left_out_where_nobody_asked_for_it_whatever_the_passes() {
    // One that falls, with gaps; one that rises but for two rows; and one that is as good as a measurement.
    let table = Table::new(4, 150_000, |column, row, uniform| match column {
        0 => Some(row as f64 * 3.0),
        1 => (row % 7 != 0).then_some(-(row as f64)),
        2 => Some(if row % 2 == 0 { row as f64 } else { row as f64 - 2.0 }),
        _ => Some((1000.0 * normal(uniform)).round()),
    });
    let names = |table: &Table| (0..table.all().len()).map(|column| format!("x{column}")).collect::<Vec<_>>();
    for (detector, parameters) in detectors() {
        let spec = FitSpec { maybe_identifiers: names(&table), ..table.spec(detector, &parameters) };
        let (model, _) = table.fit_guided(spec.clone(), &table.claims(10_000, |group| group % 3 == 1));
        let left_out: Vec<(&str, &Cause)> =
            model.left_out().iter().map(|one| (one.column.as_str(), &one.cause)).collect();
        assert_eq!(left_out, [("x0", &Cause::Identifier), ("x1", &Cause::Identifier)], "{detector} {parameters}");
        assert_eq!(model.columns(), ["x2", "x3"], "{detector} {parameters}");
        let plain = table.fit_as(spec, &Cut::whole()).unwrap();
        assert_eq!(plain.columns(), ["x2", "x3"], "{detector} {parameters}");
    }
    let one = FitSpec { maybe_identifiers: vec!["x1".to_owned()], ..table.spec("zscore", &json!({})) };
    assert_eq!(table.fit_as(one, &Cut::whole()).unwrap().columns(), ["x0", "x2", "x3"]);
    let numbers = Table::new(1, 2000, |_, row, _| Some(row as f64));
    let refused = FitSpec { maybe_identifiers: names(&numbers), ..numbers.spec("auto", &json!({})) };
    let refused = numbers.fit_as(refused, &Cut::whole()).unwrap_err().to_string();
    assert!(refused.contains("\"x0\" is left out") && refused.contains("name the column"), "{refused}");
}
