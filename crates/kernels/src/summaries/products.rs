//! Sums of the products of two columns' standardized cells: what a covariance is made of.
//!
//! A cell counts as its distance from its column's mean in standard deviations, both of the first pass, so that neither the
//! size of a column's numbers nor how far they lie from zero costs a digit. A cell that is missing or infinite counts as the
//! mean. Products are summed over a block in one fixed shape, over the blocks of a row group in their order, and over row
//! groups in theirs: **no cut of the work into chunks changes a bit.**

use super::sums::GroupSums;
use crate::Level;
use crate::center::Center;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::BLOCK;
use crate::simd::{LANES, Lanes};

/// Sums of every pair of columns: of each with itself and with those before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Products(GroupSums);

/// How many pairs the columns before `column` make.
const fn pairs_before(column: usize) -> usize {
    column * (column + 1) / 2
}

impl Products {
    pub(crate) fn new(columns: usize) -> Self {
        Self(GroupSums::new(pairs_before(columns)))
    }

    /// Adds a block of rows: the standardized cells of each column, none for one that is left out.
    pub(crate) fn observe(&mut self, level: Level, standardized: &[Vec<f64>]) {
        for (column, cells) in standardized.iter().enumerate().filter(|(_, cells)| !cells.is_empty()) {
            let sums = &mut self.0.open[pairs_before(column)..];
            for (sum, other) in sums.iter_mut().zip(&standardized[..=column]) {
                // Neither is longer, but where the other is left out.
                *sum += dot(level, cells, other);
            }
        }
    }

    pub(crate) fn end_row_group(&mut self) {
        self.0.end_row_group();
    }

    /// Adds the row groups of a later chunk.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.0.merge(&later.0);
    }

    /// The sums of the columns `used`, as a symmetric matrix, row after row.
    pub(crate) fn matrix(&self, used: &[usize]) -> Vec<f64> {
        let total = self.0.total();
        let sum = |&a: &usize, &b: &usize| total[pairs_before(a.max(b)) + a.min(b)];
        used.iter().flat_map(|a| used.iter().map(|b| sum(a, b)).collect::<Vec<_>>()).collect()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        GroupSums::decode(reader, pairs_before(columns)).map(Self)
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
            out.resize(finite.len(), 0.0);
            center.standardize(level, &finite, out);
        }
        products.observe(level, &standardized);
    }
    products.end_row_group();
    products
}

levels! {
    /// The sum of the products.
    pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 = dot_body;
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
