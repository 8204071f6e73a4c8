//! From summaries to a frozen model.

use std::sync::Arc;

use crate::detector::{Choice, HistogramSettings};
use crate::detectors::auto::{self, Fusion};
use crate::detectors::hbos::{self, Histograms};
use crate::detectors::{mad, zscore};
use crate::distribution::Distribution;
use crate::fit::Fit;
use crate::left_out::{Cause, Causes, LeftOut};
use crate::model::{Payload, State};
use crate::numbers::BLOCK;
use crate::quantile::{self, Margin};
use crate::scorer;
use crate::stage::{Stage, Targets};
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::{Cuts, Histogram};
use crate::summaries::moments::GroupMoments;
use crate::summaries::range::Range;
use crate::summaries::tally::Tally;
use crate::{FitError, Level, Missing, Model};

/// Cells of a column in a pilot from which its brackets are guessed. With fewer, the brackets are wide and the pass slow.
const PILOT_CELLS_MIN: usize = 2048;

/// The model of a detector with one pass, or of rows that were all sampled.
pub(crate) fn after_only(fit: &Fit, total: &Summary, level: Level) -> Result<Model, FitError> {
    let used = used(fit, total)?;
    let columns = sampled(total);
    let histograms = |settings| {
        let cuts = cuts(fit, ranges(total), &used)?.unwrap_or_default();
        let mut counted = Histogram::new(&cuts);
        for (column, cells) in columns.iter().enumerate() {
            cells.chunks(BLOCK).for_each(|block| counted.observe(level, column, &cuts[column], block));
        }
        histograms(fit, total, &used, settings, &counted)
    };
    let state = match fit.choice {
        Choice::Zscore(aggregate) => {
            let moments = total.moments.as_ref().map(GroupMoments::finish).unwrap_or_default();
            State::Zscore(zscore::fit(&moments, &used, aggregate))
        }
        Choice::Mad(aggregate) => State::Mad(mad::fit_exactly(level, columns, &used, aggregate)),
        Choice::Hbos(settings) => State::Hbos(histograms(settings)?),
        Choice::Auto => State::Auto(Fusion::new(
            level,
            histograms(HistogramSettings::DEFAULT)?,
            mad::fit_exactly(level, columns, &used, auto::AGGREGATE),
            &borrow(&scored_rows(fit, total, &used)?),
        )),
    };
    freeze(fit, total, &used, state, level)
}

/// The model, from what the first pass `total` learned and what was counted where `targets` say: by the same pass or by
/// a second one.
pub(crate) fn counted(
    fit: &Fit,
    total: &Summary,
    targets: &Targets,
    counted: &Summary,
    level: Level,
) -> Result<Model, FitError> {
    let used = used(fit, total)?;
    let histograms = |settings| {
        let counted = counted.histogram.as_ref().expect("the pass counted bins");
        histograms(fit, total, &used, settings, counted)
    };
    let deviations = |aggregate| {
        let brackets = targets.brackets.as_ref().expect("the pass counted in brackets");
        mad::fit(brackets, counted, &used, aggregate)
    };
    let state = match fit.choice {
        Choice::Zscore(_) => return Err(FitError::Bug("a z-score has one pass".to_owned())),
        Choice::Mad(aggregate) => State::Mad(deviations(aggregate)),
        Choice::Hbos(settings) => State::Hbos(histograms(settings)?),
        Choice::Auto => State::Auto(Fusion::new(
            level,
            histograms(HistogramSettings::DEFAULT)?,
            deviations(auto::AGGREGATE),
            &borrow(&scored_rows(fit, total, &used)?),
        )),
    };
    freeze(fit, total, &used, state, level)
}

/// Where the second pass counts.
pub(crate) fn look_closer(fit: &Fit, total: Summary) -> Result<Stage, FitError> {
    let used = used(fit, &total)?;
    let cuts = cuts(fit, ranges(&total), &used)?.map(Arc::new);
    let brackets = brackets(fit, ranges(&total), &used, &total, 0, Margin::SAFE)?.map(Arc::new);
    // What was counted under a guess that missed is of no more use.
    let first = Box::new(Summary { histogram: None, counted: None, distances: None, ..total });
    Ok(Stage::Second { first, targets: Targets { used, cuts, brackets } })
}

/// Where to count at once, given the ranges that are claimed, and the rows of a pilot where there must be brackets; none
/// where that is too little to guess from.
pub(crate) fn guess(fit: &Fit, ranges: Vec<Range>, pilot: Option<&Summary>) -> Option<Stage> {
    // A range that is claimed to be finite is claimed to be without infinities too.
    let used: Vec<usize> = (0..ranges.len()).filter(|&column| ranges[column].varies()).collect();
    if used.is_empty() {
        return None;
    }
    let cuts = cuts(fit, &ranges, &used).ok()?.map(Arc::new);
    let brackets = match pilot {
        Some(pilot) => brackets(fit, &ranges, &used, pilot, PILOT_CELLS_MIN, Margin::CHECKED).ok()?.map(Arc::new),
        None => None,
    };
    Some(Stage::Guessed { ranges, targets: Targets { used, cuts, brackets } })
}

/// Whether what was guessed is what the pass found: the ranges to the bit, which columns vary, and in each bracket the
/// ranks looked for.
pub(crate) fn holds(claimed: &[Range], targets: &Targets, total: &Summary) -> bool {
    let counted = total.counted.as_deref().unwrap_or_default();
    let brackets = targets.brackets.iter().flat_map(|brackets| brackets.iter());
    claimed == ranges(total)
        && targets.used == varying(&causes(total))
        && (brackets.zip(counted).zip(&total.tally))
            .all(|((bracket, counted), tally)| bracket.is_none_or(|it| quantile::holds(tally.finite, &it, counted)))
}

