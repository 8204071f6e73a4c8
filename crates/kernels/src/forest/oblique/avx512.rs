//! The walk in registers of 512 bits: 32 rows at a time, whose parts of normal vectors come out of registers, as doubles in the upper levels,
//! and as numbers of 16 bits, 64 places to two registers, below.

use std::arch::x86_64::{
    __m512d, __m512i, _CMP_GT_OQ, _mm256_add_epi32, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi64,
    _mm512_add_pd, _mm512_castsi512_si128, _mm512_cmp_pd_mask, _mm512_cvtepi16_epi64, _mm512_cvtepi64_epi16,
    _mm512_cvtepi64_pd, _mm512_extracti32x4_epi32, _mm512_i64gather_epi32, _mm512_i64gather_pd, _mm512_inserti32x4,
    _mm512_loadu_pd, _mm512_loadu_si512, _mm512_mask_add_epi64, _mm512_mask_blend_epi16, _mm512_mask_blend_pd,
    _mm512_mul_pd, _mm512_permutex2var_epi16, _mm512_permutex2var_pd, _mm512_permutexvar_pd, _mm512_set1_epi16,
    _mm512_set1_epi64, _mm512_set1_pd, _mm512_setzero_pd, _mm512_setzero_si512, _mm512_test_epi16_mask,
    _mm512_test_epi64_mask,
};

use super::dense::{DEPTH, Dense, LANES, Table, UPPER, between, width};
use crate::numbers::STRETCH;

/// Registers of rows that are walked together.
const ABREAST: usize = 4;
/// Rows of them, and numbers of 16 bits in a register.
const GROUP: usize = ABREAST * LANES;

/// Adds to each sum what its row has. `cells` are those of [`STRETCH`] rows, column after column, then those of the next rows.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
pub(crate) fn add_ends(dense: &Dense, cells: &[f64], sums: &mut [i32]) {
    for table in &dense.tables {
        for (cells, sums) in cells.chunks_exact(dense.columns * STRETCH).zip(sums.chunks_exact_mut(STRETCH)) {
            for (group, sums) in sums.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                walk(table, dense.columns, &cells[group * GROUP..], sums);
            }
        }
    }
}

/// Adds what the rows of a group have. `cells` begin with theirs of the first column.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn walk(table: &Table, columns: usize, cells: &[f64], sums: &mut [i32; GROUP]) {
    let mut places = [_mm512_setzero_si512(); ABREAST];
    upper_step::<0>(table, columns, cells, &mut places);
    upper_step::<1>(table, columns, cells, &mut places);
    upper_step::<2>(table, columns, cells, &mut places);
    upper_step::<3>(table, columns, cells, &mut places);
    upper_step::<4>(table, columns, cells, &mut places);
    upper_step::<5>(table, columns, cells, &mut places);
    lower_step::<6>(table, columns, cells, &mut places);
    lower_step::<7>(table, columns, cells, &mut places);
    for (place, sums) in places.into_iter().zip(sums.as_chunks_mut::<LANES>().0) {
        // SAFETY: after eight steps from 0 a place is below 256, and there are as many ends.
        let ends = unsafe { _mm512_i64gather_epi32::<4>(place, table.ends.as_ptr()) };
        // SAFETY: eight sums are 32 bytes.
        let before = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
        let after = _mm256_add_epi32(before, ends);
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), after) };
    }
}

/// From places in an upper level to those in the next.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn upper_step<const LEVEL: usize>(table: &Table, columns: usize, cells: &[f64], places: &mut [__m512i; ABREAST]) {
    let parts = &table.upper[between(0, LEVEL) * columns..between(0, LEVEL + 1) * columns];
    let mut products = [_mm512_setzero_pd(); ABREAST];
    for (parts, cells) in parts.chunks_exact(width(LEVEL)).zip(cells.chunks(STRETCH)) {
        add_products(&mut products, looked_up::<LEVEL>(parts, places), cells);
    }
    let offsets = looked_up::<LEVEL>(&table.offsets[between(0, LEVEL)..between(0, LEVEL + 1)], places);
    descend(places, products, offsets);
}

/// From places in a lower level to those in the next.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn lower_step<const LEVEL: usize>(table: &Table, columns: usize, cells: &[f64], places: &mut [__m512i; ABREAST]) {
    let parts = &table.lower[between(UPPER, LEVEL) * columns..between(UPPER, LEVEL + 1) * columns];
    let together = together(places);
    let mut products = [_mm512_setzero_pd(); ABREAST];
    for (parts, cells) in parts.chunks_exact(width(LEVEL)).zip(cells.chunks(STRETCH)) {
        add_products(&mut products, apart(looked_up_together::<LEVEL>(parts, together)), cells);
    }
    let offsets = &table.offsets[between(0, LEVEL)..between(0, LEVEL + 1)];
    assert_eq!(offsets.len(), 1 << LEVEL, "the offsets of a level");
    // SAFETY: a place in a level is below 2^LEVEL, and there are as many offsets, by the assertion.
    let offsets = places.map(|place| unsafe { _mm512_i64gather_pd::<8>(place, offsets.as_ptr()) });
    descend(places, products, offsets);
}

