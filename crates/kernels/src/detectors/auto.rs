//! The default detector: how rare a row is to several detectors together, each of which sees what others do not.
//!
//! ```text
//! iforest     few random cuts set the row apart
//! mcd         far from where three quarters of the rows lie, in units of how those vary together
//! neighbors   far from the nearest of some rows, none of which is among the tenth that are most unusual
//! ranks       the same where each cell is replaced by its rank, of rows as they come
//! core        far from the mean of the most ordinary three quarters, in units of how those vary together
//! ```
//!
//! The score is the [fusion](super::fusion) of their scores. What is unusual or ordinary is said by a first round: the fusion of
//! `iforest`, `mcd` and `knn` over the sampled rows. `speed=fast` has the first two members and needs no such round.
//!
//! Beyond 512 columns there are no covariances: `mcd` and `core` are left out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::auto_version_1;
use super::concentration::{Rows, keyed_rows};
use super::fusion::{self, Members};
use super::iforest::Isolation;
use super::knn::{self, Reference};
use super::ranks::Ranks;
use super::whitening::{COLUMNS_MAX, Whitening};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Score, Settings, State, score_columns, sound, written};
use crate::forest::grow::Growth;
use crate::known::Known;
use crate::neighbours::Neighbours;
use crate::parameter::choice;
use crate::tail::{Tail, rarities_among};
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "auto",
    summary: "How rare a row is to several detectors together (isolation forest, covariance, neighbours); needs no tuning.",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[choice("speed", &["full", "fast"], "which detectors: all, or the isolation forest and mcd alone")],
};

/// How states are written; they were two other members in the first version.
const VERSION: u32 = 2;
/// Trees, and sampled rows of each.
const TREES: usize = 100;
const TREE_ROWS: usize = 256;
/// Rows that others are compared with.
const REFERENCE: usize = 256;
/// Of the sampled rows, the share that is not unusual.
const CLEAN: f64 = 0.9;
/// Of the sampled rows, the share that is most ordinary.
const CORE: f64 = 0.75;

/// The detector.
#[derive(Debug)]
pub(crate) struct Auto;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    pub(crate) is_fast: bool,
}

impl Detector for Auto {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { is_fast: parameters.word("speed") == "fast" })
    }

    fn state_version(&self) -> u32 {
        VERSION
    }

    fn read(&self, version: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        if version == 1 {
            return sound(state, |state: &auto_version_1::Fusion| state.is_sound(columns));
        }
        sound(state, |state: &Fusion| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let growth = Growth { trees: TREES, rows: TREE_ROWS, seed: known.seed };
        let iforest = Isolation::grown(growth, known.scored_rows()?);
        // Found once more: the forest has changed its own, and both at once would take twice the room.
        let rows = known.scored_rows()?;
        let round = Round::new(known, &rows);
        let mut fusion = Fusion {
            iforest,
            mcd: round.has_covariances().then(|| round.standardized.close_together().whitening(&round.centers)),
            neighbors: None,
            ranks: None,
            core: None,
            tails: Vec::new(),
        };
        if !self.is_fast {
            round.complete(&mut fusion);
        }
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        fusion.tails = fusion.states().into_iter().map(|state| fusion::tail(state, known.level, &rows)).collect();
        Ok(Arc::new(fusion))
    }
}

/// What a first round looks at: some of the sampled rows, in an order of no meaning.
struct Round {
    level: Level,
    centers: Vec<Center>,
    /// Column by column.
    sampled: Vec<Vec<f64>>,
    standardized: Rows,
}

impl Round {
    fn new(known: &Known<'_>, rows: &[Vec<f64>]) -> Self {
        let sampled = keyed_rows(known.seed, rows);
        let centers = known.sample_centers(&sampled);
        let standardized = Rows::new(known.level, &centers, &sampled);
        Self { level: known.level, centers, sampled, standardized }
    }

    fn rows(&self) -> usize {
        self.sampled[0].len()
    }

