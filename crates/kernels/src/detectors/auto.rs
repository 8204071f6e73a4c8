//! The default detector: how rare a row is by histograms and by robust z-scores, together.
//!
//! The score is the sum over the members of -ln(1 - rank), where rank is that of the member's score in its own frozen
//! distribution. So members with different scales weigh the same, an ordinary row has nearly 0, and a row that one
//! member finds extremely rare keeps all of that. The members are HBOS with its defaults, which adds up small
//! peculiarities over the columns, and the largest robust z-score, which sees the one cell that is far out: on 22
//! labelled sets the largest served slightly better here than the sum, which does again what HBOS does.

use serde::{Deserialize, Serialize};

use super::Member;
use super::deviation::Deviations;
use super::hbos::Histograms;
use crate::Level;
use crate::detector::Aggregate;
use crate::tail::Tail;

/// How the robust z-scores of a row become the member's score.
pub(crate) const AGGREGATE: Aggregate = Aggregate::Max;

/// A frozen fusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    pub(crate) hbos: Histograms,
    pub(crate) mad: Deviations,
    /// The distribution of each member's scores, in the order of [`Fusion::members`].
    pub(crate) tails: [Tail; 2],
}

impl Fusion {
    /// The fusion of two fitted members whose scores are distributed as in the sampled rows `columns`, of which there
    /// is one at least.
    pub(crate) fn new(level: Level, hbos: Histograms, mad: Deviations, columns: &[&[f64]]) -> Self {
        let tails = [Member::Stairs(hbos.stairs()), Member::Deviations(&mad)].map(|member| {
            let mut scores = member.score(level, columns);
            scores.sort_unstable_by(f64::total_cmp);
            Tail::new(&scores)
        });
        Self { hbos, mad, tails }
    }

    pub(crate) fn members(&self) -> [Member<'_>; 2] {
        [Member::Stairs(self.hbos.stairs()), Member::Deviations(&self.mad)]
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.hbos.is_sound(columns) && self.mad.is_sound(columns) && self.tails.iter().all(Tail::is_sound)
    }
}
