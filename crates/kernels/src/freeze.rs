//! From summaries to a frozen model, and to where the next pass looks.

use std::sync::Arc;

use crate::asked::Asked;
use crate::binning;
use crate::center::Center;
use crate::claims::RowGroup;
use crate::detector::score_columns;
use crate::distribution::Distribution;
use crate::known::Known;
use crate::left_out::{self, Cause, Causes, LeftOut};
use crate::model::Payload;
use crate::places::Places;
use crate::quantile;
use crate::stage::{Stage, Targets};
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::Cuts;
use crate::summaries::range::Range;
use crate::summaries::tally::Tally;
use crate::usual::Usual;
use crate::{FitError, Level, Model, ecdf, survey};

/// Cells of a column in a pilot from which its brackets are guessed. With fewer, not even half of all cells hold the median.
const PILOT_CELLS_MIN: usize = 64;

/// Of each column.
type Brackets = Arc<Vec<Option<Bracket>>>;

/// The model, from what the first pass `total` learned, and from what was counted where the targets say: by the same pass or
/// by a second one. Where there are none, nothing had to be counted, or all rows were sampled.
pub(crate) fn model(
    asked: &Asked,
    total: &Summary,
    counted: Option<(&Targets, &Summary)>,
    level: Level,
) -> Result<Model, FitError> {
    let used = used(asked, total)?;
    let (names, missing) = (asked.spec.columns.as_slice(), asked.spec.missing);
    let known = Known { level, seed: asked.spec.seed, names, used: &used, missing, total, counted };
    let state = match &asked.forest {
        Some(forest) => forest.shared_state(),
        None => asked.method.freeze(&known)?,
    };
    let rows = known.scored_rows()?;
    let scores = score_columns(&*state.scorer(level), &borrow(&rows));
    Ok(Model::new(Payload {
        detector: asked.spec.detector.clone(),
        parameters: asked.parameters.clone(),
        columns: used.iter().map(|&column| names[column].clone()).collect(),
        left_out: if asked.spec.forest.is_some() { vec![] } else { left_out(names, &causes(asked, total)) },
        fit_rows: total.rows,
        source_rows: None,
        seed: asked.spec.seed,
        contamination: None,
        missing,
        threshold: asked.forest.as_ref().and_then(|forest| forest.own_threshold()),
        state,
        scores: Distribution::new(scores, asked.sampling().takes_all()),
        usual: Some(rows.into_iter().map(Usual::of).collect()),
    }))
}

/// Where the second pass counts.
pub(crate) fn look_closer(asked: &Asked, total: Summary) -> Result<Stage, FitError> {
    let used = used(asked, &total)?;
    let cuts = cuts(asked, ranges(&total), &used)?.map(Arc::new);
    let bracket = |column| quantile::bracket(&quantile::sorted_finite(sampled(&total, column)), ranges(&total)[column]);
    let brackets = brackets(asked, ranges(&total), &used, bracket);
    let places = places(asked, &used, &total);
    let centers = match &total.moments {
        Some(moments) if asked.method.wants().products => Some(Arc::new(Center::of_columns(&moments.finish(), &used))),
        _ => None,
    };
    // What was counted under a guess that missed is of no more use.
    let first = Summary { histogram: None, counted: None, distances: None, counts_below: None, ..total };
    Ok(Stage::Second { first: Box::new(first), targets: Targets { used, cuts, brackets, places, centers } })
}

/// What a pilot found.
pub(crate) struct Pilot<'a> {
    /// What is claimed of the source's row groups.
    pub(crate) groups: &'a [RowGroup],
    pub(crate) total: &'a Summary,
    /// How many rows were sampled up to the end of each row group it read.
    pub(crate) sampled: &'a [usize],
}

impl Pilot<'_> {
    /// The sampled cells of a column, row group by row group.
    fn sampled(&self, column: usize) -> Vec<&[f64]> {
        let cells = sampled(self.total, column);
        let starts = std::iter::once(0).chain(self.sampled.iter().copied());
        starts.zip(self.sampled).map(|(start, &end)| &cells[start..end]).collect()
    }

    fn bracket(&self, column: usize, range: Range) -> Bracket {
        survey::bracket(self.groups, column, range, &self.sampled(column), self.total.tally[column].finite)
    }

    /// Whether enough of its cells were sampled to guess from.
    fn suffices(&self, column: usize) -> bool {
        sampled(self.total, column).iter().filter(|cell| cell.is_finite()).count() >= PILOT_CELLS_MIN
    }
}

/// Where to count at once, given the ranges that are claimed, and what a pilot found where there must be brackets; none
/// where that is too little to guess from.
pub(crate) fn guess(asked: &Asked, ranges: Vec<Range>, pilot: Option<&Pilot<'_>>) -> Option<Stage> {
    // A range that is claimed to be finite is claimed to be without infinities too.
    let used: Vec<usize> = (0..ranges.len()).filter(|&column| ranges[column].varies()).collect();
    if used.is_empty() {
        return None;
    }
    let cuts = cuts(asked, &ranges, &used).ok()?.map(Arc::new);
    let brackets = match pilot {
        Some(pilot) if !used.iter().all(|&column| pilot.suffices(column)) => return None,
        Some(pilot) => brackets(asked, &ranges, &used, |column| pilot.bracket(column, ranges[column])),
        None => None,
    };
    let places = pilot.and_then(|pilot| places(asked, &used, pilot.total));
    Some(Stage::Guessed { ranges, targets: Targets { used, cuts, brackets, places, centers: None } })
}

