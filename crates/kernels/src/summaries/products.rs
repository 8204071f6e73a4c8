//! Sums of the products of two columns' standardized cells: what a covariance is made of.
//!
//! A cell counts as its distance from its column's mean in standard deviations, both of the first pass, so that neither the
//! size of a column's numbers nor how far they lie from zero costs a digit. A cell that is missing or infinite counts as the
//! mean. Products are summed over a block in one fixed shape, over the blocks of a row group in their order, and over row
//! groups in theirs: **no cut of the work into chunks changes a bit.**

use crate::Level;
use crate::center::Center;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::BLOCK;
use crate::simd::{LANES, Lanes};

/// Sums of every pair of columns, per row group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Products {
    columns: usize,
    /// The row group being read: of each column with itself and with those before it.
    open: Vec<f64>,
    /// Row groups that were read, and before them those of earlier chunks as one.
    groups: Vec<f64>,
}

/// Where the products of the columns `0..=column` begin.
const fn pairs_before(column: usize) -> usize {
    column * (column + 1) / 2
}

impl Products {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, open: vec![0.0; pairs_before(columns)], groups: Vec::new() }
    }

    /// Adds a block of rows: the standardized cells of each column, none for one that is left out.
    pub(crate) fn observe(&mut self, level: Level, standardized: &[Vec<f64>]) {
        for (column, cells) in standardized.iter().enumerate().filter(|(_, cells)| !cells.is_empty()) {
            let sums = &mut self.open[pairs_before(column)..];
            for (sum, other) in sums.iter_mut().zip(&standardized[..=column]) {
                // Neither is longer, but where the other is left out.
                *sum += dot(level, cells, other);
            }
        }
    }

    pub(crate) fn end_row_group(&mut self) {
        if self.open.iter().any(|sum| *sum != 0.0) {
            self.groups.extend_from_slice(&self.open);
            self.open.fill(0.0);
        }
    }

    /// Adds the row groups of a later chunk, folded into one with all before; sums are taken from the left, so it is the same.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.groups.extend_from_slice(&later.groups);
        self.groups = self.total();
    }

    fn total(&self) -> Vec<f64> {
        let mut total = vec![0.0; self.open.len()];
        for group in self.groups.chunks_exact(self.open.len()) {
            total.iter_mut().zip(group).for_each(|(total, sum)| *total += sum);
        }
        total
    }

    /// The sums of the columns `used`, as a symmetric matrix, row after row.
    pub(crate) fn matrix(&self, used: &[usize]) -> Vec<f64> {
        let total = self.total();
        let sum = |&a: &usize, &b: &usize| total[pairs_before(a.max(b)) + a.min(b)];
        used.iter().flat_map(|a| used.iter().map(|b| sum(a, b)).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.f64s(&self.groups);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        let empty = Self::new(columns);
        let groups = reader.f64s()?;
        let whole = groups.len().is_multiple_of(empty.open.len());
        if whole { Ok(Self { groups, ..empty }) } else { Err(CodecError::Damaged) }
    }
}

/// The products of all rows at once, for rows that lie in memory, as they are: infinite cells too.
pub(crate) fn of_rows(level: Level, centers: &[Option<Center>], columns: &[Vec<f64>]) -> Products {
    let mut products = Products::new(columns.len());
    let rows = columns.first().map_or(0, Vec::len);
    let mut standardized = vec![Vec::new(); columns.len()];
    let mut finite = Vec::new();
    for start in (0..rows).step_by(BLOCK) {
        for ((cells, center), out) in columns.iter().zip(centers).zip(&mut standardized) {
            let Some(center) = center else { continue };
            finite.clear();
            let cells = cells[start..rows.min(start + BLOCK)].iter();
            finite.extend(cells.map(|&cell| if cell.is_finite() { cell } else { f64::NAN }));
            center.standardize(level, &finite, out);
        }
        products.observe(level, &standardized);
    }
    products.end_row_group();
    products
}

levels! {
    /// The sum of the products.
    fn dot(left: &[f64], right: &[f64]) -> f64 = dot_body;
}

#[inline(always)]
fn dot_body(left: &[f64], right: &[f64]) -> f64 {
    let mut sum = Lanes::splat(0.0);
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (a, b) in left.iter().zip(right) {
        sum = sum.add(Lanes(*a).zip(Lanes(*b), |a, b| a * b));
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    sum.sum() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a column that is standardized already.
    fn standard() -> Center {
        Center::new([0.0, 0.0], 1.0, 0, |unit| unit)
    }

    #[test]
    fn every_level_and_length_sums_the_products_of_whole_numbers_exactly() {
        for length in (0..200_usize).chain([2048, 5000]) {
            let odd = |i: usize, step: usize| {
                if i % 11 == 3 { [f64::NAN, f64::INFINITY][i % 2] } else { (i * step % 17) as f64 - 8.0 }
            };
            let columns: Vec<Vec<f64>> = [5, 7, 3].map(|step| (0..length).map(|i| odd(i, step)).collect()).into();
            let plain = |a: usize, b: usize| -> f64 {
                let product = |i: usize| columns[a][i] * columns[b][i];
                (0..length).map(product).filter(|product| product.is_finite()).sum()
            };
            for level in Level::available() {
                let products = of_rows(level, &[Some(standard()), None, Some(standard())], &columns);
                let matrix = products.matrix(&[0, 2]);
                assert_eq!(matrix, [plain(0, 0), plain(0, 2), plain(2, 0), plain(2, 2)], "{level:?} {length}");
                let mut writer = Writer::new(*b"bcsummry");
                products.encode(&mut writer);
                let bytes = writer.finish();
                let mut reader = Reader::new(&bytes, *b"bcsummry").unwrap();
                assert_eq!(Products::decode(&mut reader, 3), Ok(products));
            }
        }
    }
}
