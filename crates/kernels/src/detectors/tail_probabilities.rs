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

use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::ecdf::Ecdf;
use crate::grid::Grid;
use crate::known::Known;
use crate::numbers::{STRETCH, ln};
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;
use crate::simd::{LANES, Row};

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
    #[serde(skip)]
    ready: Ready,
}

/// What is made of the columns when they are first asked: it takes some milliseconds, and a model scores many chunks.
#[derive(Debug, Default)]
struct Ready(OnceLock<Vec<Sides>>);

impl Clone for Ready {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Ready {
    /// Whatever was asked before.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl TailProbabilities {
    /// Of the columns used; their distribution functions were wanted.
    pub(crate) fn fitted(known: &Known<'_>, is_flat: bool) -> Self {
        let ecdfs: Vec<Ecdf> = known.used.iter().map(|&column| known.ecdf(column)).collect();
        let skews = ecdfs.iter().map(Ecdf::skew).collect();
        let most = (KNOTS_OF_ALL / known.used.len()).max(64);
        let columns = ecdfs.into_iter().map(|ecdf| ecdf.thinned(most)).collect();
        Self { is_flat, columns, skews, ready: Ready::default() }
    }

    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        (self.columns.len() == columns && self.skews.len() == columns)
            && self.columns.iter().all(Ecdf::is_sound)
            && self.skews.iter().all(|skew| [-1.0, 0.0, 1.0].contains(skew))
    }