/// Whether what was guessed is what the pass found: the ranges to the bit, which columns vary, and in each bracket the
/// ranks looked for.
pub(crate) fn holds(claimed: &[Range], targets: &Targets, total: &Summary) -> bool {
    let counted = total.counted.as_deref().unwrap_or_default();
    let brackets = targets.brackets.iter().flat_map(|brackets| brackets.iter());
    claimed == ranges(total)
        && targets.used == varying(&idle(total))
        && (brackets.zip(counted).zip(&total.tally))
            .all(|((bracket, counted), tally)| bracket.is_none_or(|it| quantile::holds(tally.finite, &it, counted)))
}

/// The brackets of the columns `used` where spreads are wanted, each by `bracket`; none where all cells are infinite.
fn brackets(asked: &Asked, ranges: &[Range], used: &[usize], bracket: impl Fn(usize) -> Bracket) -> Option<Brackets> {
    asked.method.wants().spreads.then(|| {
        let mut brackets = vec![None; ranges.len()];
        for &column in used.iter().filter(|&&column| !ranges[column].is_empty()) {
            brackets[column] = Some(bracket(column));
        }
        Arc::new(brackets)
    })
}

/// Most places of a column below which cells are counted, and those of all columns.
const PLACES_MAX: usize = 2048;
const PLACES_OF_ALL: usize = 1 << 17;

/// Below what the cells of the columns `used` are counted where distribution functions are wanted, by a sample.
fn places(asked: &Asked, used: &[usize], sample: &Summary) -> Option<Arc<Vec<Places>>> {
    asked.method.wants().ecdfs.then(|| {
        let columns = asked.spec.columns.len();
        let most = (PLACES_OF_ALL / columns).clamp(64, PLACES_MAX);
        let mut places = vec![Places::new(&[]); columns];
        for &column in used {
            places[column] = ecdf::places_of_sample(&quantile::sorted_finite(sampled(sample, column)), most);
        }
        Arc::new(places)
    })
}

/// The sampled cells of a column, by rows.
fn sampled(total: &Summary, column: usize) -> &[f64] {
    &total.sample.as_ref().expect("pilots and first passes collect a sample").columns[column]
}

/// The cuts to count between, where counts are wanted: none for the columns left out.
pub(crate) fn cuts(asked: &Asked, ranges: &[Range], used: &[usize]) -> Result<Option<Vec<Cuts>>, FitError> {
    let settings = asked.method.wants().counts;
    settings.map(|settings| Ok(binning::cuts(&binning::bins(ranges, used, &asked.spec.columns, settings)?))).transpose()
}

/// The columns that vary, but for identifiers. There must be one. A model that is calibrated has the columns that it has.
fn used(asked: &Asked, total: &Summary) -> Result<Vec<usize>, FitError> {
    if asked.spec.forest.is_some() {
        return Ok((0..asked.spec.columns.len()).collect());
    }
    let causes = causes(asked, total);
    let used = varying(&causes);
    if !used.is_empty() {
        return Ok(used);
    }
    let left_out = left_out(&asked.spec.columns, &causes);
    let causes = Causes(&left_out);
    Err(match total.rows {
        1 => FitError::OneRow(format!("1 row: nothing to compare; {causes}")),
        _ => FitError::Constant(format!("nothing is left to tell rows apart: {causes}")),
    })
}

fn varying(causes: &[Option<Cause>]) -> Vec<usize> {
    (0..causes.len()).filter(|&column| causes[column].is_none()).collect()
}

fn left_out(names: &[String], causes: &[Option<Cause>]) -> Vec<LeftOut> {
    let left_out =
        |(column, cause): (&String, &Option<Cause>)| Some(LeftOut { column: column.clone(), cause: (*cause)? });
    names.iter().zip(causes).filter_map(left_out).collect()
}

/// Why each column plays no part; `None` where it does.
fn causes(asked: &Asked, total: &Summary) -> Vec<Option<Cause>> {
    let mut causes = idle(total);
    let columns = asked.spec.columns.iter().enumerate().filter(|(_, name)| asked.spec.maybe_identifiers.contains(name));
    for (column, _) in columns {
        let numbers = || left_out::number_rows(sampled(total, column));
        causes[column] = causes[column].or_else(|| numbers().then_some(Cause::Identifier));
    }
    causes
}

/// Why each column does not vary; `None` where it does. An infinity differs from every number and from its opposite.
fn idle(total: &Summary) -> Vec<Option<Cause>> {
    // Whether there are two finite cells that differ, and else what they all are.
    let finite: Vec<(bool, f64)> = match (&total.moments, &total.range) {
        (Some(moments), _) => moments.finish().iter().map(|moments| (moments.varies(), moments.value())).collect(),
        (None, Some(ranges)) => ranges.iter().map(|range| (range.varies(), range.low)).collect(),
        (None, None) => unreachable!("a first pass collects moments or ranges"),
    };
    let cause = |(tally, (varies, value)): (&Tally, (bool, f64))| match [tally.finite, tally.above, tally.below]
        .map(|count| count > 0)
    {
        [false, false, false] => Some(Cause::Empty),
        [true, false, false] if !varies => Some(Cause::Constant { value }),
        [false, true, false] => Some(Cause::Constant { value: f64::INFINITY }),
        [false, false, true] => Some(Cause::Constant { value: f64::NEG_INFINITY }),
        _ => None,
    };
    total.tally.iter().zip(finite).map(cause).collect()
}

fn borrow(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

/// Of each column; none where they were not wanted.
fn ranges(total: &Summary) -> &[Range] {
    total.range.as_deref().unwrap_or_default()
}
