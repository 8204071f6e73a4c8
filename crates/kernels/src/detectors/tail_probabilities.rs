//! How rare a cell is on either side of its column: -ln of the share of the cells that are at most, and at least, as large.
//!
//! ```text
//! left(x) = -ln(#(cells <= x) / n)        right(x) = -ln(#(cells >= x) / n)
//! ```
//!
//! At a knot of the column's [distribution function](crate::ecdf) and where nothing lies between two knots that is exact; between two others it is a straight
//! line. Below the lowest cell of the fit, and above the highest, it is what one cell more would have, ln(n + 1), and goes
//! on rising with the logarithm of the distance, in units of the column's half range about its median:
//!
//! ```text
//! left(x) = ln(n + 1) + ln(1 + (lowest - x) / (median - lowest))
//! ```
//!
//! An infinite cell has on both sides more than any finite one can have. A missing one has what the median has.

use serde::{Deserialize, Serialize};

use crate::ecdf::Ecdf;
use crate::knots::Grid;
use crate::known::Known;
use crate::numbers::ln;

/// What an infinite cell has beyond ln(n + 1): more than the logarithm of any double.
const INFINITE: f64 = 1024.0;

/// Knots of all columns of a model.
const KNOTS_OF_ALL: usize = 1 << 18;

/// The columns of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TailProbabilities {
    /// Whether cells beyond those of the fit have ln(n + 1) and no more.
    pub(crate) is_flat: bool,
    pub(crate) columns: Vec<Ecdf>,
    /// Which tail of each column is the longer one: 1 the upper, -1 the lower, 0 neither.
    pub(crate) skews: Vec<f64>,
}

impl TailProbabilities {
    /// Of the columns used; their distribution functions were wanted.
    pub(crate) fn fitted(known: &Known<'_>, is_flat: bool) -> Self {
        let ecdfs: Vec<Ecdf> = known.used.iter().map(|&column| known.ecdf(column)).collect();
        let skews = ecdfs.iter().map(Ecdf::skew).collect();
        let most = (KNOTS_OF_ALL / known.used.len()).max(64);
        Self { is_flat, columns: ecdfs.into_iter().map(|ecdf| ecdf.thinned(most)).collect(), skews }
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        (self.columns.len() == columns && self.skews.len() == columns)
            && self.columns.iter().all(Ecdf::is_sound)
            && self.skews.iter().all(|skew| [-1.0, 0.0, 1.0].contains(skew))
    }

    /// Ready to be asked.
    pub(crate) fn sides(&self) -> Vec<Sides> {
        self.columns.iter().zip(&self.skews).map(|(ecdf, skew)| Sides::new(ecdf, *skew, self.is_flat)).collect()
    }
}

/// The left and the right side of a cell.
pub(crate) type Pair = [f64; 2];

/// The longer one of two sides.
#[inline(always)]
pub(crate) fn longer([left, right]: Pair, skew: f64) -> f64 {
    if skew > 0.0 {
        right
    } else if skew < 0.0 {
        left
    } else {
        left + right
    }
}

/// A straight line on both sides.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begin: f64,
    value: Pair,
    slope: Pair,
}

impl Piece {
    fn flat(value: Pair) -> Self {
        Self { begin: 0.0, value, slope: [0.0; 2] }
    }
}

/// Both sides of one column.
#[derive(Clone, Debug)]
pub(crate) struct Sides {
    /// Which of them is the longer one.
    pub(crate) skew: f64,
    knots: Vec<f64>,
    grid: Option<Grid>,
    /// What lies below each knot; then what lies above the last.
    gaps: Vec<Piece>,
    /// What each knot has.
    points: Vec<Pair>,
    /// What one cell beyond all has on its side.
    end: f64,
    /// In what the distance from the lowest and the highest is measured; `None` where it does not count.
    units: Option<Pair>,
    missing: Pair,
}

