//! Rows walk through trees: how long their paths are, or what else the leaves have where they end.

use super::Forest;
#[cfg(target_arch = "x86_64")]
use super::earned::{Earned, add_credits};
use super::paths::{Paths, Step, Units, share_out};
#[cfg(target_arch = "x86_64")]
use super::ranked::{GROUP, Ranked};
use super::tree::{Tree, Values, leaf_length};
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
    parts: Vec<Part>,
}

/// Some trees of a forest, whose values are added to one sum.
#[derive(Clone, Debug)]
struct Part {
    paths: Paths,
    /// Where trees are shallow enough.
    #[cfg(target_arch = "x86_64")]
    ranked: Option<Ranked>,
    /// And what their cuts earn.
    #[cfg(target_arch = "x86_64")]
    earned: Vec<Earned>,
}

/// Trees of a part, where there are several: all cuts of so many trees that are shallow enough have ranks.
const PART_TREES: usize = 256;

/// By how much an exact score may be off for paths being added as whole numbers of a small unit.
const SCORE_ERROR_MAX: f64 = 1e-6;

/// How many units a cut is, at least, for that. Every path is off by half a unit at most, and so is their mean; d(2^-x) is at most ln 2 dx.
fn units_per_cut(normal_path: f64) -> f64 {
    0.5 * std::f64::consts::LN_2 / (normal_path * SCORE_ERROR_MAX)
}

impl Walk {
    /// Of a forest over so many columns, whose trees have these values, all below `most`.
    pub(crate) fn new(forest: &Forest, columns: usize, values: &[Values], most: f64) -> Self {
        let units = Units::of_all(most, forest.trees.len());
        Self { parts: vec![Part::new(&forest.trees, columns, values, units)] }
    }

    /// Of the lengths of paths, in a unit so small that no score is off by more than a millionth, however many trees there are: where the sum
    /// of all were no i32 then, they are added in parts.
    pub(crate) fn exact(forest: &Forest, columns: usize) -> Self {
        let ((lengths, most), trees) = (forest.lengths(leaf_length), forest.trees.len());
        if Units::of_all(most, trees).per_value >= units_per_cut(forest.normal_path()) {
            return Self::new(forest, columns, &lengths, most);
        }
        let units = Units::of_part(most, trees, PART_TREES);
        let parts = forest.trees.chunks(PART_TREES).zip(lengths.chunks(PART_TREES));
        Self { parts: parts.map(|(trees, values)| Part::new(trees, columns, values, units)).collect() }
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Writes the mean over all trees of what each row has. `cells` are those of [`STRETCH`] rows, column after column; they are finite.
    pub(crate) fn means(&self, level: Level, cells: &[f64], means: &mut [f64]) {
        means.fill(0.0);
        for part in &self.parts {
            part.add(level, cells, means);
        }
    }

    /// Writes the mean of what each of some rows has, and each column's share of its cuts' credit: they add up to 1, or all are 0 where no
    /// cut says anything of it. The shares are 0 before.
    pub(crate) fn shares(&self, level: Level, rows: Rows<'_>, means: &mut [f64], shares: &mut [f64]) {
        means.fill(0.0);
        for part in &self.parts {
            part.add_credits(level, rows, means, shares);
        }
        shares.chunks_exact_mut(rows.columns).for_each(share_out);
    }
}

impl Part {
    fn new(trees: &[Tree], columns: usize, values: &[Values], units: Units) -> Self {
        let (paths, units) = Paths::new(trees, values, units);
        #[cfg(target_arch = "x86_64")]
        let ranked = Ranked::new(trees, columns, &units);
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

    /// Adds to the means over all trees the part of these.
    fn add(&self, level: Level, cells: &[f64], means: &mut [f64]) {
        let mut sums = [0; STRETCH];
        if !self.add_ranked(level, cells, &mut sums) {
            for root in &self.paths.roots {
                add_ends(level, &self.paths, *root, cells, &mut sums[..means.len()]);
            }
        }
        self.paths.add_means(&sums, means);
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

    /// Adds to the means what some rows have, and their cuts' credits.
    fn add_credits(&self, level: Level, rows: Rows<'_>, means: &mut [f64], credits: &mut [f64]) {
        let Rows { cells, columns } = rows;
        if !self.add_credits_ranked(level, rows, means, credits) {
            self.paths.credits(
                means,
                |row, column, threshold| cells[row * columns + column as usize] > threshold,
                |row, column, credit| credits[row * columns + column as usize] += credit,
            );
        }
    }

    /// The same where this processor has registers for all of a tree; else answers false.
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
            self.paths.add_means(&sums, means);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::tree::{DEPTH_MAX, average_path};

    #[test]
    fn the_sum_of_a_part_is_exact_whatever_trees_it_has() {
        for rows in (2..=5000).chain([100_000, u32::MAX]) {
            // No tree has more leaves than it was grown from rows.
            let deepest = DEPTH_MAX.min(rows as usize - 1);
            let most = leaf_length(deepest, rows) + 1.0;
            let units = Units::of_part(most, 1_000_000, PART_TREES);
            assert!(units.per_value >= units_per_cut(average_path(rows)), "{rows}");
        }
    }
}
