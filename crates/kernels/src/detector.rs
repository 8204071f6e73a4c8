//! The table of detectors: what there is, what it can be told, and how a spec becomes a choice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FitError;
use crate::parameter::{ParameterDefault, ParameterInfo, ParameterKind, choice, number};

/// One detector, as the help of the command line shows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DetectorInfo {
    /// Its name.
    pub name: &'static str,
    /// What it looks at, in one sentence.
    pub summary: &'static str,
    /// How often a fit reads the source at most. A source small enough to be sampled whole is read once.
    pub passes: u32,
    /// How the summaries of chunks become one.
    pub merge: &'static str,
    /// What it can be told.
    pub parameters: &'static [ParameterInfo],
}

const AGGREGATE_Z: ParameterInfo =
    choice("aggregate", &["max", "sum"], "max: the largest |z| of a row; sum: the sum of z squared");
const AGGREGATE_MAD: ParameterInfo =
    choice("aggregate", &["max", "sum"], "max: the largest robust |z| of a row; sum: the sum of them");
const SCALE: ParameterInfo = choice(
    "scale",
    &["minmax", "raw"],
    "minmax: columns are brought to 0..1 first, so the score has no units; raw: PyOD's scores exactly",
);
const BINS: ParameterInfo = ParameterInfo {
    name: "n_bins",
    kind: ParameterKind::Integer,
    default: ParameterDefault::Integer(10),
    min: Some(2.0),
    max: Some(1024.0),
    choices: &[],
    help: "bins of equal width per column",
};
const ALPHA: ParameterInfo =
    number("alpha", 0.1, 1e-6, 1.0, "added to each density, so that an empty bin is not infinitely rare");
const TOL: ParameterInfo = number(
    "tol",
    0.5,
    0.0,
    1.0,
    "how far outside the fitted range a cell still counts as the outermost bin, in bin widths",
);

static DETECTORS: [DetectorInfo; 4] = [
    DetectorInfo {
        name: "auto",
        summary: "How rare a row is by histograms and by robust z-scores together; needs no tuning.",
        passes: 2,
        merge: "exact: integer counts, and a sample keyed by row number",
        parameters: &[],
    },
    DetectorInfo {
        name: "hbos",
        summary: "How rare each cell's histogram bin is, summed over the columns (histogram-based outlier score).",
        passes: 2,
        merge: "exact: integer counts",
        parameters: &[SCALE, BINS, ALPHA, TOL],
    },
    DetectorInfo {
        name: "mad",
        summary: "How far each cell is from its column's median, in median absolute deviations (robust z-score).",
        passes: 2,
        merge: "exact: integer counts; the quantiles are refined to a small part of the spread",
        parameters: &[AGGREGATE_MAD],
    },
    DetectorInfo {
        name: "zscore",
        summary: "How far each cell is from its column's mean, in standard deviations.",
        passes: 1,
        merge: "mean and squares per row group, merged in the order of the rows",
        parameters: &[AGGREGATE_Z],
    },
];

/// Every detector, by name.
#[must_use]
pub fn detectors() -> &'static [DetectorInfo] {
    &DETECTORS
}

/// How the cells of a row become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aggregate {
    /// The largest distance.
    Max,
    /// The sum of the distances.
    Sum,
    /// The sum of the squared distances.
    Squares,
}

/// What HBOS was told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistogramSettings {
    /// Whether columns are brought to 0..1 first.
    pub(crate) minmax: bool,
    pub(crate) bins: usize,
    pub(crate) alpha: f64,
    pub(crate) tol: f64,
}

/// A detector with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice {
    Auto,
    Hbos(HistogramSettings),
    Mad(Aggregate),
    Zscore(Aggregate),
}

/// Parameters with every default filled in.
pub(crate) type Parameters = BTreeMap<String, Value>;

