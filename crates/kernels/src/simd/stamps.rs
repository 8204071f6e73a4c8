//! The stamp that compiles a plain body once per instruction set.

/// Stamps a safe kernel body once per [`Level`](crate::Level) and defines the function that picks one.
///
/// The body must be `#[inline(always)]`, so that it takes on the features of the stamp.
/// This, and the walks of a forest in registers (`forest/avx2.rs`, `forest/avx512.rs`), are the only `unsafe` in the crate.
macro_rules! levels {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? = $body:path;) => {
        $(#[$doc])*
        $vis fn $name(level: $crate::Level, $($arg: $ty),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) $(-> $out)? { $body($($arg),*) }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
            fn avx512($($arg: $ty),*) $(-> $out)? { $body($($arg),*) }

            match level.0 {
                $crate::simd::Isa::Baseline => $body($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Level` holding `Avx2` is only made by `Level::available`, after the CPU reported AVX2.
                $crate::simd::Isa::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of
                // the four features.
                $crate::simd::Isa::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