impl Sides {
    fn new(ecdf: &Ecdf, skew: f64, is_flat: bool) -> Self {
        // Where no cell is finite, one stands for those that may be.
        let cells = ecdf.cells.max(1) as f64;
        let end = ln(cells + 1.0);
        // -ln 0 is what one more cell would have.
        let rarity = |count: u64| if count == 0 { end } else { -ln(count as f64 / cells) };
        let pair = |up_to: u64, from: u64| [rarity(up_to), rarity(ecdf.cells - from)];
        let (mut gaps, mut points) = (Vec::with_capacity(ecdf.knots.len() + 1), Vec::with_capacity(ecdf.knots.len()));
        let mut before: Option<(f64, u64)> = None;
        for ((&knot, &below), &same) in ecdf.knots.iter().zip(&ecdf.below).zip(&ecdf.same) {
            gaps.push(match before {
                Some((begin, up_to)) if up_to < below => {
                    let (value, next) = (pair(up_to, up_to), pair(below, below));
                    let slope = |side: usize| (next[side] - value[side]) / (knot - begin);
                    Piece { begin, value, slope: [slope(0), slope(1)] }
                }
                _ => Piece::flat(pair(below, below)),
            });
            points.push(pair(below + same, below));
            before = Some((knot, below + same));
        }
        gaps.push(Piece::flat(pair(ecdf.cells, ecdf.cells)));
        let (knots, grid) = (ecdf.knots.clone(), ecdf.grid());
        let mut sides = Self { skew, knots, grid, gaps, points, end, units: None, missing: [0.0; 2] };
        let median = ecdf.quantile(((cells - 1.0) * 0.5).floor());
        sides.missing = median.map_or([0.0; 2], |median| sides.at(median));
        if let (false, Some(median), [first, .., last] | [first @ last]) = (is_flat, median, &ecdf.knots[..]) {
            sides.units = Some([median - first, last - median].map(|unit| {
                let spread = [unit, last - first, median.abs()].into_iter().find(|unit| *unit > 0.0);
                spread.unwrap_or(1.0).min(f64::MAX)
            }));
        }
        sides
    }

    /// Both sides of a cell.
    #[expect(clippy::float_cmp, reason = "whether the cell is a knot is asked")]
    #[inline]
    pub(crate) fn at(&self, cell: f64) -> Pair {
        if cell.is_nan() {
            return self.missing;
        }
        let below = self.grid.as_ref().map_or(0, |grid| grid.below(&self.knots, cell));
        let Some(knot) = self.knots.get(below) else { return self.beyond(cell, 1) };
        if *knot == cell {
            return self.points[below];
        }
        if below == 0 {
            return self.beyond(cell, 0);
        }
        let piece = &self.gaps[below];
        // Two knots may be as far apart as doubles can be: their slope is 0, and the distance infinite.
        let by = (cell - piece.begin).min(f64::MAX);
        [piece.value[0] + piece.slope[0] * by, piece.value[1] + piece.slope[1] * by]
    }

    /// Both sides of a cell that lies beyond the lowest, or the highest.
    #[cold]
    fn beyond(&self, cell: f64, side: usize) -> Pair {
        if cell.is_infinite() {
            return [self.end + INFINITE; 2];
        }
        let mut pair = self.gaps[if side == 0 { 0 } else { self.gaps.len() - 1 }].value;
        pair[side] = self.end;
        if let Some(units) = self.units {
            let from = self.knots.get(if side == 0 { 0 } else { self.knots.len() - 1 }).copied().unwrap_or(0.0);
            let distance = ((cell - from).abs() / units[side]).min(f64::MAX);
            pair[side] += ln(1.0 + distance);
        }
        pair
    }

    /// Calls `work` with the row and both sides of each cell.
    #[inline]
    pub(crate) fn each(&self, cells: &[f64], mut work: impl FnMut(usize, Pair)) {
        cells.iter().enumerate().for_each(|(row, cell)| work(row, self.at(*cell)));
    }
}
