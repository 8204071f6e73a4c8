//! The walk in registers of 512 bits: 32 rows at a time, no branch, and no memory but the ranks.

use std::arch::x86_64::{
    __m512i, __mmask32, _mm512_add_epi16, _mm512_add_epi32, _mm512_castsi256_si512, _mm512_castsi512_si256,
    _mm512_cmpge_epu16_mask, _mm512_cvtepi32_epi16, _mm512_cvtepu16_epi32, _mm512_extracti64x4_epi64,
    _mm512_i32gather_epi32, _mm512_inserti64x4, _mm512_loadu_si512, _mm512_mask_add_epi16, _mm512_mask_blend_epi16,
    _mm512_permutex2var_epi16, _mm512_permutexvar_epi16, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_setr_epi32,
    _mm512_slli_epi32, _mm512_storeu_si512, _mm512_sub_epi16, _mm512_test_epi16_mask,
};

use super::ranked::{GROUP, GROUPS, LEAVES, Ranked, Table};
use crate::Level;
use crate::numbers::STRETCH;
use crate::simd::Isa;

/// Adds to each sum the lengths of its row's paths. `cells` are those of [`STRETCH`] rows, column after column.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn add_lengths(forest: &Ranked, cells: &[f64], sums: &mut [i32; STRETCH]) {
    let (sums, _) = sums.as_chunks_mut::<GROUP>();
    walk(forest, cells, GROUPS, |tree, group, leaves| add(&forest.tables[tree].lengths, leaves, &mut sums[group]));
}

/// Writes the leaf in which each row of the first groups ends, tree after tree.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn find_leaves(forest: &Ranked, cells: &[f64], groups: usize, leaves: &mut [[u16; STRETCH]]) {
    walk(forest, cells, groups, |tree, group, found| {
        let leaves = &mut leaves[tree].as_chunks_mut::<GROUP>().0[group];
        // SAFETY: 32 leaves are 64 bytes.
        unsafe { _mm512_storeu_si512(leaves.as_mut_ptr().cast(), found) };
    });
}

/// Walks the rows of the first groups through all trees. `ended` is given each tree, each group, and the leaves in which its rows end.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn walk(forest: &Ranked, cells: &[f64], groups: usize, ended: impl FnMut(usize, usize, __m512i)) {
    // What this function is compiled for is what this level says.
    let ranks = forest.ranks(Level(Isa::Avx512), cells, groups);
    match forest.columns() {
        ..=4 => walk_ranks::<4>(forest, &ranks, groups, ended),
        5..=8 => walk_ranks::<8>(forest, &ranks, groups, ended),
        9..=12 => walk_ranks::<12>(forest, &ranks, groups, ended),
        13..=16 => walk_ranks::<16>(forest, &ranks, groups, ended),
        17..=24 => walk_ranks::<24>(forest, &ranks, groups, ended),
        25..=32 => walk_ranks::<32>(forest, &ranks, groups, ended),
        _ => walk_ranks::<0>(forest, &ranks, groups, ended),
    }
}

/// The same, given the ranks of the cells. Of up to `N` columns all are looked through for the cells that are compared; where `N` is 0, each
/// cell is looked up.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn walk_ranks<const N: usize>(
    forest: &Ranked,
    ranks: &[[u16; GROUP]],
    groups: usize,
    mut ended: impl FnMut(usize, usize, __m512i),
) {
    let columns = forest.columns();
    for (tree, table) in forest.tables.iter().enumerate() {
        let table = Registers::of(table);
        for group in 0..groups {
            let cells = &ranks[group * columns..];
            let leaves = match cells.first_chunk::<N>() {
                Some(cells) if N > 0 => table.walk(cells, |columns| selected(cells, columns)),
                _ => {
                    let cells = &cells[..=columns];
                    table.walk(cells, |columns| looked_up(cells, columns))
                }
            };
            ended(tree, group, leaves);
        }
    }
}

/// Adds to each sum the length of the path to its row's leaf.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn add(lengths: &[i32; LEAVES], leaves: __m512i, sums: &mut [i32; GROUP]) {
    let halves = [_mm512_castsi512_si256(leaves), _mm512_extracti64x4_epi64::<1>(leaves)];
    for (half, sums) in halves.into_iter().zip(sums.as_chunks_mut::<16>().0) {
        let leaves = _mm512_cvtepu16_epi32(half);
        // SAFETY: by `Registers::walk` a leaf is below 256, and there are as many lengths.
        let lengths = unsafe { _mm512_i32gather_epi32::<4>(leaves, lengths.as_ptr()) };
        // SAFETY: sixteen sums are 64 bytes.
        let before = unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) };
        let after = _mm512_add_epi32(before, lengths);
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), after) };
    }
}

/// A tree whose cuts lie in registers.
struct Registers<'t> {
    ranks: [__m512i; 8],
    columns: [__m512i; 8],
    /// The columns once more, in memory.
    columns_of: &'t [u16; LEAVES],
}

