//! Eight `f64` lanes.
//!
//! The count is the same at every level, and no operation fuses a multiply with an add, so every level performs the
//! same roundings in the same order: **results are bit-identical**. Eight is the one count that is fast both where a
//! register holds two doubles and where it holds four.

/// Lanes per step: four SSE2 or NEON registers, two AVX2.
pub(crate) const LANES: usize = 8;

/// Eight doubles, handled by value.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

impl Lanes {
    #[inline(always)]
    pub(crate) fn splat(value: f64) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    pub(crate) fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        for a in &mut self.0 {
            *a = f(*a);
        }
        self
    }

    #[inline(always)]
    pub(crate) fn zip(mut self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = f(*a, *b);
        }
        self
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// The lesser of each pair; `self` where `other` is NaN. Exactly one `minpd`, which `f64::min` is not.
    #[inline(always)]
    pub(crate) fn lesser(self, other: Self) -> Self {
        self.zip(other, |a, b| if b < a { b } else { a })
    }

    /// The greater of each pair; `self` where `other` is NaN.
    #[inline(always)]
    pub(crate) fn greater(self, other: Self) -> Self {
        self.zip(other, |a, b| if b > a { b } else { a })
    }

    /// The sum of the lanes, as a balanced tree.
    ///
    /// Kept out of line, like the other folds: inlined, LLVM mixes it with the caller's loop and the loop stays scalar.
    #[inline(never)]
    pub(crate) fn sum(&self) -> f64 {
        self.fold(|a, b| a + b)
    }

    /// The least of the lanes. No lane may be NaN.
    #[inline(never)]
    pub(crate) fn least(&self) -> f64 {
        self.fold(|a, b| if b < a { b } else { a })
    }

    /// The greatest of the lanes. No lane may be NaN.
    #[inline(never)]
    pub(crate) fn greatest(&self) -> f64 {
        self.fold(|a, b| if b > a { b } else { a })
    }

    fn fold(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        let mut lanes = self.0;
        let mut width = LANES / 2;
        while width > 0 {
            let (low, high) = lanes.split_at_mut(width);
            for (a, b) in low.iter_mut().zip(high) {
                *a = f(*a, *b);
            }
            width /= 2;
        }
        lanes[0]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    #[test]
    fn folds_see_every_lane() {
        let lanes = Lanes([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0, 6.0]);
        assert_eq!((lanes.sum(), lanes.least(), lanes.greatest()), (19.0, -5.0, 9.0));
    }

    #[test]
    fn nan_never_wins() {
        let (one, nan) = (Lanes::splat(1.0), Lanes::splat(f64::NAN));
        assert_eq!(one.lesser(nan).0, one.0);
        assert_eq!(one.greater(nan).0, one.0);
    }
}
