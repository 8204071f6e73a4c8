//! The walk in registers of 256 bits: 8 rows in each, which look up their cuts and the ranks of their cells in memory.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_cmpgt_epi32, _mm256_i32gather_epi32, _mm256_loadu_si256,
    _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_sub_epi32,
};

use super::ranked::{DEPTH, GROUP, GROUPS, Ranked, Table};
use crate::Level;
use crate::numbers::STRETCH;
use crate::simd::Isa;

/// Rows in a register of 32-bit places.
const LANES: usize = 8;

/// Adds to each sum the lengths of its row's paths. `cells` are those of [`STRETCH`] rows, column after column.
#[target_feature(enable = "avx2")]
pub(crate) fn add_lengths(forest: &Ranked, cells: &[f64], sums: &mut [i32; STRETCH]) {
    let (sums, _) = sums.as_chunks_mut::<GROUP>();
    walk(forest, cells, GROUPS, |tree, group, leaves| {
        let lengths = &forest.tables[tree].lengths;
        for (leaves, sums) in leaves.into_iter().zip(sums[group].as_chunks_mut::<LANES>().0) {
            // SAFETY: by `walk_group` a leaf is below 256, and there are as many lengths.
            add(sums, unsafe { _mm256_i32gather_epi32::<4>(lengths.as_ptr(), leaves) });
        }
    });
}

/// Writes the leaf in which each row of the first groups ends, tree after tree.
#[target_feature(enable = "avx2")]
pub(crate) fn find_leaves(forest: &Ranked, cells: &[f64], groups: usize, leaves: &mut [[u16; STRETCH]]) {
    walk(forest, cells, groups, |tree, group, found| {
        let leaves = &mut leaves[tree].as_chunks_mut::<GROUP>().0[group];
        for (found, leaves) in found.into_iter().zip(leaves.as_chunks_mut::<LANES>().0) {
            let mut wide = [0_u32; LANES];
            // SAFETY: eight leaves are 32 bytes.
            unsafe { _mm256_storeu_si256(wide.as_mut_ptr().cast(), found) };
            #[expect(clippy::cast_possible_truncation, reason = "a leaf is below 256, by `walk_group`")]
            let narrow = wide.map(|leaf| leaf as u16);
            *leaves = narrow;
        }
    });
}

/// Walks the rows of the first groups through all trees. `ended` is given each tree, each group, and the leaves in which its rows end.
#[inline]
#[target_feature(enable = "avx2")]
fn walk(forest: &Ranked, cells: &[f64], groups: usize, mut ended: impl FnMut(usize, usize, [__m256i; GROUP / LANES])) {
    let columns = forest.columns();
    // What this function is compiled for is what this level says.
    let ranks = forest.ranks(Level(Isa::Avx2), cells, groups);
    for (tree, table) in forest.tables.iter().enumerate() {
        for group in 0..groups {
            ended(tree, group, walk_group(table, &ranks[group * columns..=(group + 1) * columns]));
        }
    }
}

/// The leaves in which the rows of a group end, each below 256. `cells` are the ranks of its cells in each column, and one more that is not
/// of it.
#[inline]
#[target_feature(enable = "avx2")]
fn walk_group(table: &Table, cells: &[[u16; GROUP]]) -> [__m256i; GROUP / LANES] {
    let (one, low) = (_mm256_set1_epi32(1), _mm256_set1_epi32(0xffff));
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let eight = _mm256_set1_epi32(8);
    let second = _mm256_add_epi32(lanes, eight);
    let third = _mm256_add_epi32(second, eight);
    let rows = [lanes, second, third, _mm256_add_epi32(third, eight)];
    let mut places = [one; GROUP / LANES];
    for _ in 0..DEPTH {
        for (place, rows) in places.iter_mut().zip(rows) {
            // SAFETY: before the last step a place is below 256, and there are as many cuts.
            let cut = unsafe { _mm256_i32gather_epi32::<4>(table.cuts.as_ptr().cast(), *place) };
            // A column has 32 ranks.
            let at = _mm256_add_epi32(_mm256_slli_epi32::<5>(_mm256_srli_epi32::<16>(cut)), rows);
            // SAFETY: a cut is of one of the columns, and there is one more group of ranks than those have.
            let found = unsafe { _mm256_i32gather_epi32::<2>(cells.as_ptr().cast(), at) };
            let left = _mm256_cmpgt_epi32(_mm256_and_si256(cut, low), _mm256_and_si256(found, low));
            // What holds is -1.
            *place = _mm256_add_epi32(_mm256_add_epi32(_mm256_add_epi32(*place, *place), one), left);
        }
    }
    // After eight steps from 1 a place is from 256 to 511.
    places.map(|place| _mm256_sub_epi32(place, _mm256_set1_epi32(256)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(sums: &mut [i32; LANES], lengths: __m256i) {
    // SAFETY: eight sums are 32 bytes.
    let before = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
    let after = _mm256_add_epi32(before, lengths);
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), after) };
}
