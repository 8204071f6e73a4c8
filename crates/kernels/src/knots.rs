//! A rising function that is known at some places, the *knots*: a straight line between each two.

use std::ops::Range;

use crate::numbers::WHOLE;

/// Of rising `points`, the first, the last, and of the others so many that from one kept to the next the value rises by at most
/// `step`, or no point lies between.
pub(crate) fn thinned(points: impl Iterator<Item = (f64, f64)>, step: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut places, mut values): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut keep = |(place, value): (f64, f64)| {
        places.push(place);
        values.push(value);
    };
    // The value that was kept last, and the point before, which is kept when the step without it would be too wide.
    let (mut last, mut before) = (f64::NEG_INFINITY, None);
    for point in points {
        if let Some(before) = before.filter(|_| point.1 - last > step) {
            keep(before);
            last = before.1;
        }
        before = Some(point);
    }
    if let Some(end) = before {
        keep(end);
    }
    (places, values)
}

/// Whether these are knots: as many places as values, one at least, both rising and finite.
pub(crate) fn are_sound(places: &[f64], values: &[f64]) -> bool {
    let rising = |numbers: &[f64]| numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let finite = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite());
    !places.is_empty()
        && places.len() == values.len()
        && (finite(places) && finite(values))
        && (rising(places) && rising(values))
}

/// Says quickly about where a number lies among rising places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    first: f64,
    scale: f64,
    /// The greatest cell of the grid.
    last_cell: f64,
    /// For each cell of the grid, how many places lie in the cells below it; and how many there are.
    starts: Vec<u32>,
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
        };
        for place in places {
            let cell = grid.cell(*place);
            grid.starts[cell + 1] += 1;
        }
        for cell in 1..grid.starts.len() {
            grid.starts[cell] += grid.starts[cell - 1];
        }
        grid
    }

    /// Of rising places, the quickest where the `middle` ones of them are, between each two of which as many numbers lie.
    pub(crate) fn of_places(places: &[f64], middle: Range<usize>) -> Self {
        let middle = &places[middle];
        let at = |percent: usize| middle[(middle.len() - 1) * percent / 100];
        let ends = [[0, 100], [5, 95], [20, 80], [0, 75], [25, 100], [0, 50], [50, 100]];
        // Steps of a search, summed over the middle.
        let steps = |crowd: u32| u64::from(crowd) * u64::from(u32::BITS - crowd.leading_zeros());
        let cost = |ends: &[f64; 2]| Self::new(middle, *ends, GRID_CELLS).crowds().map(steps).sum::<u64>();
        let ends = ends.map(|[low, high]| [at(low), at(high)]).into_iter().min_by_key(cost);
        Self::new(places, ends.expect("there are seven"), GRID_CELLS)
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

    /// How many of the places, those that it was made of, lie below a number that is not NaN.
    #[inline(always)]
    pub(crate) fn below(&self, places: &[f64], number: f64) -> usize {
        self.count(places, number, |place| place < number)
    }

    /// How many places pass a test that those up to about the number do.
    #[inline(always)]
    fn count(&self, places: &[f64], number: f64, passes: impl Fn(f64) -> bool) -> usize {
        let cell = self.cell(number);
        let (start, end) = (self.starts[cell] as usize, self.starts[cell + 1] as usize);
        if end - start > 3 {
            return start + places[start..end].partition_point(|place| passes(*place));
        }
        // Two steps without a branch tell up to three apart; those of higher cells pass in none.
        let past = |at: usize| usize::from(places.get(at).is_some_and(|place| passes(*place)));
        let start = start + 2 * past(start + 1);
        start + past(start)
    }
}

/// Cells of a grid over places.
const GRID_CELLS: u32 = 4096;

/// Answers quickly: a grid over the places says at which knot to begin.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    grid: Grid,
    places: Vec<f64>,
    /// Segment `i` ends at knot `i`.
    segments: Vec<Segment>,
}

/// A straight line up to a knot.
#[derive(Clone, Copy, Debug)]
struct Segment {
    begin: f64,
    value: f64,
    slope: f64,
}

