//! Scores batches with a frozen model.

use crate::detectors::Member;
use crate::model::State;
use crate::numbers::BLOCK;
use crate::scale;
use crate::tail::TailLookup;
use crate::{Batch, Level, Missing, Model};

/// Scores batches. A row's score depends on the row and on the model, and on nothing else.
#[derive(Debug)]
pub struct Scorer<'m> {
    model: &'m Model,
    level: Level,
    missing: Missing,
    panel: Panel<'m>,
    /// Room for cells whose nulls became NaN.
    nulls: Vec<f64>,
    /// NaN for the rows of a block that get no score, else 0.
    gaps: Vec<f64>,
    /// The scores of each member of a fusion, for a block.
    partial: Vec<Vec<f64>>,
}

/// Why a row scored as it did: one column's part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// Which of the model's columns.
    pub column: u32,
    /// The cell; NaN when it is missing.
    pub value: f64,
    /// Its part of the score. An ordinary cell has 0 and is no reason.
    pub contribution: f64,
}

/// The detector, or the members of a fusion with the distribution of each.
#[derive(Debug)]
enum Panel<'m> {
    Single(Member<'m>),
    Fusion(Vec<(Member<'m>, TailLookup<'m>)>),
}

impl<'m> Panel<'m> {
    fn new(state: &'m State) -> Self {
        match state {
            State::Mad(state) | State::Zscore(state) => Self::Single(Member::Deviations(state)),
            State::Hbos(state) => Self::Single(Member::Stairs(state.stairs())),
            State::Auto(fusion) => {
                let tails = fusion.tails.iter().map(TailLookup::new);
                Self::Fusion(fusion.members().into_iter().zip(tails).collect())
            }
        }
    }

    /// Room for the scores of each member for `rows` rows; none where there is no other score.
    fn partial(&self, rows: usize) -> Vec<Vec<f64>> {
        match self {
            Self::Single(_) => vec![],
            Self::Fusion(members) => vec![vec![0.0; rows]; members.len()],
        }
    }

    /// Adds the cells of `column` to the scores, or to those of each member.
    fn accumulate(&self, level: Level, column: usize, cells: &[f64], partial: &mut [Vec<f64>], scores: &mut [f64]) {
        match self {
            Self::Single(member) => member.accumulate(level, column, cells, scores),
            Self::Fusion(members) => {
                for ((member, _), scores) in members.iter().zip(partial) {
                    member.accumulate(level, column, cells, &mut scores[..cells.len()]);
                }
            }
        }
    }

    /// Makes scores of what was added up: `scores` itself, or what those of the members come to. `cell` tells the one of a
    /// column and a row, for the rows to be settled.
    fn combine(&self, level: Level, partial: &mut [Vec<f64>], cell: impl Fn(usize, usize) -> f64, scores: &mut [f64]) {
        match self {
            Self::Single(member) => member.settle(level, scores, cell),
            Self::Fusion(members) => {
                for ((member, tail), partial) in members.iter().zip(partial) {
                    member.settle(level, &mut partial[..scores.len()], &cell);
                    scores.iter_mut().zip(&*partial).for_each(|(score, partial)| *score += tail.rarity(*partial));
                }
            }
        }
    }

