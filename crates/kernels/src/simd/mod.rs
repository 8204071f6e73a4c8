//! One plain body per kernel, compiled once per instruction set.

#[macro_use]
mod stamps;
mod lanes;
mod level;
#[cfg(target_arch = "x86_64")]
mod registers;
mod row;

pub(crate) use lanes::{LANES, Lanes};
pub(crate) use level::Isa;
pub use level::{Level, LevelError};
#[cfg(target_arch = "x86_64")]
pub(crate) use registers::{Avx2, Avx512, Registers};
pub(crate) use row::Row;