impl Segment {
    fn new([begin, end]: [f64; 2], [value, highest]: [f64; 2]) -> Self {
        // Two places may be so close that the slope overflows; an infinite one would be NaN at its beginning.
        let slope_to = |highest: f64| ((highest - value) / (end - begin)).min(f64::MAX);
        let segment = Self { begin, value, slope: slope_to(highest) };
        // Rounding must not lift the last place of this segment above the first of the next.
        if segment.at(end.next_down()) <= highest {
            return segment;
        }
        Self { slope: slope_to(highest.next_down().next_down()), ..segment }
    }

    #[inline(always)]
    fn at(self, place: f64) -> f64 {
        self.value + self.slope * (place - self.begin)
    }
}

impl Lookup {
    /// Of sound knots, with a grid of so many `cells`.
    pub(crate) fn new(places: &[f64], values: &[f64], cells: u32) -> Self {
        // Wild places can stretch the grid until one cell holds nearly all knots. What lies beyond it is in its last cell.
        let ends = [100, 95, 75, 50].map(|percent| places[(places.len() - 1) * percent / 100]);
        let grids = ends.into_iter().map(|end| Grid::new(places, [places[0], end], cells));
        let grid = grids.min_by_key(|grid| grid.crowds().max()).expect("there are four");
        Self::with(grid, places, values)
    }

    /// The same, the quickest where the `middle` ones of the knots are.
    pub(crate) fn of_middle(places: &[f64], values: &[f64], middle: Range<usize>) -> Self {
        Self::with(Grid::of_places(places, middle), places, values)
    }

    fn with(grid: Grid, places: &[f64], values: &[f64]) -> Self {
        // Below the first knot, all have its value.
        let mut segments = vec![Segment { begin: places[0], value: values[0], slope: 0.0 }];
        for (places, values) in places.windows(2).zip(values.windows(2)) {
            segments.push(Segment::new([places[0], places[1]], [values[0], values[1]]));
        }
        Self { grid, places: places.to_vec(), segments }
    }

    /// The value at `place`, which is not NaN: the first knot's below that; `None` from the last knot on.
    #[inline(always)]
    pub(crate) fn at(&self, place: f64) -> Option<f64> {
        if place >= self.places[self.places.len() - 1] {
            return None;
        }
        if place < self.places[0] {
            return Some(self.segments[0].value);
        }
        let segment = self.grid.count(&self.places, place, |knot| knot <= place);
        Some(self.segments[segment].at(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_points_keep_the_ends_and_no_step_is_wider() {
        let points = || (0..1000).map(|i| (f64::from(i), f64::from(i) * 0.01 + f64::from(i / 500)));
        let (places, values) = thinned(points(), 0.1);
        assert!(are_sound(&places, &values) && places.len() < 120);
        assert_eq!((places[0], places[places.len() - 1]), (0.0, 999.0));
        let wide: Vec<_> = values.windows(2).filter(|pair| pair[1] - pair[0] > 0.1 + 1e-9).collect();
        assert_eq!(wide.len(), 1, "the jump alone: {wide:?}");
        assert_eq!(thinned(points().take(1), 0.1), (vec![0.0], vec![0.0]));
    }

    #[test]
    fn a_grid_finds_what_a_search_does_however_coarse() {
        let places: Vec<f64> = (0..300).map(|i| f64::from(i).powi(3) - 7.0).collect();
        let values: Vec<f64> = (0..300).map(|i| f64::from(i) * 2.0).collect();
        for cells in [1, 7, 512] {
            let lookup = Lookup::new(&places, &values, cells);
            for place in (-50..70_000).map(|step| f64::from(step) * 383.0).chain([f64::NEG_INFINITY, f64::INFINITY]) {
                let above = places.partition_point(|knot| *knot <= place);
                let expected = match above {
                    0 => Some(0.0),
                    300 => None,
                    _ => {
                        let share = (place - places[above - 1]) / (places[above] - places[above - 1]);
                        Some(values[above - 1] + share * 2.0)
                    }
                };
                match (lookup.at(place), expected) {
                    (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{place}"),
                    (found, expected) => assert_eq!(found, expected, "{place}"),
                }
            }
        }
    }
}
