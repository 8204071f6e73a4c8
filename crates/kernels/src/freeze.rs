//! From summaries to a frozen model.

use std::sync::Arc;

use crate::detector::{Choice, HistogramSettings};
use crate::detectors::auto::{self, Fusion};
use crate::detectors::hbos::{self, Histograms};
use crate::detectors::{mad, zscore};
use crate::distribution::Distribution;
use crate::error::name_list;
use crate::fit::Fit;
use crate::model::{Payload, State};
use crate::numbers::{BLOCK, SPREAD_MIN};
use crate::quantile::{self, Margin};
use crate::scorer;
use crate::stage::{Stage, Targets};
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::{Cuts, Histogram};
use crate::summaries::moments::GroupMoments;
use crate::summaries::range::Range;
use crate::{FitError, Level, Missing, Model};

/// Cells of a column in a pilot from which its brackets are guessed. With fewer, the brackets are wide and the pass slow.
const PILOT_CELLS_MIN: usize = 2048;

/// The model of a detector with one pass, or of rows that were all sampled.
pub(crate) fn after_only(fit: &Fit, total: &Summary) -> Result<Model, FitError> {
    let used = used(fit, total)?;
    let level = Level::detect();
    let columns = sampled(total);
    let histograms = |settings| {
        let cuts = cuts(fit, ranges(total))?.unwrap_or_default();
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
    freeze(fit, total, &used, state)
}

/// The model, from what the first pass `total` learned and what was counted where `targets` say: by the same pass or by
/// a second one.
pub(crate) fn counted(fit: &Fit, total: &Summary, targets: &Targets, counted: &Summary) -> Result<Model, FitError> {
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
            Level::detect(),
            histograms(HistogramSettings::DEFAULT)?,
            deviations(auto::AGGREGATE),
            &borrow(&scored_rows(fit, total, &used)?),
        )),
    };
    freeze(fit, total, &used, state)
}

/// Where the second pass counts.
pub(crate) fn look_closer(fit: &Fit, total: Summary) -> Result<Stage, FitError> {
    let cuts = cuts(fit, ranges(&total))?.map(Arc::new);
    let brackets = brackets(fit, ranges(&total), &total, 0, Margin::SAFE)?.map(Arc::new);
    // What was counted under a guess that missed is of no more use.
    let first = Box::new(Summary { histogram: None, counted: None, distances: None, ..total });
    Ok(Stage::Second { first, targets: Targets { cuts, brackets } })
}

/// Where to count at once, given the ranges that are claimed, and the rows of a pilot where there must be brackets; none
/// where that is too little to guess from.
pub(crate) fn guess(fit: &Fit, ranges: Vec<Range>, pilot: Option<&Summary>) -> Option<Stage> {
    let cuts = cuts(fit, &ranges).ok()?.map(Arc::new);
    let brackets = match pilot {
        Some(pilot) => brackets(fit, &ranges, pilot, PILOT_CELLS_MIN, Margin::CHECKED).ok()?.map(Arc::new),
        None => None,
    };
    Some(Stage::Guessed { ranges, targets: Targets { cuts, brackets } })
}

/// Whether what was guessed is what the pass found: the ranges to the bit, and in each bracket the ranks looked for.
pub(crate) fn holds(claimed: &[Range], targets: &Targets, total: &Summary) -> bool {
    let counted = total.counted.as_deref().unwrap_or_default();
    let brackets = targets.brackets.iter().flat_map(|brackets| brackets.iter());
    claimed == ranges(total)
        && (brackets.zip(counted).zip(&total.tally))
            .all(|((bracket, counted), tally)| bracket.is_none_or(|it| quantile::holds(tally.ordinary, &it, counted)))
}

/// The brackets of the columns that vary, where the detector looks for medians, from what `sample` sampled: an error
/// when a column has fewer than `cells_min` cells there.
fn brackets(
    fit: &Fit,
    ranges: &[Range],
    sample: &Summary,
    cells_min: usize,
    margin: Margin,
) -> Result<Option<Vec<Option<Bracket>>>, FitError> {
    if !matches!(fit.choice, Choice::Mad(_) | Choice::Auto) {
        return Ok(None);
    }
    let mut brackets: Vec<Option<Bracket>> = vec![None; ranges.len()];
    for column in varying(fit, ranges)? {
        let sorted = quantile::sorted_ordinary(&sampled(sample)[column]);
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
pub(crate) fn cuts(fit: &Fit, ranges: &[Range]) -> Result<Option<Vec<Cuts>>, FitError> {
    let settings = match fit.choice {
        Choice::Hbos(settings) => settings,
        Choice::Auto => HistogramSettings::DEFAULT,
        Choice::Mad(_) | Choice::Zscore(_) => return Ok(None),
    };
    let bins = hbos::bins(ranges, &varying(fit, ranges)?, &fit.spec.columns, settings)?;
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
        if counts.iter().sum::<u64>() != total.tally[column].ordinary {
            let name = &fit.spec.columns[column];
            return Err(FitError::Data(format!("column {name:?} changed between the passes: read the source again")));
        }
        let bins = bins[column].as_ref().expect("a used column has bins");
        Ok(bins.column(counts, settings.alpha))
    };
    Ok(Histograms { settings, columns: used.iter().map(column).collect::<Result<_, _>>()? })
}

/// The columns that vary. There must be one.
fn used(fit: &Fit, total: &Summary) -> Result<Vec<usize>, FitError> {
    let Some(moments) = &total.moments else { return varying(fit, ranges(total)) };
    let names = &fit.spec.columns;
    let moments = moments.finish();
    if let Some(column) = moments.iter().position(|moments| !moments.squares.is_finite()) {
        return Err(FitError::Data(format!(
            "column {:?} holds numbers too large to have a standard deviation; scale it, or leave it out",
            names[column]
        )));
    }
    or_nothing_varies(names, (0..names.len()).filter(|&column| moments[column].deviation() >= SPREAD_MIN).collect())
}

/// The columns whose range is more than a point. There must be one.
fn varying(fit: &Fit, ranges: &[Range]) -> Result<Vec<usize>, FitError> {
    let varies = |column: &usize| !ranges[*column].is_constant();
    or_nothing_varies(&fit.spec.columns, (0..ranges.len()).filter(varies).collect())
}

fn or_nothing_varies(names: &[String], used: Vec<usize>) -> Result<Vec<usize>, FitError> {
    if used.is_empty() {
        return Err(FitError::Data(format!(
            "nothing varies: each of {} is constant or empty; choose columns that differ from row to row",
            name_list(names)
        )));
    }
    Ok(used)
}

/// The model, with the distribution of its scores.
fn freeze(fit: &Fit, total: &Summary, used: &[usize], state: State) -> Result<Model, FitError> {
    let rows = scored_rows(fit, total, used)?;
    let scores = scorer::score_columns(&state, Level::detect(), &borrow(&rows));
    let names = &fit.spec.columns;
    Ok(Model::new(Payload {
        detector: fit.spec.detector.clone(),
        parameters: fit.parameters.clone(),
        columns: used.iter().map(|&column| names[column].clone()).collect(),
        constants: (0..names.len())
            .filter(|column| !used.contains(column))
            .map(|column| names[column].clone())
            .collect(),
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
