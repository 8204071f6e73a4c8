//! Registers of doubles, for what LLVM does not make of a plain body: a network that sorts lanes.
//!
//! A body is generic over [`Registers`], and is stamped once per kind by `registers!`. Each operation is one instruction and rounds
//! as the plain one does, so that results are bit-identical.

use std::arch::x86_64::{
    __m256d, __m512d, _CMP_LE_OQ, _mm256_add_pd, _mm256_blendv_pd, _mm256_cmp_pd, _mm256_loadu_pd, _mm256_max_pd,
    _mm256_min_pd, _mm256_mul_pd, _mm256_set1_pd, _mm256_sqrt_pd, _mm256_storeu_pd, _mm256_sub_pd, _mm512_add_pd,
    _mm512_cmp_pd_mask, _mm512_loadu_pd, _mm512_mask_blend_pd, _mm512_max_pd, _mm512_min_pd, _mm512_mul_pd,
    _mm512_set1_pd, _mm512_sqrt_pd, _mm512_storeu_pd, _mm512_sub_pd,
};

/// Registers of one kind. A value is the proof that this processor has them.
pub(crate) trait Registers: Copy {
    /// What one holds.
    type Doubles: Copy;
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
    /// The lesser of each two, of which none is NaN.
    fn lesser(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// The greater of each two, of which none is NaN.
    fn greater(self, a: Self::Doubles, b: Self::Doubles) -> Self::Doubles;
    /// `then` where `a` is at most `b`, else `other`.
    fn where_at_most(
        self,
        a: Self::Doubles,
        b: Self::Doubles,
        then: Self::Doubles,
        other: Self::Doubles,
    ) -> Self::Doubles;
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
    /// The processor has AVX-512F.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

macro_rules! operations {
    ($kind:ident of $lanes:literal $doubles:ident { $($name:ident($($arg:ident),+) = $operation:expr;)+ }, $load:ident, $store:ident, $splat:ident) => {
        impl Registers for $kind {
            type Doubles = $doubles;
            const LANES: usize = $lanes;

            $(
                #[inline(always)]
                fn $name(self, $($arg: $doubles),+) -> $doubles {
                    // SAFETY: `self` is the proof that the processor has this instruction, by `new`.
                    unsafe { $operation }
                }
            )+

            #[inline(always)]
            fn splat(self, value: f64) -> $doubles {
                // SAFETY: as above.
                unsafe { $splat(value) }
            }

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
        }
    };
}

operations!(Avx512 of 8 __m512d {
    add(a, b) = _mm512_add_pd(a, b);
    sub(a, b) = _mm512_sub_pd(a, b);
    mul(a, b) = _mm512_mul_pd(a, b);
    sqrt(a) = _mm512_sqrt_pd(a);
    lesser(a, b) = _mm512_min_pd(a, b);
    greater(a, b) = _mm512_max_pd(a, b);
    where_at_most(a, b, then, other) = _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b), other, then);
}, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd);

operations!(Avx2 of 4 __m256d {
    add(a, b) = _mm256_add_pd(a, b);
    sub(a, b) = _mm256_sub_pd(a, b);
    mul(a, b) = _mm256_mul_pd(a, b);
    sqrt(a) = _mm256_sqrt_pd(a);
    lesser(a, b) = _mm256_min_pd(a, b);
    greater(a, b) = _mm256_max_pd(a, b);
    where_at_most(a, b, then, other) = _mm256_blendv_pd(other, then, _mm256_cmp_pd::<_CMP_LE_OQ>(a, b));
}, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd);
