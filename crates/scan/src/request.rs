//! What a scan is asked for.

use std::path::PathBuf;

/// A decimal of more than 38 digits whose bytes do not fill words of eight: DuckDB 1.5 makes it a double word by word and
/// takes the bytes of the last word for its upper ones, so that its digits come multiplied by two to the `bits`; those of a
/// negative one are complemented first and 1 is added after, at the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftedDecimal {
    /// The column, by the name DuckDB gives it.
    pub column: String,
    /// By how many bits it is shifted: 8 to 56.
    pub bits: u32,
    /// Digits behind the point.
    pub scale: u32,
}

/// Which rows of which columns of which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRequest {
    /// One of the scanner's files.
    pub file: PathBuf,
    /// Columns for the kernels, by the exact names DuckDB gives them: it numbers names that differ in case only.
    pub columns: Vec<String>,
    /// Columns of any type to carry along, after the others.
    pub copied: Vec<String>,
    /// Those of them that DuckDB shifts; they are put right.
    pub shifted: Vec<ShiftedDecimal>,
    /// The number in the file of the first row.
    pub first_row: u64,
    /// How many rows; a scan that delivers another number fails, but for one with a condition.
    pub rows: u64,
    /// Of those rows only the ones of which this SQL expression is true, each with its number in the file: a column of `Int64`
    /// after all others.
    pub condition: Option<String>,
}
