//! The walk in registers of 512 bits: 32 rows at a time, no branch, and no memory but the ranks.

use std::arch::x86_64::{
    __m512d, __m512i, _CMP_LT_OQ, _mm_storeu_si128, _mm512_add_epi16, _mm512_add_epi32, _mm512_add_epi64,
    _mm512_castsi256_si512, _mm512_castsi512_si256, _mm512_cmp_pd_mask, _mm512_cmpeq_epi16_mask,
    _mm512_cmpge_epu16_mask, _mm512_cvtepi32_epi16, _mm512_cvtepi64_epi16, _mm512_cvtepu16_epi32,
    _mm512_extracti64x4_epi64, _mm512_i32gather_epi32, _mm512_i64gather_pd, _mm512_inserti64x4, _mm512_loadu_pd,
    _mm512_loadu_si512, _mm512_mask_add_epi16, _mm512_mask_add_epi64, _mm512_mask_blend_epi16, _mm512_mask_mov_epi16,
    _mm512_permutex2var_epi16, _mm512_permutex2var_pd, _mm512_permutexvar_epi16, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setr_epi32, _mm512_slli_epi32, _mm512_storeu_si512, _mm512_sub_epi16, _mm512_sub_epi64,
    _mm512_test_epi16_mask,
};

use super::ranked::{GROUP, GROUPS, LEAVES, Ladder, Ranked, TOP_STEPS, Table};
use crate::numbers::STRETCH;

/// Of up to so many columns all are looked through for the cells that are compared; of more, each is looked up.
const SCANNED_MAX: usize = 24;

/// Doubles in a register.
const LANES: usize = 8;

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

/// Walks the rows of the first groups through all trees. `ended` is given each tree, each group of rows, and the leaves in which those end.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn walk(forest: &Ranked, cells: &[f64], groups: usize, mut ended: impl FnMut(usize, usize, __m512i)) {
    let columns = forest.ladders.len();
    let ranks = forest.ranks(cells, groups, |ladder, cells| ranks_of(ladder, cells));
    for (tree, table) in forest.tables.iter().enumerate() {
        let table = Registers::of(table);
        for group in 0..groups {
            let cells = &ranks[group * columns..=(group + 1) * columns];
            let leaves = if columns <= SCANNED_MAX {
                table.walk(|places, ranks, columns| step(places, scanned(cells, columns), ranks))
            } else {
                table.walk(|places, ranks, columns| step(places, looked_up(cells, columns), ranks))
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

/// How many thresholds lie below each cell.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn ranks_of(ladder: &Ladder, cells: &[f64; GROUP]) -> [u16; GROUP] {
    let top: &[[f64; LANES]] = ladder.thresholds.as_chunks().0;
    let top = [doubles(&top[0]), doubles(&top[1])];
    let (one, leaves) = (_mm512_set1_epi64(1), _mm512_set1_epi64(1 << ladder.depth));
    let lanes: &[[f64; LANES]; GROUP / LANES] = cells.as_chunks().0.try_into().expect("32 are 4 times 8");
    let lanes = [doubles(&lanes[0]), doubles(&lanes[1]), doubles(&lanes[2]), doubles(&lanes[3])];
    let mut places = [one; GROUP / LANES];
    for step in 0..ladder.depth {
        for (place, cells) in places.iter_mut().zip(lanes) {
            let threshold = if step < TOP_STEPS {
                _mm512_permutex2var_pd(top[0], *place, top[1])
            } else {
                // SAFETY: a place is below 2^(step + 1), and `thresholds` has 2^depth, by `Ladder::new`.
                unsafe { _mm512_i64gather_pd::<8>(*place, ladder.thresholds.as_ptr()) }
            };
            let above = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(threshold, cells);
            *place = _mm512_add_epi64(*place, *place);
            *place = _mm512_mask_add_epi64(*place, above, *place, one);
        }
    }
    let mut ranks = [0; GROUP];
    for (place, ranks) in places.into_iter().zip(ranks.as_chunks_mut::<LANES>().0) {
        let bits = _mm512_cvtepi64_epi16(_mm512_sub_epi64(place, leaves));
        // SAFETY: eight ranks are 16 bytes.
        unsafe { _mm_storeu_si128(ranks.as_mut_ptr().cast(), bits) };
    }
    ranks
}

/// A tree whose cuts lie in registers.
struct Registers {
    ranks: [__m512i; 8],
    columns: [__m512i; 8],
}

impl Registers {
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn of(table: &Table) -> Self {
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
        Self { ranks: load(&table.ranks), columns: load(&table.columns) }
    }

    /// The leaves in which the rows of a group end, each below 256. `step` takes its rows from their places to the next ones, given the ranks
    /// and columns of the cuts there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
    fn walk(&self, step: impl Fn(__m512i, __m512i, __m512i) -> __m512i) -> __m512i {
        let mut places = _mm512_set1_epi16(1);
        for _ in 0..5 {
            // Places below 32.
            let [ranks, columns] =
                [self.ranks[0], self.columns[0]].map(|table| _mm512_permutexvar_epi16(places, table));
            places = step(places, ranks, columns);
        }
        // From 32 to 63,
        let [ranks, columns] = [self.ranks[1], self.columns[1]].map(|table| _mm512_permutexvar_epi16(places, table));
        places = step(places, ranks, columns);
        // to 127,
        let [ranks, columns] =
            [&self.ranks, &self.columns].map(|tables| _mm512_permutex2var_epi16(tables[2], places, tables[3]));
        places = step(places, ranks, columns);
        // and to 255.
        let upper = _mm512_test_epi16_mask(places, _mm512_set1_epi16(64));
        let [ranks, columns] = [&self.ranks, &self.columns].map(|tables| {
            let lower = _mm512_permutex2var_epi16(tables[4], places, tables[5]);
            _mm512_mask_blend_epi16(upper, lower, _mm512_permutex2var_epi16(tables[6], places, tables[7]))
        });
        // After eight steps from 1 a place is from 256 to 511.
        _mm512_sub_epi16(step(places, ranks, columns), _mm512_set1_epi16(256))
    }
}

/// The children that rows come to: right ones where the rank of the cell is at least that of the cut.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn step(places: __m512i, cells: __m512i, ranks: __m512i) -> __m512i {
    let right = _mm512_cmpge_epu16_mask(cells, ranks);
    let places = _mm512_add_epi16(places, places);
    _mm512_mask_add_epi16(places, right, places, _mm512_set1_epi16(1))
}

/// Of each row, the rank of its cell in its column. `cells` are those of each column, and one more that is of none.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn scanned(cells: &[[u16; GROUP]], columns: __m512i) -> __m512i {
    let (one, mut column) = (_mm512_set1_epi16(1), _mm512_set1_epi16(0));
    let mut found = column;
    for cells in &cells[..cells.len() - 1] {
        let here = _mm512_cmpeq_epi16_mask(columns, column);
        found = _mm512_mask_mov_epi16(found, here, words(cells));
        column = _mm512_add_epi16(column, one);
    }
    found
}

/// The same.
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

#[inline]
#[target_feature(enable = "avx512f")]
fn doubles(doubles: &[f64; LANES]) -> __m512d {
    // SAFETY: eight doubles are 64 bytes.
    unsafe { _mm512_loadu_pd(doubles.as_ptr()) }
}
