//! Where a number lies among rising places: a grid over them says where to begin to look.

use std::ops::Range;

use crate::Level;
use crate::numbers::{STRETCH, WHOLE};
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;

/// Cells of a grid over places.
const CELLS: u32 = 4096;

/// So many places in a cell of the grid are told apart by two comparisons.
const CROWD: u32 = 3;

/// Rising places, and the grid over them.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    first: f64,
    scale: f64,
    /// The greatest cell of the grid.
    last_cell: f64,
    /// For each cell of the grid, how many places lie in the cells below it; and how many there are.
    starts: Vec<u32>,
    /// The first step of a search in the cell with the most places.
    longest_step: u64,
    /// The places; then NaN, which lies neither below nor above any number.
    padded: Vec<f64>,
}

impl Grid {
    /// Over `places`, in so many cells from `first` to `last`; what lies beyond is in the outermost. They are counted with the same arithmetic
    /// that finds a number's cell, so that no rounding can come between.
    fn new(places: &[f64], [first, last]: [f64; 2], cells: u32) -> Self {
        let mut grid = Self {
            first,
            scale: f64::from(cells) / (last - first),
            last_cell: f64::from(cells - 1),
            starts: vec![0; cells as usize + 1],
            longest_step: 0,
            padded: [places, &[f64::NAN]].concat(),
        };
        for place in places {
            let cell = grid.cell(*place);
            grid.starts[cell + 1] += 1;
        }
        let most = grid.starts.iter().copied().max().unwrap_or_default();
        grid.longest_step = u64::from(most + 1).next_power_of_two() / 2;
        for cell in 1..grid.starts.len() {
            grid.starts[cell] += grid.starts[cell - 1];
        }
        grid
    }

    /// Of rising places, which are finite, in so many cells.
    pub(crate) fn of_cells(places: &[f64], cells: u32) -> Self {
        // Wild places can stretch the grid until one cell holds nearly all of them. What lies beyond it is in its last cell.
        let ends = [100, 95, 75, 50].map(|percent| places[(places.len() - 1) * percent / 100]);
        let grids = ends.into_iter().map(|end| Self::new(places, [places[0], end], cells));
        grids.min_by_key(|grid| grid.crowds().max()).expect("there are four")
    }

    /// Of rising places, the quickest where the `middle` ones of them are, between each two of which as many numbers lie.
    pub(crate) fn of_middle(places: &[f64], middle: Range<usize>) -> Self {
        let middle = &places[middle];
        let at = |percent: usize| middle[(middle.len() - 1) * percent / 100];
        let ends = [[0, 100], [5, 95], [20, 80], [0, 75], [25, 100], [0, 50], [50, 100]];
        // Steps of a search, summed over the middle.
        let steps = |crowd: u32| u64::from(crowd) * u64::from(u32::BITS - crowd.leading_zeros());
        let cost = |ends: &[f64; 2]| Self::new(middle, *ends, CELLS).crowds().map(steps).sum::<u64>();
        let ends = ends.map(|[low, high]| [at(low), at(high)]).into_iter().min_by_key(cost);
        Self::new(places, ends.expect("there are seven"), CELLS)
    }

    /// The places.
    pub(crate) fn places(&self) -> &[f64] {
        &self.padded[..self.padded.len() - 1]
    }

    /// The places; then NaN.
    pub(crate) fn padded(&self) -> &[f64] {
        &self.padded
    }

