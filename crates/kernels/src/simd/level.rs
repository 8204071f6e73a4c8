//! Which instruction set a kernel was compiled for.

use std::fmt;
use std::sync::LazyLock;

/// An instruction set this CPU was seen to have.
///
/// A `Level` other than [`Level::BASELINE`] can only be had from [`Level::detect`] or [`Level::available`], so holding
/// one is the proof that the calls made under it are sound. The level changes how fast an answer comes, never the
/// answer: every level performs the same operations in the same order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Level(pub(crate) Isa);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// What the target guarantees: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// With masks in registers of their own, comparing with every edge costs half of what it does under AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// What the target guarantees. Always available; the reference the other levels are tested against.
    pub const BASELINE: Self = Self(Isa::Baseline);

    /// The best level of this CPU, or the one that `BATCH_CORE_LEVEL` names, which reproduces an older machine: `baseline`
    /// always works. The CPU and the environment are asked once per process.
    #[must_use]
    pub fn detect() -> Self {
        static BEST: LazyLock<Level> = LazyLock::new(|| {
            let asked = std::env::var_os("BATCH_CORE_LEVEL");
            let named = Level::available().find(|level| asked.as_deref().is_some_and(|asked| asked == level.name()));
            named.or_else(|| Level::available().last()).unwrap_or(Level::BASELINE)
        });
        *BEST
    }

    /// Every level of this CPU, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            Some(Isa::Baseline),
            #[cfg(target_arch = "x86_64")]
            is_x86_feature_detected!("avx2").then_some(Isa::Avx2),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw"))
            .then_some(Isa::Avx512),
        ]
        .into_iter()
        .flatten()
        .map(Self)
    }

    /// The name people see: `baseline`, `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_comes_first_and_the_detected_level_is_available() {
        assert_eq!(Level::available().next(), Some(Level::BASELINE));
        assert!(Level::available().any(|level| level == Level::detect()));
    }
}
