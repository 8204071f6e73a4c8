//! What a Parquet footer declares, from bytes that JavaScript read.

use crate::convert::count;
use crate::error::{Thrown, waist};
use batch_core_parts::footer_facts;
use napi::bindgen_prelude::{Buffer, Float64Array};
use napi_derive::napi;
use std::path::Path;

/// What a footer declares, checked against the size of its file.
#[napi(object)]
pub struct FooterFacts {
    /// Its digest, in hexadecimal.
    pub sha256: String,
    /// Rows of the file.
    pub rows: f64,
    /// Of each row group its rows, and the compressed bytes of all its columns.
    pub row_groups: Float64Array,
    /// Where in the footer the schema begins and ends.
    pub schema: Vec<u32>,
    /// The columns of the table.
    pub columns: Vec<FooterColumn>,
    /// Whether all columns are to DuckDB what is said here, under the same names.
    pub plain: bool,
    /// Of each column with an extent, of each row group that has rows: its cells, the least and the greatest.
    pub extents: Float64Array,
}

/// A column of the table.
#[napi(object)]
pub struct FooterColumn {
    /// Its name in the file.
    pub name: String,
    /// Its DuckDB type, where that is plain.
    #[napi(js_name = "type")]
    pub kind: Option<String>,
    /// What the statistics claim of it.
    pub extent: Option<FooterExtent>,
    /// The decimal that it is or holds, and that DuckDB misreads.
    pub misread: Option<MisreadDecimal>,
    /// Nanoseconds with a time zone, which DuckDB reads in microseconds.
    pub coarse: bool,
}

/// The least and the greatest cell of a column, as claimed.
#[napi(object)]
pub struct FooterExtent {
    /// Infinity where there is none.
    pub low: f64,
    /// Minus infinity where there is none.
    pub high: f64,
    /// Of whole numbers of 64 bits and more: up to two ends that differ, in decimal digits.
    pub integers: Option<Vec<String>>,
}

/// A decimal that DuckDB misreads.
#[napi(object)]
pub struct MisreadDecimal {
    /// What the file says it is.
    #[napi(js_name = "type")]
    pub kind: String,
    /// By what that can be put right, where it can.
    pub shifted: Option<ShiftedDecimal>,
}

/// A decimal that DuckDB shifts.
#[napi(object)]
pub struct ShiftedDecimal {
    /// By how many bits to the left.
    pub bits: u32,
    /// Its digits behind the point.
    pub scale: u32,
}

/// What the footer `bytes` of the file at `path`, of `size` bytes, declare; `path` is for words alone.
#[napi(js_name = "footerFacts")]
pub fn facts_of_footer(bytes: Buffer, path: String, size: i64) -> Result<FooterFacts, Thrown> {
    waist(|| {
        let facts = footer_facts(&bytes, count(size)?, Path::new(&path))?;
        let mut extents = Vec::new();
        let columns = facts.columns.into_iter().map(|column| converted(column, &mut extents)).collect();
        let row_groups: Vec<f64> = facts.row_groups.iter().flat_map(|group| [group.rows, group.bytes]).collect();
        // A footer has less than 2^32 bytes: its file says its length in 32 bits.
        let schema = [facts.schema.start, facts.schema.end].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        Ok(FooterFacts {
            sha256: facts.sha256,
            rows: facts.rows,
            row_groups: row_groups.into(),
            schema: schema.into(),
            columns,
            plain: facts.plain,
            extents: extents.into(),
        })
    })
}

/// The column; the row groups of its extent are added to `extents`.
fn converted(column: batch_core_parts::FooterColumn, extents: &mut Vec<f64>) -> FooterColumn {
    FooterColumn {
        name: column.name,
        kind: column.kind.map(Into::into),
        extent: column.extent.map(|mut extent| {
            extents.append(&mut extent.groups);
            let integers = extent.whole.map(|whole| whole.iter().map(ToString::to_string).collect());
            FooterExtent { low: extent.low, high: extent.high, integers }
        }),
        misread: column.misread.map(|decimal| MisreadDecimal {
            shifted: decimal.shifted.map(|(bits, scale)| ShiftedDecimal { bits, scale }),
            kind: decimal.name,
        }),
        coarse: column.coarse,
    }
}
