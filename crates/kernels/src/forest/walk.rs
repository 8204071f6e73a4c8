//! Rows walk through trees: how long their paths are, or what else the leaves have where they end.

use super::Forest;
#[cfg(target_arch = "x86_64")]
use super::earned::{Earned, add_credits};
use super::paths::{Paths, Step, share_out, units_per_value};
#[cfg(target_arch = "x86_64")]
use super::ranked::{GROUP, Ranked};
use super::tree::{Values, leaf_length};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::Level;
use crate::detector::Rows;
use crate::numbers::STRETCH;
#[cfg(target_arch = "x86_64")]
use crate::simd::Isa;

/// Rows whose steps are taken in turn, so that the processor waits for several at a time.
const ABREAST: usize = 8;

/// A forest, ready to be walked.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    paths: Paths,
    /// Where trees are shallow enough.
    #[cfg(target_arch = "x86_64")]
    ranked: Option<Ranked>,
    /// And what their cuts earn.
    #[cfg(target_arch = "x86_64")]
    earned: Vec<Earned>,
}

impl Walk {
    /// Of a forest over so many columns, whose trees have these values, all below `most`.
    pub(crate) fn new(forest: &Forest, columns: usize, values: &[Values], most: f64) -> Self {
        let (paths, units) = Paths::new(forest, values, most);
        #[cfg(target_arch = "x86_64")]
        let ranked = Ranked::new(forest, columns, &units);
        #[cfg(target_arch = "x86_64")]
        let earned = ranked.iter().flat_map(|_| &paths.roots).map(|root| Earned::new(&paths, *root)).collect();
        Self {
            paths,
            #[cfg(target_arch = "x86_64")]
            ranked,
            #[cfg(target_arch = "x86_64")]
            earned,
        }
    }

    /// The unit in which the lengths of the paths of a forest are added.
    pub(crate) fn unit_of(forest: &Forest) -> f64 {
        1.0 / units_per_value(forest.longest(leaf_length), forest.trees.len())
    }

    /// Writes the mean over all trees of what each row has. `cells` are those of [`STRETCH`] rows, column after column; they are finite.
    pub(crate) fn means(&self, level: Level, cells: &[f64], means: &mut [f64]) {
        let mut sums = [0; STRETCH];
        if !self.add_ranked(level, cells, &mut sums) {
            for root in &self.paths.roots {
                add_ends(level, &self.paths, *root, cells, &mut sums[..means.len()]);
            }
        }
        self.paths.means(&sums, means);
    }

    /// Adds what rows have where this processor has registers for all of a tree; else answers false.
    #[cfg(target_arch = "x86_64")]
    fn add_ranked(&self, level: Level, cells: &[f64], sums: &mut [i32; STRETCH]) -> bool {
        let Some(ranked) = &self.ranked else { return false };
        match level.0 {
            Isa::Baseline => return false,
            // SAFETY: a `Level` holding `Avx2` is only made by `Level::available`, after the CPU reported AVX2.
            Isa::Avx2 => unsafe { avx2::add_lengths(ranked, cells, sums) },
            // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of the
            // four features.
            Isa::Avx512 => unsafe { avx512::add_lengths(ranked, cells, sums) },
        }
        true
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn add_ranked(&self, _: Level, _: &[f64], _: &mut [i32; STRETCH]) -> bool {
        false
    }

    /// Writes the mean of what each of some rows has, and each column's share of its cuts' credit: they add up to 1, or all are 0 where no
    /// cut says anything of it. The shares are 0 before.
    pub(crate) fn shares(&self, level: Level, rows: Rows<'_>, means: &mut [f64], shares: &mut [f64]) {
        let Rows { cells, columns } = rows;
        if !self.add_credits_ranked(level, rows, means, shares) {
            self.paths.credits(
                means,
                |row, column, threshold| cells[row * columns + column as usize] > threshold,
                |row, column, credit| shares[row * columns + column as usize] += credit,
            );
        }
        shares.chunks_exact_mut(columns).for_each(share_out);
    }

    /// Writes the means of what rows have and adds the credits of their cuts where this processor has registers for all of a tree; else
    /// answers false.
    #[cfg(target_arch = "x86_64")]
    fn add_credits_ranked(&self, level: Level, rows: Rows<'_>, means: &mut [f64], credits: &mut [f64]) -> bool {
        let Some(ranked) = self.ranked.as_ref().filter(|_| level.0 != Isa::Baseline) else { return false };
        let mut leaves = vec![[0; STRETCH]; self.earned.len()];
        let mut tile = vec![0.0; rows.columns * STRETCH];
        let credits = credits.chunks_mut(rows.columns * STRETCH);
        for ((cells, means), credits) in
            rows.cells.chunks(rows.columns * STRETCH).zip(means.chunks_mut(STRETCH)).zip(credits)
        {
            for (row, cells) in rows.of(cells).each().enumerate() {
                cells.iter().enumerate().for_each(|(column, cell)| tile[column * STRETCH + row] = *cell);
            }
            let groups = means.len().div_ceil(GROUP);
            match level.0 {
                Isa::Baseline => return false,
                // SAFETY: a `Level` holding `Avx2` is only made by `Level::available`, after the CPU reported AVX2.
                Isa::Avx2 => unsafe { avx2::find_leaves(ranked, &tile, groups, &mut leaves) },
                // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of the
                // four features.
                Isa::Avx512 => unsafe { avx512::find_leaves(ranked, &tile, groups, &mut leaves) },
            }
            let mut sums = vec![0; means.len()];
            add_credits(ranked, &self.earned, &leaves, &mut sums, (credits, rows.columns));
            self.paths.means(&sums, means);
        }
        true
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[expect(clippy::unused_self, reason = "it is used where there are such registers")]
    fn add_credits_ranked(&self, _: Level, _: Rows<'_>, _: &mut [f64], _: &mut [f64]) -> bool {
        false
    }
}

levels! {
    /// Adds to each sum what its row has, which walks from `root`.
    fn add_ends(paths: &Paths, root: u32, cells: &[f64], sums: &mut [i32]) = ends_body;
}

#[inline(always)]
fn ends_body(paths: &Paths, root: u32, cells: &[f64], sums: &mut [i32]) {
    let steps = paths.steps.as_slice();
    for (group, sums) in sums.chunks_mut(ABREAST).enumerate() {
        let first = group * ABREAST;
        let mut at = [root; ABREAST];
        for _ in 0..paths.depth {
            for (row, at) in at.iter_mut().enumerate() {
                let Step { threshold, column, left } = steps[*at as usize];
                let cell = cells[column as usize * STRETCH + first + row];
                *at = left + u32::from(cell > threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += paths.ends[at as usize];
        }
    }
}
