//! The sum of distances from a fixed centre, per row group: the mean absolute deviation of columns whose median one may
//! be 0. Summed in the same fixed shape as the moments.

use super::moments::sum_distances;
use super::sums::GroupSums;
use crate::Level;

/// Sums of every column; 0 for columns that want none.
pub(crate) type Distances = GroupSums;

/// Adds the cells of a block of column `column`, which were shifted as the center was.
pub(crate) fn observe(distances: &mut Distances, level: Level, column: usize, center: f64, cells: &[f64]) {
    distances.open[column] += sum_distances(level, cells, center);
}
