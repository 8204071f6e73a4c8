//! What `auto` was at first: HBOS with its defaults, and the largest robust z-score. Models of it are read and score as they did; none is
//! fitted any more.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::deviation::Deviations;
use super::fusion::Members;
use super::hbos::Histograms;
use crate::Level;
use crate::detector::{Score, State, written};
use crate::tail::Tail;

/// A frozen fusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    hbos: Histograms,
    mad: Deviations,
    /// The distribution of the scores of each.
    tails: [Tail; 2],
}

impl Fusion {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.hbos.is_sound(columns) && self.mad.is_sound(columns) && self.tails.iter().all(Tail::is_sound)
    }
}

impl State for Fusion {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn describe(&self) -> Value {
        json!({ "hbos": self.hbos, "mad": self.mad })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Members::new(level, &[&self.hbos, &self.mad], &self.tails))
    }
}
