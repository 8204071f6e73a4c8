//! What JavaScript sends, as what Rust takes.

use batch_core_error::Error;

/// A count, as JavaScript sends it.
pub(crate) fn count(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::bug(format!("{number} is no count")))
}

/// Pairs of a key and a value.
pub(crate) fn pairs(list: Vec<Vec<String>>) -> Result<Vec<(String, String)>, Error> {
    list.into_iter()
        .map(|pair| match <[String; 2]>::try_from(pair) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => Err(Error::bug("metadata comes in pairs")),
        })
        .collect()
}
