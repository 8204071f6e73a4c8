//! What JavaScript sends, as what Rust takes.

use crate::error::failure;
use batch_core_chunk::ChunkError;

/// A count, as JavaScript sends it.
pub(crate) fn count(number: i64) -> Result<u64, ChunkError> {
    u64::try_from(number).map_err(|_| failure("BUG", format!("{number} is no count")))
}

/// Pairs of a key and a value.
pub(crate) fn pairs(list: Vec<Vec<String>>) -> Result<Vec<(String, String)>, ChunkError> {
    list.into_iter()
        .map(|pair| match <[String; 2]>::try_from(pair) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => Err(failure("BUG", "metadata comes in pairs")),
        })
        .collect()
}
