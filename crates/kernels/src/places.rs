//! Places among which the cells of a column are counted.

use crate::Level;
use crate::grid::Grid;
use crate::numbers::STRETCH;
use crate::summaries::tally::FiniteCells;

/// Rising places among the cells of a column. Nothing is counted of a column without any.
#[derive(Clone, Debug)]
pub(crate) struct Places(Option<Grid>);

impl Places {
    pub(crate) fn new(places: &[f64]) -> Self {
        Self((!places.is_empty()).then(|| Grid::of_middle(places, 0..places.len())))
    }

    /// The places.
    pub(crate) fn cells(&self) -> &[f64] {
        self.0.as_ref().map_or(&[], Grid::places)
    }

    /// Adds one for each cell to the count of how many places lie at or below it; NaN is none.
    #[expect(clippy::cast_possible_truncation, reason = "a place among the counts")]
    pub(crate) fn count(&self, level: Level, block: FiniteCells<'_>, counts: &mut [u64]) {
        let Some(grid) = &self.0 else { return };
        let mut places = [0; STRETCH];
        for cells in block.cells.chunks(STRETCH) {
            grid.up_to_each(level, cells, &mut places);
            for place in &places[..cells.len()] {
                counts[*place as usize] += 1;
            }
        }
        if block.holes {
            // No place lies below NaN.
            counts[0] -= block.cells.iter().filter(|cell| cell.is_nan()).count() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_each_cell_once_and_none_that_is_missing() {
        for (rows, step) in [(1_u32, 1.0), (7, 0.5), (300, 0.01), (5000, 3.0)] {
            let rising: Vec<f64> = (0..rows).map(|i| f64::from(i) * step).collect();
            let places = Places::new(&rising);
            for length in 0..200_u32 {
                let cell = |i: u32| match i % 7 {
                    0 => f64::NAN,
                    1 => -0.0,
                    2 => rising[(i * 13 % rows) as usize].next_down(),
                    _ => f64::from(i * 31 % (rows + 3)) * step - 1.0,
                };
                let cells: Vec<f64> = (0..length).map(cell).collect();
                let mut expected = vec![0; rising.len() + 1];
                for cell in cells.iter().filter(|cell| !cell.is_nan()) {
                    expected[rising.partition_point(|place| place <= cell)] += 1;
                }
                for level in Level::available() {
                    let mut counts = vec![0; rising.len() + 1];
                    places.count(level, FiniteCells { cells: &cells, holes: true }, &mut counts);
                    assert_eq!(counts, expected, "{level:?}: {rows} places, {length} cells");
                }
            }
        }
    }
}