    /// Each column's part of a row's score. Those of a fusion add up to it, unless to every member the row is as ordinary as
    /// can be: then all are 0.
    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        let of = |member: &Member<'_>| -> Vec<f64> {
            cells.iter().enumerate().map(|(column, cell)| member.contribution(column, *cell)).collect()
        };
        let Self::Fusion(members) = self else {
            let Self::Single(member) = self else { unreachable!("a panel is one or the other") };
            return of(member);
        };
        let mut parts = vec![0.0; cells.len()];
        // The rarity of members to which every cell is the most ordinary: that rarity is not 0, for many rows share it.
        let mut unshared = 0.0;
        for (member, tail) in members {
            // A member's rarity is shared out in proportion to what each cell added to its score.
            let own = of(member);
            let one_row: Vec<&[f64]> = cells.iter().map(std::slice::from_ref).collect();
            let rarity = tail.rarity(member.score(Level::BASELINE, &one_row)[0]);
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

/// The scores of whole columns, missing cells counting as the centre.
pub(crate) fn score_columns(state: &State, level: Level, columns: &[&[f64]]) -> Vec<f64> {
    let panel = Panel::new(state);
    let mut scores = vec![0.0; columns[0].len()];
    let mut partial = panel.partial(scores.len());
    for (column, cells) in columns.iter().enumerate() {
        panel.accumulate(level, column, cells, &mut partial, &mut scores);
    }
    panel.combine(level, &mut partial, |column, row| columns[column][row], &mut scores);
    scores
}

impl<'m> Scorer<'m> {
    pub(crate) fn new(model: &'m Model, level: Level, missing: Missing) -> Self {
        let panel = Panel::new(model.state());
        let partial = panel.partial(BLOCK);
        Self { model, level, missing, panel, nulls: Vec::new(), gaps: vec![0.0; BLOCK], partial }
    }

    /// Writes the score of each row: a finite number; or NaN for a row with a missing cell, unless missing cells count
    /// as their column's centre.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or `scores` not the batch's rows.
    pub fn score(&mut self, batch: &Batch<'_>, scores: &mut [f64]) {
        assert_eq!(batch.columns().len(), self.model.columns().len(), "a batch must bring the columns of its model");
        assert_eq!(batch.rows(), scores.len(), "one score per row");
        let gaps_count = self.missing != Missing::Center;
        for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            scores.fill(0.0);
            self.partial.iter_mut().for_each(|partial| partial.fill(0.0));
            self.gaps.fill(0.0);
            for (index, column) in batch.columns().iter().enumerate() {
                let cells = column.cells(self.level, start..start + scores.len(), &mut self.nulls);
                self.panel.accumulate(self.level, index, cells, &mut self.partial, scores);
                if gaps_count {
                    mark_gaps(self.level, cells, &mut self.gaps);
                }
            }
            let cell = |column: usize, row: usize| batch.columns()[column].value(start + row);
            self.panel.combine(self.level, &mut self.partial, cell, scores);
            if gaps_count {
                scores.iter_mut().zip(&self.gaps).for_each(|(score, gap)| *score += gap);
            }
        }
    }

    /// The columns that made `row` of the batch unusual, most unusual first, at most `count`.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or no such row.
    #[must_use]
    pub fn reasons(&self, batch: &Batch<'_>, row: usize, count: usize) -> Vec<Reason> {
        assert_eq!(batch.columns().len(), self.model.columns().len(), "a batch must bring the columns of its model");
        let cells: Vec<f64> = batch.columns().iter().map(|column| column.value(row)).collect();
        let contributions = self.panel.contributions(&cells);
        // What could be left out beside the largest part without a change of the score is no reason for it.
        let least = contributions.iter().copied().fold(0.0, f64::max) * f64::EPSILON;
        let mut reasons: Vec<Reason> = (0..)
            .zip(contributions)
            .zip(&cells)
            .map(|((column, contribution), &value)| Reason { column, value, contribution })
            .filter(|reason| reason.contribution > least)
            .collect();
        let order = |a: &Reason, b: &Reason| b.contribution.total_cmp(&a.contribution).then(a.column.cmp(&b.column));
        if count > 0 && count < reasons.len() {
            reasons.select_nth_unstable_by(count - 1, order);
        }
        reasons.truncate(count);
        reasons.sort_unstable_by(order);
        reasons
    }
}

levels! {
    /// Turns the gap of every row whose cell is missing into NaN.
    fn mark_gaps(cells: &[f64], gaps: &mut [f64]) = gaps_body;
}

#[inline(always)]
fn gaps_body(cells: &[f64], gaps: &mut [f64]) {
    for (gap, cell) in gaps.iter_mut().zip(cells) {
        *gap = if cell.is_nan() { f64::NAN } else { *gap };
    }
}
