//! The stamp that compiles a plain body once per instruction set.

/// Stamps a safe kernel body once per [`Level`](crate::Level) and defines the function that picks one.
///
/// The body must be `#[inline(always)]`, so that it takes on the features of the stamp.
/// This, `registers!` below with `simd/registers.rs`, and the walks of a forest in registers (`forest/avx2.rs`, `forest/avx512.rs`,
/// `forest/oblique/avx512.rs`), are the only `unsafe` in the crate.
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

/// Stamps a body that is generic over [`Registers`](crate::simd::Registers) once per kind, and defines the function that picks one: it
/// answers false at a level without such registers, and has done nothing.
///
/// The body must be `#[inline(always)]`, so that it takes on the features of the stamp; it is named only where there are such registers.
macro_rules! registers {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:path;) => {
        $(#[$doc])*
        $vis fn $name(level: $crate::Level, $($arg: $ty),*) -> bool {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) {
                // SAFETY: this is only called where there is AVX2.
                $body(unsafe { $crate::simd::Avx2::new() }, $($arg),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
            fn avx512($($arg: $ty),*) {
                // SAFETY: this is only called where there are these four features.
                $body(unsafe { $crate::simd::Avx512::new() }, $($arg),*);
            }

            #[cfg(not(target_arch = "x86_64"))]
            {
                $(let _ = $arg;)*
            }
            match level.0 {
                $crate::simd::Isa::Baseline => false,
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx2 => {
                    // SAFETY: a `Level` holding `Avx2` is only made by `Level::available`, after the CPU reported AVX2.
                    unsafe { avx2($($arg),*) };
                    true
                }
                #[cfg(target_arch = "x86_64")]
                $crate::simd::Isa::Avx512 => {
                    // SAFETY: a `Level` holding `Avx512` is only made by `Level::available`, after the CPU reported each of
                    // the four features.
                    unsafe { avx512($($arg),*) };
                    true
                }
            }
        }
    };
}