/// The brackets of the columns `used`, where the detector looks for medians, from what `sample` sampled: an error when a
/// column has fewer than `cells_min` cells there. None where all cells are infinite.
fn brackets(
    fit: &Fit,
    ranges: &[Range],
    used: &[usize],
    sample: &Summary,
    cells_min: usize,
    margin: Margin,
) -> Result<Option<Vec<Option<Bracket>>>, FitError> {
    if !matches!(fit.choice, Choice::Mad(_) | Choice::Auto) {
        return Ok(None);
    }
    let mut brackets: Vec<Option<Bracket>> = vec![None; ranges.len()];
    for &column in used.iter().filter(|&&column| !ranges[column].is_empty()) {
        let sorted = quantile::sorted_finite(&sampled(sample)[column]);
        if sorted.len() < cells_min {
            return Err(FitError::Data(format!(
                "column {:?} has too few cells to guess from",
                fit.spec.columns[column]
            )));
        }
        brackets[column] = Some(quantile::bracket(&sorted, ranges[column], margin));
    }
    Ok(Some(brackets))
}

/// The cuts to count between, where the detector counts: none for the columns left out.
pub(crate) fn cuts(fit: &Fit, ranges: &[Range], used: &[usize]) -> Result<Option<Vec<Cuts>>, FitError> {
    let settings = match fit.choice {
        Choice::Hbos(settings) => settings,
        Choice::Auto => HistogramSettings::DEFAULT,
        Choice::Mad(_) | Choice::Zscore(_) => return Ok(None),
    };
    let bins = hbos::bins(ranges, used, &fit.spec.columns, settings)?;
    Ok(Some(bins.iter().map(|bins| bins.as_ref().map(hbos::Bins::counting_cuts).unwrap_or_default()).collect()))
}

/// The histograms of the columns `used`, from their counts.
fn histograms(
    fit: &Fit,
    total: &Summary,
    used: &[usize],
    settings: HistogramSettings,
    counted: &Histogram,
) -> Result<Histograms, FitError> {
    let bins = hbos::bins(ranges(total), used, &fit.spec.columns, settings)?;
    let column = |&column: &usize| {
        let counts = counted.between(column);
        if counts.iter().sum::<u64>() != total.tally[column].finite {
            let name = &fit.spec.columns[column];
            return Err(FitError::Data(format!("column {name:?} changed between the passes: read the source again")));
        }
        let bins = bins[column].as_ref().expect("a used column has bins");
        Ok(bins.column(counts, settings))
    };
    Ok(Histograms { settings, columns: used.iter().map(column).collect::<Result<_, _>>()? })
}

/// The columns that vary. There must be one.
fn used(fit: &Fit, total: &Summary) -> Result<Vec<usize>, FitError> {
    let causes = causes(total);
    let used = varying(&causes);
    if !used.is_empty() {
        return Ok(used);
    }
    let left_out = left_out(&fit.spec.columns, &causes);
    let causes = Causes(&left_out);
    Err(match total.rows {
        1 => FitError::OneRow(format!("1 row: nothing to compare; {causes}")),
        _ => FitError::Constant(format!("nothing varies: {causes}")),
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

/// Why each column does not vary; `None` where it does. An infinity differs from every number and from its opposite.
fn causes(total: &Summary) -> Vec<Option<Cause>> {
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

/// The model, with the distribution of its scores.
fn freeze(fit: &Fit, total: &Summary, used: &[usize], state: State, level: Level) -> Result<Model, FitError> {
    let rows = scored_rows(fit, total, used)?;
    let scores = scorer::score_columns(&state, level, &borrow(&rows));
    let names = &fit.spec.columns;
    Ok(Model::new(Payload {
        detector: fit.spec.detector.clone(),
        parameters: fit.parameters.clone(),
        columns: used.iter().map(|&column| names[column].clone()).collect(),
        left_out: left_out(names, &causes(total)),
        fit_rows: total.rows,
        seed: fit.spec.seed,
        contamination: fit.spec.contamination,
        missing: fit.spec.missing,
        state,
        scores: Distribution::new(scores, fit.sampling().takes_all()),
    }))
}

/// The sampled rows that get a score, in the columns `used`. There must be one.
fn scored_rows(fit: &Fit, total: &Summary, used: &[usize]) -> Result<Vec<Vec<f64>>, FitError> {
    let columns: Vec<&Vec<f64>> = used.iter().map(|&column| &sampled(total)[column]).collect();
    let scored = |row: usize| fit.spec.missing == Missing::Center || columns.iter().all(|cells| !cells[row].is_nan());
    let rows: Vec<usize> = (0..columns[0].len()).filter(|&row| scored(row)).collect();
    if rows.is_empty() {
        return Err(FitError::Data(
            "every row has a missing cell, so none gets a score; allow missing cells with missing center, or leave out \
             the columns that have them"
                .to_owned(),
        ));
    }
    Ok(columns.iter().map(|cells| rows.iter().map(|&row| cells[row]).collect()).collect())
}

fn borrow(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

fn sampled(total: &Summary) -> &[Vec<f64>] {
    &total.sample.as_ref().expect("the first pass collects a sample").columns
}

fn ranges(total: &Summary) -> &[Range] {
    total.range.as_deref().expect("the first pass of this detector collects ranges")
}
