//! What one pass learns of the rows it saw: observed block by block, merged in chunk order.

pub(crate) mod bracket;
pub(crate) mod counted;
pub(crate) mod counts_below;
pub(crate) mod distances;
pub(crate) mod extremes;
pub(crate) mod histogram;
pub(crate) mod marked;
pub(crate) mod moments;
pub(crate) mod products;
pub(crate) mod range;
pub(crate) mod sample;
pub(crate) mod sums;
pub(crate) mod tally;

use std::sync::Arc;

use crate::center::Center;
use crate::codec::{CodecError, Reader, Writer};
use crate::places::Places;
use crate::scale;
use bracket::Bracket;
use counted::Counted;
use counts_below::CountsBelow;
use distances::Distances;
use histogram::{Cuts, Histogram};
use moments::GroupMoments;
use products::Products;
use range::Range;
use sample::{Sample, Sampling};
use tally::Tally;

const MAGIC: [u8; 8] = *b"bcsummry";

/// What a pass collects.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// Whether nothing but sampled rows is looked at, if any.
    pub(crate) only_sample: bool,
    /// Tells the passes of one fit, and the fits, apart.
    pub(crate) fingerprint: u64,
    pub(crate) columns: usize,
    pub(crate) moments: bool,
    pub(crate) range: bool,
    pub(crate) sampling: Option<Sampling>,
    /// The cuts of each column; none for a column that is left out.
    pub(crate) cuts: Option<Arc<Vec<Cuts>>>,
    pub(crate) brackets: Option<Arc<Vec<Option<Bracket>>>>,
    /// Below what cells are counted, column by column; nothing of a column that is left out.
    pub(crate) places: Option<Arc<Vec<Places>>>,
    /// By what the cells of each column are standardized; none for a column that is left out.
    pub(crate) centers: Option<Arc<Vec<Option<Center>>>>,
}

/// Room that is used again for every block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workspace {
    finite: Vec<f64>,
    shifted: Vec<f64>,
    marked: marked::Marked,
    /// Of the block that is being read, column by column.
    standardized: Vec<Vec<f64>>,
}

/// What was collected. Every part is there or not as the recipe says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) tally: Vec<Tally>,
    pub(crate) moments: Option<GroupMoments>,
    pub(crate) range: Option<Vec<Range>>,
    pub(crate) sample: Option<Sample>,
    pub(crate) histogram: Option<Histogram>,
    pub(crate) counted: Option<Vec<Counted>>,
    pub(crate) distances: Option<Distances>,
    pub(crate) counts_below: Option<Vec<CountsBelow>>,
    pub(crate) products: Option<Products>,
}

