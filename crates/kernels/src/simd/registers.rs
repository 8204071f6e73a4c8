//! Registers of doubles, for what LLVM does not make of a plain body: a network that sorts lanes, a table that is looked up in.
//!
//! A body is generic over [`Registers`], and is stamped once per kind by `registers!`. Each operation rounds
//! as the plain one does, so that results are bit-identical.

use std::arch::x86_64::{
    __m256d, __m256i, __m512d, __m512i, __mmask8, _CMP_EQ_OQ, _CMP_LE_OQ, _CMP_LT_OQ, _CMP_UNORD_Q, _cvtmask8_u32,
    _mm256_add_epi64, _mm256_add_pd, _mm256_and_si256, _mm256_blendv_epi8, _mm256_blendv_pd, _mm256_castpd_si256,
    _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_cmpgt_epi64, _mm256_i64gather_epi64, _mm256_i64gather_pd,
    _mm256_loadu_pd, _mm256_loadu_si256, _mm256_max_pd, _mm256_min_epu32, _mm256_min_pd, _mm256_movemask_pd,
    _mm256_mul_pd, _mm256_permute2f128_pd, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_sqrt_pd, _mm256_srli_epi64,
    _mm256_storeu_pd, _mm256_storeu_si256, _mm256_sub_epi64, _mm256_sub_pd, _mm256_unpackhi_pd, _mm256_unpacklo_pd,
    _mm512_add_epi64, _mm512_add_pd, _mm512_and_si512, _mm512_castpd_si512, _mm512_castpd256_pd512, _mm512_cmp_pd_mask,
    _mm512_cmpgt_epu64_mask, _mm512_i64gather_epi64, _mm512_i64gather_pd, _mm512_insertf64x4, _mm512_loadu_pd,
    _mm512_loadu_si512, _mm512_mask_add_epi64, _mm512_mask_blend_epi64, _mm512_mask_blend_pd, _mm512_max_pd,
    _mm512_min_epu32, _mm512_min_pd, _mm512_mul_pd, _mm512_permutex2var_pd, _mm512_set1_epi64, _mm512_set1_pd,
    _mm512_shuffle_f64x2, _mm512_sqrt_pd, _mm512_srli_epi64, _mm512_storeu_pd, _mm512_storeu_si512, _mm512_sub_epi64,
    _mm512_sub_pd, _mm512_unpackhi_pd, _mm512_unpacklo_pd,
};

use super::Row;

/// Registers of one kind. A value is the proof that this processor has them.
pub(crate) trait Registers: Copy {
    /// What one holds.
    type Doubles: Copy;
    /// As many whole numbers.
    type Wholes: Copy;
    /// Whether something holds, of each.
    type Mask: Copy;
    /// How many that are.
    const LANES: usize;

