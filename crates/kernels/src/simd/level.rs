//! Which instruction set a kernel was compiled for.

use std::error::Error;
use std::ffi::OsStr;
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

    /// The best level of this CPU. The CPU is asked once per process.
    #[must_use]
    pub fn detect() -> Self {
        static BEST: LazyLock<Level> = LazyLock::new(|| Level::available().last().unwrap_or(Level::BASELINE));
        *BEST
    }

    /// The level that the environment names as `BATCH_CORE_LEVEL`, which reproduces an older machine; the best one where
    /// it names none. The environment is asked once per process.
    ///
    /// # Errors
    /// When it names what this CPU has not.
    pub fn from_environment() -> Result<Self, LevelError> {
        static ASKED: LazyLock<Result<Level, LevelError>> = LazyLock::new(|| match std::env::var_os(VARIABLE) {
            Some(asked) if !asked.is_empty() => Level::named(&asked),
            _ => Ok(Level::detect()),
        });
        ASKED.clone()
    }

    fn named(name: &OsStr) -> Result<Self, LevelError> {
        let named = Self::available().find(|level| name == level.name());
        named.ok_or_else(|| LevelError { asked: name.to_string_lossy().into_owned() })
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

/// The environment variable that names a level.
const VARIABLE: &str = "BATCH_CORE_LEVEL";

/// A level was asked for that this CPU has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelError {
    asked: String,
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Level::available().map(Level::name).collect();
        write!(f, "{VARIABLE} is {:?}; this CPU has {}", self.asked, names.join(", "))
    }
}

impl Error for LevelError {}

impl From<LevelError> for batch_core_error::Error {
    fn from(error: LevelError) -> Self {
        Self::config(error.to_string())
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

    #[test]
    fn a_level_is_found_by_its_name_and_a_typo_is_told_the_names() {
        for level in Level::available() {
            assert_eq!(Level::named(OsStr::new(level.name())), Ok(level));
        }
        let refused = Level::named(OsStr::new("axv2")).unwrap_err().to_string();
        assert!(refused.starts_with("BATCH_CORE_LEVEL is \"axv2\"; this CPU has baseline"), "{refused}");
    }
}
