//! How large a source's columns are, as far as footers, page headers and dictionaries tell: asked before a run.

use crate::convert::count;
use crate::error::{Thrown, waist};
use napi_derive::napi;
use std::path::Path;

/// The first pages of a column in a row group.
#[napi(object)]
pub struct ColumnPages {
    /// The column, as the file spells it.
    pub column: String,
    /// Bytes of its dictionary and its first data page, decompressed.
    pub bytes: f64,
    /// Bytes of all its pages in the row group, decompressed.
    pub whole: f64,
}

/// How large pages are that a scan of the row group holds at a time, column by column.
#[napi]
pub fn page_sizes(file: String, row_group: u32, rows: i64) -> Result<Vec<ColumnPages>, Thrown> {
    waist(|| {
        let pages = batch_core_parts::page_sizes(Path::new(&file), row_group.into(), count(rows)?)?;
        let records =
            pages.into_iter().map(|p| ColumnPages { column: p.column, bytes: p.bytes as f64, whole: p.whole as f64 });
        Ok(records.collect())
    })
}

/// How large the values of a kept column are.
#[napi(object)]
pub struct KeptSize {
    /// The column, as the file spells it.
    pub column: String,
    /// Columns of the file that it is made of.
    pub leaves: f64,
    /// Bytes of its largest vector of 2,048 rows, flat.
    pub vector: f64,
    /// Bytes of a row of it in the output, before compression.
    pub row: f64,
}

/// How large the values of `columns` are, flat, in a file whose row groups have `rows` rows. Of their dictionaries `look`
/// bytes are looked at.
#[napi]
pub fn kept_sizes(file: String, rows: Vec<i64>, columns: Vec<String>, look: i64) -> Result<Vec<KeptSize>, Thrown> {
    waist(|| {
        let rows = rows.into_iter().map(count).collect::<Result<Vec<_>, _>>()?;
        let sizes = batch_core_parts::kept_sizes(Path::new(&file), &rows, &columns, count(look)?)?;
        let records = sizes.into_iter().map(|s| KeptSize {
            column: s.column,
            leaves: s.leaves as f64,
            vector: s.vector,
            row: s.row,
        });
        Ok(records.collect())
    })
}
