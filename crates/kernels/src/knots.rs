//! A rising function that is known at some places, the *knots*: a straight line between each two.

use std::ops::Range;

use crate::Level;
use crate::grid::Grid;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Registers;
use crate::simd::Row;

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

/// Answers quickly: a grid over the places says at which knot to begin.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    grid: Grid,
    /// Segment `i` ends at knot `i`.
    segments: Vec<Segment>,
}

/// A straight line up to a knot: where it begins, its value there, its slope; and nothing.
type Segment = Row;

/// The straight line between two knots.
fn segment([begin, end]: [f64; 2], [value, highest]: [f64; 2]) -> Segment {
    // Two places may be so close that the slope overflows; an infinite one would be NaN at its beginning.
    let slope_to = |highest: f64| ((highest - value) / (end - begin)).min(f64::MAX);
    let segment = Row([begin, value, slope_to(highest), 0.0]);
    // Rounding must not lift the last place of this segment above the first of the next.
    if at(segment, end.next_down()) <= highest {
        return segment;
    }
    Row([begin, value, slope_to(highest.next_down().next_down()), 0.0])
}

#[inline(always)]
fn at(Row([begin, value, slope, _]): Segment, place: f64) -> f64 {
    value + slope * (place - begin)
}

impl Lookup {
    /// Of sound knots, with a grid of so many `cells`.
    pub(crate) fn new(places: &[f64], values: &[f64], cells: u32) -> Self {
        Self::with(Grid::of_cells(places, cells), values)
    }

    /// The same, the quickest where the `middle` ones of the knots are.
    pub(crate) fn of_middle(places: &[f64], values: &[f64], middle: Range<usize>) -> Self {
        Self::with(Grid::of_middle(places, middle), values)
    }

    fn with(grid: Grid, values: &[f64]) -> Self {
        // Below the first knot, all have its value.
        let mut segments = vec![Row([grid.places()[0], values[0], 0.0, 0.0])];
        for (places, values) in grid.places().windows(2).zip(values.windows(2)) {
            segments.push(segment([places[0], places[1]], [values[0], values[1]]));
        }
        Self { grid, segments }
    }

    /// The first and the last knot.
    fn ends(&self) -> [f64; 2] {
        let places = self.grid.places();
        [places[0], places[places.len() - 1]]
    }

    /// The value at `place`, which is not NaN: the first knot's below that; `None` from the last knot on.
    #[inline(always)]
    pub(crate) fn at(&self, place: f64) -> Option<f64> {
        let [first, last] = self.ends();
        if place >= last {
            return None;
        }
        if place < first {
            return Some(self.segments[0].0[1]);
        }
        Some(at(self.segments[self.grid.up_to(place)], place))
    }

    /// Writes the value at each place; `beyond` says it of those from the last knot on, and of NaN.
    pub(crate) fn each(&self, level: Level, places: &[f64], values: &mut [f64], beyond: impl Fn(f64) -> f64) {
        let mut segments = [0; STRETCH];
        for (places, values) in places.chunks(STRETCH).zip(values.chunks_mut(STRETCH)) {
            self.grid.up_to_each(level, places, &mut segments);
            if !follow(level, self, places, &segments, values) {
                values.fill(f64::NAN);
            }
            for (place, value) in places.iter().zip(values).filter(|(_, value)| value.is_nan()) {
                let known = if place.is_nan() { None } else { self.at(*place) };
                *value = known.unwrap_or_else(|| beyond(*place));
            }
        }
    }
}

registers! {
    /// Writes the value at each place, of which this is the segment; NaN for those from the last knot on.
    fn follow(lookup: &Lookup, places: &[f64], segments: &[u64], values: &mut [f64]) = follow_body;
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn follow_body<R: Registers>(r: R, lookup: &Lookup, places: &[f64], segments: &[u64], values: &mut [f64]) {
    let whole = places.len() - places.len() % R::LANES;
    values[whole..].fill(f64::NAN);
    let [first, last] = lookup.ends().map(|end| r.splat(end));
    let groups = places.chunks_exact(R::LANES).zip(segments.chunks_exact(R::LANES));
    for ((places, segments), values) in groups.zip(values.chunks_exact_mut(R::LANES)) {
        let place = r.load(places);
        let [begin, value, slope, _] = r.gather_rows(&lookup.segments, r.load_wholes(segments));
        let inside = r.add(value, r.mul(slope, r.sub(r.greater(place, first), begin)));
        r.store(r.choose(r.less(place, last), inside, r.splat(f64::NAN)), values);
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

    #[test]
    fn every_level_looks_up_alike_to_the_bit() {
        let places: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.05).exp2() - 3.0).collect();
        let values: Vec<f64> = (0..500).map(|i| f64::from(i).sqrt()).collect();
        for (places, values) in [(&places[..], &values[..]), (&places[..1], &values[..1]), (&places[..2], &values[..2])]
        {
            let lookup = Lookup::of_middle(places, values, 0..places.len());
            for length in 0..200 {
                let far = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, -0.0];
                let asked = |i: usize| {
                    far.get(i % 20).copied().unwrap_or(places[i * 31 % places.len()] + (i % 3) as f64 * 0.01)
                };
                let asked: Vec<f64> = (0..length).map(asked).collect();
                for level in Level::available() {
                    let mut found = vec![0.0; length];
                    lookup.each(level, &asked, &mut found, |place| if place.is_nan() { -1.0 } else { place });
                    for (place, found) in asked.iter().zip(found) {
                        let expected = if place.is_nan() { -1.0 } else { lookup.at(*place).unwrap_or(*place) };
                        assert_eq!(found.to_bits(), expected.to_bits(), "{level:?}: {place}");
                    }
                }
            }
        }
    }
}
