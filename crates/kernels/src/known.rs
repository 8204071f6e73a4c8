//! What the passes of a fit found out of the rows, as a detector's method asks for it.

use std::borrow::Cow;

use crate::center::Center;
use crate::ecdf::Ecdf;
use crate::numbers::BLOCK;
use crate::quantile;
use crate::scale;
use crate::stage::Targets;
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::{Cuts, Histogram};
use crate::summaries::moments::{self, GroupMoments, Moments};
use crate::summaries::products::of_rows;
use crate::summaries::range::Range;
use crate::{FitError, Level, Missing};

/// All that is known when nothing is left to be read. What is of columns is of all those of the fit, by their numbers; only
/// [`used`](Self::used) ones play a part.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// At what what is left to compute is computed.
    pub(crate) level: Level,
    /// What all that is random follows from.
    pub(crate) seed: u64,
    /// The columns' names.
    pub(crate) names: &'a [String],
    /// The columns that vary, rising: those of the model.
    pub(crate) used: &'a [usize],
    /// What a missing cell means.
    pub(crate) missing: Missing,
    /// What is known of all rows.
    pub(crate) total: &'a Summary,
    /// What was counted, and where; nothing where the sample is all there is.
    pub(crate) counted: Option<(&'a Targets, &'a Summary)>,
}

impl<'a> Known<'a> {
    /// Mean and deviation of each column; they were wanted.
    pub(crate) fn moments(&self) -> Vec<Moments> {
        self.total.moments.as_ref().map(GroupMoments::finish).expect("moments were wanted")
    }

    /// By what each column's cells are standardized: mean and standard deviation; none for a column that is left out. Products
    /// were wanted.
    pub(crate) fn centers(&self) -> Vec<Option<Center>> {
        Center::of_columns(&self.moments(), self.used)
    }

    /// The same of the columns used.
    pub(crate) fn used_centers(&self) -> Vec<Center> {
        let moments = self.moments();
        self.used.iter().map(|&column| Center::of_moments(&moments[column])).collect()
    }

    /// By what the cells of sampled rows, column by column, are standardized: mean and standard deviation of their finite cells, but for
    /// those so far out that they are no measure of the others.
    pub(crate) fn sample_centers(&self, rows: &[Vec<f64>]) -> Vec<Center> {
        let center = |cells: &Vec<f64>| Center::of_moments(&moments::of_cells(self.level, &tame(cells)));
        rows.iter().map(center).collect()
    }

    /// The sums of the products of the standardized cells of each two columns used, as a symmetric matrix; they were wanted.
    pub(crate) fn products(&self) -> Vec<f64> {
        match self.counted {
            Some((_, counted)) => counted.products.as_ref().expect("products were wanted").matrix(self.used),
            None => of_rows(self.level, &self.centers(), self.sample()).matrix(self.used),
        }
    }

    /// The range of each column's finite cells; it was [wanted](crate::wants::Wants::ranges).
    pub(crate) fn ranges(&self) -> &'a [Range] {
        self.total.range.as_deref().expect("ranges were wanted")
    }

    /// The sampled rows, column by column.
    pub(crate) fn sample(&self) -> &'a [Vec<f64>] {
        &self.total.sample.as_ref().expect("the first pass collects a sample").columns
    }

    /// How many cells lie between these cuts, those that were wanted.
    pub(crate) fn counts(&self, cuts: &[Cuts]) -> Cow<'a, Histogram> {
        if let Some((_, counted)) = self.counted {
            return Cow::Borrowed(counted.histogram.as_ref().expect("counts were wanted"));
        }
        let mut histogram = Histogram::new(cuts);
        for (column, cells) in self.sample().iter().enumerate() {
            cells.chunks(BLOCK).for_each(|block| histogram.observe(self.level, column, &cuts[column], block));
        }
        Cow::Owned(histogram)
    }

    /// The distribution function of the finite cells of a column used; it was wanted.
    pub(crate) fn ecdf(&self, column: usize) -> Ecdf {
        match self.counted {
            Some((targets, counted)) => {
                let wanted = targets.places.as_ref().zip(counted.counts_below.as_ref());
                let (places, counts) = wanted.expect("distribution functions were wanted");
                Ecdf::of_counts(self.total.tally[column].finite, &places[column], &counts[column])
            }
            None => Ecdf::of_sorted(&quantile::sorted_finite(&self.sample()[column])),
        }
    }

    /// The brackets of the medians, which were wanted, and what was counted in them; nothing where the sample has all rows.
    pub(crate) fn brackets(&self) -> Option<(&'a [Option<Bracket>], &'a Summary)> {
        self.counted
            .map(|(targets, counted)| (targets.brackets.as_ref().expect("spreads were wanted").as_slice(), counted))
    }

    /// The sampled rows that get a score, in the columns used.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn scored_rows(&self) -> Result<Vec<Vec<f64>>, FitError> {
        let columns: Vec<&Vec<f64>> = self.used.iter().map(|&column| &self.sample()[column]).collect();
        let scored = |row: usize| self.missing == Missing::Center || columns.iter().all(|cells| !cells[row].is_nan());
        let rows: Vec<usize> = (0..columns[0].len()).filter(|&row| scored(row)).collect();
        if rows.is_empty() {
            return Err(FitError::Data(
                "every row has a missing cell, so none gets a score; allow missing cells with missing center, or leave \
                 out the columns that have them"
                    .to_owned(),
            ));
        }
        Ok(columns.iter().map(|cells| rows.iter().map(|&row| cells[row]).collect()).collect())
    }
}

/// Median deviations from the median beyond which a cell is no number anybody measured, but a mark for one that is missing, say.
const WILD: f64 = (1 << 20) as f64;

/// The cells, with NaN in place of wild ones.
pub(crate) fn tame(cells: &[f64]) -> Vec<f64> {
    let sorted = quantile::sorted_finite(cells);
    if sorted.is_empty() {
        return cells.to_vec();
    }
    let shift = quantile::middle_shift(&sorted, 1);
    let (spread, _) = quantile::exact(&quantile::shifted(&sorted, shift));
    let most = if spread.deviation > 0.0 { spread.deviation * WILD } else { f64::INFINITY };
    let far = |cell: f64| (cell * scale::power(shift) - spread.median).abs();
    cells.iter().map(|&cell| if far(cell) <= most { cell } else { f64::NAN }).collect()
}
