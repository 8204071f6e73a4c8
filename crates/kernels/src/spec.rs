//! What a fit is asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FitError;
use crate::error::name_list;

/// What a missing cell means. Null and NaN are both missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The cell counts as its column's centre: it adds nothing unusual to the score.
    #[default]
    Center,
    /// The row gets no score: the kernel writes NaN, the output holds null.
    Skip,
    /// There must be none: a fit refuses the data; a scorer writes NaN, which its caller turns into the error.
    Error,
}

/// What to fit, on what. The same spec and the same rows give the same model, to the byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSpec {
    /// The detector's name in [`detectors`](crate::detectors).
    pub detector: String,
    /// Parameters that differ from their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// The columns, in the order in which every batch brings them.
    pub columns: Vec<String>,
    /// Keys the hash that chooses the sampled rows.
    #[serde(default)]
    pub seed: u64,
    /// Rows planned, over all files; with a condition at most so many, until those that meet it are counted.
    pub rows: u64,
    /// What a missing cell means.
    #[serde(default)]
    pub missing: Missing,
    /// How many rows the fit looks at; what its detector needs where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit_rows: Option<FitRows>,
    /// The SQL expression that is true of the rows to fit on; all of them where nothing is said. It is for whoever reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Those of the columns that are left out where they turn out to be identifiers: columns of whole numbers that nobody asked for by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maybe_identifiers: Vec<String>,
    /// The digest of an imported model, of which only how its scores are distributed is to be found out: a [calibration](crate::calibration).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forest: Option<String>,
}

/// How many rows a fit looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FitRows {
    /// All of them.
    All,
    /// So many, which are sampled and held in memory; all where there are no more.
    #[serde(untagged)]
    Count(u64),
}

impl FitSpec {
    /// Refuses what no detector could work with.
    pub(crate) fn check(&self) -> Result<(), FitError> {
        if self.columns.is_empty() {
            return Err(FitError::Data("there is no column to fit; choose columns that hold numbers".to_owned()));
        }
        let mut seen = BTreeSet::new();
        let twice: Vec<String> = self.columns.iter().filter(|name| !seen.insert(*name)).cloned().collect();
        if !twice.is_empty() {
            return Err(FitError::Config(format!("named more than once: {}", name_list(&twice))));
        }
        if self.fit_rows == Some(FitRows::Count(0)) {
            return Err(FitError::Config("0 rows to fit on: there must be one at least".to_owned()));
        }
        if self.rows == 0 {
            return Err(FitError::Data(format!(
                "there are no rows to fit {} on; give a source with rows, or score with a saved model",
                name_list(&self.columns)
            )));
        }
        Ok(())
    }
}
