//! The default detector: how rare a row is by histograms and by robust z-scores, together.
//!
//! The score is the sum over the members of -ln(1 - rank), where rank is that of the member's score in its own frozen
//! distribution. So members with different scales weigh the same, an ordinary row has nearly 0, and a row that one
//! member finds extremely rare keeps all of that. The members are HBOS with its defaults, which adds up small
//! peculiarities over the columns, and the largest robust z-score, which sees the one cell that is far out: on 22
//! labelled sets the largest served slightly better here than the sum, which does again what HBOS does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::deviation::{Aggregate, Deviations};
use super::hbos::Histograms;
use super::mad;
use crate::binning::HistogramSettings;
use crate::detector::{Detector, DetectorInfo, Method, Score, Settings, State, score_columns, sound, written};
use crate::known::Known;
use crate::numbers::BLOCK;
use crate::scale;
use crate::tail::{Tail, TailLookup};
use crate::wants::Wants;
use crate::{FitError, Level};

/// How the robust z-scores of a row become the member's score.
const AGGREGATE: Aggregate = Aggregate::Max;

static INFO: DetectorInfo = DetectorInfo {
    name: "auto",
    summary: "How rare a row is by histograms and by robust z-scores together; needs no tuning.",
    passes: 2,
    merge: "exact: integer counts, and a sample keyed by row number",
    parameters: &[],
};

/// The detector, and how it is fitted: there is nothing to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Auto;

impl Detector for Auto {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, _: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(*self)
    }

    fn read(&self, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Fusion| state.is_sound(columns))
    }
}

impl Method for Auto {
    fn wants(&self) -> Wants {
        Wants { counts: Some(HistogramSettings::DEFAULT), spreads: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let hbos = Histograms::new(known, HistogramSettings::DEFAULT)?;
        let mad = mad::deviations(known, AGGREGATE);
        let rows = known.scored_rows()?;
        let columns: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let tail = |state: &dyn State| {
            let mut scores = score_columns(&*state.scorer(known.level), &columns);
            scores.sort_unstable_by(f64::total_cmp);
            Tail::new(&scores)
        };
        let tails = [tail(&hbos), tail(&mad)];
        Ok(Arc::new(Fusion { hbos, mad, tails }))
    }
}

/// A frozen fusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fusion {
    hbos: Histograms,
    mad: Deviations,
    /// The distribution of the scores of each.
    tails: [Tail; 2],
}

impl Fusion {
    fn is_sound(&self, columns: usize) -> bool {
        self.hbos.is_sound(columns) && self.mad.is_sound(columns) && self.tails.iter().all(Tail::is_sound)
    }
}

impl State for Fusion {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the knots of the tails, which only a machine would read.
    fn describe(&self) -> Value {
        json!({ "hbos": self.hbos, "mad": self.mad })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let [hbos, mad] = &self.tails;
        Box::new(Members([
            (self.hbos.scorer(level), TailLookup::new(hbos)),
            (self.mad.scorer(level), TailLookup::new(mad)),
        ]))
    }
}

/// The members, each with the distribution of its scores.
#[derive(Debug)]
struct Members<'s>([(Box<dyn Score + 's>, TailLookup<'s>); 2]);

impl Score for Members<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (member, tail) in &self.0 {
            let mut own = [0.0; BLOCK];
            let own = &mut own[..scores.len()];
            member.block(columns, own);
            scores.iter_mut().zip(own).for_each(|(score, own)| *score += tail.rarity(*own));
        }
    }

    /// They add up to the score, unless to every member the row is as ordinary as can be: then all are 0.
    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        let mut parts = vec![0.0; cells.len()];
        // The rarity of members to which every cell is the most ordinary: that rarity is not 0, for many rows share it.
        let mut unshared = 0.0;
        for (member, tail) in &self.0 {
            // A member's rarity is shared out in proportion to what each cell added to its score.
            let own = member.contributions(cells);
            let one_row: Vec<&[f64]> = cells.iter().map(std::slice::from_ref).collect();
            let mut score = [0.0];
            member.block(&one_row, &mut score);
            let rarity = tail.rarity(score[0]);
            // Where cells are as far out as can be, their sum is beyond all doubles, but a part of each is not.
            let unit = if own.iter().sum::<f64>().is_finite() { 1.0 } else { scale::power(-64) };
            let total: f64 = own.iter().map(|own| own * unit).sum();
            if total > 0.0 {
                parts.iter_mut().zip(&own).for_each(|(part, own)| *part += rarity * (own * unit / total));
            } else {
                unshared += rarity;
            }
        }
        let shared: f64 = parts.iter().sum();
        if shared > 0.0 {
            for part in &mut parts {
                *part += unshared * (*part / shared);
            }
        }
        parts
    }
}
