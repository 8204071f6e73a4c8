//! What a fit is to find out.

use crate::binning::HistogramSettings;

/// What passes over the rows are to find out, beside what is always known: which cells are there, and a sample.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// Mean and standard deviation of each column, in the order of the rows.
    pub(crate) moments: bool,
    /// How many cells lie in each bin of each column; one more pass, but where the ranges are known before.
    pub(crate) counts: Option<HistogramSettings>,
    /// Median and median absolute deviation of each column; one more pass, but where a pilot tells where to look.
    pub(crate) spreads: bool,
    /// The distribution function of each column; one more pass, but where a pilot tells where to count.
    pub(crate) ecdfs: bool,
    /// Sums of the products of each two columns' standardized cells, for which moments are wanted too; one more pass.
    pub(crate) products: bool,
}

impl Wants {
    /// Whether the range of each column is to be known: to cut it, or where nothing else says which columns vary.
    pub(crate) fn ranges(&self) -> bool {
        !self.moments || self.counts.is_some() || self.looks_first()
    }

    /// Whether a sample of the rows tells all there is to know.
    pub(crate) fn only_sample(&self) -> bool {
        !self.moments && self.one_pass()
    }

    /// Whether a sample says where to count.
    pub(crate) fn looks_first(&self) -> bool {
        self.spreads || self.ecdfs
    }

    /// Whether all of it takes one pass, whatever is known of the source.
    pub(crate) fn one_pass(&self) -> bool {
        self.counts.is_none() && !self.looks_first() && !self.products
    }
}