    fn splat(self, value: f64) -> Self::Doubles;
    /// The first of `cells`, of which there are enough.
    fn load(self, cells: &[f64]) -> Self::Doubles;
    /// Writes to the first of `cells`, of which there are enough.
    fn store(self, doubles: Self::Doubles, cells: &mut [f64]);
    fn add(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    fn sub(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    fn mul(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    fn sqrt(self, a: Self::Doubles) -> Self::Doubles;
    /// The lesser of each two; `b` where one is NaN.
    fn lesser(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// The greater of each two; `b` where one is NaN.
    fn greater(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;

    fn less(self, a: Self::Doubles, b: Self::Doubles) -> Self::Mask;
    fn at_most(self, a: Self::Doubles, b: Self::Doubles) -> Self::Mask;
    fn same(self, a: Self::Doubles, b: Self::Doubles) -> Self::Mask;
    fn is_nan(self, a: Self::Doubles) -> Self::Mask;
    /// A bit of each lane, the first the lowest.
    fn lanes_of(self, mask: Self::Mask) -> u32;
    /// `then` where the mask holds, else `other`.
    fn choose(self, mask: Self::Mask, then: Self::Doubles, other: Self::Doubles) -> Self::Doubles;
    fn choose_whole(self, mask: Self::Mask, then: Self::Wholes, other: Self::Wholes) -> Self::Wholes;

    fn whole(self, value: u64) -> Self::Wholes;
    /// The bits of each double.
    fn bits(self, a: Self::Doubles) -> Self::Wholes;
    /// The lower 32 bits of each.
    fn low_half(self, a: Self::Wholes) -> Self::Wholes;
    /// The upper ones.
    fn high_half(self, a: Self::Wholes) -> Self::Wholes;
    fn plus(self, a: Self::Wholes, b: Self::Wholes) -> Self::Wholes;
    fn minus(self, a: Self::Wholes, b: Self::Wholes) -> Self::Wholes;
    /// `a`, and `b` more where the mask holds.
    fn plus_where(self, mask: Self::Mask, a: Self::Wholes, b: Self::Wholes) -> Self::Wholes;
    /// A bit of each that is above `than`, the first the lowest; all are less than 2^63.
    fn above(self, a: Self::Wholes, than: u64) -> u32;
    /// The first of `wholes`, of which there are enough.
    fn load_wholes(self, wholes: &[u64]) -> Self::Wholes;
    /// Writes to the first of `wholes`, of which there are enough.
    fn store_wholes(self, a: Self::Wholes, wholes: &mut [u64]);

    /// What is in the table at each place, of which only the lower 32 bits count; its last where that is past it. There is one at least.
    fn gather(self, table: &[f64], at: Self::Wholes) -> Self::Doubles;
    /// What is in a small table at each place, of which only the lowest four bits count.
    fn pick(self, table: &[f64; 16], at: Self::Wholes) -> Self::Doubles;
    /// The number at each place in the lower half, and its neighbour in the upper one; the last two where that is past them. There are two at least.
    fn gather_pairs(self, table: &[u32], at: Self::Wholes) -> Self::Wholes;
    /// The row at each place, number after number; the last where that is past it. There is one at least.
    fn gather_rows(self, table: &[Row], at: Self::Wholes) -> [Self::Doubles; 4];

    /// `then` where `a` is at most `b`, else `other`.
    #[inline(always)]
    fn where_at_most(
        self,
        a: Self::Doubles,
        b: Self::Doubles,
        then: Self::Doubles,
        other: Self::Doubles,
    ) -> Self::Doubles {
        self.choose(self.at_most(a, b), then, other)
    }
}

/// Four doubles a register.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Eight doubles a register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx2 {
    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512F, AVX-512DQ, AVX-512VL and AVX-512BW.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// The greatest place from which a gather may begin, in the lower half of a number: with `read` of them in reach.
#[inline(always)]
fn last_place(length: usize, read: usize) -> u64 {
    let last = length.checked_sub(read).expect("a table is not empty");
    u64::from(u32::try_from(last).unwrap_or(u32::MAX))
}

macro_rules! operations {
    ($kind:ident of $lanes:literal $doubles:ident $wholes:ident $mask:ident {
        $(fn $name:ident($($arg:ident: $ty:ty),+) -> $out:ty = $operation:expr;)+
    }, $load:ident, $store:ident, $load_wholes:ident, $store_wholes:ident, $clamp:ident, $gather:ident, $gather_pairs:ident, $pick:ident, $transposed:ident) => {
        impl Registers for $kind {
            type Doubles = $doubles;
            type Wholes = $wholes;
            type Mask = $mask;
            const LANES: usize = $lanes;

            $(
                #[inline(always)]
                fn $name(self, $($arg: $ty),+) -> $out {
                    // SAFETY: `self` is the proof that the processor has this instruction, by `new`.
                    unsafe { $operation }
                }
            )+

            #[inline(always)]
            fn load(self, cells: &[f64]) -> $doubles {
                let cells = &cells[..$lanes];
                // SAFETY: as above; there are as many cells as are read, by the line before.
                unsafe { $load(cells.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, doubles: $doubles, cells: &mut [f64]) {
                let cells = &mut cells[..$lanes];
                // SAFETY: as above; there are as many cells as are written, by the line before.
                unsafe { $store(cells.as_mut_ptr(), doubles) }
            }

            #[inline(always)]
            fn load_wholes(self, wholes: &[u64]) -> $wholes {
                let wholes = &wholes[..$lanes];
                // SAFETY: as above; there are as many as are read, by the line before.
                unsafe { $load_wholes(wholes.as_ptr().cast()) }
            }

            #[inline(always)]
            fn store_wholes(self, a: $wholes, wholes: &mut [u64]) {
                let wholes = &mut wholes[..$lanes];
                // SAFETY: as above; there are as many as are written, by the line before.
                unsafe { $store_wholes(wholes.as_mut_ptr().cast(), a) }
            }

            #[inline(always)]
            fn gather(self, table: &[f64], at: $wholes) -> $doubles {
                let last = self.whole(last_place(table.len(), 1));
                // SAFETY: `self` is the proof that the processor has this instruction, by `new`.
                let at = unsafe { $clamp(at, last) };
                // SAFETY: as above; no place is past the last, by the line before.
                unsafe { $gather(table.as_ptr(), at) }
            }

            #[inline(always)]
            fn pick(self, table: &[f64; 16], at: $wholes) -> $doubles {
                // SAFETY: `self` is the proof that the processor has these instructions, by `new`.
                unsafe { $pick(table, at) }
            }

            #[inline(always)]
            fn gather_pairs(self, table: &[u32], at: $wholes) -> $wholes {
                let last = self.whole(last_place(table.len(), 2));
                // SAFETY: `self` is the proof that the processor has this instruction, by `new`.
                let at = unsafe { $clamp(at, last) };
                // SAFETY: as above; no place is past the last that has a neighbour, by the line before.
                unsafe { $gather_pairs(table.as_ptr(), at) }
            }

            #[inline(always)]
            #[expect(clippy::cast_possible_truncation, reason = "a place in the table")]
            fn gather_rows(self, table: &[Row], at: $wholes) -> [$doubles; 4] {
                let last = self.whole(last_place(table.len(), 1));
                // SAFETY: `self` is the proof that the processor has this instruction, by `new`.
                let at = unsafe { $clamp(at, last) };
                let mut places = [0; $lanes];
                self.store_wholes(at, &mut places);
                // SAFETY: no place is past the last, by the clamp.
                let rows = places.map(|place| unsafe { table.get_unchecked(place as usize) });
                // SAFETY: `self` is the proof that the processor has these instructions, by `new`.
                unsafe { $transposed(rows) }
            }
        }
    };
}

operations!(Avx512 of 8 __m512d __m512i __mmask8 {
    fn splat(value: f64) -> __m512d = _mm512_set1_pd(value);
    fn add(a: __m512d, b: __m512d) -> __m512d = _mm512_add_pd(a, b);
    fn sub(a: __m512d, b: __m512d) -> __m512d = _mm512_sub_pd(a, b);
    fn mul(a: __m512d, b: __m512d) -> __m512d = _mm512_mul_pd(a, b);
    fn sqrt(a: __m512d) -> __m512d = _mm512_sqrt_pd(a);
    fn lesser(a: __m512d, b: __m512d) -> __m512d = _mm512_min_pd(a, b);
    fn greater(a: __m512d, b: __m512d) -> __m512d = _mm512_max_pd(a, b);
    fn less(a: __m512d, b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b);
    fn at_most(a: __m512d, b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b);
    fn same(a: __m512d, b: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, b);
    fn is_nan(a: __m512d) -> __mmask8 = _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(a, a);
    fn lanes_of(mask: __mmask8) -> u32 = _cvtmask8_u32(mask);
    fn choose(mask: __mmask8, then: __m512d, other: __m512d) -> __m512d = _mm512_mask_blend_pd(mask, other, then);
    fn choose_whole(mask: __mmask8, then: __m512i, other: __m512i) -> __m512i =
        _mm512_mask_blend_epi64(mask, other, then);
    fn whole(value: u64) -> __m512i = _mm512_set1_epi64(value.cast_signed());
    fn bits(a: __m512d) -> __m512i = _mm512_castpd_si512(a);
    fn low_half(a: __m512i) -> __m512i = _mm512_and_si512(a, _mm512_set1_epi64(0xffff_ffff));
    fn high_half(a: __m512i) -> __m512i = _mm512_srli_epi64::<32>(a);
    fn plus(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi64(a, b);
    fn minus(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi64(a, b);
    fn plus_where(mask: __mmask8, a: __m512i, b: __m512i) -> __m512i = _mm512_mask_add_epi64(a, mask, a, b);
    fn above(a: __m512i, than: u64) -> u32 =
        _cvtmask8_u32(_mm512_cmpgt_epu64_mask(a, _mm512_set1_epi64(than.cast_signed())));
}, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_min_epu32, gather_512, gather_pairs_512, pick_512, transposed_512);

operations!(Avx2 of 4 __m256d __m256i __m256d {
    fn splat(value: f64) -> __m256d = _mm256_set1_pd(value);
    fn add(a: __m256d, b: __m256d) -> __m256d = _mm256_add_pd(a, b);
    fn sub(a: __m256d, b: __m256d) -> __m256d = _mm256_sub_pd(a, b);
    fn mul(a: __m256d, b: __m256d) -> __m256d = _mm256_mul_pd(a, b);
    fn sqrt(a: __m256d) -> __m256d = _mm256_sqrt_pd(a);
    fn lesser(a: __m256d, b: __m256d) -> __m256d = _mm256_min_pd(a, b);
    fn greater(a: __m256d, b: __m256d) -> __m256d = _mm256_max_pd(a, b);
    fn less(a: __m256d, b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_LT_OQ>(a, b);
    fn at_most(a: __m256d, b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_LE_OQ>(a, b);
    fn same(a: __m256d, b: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_EQ_OQ>(a, b);
    fn is_nan(a: __m256d) -> __m256d = _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a);
    fn lanes_of(mask: __m256d) -> u32 = _mm256_movemask_pd(mask).cast_unsigned();
    fn choose(mask: __m256d, then: __m256d, other: __m256d) -> __m256d = _mm256_blendv_pd(other, then, mask);
    fn choose_whole(mask: __m256d, then: __m256i, other: __m256i) -> __m256i =
        _mm256_blendv_epi8(other, then, _mm256_castpd_si256(mask));
    fn whole(value: u64) -> __m256i = _mm256_set1_epi64x(value.cast_signed());
    fn bits(a: __m256d) -> __m256i = _mm256_castpd_si256(a);
    fn low_half(a: __m256i) -> __m256i = _mm256_and_si256(a, _mm256_set1_epi64x(0xffff_ffff));
    fn high_half(a: __m256i) -> __m256i = _mm256_srli_epi64::<32>(a);
    fn plus(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi64(a, b);
    fn minus(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi64(a, b);
    fn plus_where(mask: __m256d, a: __m256i, b: __m256i) -> __m256i =
        _mm256_add_epi64(a, _mm256_and_si256(b, _mm256_castpd_si256(mask)));
    fn above(a: __m256i, than: u64) -> u32 = {
        let above = _mm256_cmpgt_epi64(a, _mm256_set1_epi64x(than.cast_signed()));
        _mm256_movemask_pd(_mm256_castsi256_pd(above)).cast_unsigned()
    };
}, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_min_epu32, gather_256, gather_pairs_256, pick_256, transposed_256);

/// The numbers of eight rows, one after the other.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn transposed_512(rows: [&Row; 8]) -> [__m512d; 4] {
    // SAFETY: four doubles are 32 bytes.
    let row = |at: usize| unsafe { _mm256_loadu_pd(rows[at].0.as_ptr()) };
    let two = |low, high| _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(row(low)), row(high));
    let [a, b, c, d] = [two(0, 2), two(1, 3), two(4, 6), two(5, 7)];
    let (even, odd) =
        ([_mm512_unpacklo_pd(a, b), _mm512_unpacklo_pd(c, d)], [_mm512_unpackhi_pd(a, b), _mm512_unpackhi_pd(c, d)]);
    [
        _mm512_shuffle_f64x2::<0b10_00_10_00>(even[0], even[1]),
        _mm512_shuffle_f64x2::<0b10_00_10_00>(odd[0], odd[1]),
        _mm512_shuffle_f64x2::<0b11_01_11_01>(even[0], even[1]),
        _mm512_shuffle_f64x2::<0b11_01_11_01>(odd[0], odd[1]),
    ]
}

/// The numbers of four rows, one after the other.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed_256(rows: [&Row; 4]) -> [__m256d; 4] {
    // SAFETY: four doubles are 32 bytes.
    let [a, b, c, d] = rows.map(|row| unsafe { _mm256_loadu_pd(row.0.as_ptr()) });
    let (even, odd) =
        ([_mm256_unpacklo_pd(a, b), _mm256_unpacklo_pd(c, d)], [_mm256_unpackhi_pd(a, b), _mm256_unpackhi_pd(c, d)]);
    [
        _mm256_permute2f128_pd::<0x20>(even[0], even[1]),
        _mm256_permute2f128_pd::<0x20>(odd[0], odd[1]),
        _mm256_permute2f128_pd::<0x31>(even[0], even[1]),
        _mm256_permute2f128_pd::<0x31>(odd[0], odd[1]),
    ]
}

/// What is in the table at each place, of which only the lowest four bits count.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn pick_512(table: &[f64; 16], at: __m512i) -> __m512d {
    let halves = table.as_chunks::<8>().0;
    // SAFETY: eight doubles are 64 bytes.
    let half = |half: usize| unsafe { _mm512_loadu_pd(halves[half].as_ptr()) };
    _mm512_permutex2var_pd(half(0), at, half(1))
}

/// The same.
#[inline]
#[target_feature(enable = "avx2")]
fn pick_256(table: &[f64; 16], at: __m256i) -> __m256d {
    let at = _mm256_and_si256(at, _mm256_set1_epi64x(15));
    // SAFETY: no place is past the sixteenth, by the line before.
    unsafe { gather_256(table.as_ptr(), at) }
}

/// # Safety
/// There is a double at each of these places.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn gather_512(table: *const f64, at: __m512i) -> __m512d {
    // SAFETY: as the caller says.
    unsafe { _mm512_i64gather_pd::<8>(at, table) }
}

/// # Safety
/// There are two numbers from each of these places on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn gather_pairs_512(table: *const u32, at: __m512i) -> __m512i {
    // SAFETY: as the caller says.
    unsafe { _mm512_i64gather_epi64::<4>(at, table.cast()) }
}

/// # Safety
/// There is a double at each of these places.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn gather_256(table: *const f64, at: __m256i) -> __m256d {
    // SAFETY: as the caller says.
    unsafe { _mm256_i64gather_pd::<8>(table, at) }
}

/// # Safety
/// There are two numbers from each of these places on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn gather_pairs_256(table: *const u32, at: __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe { _mm256_i64gather_epi64::<4>(table.cast(), at) }
}