/// Adds to each product the next term. `cells` begin with those of its column.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn add_products(products: &mut [__m512d; ABREAST], parts: [__m512d; ABREAST], cells: &[f64]) {
    let cells: &[[f64; LANES]; ABREAST] = cells[..GROUP].as_chunks().0.try_into().expect("32 are 4 times 8");
    for ((product, part), cells) in products.iter_mut().zip(parts).zip(cells) {
        *product = _mm512_add_pd(*product, _mm512_mul_pd(part, doubles(cells)));
    }
}

/// To the children: to the right where the product with the normal vector is above the offset.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn descend(places: &mut [__m512i; ABREAST], products: [__m512d; ABREAST], offsets: [__m512d; ABREAST]) {
    for ((place, product), offset) in places.iter_mut().zip(products).zip(offsets) {
        let right = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(product, offset);
        *place = _mm512_add_epi64(*place, *place);
        *place = _mm512_mask_add_epi64(*place, right, *place, _mm512_set1_epi64(1));
    }
}

/// What `numbers`, those of an upper level, has at each place.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn looked_up<const LEVEL: usize>(numbers: &[f64], places: &[__m512i; ABREAST]) -> [__m512d; ABREAST] {
    const { assert!(LEVEL < UPPER) };
    let tables: &[[f64; LANES]] = numbers.as_chunks().0;
    match LEVEL {
        0 => [_mm512_set1_pd(numbers[0]); ABREAST],
        1..4 => {
            let table = doubles(&tables[0]);
            places.map(|place| _mm512_permutexvar_pd(place, table))
        }
        4 => {
            let table = [doubles(&tables[0]), doubles(&tables[1])];
            places.map(|place| _mm512_permutex2var_pd(table[0], place, table[1]))
        }
        _ => {
            let low = [doubles(&tables[0]), doubles(&tables[1])];
            let high = [doubles(&tables[2]), doubles(&tables[3])];
            places.map(|place| {
                let upper = _mm512_test_epi64_mask(place, _mm512_set1_epi64(16));
                let found = _mm512_permutex2var_pd(low[0], place, low[1]);
                _mm512_mask_blend_pd(upper, found, _mm512_permutex2var_pd(high[0], place, high[1]))
            })
        }
    }
}

/// What `numbers`, those of a lower level, has at each place.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn looked_up_together<const LEVEL: usize>(numbers: &[i16], places: __m512i) -> __m512i {
    const { assert!(UPPER <= LEVEL && LEVEL < DEPTH) };
    let tables: &[[i16; GROUP]] = numbers.as_chunks().0;
    let low = _mm512_permutex2var_epi16(shorts(&tables[0]), places, shorts(&tables[1]));
    if LEVEL == UPPER {
        return low;
    }
    let high = _mm512_permutex2var_epi16(shorts(&tables[2]), places, shorts(&tables[3]));
    _mm512_mask_blend_epi16(_mm512_test_epi16_mask(places, _mm512_set1_epi16(64)), low, high)
}

/// Places of all rows, of 16 bits each.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn together(places: &[__m512i; ABREAST]) -> __m512i {
    let short = places.map(|place| _mm512_cvtepi64_epi16(place));
    let mut together = _mm512_inserti32x4::<0>(_mm512_setzero_si512(), short[0]);
    together = _mm512_inserti32x4::<1>(together, short[1]);
    together = _mm512_inserti32x4::<2>(together, short[2]);
    _mm512_inserti32x4::<3>(together, short[3])
}

/// Numbers of 16 bits, as doubles.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn apart(together: __m512i) -> [__m512d; ABREAST] {
    let short = [
        _mm512_castsi512_si128(together),
        _mm512_extracti32x4_epi32::<1>(together),
        _mm512_extracti32x4_epi32::<2>(together),
        _mm512_extracti32x4_epi32::<3>(together),
    ];
    short.map(|short| _mm512_cvtepi64_pd(_mm512_cvtepi16_epi64(short)))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn doubles(doubles: &[f64; LANES]) -> __m512d {
    // SAFETY: eight doubles are 64 bytes.
    unsafe { _mm512_loadu_pd(doubles.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shorts(shorts: &[i16; GROUP]) -> __m512i {
    // SAFETY: 32 numbers of 16 bits are 64 bytes.
    unsafe { _mm512_loadu_si512(shorts.as_ptr().cast()) }
}