    /// Ready to be asked.
    pub(crate) fn sides(&self) -> &[Sides] {
        let sides = |(ecdf, skew): (&Ecdf, &f64)| Sides::new(ecdf, *skew, self.is_flat);
        self.ready.0.get_or_init(|| self.columns.iter().zip(&self.skews).map(sides).collect())
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

/// A straight line on both sides: their values where it begins, and their slopes.
type Piece = Row;

/// Both sides of one column.
#[derive(Clone, Debug)]
pub(crate) struct Sides {
    /// Which of them is the longer one.
    pub(crate) skew: f64,
    /// Among the knots.
    grid: Option<Grid>,
    /// What lies below each knot, from the one before on, and what lies above the last; then each knot, and then what is missing.
    pieces: Vec<Piece>,
    /// What one cell beyond all has on its side.
    end: f64,
    /// In what the distance from the lowest and the highest is measured; `None` where it does not count.
    units: Option<Pair>,
}

impl Sides {
    fn new(ecdf: &Ecdf, skew: f64, is_flat: bool) -> Self {
        // Where no cell is finite, one stands for those that may be.
        let cells = ecdf.cells.max(1) as f64;
        let end = ln(cells + 1.0);
        // -ln 0 is what one more cell would have. Adding 0 makes both zeros one.
        let rarity = |count: u64| if count == 0 { end } else { -ln(count as f64 / cells) + 0.0 };
        let pair = |up_to: u64, from: u64| [rarity(up_to), rarity(ecdf.cells - from)];
        let flat = |[left, right]: Pair| Row([left, right, 0.0, 0.0]);
        let (mut pieces, mut points) = (Vec::with_capacity(2 * ecdf.knots.len() + 2), Vec::new());
        let mut before: Option<(f64, u64)> = None;
        for ((&knot, &below), &same) in ecdf.knots.iter().zip(&ecdf.below).zip(&ecdf.same) {
            pieces.push(match before {
                Some((begin, up_to)) if up_to < below => {
                    let ([left, right], next) = (pair(up_to, up_to), pair(below, below));
                    let slope = |value: f64, next: f64| (next - value) / (knot - begin);
                    Row([left, right, slope(left, next[0]), slope(right, next[1])])
                }
                _ => flat(pair(below, below)),
            });
            points.push(flat(pair(below + same, below)));
            before = Some((knot, below + same));
        }
        pieces.push(flat(pair(ecdf.cells, ecdf.cells)));
        pieces.append(&mut points);
        pieces.push(flat([0.0; 2]));
        let mut sides = Self { skew, grid: ecdf.grid(), pieces, end, units: None };
        let median = ecdf.quantile(((cells - 1.0) * 0.5).floor());
        let missing = sides.pieces.len() - 1;
        sides.pieces[missing] = flat(median.map_or([0.0; 2], |median| sides.at(median)));
        if let (false, Some(median), [first, .., last] | [first @ last]) = (is_flat, median, &ecdf.knots[..]) {
            sides.units = Some([median - first, last - median].map(|unit| {
                let spread = [unit, last - first, median.abs()].into_iter().find(|unit| *unit > 0.0);
                spread.unwrap_or(1.0).min(f64::MAX)
            }));
        }
        sides
    }

    fn knots(&self) -> &[f64] {
        self.grid.as_ref().map_or(&[], Grid::places)
    }

    /// Both sides of a cell.
    #[expect(clippy::float_cmp, reason = "whether the cell is a knot is asked")]
    #[inline]
    pub(crate) fn at(&self, cell: f64) -> Pair {
        let knots = self.knots();
        let pair = |place: usize| [self.pieces[place].0[0], self.pieces[place].0[1]];
        if cell.is_nan() {
            return pair(self.pieces.len() - 1);
        }
        let below = self.grid.as_ref().map_or(0, |grid| grid.below(cell));
        let Some(knot) = knots.get(below) else { return self.beyond(cell, 1) };
        if *knot == cell {
            return pair(knots.len() + 1 + below);
        }
        if below == 0 {
            return self.beyond(cell, 0);
        }
        let Row([left, right, left_slope, right_slope]) = self.pieces[below];
        // Two knots may be as far apart as doubles can be: their slope is 0, and the distance infinite.
        let by = (cell - knots[below - 1]).min(f64::MAX);
        [left + left_slope * by, right + right_slope * by]
    }

    /// Both sides of a cell that lies beyond the lowest, or the highest.
    #[cold]
    fn beyond(&self, cell: f64, side: usize) -> Pair {
        if cell.is_infinite() {
            return [self.end + INFINITE; 2];
        }
        let (knots, last) = (self.knots(), self.knots().len());
        let Row([left, right, ..]) = self.pieces[if side == 0 { 0 } else { last }];
        let mut pair = [left, right];
        pair[side] = self.end;
        if let Some(units) = self.units {
            let from = knots.get(if side == 0 { 0 } else { last - 1 }).copied().unwrap_or(0.0);
            let distance = ((cell - from).abs() / units[side]).min(f64::MAX);
            pair[side] += ln(1.0 + distance);
        }
        pair
    }

    /// Gives `work` some rows at a time, and both sides of their cells.
    #[inline]
    pub(crate) fn each(&self, level: Level, cells: &[f64], mut work: impl FnMut(Range<usize>, [&[f64]; 2])) {
        let (mut left, mut right) = ([0.0; STRETCH], [0.0; STRETCH]);
        for (stretch, cells) in cells.chunks(STRETCH).enumerate() {
            let (left, right) = (&mut left[..cells.len()], &mut right[..cells.len()]);
            let whole = self.look_up(level, cells, left, right);
            self.plainly(&cells[whole..], &mut left[whole..], &mut right[whole..]);
            let start = stretch * STRETCH;
            work(start..start + cells.len(), [left, right]);
        }
    }

    /// Writes both sides of the first cells, so many, whose pieces are looked up together.
    fn look_up(&self, level: Level, cells: &[f64], left: &mut [f64], right: &mut [f64]) -> usize {
        let Some(grid) = self.grid.as_ref().filter(|_| level != Level::BASELINE) else { return 0 };
        let mut below = [0; STRETCH];
        grid.below_each(level, cells, &mut below);
        let whole = cells.len() - cells.len() % LANES;
        if follow(level, (self, grid), &cells[..whole], &mut below, [left, right]) { whole } else { 0 }
    }

    fn plainly(&self, cells: &[f64], left: &mut [f64], right: &mut [f64]) {
        for ((cell, left), right) in cells.iter().zip(left).zip(right) {
            [*left, *right] = self.at(*cell);
        }
    }
}

registers! {
    /// Writes both sides of each cell, below which so many knots lie. There are whole registers of them.
    fn follow(asked: (&Sides, &Grid), cells: &[f64], below: &mut [u64], sides: [&mut [f64]; 2]) = follow_body;
}

/// The pieces of all cells are found before the first is looked up, so that none waits.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn follow_body<R: Registers>(
    r: R,
    (sides, grid): (&Sides, &Grid),
    cells: &[f64],
    below: &mut [u64],
    [left, right]: [&mut [f64]; 2],
) {
    let knots = grid.places();
    let [first, last] = [knots[0], knots[knots.len() - 1]].map(|end| r.splat(end));
    let (points, missing) = (r.whole(knots.len() as u64 + 1), r.whole(2 * knots.len() as u64 + 1));
    let (most, one) = (r.splat(f64::MAX), r.whole(1));
    for start in (0..cells.len()).step_by(R::LANES) {
        let rows = start..start + R::LANES;
        let (cell, below) = (r.load(&cells[rows.clone()]), &mut below[rows.clone()]);
        let piece = r.load_wholes(below);
        // Before the first knot, and past the last, there is NaN: the lesser of that and a number is the number.
        let by = r.sub(cell, r.gather(grid.padded(), r.minus(piece, one)));
        let is_knot = r.same(r.gather(grid.padded(), piece), cell);
        let piece = r.choose_whole(r.is_nan(cell), missing, r.plus_where(is_knot, piece, points));
        r.store_wholes(piece, below);
        r.store(r.lesser(by, most), &mut left[rows]);
    }
    for start in (0..cells.len()).step_by(R::LANES) {
        let rows = start..start + R::LANES;
        let (cell, by) = (r.load(&cells[rows.clone()]), r.load(&left[rows.clone()]));
        let [left_value, right_value, left_slope, right_slope] =
            r.gather_rows(&sides.pieces, r.load_wholes(&below[rows.clone()]));
        r.store(r.add(left_value, r.mul(left_slope, by)), &mut left[rows.clone()]);
        r.store(r.add(right_value, r.mul(right_slope, by)), &mut right[rows.clone()]);
        if r.lanes_of(r.less(cell, first)) | r.lanes_of(r.less(last, cell)) != 0 {
            sides.plainly(&cells[rows.clone()], &mut left[rows.clone()], &mut right[rows]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_cell_are_the_same_at_every_level() {
        let cell = |i: u32| (f64::from(i.wrapping_mul(2_654_435_761) >> 12) * 1e-5).powi(3) - 40.0;
        let mut sorted: Vec<f64> = (0..20_000).map(cell).chain((0..500).map(|i| f64::from(i % 5))).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let all = Ecdf::of_sorted(&sorted);
        for ecdf in [
            all.clone().thinned(900),
            all,
            Ecdf::of_sorted(&[-1e308, -5e307, 0.0, 1e307, 1e308, 1.5e308]),
            Ecdf::of_sorted(&[3.0]),
            Ecdf::default(),
        ] {
            let sides = Sides::new(&ecdf, 1.0, false);
            let near = ecdf.knots.iter().flat_map(|knot| [knot.next_down(), *knot, knot.next_up(), knot * 0.99 + 0.5]);
            let far = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -0.0, 0.0, f64::NAN, -1e300];
            let asked: Vec<f64> =
                near.zip(far.iter().cycle()).flat_map(|(near, far)| [near, near, *far]).chain(far).collect();
            let inside: Vec<f64> = ecdf.knots.iter().flat_map(|knot| [*knot, f64::NAN, *knot * 0.5]).collect();
            for (level, asked) in Level::available().flat_map(|level| [(level, &asked), (level, &inside)]) {
                sides.each(level, asked, |rows, [left, right]| {
                    for ((cell, left), right) in asked[rows].iter().zip(left).zip(right) {
                        let bits = [*left, *right].map(f64::to_bits);
                        assert_eq!(bits, sides.at(*cell).map(f64::to_bits), "{level:?}: {cell}");
                    }
                });
            }
        }
    }
}
