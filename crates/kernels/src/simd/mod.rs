//! One plain body per kernel, compiled once per instruction set.

#[macro_use]
mod stamps;
mod lanes;
mod level;

pub(crate) use lanes::{LANES, Lanes};
pub(crate) use level::Isa;
pub use level::{Level, LevelError};
