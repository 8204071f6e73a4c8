//! An output that parts are copied into: their pages as they are, and what is told of them moved to where they lie now.

use super::footer::Footer;
use super::stored::Part;
use crate::digest::MAGIC;
use crate::error::{self, At, Result};
use crate::layout::key_values;
use crate::receipt::PartReceipt;
use crate::sink::Sink;
use batch_core_error::Code;
use crc32fast::Hasher;
use parquet::errors::ParquetError;
use parquet::file::metadata::page_index::PageIndexBuilder;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, RowGroupMetaData};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What is copied at a time: as much as goes through the sink uncopied.
const BUFFER_BYTES: usize = 1 << 18;

/// An output being written.
#[derive(Debug)]
pub(super) struct Output {
    sink: Sink,
    footer: Footer,
    first: PathBuf,
    arrow: Option<KeyValue>,
    buffer: Vec<u8>,
}

impl Output {
    /// Begins a file of the schema of `part`.
    pub(super) fn begin(mut sink: Sink, part: &Part<'_>) -> Result<Self> {
        sink.write_all(&MAGIC).at("write", sink.path())?;
        let footer = Footer::new(part.metadata.file_metadata().schema_descr_ptr());
        let (first, arrow) = (part.path.into(), part.arrow.clone());
        Ok(Self { sink, footer, first, arrow, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Copies the row groups of `part`, asking `check` before each, and adds the CRC-32 of the pages of each to `checksums`.
    pub(super) fn append(
        &mut self,
        part: &Part<'_>,
        checksums: &mut Vec<u32>,
        check: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let schema = part.metadata.file_metadata().schema_descr();
        if **self.footer.schema() != *schema || self.arrow != part.arrow {
            let reason = format_args!("its schema is not that of {}", self.first.display());
            return Err(error::data(part.path, reason));
        }
        let count = part.metadata.num_row_groups();
        let mut groups = Vec::with_capacity(count);
        let mut indexes = PageIndexBuilder::new(count, schema.num_columns());
        for index in 0..count {
            check()?;
            let mut checksum = Hasher::new();
            groups.push(self.copy_row_group(part, index, &mut indexes, &mut checksum)?);
            checksums.push(checksum.finalize());
        }
        self.footer.append(part.path, groups, indexes.build())
    }

    /// Copies the pages of a row group, and tells of it as of one of the output.
    fn copy_row_group(
        &mut self,
        part: &Part<'_>,
        index: usize,
        indexes: &mut PageIndexBuilder,
        checksum: &mut Hasher,
    ) -> Result<RowGroupMetaData> {
        let group = part.metadata.row_group(index);
        let begin = self.sink.position();
        let mut columns = Vec::with_capacity(group.num_columns());
        for (place, column) in group.columns().iter().enumerate() {
            let to = self.sink.position();
            self.copy(part, column, checksum)?;
            let moved = Move { from: column.byte_range().0, to };
            let told = moved.column(column).and_then(|column| {
                columns.push(column);
                moved.indexes(part, index, place, indexes)
            });
            told.map_err(|e| error::parquet("append", part.path, e, Code::Data))?;
        }
        RowGroupMetaData::builder(self.footer.schema().clone())
            .set_total_byte_size(columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum())
            .set_column_metadata(columns)
            .set_num_rows(group.num_rows())
            .set_file_offset(begin.cast_signed())
            .build()
            .map_err(|e| error::parquet("append", part.path, e, Code::Data))
    }

    /// Copies the pages of a column of a row group.
    fn copy(&mut self, part: &Part<'_>, column: &ColumnChunkMetaData, checksum: &mut Hasher) -> Result<()> {
        let (begin, mut left) = column.byte_range();
        let mut file = &part.file;
        let read = |e| error::read("append", part.path, e);
        file.seek(SeekFrom::Start(begin)).map_err(read)?;
        while left > 0 {
            let now = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            let bytes = &mut self.buffer[..now];
            file.read_exact(bytes).map_err(read)?;
            checksum.update(bytes);
            self.sink.write_all(bytes).at("write", self.sink.path())?;
            left -= now as u64;
        }
        Ok(())
    }

    /// Writes the footer and puts all of it on the disk, under the temporary name.
    pub(super) fn finish(mut self, metadata: &[(String, String)]) -> Result<PartReceipt> {
        let rows = self.footer.rows();
        let pairs = self.arrow.into_iter().chain(key_values(metadata)).collect();
        self.footer.write(&mut self.sink, pairs)?;
        let (bytes, sha256) = self.sink.stage()?;
        Ok(PartReceipt { rows, bytes, sha256 })
    }
}

/// From where in a part to where in the output the pages of a column go.
struct Move {
    from: u64,
    to: u64,
}

impl Move {
    fn offset(&self, offset: i64) -> Result<i64, ParquetError> {
        let moved = self.to.cast_signed().checked_sub(self.from.cast_signed()).and_then(|by| offset.checked_add(by));
        moved.ok_or_else(|| ParquetError::General("a page lies outside of the file".into()))
    }

    /// What the output says of a column: all that a part of ours says. What else there may be (bloom filters, names of
    /// files) is not copied.
    fn column(&self, column: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData, ParquetError> {
        let dictionary = column.dictionary_page_offset().map(|offset| self.offset(offset)).transpose()?;
        let mut builder = ColumnChunkMetaData::builder(column.column_descr_ptr())
            .set_compression_codec(column.compression_codec())
            .set_encodings_mask(*column.encodings_mask())
            .set_total_compressed_size(column.compressed_size())
            .set_total_uncompressed_size(column.uncompressed_size())
            .set_num_values(column.num_values())
            .set_data_page_offset(self.offset(column.data_page_offset())?)
            .set_dictionary_page_offset(dictionary)
            .set_unencoded_byte_array_data_bytes(column.unencoded_byte_array_data_bytes())
            .set_repetition_level_histogram(column.repetition_level_histogram().cloned())
            .set_definition_level_histogram(column.definition_level_histogram().cloned());
        if let Some(statistics) = column.statistics() {
            builder = builder.set_statistics(statistics.clone());
        }
        if let Some(statistics) = column.geo_statistics() {
            builder = builder.set_geo_statistics(Box::new(statistics.clone()));
        }
        if let Some(statistics) = column.page_encoding_stats() {
            builder = builder.set_page_encoding_stats(statistics.clone());
        }
        builder.build()
    }

    /// Adds the page indexes of a column of the row group `index`.
    fn indexes(
        &self,
        part: &Part<'_>,
        index: usize,
        place: usize,
        into: &mut PageIndexBuilder,
    ) -> Result<(), ParquetError> {
        let Some(pages) = part.metadata.page_index() else { return Ok(()) };
        if let Some(column_index) = pages.column_index(index, place) {
            into.put_column_index(column_index.clone(), index, place);
        }
        if let Some(mut offset_index) = pages.offset_index(index, place).cloned() {
            for location in &mut offset_index.page_locations {
                location.offset = self.offset(location.offset)?;
            }
            into.put_offset_index(offset_index, index, place);
        }
        Ok(())
    }
}