impl Summary {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let columns = recipe.columns;
        Self {
            rows: 0,
            tally: vec![Tally::default(); columns],
            moments: recipe.moments.then(|| GroupMoments::new(columns)),
            range: recipe.range.then(|| vec![Range::default(); columns]),
            sample: recipe.sampling.map(|_| Sample::new(columns)),
            histogram: recipe.cuts.as_ref().map(|cuts| Histogram::new(cuts)),
            counted: recipe.bins().map(|bins| bins.map(Counted::new).collect()),
            distances: recipe.brackets.as_ref().map(|_| Distances::new(columns)),
            counts_below: (recipe.places.as_ref())
                .map(|places| places.iter().map(|places| CountsBelow::new(places, columns)).collect()),
            products: recipe.centers.as_ref().map(|_| Products::new(columns)),
        }
    }

    /// Adds one block of column `column`.
    pub(crate) fn observe(
        &mut self,
        level: crate::Level,
        recipe: &Recipe,
        column: usize,
        cells: &[f64],
        workspace: &mut Workspace,
    ) {
        let block = self.tally[column].observe(level, cells, &mut workspace.finite);
        if let Some(moments) = &mut self.moments {
            moments.observe(level, column, block, &mut workspace.shifted);
        }
        if let Some(range) = &mut self.range {
            range[column].observe(level, block);
        }
        if let (Some(histogram), Some(cuts)) = (&mut self.histogram, &recipe.cuts) {
            histogram.observe(level, column, &cuts[column], block.cells);
        }
        let bracket = recipe.brackets.as_ref().and_then(|brackets| brackets[column].as_ref());
        if let (Some(counted), Some(bracket)) = (&mut self.counted, bracket) {
            let cells = shifted(level, block.cells, bracket.shift, &mut workspace.shifted);
            counted[column].observe(level, bracket, cells, &mut workspace.marked);
        }
        if let (Some(distances), Some(bracket)) = (&mut self.distances, bracket)
            && bracket.may_be_zero()
        {
            let cells = shifted(level, block.cells, bracket.sum_shift, &mut workspace.shifted);
            distances::observe(distances, level, column, bracket.sum_center(), cells);
        }
        if let (Some(counts), Some(places)) = (&mut self.counts_below, &recipe.places) {
            counts[column].observe(level, &places[column], block);
        }
        if let Some(center) = recipe.centers.as_ref().and_then(|centers| centers[column]) {
            workspace.standardized.resize_with(recipe.columns, Vec::new);
            let standardized = &mut workspace.standardized[column];
            standardized.resize(block.cells.len(), 0.0);
            center.standardize(level, block.cells, standardized);
        }
    }

    /// All columns of a block were observed.
    pub(crate) fn end_block(&mut self, level: crate::Level, workspace: &Workspace) {
        if let Some(products) = &mut self.products {
            products.observe(level, &workspace.standardized);
        }
    }

    pub(crate) fn end_row_group(&mut self) {
        if let Some(moments) = &mut self.moments {
            moments.end_row_group();
        }
        if let Some(distances) = &mut self.distances {
            distances.end_row_group();
        }
        self.counts_below.iter_mut().flatten().for_each(CountsBelow::end_row_group);
        if let Some(products) = &mut self.products {
            products.end_row_group();
        }
    }

    /// Adds the summary of a later chunk of the same pass.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.rows += later.rows;
        self.tally.iter_mut().zip(&later.tally).for_each(|(mine, later)| mine.merge(*later));
        if let (Some(mine), Some(later)) = (&mut self.moments, &later.moments) {
            mine.merge(later);
        }
        if let (Some(mine), Some(later)) = (&mut self.range, &later.range) {
            mine.iter_mut().zip(later).for_each(|(mine, later)| mine.merge(*later));
        }
        if let (Some(mine), Some(later)) = (&mut self.sample, &later.sample) {
            mine.merge(later);
        }
        if let (Some(mine), Some(later)) = (&mut self.histogram, &later.histogram) {
            mine.merge(later);
        }
        if let (Some(mine), Some(later)) = (&mut self.counted, &later.counted) {
            mine.iter_mut().zip(later).for_each(|(mine, later)| mine.merge(later));
        }
        if let (Some(mine), Some(later)) = (&mut self.distances, &later.distances) {
            mine.merge(later);
        }
        if let (Some(mine), Some(later)) = (&mut self.counts_below, &later.counts_below) {
            mine.iter_mut().zip(later).for_each(|(mine, later)| mine.merge(later));
        }
        if let (Some(mine), Some(later)) = (&mut self.products, &later.products) {
            mine.merge(later);
        }
    }

    pub(crate) fn to_bytes(&self, fingerprint: u64) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.u64(fingerprint);
        self.encode(&mut writer);
        writer.finish()
    }

    /// Reads what [`Summary::to_bytes`] wrote under the same recipe; `None` when it was another one.
    pub(crate) fn from_bytes(bytes: &[u8], recipe: &Recipe) -> Result<Option<Self>, CodecError> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        if reader.u64()? != recipe.fingerprint {
            return Ok(None);
        }
        let summary = Self::decode(&mut reader, recipe)?;
        reader.finish()?;
        Ok(Some(summary))
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u64(self.rows);
        for tally in &self.tally {
            tally.encode(writer);
        }
        if let Some(moments) = &self.moments {
            moments.encode(writer);
        }
        if let Some(range) = &self.range {
            for range in range {
                range.encode(writer);
            }
        }
        if let Some(sample) = &self.sample {
            sample.encode(writer);
        }
        if let Some(histogram) = &self.histogram {
            histogram.encode(writer);
        }
        if let Some(counted) = &self.counted {
            for counted in counted {
                counted.encode(writer);
            }
        }
        if let Some(distances) = &self.distances {
            distances.encode(writer);
        }
        for counts in self.counts_below.iter().flatten() {
            counts.encode(writer);
        }
        if let Some(products) = &self.products {
            products.encode(writer);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, recipe: &Recipe) -> Result<Self, CodecError> {
        let columns = recipe.columns;
        Ok(Self {
            rows: reader.u64()?,
            tally: (0..columns).map(|_| Tally::decode(reader)).collect::<Result<_, _>>()?,
            moments: recipe.moments.then(|| GroupMoments::decode(reader, columns)).transpose()?,
            range: recipe.range.then(|| (0..columns).map(|_| Range::decode(reader)).collect()).transpose()?,
            sample: recipe.sampling.map(|_| Sample::decode(reader, columns)).transpose()?,
            histogram: recipe.cuts.as_ref().map(|cuts| Histogram::decode(reader, cuts)).transpose()?,
            counted: recipe.bins().map(|bins| bins.map(|bins| Counted::decode(reader, bins)).collect()).transpose()?,
            distances: recipe.brackets.as_ref().map(|_| Distances::decode(reader, columns)).transpose()?,
            counts_below: (recipe.places.as_ref())
                .map(|places| places.iter().map(|places| CountsBelow::decode(reader, places, columns)).collect())
                .transpose()?,
            products: recipe.centers.as_ref().map(|_| Products::decode(reader, columns)).transpose()?,
        })
    }
}

/// The cells times 2^`shift`: lent as they are where that is 1.
fn shifted<'s>(level: crate::Level, cells: &'s [f64], shift: i32, scratch: &'s mut Vec<f64>) -> &'s [f64] {
    if shift == 0 {
        return cells;
    }
    scratch.resize(cells.len(), 0.0);
    scale::shift_cells(level, cells, scale::power(shift), scratch);
    scratch
}

impl Recipe {
    /// Bins per bracket, column by column: fewer in wide tables, so that a summary stays within a few megabytes, and
    /// none where there is no bracket.
    fn bins(&self) -> Option<impl Iterator<Item = usize> + use<'_>> {
        const BYTES: usize = 4 << 20;
        let room = (BYTES / (3 * size_of::<counted::Bin>() * self.columns.max(1))).clamp(64, 1024);
        // The power of two that fits.
        let bins = 1 << room.ilog2();
        self.brackets.as_ref().map(|brackets| brackets.iter().map(move |bracket| bracket.map_or(0, |_| bins)))
    }
}
