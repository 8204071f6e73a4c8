//! Scores batches with a frozen model.

use crate::detectors::Member;
use crate::model::State;
use crate::numbers::BLOCK;
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
    /// The scores of each member, for a block.
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

    fn members(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::Fusion(members) => members.len(),
        }
    }

    /// Adds the cells of `column` to the scores of each member.
    fn accumulate(&self, level: Level, column: usize, cells: &[f64], partial: &mut [Vec<f64>]) {
        match self {
            Self::Single(member) => member.accumulate(level, column, cells, &mut partial[0][..cells.len()]),
            Self::Fusion(members) => {
                for ((member, _), scores) in members.iter().zip(partial) {
                    member.accumulate(level, column, cells, &mut scores[..cells.len()]);
                }
            }
        }
    }

    /// Writes what the members' scores come to.
    fn combine(&self, partial: &[Vec<f64>], scores: &mut [f64]) {
        match self {
            Self::Single(_) => scores.copy_from_slice(&partial[0][..scores.len()]),
            Self::Fusion(members) => {
                scores.fill(0.0);
                for ((_, tail), partial) in members.iter().zip(partial) {
                    scores.iter_mut().zip(partial).for_each(|(score, partial)| *score += tail.rarity(*partial));
                }
            }
        }
    }

    /// Each column's part of a row's score.
    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        let of = |member: &Member<'_>| -> Vec<f64> {
            cells.iter().enumerate().map(|(column, cell)| member.contribution(column, *cell)).collect()
        };
        let Self::Fusion(members) = self else {
            let Self::Single(member) = self else { unreachable!("a panel is one or the other") };
            return of(member);
        };
        let mut parts = vec![0.0; cells.len()];
        for (member, tail) in members {
            // A member's rarity is shared out in proportion to what each cell added to its score.
            let own = of(member);
            let mut score = [0.0];
            for (column, cell) in cells.iter().enumerate() {
                member.accumulate(Level::BASELINE, column, &[*cell], &mut score);
            }
            let (rarity, total) = (tail.rarity(score[0]), own.iter().sum::<f64>());
            if total > 0.0 {
                parts.iter_mut().zip(&own).for_each(|(part, own)| *part += rarity * (own / total));
            }
        }
        parts
    }
}

/// The scores of whole columns, missing cells counting as the centre.
pub(crate) fn score_columns(state: &State, level: Level, columns: &[&[f64]]) -> Vec<f64> {
    let panel = Panel::new(state);
    let mut scores = vec![0.0; columns[0].len()];
    let mut partial = vec![scores.clone(); panel.members()];
    for (column, cells) in columns.iter().enumerate() {
        panel.accumulate(level, column, cells, &mut partial);
    }
    panel.combine(&partial, &mut scores);
    scores
}

impl<'m> Scorer<'m> {
    pub(crate) fn new(model: &'m Model, level: Level, missing: Missing) -> Self {
        let panel = Panel::new(model.state());
        let partial = vec![vec![0.0; BLOCK]; panel.members()];
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
            self.partial.iter_mut().for_each(|partial| partial.fill(0.0));
            self.gaps.fill(0.0);
            for (index, column) in batch.columns().iter().enumerate() {
                let cells = column.cells(self.level, start..start + scores.len(), &mut self.nulls);
                self.panel.accumulate(self.level, index, cells, &mut self.partial);
                if gaps_count {
                    mark_gaps(self.level, cells, &mut self.gaps);
                }
            }
            self.panel.combine(&self.partial, scores);
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
        let mut reasons: Vec<Reason> = (0..)
            .zip(self.panel.contributions(&cells))
            .zip(&cells)
            .map(|((column, contribution), &value)| Reason { column, value, contribution })
            .filter(|reason| reason.contribution > 0.0)
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
