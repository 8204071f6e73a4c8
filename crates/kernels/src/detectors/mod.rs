//! The detectors, one file each, and the table of them. What several share has a file too: `deviation`
//! distances from a centre, `stairs` functions that are constant between cuts, `even_steps` such functions in registers, `projections` sums of cells and their
//! histograms, `whitening` directions in which columns vary together,
//! `concentration` the rows that lie closest together, `fast_mcd` those as scikit-learn finds them, `fusion` several scores as one, `ranks` neighbours by ranks,
//! `tail_probabilities` how rare a cell is on either side of its column.

pub(crate) mod auto;
pub(crate) mod auto_version_1;
pub(crate) mod concentration;
pub(crate) mod copod;
pub(crate) mod deviation;
pub(crate) mod ecod;
pub(crate) mod eif;
#[cfg(target_arch = "x86_64")]
pub(crate) mod even_steps;
pub(crate) mod fast_mcd;
pub(crate) mod fusion;
pub(crate) mod hbos;
pub(crate) mod hst;
pub(crate) mod iforest;
pub(crate) mod inne;
pub(crate) mod iqr;
pub(crate) mod knn;
pub(crate) mod loda;
pub(crate) mod mad;
pub(crate) mod mahalanobis;
pub(crate) mod mcd;
pub(crate) mod pca;
pub(crate) mod projections;
pub(crate) mod ranks;
pub(crate) mod stairs;
pub(crate) mod tail_probabilities;
pub(crate) mod whitening;
pub(crate) mod zscore;

use std::sync::Arc;

use crate::FitError;
use crate::detector::{Detector, DetectorInfo, Method, Parameters, Settings};

/// Every detector, by name.
static TABLE: [&dyn Detector; 16] = [
    &auto::Auto,
    &copod::Copod,
    &ecod::Ecod,
    &eif::Eif,
    &hbos::Hbos,
    &hst::Hst,
    &iforest::Iforest,
    &inne::Inne,
    &iqr::Iqr,
    &knn::Knn,
    &loda::Loda,
    &mad::Mad,
    &mahalanobis::Mahalanobis,
    &mcd::Mcd,
    &pca::Pca,
    &zscore::Zscore,
];

/// What is said of every detector.
#[must_use]
pub fn detectors() -> Vec<&'static DetectorInfo> {
    TABLE.iter().map(|detector| detector.info()).collect()
}

/// The detector of that name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Detector> {
    TABLE.iter().find(|detector| detector.info().name == name).copied()
}

/// The method and the complete parameters a spec asks for.
pub(crate) fn choose(name: &str, given: &Parameters) -> Result<(Arc<dyn Method>, Parameters), FitError> {
    let detector = named(name).ok_or_else(|| {
        let names: Vec<&str> = detectors().iter().map(|info| info.name).collect();
        FitError::Config(format!("there is no detector {name:?}; there are {}", names.join(", ")))
    })?;
    let known = detector.info().parameters;
    if let Some(unknown) = given.keys().find(|key| known.iter().all(|parameter| parameter.name != *key)) {
        let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
        let known = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(FitError::Config(format!("detector {name} has no parameter {unknown:?}; {known}")));
    }
    let mut complete = Parameters::new();
    for parameter in known {
        complete.insert(parameter.name.to_owned(), parameter.read(given.get(parameter.name))?);
    }
    Ok((detector.method(Settings(&complete)), complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binning::HistogramSettings;
    use serde_json::{Value, json};
    use std::fmt::Debug;

    fn with(detector: &str, parameters: &Value) -> Result<String, String> {
        let parameters = parameters.as_object().unwrap().clone().into_iter().collect();
        choose(detector, &parameters).map(|(method, _)| format!("{method:?}")).map_err(|error| {
            assert_eq!(error.code(), batch_core_error::Code::Config);
            error.to_string()
        })
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        use deviation::Aggregate;
        let ok = |method: &dyn Debug| Ok(format!("{method:?}"));
        let default = HistogramSettings::DEFAULT;
        assert_eq!(with("auto", &json!({})), ok(&auto::Fitting { is_fast: false }));
        assert_eq!(with("auto", &json!({"speed": "fast"})), ok(&auto::Fitting { is_fast: true }));
        assert_eq!(with("hbos", &json!({})), ok(&hbos::Fitting(default)));
        assert_eq!(with("eif", &json!({})), with("eif", &json!({"extension": "full", "n_estimators": 100})));
        assert_ne!(with("eif", &json!({})), with("eif", &json!({"extension": "0"})));
        assert_eq!(with("mad", &json!({})), ok(&mad::Fitting(Aggregate::Max)));
        assert_eq!(with("zscore", &json!({"aggregate": "sum"})), ok(&zscore::Fitting(Aggregate::Squares)));
        let raw = HistogramSettings { minmax: false, bins: 37, ..default };
        assert_eq!(with("hbos", &json!({"scale": "raw", "n_bins": "37"})), ok(&hbos::Fitting(raw)));
    }

    #[test]
    fn what_is_not_allowed_is_named_with_what_is() {
        for (detector, parameters, said) in [
            (
                "isolation",
                json!({}),
                "there are auto, copod, ecod, eif, hbos, hst, iforest, inne, iqr, knn, loda, mad, mahalanobis, mcd, pca, zscore",
            ),
            ("auto", json!({"members": "hbos"}), "it has speed"),
            ("mahalanobis", json!({"support": 0.5}), "it has none"),
            ("mcd", json!({"compat": "pyod"}), "none or sklearn"),
            ("auto", json!({"speed": "slow"}), "full or fast"),
            ("mad", json!({"agregate": "sum"}), "it has aggregate"),
            ("mad", json!({"aggregate": "mean"}), "max or sum"),
            ("eif", json!({"extension": "most"}), "full or a whole number from 0 to 4095"),
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
        assert_eq!(table[4]["parameters"][1]["default"], json!(10));
        assert_eq!(
            table[4]["parameters"][0],
            json!({
                "name": "scale", "kind": "choice", "default": "minmax", "min": null, "max": null,
                "choices": ["minmax", "raw"], "help": hbos_scale_help(),
            })
        );
    }

    fn hbos_scale_help() -> &'static str {
        hbos::Hbos.info().parameters[0].help
    }

    #[test]
    fn what_is_said_of_passes_is_what_is_wanted() {
        for detector in TABLE {
            let parameters = Parameters::new();
            let (method, _) = choose(detector.info().name, &parameters).unwrap();
            assert_eq!(detector.info().passes == 0, method.wants().only_sample(), "{}", detector.info().name);
        }
    }

    #[test]
    fn the_table_is_in_order_and_every_name_is_there_once() {
        let names: Vec<&str> = detectors().iter().map(|info| info.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
}
