//! Places among which the cells of a column are counted.

use crate::knots::Grid;

/// Places among the cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Places {
    /// They rise.
    pub(crate) cells: Vec<f64>,
    grid: Option<Grid>,
}

impl Places {
    /// Nothing is counted of a column without any.
    pub(crate) fn new(cells: Vec<f64>) -> Self {
        let grid = (!cells.is_empty()).then(|| Grid::of_places(&cells, 0..cells.len()));
        Self { cells, grid }
    }

    /// Calls `work` with how many places lie at or below each cell; NaN is none.
    #[inline]
    pub(crate) fn each(&self, cells: &[f64], mut work: impl FnMut(usize)) {
        let Some(grid) = &self.grid else { return };
        for cell in cells.iter().filter(|cell| !cell.is_nan()) {
            let below = grid.below(&self.cells, *cell);
            work(below + usize::from(self.cells.get(below) == Some(cell)));
        }
    }
}