    fn has_covariances(&self) -> bool {
        self.centers.len() <= COLUMNS_MAX
    }

    /// The first of some rows, to be compared with.
    fn reference(&self, rows: impl Iterator<Item = usize>) -> Reference {
        let rows: Vec<Vec<f64>> = rows.take(REFERENCE).map(|row| self.standardized.row(row)).collect();
        Reference { columns: self.centers.clone(), neighbours: Neighbours::new(knn::near(rows.len()), rows) }
    }

    /// The rows, the most ordinary first, to `fusion` and to the nearest of the first ones.
    fn ordered(&self, fusion: &Fusion) -> Vec<usize> {
        let columns: Vec<&[f64]> = self.sampled.iter().map(Vec::as_slice).collect();
        let neighbours = self.reference(0..self.rows());
        let mut sums = vec![0.0; self.rows()];
        for state in fusion.states().into_iter().chain([&neighbours as &dyn State]) {
            let rarities = rarities_among(&score_columns(&*state.scorer(self.level), &columns));
            sums.iter_mut().zip(rarities).for_each(|(sum, rarity)| *sum += rarity);
        }
        let mut order: Vec<usize> = (0..self.rows()).collect();
        order.sort_by(|&a, &b| sums[a].total_cmp(&sums[b]));
        order
    }

    /// Adds the members that want to know which rows are ordinary, and the one that comes with them.
    fn complete(&self, fusion: &mut Fusion) {
        let order = self.ordered(fusion);
        let most_ordinary = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the rows")]
            let count = ((share * order.len() as f64) as usize).max(1);
            let mut rows = order[..count].to_vec();
            rows.sort_unstable();
            rows
        };
        fusion.neighbors = Some(self.reference(most_ordinary(CLEAN).into_iter()));
        let reference = self.rows().min(REFERENCE);
        fusion.ranks = Some(Ranks::new(&self.sampled, reference, knn::near(reference)));
        fusion.core =
            self.has_covariances().then(|| self.standardized.of(&most_ordinary(CORE)).whitening(&self.centers));
    }
}

/// A frozen fusion.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fusion {
    iforest: Isolation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mcd: Option<Whitening>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    neighbors: Option<Reference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ranks: Option<Ranks>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    core: Option<Whitening>,
    /// The distribution of the scores of each.
    tails: Vec<Tail>,
}

impl Fusion {
    /// Each with its name.
    fn members(&self) -> impl Iterator<Item = (&'static str, &dyn State)> {
        fn some<S: State>(state: Option<&S>) -> Option<&dyn State> {
            state.map(|state| state as &dyn State)
        }
        let members: [(_, Option<&dyn State>); 5] = [
            ("iforest", Some(&self.iforest)),
            ("mcd", some(self.mcd.as_ref())),
            ("neighbors", some(self.neighbors.as_ref())),
            ("ranks", some(self.ranks.as_ref())),
            ("core", some(self.core.as_ref())),
        ];
        members.into_iter().filter_map(|(name, state)| Some((name, state?)))
    }

    fn states(&self) -> Vec<&dyn State> {
        self.members().map(|(_, state)| state).collect()
    }

    fn is_sound(&self, columns: usize) -> bool {
        self.iforest.is_sound(columns)
            && self.mcd.iter().chain(&self.core).all(|state| state.is_sound(columns))
            && self.neighbors.iter().all(|state| state.is_sound(columns))
            && self.ranks.iter().all(|state| state.is_sound(columns))
            && self.tails.len() == self.states().len()
            && self.tails.iter().all(Tail::is_sound)
    }
}

impl State for Fusion {
    fn version(&self) -> u32 {
        VERSION
    }

    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// What the members say, but not the distributions, which only a machine would read.
    fn describe(&self) -> Value {
        self.members().map(|(name, state)| (name.to_owned(), state.describe())).collect::<Map<_, _>>().into()
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Members::new(level, &self.states(), &self.tails))
    }
}
