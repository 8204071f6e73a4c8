//! Distances to the nearest of some fixed rows.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::detector::Rows;
use crate::nearest::{self, Tiles, distances_in_registers, squares_of_row};
use crate::numbers::STRETCH;
use crate::simd::{LANES, Lanes};

/// Reference rows compared at once.
pub(crate) const ABREAST: usize = 4;

/// The reference rows, and which of the nearest counts.
#[expect(clippy::struct_field_names, reason = "a model file says neighbours and rows")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Neighbours {
    /// The distance to so manieth nearest is asked for.
    neighbours: usize,
    /// Each a row's cells.
    rows: Vec<Vec<f64>>,
    /// The rows, as they are compared: made by who first does.
    #[serde(skip)]
    tiles: OnceLock<Tiles>,
}

impl Neighbours {
    /// Of `rows`, of which there is one at least. Beside itself a row needs as many as are asked for: with fewer, the last counts.
    pub(crate) fn new(neighbours: usize, rows: Vec<Vec<f64>>) -> Self {
        Self { neighbours: neighbours.min(rows.len() - 1).max(1), rows, tiles: OnceLock::new() }
    }

    pub(crate) fn is_sound(&self, columns: usize, most: f64) -> bool {
        let sound = |row: &Vec<f64>| row.len() == columns && row.iter().all(|cell| cell.abs() <= most);
        !self.rows.is_empty() && (1..=self.rows.len()).contains(&self.neighbours) && self.rows.iter().all(sound)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// Writes the distance of each row, where one reference row that is equal to it does not count: it may be the row itself. `cells` are those
    /// of [`STRETCH`] rows, column after column.
    pub(crate) fn distances(&self, level: Level, cells: &[f64], distances: &mut [f64]) {
        if !distances_in_registers(level, self.tiles(), cells, distances) {
            distances_one_by_one(self, cells, distances);
        }
    }

    fn tiles(&self) -> &Tiles {
        self.tiles.get_or_init(|| Tiles::new(&self.rows, [false, true].map(|twin| self.place(twin))))
    }

    /// Writes the distances of some rows, and each column's part of them: they add up to it.
    pub(crate) fn explain(&self, level: Level, rows: Rows<'_>, distances: &mut [f64], parts: &mut [f64]) {
        let mut squares = vec![0.0; self.rows.len().next_multiple_of(nearest::ABREAST)];
        let mut order = Vec::with_capacity(self.rows.len());
        for ((cells, parts), distance) in rows.each_with(parts).zip(distances) {
            squares_of_row(level, self.tiles(), cells, &mut squares);
            let neighbour;
            (*distance, neighbour) = self.neighbour(&squares[..self.rows.len()], &mut order);
            if *distance > 0.0 {
                for ((x, r), part) in cells.iter().zip(neighbour).zip(parts) {
                    *part = (x - r) * (x - r) / *distance;
                }
            }
        }
    }

    /// The distance of a row whose squared distances from the reference rows these are, and its neighbour at that distance: the first of those.
    fn neighbour(&self, squares: &[f64], order: &mut Vec<u64>) -> (f64, &[f64]) {
        let place = self.place(squares.contains(&0.0));
        // No square has a sign, so that their bits are in their order.
        order.clear();
        order.extend(squares.iter().map(|square| square.to_bits()));
        let (nearer, &mut bits, _) = order.select_nth_unstable(place);
        let equal = place - nearer.iter().filter(|nearer| **nearer < bits).count();
        let row = (0..squares.len()).filter(|row| squares[*row].to_bits() == bits).nth(equal);
        let row = row.expect("as many are equal as were counted");
        (squares[row].sqrt(), &self.rows[row])
    }

    /// The place, among the reference rows by distance, of the one that counts.
    fn place(&self, has_twin: bool) -> usize {
        (self.neighbours - 1 + usize::from(has_twin)).min(self.rows.len() - 1)
    }
}

/// The squared distance of two rows: the same as [`squares`] finds.
pub(crate) fn square(row: &[f64], cells: &[f64]) -> f64 {
    row.iter().zip(cells).fold(0.0, |sum, (r, x)| sum + (x - r) * (x - r))
}

/// The same where there are no registers for it.
fn distances_one_by_one(reference: &Neighbours, cells: &[f64], distances: &mut [f64]) {
    let kept = (reference.neighbours + 1).min(reference.rows.len());
    let mut nearest = vec![Lanes::splat(f64::INFINITY); kept];
    let cells: &[[f64; LANES]] = cells.as_chunks().0;
    for (group, distances) in distances.chunks_mut(LANES).enumerate() {
        nearest.fill(Lanes::splat(f64::INFINITY));
        for rows in reference.rows.chunks(ABREAST) {
            // Where there are fewer, the last is compared again, for nothing.
            let several: [&[f64]; ABREAST] = std::array::from_fn(|row| rows[row.min(rows.len() - 1)].as_slice());
            let squares = squares(several, &cells[group..]);
            for square in &squares[..rows.len()] {
                insert(&mut nearest, *square);
            }
        }
        for (lane, distance) in distances.iter_mut().enumerate() {
            let place = reference.place(nearest[0].0[lane] == 0.0);
            *distance = nearest[place].0[lane].sqrt();
        }
    }
}

/// The squared distances of as many rows as there are lanes from some reference rows. `cells` begin with those of the first column.
#[inline(always)]
pub(crate) fn squares(rows: [&[f64]; ABREAST], cells: &[[f64; LANES]]) -> [Lanes; ABREAST] {
    let mut squares = [Lanes::splat(0.0); ABREAST];
    let columns = cells.iter().step_by(STRETCH / LANES);
    let parts = rows[0].iter().zip(rows[1]).zip(rows[2]).zip(rows[3]);
    for (cells, (((a, b), c), d)) in columns.zip(parts) {
        let cells = Lanes(*cells);
        for (square, part) in squares.iter_mut().zip([*a, *b, *c, *d]) {
            *square = square.add(cells.map(|cell| (cell - part) * (cell - part)));
        }
    }
    squares
}

/// Puts each lane's square among its nearest, which rise.
#[inline(always)]
fn insert(nearest: &mut [Lanes], mut square: Lanes) {
    let farthest = nearest[nearest.len() - 1];
    // Most are far.
    if !square.0.iter().zip(&farthest.0).any(|(square, farthest)| square < farthest) {
        return;
    }
    for near in nearest {
        let farther = near.greater(square);
        *near = near.lesser(square);
        square = farther;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Sequence;

    #[test]
    fn every_level_finds_what_one_row_after_the_other_does() {
        for (columns, rows, neighbours) in
            [(1, 1, 1), (3, 2, 5), (10, 256, 15), (10, 256, 16), (4, 300, 40), (7, 30, 2), (2, 9, 8)]
        {
            let mut random = Sequence::new(rows as u64);
            let mut row = |_| (0..columns).map(|_| (random.uniform() * 6.0).floor() / 3.0).collect::<Vec<f64>>();
            let reference = Neighbours::new(neighbours, (0..rows).map(&mut row).collect());
            assert!(reference.is_sound(columns, 2.0) && !reference.is_sound(columns + 1, 2.0));
            let table: Vec<Vec<f64>> = (0..STRETCH).map(&mut row).collect();
            let cells: Vec<f64> = (0..columns).flat_map(|column| table.iter().map(move |row| row[column])).collect();
            for level in Level::available() {
                let mut distances = [f64::NAN; STRETCH];
                reference.distances(level, &cells, &mut distances);
                let (rows, mut explained) = (table.concat(), [0.0; STRETCH]);
                let mut parts = vec![0.0; rows.len()];
                reference.explain(level, Rows { cells: &rows, columns }, &mut explained, &mut parts);
                assert_eq!(explained.map(f64::to_bits), distances.map(f64::to_bits), "{level:?}, {columns} columns");
                for (parts, distance) in parts.chunks(columns).zip(distances) {
                    assert!((parts.iter().sum::<f64>() - distance).abs() < 1e-12, "{parts:?} of {distance}");
                }
            }
        }
    }
}
