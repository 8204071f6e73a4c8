//! A row of a table that is looked up in.

/// Four numbers that lie in one line of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(32))]
pub(crate) struct Row(pub(crate) [f64; 4]);
