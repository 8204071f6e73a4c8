//! How a part is laid out as Parquet: everything here enters the bytes.

use arrow_schema::{DataType, Field, Schema};
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// Written in place of the library's name and version: an upgrade must not change the bytes of a resumed job.
pub(crate) const CREATED_BY: &str = "batch-core";

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard at a level of 1..=22.
    Zstd(i32),
    /// Snappy.
    Snappy,
    /// Not at all.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

/// How a part is written. All of it but `durable` decides the bytes.
#[derive(Clone, Debug)]
pub struct PartOptions {
    /// The codec of every page.
    pub compression: Compression,
    /// Rows of a row group; the last one of a part may be shorter.
    pub row_group_rows: usize,
    /// Key-value metadata, in this order.
    pub metadata: Vec<(String, String)>,
    /// False leaves out every fsync: for benches only.
    pub durable: bool,
}

impl Default for PartOptions {
    fn default() -> Self {
        Self { compression: Compression::default(), row_group_rows: 131_072, metadata: Vec::new(), durable: true }
    }
}

/// The writer properties of a part of `schema`.
pub(crate) fn properties(schema: &Schema, options: &PartOptions) -> Result<WriterProperties, String> {
    let codec = match options.compression {
        Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level).map_err(|e| e.to_string())?),
        Compression::Snappy => Codec::SNAPPY,
        Compression::None => Codec::UNCOMPRESSED,
    };
    if options.row_group_rows == 0 {
        return Err("a row group needs rows".into());
    }
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.into())
        .set_compression(codec)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(options.row_group_rows));
    for field in schema.fields() {
        builder = column(builder, vec![field.name().clone()], field);
    }
    Ok(builder.build())
}

/// Kept text repeats, so it gets a dictionary. The columns that every part has are not the library's business: see
/// module `encode`.
fn column(builder: WriterPropertiesBuilder, path: Vec<String>, field: &Field) -> WriterPropertiesBuilder {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            builder.set_column_dictionary_enabled(ColumnPath::new(path), true)
        }
        DataType::List(item) | DataType::LargeList(item) => {
            let path = [path, vec!["list".into(), item.name().clone()]].concat();
            column(builder, path, item)
        }
        DataType::Struct(fields) => fields.iter().fold(builder, |builder, child| {
            column(builder, [path.clone(), vec![child.name().clone()]].concat(), child)
        }),
        _ => builder,
    }
}

/// The metadata of a file in Parquet's own type.
pub(crate) fn key_values(metadata: &[(String, String)]) -> impl Iterator<Item = KeyValue> + '_ {
    metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
}