/// The detector and the complete parameters a spec asks for.
pub(crate) fn choose(name: &str, given: &Parameters) -> Result<(Choice, Parameters), FitError> {
    let info = DETECTORS.iter().find(|info| info.name == name).ok_or_else(|| {
        let names: Vec<&str> = DETECTORS.iter().map(|info| info.name).collect();
        FitError::Config(format!("there is no detector {name:?}; there are {}", names.join(", ")))
    })?;
    if let Some(unknown) = given.keys().find(|key| info.parameters.iter().all(|parameter| parameter.name != *key)) {
        let names: Vec<&str> = info.parameters.iter().map(|parameter| parameter.name).collect();
        let known = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(FitError::Config(format!("detector {name} has no parameter {unknown:?}; {known}")));
    }
    let mut complete = Parameters::new();
    for parameter in info.parameters {
        complete.insert(parameter.name.to_owned(), parameter.read(given.get(parameter.name))?);
    }
    let word = |key: &str| complete.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| complete.get(key).and_then(Value::as_f64).unwrap_or_default();
    let choice = match (name, word("aggregate")) {
        ("auto", _) => Choice::Auto,
        ("zscore", "sum") => Choice::Zscore(Aggregate::Squares),
        ("zscore", _) => Choice::Zscore(Aggregate::Max),
        ("mad", "sum") => Choice::Mad(Aggregate::Sum),
        ("mad", _) => Choice::Mad(Aggregate::Max),
        _ => Choice::Hbos(HistogramSettings {
            minmax: word("scale") == "minmax",
            bins: complete
                .get("n_bins")
                .and_then(Value::as_u64)
                .and_then(|bins| bins.try_into().ok())
                .unwrap_or_default(),
            alpha: number("alpha"),
            tol: number("tol"),
        }),
    };
    Ok((choice, complete))
}

impl HistogramSettings {
    /// What HBOS does when nothing is said; a member of `auto`.
    pub(crate) const DEFAULT: Self = Self { minmax: true, bins: 10, alpha: 0.1, tol: 0.5 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(detector: &str, parameters: &Value) -> Result<Choice, String> {
        let parameters = parameters.as_object().unwrap().clone().into_iter().collect();
        choose(detector, &parameters).map(|(choice, _)| choice).map_err(|error| {
            assert_eq!(error.code(), "CONFIG");
            error.to_string()
        })
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        assert_eq!(with("auto", &json!({})), Ok(Choice::Auto));
        assert_eq!(with("hbos", &json!({})), Ok(Choice::Hbos(HistogramSettings::DEFAULT)));
        assert_eq!(with("mad", &json!({})), Ok(Choice::Mad(Aggregate::Max)));
        assert_eq!(with("zscore", &json!({"aggregate": "sum"})), Ok(Choice::Zscore(Aggregate::Squares)));
        let raw = HistogramSettings { minmax: false, bins: 37, ..HistogramSettings::DEFAULT };
        assert_eq!(with("hbos", &json!({"scale": "raw", "n_bins": "37"})), Ok(Choice::Hbos(raw)));
    }

    #[test]
    fn what_is_not_allowed_is_named_with_what_is() {
        for (detector, parameters, said) in [
            ("iforest", json!({}), "there are auto, hbos, mad, zscore"),
            ("auto", json!({"members": "hbos"}), "it has none"),
            ("mad", json!({"agregate": "sum"}), "it has aggregate"),
            ("mad", json!({"aggregate": "mean"}), "max or sum"),
            ("hbos", json!({"n_bins": 1}), "a whole number from 2 to 1024"),
            ("hbos", json!({"n_bins": 10.5}), "a whole number from 2 to 1024"),
            ("hbos", json!({"n_bins": "many"}), "a whole number from 2 to 1024"),
            ("hbos", json!({"alpha": 0}), "a number from 0.000001 to 1"),
            ("hbos", json!({"tol": "NaN"}), "a number from 0 to 1"),
        ] {
            let refused = with(detector, &parameters).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_table_is_plain_json() {
        let table = serde_json::to_value(detectors()).unwrap();
        assert_eq!(table[1]["parameters"][1]["default"], json!(10));
        assert_eq!(
            table[1]["parameters"][0],
            json!({
                "name": "scale", "kind": "choice", "default": "minmax", "min": null, "max": null,
                "choices": ["minmax", "raw"], "help": SCALE.help,
            })
        );
    }
}
