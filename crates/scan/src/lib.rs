//! Row ranges of Parquet files as Arrow batches, read through the DuckDB library that npm ships.
//!
//! A [`Scanner`] is an in-memory DuckDB that runs on its caller's thread and is locked down to a fixed set of files. A
//! [`Scan`] reads a range of rows of one of them, in order, in batches of up to 2,048 rows. Columns of fixed width are
//! not copied: their Arrow buffers are DuckDB's vectors, kept alive by the batch for as long as it needs them. Strings,
//! lists, structs and copied booleans go through DuckDB's own conversion, which copies. [`numeric()`] turns any numeric
//! array into what the kernels read.

mod api;
mod arrow;
mod chunk;
mod columns;
mod database;
mod error;
mod foreign;
mod held;
mod numeric;
mod query;
mod request;
mod scan;
mod select;
mod source;
#[cfg(test)]
mod tests;
mod types;

pub use api::{LIBRARY_VERSION, preload};
pub use held::{Encoding, HeldArray};
pub use numeric::{Numbers, NumericColumn, numeric};
pub use query::Fetch;
pub use request::{ScanRequest, ShiftedDecimal};
pub use scan::{Scan, Scanner, ScannerOptions};