    /// How many places lie in each cell of the grid.
    fn crowds(&self) -> impl Iterator<Item = u32> {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The cell of the grid; it never falls as the number rises.
    #[inline(always)]
    fn cell(&self, number: f64) -> usize {
        let cell = (number - self.first) * self.scale;
        let cell = if cell > 0.0 { cell } else { 0.0 };
        let cell = if cell < self.last_cell { cell } else { self.last_cell };
        #[expect(clippy::cast_possible_truncation, reason = "at most the grid")]
        let cell = (cell + WHOLE).to_bits() as u32;
        cell as usize
    }

    /// How many of the places lie below a number that is not NaN.
    #[inline(always)]
    pub(crate) fn below(&self, number: f64) -> usize {
        self.count(number, |place| place < number)
    }

    /// How many of the places lie at or below a number that is not NaN.
    #[inline(always)]
    pub(crate) fn up_to(&self, number: f64) -> usize {
        self.count(number, |place| place <= number)
    }

    /// How many places pass a test that those up to about the number do.
    #[inline(always)]
    fn count(&self, number: f64, passes: impl Fn(f64) -> bool) -> usize {
        let cell = self.cell(number);
        let (start, end) = (self.starts[cell], self.starts[cell + 1]);
        if end - start > CROWD {
            let [start, end] = [start, end].map(|place| place as usize);
            return start + self.padded[start..end].partition_point(|place| passes(*place));
        }
        // Two steps without a branch; those of higher cells pass in none, nor does what is behind all.
        let past = |at: usize| usize::from(self.padded.get(at).is_some_and(|place| passes(*place)));
        let start = start as usize;
        let start = start + 2 * past(start + 1);
        start + past(start)
    }

    /// [`below`](Self::below) of each number; NaN has 0. There are at most [`STRETCH`].
    pub(crate) fn below_each(&self, level: Level, numbers: &[f64], counts: &mut [u64]) {
        if !count_below(level, self, numbers, counts) {
            numbers.iter().zip(counts).for_each(|(number, count)| *count = self.below(*number) as u64);
        }
    }

    /// [`up_to`](Self::up_to) of each number; NaN has 0. There are at most [`STRETCH`].
    pub(crate) fn up_to_each(&self, level: Level, numbers: &[f64], counts: &mut [u64]) {
        if !count_up_to(level, self, numbers, counts) {
            numbers.iter().zip(counts).for_each(|(number, count)| *count = self.up_to(*number) as u64);
        }
    }
}

registers! {
    fn count_below(grid: &Grid, numbers: &[f64], counts: &mut [u64]) = below_body;
}
registers! {
    fn count_up_to(grid: &Grid, numbers: &[f64], counts: &mut [u64]) = up_to_body;
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn below_body<R: Registers>(r: R, grid: &Grid, numbers: &[f64], counts: &mut [u64]) {
    let plain = |number: &f64| grid.below(*number);
    count_body(r, grid, (numbers, counts), |place, number| r.less(place, number), plain);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn up_to_body<R: Registers>(r: R, grid: &Grid, numbers: &[f64], counts: &mut [u64]) {
    let plain = |number: &f64| grid.up_to(*number);
    count_body(r, grid, (numbers, counts), |place, number| r.at_most(place, number), plain);
}

/// Each step of the search is taken for all numbers before the next one is, so that none waits for what it has looked up: 1.1 ns where number after
/// number took 1.8.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn count_body<R: Registers>(
    r: R,
    grid: &Grid,
    (numbers, counts): (&[f64], &mut [u64]),
    passes: impl Fn(R::Doubles, R::Doubles) -> R::Mask,
    plain: impl Fn(&f64) -> usize,
) {
    let whole = numbers.len() - numbers.len() % R::LANES;
    for (number, count) in numbers.iter().zip(&mut *counts).skip(whole) {
        *count = plain(number) as u64;
    }
    let (numbers, counts) = (&numbers[..whole], &mut counts[..whole]);
    let crowded = begin(r, grid, numbers, counts);
    // A search by all is quicker than one by each where many need it.
    let many = crowded.iter().map(|word| word.count_ones() as usize).sum::<usize>() * 16 > whole;
    let mut step = if many { grid.longest_step } else { u64::from(CROWD.div_ceil(2)) };
    while step > 0 {
        for (numbers, counts) in numbers.chunks_exact(R::LANES).zip(counts.chunks_exact_mut(R::LANES)) {
            let count = r.load_wholes(counts);
            // What more is looked at than there is in a cell of the grid lies in higher ones.
            let place = r.gather(&grid.padded, r.plus(count, r.whole(step - 1)));
            r.store_wholes(r.plus_where(passes(place, r.load(numbers)), count, r.whole(step)), counts);
        }
        step /= 2;
    }
    for (at, mut word) in crowded.into_iter().enumerate().filter(|_| !many) {
        while word != 0 {
            let row = at * 64 + word.trailing_zeros() as usize;
            counts[row] = plain(&numbers[row]) as u64;
            word &= word - 1;
        }
    }
}

/// Writes how many places lie in the cells of the grid below each number. A bit of each whose cell has more than two steps tell apart.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn begin<R: Registers>(r: R, grid: &Grid, numbers: &[f64], counts: &mut [u64]) -> [u64; STRETCH / 64] {
    let (first, scale, last_cell) = (r.splat(grid.first), r.splat(grid.scale), r.splat(grid.last_cell));
    let mut crowded = [0; STRETCH / 64];
    for (group, (numbers, counts)) in numbers.chunks_exact(R::LANES).zip(counts.chunks_exact_mut(R::LANES)).enumerate()
    {
        let cell = r.mul(r.sub(r.load(numbers), first), scale);
        // NaN becomes the first.
        let cell = r.lesser(r.greater(cell, r.splat(0.0)), last_cell);
        let ends = r.gather_pairs(&grid.starts, r.low_half(r.bits(r.add(cell, r.splat(WHOLE)))));
        let start = r.low_half(ends);
        r.store_wholes(start, counts);
        let lanes = r.above(r.minus(r.high_half(ends), start), u64::from(CROWD));
        crowded[group * R::LANES / 64] |= u64::from(lanes) << (group * R::LANES % 64);
    }
    crowded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(places: &[f64], grid: &Grid) {
        let near = places.iter().flat_map(|place| [place.next_down(), *place, place.next_up(), place * 0.5 + 1.0]);
        let far = [f64::NEG_INFINITY, -1e300, -0.0, 0.0, 5e-324, 1e300, f64::INFINITY, f64::NAN];
        let numbers: Vec<f64> = near.chain(far).collect();
        for number in &numbers {
            assert_eq!(grid.below(*number), places.partition_point(|place| place < number), "{number}");
            assert_eq!(grid.up_to(*number), places.partition_point(|place| place <= number), "{number}");
        }
        for level in Level::available() {
            for length in [STRETCH, 77, 1] {
                for numbers in numbers.chunks(length) {
                    let mut counts = [[0; STRETCH]; 2];
                    grid.below_each(level, numbers, &mut counts[0][..numbers.len()]);
                    grid.up_to_each(level, numbers, &mut counts[1][..numbers.len()]);
                    for (row, number) in numbers.iter().enumerate() {
                        let expected = [grid.below(*number), grid.up_to(*number)].map(|count| count as u64);
                        assert_eq!(counts.map(|counts| counts[row]), expected, "{level:?}: {number}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_counts_as_a_search_does_however_places_crowd() {
        for count in [1_i32, 2, 3, 4, 9, 300, 5000] {
            let shapes: [fn(i32) -> f64; 4] = [
                f64::from,
                |i| f64::from(i).powi(3) - 7.0,
                |i| f64::from(i - 40).exp2(),
                |i| 1e18 + f64::from(i) * 128.0,
            ];
            for shape in shapes {
                let places: Vec<f64> = (0..count).map(shape).filter(|place| place.is_finite()).collect();
                for cells in [1, 7, 512] {
                    check(&places, &Grid::of_cells(&places, cells));
                }
                check(&places, &Grid::of_middle(&places, 0..places.len()));
                check(&places, &Grid::of_middle(&places, places.len() / 3..places.len().div_ceil(2)));
            }
        }
    }
}