impl<'t> Registers<'t> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn of(table: &'t Table) -> Self {
        let load = |words: &[u16; 256]| {
            let words: &[[u16; GROUP]; 8] = words.as_chunks().0.try_into().expect("256 are 8 times 32");
            [
                self::words(&words[0]),
                self::words(&words[1]),
                self::words(&words[2]),
                self::words(&words[3]),
                self::words(&words[4]),
                self::words(&words[5]),
                self::words(&words[6]),
                self::words(&words[7]),
            ]
        };
        Self { ranks: load(&table.ranks), columns: load(&table.columns), columns_of: &table.columns }
    }

    /// Where rows come to after four cuts, each of which is of one column where few are met.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn descend(&self, cells: &[[u16; GROUP]]) -> __m512i {
        let node = |place: usize| words(&cells[usize::from(self.columns_of[place])]);
        let goes_right = |cells, places| goes_right(cells, _mm512_permutexvar_epi16(places, self.ranks[0]));
        let places = _mm512_set1_epi16(1);
        let first = goes_right(node(1), places);
        let places = below(places, first);
        let second = goes_right(either(first, [node(2), node(3)]), places);
        let places = below(places, second);
        let two = |at| either(second, [node(at), node(at + 1)]);
        let third = goes_right(either(first, [two(4), two(6)]), places);
        let places = below(places, third);
        let two = |at| either(third, [node(at), node(at + 1)]);
        let four = |at| either(second, [two(at), two(at + 2)]);
        let fourth = goes_right(either(first, [four(8), four(12)]), places);
        below(places, fourth)
    }

    /// The leaves in which the rows of a group end, each below 256. Its ranks are `cells`; `select` says of each row the rank of its cell in a
    /// column.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn walk(&self, cells: &[[u16; GROUP]], select: impl Fn(__m512i) -> __m512i) -> __m512i {
        let mut places = self.descend(cells);
        // Places from 16 to 31,
        let [ranks, columns] = [self.ranks[0], self.columns[0]].map(|table| _mm512_permutexvar_epi16(places, table));
        places = below(places, goes_right(select(columns), ranks));
        // to 63,
        let [ranks, columns] = [self.ranks[1], self.columns[1]].map(|table| _mm512_permutexvar_epi16(places, table));
        places = below(places, goes_right(select(columns), ranks));
        // to 127,
        let [ranks, columns] =
            [&self.ranks, &self.columns].map(|tables| _mm512_permutex2var_epi16(tables[2], places, tables[3]));
        places = below(places, goes_right(select(columns), ranks));
        // and to 255.
        let upper = _mm512_test_epi16_mask(places, _mm512_set1_epi16(64));
        let [ranks, columns] = [&self.ranks, &self.columns].map(|tables| {
            let lower = _mm512_permutex2var_epi16(tables[4], places, tables[5]);
            _mm512_mask_blend_epi16(upper, lower, _mm512_permutex2var_epi16(tables[6], places, tables[7]))
        });
        places = below(places, goes_right(select(columns), ranks));
        // After eight cuts from 1 a place is from 256 to 511.
        _mm512_sub_epi16(places, _mm512_set1_epi16(256))
    }
}

/// Which rows go right: those whose cell has at least the rank of the cut.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn goes_right(cells: __m512i, ranks: __m512i) -> __mmask32 {
    _mm512_cmpge_epu16_mask(cells, ranks)
}

/// The children that rows come to.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn below(places: __m512i, right: __mmask32) -> __m512i {
    let places = _mm512_add_epi16(places, places);
    _mm512_mask_add_epi16(places, right, places, _mm512_set1_epi16(1))
}

/// The second of two where a row goes right, else the first.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn either(right: __mmask32, [left, other]: [__m512i; 2]) -> __m512i {
    _mm512_mask_blend_epi16(right, left, other)
}

/// Of each row, the rank of its cell in its column: of each two, of each four, and so on the one that the bits of the column say.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn selected<const N: usize>(cells: &[[u16; GROUP]; N], columns: __m512i) -> __m512i {
    let bit = |bit: i16| _mm512_test_epi16_mask(columns, _mm512_set1_epi16(1 << bit));
    let two = |at: usize| either(bit(0), [words(&cells[at]), words(&cells[at + 1])]);
    let four = |at| either(bit(1), [two(at), two(at + 2)]);
    let eight = |at| either(bit(2), [four(at), four(at + 4)]);
    let sixteen = |at| either(bit(3), [eight(at), eight(at + 8)]);
    match N {
        4 => four(0),
        8 => eight(0),
        12 => either(bit(3), [eight(0), four(8)]),
        16 => sixteen(0),
        24 => either(bit(4), [sixteen(0), eight(16)]),
        _ => either(bit(4), [sixteen(0), sixteen(16)]),
    }
}

/// The same, where there is a group more than columns.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn looked_up(cells: &[[u16; GROUP]], columns: __m512i) -> __m512i {
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let [low, high] = [
        (_mm512_castsi512_si256(columns), lanes),
        (_mm512_extracti64x4_epi64::<1>(columns), _mm512_add_epi32(lanes, _mm512_set1_epi32(16))),
    ]
    .map(|(columns, rows)| {
        // A column has 32 ranks.
        let at = _mm512_add_epi32(_mm512_slli_epi32::<5>(_mm512_cvtepu16_epi32(columns)), rows);
        // SAFETY: a cut is of one of the columns, and there is one more group of ranks than those have.
        let found = unsafe { _mm512_i32gather_epi32::<2>(at, cells.as_ptr().cast()) };
        _mm512_cvtepi32_epi16(found)
    });
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn words(words: &[u16; GROUP]) -> __m512i {
    // SAFETY: 32 words are 64 bytes.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}
