//! Rows walk through trees of hyperplanes.
//!
//! The product of a row with a normal vector is added column after column, with no multiply fused, however many rows there are at a time.

#[cfg(target_arch = "x86_64")]
use super::avx512;
#[cfg(target_arch = "x86_64")]
use super::dense::Dense;
use super::{Oblique, Planes};
use crate::Level;
use crate::detector::Rows;
use crate::forest::paths::{Paths, Step, Units, share_out};
use crate::forest::tree::Values;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Isa;

/// Rows whose steps are taken in turn, so that the processor waits for several at a time.
const ABREAST: usize = 8;

/// Trees of hyperplanes, ready to be walked.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    paths: Paths,
    planes: Planes,
    /// Where trees are shallow enough, and hyperplanes look at enough columns.
    #[cfg(target_arch = "x86_64")]
    dense: Option<Dense>,
}

impl Walk {
    /// Of trees over so many columns, which have these values, all below `most`.
    pub(crate) fn new(trees: &Oblique, columns: usize, values: &[Values], most: f64) -> Self {
        let (paths, units) = Paths::new(&trees.forest.trees, values, Units::of_all(most, trees.forest.trees.len()));
        #[cfg(target_arch = "x86_64")]
        let dense = Dense::new(trees, columns, &units);
        Self {
            paths,
            planes: trees.planes.clone(),
            #[cfg(target_arch = "x86_64")]
            dense,
        }
    }

    /// Writes the mean over all trees of what each row has. `cells` are those of [`STRETCH`] rows, column after column, then those of the
    /// next rows; they are finite.
    pub(crate) fn means(&self, level: Level, cells: &[f64], means: &mut [f64]) {
        let stretches = means.len().div_ceil(STRETCH);
        let mut sums = vec![0; stretches * STRETCH];
        let tile = cells.len() / stretches;
        if !self.add_dense(level, cells, &mut sums) {
            let mut rows = vec![0.0; tile];
            for (cells, sums) in cells.chunks_exact(tile).zip(sums.chunks_exact_mut(STRETCH)) {
                turn(cells, &mut rows);
                for root in &self.paths.roots {
                    add_ends(level, self, *root, &rows, sums);
                }
            }
        }
        means.fill(0.0);
        self.paths.add_means(&sums, means);
    }

    /// Adds what rows have where this processor has registers for it; else answers false.
    #[cfg(target_arch = "x86_64")]
    fn add_dense(&self, level: Level, cells: &[f64], sums: &mut [i32]) -> bool {
        let (Some(dense), Isa::Avx512) = (&self.dense, level.0) else { return false };
        // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of the four features.
        unsafe { avx512::add_ends(dense, cells, sums) };
        true
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn add_dense(&self, _: Level, _: &[f64], _: &mut [i32]) -> bool {
        false
    }

    /// Writes the mean of what each of some rows has, and each column's share of its cuts' credit: they add up to 1, or all are 0 where no
    /// cut says anything of it. The credit of a cut is shared among its columns as the magnitudes of its products are. The shares are 0
    /// before.
    pub(crate) fn shares(&self, Rows { cells, columns }: Rows<'_>, means: &mut [f64], shares: &mut [f64]) {
        let of = |row: usize| row * columns..(row + 1) * columns;
        let product = |plane: u32, row: &[f64]| self.planes.product(plane as usize, |column| row[column]);
        means.fill(0.0);
        self.paths.credits(
            means,
            |row, plane, offset| product(plane, &cells[of(row)]) > offset,
            |row, plane, credit| {
                if credit > 0.0 {
                    self.share(plane as usize, credit, &cells[of(row)], &mut shares[of(row)]);
                }
            },
        );
        shares.chunks_exact_mut(columns).for_each(share_out);
    }

    /// Adds to the parts of a row's columns the credit of a hyperplane.
    fn share(&self, plane: usize, credit: f64, row: &[f64], parts: &mut [f64]) {
        let terms = || self.planes.terms(plane).map(|(column, part)| (column, (part * row[column]).abs()));
        let all: f64 = terms().fold(0.0, |sum, (_, term)| sum + term);
        if all > 0.0 {
            terms().for_each(|(column, term)| parts[column] += credit * (term / all));
        }
    }
}

/// Writes row after row what is given column after column.
fn turn(cells: &[f64], rows: &mut [f64]) {
    let columns = cells.len() / STRETCH;
    for (column, cells) in cells.chunks_exact(STRETCH).enumerate() {
        for (row, cell) in rows.chunks_exact_mut(columns).zip(cells) {
            row[column] = *cell;
        }
    }
}

levels! {
    /// Adds to each sum what its row has, which walks from `root`. `rows` are as many as there are sums, one after the other.
    fn add_ends(walk: &Walk, root: u32, rows: &[f64], sums: &mut [i32]) = ends_body;
}

#[inline(always)]
fn ends_body(walk: &Walk, root: u32, rows: &[f64], sums: &mut [i32]) {
    let Planes { terms, columns, parts } = &walk.planes;
    if columns.is_empty() {
        walk_body(walk, root, rows, sums, |plane, row| {
            let parts = &parts[plane * terms..(plane + 1) * terms];
            parts.iter().zip(row).fold(0.0, |sum, (part, cell)| sum + part * cell)
        });
    } else {
        walk_body(walk, root, rows, sums, |plane, row| {
            let places = plane * terms..(plane + 1) * terms;
            let terms = columns[places.clone()].iter().zip(&parts[places]);
            terms.fold(0.0, |sum, (column, part)| sum + part * row[*column as usize])
        });
    }
}

/// `product` is that of a row with the normal vector of a hyperplane.
#[inline(always)]
fn walk_body(walk: &Walk, root: u32, rows: &[f64], sums: &mut [i32], product: impl Fn(usize, &[f64]) -> f64) {
    let paths = &walk.paths;
    let columns = rows.len() / sums.len();
    for (rows, sums) in rows.chunks_exact(columns * ABREAST).zip(sums.as_chunks_mut::<ABREAST>().0) {
        let mut at = [root; ABREAST];
        for _ in 0..paths.depth {
            for (at, row) in at.iter_mut().zip(rows.chunks_exact(columns)) {
                let Step { threshold, column, left } = paths.steps[*at as usize];
                *at = left + u32::from(product(column as usize, row) > threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += paths.ends[at as usize];
        }
    }
}
